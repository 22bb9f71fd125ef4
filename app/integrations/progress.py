"""How far a piece of long work is, in one shape for all kinds: what a progress bar needs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.core.errors import NotFound
from app.core.ids import OrganizationId
from app.infra.database import Database


class WorkNotFound(NotFound):
    """No such run, report or import in this organization."""

    code = "progress.not_found"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of long work: its table, the scope that reads it, and how far it is in SQL."""

    table: str
    scope: str
    done: str
    total: str
    ended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `done` of `total` pieces, where the total is known; `ended`: nothing more will happen."""

    id: UUID
    state: str
    done: int
    total: int | None
    ended: bool


_BYTES = "CASE WHEN t.state = 'completed' THEN t.file_bytes ELSE t.byte_position END"
KINDS: dict[str, Kind] = {
    "import": Kind("imports", "imports:read", _BYTES, "t.file_bytes", ("completed", "failed", "cancelled")),
    "matching": Kind(
        "matching_runs", "cash-application:read", "t.payments_done", "t.payments_total", ("completed", "failed")
    ),
    "dunning": Kind("dunning_runs", "dunning:read", "t.accounts", "t.accounts_total", ("done", "failed")),
    "charging": Kind("charging_runs", "dunning:read", "t.accounts", "NULL::bigint", ("done",)),
    "forecast": Kind("forecast_runs", "forecasts:read", "t.progress_permille", "1000", ("done", "failed", "cancelled")),
    "report": Kind("report_runs", "reports:read", "t.progress", "100", ("completed", "failed", "cancelled", "expired")),
}


async def find_progress(database: Database, organization_id: OrganizationId, kind: str, work_id: UUID) -> Progress:
    """How far this piece of work is. Raises WorkNotFound."""
    made = KINDS[kind]
    rows = await database.look_up(
        f"SELECT t.id, t.state, {made.done} AS done, {made.total} AS total FROM {made.table} t"
        " WHERE t.organization_id = $1 AND t.id = $2",
        organization_id,
        work_id,
    )
    if not rows:
        raise WorkNotFound("no such work")
    row = rows[0]
    ended = row["state"] in made.ended
    return Progress(row["id"], row["state"], int(row["done"] or 0), row["total"], ended)
