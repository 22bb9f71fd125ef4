"""Work on a dispute that is open: edit, assign, review, wait for the customer, comment, withdraw, reopen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.disputes import queries
from app.disputes.catalogue import reason_in_use, team_in_use
from app.disputes.errors import AssigneeUnknown, CreditPending
from app.disputes.models import Dispute, DisputeComment, DisputeTransition
from app.disputes.moves import move, parts_of, touch
from app.disputes.notices import tell_assigned
from app.disputes.past import keep_lines
from app.disputes.rules import (
    ACTIVE,
    DisputedTooMuch,
    DisputeInvalid,
    DisputeStateInvalid,
    check_move,
    sla_after_pause,
    sla_due,
)
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.organizations.queries import organization_facts
from app.payments.writes import lock_instalments


@dataclass(frozen=True, slots=True)
class Assignment:
    """To whom a dispute goes. None takes it away from whoever had it; the team stays unless `team_given`."""

    assignee_id: UUID | None
    team: str | None = None
    team_given: bool = False


async def lock_active(session: WriteSession, dispute_id: UUID, expected_version: int | None) -> Dispute:
    """The locked dispute. Raises DisputeNotFound, StaleVersion, DisputeStateInvalid when it is over."""
    dispute = await queries.lock_dispute(session, dispute_id)
    check_version(expected_version, dispute.version)
    if dispute.state not in ACTIVE:
        raise DisputeStateInvalid(f"the dispute is {dispute.state}", state=dispute.state)
    return dispute


async def edit_dispute(
    session: WriteSession, dispute_id: UUID, changes: Mapping[str, Any], *, today: date, expected_version: int | None
) -> None:
    """Change description, customer reference or reason (`reason_code`; its clock runs from the opening, with the
    pauses that there were), or lower what is disputed (`lines`: minor units by instalment; what is taken off is owed
    and collectable again).

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid, DisputeReasonUnknown, DisputeInvalid, DisputedTooMuch.
    """
    dispute = await lock_active(session, dispute_id, expected_version)
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    wanted = dict(changes)
    lines = wanted.pop("lines", None)
    code = wanted.pop("reason_code", None)
    if code is not None:
        reason = await reason_in_use(session, code)
        if reason.id != dispute.reason_id:
            before["reason_id"], after["reason_id"] = dispute.reason_id, reason.id
            dispute.reason_id = reason.id
            dispute.sla_due_on = await _due_anew(session, dispute, reason.sla_business_days)
            dispute.sla_breached_on = None
    for name, value in wanted.items():
        if getattr(dispute, name) != value:
            before[name], after[name] = getattr(dispute, name), value
            setattr(dispute, name, value)
    if lines:
        before["disputed_minor"] = dispute.disputed_minor
        await _lower(session, dispute, lines)
        after["disputed_minor"] = dispute.disputed_minor
        after["parts"] = parts_of(dispute)
    if before:
        touch(dispute)
        await session.flush()
        await keep_lines(session, dispute, today)
        record_change(session, ChangeRow("dispute", dispute.id, "dispute.changed", before, after, today))


async def _due_anew(session: WriteSession, dispute: Dispute, business_days: int) -> date:
    """The last day of another clock that began when the dispute was opened (or reopened), with the same pauses."""
    calendar = (await organization_facts(session)).calendar
    due, waiting_since = sla_due(calendar, dispute.opened_on, business_days), None
    steps = queries.transitions_statement(session.organization_id, dispute.id).order_by(DisputeTransition.id)
    for step in await session.scalars(steps):
        if step.to_state == "open":
            due = sla_due(calendar, step.effective_date, business_days)
        if waiting_since is not None:
            due = sla_after_pause(calendar, due, waiting_since, step.effective_date)
        waiting_since = step.effective_date if step.to_state == "awaiting_customer" else None
    return due


async def _lower(session: WriteSession, dispute: Dispute, wanted: Mapping[UUID, int]) -> None:
    """Lower the disputed amounts of some lines; something stays disputed."""
    if await queries.pending_credit(session, dispute.id) is not None:
        raise CreditPending("a credit waits for approval: decide it first")
    rows = {line.instalment_id: line for line in (await queries.lines_of(session, [dispute.id]))[dispute.id]}
    for index, (instalment_id, minor) in enumerate(wanted.items()):
        line = rows.get(instalment_id)
        if line is None:
            raise DisputeInvalid("the dispute has no such instalment", pointer=f"/lines/{index}/instalment_id")
        if minor > line.disputed_minor:
            detail = "an amount can only be lowered; open another dispute for more"
            raise DisputedTooMuch(detail, pointer=f"/lines/{index}/amount")
        dispute.released_minor += line.disputed_minor - minor
        line.disputed_minor = minor
    dispute.disputed_minor = sum(line.disputed_minor for line in rows.values())
    if dispute.disputed_minor == 0:
        raise DisputeInvalid("something stays disputed; otherwise withdraw the dispute", pointer="/lines")


async def assign_dispute(
    session: WriteSession, dispute_id: UUID, to: Assignment, *, today: date, expected_version: int | None
) -> None:
    """Give a dispute to a user or team; they are told by e-mail and event.

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid, AssigneeUnknown, DisputeTeamUnknown.
    """
    dispute = await lock_active(session, dispute_id, expected_version)
    if to.assignee_id is not None and not await queries.users_by_id(session, [to.assignee_id]):
        raise AssigneeUnknown("no active user has this id", pointer="/assignee_id")
    team_id = dispute.team_id
    if to.team_given:
        team_id = None if to.team is None else (await team_in_use(session, to.team)).id
    before = {"assignee_id": dispute.assignee_id, "team_id": dispute.team_id}
    after = {"assignee_id": to.assignee_id, "team_id": team_id}
    if before == after:
        return
    dispute.assignee_id, dispute.team_id = to.assignee_id, team_id
    touch(dispute)
    await session.flush()
    record_change(session, ChangeRow("dispute", dispute.id, "dispute.assigned", before, after, today))
    await tell_assigned(session, dispute, await queries.get_reason(session, dispute.reason_id))


async def review_dispute(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str | None, expected_version: int | None
) -> None:
    """Somebody looks into it; after waiting for the customer the clock runs on. Whoever does so gets it if nobody has.

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid.
    """
    dispute = await lock_active(session, dispute_id, expected_version)
    actor = session.actor
    person = actor.id if actor.kind == "user" else None
    if dispute.assignee_id is None and person is not None and await queries.users_by_id(session, [person]):
        dispute.assignee_id = person
    await move(session, dispute, "in_review", today, note=note, facts={"assignee_id": dispute.assignee_id})


async def await_customer(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str | None, expected_version: int | None
) -> None:
    """The customer has to answer: the clock stands still. Raises DisputeNotFound, StaleVersion, DisputeStateInvalid."""
    dispute = await lock_active(session, dispute_id, expected_version)
    await move(session, dispute, "awaiting_customer", today, note=note)


async def comment_dispute(session: WriteSession, dispute_id: UUID, text: str) -> UUID:
    """Write a comment, also on a dispute that is over; answers its id. Raises DisputeNotFound."""
    await queries.get_dispute(session, dispute_id, session.actor)
    comment_id = new_id()
    session.add(
        DisputeComment(
            organization_id=session.organization_id,
            id=comment_id,
            dispute_id=dispute_id,
            text=text,
            author_name=session.actor.name,
            author_id=session.actor.id,
        )
    )
    await session.flush()
    facts = {"comment_id": comment_id}
    record_change(session, ChangeRow("dispute", dispute_id, "dispute.commented", None, facts))
    return comment_id


async def reopen_dispute(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str, expected_version: int | None
) -> None:
    """Contest again what a rejected, paid or withdrawn dispute was about, as far as it is open and not disputed.

    A paid dispute never comes back by itself, not even when its payment bounces: this is the only way. Raises
    DisputeNotFound, StaleVersion, DisputeStateInvalid, DisputedTooMuch when nothing of it is open.
    """
    seen = await queries.get_dispute(session, dispute_id, session.actor)
    check_version(expected_version, seen.version)
    check_move(seen.state, "open")
    ids = [line.instalment_id for line in (await queries.lines_of(session, [dispute_id]))[dispute_id]]
    instalments = await lock_instalments(session, ids)
    dispute = await queries.lock_dispute(session, dispute_id)
    check_version(expected_version, dispute.version)
    check_move(dispute.state, "open")
    held: dict[UUID, int] = {}
    for row in await queries.active_lines(session, ids):
        held[row["instalment_id"]] = held.get(row["instalment_id"], 0) + row["disputed_minor"]
    total = 0
    for line in (await queries.lines_of(session, [dispute_id]))[dispute_id]:
        free = instalments[line.instalment_id].balance.left_minor - held.get(line.instalment_id, 0)
        line.disputed_minor = max(0, min(line.amount_minor, free))
        total += line.disputed_minor
    if total == 0:
        raise DisputedTooMuch("nothing of what was disputed is open and not disputed otherwise")
    reason = await queries.get_reason(session, dispute.reason_id)
    calendar = (await organization_facts(session)).calendar
    dispute.resolved_on = dispute.resolved_at = dispute.resolved_by = dispute.resolution_note = None
    dispute.disputed_minor, dispute.paid_minor, dispute.released_minor = total, 0, dispute.amount_minor - total
    dispute.sla_due_on, dispute.sla_breached_on = sla_due(calendar, today, reason.sla_business_days), None
    dispute.reopened_count += 1
    await move(session, dispute, "open", today, note=note, facts={"disputed_minor": total, "reopened": True})
    await tell_assigned(session, dispute, reason)
