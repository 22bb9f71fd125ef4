"""Imports over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.integrations.control_totals import UNKNOWN
from app.integrations.imports import OPEN_STATES
from app.integrations.models import Import, ImportRowError

ImportKind = Literal[
    "accounts", "contacts", "invoices", "payments", "applications", "balances", "original_amounts", "bank_statement"
]
ImportState = Literal["queued", "running", "completed", "failed", "cancelled"]
Severity = Literal["refused", "note"]
JsonText = Annotated[str, StringConstraints(max_length=2_000)]  # a longer one comes in a form: addresses are bounded
_MEASURES = ("read", "created", "updated", "unchanged", "refused", "rounded")


class CountedSum(BaseModel):
    """Rows and what their amounts add up to."""

    rows: int
    amount: AmountOut


class ControlTotal(BaseModel):
    """What became of the rows of one currency. `read` = `created` + `updated` + `unchanged` + `refused`.

    `currency` is null for rows whose amount or currency could not be read. Credit memos count negative. `rounded` rows
    are also among the loaded ones.
    """

    currency: str | None
    read: CountedSum
    created: CountedSum
    updated: CountedSum
    unchanged: CountedSum
    refused: CountedSum
    rounded: CountedSum


class ImportProblemField(BaseModel):
    """One thing at fault in mapping or options."""

    pointer: str
    code: str
    detail: str


class ImportProblem(BaseModel):
    """Why the file as a whole was not read to its end. Rows before that place stay loaded."""

    code: str
    detail: str
    line: int | None
    column: str | None = Field(None, description="Header of the column, or its number", examples=["Betrag"])
    byte: int | None
    errors: list[ImportProblemField]


class ImportRead(BaseModel):
    """A file that is being loaded, or was."""

    id: UUID
    kind: ImportKind
    state: ImportState
    dry_run: bool
    file_name: str
    file_sha256: str
    file_bytes: int
    byte_position: int
    percent: Annotated[int, Field(ge=0, le=100)]
    rows_read: int
    rows_created: int
    rows_updated: int
    rows_unchanged: int
    rows_refused: int
    control_totals: list[ControlTotal]
    source_table: str | None = Field(description="Of the source; the watermark is kept for it", examples=["RM20101"])
    effects: dict[str, int] = Field(
        description="What followed beyond the rows: applications_undone, rows_before_watermark, accounts_not_stated",
        examples=[{"applications_undone": 2}],
    )
    error: ImportProblem | None
    requested_by: str
    mapping: dict[str, Any]
    options: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int
    allowed_actions: list[Literal["cancel"]]


class ImportRowErrorRead(BaseModel):
    """What an import says of one row. A `note` tells what was changed on the way in (rounded); the row was loaded."""

    row_number: Annotated[int, Field(description="The line of the file; of bank files the entry's number")]
    severity: Severity
    field: str | None
    code: str
    detail: str


class ImportPresetRead(BaseModel):
    """A shipped mapping: for which extract it is, and what it does with it."""

    name: str = Field(examples=["gp-RM20101-documents"])
    title: str
    about: str
    kind: ImportKind
    mapping: dict[str, Any]


class ImportPresetsRead(BaseModel):
    """All of them; the list is short."""

    data: list[ImportPresetRead]


def import_read(row: Import) -> ImportRead:
    """The JSON form of an import."""
    done = row.state == "completed"
    percent = 100 if done else min(99, row.byte_position * 100 // max(row.file_bytes, 1))
    error = row.error
    return ImportRead.model_validate(
        {
            **{name: getattr(row, name) for name in ImportRead.model_fields if hasattr(row, name)},
            "percent": percent,
            "control_totals": [_total(currency, found) for currency, found in row.control_totals.items()],
            "error": None if error is None else {"line": None, "byte": None, "errors": [], **error},
            "allowed_actions": ["cancel"] if row.state in OPEN_STATES else [],
        }
    )


def _total(currency: str, found: dict[str, Any]) -> dict[str, Any]:
    known = currency != UNKNOWN
    made: dict[str, Any] = {"currency": currency if known else None}
    for measure in _MEASURES:
        rows, minor = found.get(measure, (0, "0"))
        made[measure] = {"rows": rows, "amount": to_text(int(minor), currency) if known else "0"}
    return made


def row_error_read(row: ImportRowError) -> ImportRowErrorRead:
    """The JSON form of what is said of a row."""
    return ImportRowErrorRead.model_validate({name: getattr(row, name) for name in ImportRowErrorRead.model_fields})
