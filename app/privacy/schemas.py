"""What erasure and retention take and give over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.infra.http.fields import Input, Name, Reason, unset
from app.privacy.erasure import KEPT, ErasePersonalData
from app.privacy.models import PersonalDataErasure, RetentionSettings
from app.privacy.retention import Over
from app.privacy.rules import KINDS, MONTHS_MAX

Months = Annotated[int, Field(ge=1, le=MONTHS_MAX)]
RetentionKind = Literal["contacts", "correspondence", "documents", "uploads", "exports", "reports"]


class PersonalDataErase(Input):
    """A request of a person to be forgotten."""

    requested_by: Name = Field(description="Who asked: a reference is enough, no personal data are needed")
    reason: Reason
    force: bool = Field(False, description="Also while a legal case is open; the reason says why")
    erase_name: bool = Field(False, description="Also the account's own name: a private person, a sole trader")

    def command(self, account_id: UUID) -> ErasePersonalData:
        """The plain command."""
        return ErasePersonalData(account_id, self.requested_by, self.reason, self.force, self.erase_name)


class PersonalDataErasureRead(BaseModel):
    """Personal data were erased: how many rows of each kind, and what stays."""

    id: UUID
    account_id: UUID
    requested_by: str
    reason: str
    forced: bool = Field(description="Erased although a legal case was open")
    erased: dict[str, int] = Field(description="Kind of rows: how many")
    files_erased: int
    files_kept: int = Field(description="Files that another record still needs")
    kept: list[str] = Field(description="What stays, and why")
    actor_name: str
    erased_at: datetime

    @classmethod
    def of(cls, row: PersonalDataErasure) -> PersonalDataErasureRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in ("kept", "erased_at")}
        return cls(**plain, kept=list(KEPT), erased_at=row.recorded_at)


class RetentionRead(BaseModel):
    """For how many months each kind of data is kept; null: for ever. `ETag` is "0" while nothing was set."""

    contacts_months: int | None = Field(description="Contacts of inactive accounts, since the account last changed")
    correspondence_months: int | None = Field(description="Letters and e-mails, since the last message of the thread")
    documents_months: int | None = Field(description="Stored files, since they were stored and last attached")
    uploads_months: int | None = Field(description="Files of imports, since the import ended")
    exports_months: int | None = Field(description="The log of who took data out as a file")
    reports_months: int | None = Field(description="To whom scheduled reports went, with their e-mails and files")
    version: int

    @classmethod
    def of(cls, row: RetentionSettings | None) -> RetentionRead:
        """From the row, or from none."""
        months = {f"{kind}_months": getattr(row, f"{kind}_months", None) for kind in KINDS}
        return cls(**months, version=0 if row is None else row.version)


class RetentionUpdate(Input):
    """Periods to change; null keeps for ever."""

    contacts_months: Months | None = unset()
    correspondence_months: Months | None = unset()
    documents_months: Months | None = unset()
    uploads_months: Months | None = unset()
    exports_months: Months | None = unset()
    reports_months: Months | None = unset()


class RetentionOverRead(BaseModel):
    """How much of a kind goes at the next night."""

    kind: RetentionKind
    months: int | None
    before: date | None = Field(description="What is dated before this day goes; null: the kind is kept")
    count: int

    @classmethod
    def of(cls, over: Over) -> RetentionOverRead:
        """From what was counted."""
        return cls.model_validate({name: getattr(over, name) for name in cls.model_fields})


class RetentionPreviewRead(BaseModel):
    """A dry run of the night."""

    business_date: date
    kinds: list[RetentionOverRead]
