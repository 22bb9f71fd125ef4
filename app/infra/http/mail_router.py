"""HTTP of the outbox: which e-mails wait, left, failed, or have an outcome that nobody knows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import Input, Reason, resource_response, visible
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes
from app.infra.mail.models import OutgoingEmail
from app.infra.mail.outbox import allowed_decisions, decide_email, emails_statement, get_email

router = APIRouter(prefix="/outgoing-emails", tags=["outgoing e-mails"])
_SORTS = {"created": (SortKey(OutgoingEmail.id, UUID),)}
EmailState = Literal["planned", "sending", "sent", "failed", "unknown"]
EmailDecision = Literal["mark_sent", "mark_failed", "send_again"]


class OutgoingEmailRead(BaseModel):
    """One e-mail of the outbox."""

    id: UUID
    state: EmailState = Field(
        description="planned (also: no server is configured), sending, sent, failed, unknown (a person decides)"
    )
    recipient: str
    subject: str
    text: str
    html: str | None
    reply_to: str | None
    purpose: str = Field(examples=["dispute_assigned"])
    subject_kind: str = Field(description="What it is about", examples=["dispute"])
    subject_id: UUID
    message_id: str
    attachment_ids: list[UUID] = Field(description="Documents that go with it")
    attempts: int
    next_attempt_at: datetime | None
    ended_at: datetime | None
    error: str | None = Field(description="The server's answer, or why the last try failed")
    queued_by: str
    allowed_actions: list[EmailDecision]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: OutgoingEmail) -> OutgoingEmailRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate(
            {**plain, "attachment_ids": row.attachments, "allowed_actions": allowed_decisions(row.state)}
        )


class EmailDecide(Input):
    """What a person found out, or wants: `send_again` may deliver the message twice."""

    decision: EmailDecision
    reason: Reason | None = None


@router.get(
    "",
    operation_id="listOutgoingEmails",
    summary="List outgoing e-mails",
    response_model=Page[OutgoingEmailRead],
    responses=problems(),
)
async def list_emails(
    read: Annotated[ReadSession, reads("mail:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    state: EmailState | None = None,
    subject_kind: Annotated[str | None, visible(64)] = None,
    subject_id: UUID | None = None,
) -> Response:
    """By filter, newest first. `state=unknown` and `state=failed` are what a person has to look at."""
    sort, keys = choose_sort(page, _SORTS, "-created")
    statement = emails_statement(read.organization_id, state=state, subject_kind=subject_kind, subject_id=subject_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [OutgoingEmailRead.of(row[0]) for row in rows]
    return resource_response(Page[OutgoingEmailRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{email_id}",
    operation_id="getOutgoingEmail",
    summary="Read an outgoing e-mail",
    response_model=OutgoingEmailRead,
    responses=problems(404),
)
async def read_email(email_id: UUID, read: Annotated[ReadSession, reads("mail:read")]) -> Response:
    """One e-mail with its state; `ETag` is its version."""
    found = OutgoingEmailRead.of(await get_email(read, email_id))
    return resource_response(found, found.version)


@router.post(
    "/{email_id}/decide",
    operation_id="decideOutgoingEmail",
    summary="Decide about an e-mail that failed or whose outcome is unknown",
    response_model=OutgoingEmailRead,
    responses=problems(404, 409, 412),
)
async def decide(email_id: UUID, body: EmailDecide, write: Annotated[Write, writes("mail:write")]) -> Response:
    """The service itself never sends an e-mail again whose outcome it does not know."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await decide_email(session, email_id, body.decision, expected_version=version, reason=body.reason)
        made = OutgoingEmailRead.of(await get_email(session, email_id))
        return answer(made, version=made.version)

    return await write.run(work)
