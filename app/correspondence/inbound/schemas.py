"""What the mailbox takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from app.correspondence.inbound.mailboxes import MailboxEntry, Security, Trial
from app.correspondence.models import MailboxConnection
from app.infra.http.fields import Input, text

Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$")]


class MailboxPut(Input):
    """The mailbox from which e-mails are fetched over IMAP."""

    host: Host = Field(examples=["imap.example.com"])
    port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(None, description="993 for tls, else 143")
    security: Security = Field("tls", description="`none` only where private addresses are allowed")
    username: Annotated[str, text(200)]
    password: Annotated[str, text(500)] | None = Field(
        None, description="Kept encrypted, never shown; left out, the present one stays with the same server and user"
    )
    folder: Annotated[str, text(100)] = "INBOX"
    poll_seconds: Annotated[int, Field(ge=15, le=86_400)] = 60
    active: bool = True

    def entry(self) -> MailboxEntry:
        """The plain command."""
        return MailboxEntry(**self.model_dump())


class MailboxRead(BaseModel):
    """The organization's mailbox without its password, and what the last look into it found."""

    host: str
    port: int
    security: Security
    username: str
    folder: str
    poll_seconds: int
    active: bool
    looked_at: datetime | None
    taken_in_at: datetime | None = Field(description="When a message was taken in last")
    failing_since: datetime | None
    failure: str | None
    version: int

    @classmethod
    def of(cls, row: MailboxConnection) -> MailboxRead:
        """From the row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class MailboxTrialRead(BaseModel):
    """Whether the service gets into the mailbox."""

    reachable: bool
    unseen: int | None = Field(description="Unseen messages, counted up to 50")
    failure: str | None

    @classmethod
    def of(cls, found: Trial) -> MailboxTrialRead:
        """From what the look found."""
        return cls(reachable=found.failure is None, unseen=found.unseen, failure=found.failure)
