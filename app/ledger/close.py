"""Close the periods of a legal entity, and open them again.

Whoever closes must be alone: the transaction is begun with the organization's period lock for itself
(`Database.write(exclusive_period=True)`), so that no posting is under way that checked the old date. At the close the
balances are kept, so that reports over closed periods need not add them up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.ledger import queries
from app.ledger.balances import Balances, balances_at
from app.ledger.errors import PeriodClosedAlready, PeriodNotOver, PeriodOpenAlready
from app.ledger.posting import forget_legal_entity
from app.ledger.rules import SUBLEDGER, ProofLine, proof_line
from app.ledger.two_times import Times


@dataclass(frozen=True, slots=True)
class Closed:
    """The id of the recorded close, and the proof of what was closed."""

    id: UUID
    lines: tuple[ProofLine, ...]

    @property
    def holds(self) -> bool:
        """True when documents and journal agree at the end of the closed period."""
        return all(line.holds for line in self.lines)


async def close_period(
    session: WriteSession,
    legal_entity_id: UUID,
    closed_through: date,
    *,
    today: date,
    reason: str | None = None,
    expected_version: int | None = None,
) -> Closed:
    """Refuse from now on what is dated on or before `closed_through`, and keep the balances of that day.

    A difference in the proof does not stop the close; it is returned, and stands in the change log.
    Raises LegalEntityUnknown, StaleVersion, PeriodNotOver, PeriodClosedAlready.
    """
    await _require_alone(session)
    entity = await queries.lock_legal_entity(session, legal_entity_id)
    check_version(expected_version, entity["version"])
    before = entity["closed_through"]
    if closed_through >= today:
        detail = f"{closed_through} has not ended; a period can be closed from the day after"
        raise PeriodNotOver(detail, pointer="/closed_through")
    if before is not None and closed_through <= before:
        detail = f"the periods of {entity['code']} are closed through {before} already"
        raise PeriodClosedAlready(detail, pointer="/closed_through", closed_through=before.isoformat())
    found = await balances_at(session, [legal_entity_id], Times(closed_through))
    await queries.set_closed_through(session, legal_entity_id, closed_through)
    forget_legal_entity(session, legal_entity_id)
    rows = _kept(found, entity["base_currency"])
    await queries.insert_period_balances(session, legal_entity_id, closed_through, rows)
    close_id = await queries.insert_period_close(session, legal_entity_id, "close", closed_through, reason)
    lines = tuple(proof_line(entity_id, currency, values) for (entity_id, currency), values in found.values.items())
    differences = {line.currency: line.difference for line in lines if not line.holds}
    after: dict[str, object] = {"closed_through": closed_through}
    if differences:
        after["differences_minor"] = differences
    _record(session, legal_entity_id, "period.closed", before, after, closed_through, reason)
    return Closed(close_id, lines)


async def reopen_period(
    session: WriteSession,
    legal_entity_id: UUID,
    closed_through: date | None,
    *,
    reason: str,
    expected_version: int | None = None,
) -> UUID:
    """Open the periods after `closed_through` again (None: all of them); their kept balances are valid no more.

    Returns the id of the recorded reopening. Raises LegalEntityUnknown, StaleVersion, PeriodOpenAlready.
    """
    await _require_alone(session)
    entity = await queries.lock_legal_entity(session, legal_entity_id)
    check_version(expected_version, entity["version"])
    before = entity["closed_through"]
    if before is None or (closed_through is not None and closed_through >= before):
        detail = f"the periods of {entity['code']} are open already" + (f" after {before}" if before else "")
        raise PeriodOpenAlready(detail, pointer="/closed_through")
    await queries.set_closed_through(session, legal_entity_id, closed_through)
    forget_legal_entity(session, legal_entity_id)
    await queries.supersede_period_balances(session, legal_entity_id, closed_through)
    close_id = await queries.insert_period_close(session, legal_entity_id, "reopen", closed_through, reason)
    _record(session, legal_entity_id, "period.reopened", before, {"closed_through": closed_through}, before, reason)
    return close_id


async def _require_alone(session: WriteSession) -> None:
    if not await queries.holds_period_alone(session):
        raise RuntimeError("a period is closed or reopened in a transaction begun with exclusive_period=True")


def _kept(found: Balances, base_currency: str) -> list[tuple[str, str, int]]:
    """Rows to keep; never none, so that a legal entity without any posting has a balance (of nothing) too."""
    kept = {(base_currency, measure): 0 for measure in SUBLEDGER}
    for (_, currency), measures in found.values.items():
        kept |= {(currency, measure): minor for measure, minor in measures.items()}
    return [(currency, measure, minor) for (currency, measure), minor in sorted(kept.items())]


def _record(
    session: WriteSession,
    legal_entity_id: UUID,
    event: str,
    before: date | None,
    after: dict[str, object],
    effective_date: date,
    reason: str | None,
) -> None:
    change = ChangeRow(
        "legal_entity", legal_entity_id, event, {"closed_through": before}, after, effective_date, reason
    )
    record_change(session, change)
