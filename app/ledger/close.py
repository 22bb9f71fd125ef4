"""Close the periods of a legal entity, and open them again.

Whoever closes must be alone: the transaction is begun with the organization's period lock for itself
(`Database.write(exclusive_period=True)`), so that no posting is under way that checked the old date. It only moves the
date, in milliseconds, for everybody else waits meanwhile. The balances of the closed periods are added up afterwards,
by a job (`kept_balances.py`): what is dated in a closed period cannot change any more.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.infra.versions import check_version
from app.ledger import queries
from app.ledger.errors import PeriodClosedAlready, PeriodNotOver, PeriodOpenAlready
from app.ledger.kept_balances import JOB_KIND
from app.ledger.posting import forget_legal_entity


async def close_period(
    session: WriteSession,
    legal_entity_id: UUID,
    closed_through: date,
    *,
    today: date,
    reason: str | None = None,
    expected_version: int | None = None,
) -> UUID:
    """Refuse from now on what is dated on or before `closed_through`. Returns the id of the recorded close.

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
    await queries.set_closed_through(session, legal_entity_id, closed_through)
    forget_legal_entity(session, legal_entity_id)
    close_id = await queries.insert_period_close(session, legal_entity_id, "close", closed_through, reason)
    _record(session, legal_entity_id, "period.closed", before, closed_through, closed_through, reason)
    owe(session, JOB_KIND, str(close_id))
    return close_id


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
    _record(session, legal_entity_id, "period.reopened", before, closed_through, before, reason)
    return close_id


async def _require_alone(session: WriteSession) -> None:
    if not await queries.holds_period_alone(session):
        raise RuntimeError("a period is closed or reopened in a transaction begun with exclusive_period=True")


def _record(
    session: WriteSession,
    legal_entity_id: UUID,
    event: str,
    before: date | None,
    after: date | None,
    effective_date: date,
    reason: str | None,
) -> None:
    facts = {"closed_through": before}, {"closed_through": after}
    record_change(session, ChangeRow("legal_entity", legal_entity_id, event, *facts, effective_date, reason))
