"""What the log of exports gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.exports.models import ExportRecord

ExportFormat = Literal["csv", "xlsx", "pdf", "ndjson", "json", "xml"]


class ExportRead(BaseModel):
    """Somebody took data out as a file."""

    id: UUID
    name: str = Field(description="The report, list or paper", examples=["aging"])
    format: ExportFormat
    filters: dict[str, str] = Field(description="What it was narrowed by, as it was asked")
    rows: int | None = Field(description="null: not counted")
    actor_kind: str
    actor_id: UUID | None
    actor_name: str
    request_id: str | None
    made_at: datetime

    @classmethod
    def of(cls, row: ExportRecord) -> ExportRead:
        """From the row."""
        return cls.model_validate(
            {
                **{name: getattr(row, name) for name in cls.model_fields if name not in ("rows", "made_at")},
                "rows": row.row_count,
                "made_at": row.recorded_at,
            }
        )
