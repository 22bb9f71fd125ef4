"""What people decide about notices: approve, reject, cancel, count as done, try again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.dunning import postings
from app.dunning.errors import NoticeChargeRefused, NoticeNotFound, NoticeState
from app.dunning.models import DunningNotice
from app.dunning.notices import NotDue, give_back, mark_sent, put_back, still_due
from app.dunning.rules import notice_actions
from app.dunning.runs import owe_execution
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import local_today

HOLD_DAYS = 7
"""For so long a rejected reminder is not proposed again, unless whoever rejects it says otherwise."""
APPROVE_LIMIT = 1_000
_DECIDED = """
UPDATE dunning_notices SET state = 'approved', decided_by = $3, decided_by_id = $4, decided_at = clock_timestamp(),
    reason = NULL, reason_note = NULL, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_PENDING = """
SELECT n.id, n.account_id, n.channel, n.step_ordinal FROM dunning_notices n
WHERE n.organization_id = $1 AND n.state = 'pending_approval' AND n.id = ANY($2::uuid[])
ORDER BY n.id FOR NO KEY UPDATE
"""
_OF_RUN = """
SELECT id FROM dunning_notices WHERE organization_id = $1 AND state = 'pending_approval'
  AND run_id = $2 ORDER BY id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Approved:
    """What became of an approval: approved, or gone since it was planned (with the reason), or not pending at all."""

    notice_id: UUID
    outcome: str
    reason: str | None = None


async def get_notice(session: ReadSession, notice_id: UUID, *, lock: bool = False) -> DunningNotice:
    """The notice as it is now; one of a simulation is none. Raises NoticeNotFound."""
    statement = select(DunningNotice).where(
        DunningNotice.organization_id == session.organization_id, DunningNotice.id == notice_id
    )
    if lock:
        statement = statement.with_for_update(key_share=True)
    found = (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()
    if found is None or (lock and found.state == "simulated"):
        raise NoticeNotFound("no such dunning notice")
    return found


async def approve_notices(session: WriteSession, notice_ids: Sequence[UUID], *, now: datetime) -> list[Approved]:
    """Approve notices that wait, by the facts of this moment: what is not due any more is cancelled instead.

    Charges are posted now. The outcome of each: approved, not_due (cancelled, with the reason), charge_refused (waits
    on, with the reason), not_pending.
    """
    wanted = list(dict.fromkeys(notice_ids))
    rows = {row["id"]: row for row in await session.driver.fetch(_PENDING, session.organization_id, sorted(wanted))}
    gone = await still_due(session, list(rows), now) if rows else {}
    today = await local_today(session, now)
    await cancel_not_due(session, gone, today)
    standing = [notice_id for notice_id in rows if notice_id not in gone]
    refused = await postings.charge(session, standing, today) if standing else {}
    approved = [notice_id for notice_id in standing if notice_id not in refused]
    actor = session.actor
    await session.driver.execute(_DECIDED, session.organization_id, approved, actor.name, actor.id)
    for notice_id in approved:
        row = rows[notice_id]
        owe_execution(session, notice_id, row["channel"])
        after = {"account_id": row["account_id"], "step": row["step_ordinal"], "channel": row["channel"]}
        record_change(session, ChangeRow("dunning_notice", notice_id, "dunning_notice.approved", None, after, today))
    return [_outcome(notice_id, rows, gone, refused) for notice_id in wanted]


def _outcome(notice_id: UUID, rows: Any, gone: dict[UUID, NotDue], refused: dict[UUID, Any]) -> Approved:
    if notice_id not in rows:
        return Approved(notice_id, "not_pending")
    if notice_id in gone:
        return Approved(notice_id, "not_due", gone[notice_id].reason)
    if notice_id in refused:
        return Approved(notice_id, "charge_refused", refused[notice_id].code)
    return Approved(notice_id, "approved")


async def cancel_not_due(session: WriteSession, gone: Mapping[UUID, NotDue], today: date) -> None:
    """Notices that waited are no longer due: they are gone, their items are looked at again by the next run."""
    by_reason: dict[tuple[str, str], list[UUID]] = {}
    for notice_id, why in gone.items():
        by_reason.setdefault((why.reason, str(why.until)), []).append(notice_id)
    for _, notice_ids in sorted(by_reason.items()):
        why = gone[notice_ids[0]]
        await give_back(
            session, notice_ids, "cancelled", today, why.reason, ("pending_approval", "approved"), why.until
        )


async def pending_ids(session: ReadSession, run_id: UUID, limit: int = APPROVE_LIMIT) -> list[UUID]:
    """Notices of a run that wait for an approval, the oldest first."""
    rows = await session.driver.fetch(_OF_RUN, session.organization_id, run_id, limit)
    return [row["id"] for row in rows]


async def approve_notice(
    session: WriteSession, notice_id: UUID, *, now: datetime, expected_version: int | None
) -> None:
    """Approve one; where it is not due any more it is cancelled, and its reason says why.

    Raises NoticeNotFound, StaleVersion, NoticeState, NoticeChargeRefused.
    """
    row = await _lock(session, notice_id, "approve", expected_version)
    (found,) = await approve_notices(session, [row.id], now=now)
    if found.outcome == "charge_refused":
        raise NoticeChargeRefused(f"its charges could not be posted: {found.reason}", reason=found.reason)


async def reject_notice(
    session: WriteSession,
    notice_id: UUID,
    *,
    reason: str,
    hold_days: int,
    today: date,
    expected_version: int | None,
) -> None:
    """It does not go out, and is not proposed again for so many days.

    Raises NoticeNotFound, StaleVersion, NoticeState.
    """
    row = await _lock(session, notice_id, "reject", expected_version)
    _decided(session, row)
    await session.flush()
    until = today + timedelta(days=hold_days - 1) if hold_days else today - timedelta(days=1)
    await give_back(session, [row.id], "rejected", today, "rejected", ("pending_approval",), until, reason)


async def cancel_notice(
    session: WriteSession, notice_id: UUID, *, reason: str, hold_days: int, today: date, expected_version: int | None
) -> None:
    """An approved one that has not gone out is stopped, and not proposed again for so many days.

    Raises NoticeNotFound, StaleVersion, NoticeState.
    """
    row = await _lock(session, notice_id, "cancel", expected_version)
    _decided(session, row)
    await session.flush()
    until = today + timedelta(days=hold_days - 1) if hold_days else today - timedelta(days=1)
    await give_back(session, [row.id], "rejected", today, "cancelled", ("approved",), until, reason)


async def count_as_done(
    session: WriteSession, notice_id: UUID, *, on: date, reason: str, expected_version: int | None
) -> None:
    """Somebody says that it reached the customer (by post, by hand, by telephone): the step counts from that day.

    Raises NoticeNotFound, StaleVersion, NoticeState (also where the same reminder was planned again meanwhile).
    """
    row = await _lock(session, notice_id, "count_as_done", expected_version)
    if row.state in ("failed", "bounced"):
        row.state, row.state_before = "failed", None
        await session.flush()
        if not await put_back(session, [row.id], on):
            raise NoticeState("the same reminder was planned again meanwhile", state=row.state)
    _decided(session, row)
    row.reason_note = reason
    await session.flush()
    await mark_sent(session, [row.id], on)


async def try_again(
    session: WriteSession, notice_id: UUID, *, reason: str | None, today: date, expected_version: int | None
) -> None:
    """What failed, bounced or was rejected may be planned again by the next run, to whomever is reached then.

    Raises NoticeNotFound, StaleVersion, NoticeState.
    """
    row = await _lock(session, notice_id, "try_again", expected_version)
    row.hold_until = today - timedelta(days=1)
    _decided(session, row)
    await session.flush()
    after = {"account_id": row.account_id, "step": row.step_ordinal}
    change = ChangeRow("dunning_notice", row.id, "dunning_notice.released", None, after, today, reason)
    record_change(session, change)


def _decided(session: WriteSession, row: DunningNotice) -> None:
    row.decided_by, row.decided_by_id, row.decided_at = session.actor.name, session.actor.id, RECORDED_NOW
    row.version += 1
    row.updated_at = RECORDED_NOW


async def _lock(session: WriteSession, notice_id: UUID, action: str, expected_version: int | None) -> DunningNotice:
    row = await get_notice(session, notice_id, lock=True)
    check_version(expected_version, row.version)
    if action not in notice_actions(row.state):
        raise NoticeState(f"the notice is {row.state}", state=row.state)
    return row
