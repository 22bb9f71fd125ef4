"""E-mails that come back or answer: returned ones (RFC 3464), complaints (RFC 5965), and whose thread an answer is in.

The correspondence takes every e-mail in; it asks here whether one answers a reminder, and tells what it has taken in.
"""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from app.core.ids import new_id
from app.correspondence.inbound.mime import InboundMessage
from app.correspondence.inbound.receive import Owner, watch_inbound
from app.correspondence.models import Correspondence
from app.correspondence.rules import own_email_ids
from app.dunning.messages import queries
from app.dunning.messages.compose import read_unsubscribe_token
from app.dunning.messages.errors import UnsubscribeLinkInvalid
from app.dunning.messages.events import MessageEvent, receive_events
from app.infra.database import ReadSession, WriteSession

# What a mail program sends to the address in `List-Unsubscribe`.
_UNSUBSCRIBE = re.compile(r"unsubscribe ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$", re.IGNORECASE | re.ASCII)
_OWNER = """
SELECT m.id, m.account_id, m.contact_id, t.correspondence_id FROM dunning_messages m
LEFT JOIN dunning_threads t ON t.organization_id = $1 AND t.account_id = m.account_id
WHERE m.organization_id = $1 AND m.id = ANY($2::uuid[]) AND m.sent_at IS NOT NULL ORDER BY m.id DESC LIMIT 1
"""
_KEEP_THREAD = """
INSERT INTO dunning_threads (organization_id, id, account_id, correspondence_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, account_id) DO NOTHING
"""


async def _owner(session: ReadSession, mail: InboundMessage) -> Owner | None:
    """Whose reminder the e-mail answers or returns."""
    ids = own_email_ids(list(mail.references))
    asked = _UNSUBSCRIBE.match(mail.subject)
    if asked is not None:
        ids = [UUID(asked[1].lower())]
    row = await session.driver.fetchrow(_OWNER, session.organization_id, ids) if ids else None
    if row is None:
        return None
    return Owner(row["account_id"], row["contact_id"], row["correspondence_id"], "collection", row["id"])


async def _taken_in(
    session: WriteSession, mail: InboundMessage, thread: Correspondence, owner: Owner, now: datetime
) -> None:
    if thread.account_id == owner.account_id and owner.thread_id is None:
        await session.driver.execute(_KEEP_THREAD, session.organization_id, new_id(), owner.account_id, thread.id)
    if mail.kind == "bounce" and mail.bounce_detail is not None:
        event = MessageEvent(owner.message_id, "bounced", now, "mailbox", mail.bounce_detail, mail.sha256)
    elif _UNSUBSCRIBE.match(mail.subject):
        event = MessageEvent(owner.message_id, "unsubscribed", now, "mailbox", None, mail.sha256)
    elif mail.complaint:
        event = MessageEvent(owner.message_id, "complained", now, "mailbox", None, mail.sha256)
    elif mail.kind == "bounce":
        event = MessageEvent(owner.message_id, "deferred", now, "mailbox", "delayed", mail.sha256)
    else:
        return
    await receive_events(session, [event], now)


watch_inbound(_owner, _taken_in)


async def check_unsubscribe(session: ReadSession, message_id: UUID, secret: bytes) -> None:
    """Raises UnsubscribeLinkInvalid unless the secret is that of the message's link."""
    found = await session.driver.fetchval(
        "SELECT unsubscribe_secret FROM dunning_message_contents WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        message_id,
    )
    if found is None or not hmac.compare_digest(bytes(found), sha256(secret).digest()):
        raise UnsubscribeLinkInvalid("the link is not valid")


async def unsubscribe(session: WriteSession, message_id: UUID, secret: bytes, now: datetime) -> None:
    """Whoever got the message wants no more of them on that channel; once is enough. Raises UnsubscribeLinkInvalid."""
    await check_unsubscribe(session, message_id, secret)
    message = await queries.get_message(session, message_id)
    if message.sent_at is None:
        raise UnsubscribeLinkInvalid("the message has not been sent")
    event = MessageEvent(message_id, "unsubscribed", now, "link", None, str(message_id))
    await receive_events(session, [event], now)


__all__ = ["check_unsubscribe", "read_unsubscribe_token", "unsubscribe"]
