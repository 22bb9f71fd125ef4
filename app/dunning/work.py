"""Steps that are work, carried out at their turn: a call, an escalation, a credit hold, a case prepared for the lawyer.

Each in one transaction with its result, so that it happens once; what refuses it makes the notice `failed`, visibly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.collections.actions import plan_action
from app.collections.asking import PlanAction
from app.collections.errors import EscalationOpen, ItemInCase
from app.collections.escalations import Escalate, escalate
from app.collections.legal.cases import PrepareCase, prepare_case
from app.core.errors import DomainError
from app.credit.holds import PlaceHold, place_hold
from app.dunning.models import DunningNotice, DunningStep
from app.dunning.notices import give_back, mark_suppressed, still_due
from app.dunning.rules import WORK_CHANNELS
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession, attempt
from app.infra.versions import RECORDED_NOW

REASON = "dunning"
ESCALATION_DAYS = 14


@dataclass(frozen=True, slots=True)
class _Task:
    """A notice to be carried out."""

    notice: DunningNotice
    step: DunningStep
    instalment_ids: tuple[UUID, ...]
    today: date


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of it. `already`: it was so before."""

    kind: str
    id: UUID | None
    already: bool = False


async def carry_out(session: WriteSession, notice_id: UUID, *, now: datetime, today: date) -> None:
    """Carry out an approved notice of work, if it is still due. Repeatable: what is done is left as it is."""
    notice = await session.get(
        DunningNotice, (session.organization_id, notice_id), with_for_update={"key_share": True}, populate_existing=True
    )
    if notice is None or notice.state != "approved" or notice.channel not in WORK_CHANNELS:
        return
    gone = (await still_due(session, [notice_id], now)).get(notice_id)
    if gone is not None:
        await mark_suppressed(session, [notice_id], today, gone.reason, gone.until)
        return
    step = await session.get_one(DunningStep, (session.organization_id, notice.step_id))
    rows = await session.driver.fetch(
        "SELECT instalment_id FROM dunning_notice_items WHERE organization_id = $1 AND notice_id = $2 AND live"
        " ORDER BY due_date, id",
        session.organization_id,
        notice_id,
    )
    task = _Task(notice, step, tuple(row["instalment_id"] for row in rows), today)
    try:
        async with attempt(session):
            result = await _BY_CHANNEL[notice.channel](session, task)
    except DomainError as refusal:
        note = refusal.detail[:500]
        await give_back(session, [notice_id], "failed", today, refusal.code, ("approved",), note=note)
        return
    await _done(session, notice_id, result, today)


async def _done(session: WriteSession, notice_id: UUID, result: _Result, today: date) -> None:
    notice = await session.get_one(
        DunningNotice, (session.organization_id, notice_id), with_for_update={"key_share": True}, populate_existing=True
    )
    notice.state, notice.done_on, notice.done_at = "done", today, RECORDED_NOW
    notice.result_kind, notice.result_id = result.kind, result.id
    notice.reason = "already" if result.already else None
    notice.version += 1
    notice.updated_at = RECORDED_NOW
    await session.flush()
    await session.driver.execute(
        "UPDATE dunning_notice_items SET done_on = $3 WHERE organization_id = $1 AND notice_id = $2 AND live",
        session.organization_id,
        notice_id,
        today,
    )
    after: dict[str, Any] = {"account_id": notice.account_id, "step": notice.step_ordinal, "channel": notice.channel}
    after |= {"result_kind": result.kind, "result_id": result.id, "state": "done"}
    record_change(session, ChangeRow("dunning_notice", notice_id, "dunning_notice.carried_out", None, after, today))


async def _call(session: WriteSession, task: _Task) -> _Result:
    action_id = await plan_action(
        session,
        PlanAction(
            account_id=task.notice.account_id,
            type="call",
            due_date=task.today,
            subject=task.step.name,
            note=_note(task),
            priority=task.step.work.get("priority", "high"),
            instalment_ids=task.instalment_ids,
            origin="rule",
            origin_key=f"dunning:{task.notice.id}",
        ),
    )
    return _Result("collection_action", action_id)


async def _escalate(session: WriteSession, task: _Task) -> _Result:
    work = task.step.work
    to_user = work.get("to_user_id")
    command = Escalate(
        account_id=task.notice.account_id,
        reason_code=REASON,
        until=task.today + timedelta(days=work.get("days", ESCALATION_DAYS)),
        level=work.get("level", 1),
        to_user_id=None if to_user is None else UUID(to_user),
        note=_note(task),
        name=task.step.name,
    )
    try:
        async with attempt(session):
            return _Result("escalation", await escalate(session, command, today=task.today))
    except EscalationOpen:
        return _Result("escalation", None, already=True)


async def _hold(session: WriteSession, task: _Task) -> _Result:
    account_id = task.notice.account_id
    present = await session.driver.fetchval(
        "SELECT id FROM credit_holds WHERE organization_id = $1 AND account_id = $2 AND kind = 'hold'"
        " AND reason_code = $3 AND released_on IS NULL AND (until IS NULL OR until >= $4) LIMIT 1",
        session.organization_id,
        account_id,
        REASON,
        task.today,
    )
    if present is not None:
        return _Result("credit_hold", present, already=True)
    level = task.step.work.get("level", "hold")
    command = PlaceHold(account_id, "hold", level, REASON, _note(task))
    return _Result("credit_hold", await place_hold(session, command, task.today))


async def _refer(session: WriteSession, task: _Task) -> _Result:
    command = PrepareCase(
        kind=task.step.work.get("kind", "legal_case"),
        account_id=task.notice.account_id,
        currency=task.notice.currency,
        reason_code=REASON,
        instalment_ids=task.instalment_ids,
        partner=task.step.work.get("partner"),
        note=_note(task),
    )
    try:
        async with attempt(session):
            return _Result("legal_case", await prepare_case(session, command, today=task.today))
    except ItemInCase:
        return _Result("legal_case", None, already=True)


def _note(task: _Task) -> str:
    return f"Dunning step {task.notice.step_ordinal}: {task.step.name}"


_BY_CHANNEL: dict[str, Callable[[WriteSession, _Task], Awaitable[_Result]]] = {
    "call_task": _call,
    "escalate": _escalate,
    "credit_hold": _hold,
    "legal_referral": _refer,
}
