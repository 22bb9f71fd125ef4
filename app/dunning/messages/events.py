"""What comes back of messages: delivered, returned, complained about, opened, unsubscribed; and what follows from it.

An event is kept once. A return marks the address of the contact and raises an action for the collector; a complaint or
an unsubscription withdraws the consent to e-mail. What is told of a message that was never sent changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.accounts.commands import ContactCommand
from app.accounts.contacts import update_contact
from app.accounts.errors import ContactNotFound
from app.accounts.party_queries import get_contact
from app.collections.actions import plan_action
from app.collections.asking import PlanAction
from app.core.errors import DomainError
from app.core.ids import new_id
from app.dunning.messages import queries, writing
from app.dunning.messages.models import DunningAddressMark, DunningMessage
from app.dunning.messages.preferences import find_message_preferences
from app.dunning.messages.rules import (
    EventKind,
    EventSource,
    MarkKind,
    address_sha256,
    is_unknown_mailbox,
    state_after,
)
from app.dunning.messages.standing import mark_notices
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import local_today

DETAIL_LENGTH_MAX = 500
_MARKED: dict[str, MarkKind] = {"bounced": "bounced", "complained": "complained", "unsubscribed": "unsubscribed"}
_INSERT_MARK = """
INSERT INTO dunning_address_marks (organization_id, id, contact_id, account_id, channel, kind, address_sha256,
    message_id, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, contact_id, kind, address_sha256)
DO UPDATE SET cleared_at = NULL, cleared_by = NULL, at = excluded.at, message_id = excluded.message_id,
    version = dunning_address_marks.version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE dunning_address_marks.cleared_at IS NOT NULL
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """Something told of a message. `key`: the provider's id of the event."""

    message_id: UUID
    kind: EventKind
    at: datetime
    source: EventSource
    detail: str | None = None
    key: str | None = None


async def receive_events(session: WriteSession, told: Sequence[MessageEvent], now: datetime) -> int:
    """Keep these events and let them have their effects, in order; answers how many were new.

    Events of messages that this organization does not know are left out, like those told before.
    """
    preferences, _ = await find_message_preferences(session)
    new = 0
    for event in told:
        if event.kind == "opened" and not preferences.opens_recorded:
            continue
        message = await session.get(
            DunningMessage, (session.organization_id, event.message_id), populate_existing=True, with_for_update=True
        )
        if message is None:
            continue
        detail = None if event.detail is None else event.detail[:DETAIL_LENGTH_MAX].replace("\x00", "")
        row = (message.id, event.kind, event.source, min(event.at, now), detail, event.key)
        if not await writing.insert_events(session, [row]):
            continue
        new += 1
        await _take_effect(session, message, event.kind, detail, now)
    return new


async def _take_effect(
    session: WriteSession, message: DunningMessage, kind: EventKind, detail: str | None, now: datetime
) -> None:
    state = state_after(message.state, kind)
    if state is not None:
        before = message.state
        message.state, message.claim = state, None
        message.sent_at = message.sent_at or now
        message.ended_at = now
        if kind == "bounced":
            message.error = detail
        message.version, message.updated_at = message.version + 1, RECORDED_NOW
        await session.flush()
        _record(session, message, state, {"state": before}, detail_known=detail is not None)
        await mark_notices(session, [message.notice_id], state, now, reason="bounced" if state == "bounced" else None)
    if kind == "complained":
        _record(session, message, "complained", None)
    mark = _MARKED.get(kind)
    if mark is None or message.sent_at is None:
        return
    marked = await _mark_address(session, message, mark, now)
    if mark != "bounced":
        await _withdraw_consent(session, message)
    if marked and mark != "unsubscribed":
        await _raise_action(session, message, mark, now)


def _record(
    session: WriteSession, message: DunningMessage, event: str, before: dict[str, Any] | None, **more: object
) -> None:
    facts = {
        "notice_id": message.notice_id,
        "account_id": message.account_id,
        "contact_id": message.contact_id,
        "channel": message.channel,
        "state": message.state,
        **more,
    }
    record_change(session, ChangeRow("dunning_message", message.id, f"dunning_message.{event}", before, facts))


async def _mark_address(session: WriteSession, message: DunningMessage, kind: MarkKind, now: datetime) -> bool:
    """Mark the address to which the message went; False when it is marked already."""
    if message.contact_id is None or not message.recipient:
        return False
    mark_id = await session.driver.fetchval(
        _INSERT_MARK, session.organization_id, new_id(), message.contact_id, message.account_id, message.channel, kind,
        address_sha256(message.recipient), message.id, now,
    )  # fmt: skip
    if mark_id is None:
        return False
    facts = {"contact_id": message.contact_id, "account_id": message.account_id, "kind": kind}
    record_change(session, ChangeRow("dunning_address_mark", mark_id, "dunning_address_mark.made", None, facts))
    return True


async def _withdraw_consent(session: WriteSession, message: DunningMessage) -> None:
    """The contact does not want messages on this channel any more: no room of the service sends any."""
    if message.contact_id is None:
        return
    try:
        present = await get_contact(session, message.account_id, message.contact_id)
    except ContactNotFound:
        return
    command = ContactCommand(role=present["role"], consents={message.channel: False})
    await update_contact(session, message.account_id, message.contact_id, command)


async def _raise_action(session: WriteSession, message: DunningMessage, kind: str, now: datetime) -> None:
    """Somebody has to look after the contact: once for each message."""
    subjects = {
        "bounced": "A reminder came back: correct the contact's address",
        "complained": "The contact complained about a reminder: talk to them",
        "failed": "A reminder could not be sent: look at the contact",
    }
    command = PlanAction(
        account_id=message.account_id,
        type="note",
        due_date=await local_today(session, now),
        subject=subjects[kind],
        note=None if kind == "complained" else message.error,
        contact_id=message.contact_id,
        priority="high",
        origin="service",
        origin_key=f"dunning-message:{message.id}:{kind}",
    )
    try:
        await plan_action(session, command)
    except DomainError as refusal:  # an account that is closed by now keeps the mark alone
        facts = {"account_id": message.account_id, "reason": refusal.code}
        change = ChangeRow("dunning_message", message.id, "dunning_message.action_refused", None, facts)
        record_change(session, change)


async def react_to_failures(session: WriteSession, message_ids: Sequence[UUID], now: datetime) -> None:
    """Messages that the server refused for good: the collector gets an action, a mailbox that is unknown a mark."""
    for message_id in message_ids:
        message = await queries.get_message(session, message_id)
        if is_unknown_mailbox(message.error or ""):
            await _mark_address(session, message, "bounced", now)
        await _raise_action(session, message, "failed", now)


async def clear_mark(session: WriteSession, mark_id: UUID, now: datetime, *, expected_version: int | None) -> None:
    """A person says that the address works again, or that the contact wants messages after all.

    The consent itself is given back on the contact. Raises AddressMarkNotFound, StaleVersion.
    """
    mark: DunningAddressMark = await queries.get_mark(session, mark_id)
    check_version(expected_version, mark.version)
    if mark.cleared_at is not None:
        return
    mark.cleared_at, mark.cleared_by = now, session.actor.name
    mark.version, mark.updated_at = mark.version + 1, RECORDED_NOW
    await session.flush()
    facts = {"contact_id": mark.contact_id, "account_id": mark.account_id, "kind": mark.kind}
    record_change(session, ChangeRow("dunning_address_mark", mark_id, "dunning_address_mark.cleared", None, facts))
