"""Cash of a payer that is left for the accounts below it in its group. Pure: what is owed and what lies about in.

Members of a group may pay for each other, and a parent pays for its children: while its cash is not applied, nobody
knows for which of them it came. So what the payer does not need for what it owes itself is counted for what is due
below it, the oldest first, and of several payers that of the nearest. An account's own money goes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.dunning.planning import Purse

Purses = Mapping[UUID, Mapping[Purse, int]]
"""By account: minor units by legal entity and currency."""


@dataclass(frozen=True, slots=True)
class Need:
    """An instalment that is due: what may be asked for of it, in minor units."""

    account_id: UUID
    instalment_id: UUID
    purse: Purse
    due_date: date
    minor: int


def lend(needs: Sequence[Need], cash: Purses, credits: Purses, payers: Mapping[UUID, Sequence[UUID]]) -> Purses:
    """How much of its payers' cash is left for each account. `payers`: those above each account, the nearest first."""
    left = {(account_id, purse): minor for account_id, by in cash.items() for purse, minor in by.items()}
    owed = {(account_id, purse): minor for account_id, by in credits.items() for purse, minor in by.items()}
    ordered = sorted(needs, key=lambda need: (need.due_date, need.instalment_id))
    wanted = []
    for need in ordered:
        key = (need.account_id, need.purse)
        minor = need.minor - _take(left, key, need.minor)
        minor -= _take(owed, key, minor)
        wanted.append(minor)
    found: dict[UUID, dict[Purse, int]] = {}
    for need, minor in zip(ordered, wanted, strict=True):
        for payer_id in payers.get(need.account_id, ()):
            lent = _take(left, (payer_id, need.purse), minor)
            minor -= lent
            if lent:
                mine = found.setdefault(need.account_id, {})
                mine[need.purse] = mine.get(need.purse, 0) + lent
    return found


def _take(purses: dict[tuple[UUID, Purse], int], key: tuple[UUID, Purse], wanted: int) -> int:
    taken = min(max(0, wanted), purses.get(key, 0))
    if taken:
        purses[key] -= taken
    return taken
