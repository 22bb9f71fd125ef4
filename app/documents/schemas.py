"""Bodies of the documents room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.documents.models import Document, DocumentLink
from app.infra.http.fields import Comment, Input

SubjectKind = Literal[
    "account", "invoice", "credit_memo", "adjustment", "payment", "remittance_advice", "dispute", "promise",
    "payment_plan", "collection_action", "correspondence", "inquiry", "escalation", "legal_case", "credit_file",
    "credit_review", "dunning_notice", "report_schedule",
]  # fmt: skip
DocumentCategory = Literal[
    "invoice_copy", "proof_of_delivery", "purchase_order", "contract", "complaint", "photo", "correspondence",
    "credit_report", "notice", "evidence", "other",
]  # fmt: skip


class DocumentLinkRead(BaseModel):
    """A record that the document belongs to."""

    id: UUID
    subject_kind: SubjectKind
    subject_id: UUID
    name: str
    category: DocumentCategory
    note: str | None
    linked_by: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: DocumentLink) -> DocumentLinkRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DocumentRead(BaseModel):
    """A stored document; `links` are those that the caller may see."""

    id: UUID
    name: str
    media_type: str = Field(examples=["application/pdf"])
    size_bytes: int
    sha256: str
    uploaded_by: str
    recorded_at: datetime
    links: list[DocumentLinkRead]
    allowed_actions: list[Literal["download", "link", "unlink"]]

    @classmethod
    def of(cls, row: Document, links: list[DocumentLink], *, may_write: bool) -> DocumentRead:
        """From the rows."""
        plain = ("id", "name", "media_type", "size_bytes", "sha256", "uploaded_by", "recorded_at")
        actions = ["download", "link", "unlink"] if may_write else ["download"]
        return cls.model_validate(
            {
                **{name: getattr(row, name) for name in plain},
                "links": [DocumentLinkRead.of(link) for link in links],
                "allowed_actions": actions,
            }
        )


class DocumentLinkCreate(Input):
    """Attach the document to one more record."""

    subject_kind: SubjectKind
    subject_id: UUID
    category: DocumentCategory = "other"
    note: Annotated[Comment | None, Field()] = None
