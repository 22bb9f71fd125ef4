"""Collection actions: plan, change, complete with an outcome and what follows from it, cancel."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.collections import queries, sql
from app.collections.asking import PlanAction, ask_planned, tell_done
from app.collections.catalogue import Outcome, all_outcomes, outcome_in_use
from app.collections.effects import hold_credit, note_not_received
from app.collections.errors import (
    AccountUnknown,
    ActionClosed,
    ContactRefused,
    ContactUnknown,
    InstalmentUnknown,
    OutcomeIncomplete,
    UserUnknown,
)
from app.collections.models import CollectionAction
from app.collections.rules import CONTACT_TYPES, PRIORITIES, next_action
from app.core.clock import business_date
from app.core.errors import DomainError
from app.core.ids import new_id
from app.disputes.opening import OpenDispute, open_dispute
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import organization_facts
from app.organizations.service import save_changes
from app.promises.make import MakePromise, make_promise


async def plan_action(session: WriteSession, command: PlanAction) -> UUID:
    """Plan one action; returns its id. Raises AccountUnknown, ContactUnknown, ContactRefused, UserUnknown,
    InstalmentUnknown."""
    (result,) = await plan_actions(session, [command])
    if isinstance(result, DomainError):
        raise result
    return result


async def plan_actions(session: WriteSession, commands: Sequence[PlanAction]) -> list[UUID | DomainError]:
    """Plan many actions set-wise, each whole or not at all; the id or the refusal of each, in order.

    Of an `origin_key` that is there already the id of the action that has it is answered: nothing is planned twice.
    """
    accounts = await queries.accounts_by_id(session, {command.account_id for command in commands})
    contacts = await queries.contacts_by_id(session, {c.contact_id for c in commands if c.contact_id is not None})
    wanted = {c.owner_id for c in commands if c.owner_id is not None}
    if session.actor.kind == "user" and session.actor.id is not None:
        wanted.add(session.actor.id)
    users = await queries.active_users(session, wanted)
    owners = await queries.accounts_of_instalments(session, {i for c in commands for i in c.instalment_ids})
    results: list[UUID | DomainError] = []
    for command in commands:
        try:
            _check(command, accounts, contacts, users, owners)
            results.append(new_id())
        except DomainError as refusal:
            results.append(refusal)
    verdicts = await ask_planned(session, commands, results)
    rows: list[tuple[UUID, PlanAction]] = []
    for index, (command, action_id) in enumerate(zip(commands, results, strict=True)):
        if not isinstance(action_id, UUID):
            continue
        due, verdict = command.due_date, verdicts.get(action_id)
        if verdict is not None and verdict.outcome == "refused":
            detail = f"the rules of contact forbid this: {verdict.reason}"
            results[index] = ContactRefused(detail, pointer="/contact_id", reason=verdict.reason)
            continue
        if verdict is not None and verdict.not_before is not None:
            due = max(due, verdict.not_before.date())
        owner = command.owner_id or accounts[command.account_id]["collector_id"]
        if owner is None and session.actor.id in users:
            owner = session.actor.id
        rows.append((action_id, replace(command, owner_id=owner, due_date=due)))
    taken = await sql.insert_actions(session, rows)
    for action_id, command in rows:
        if action_id in taken:
            continue
        after = {"account_id": command.account_id, "type": command.type, "due_date": command.due_date}
        after |= {"owner_id": command.owner_id, "priority": command.priority, "origin": command.origin}
        record_change(session, ChangeRow("collection_action", action_id, "collection_action.planned", after=after))
    return [taken.get(result, result) if isinstance(result, UUID) else result for result in results]


def _check(
    command: PlanAction,
    accounts: Mapping[UUID, Any],
    contacts: Mapping[UUID, Any],
    users: Collection[UUID],
    owners: Mapping[UUID, UUID],
) -> None:
    if command.account_id not in accounts:
        raise AccountUnknown("no such account", pointer="/account_id")
    if command.owner_id is not None and command.owner_id not in users:
        raise UserUnknown("no active user has this id", pointer="/owner_id")
    _check_contact(contacts, command.contact_id, command.account_id)
    for index, instalment_id in enumerate(command.instalment_ids):
        if owners.get(instalment_id) != command.account_id:
            detail = "the account has no instalment with this id"
            raise InstalmentUnknown(detail, pointer=f"/instalment_ids/{index}")


def _check_contact(contacts: Mapping[UUID, Any], contact_id: UUID | None, account_id: UUID) -> None:
    if contact_id is None:
        return
    contact = contacts.get(contact_id)
    if contact is None or contact["account_id"] != account_id:
        raise ContactUnknown("the account has no such contact", pointer="/contact_id")


async def _lock_planned(session: WriteSession, action_id: UUID, expected_version: int | None) -> CollectionAction:
    action = await queries.get_action(session, action_id, lock=True)
    check_version(expected_version, action.version)
    if action.status != "planned":
        raise ActionClosed(f"the action is {action.status}", status=action.status)
    return action


async def update_action(
    session: WriteSession, action_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> None:
    """Change a planned action: subject, note, contact, owner, due date, priority.

    Another day or another person is asked of the rules of contact, as when it was planned: what they put off moves
    on. Raises ActionNotFound, StaleVersion, ActionClosed, ContactUnknown, ContactRefused, UserUnknown.
    """
    action = await _lock_planned(session, action_id, expected_version)
    wanted = dict(changes)
    if wanted.get("owner_id") is not None and not await queries.active_users(session, {wanted["owner_id"]}):
        raise UserUnknown("no active user has this id", pointer="/owner_id")
    if wanted.get("contact_id") is not None:
        contacts = await queries.contacts_by_id(session, {wanted["contact_id"]})
        _check_contact(contacts, wanted["contact_id"], action.account_id)
    wanted |= await _moved(session, action, wanted)
    if "priority" in wanted:
        wanted["priority_rank"] = PRIORITIES.index(wanted["priority"]) + 1
    await save_changes(
        session, action, wanted, "collection_action", action.id, event="collection_action.updated",
        unlogged=frozenset({"note", "subject"}),
    )  # fmt: skip


async def _moved(session: WriteSession, action: CollectionAction, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The day to which the rules of contact put the changed action off, if they do. Raises ContactRefused."""
    due, contact_id = wanted.get("due_date", action.due_date), wanted.get("contact_id", action.contact_id)
    if (due, contact_id) == (action.due_date, action.contact_id):
        return {}
    asked = PlanAction(action.account_id, action.type, due, action.subject, contact_id=contact_id)
    verdict = (await ask_planned(session, [asked], [action.id])).get(action.id)
    if verdict is None or verdict.allowed:
        return {}
    if verdict.outcome == "refused":
        detail = f"the rules of contact forbid this: {verdict.reason}"
        raise ContactRefused(detail, pointer="/contact_id", reason=verdict.reason)
    return {} if verdict.not_before is None else {"due_date": max(due, verdict.not_before.date())}


async def cancel_action(
    session: WriteSession, action_id: UUID, *, reason: str, expected_version: int | None = None
) -> None:
    """Cancel a planned action. Raises ActionNotFound, StaleVersion, ActionClosed."""
    action = await _lock_planned(session, action_id, expected_version)
    action.status, action.cancel_reason = "cancelled", reason
    action.version += 1
    action.updated_at = RECORDED_NOW
    await session.flush()
    after = {"account_id": action.account_id, "type": action.type, "status": "cancelled"}
    record_change(
        session,
        ChangeRow("collection_action", action.id, "collection_action.cancelled", {"status": "planned"}, after,
                  reason=reason),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A next action as the collector wants it, in place of the catalogue's."""

    type: str
    due_date: date
    subject: str | None = None
    owner_id: UUID | None = None
    priority: str = "normal"


@dataclass(frozen=True, slots=True)
class CompleteAction:
    """What came of an action. A promise or dispute is made in the same transaction, so that all of it stands or none.

    `follow_up` False: nothing follows, whatever the catalogue says; None: the catalogue decides.
    """

    outcome_code: str
    note: str | None = None
    contact_id: UUID | None = None
    done_on: date | None = None
    promise: MakePromise | None = None
    dispute: OpenDispute | None = None
    follow_up: FollowUp | bool | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """What completing an action made."""

    promise_id: UUID | None = None
    dispute_id: UUID | None = None
    next_action_id: UUID | None = None


async def complete_action(
    session: WriteSession, action_id: UUID, command: CompleteAction, *, now: datetime
) -> Completed:
    """Complete an action with an outcome, and do what follows from it.

    A contact that the rules of contact forbid has happened all the same: it is written down with a warning.
    Raises ActionNotFound, StaleVersion, ActionClosed, OutcomeUnknown, OutcomeIncomplete, ContactUnknown, and the
    refusals of promises and disputes.
    """
    today = business_date(now, (await organization_facts(session)).time_zone)
    action = await _lock_planned(session, action_id, command.expected_version)
    outcome = outcome_in_use(await all_outcomes(session), command.outcome_code, action.type)
    if command.contact_id is not None:
        contacts = await queries.contacts_by_id(session, {command.contact_id})
        _check_contact(contacts, command.contact_id, action.account_id)
        action.contact_id = command.contact_id
    made = await _take_effect(session, action, outcome, command, today)
    done_on = command.done_on or today
    await note_not_received(session, action, outcome, min(done_on, today))
    await hold_credit(session, action, outcome, today)
    action.promise_id, action.dispute_id = made.promise_id, made.dispute_id
    await tell_done(session, [action], min(done_on, today), now)
    await _finish(session, action, outcome, command.note, min(done_on, today))
    next_id = await _follow(session, action, outcome, command.follow_up, today)
    return replace(made, next_action_id=next_id)


async def _take_effect(
    session: WriteSession, action: CollectionAction, outcome: Outcome, command: CompleteAction, today: date
) -> Completed:
    if (command.promise is not None) != (outcome.effect == "promise"):
        detail = "this outcome makes no promise" if command.promise else "a promise needs its amount and date"
        raise OutcomeIncomplete(detail, pointer="/promise")
    if (command.dispute is not None) != (outcome.effect == "dispute"):
        detail = "this outcome opens no dispute" if command.dispute else "a dispute needs its parts and reason"
        raise OutcomeIncomplete(detail, pointer="/dispute")
    if command.promise is not None:
        if command.promise.account_id != action.account_id:
            raise OutcomeIncomplete("the promise is of another account", pointer="/promise/account_id")
        wanted = replace(command.promise, contact_id=command.promise.contact_id or action.contact_id)
        return Completed(promise_id=await make_promise(session, wanted, today=today))
    if command.dispute is not None:
        ids = {part.instalment_id for part in command.dispute.parts}
        owners = await queries.accounts_of_instalments(session, ids)
        if any(owner != action.account_id for owner in owners.values()):
            raise OutcomeIncomplete("the dispute is of another account", pointer="/dispute/lines")
        return Completed(dispute_id=await open_dispute(session, command.dispute))
    return Completed()


async def _finish(
    session: WriteSession, action: CollectionAction, outcome: Outcome, note: str | None, done_on: date
) -> None:
    action.status, action.outcome_code, action.outcome_note = "done", outcome.code, note
    action.contact_made = outcome.contact_made and action.type in CONTACT_TYPES
    action.done_on, action.done_at = done_on, RECORDED_NOW
    action.done_by_id, action.done_by = session.actor.id, session.actor.name
    action.version += 1
    action.updated_at = RECORDED_NOW
    await session.flush()
    after: dict[str, object] = {"account_id": action.account_id, "type": action.type, "status": "done"}
    after |= {"outcome_code": outcome.code, "contact_made": action.contact_made}
    after |= {name: value for name in ("promise_id", "dispute_id") if (value := getattr(action, name)) is not None}
    record_change(
        session,
        ChangeRow("collection_action", action.id, "collection_action.completed", {"status": "planned"}, after,
                  effective_date=done_on),
    )  # fmt: skip


async def _follow(
    session: WriteSession, action: CollectionAction, outcome: Outcome, wanted: FollowUp | bool | None, today: date
) -> UUID | None:
    """Plan what follows: as the collector says, else as the catalogue says."""
    if wanted is False:
        return None
    items = tuple(await queries.instalments_of_action(session, action.id))
    owner = action.owner_id
    if owner is not None and not await queries.active_users(session, {owner}):
        owner = None  # left the company: the account's collector goes on
    base = PlanAction(action.account_id, "note", today, "", contact_id=action.contact_id, instalment_ids=items,
                      follows_id=action.id)  # fmt: skip
    if isinstance(wanted, FollowUp):
        return await plan_action(
            session,
            replace(
                base,
                type=wanted.type,
                due_date=wanted.due_date,
                subject=wanted.subject or f"After: {outcome.label}",
                owner_id=wanted.owner_id or owner,
                priority=wanted.priority,
            ),
        )
    calendar = (await organization_facts(session)).calendar
    following = next_action(
        outcome.label, outcome.effect, outcome.next_type, outcome.next_business_days, today, calendar
    )
    if following is None:
        return None
    contact = None if outcome.effect == "correct_contact" else base.contact_id
    planned = replace(
        base,
        type=following.type,
        due_date=following.due_date,
        subject=following.subject,
        contact_id=contact,
        owner_id=owner,
        origin="outcome",
    )
    try:
        return await plan_action(session, planned)
    except ContactRefused:  # what happened is written down all the same; whom to ask next is for the owner to find
        return await plan_action(session, replace(planned, contact_id=None))


async def complete_actions(
    session: WriteSession,
    action_ids: Sequence[UUID],
    *,
    outcome_code: str,
    note: str | None,
    now: datetime,
    follow_up: bool = True,
) -> list[UUID | DomainError]:
    """Complete many actions with one outcome that needs no further facts; the id or the refusal of each, in order.

    Raises OutcomeUnknown, OutcomeIncomplete (outcomes that make promises or disputes go one by one).
    """
    today = business_date(now, (await organization_facts(session)).time_zone)
    outcomes = await all_outcomes(session)
    actions = await queries.lock_actions(session, action_ids)
    done: list[CollectionAction] = []
    results: list[UUID | DomainError] = []
    for action_id in action_ids:
        action = actions.get(action_id)
        try:
            if action is None:
                raise queries.missing_action()
            if action.status != "planned":
                raise ActionClosed(f"the action is {action.status}", status=action.status)
            outcome = outcome_in_use(outcomes, outcome_code, action.type)
            if outcome.effect in ("promise", "dispute"):
                raise OutcomeIncomplete("promises and disputes are made one by one", pointer="/outcome_code")
            await note_not_received(session, action, outcome, today)
            await hold_credit(session, action, outcome, today)
            await _finish(session, action, outcome, note, today)
            done.append(action)
            if follow_up:
                await _follow(session, action, outcome, None, today)
            results.append(action_id)
        except DomainError as refusal:
            results.append(refusal)
    await tell_done(session, done, today, now)
    await session.flush()
    return results
