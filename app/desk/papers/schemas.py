"""What evidence files give over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from app.desk.papers.models import EvidenceFile
from app.statements.texts import PaperLanguage


class EvidenceLeftOutRead(BaseModel):
    """A document of the case that is not among the pages, and why."""

    name: str
    reason: str


class EvidenceFileRead(BaseModel):
    """A bundle for a legal case; when completed, its bytes are the document `document_id`."""

    id: UUID
    case_id: UUID
    state: Literal["queued", "running", "completed", "failed"]
    as_of: date
    language: PaperLanguage
    document_id: UUID | None
    pages: int | None
    attached: int
    left_out: list[EvidenceLeftOutRead]
    error: str | None
    requested_by: str
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: EvidenceFile) -> EvidenceFileRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})
