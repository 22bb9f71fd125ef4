"""SQL of the log of exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.exports.models import ExportRecord


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """What the log may be narrowed by."""

    name: str | None = None
    format: str | None = None
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def exports_statement(organization_id: UUID, wanted: ExportFilter) -> Select[Any]:
    """Rows of the log, without order and bounds."""
    statement = select(ExportRecord).where(ExportRecord.organization_id == organization_id)
    for column, value in (
        (ExportRecord.name, wanted.name),
        (ExportRecord.format, wanted.format),
        (ExportRecord.actor_id, wanted.actor_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.since is not None:
        statement = statement.where(ExportRecord.recorded_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(ExportRecord.recorded_at < wanted.until)
    return statement
