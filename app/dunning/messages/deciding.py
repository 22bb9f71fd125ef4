"""What a person says about a message: what became of it, try it again, cancel it, the letter is in the post."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.correspondence.contacting import Attempt, check_contact
from app.correspondence.errors import ContactRefused
from app.dunning.messages import queries, writing
from app.dunning.messages.compose import DELIVER, PURPOSE, SUBJECT_KIND
from app.dunning.messages.errors import DunningMessageState
from app.dunning.messages.events import MessageEvent, receive_events
from app.dunning.messages.models import DunningMessage
from app.dunning.messages.rules import Decision, allowed_actions
from app.dunning.messages.standing import mark_notices, withheld_now
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW, check_version


async def _locked(session: WriteSession, message_id: UUID, action: str, expected_version: int | None) -> DunningMessage:
    message = await queries.get_message(session, message_id, lock=True)
    check_version(expected_version, message.version)
    if action not in allowed_actions(message.state, message.channel):
        raise DunningMessageState(f"the message is {message.state}", state=message.state)
    return message


async def decide_message(
    session: WriteSession,
    message_id: UUID,
    decision: Decision,
    now: datetime,
    *,
    expected_version: int | None,
    reason: str | None,
) -> None:
    """What became of a message that is unknown, or that a failed one is to be tried again.

    `send_again` may reach the customer twice: whoever says so wants it. It is looked at once more before it leaves.
    Raises DunningMessageNotFound, StaleVersion, DunningMessageState.
    """
    message = await _locked(session, message_id, decision, expected_version)
    state = {"mark_sent": "sent", "mark_failed": "failed", "send_again": "approved"}[decision]
    await _move(session, message, state, now, decision, reason)
    if decision == "mark_sent":
        message.sent_at = message.sent_at or message.claimed_at or now
    if decision == "send_again":
        message.attempts, message.not_before, message.ended_at = 0, None, None
        owe(session, DELIVER, message.channel)
    await session.flush()
    await mark_notices(session, [message.notice_id], state, now, reason="failed" if state == "failed" else None)


async def cancel_message(
    session: WriteSession, message_id: UUID, now: datetime, *, expected_version: int | None, reason: str | None
) -> None:
    """A message that has not left does not leave. Raises DunningMessageNotFound, StaleVersion, DunningMessageState."""
    message = await _locked(session, message_id, "cancel", expected_version)
    await _move(session, message, "cancelled", now, "cancel", reason)
    await mark_notices(session, [message.notice_id], "suppressed", now, reason="cancelled")


async def post_letter(session: WriteSession, message_id: UUID, now: datetime, *, expected_version: int | None) -> None:
    """Somebody puts the letter into the post: the facts are looked at once more, and from now on it counts.

    Raises DunningMessageNotFound, StaleVersion, DunningMessageState (also where it is not due any more, with the
    reason), ContactRefused.
    """
    message = await _locked(session, message_id, "post", expected_version)
    withheld = (await withheld_now(session, [message.notice_id], now)).get(message.notice_id)
    if withheld is not None:
        raise DunningMessageState(f"the letter is not due any more: {withheld.reason}", reason=withheld.reason)
    attempt = Attempt(message.account_id, "letter", now, PURPOSE, SUBJECT_KIND, message.notice_id)
    verdict = await check_contact(session, attempt, "done")
    if not verdict.allowed:
        raise ContactRefused(f"the rules of contact forbid it now: {verdict.reason}", reason=verdict.reason)
    await _move(session, message, "sent", now, "post", None)
    message.sent_at, message.counted, message.facts_at = now, True, now
    await session.flush()
    await writing.insert_events(session, [(message.id, "posted", "person", now, None, None)])
    await mark_notices(session, [message.notice_id], "sent", now)


async def mark_bounced(
    session: WriteSession, message_id: UUID, now: datetime, *, expected_version: int | None, reason: str | None
) -> None:
    """It came back, and a person says so: a letter, or an e-mail whose return nobody could read.

    Raises DunningMessageNotFound, StaleVersion, DunningMessageState.
    """
    message = await _locked(session, message_id, "mark_bounced", expected_version)
    await receive_events(session, [MessageEvent(message.id, "bounced", now, "person", reason)], now)


async def _move(
    session: WriteSession, message: DunningMessage, state: str, now: datetime, decision: str, reason: str | None
) -> None:
    before = message.state
    message.state, message.claim, message.ended_at = state, None, now
    message.version, message.updated_at = message.version + 1, RECORDED_NOW
    await session.flush()
    facts = {"notice_id": message.notice_id, "account_id": message.account_id, "state": state, "decision": decision}
    event = f"dunning_message.{'put_back' if state == 'approved' else state}"
    record_change(session, ChangeRow("dunning_message", message.id, event, {"state": before}, facts, reason=reason))
    if decision != "post":
        await writing.insert_events(session, [(message.id, "decided", "person", now, decision, None)])
