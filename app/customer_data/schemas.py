"""What customer data care takes and gives over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.customer_data.models import AccountDuplicate, AccountMerge, DataFinding
from app.customer_data.rules import FINDINGS
from app.infra.http.fields import Comment, Input, Reason

DuplicateState = Literal["proposed", "dismissed", "merged"]
FindingState = Literal["open", "accepted", "mended"]
FindingKind = Literal[
    "no_dunning_contact", "no_payment_terms", "no_country", "no_collector", "invalid_email", "bounced_address",
    "stale_contact", "terms_differ",
]  # fmt: skip


class DuplicateReason(BaseModel):
    """One reason for or against, in points."""

    name: str
    points: int


class DuplicateRead(BaseModel):
    """Two accounts that may be one customer."""

    id: UUID
    account_id: UUID
    other_account_id: UUID
    score: int = Field(description="0 to 100")
    reasons: list[DuplicateReason]
    state: DuplicateState
    decided_by: str | None
    note: str | None
    allowed_actions: list[Literal["dismiss", "merge"]]
    version: int
    created_at: datetime
    updated_at: datetime


class DuplicateDismiss(Input):
    """Why these are two customers."""

    note: Comment | None = None


class MergeRequest(Input):
    """The account that goes into the one of the path, and why."""

    merged_account_id: UUID
    reason: Reason


class MergeUndo(Input):
    """Why the two are to be apart again."""

    reason: Reason


class MergeRead(BaseModel):
    """One account merged into another."""

    id: UUID
    survivor_account_id: UUID
    merged_account_id: UUID
    state: Literal["merged", "undone"]
    reason: str
    merged_on: date
    merged_by: str
    undone_on: date | None
    undone_by: str | None
    undo_reason: str | None
    moved_contacts: int
    moved_payer_identities: int
    moved_members: int
    allowed_actions: list[Literal["undo"]]
    version: int


class FindingRead(BaseModel):
    """Something missing or stale in an account's data."""

    id: UUID
    account_id: UUID
    kind: FindingKind
    text: str
    detail: dict[str, Any]
    state: FindingState
    found_on: date
    closed_on: date | None
    note: str | None
    allowed_actions: list[Literal["accept"]]
    version: int


class FindingAccept(Input):
    """Why it may stay as it is."""

    note: Comment


class FindingCounts(BaseModel):
    """Open findings by kind, for badges."""

    total: int
    kinds: dict[str, int]


def duplicate_read(row: AccountDuplicate) -> DuplicateRead:
    """From the row."""
    return DuplicateRead.model_validate(
        {
            "id": row.id,
            "account_id": row.account_id,
            "other_account_id": row.other_id,
            "score": row.score,
            "reasons": [{"name": name, "points": points} for name, points in row.reasons],
            "state": row.state,
            "decided_by": row.decided_by,
            "note": row.note,
            "allowed_actions": [] if row.state == "merged" else ["merge"] + ["dismiss"] * (row.state == "proposed"),
            "version": row.version,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
    )


def merge_read(row: AccountMerge) -> MergeRead:
    """From the row."""
    names = ("id", "state", "reason", "merged_on", "merged_by", "undone_on", "undone_by", "undo_reason", "version")
    return MergeRead.model_validate(
        {name: getattr(row, name) for name in names}
        | {
            "survivor_account_id": row.survivor_id,
            "merged_account_id": row.merged_id,
            "moved_contacts": len(row.moved["contact_ids"]),
            "moved_payer_identities": len(row.moved["payer_identity_ids"]),
            "moved_members": len(row.moved["member_ids"]),
            "allowed_actions": ["undo"] if row.state == "merged" else [],
        }
    )


def finding_read(row: DataFinding) -> FindingRead:
    """From the row."""
    names = ("id", "account_id", "kind", "detail", "state", "found_on", "closed_on", "note", "version")
    return FindingRead.model_validate(
        {name: getattr(row, name) for name in names}
        | {"text": FINDINGS[row.kind], "allowed_actions": ["accept"] if row.state == "open" else []}
    )
