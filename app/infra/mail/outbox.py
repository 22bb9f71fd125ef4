"""The outbox: e-mails are rows first. A worker claims one (transaction), speaks SMTP (none), records (transaction).

A message is handed over at most once: `sending` is committed before the network is touched, and only the try that
holds the claim may say what came of it. What nobody recorded within the grace becomes `unknown` and stays so until a
person decides: plain SMTP cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, func, select

from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.mail.message import (
    ATTACHMENTS_MAX,
    MailTooLarge,
    check_address,
    check_body,
    check_header,
    check_message_id,
)
from app.infra.mail.models import OutgoingEmail
from app.infra.versions import RECORDED_NOW, check_version

SEND, CHECK, WAIT = "mail.send", "mail.check", "mail.wait"
ONE_WAITS = "planned"  # the key of the job that waits for SMTP to be configured
GRACE_SECONDS = 900.0
"""Longer than any timeout of a try: after it, a try that has recorded nothing is over."""
WAIT_SECONDS = 600.0
ATTEMPTS_MAX = 12
BACKOFF_FIRST_SECONDS, BACKOFF_LIMIT_SECONDS = 60, 6 * 3600
ERROR_LENGTH_MAX = 500
WAKE_BATCH = 1_000
Outcome = Literal["sent", "retry", "failed", "unknown"]
Decision = Literal["mark_sent", "mark_failed", "send_again"]
_CLAIM = """
UPDATE outgoing_emails SET state = 'sending', claim = $3, claimed_at = $4, attempts = attempts + 1,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2 AND state = 'planned' AND (next_attempt_at IS NULL OR next_attempt_at <= $4)
RETURNING id, recipient, subject, text, html, reply_to, in_reply_to, message_id, attachments, attempts, created_at
"""
_RECORD = """
UPDATE outgoing_emails SET state = $4, claim = NULL, error = $5, next_attempt_at = $6, ended_at = $7,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2 AND claim = $3 AND state = 'sending'
RETURNING subject_kind, subject_id, purpose
"""
_MESSAGE_ID = "UPDATE outgoing_emails SET message_id = $3 WHERE organization_id = $1 AND id = $2"


class EmailNotFound(NotFound):
    """No such e-mail in this organization."""

    code = "mail.not_found"


class EmailNotDecidable(Conflict):
    """Only an e-mail that failed, or whose outcome is unknown, waits for a person's decision."""

    code = "mail.not_decidable"


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """A row that is ours to send: its columns, and the token under which the outcome is recorded."""

    id: UUID
    claim: UUID
    attempts: int
    row: Any


async def queue_email(
    session: WriteSession,
    *,
    recipient: str,
    subject: str,
    text: str,
    purpose: str,
    subject_kind: str,
    subject_id: UUID,
    html: str | None = None,
    reply_to: str | None = None,
    attachments: tuple[UUID, ...] = (),
    in_reply_to: str | None = None,
) -> UUID:
    """Plan an e-mail in this transaction: it is sent after the commit, at most once. Answers its id.

    `purpose` is a word such as `dispute_assigned`; `subject_kind` and `subject_id` say what it is about. `attachments`
    are ids of stored documents. Raises RecipientInvalid, HeaderInvalid, MailTooLarge.
    """
    if len(attachments) > ATTACHMENTS_MAX:
        raise MailTooLarge(f"at most {ATTACHMENTS_MAX} attachments", pointer="/attachments")
    email_id = new_id()
    session.add(
        OutgoingEmail(
            organization_id=session.organization_id,
            id=email_id,
            recipient=check_address(recipient),
            subject=check_header(subject),
            text=check_body(text, pointer="/text"),
            html=None if html is None else check_body(html, pointer="/html"),
            reply_to=None if reply_to is None else check_address(reply_to, pointer="/reply_to"),
            in_reply_to=None if in_reply_to is None else check_message_id(in_reply_to),
            purpose=purpose,
            subject_kind=subject_kind,
            subject_id=subject_id,
            message_id=str(email_id),  # the domain is known when it is sent
            attachments=list(attachments),
            queued_by=session.actor.name,
        )
    )
    await session.flush()
    facts = {"purpose": purpose, "subject_kind": subject_kind, "subject_id": subject_id}
    record_change(session, ChangeRow("outgoing_email", email_id, "email.planned", None, facts))
    owe(session, SEND, str(email_id))
    return email_id


async def claim_email(session: WriteSession, email_id: UUID, now: datetime) -> ClaimedEmail | None:
    """Take a planned and due e-mail; None when it is not (another try has it, it is over, or its time has not come).

    A check after the grace is owed with the claim: a worker that dies cannot leave the row in `sending` for ever.
    """
    token = new_id()
    row = await session.driver.fetchrow(_CLAIM, session.organization_id, email_id, token, now)
    if row is None:
        return None
    owe(session, CHECK, str(email_id), run_at=now + timedelta(seconds=GRACE_SECONDS))
    return ClaimedEmail(row["id"], token, row["attempts"], row)


async def set_message_id(session: WriteSession, email_id: UUID, message_id: str) -> None:
    """Keep the message id under which it goes out; replies name it."""
    await session.driver.execute(_MESSAGE_ID, session.organization_id, email_id, message_id)


async def record_outcome(
    session: WriteSession, claimed: ClaimedEmail, outcome: Outcome, error: str | None, now: datetime
) -> bool:
    """Write what came of a try; False when the claim is not ours any more (then somebody else has decided).

    `retry` plans it again after a pause that doubles from a minute to six hours; after ATTEMPTS_MAX tries it has
    failed.
    """
    state: str = outcome
    next_attempt_at = None
    if outcome == "retry":
        state = "failed" if claimed.attempts >= ATTEMPTS_MAX else "planned"
        if state == "planned":
            pause = min(BACKOFF_LIMIT_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** (claimed.attempts - 1))
            next_attempt_at = now + timedelta(seconds=pause)
    ended = now if state in ("sent", "failed", "unknown") else None
    shown = None if error is None else error[:ERROR_LENGTH_MAX].replace("\x00", "")
    row = await session.driver.fetchrow(
        _RECORD, session.organization_id, claimed.id, claimed.claim, state, shown, next_attempt_at, ended
    )
    if row is None:
        return False
    if next_attempt_at is not None:
        owe(session, SEND, str(claimed.id), run_at=next_attempt_at)
    else:
        facts = {"subject_kind": row["subject_kind"], "subject_id": row["subject_id"], "purpose": row["purpose"]}
        record_change(session, ChangeRow("outgoing_email", claimed.id, f"email.{state}", {"state": "sending"}, facts))
    return True


async def end_lost_claim(session: WriteSession, email_id: UUID, now: datetime) -> bool:
    """Call the outcome unknown of a try whose grace is over; True when it was so."""
    row = await session.driver.fetchrow(
        "SELECT claim, attempts FROM outgoing_emails"
        " WHERE organization_id = $1 AND id = $2 AND state = 'sending' AND claimed_at <= $3 FOR UPDATE",
        session.organization_id, email_id, now - timedelta(seconds=GRACE_SECONDS),
    )  # fmt: skip
    if row is None:
        return False
    lost = ClaimedEmail(email_id, row["claim"], row["attempts"], row)
    return await record_outcome(session, lost, "unknown", "the worker ended before the outcome was recorded", now)


async def wake_planned(session: WriteSession, now: datetime) -> int:
    """Owe a try for planned e-mails that are due (SMTP was configured since); returns how many."""
    rows = await session.driver.fetch(
        "SELECT id FROM outgoing_emails WHERE organization_id = $1 AND state = 'planned'"
        " AND (next_attempt_at IS NULL OR next_attempt_at <= $2) ORDER BY id LIMIT $3",
        session.organization_id, now, WAKE_BATCH,
    )  # fmt: skip
    for row in rows:
        owe(session, SEND, str(row["id"]))
    if len(rows) == WAKE_BATCH:
        owe(session, WAIT, ONE_WAITS, run_at=now + timedelta(seconds=1))
    return len(rows)


async def has_planned(session: ReadSession) -> bool:
    """Whether any e-mail waits to be sent."""
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM outgoing_emails WHERE organization_id = $1 AND state = 'planned')",
            session.organization_id,
        )
    )


async def get_email(session: ReadSession, email_id: UUID) -> OutgoingEmail:
    """The row. Raises EmailNotFound."""
    found = await session.get(OutgoingEmail, (session.organization_id, email_id), populate_existing=True)
    if found is None:
        raise EmailNotFound("no such e-mail")
    return found


async def emails_about(session: ReadSession, subject_kind: str, subject_ids: Iterable[UUID]) -> list[OutgoingEmail]:
    """The e-mails about these subjects, oldest first: for timelines, and for rooms that show what came of them."""
    statement = select(OutgoingEmail).where(
        OutgoingEmail.organization_id == session.organization_id,
        OutgoingEmail.subject_kind == subject_kind,
        OutgoingEmail.subject_id.in_(list(subject_ids)),
    )
    return list((await session.scalars(statement.order_by(OutgoingEmail.id))).all())


def emails_statement(organization_id: UUID, **equal: object) -> Select[Any]:
    """The statement of the list of e-mails, without order and bounds; filters that are None are left out."""
    statement = select(OutgoingEmail).where(OutgoingEmail.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(OutgoingEmail, name) == value)
    return statement


async def count_emails(session: ReadSession) -> dict[str, int]:
    """E-mails by state."""
    counted = (
        select(OutgoingEmail.state, func.count())
        .where(OutgoingEmail.organization_id == session.organization_id)
        .group_by(OutgoingEmail.state)
    )
    return {row[0]: row[1] for row in (await session.execute(counted)).all()}


def allowed_decisions(state: str) -> tuple[Decision, ...]:
    """What a person may decide about an e-mail in this state."""
    if state == "unknown":
        return ("mark_sent", "mark_failed", "send_again")
    return ("send_again",) if state == "failed" else ()


async def decide_email(
    session: WriteSession, email_id: UUID, decision: Decision, *, expected_version: int | None, reason: str | None
) -> None:
    """What a person says about an e-mail that failed or is unknown. `send_again` may deliver it twice: they chose so.

    Raises EmailNotFound, StaleVersion, EmailNotDecidable.
    """
    key = (session.organization_id, email_id)
    email = await session.get(OutgoingEmail, key, with_for_update=True, populate_existing=True)
    if email is None:
        raise EmailNotFound("no such e-mail")
    check_version(expected_version, email.version)
    if decision not in allowed_decisions(email.state):
        raise EmailNotDecidable(f"the e-mail is {email.state}", state=email.state)
    before = email.state
    email.state = {"mark_sent": "sent", "mark_failed": "failed", "send_again": "planned"}[decision]
    if decision == "send_again":
        email.attempts, email.next_attempt_at, email.ended_at = 0, None, None
        owe(session, SEND, str(email_id))
    email.version += 1
    email.updated_at = RECORDED_NOW
    await session.flush()
    record_change(
        session,
        ChangeRow(
            "outgoing_email", email_id, f"email.{email.state}", {"state": before}, {"decision": decision}, reason=reason
        ),
    )
