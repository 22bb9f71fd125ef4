"""Write down that data leave the service as a file. Every export of a report, list or paper says so here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.ids import new_id
from app.exports.models import ExportRecord
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Database, WriteSession
from app.infra.principal import Principal

FILTERS_MAX = 40
FILTER_LENGTH_MAX = 200
_NO_FILTERS = frozenset({"format", "cursor", "limit", "sort"})


@dataclass(frozen=True, slots=True)
class Export:
    """What leaves: the name of the report or list, the format, what it was narrowed by, how many rows if counted."""

    name: str
    format: str
    filters: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None


async def log_export(database: Database, principal: Principal, export: Export) -> None:
    """Write the row in a transaction of its own, before the first byte leaves: what cannot be logged does not go out.

    `database` is the writing one. Call it when no other transaction is open.
    """
    async with database.write(principal.organization_id, principal.actor) as session:
        record_export(session, export)


def record_export(session: WriteSession, export: Export) -> None:
    """The same within a transaction that is open already."""
    kept = [(name, value) for name, value in export.filters.items() if name not in _NO_FILTERS][:FILTERS_MAX]
    filters = {name[:64]: value[:FILTER_LENGTH_MAX] for name, value in kept}
    export_id = new_id()
    session.add(
        ExportRecord(
            organization_id=session.organization_id,
            id=export_id,
            name=export.name,
            format=export.format,
            filters=filters,
            row_count=export.rows,
            actor_kind=session.actor.kind,
            actor_id=session.actor.id,
            actor_name=session.actor.name,
            request_id=session.request_id,
        )
    )
    after = {"name": export.name, "format": export.format, "rows": export.rows}
    record_change(session, ChangeRow("export", export_id, "export.made", after=after))
