"""What the interface shows of what was learned."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.cash_application.learning import LessonOrigin
from app.cash_application.models import Lesson
from app.cash_application.rules import DECIDE
from app.infra.http.fields import Comment, Input

LessonKind = Literal["bank_identifier", "payer_name", "number_format"]
LessonState = Literal["active", "withdrawn", "forgotten"]


class LessonRead(BaseModel):
    """What one application or decision taught: this value stands for this account.

    For a `number_format` the value is a number as a payer quoted it, and `normalized_value` its form (9: any digit).
    """

    id: UUID
    kind: LessonKind
    account_id: UUID
    value: str
    normalized_value: str
    payment_id: UUID
    proposal_id: UUID | None
    application_group_id: UUID | None
    origin: LessonOrigin
    taught_by: str
    state: LessonState
    in_use: bool = Field(description="Whether payments are recognised by it now")
    confirmations: int | None = Field(description="How often the payer identity was confirmed; null for a form")
    ended_by: str | None
    ended_at: datetime | None
    reason: str | None
    allowed_actions: list[Literal["forget"]]
    version: int
    created_at: datetime

    @classmethod
    def of(cls, row: Lesson, active: bool | None, confirmations: int | None, scopes: Iterable[str]) -> LessonRead:
        """From the row, and the payer identity that it speaks of."""
        is_format = row.kind == "number_format"
        plain = ("id", "kind", "account_id", "value", "normalized_value", "payment_id", "proposal_id",
                 "application_group_id", "origin", "taught_by", "state", "ended_by", "ended_at", "reason", "version",
                 "created_at")  # fmt: skip
        may = row.state == "active" and DECIDE in set(scopes)
        return cls(
            in_use=row.state == "active" if is_format else bool(active),
            confirmations=None if is_format else confirmations,
            allowed_actions=["forget"] if may else [],
            **{name: getattr(row, name) for name in plain},
        )


class LessonForget(Input):
    """Why it is to be forgotten."""

    reason: Comment | None = None


class NumberFormatRead(BaseModel):
    """A form of document numbers: 9 stands for any digit, `prefix` is what all of them begin with."""

    shape: str
    prefix: str
    numbers: int
    origin: Literal["documents", "taught"]


class NumberFormatsRead(BaseModel):
    """The forms that the matcher knows of: of the organization's own documents, and as payers quote them."""

    derived_at: datetime | None = Field(description="When the documents were last looked at; null: not yet")
    formats: list[NumberFormatRead]

    @classmethod
    def of(cls, derived: list[Any], taught: list[Any]) -> NumberFormatsRead:
        """From the rows."""
        known = {row["shape"] for row in derived}
        own = [NumberFormatRead(shape=r["shape"], prefix=r["prefix"], numbers=r["numbers"], origin="documents")
               for r in derived]  # fmt: skip
        quoted = [NumberFormatRead(shape=r["shape"], prefix="", numbers=r["numbers"], origin="taught")
                  for r in taught if r["shape"] not in known]  # fmt: skip
        return cls(derived_at=derived[0]["recorded_at"] if derived else None, formats=own + quoted)
