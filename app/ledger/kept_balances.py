"""Keep the balances of a closed period, so that reports over it need not add its rows up again.

Added up after the close, in a snapshot of their own: what is dated in the period cannot change, unless it is reopened,
and then they are not kept. They serve reports that may see everything recorded before they were kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.ledger import queries
from app.ledger.balances import Balances, balances_at
from app.ledger.rules import SUBLEDGER, ProofLine, proof_line
from app.ledger.two_times import Times

JOB_KIND = "period_balances"  # its key is the id of the close
SECONDS_MAX = 3_600


@dataclass(frozen=True, slots=True)
class ClosedBalances:
    """What a close found: rows of (currency, measure, minor), and the proof of the closed periods."""

    close_id: UUID
    legal_entity_id: UUID
    closed_through: date
    rows: tuple[tuple[str, str, int], ...]
    lines: tuple[ProofLine, ...]

    @property
    def holds(self) -> bool:
        """True when documents and journal agree at the end of the closed period."""
        return all(line.holds for line in self.lines)


async def keep_period_balances(database: Database, organization_id: UUID, close_id: UUID) -> ClosedBalances | None:
    """Add up and keep the balances of a close, in two transactions; safe to repeat.

    None when there is nothing to keep: the close is unknown, was reopened since, or has its balances.
    """
    async with database.read(organization_id, snapshot=True) as session:
        found = await sum_closed_period(session, close_id)
    if found is None:
        return None
    async with database.write(organization_id, SYSTEM) as session:
        return found if await keep_balances(session, found) else None


async def sum_closed_period(session: ReadSession, close_id: UUID) -> ClosedBalances | None:
    """The balances at the end of the closed period, or None when nothing is to be kept. The session is a snapshot."""
    close = await queries.find_close_to_keep(session, close_id)
    if close is None:
        return None
    await session.driver.execute(f"SET LOCAL statement_timeout = '{SECONDS_MAX}s'")
    entity_id, through = close["legal_entity_id"], close["closed_through"]
    found = await balances_at(session, [entity_id], Times(through))
    lines = tuple(proof_line(entity, currency, measures) for (entity, currency), measures in found.values.items())
    return ClosedBalances(close_id, entity_id, through, tuple(_rows(found, close["base_currency"])), lines)


async def keep_balances(session: WriteSession, found: ClosedBalances) -> bool:
    """Write the balances unless the period was reopened meanwhile. A difference stands in the change log."""
    await queries.lock_legal_entity(session, found.legal_entity_id)  # reopening waits, or is seen
    if await queries.find_close_to_keep(session, found.close_id) is None:
        return False
    await queries.insert_period_balances(session, found.legal_entity_id, found.closed_through, found.rows)
    differences = {line.currency: line.difference for line in found.lines if not line.holds}
    after = {"closed_through": found.closed_through, "proof_holds": found.holds, "differences_minor": differences}
    record_change(
        session,
        ChangeRow("legal_entity", found.legal_entity_id, "period.balances_kept", None, after, found.closed_through),
    )
    return True


def _rows(found: Balances, base_currency: str) -> Iterable[tuple[str, str, int]]:
    """Never none, so that a legal entity without any posting has a balance (of nothing) too."""
    kept = {(base_currency, measure): 0 for measure in SUBLEDGER}
    for (_, currency), measures in found.values.items():
        kept |= {(currency, measure): minor for measure, minor in measures.items()}
    return [(currency, measure, minor) for (currency, measure), minor in sorted(kept.items())]
