"""Measures of legal entities at two times: the balance kept at the last close, plus what happened since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.infra.database import ReadSession
from app.ledger import queries
from app.ledger.rules import CREDITS, DEBITS, SUBLEDGER
from app.ledger.subledger import BEFORE_ALL, subledger_sums
from app.ledger.two_times import Times

Values = dict[tuple[UUID, str], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Balances:
    """Measures (see `ledger/rules.py`) by legal entity and currency, and through which day they come from a close."""

    values: Values
    stored_through: dict[UUID, date] = field(default_factory=dict)


async def balances_at(
    session: ReadSession,
    legal_entity_ids: Sequence[UUID],
    times: Times,
    *,
    subledger: bool = True,
    full: bool = False,
) -> Balances:
    """Journal sums, and with `subledger` those of the documents too, in minor units; `full` ignores stored balances."""
    await session.driver.execute("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '64MB'")
    values: defaultdict[tuple[UUID, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    windows = dict.fromkeys(legal_entity_ids, BEFORE_ALL)
    stored_through: dict[UUID, date] = {}
    for row in [] if full else await queries.stored_balances(session, legal_entity_ids, times):
        stored_through[row["legal_entity_id"]] = row["closed_through"]
        if subledger or row["measure"] not in SUBLEDGER:
            values[row["legal_entity_id"], row["currency"]][row["measure"]] += row["balance_minor"]
    windows.update(stored_through)
    for row in await queries.journal_sums(session, windows, times):
        of = values[row["legal_entity_id"], row["currency"]]
        of[DEBITS + row["debit_account"]] += int(row["minor"])
        of[CREDITS + row["credit_account"]] += int(row["minor"])
    if subledger:
        for row in await subledger_sums(session, windows, times, full=full):
            values[row["legal_entity_id"], row["currency"]][row["measure"]] += int(row["minor"])
    return Balances({key: dict(measures) for key, measures in values.items()}, stored_through)
