"""The balance behind each row proves amounts and signs: each is the one before it and what moved between. Pure.

Lists stand oldest first or newest first; a balance may stand on some rows only (at the end of a day). What does not
follow is told with its line; rows that would all follow with the other sign say that the sign is read wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.core.money import to_text
from app.integrations.bank_csv.rows import RowRead


@dataclass(frozen=True, slots=True)
class Break:
    """A balance that does not follow: its row, and what it should be. `sign`: it would with the other sign."""

    row: RowRead
    expected_minor: int
    sign: bool

    @property
    def detail(self) -> str:
        """For a person."""
        found = to_text(self.row.balance_minor or 0, self.row.currency)
        expected = to_text(self.expected_minor, self.row.currency)
        if self.sign:
            return f"the balance {found} follows only when money goes the other way: the sign is read wrongly"
        return (
            f"the balance {found} does not follow, it should be {expected}; rows are missing or sorted otherwise,"
            " or an amount is read wrongly (balance_breaks `note` loads the file all the same)"
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """What the balances of one account say. `links`: how many follow; opening and closing where they are stated."""

    newest_first: bool
    links: int
    first_break: Break | None
    opening_minor: int | None = None
    closing_minor: int | None = None


def chain(rows: Sequence[RowRead]) -> Chain:
    """The balances of one account and currency, in the order of the file."""
    if not any(row.balance_minor is not None for row in rows):
        return Chain(False, 0, None)
    directions = _directions(rows)
    readings = [_follow(_ordered(rows, newest), newest) for newest in directions]
    best = max(readings, key=lambda found: (found.first_break is None, found.links))
    if best.first_break is None or best.first_break.sign:
        return best
    for newest_first in directions:
        ordered = _ordered(rows, newest_first)
        wrong = _follow(ordered, newest_first, factor=-1)
        if wrong.first_break is None and wrong.links:
            return Chain(newest_first, best.links, _sign_break(ordered))
    return best


def _directions(rows: Sequence[RowRead]) -> tuple[bool, ...]:
    """Oldest first (False), newest first (True), or both where the days do not tell."""
    days = [day for row in rows if (day := row.booking_date or row.value_date) is not None]
    pairs = list(pairwise(days))
    rises, falls = any(one < two for one, two in pairs), any(one > two for one, two in pairs)
    return (False, True) if rises == falls else (falls,)


def _ordered(rows: Sequence[RowRead], newest_first: bool) -> list[RowRead]:
    return list(reversed(rows)) if newest_first else list(rows)


def _follow(ordered: list[RowRead], newest_first: bool, *, factor: int = 1) -> Chain:
    """Walk from the oldest row to the newest."""
    opening = balance = None
    moved = links = 0
    first_break = None
    turned = 0  # what the last row with an amount would move if its sign were the other one
    for row in ordered:
        step = factor * row.moved_minor
        moved += step
        turned = step or turned
        if row.balance_minor is None:
            continue
        if balance is None:
            opening = row.balance_minor - moved
        elif balance + moved == row.balance_minor:
            links += 1
        elif first_break is None:
            sign = bool(turned) and balance + moved - 2 * turned == row.balance_minor
            first_break = Break(row, balance + moved, sign)
        balance, moved = row.balance_minor, 0
    closing = None if balance is None else balance + moved
    return Chain(newest_first, links, first_break, opening, closing)


def _sign_break(ordered: list[RowRead]) -> Break:
    """The first row whose balance only follows with the other sign."""
    balance = None
    moved = 0
    for row in ordered:
        moved += row.moved_minor
        if row.balance_minor is None:
            continue
        if balance is not None and balance + moved != row.balance_minor:
            return Break(row, balance + moved, True)
        balance, moved = row.balance_minor, 0
    row = ordered[-1]
    return Break(row, row.balance_minor or 0, True)
