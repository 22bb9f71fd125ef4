"""What a report by name is, and what it is asked for. The reports themselves stand in `catalogue.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.infra.database import ReadSession
from app.reports.tables import Report


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is asked for; `parameters.py` says which report takes what.

    `months`: how many month ends the series has. `in_currency`: everything converted to it by dated rates (None: each
    currency for itself). `start` and `limit` page the main table (limit None: all rows). `options` are a report's own
    words ("days": "90", "by": "overdue"); each report checks its own.
    """

    as_of: date
    known_at: datetime | None = None
    group_by: str = "organization"
    legal_entity_id: UUID | None = None
    account_id: UUID | None = None
    currency: str | None = None
    in_currency: str | None = None
    months: int = 0
    start: int = 0
    limit: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportDefinition:
    """A report by name: its title, the scopes it needs, the groups it knows, and what builds it from a snapshot."""

    name: str
    title: str
    scopes: tuple[str, ...]
    groups: tuple[str, ...]
    build: Callable[[ReadSession, ReportRequest], Awaitable[Report]]
