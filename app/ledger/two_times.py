"""The two times of every report: `as_of` bounds effective dates, `known_at` bounds recorded instants.

The same pair gives the same cents for ever. Therefore a `known_at` is taken only when nothing recorded before it can
still appear: no transaction that began before it is still running.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.infra.database import Database, ReadSession, settled_before
from app.ledger.errors import KnownAtNotSettled
from app.organizations.queries import local_today


@dataclass(frozen=True, slots=True)
class Times:
    """Rows count when effective on or before `as_of` and recorded at or before `known_at` (None: all of them)."""

    as_of: date
    known_at: datetime | None = None


async def resolve_times(session: ReadSession, as_of: date | None, known_at: datetime | None, today: date) -> Times:
    """The times of a report; without `as_of` it is `today`. Call it in a transaction before the report's snapshot.

    Raises KnownAtNotSettled when `known_at` is not before everything that can still be recorded.
    """
    if known_at is not None:
        settled = await settled_before(session)
        if known_at >= settled:
            raise KnownAtNotSettled(
                f"something recorded at or before {known_at.isoformat()} may still appear; take an instant before "
                f"{settled.isoformat()}, or ask again",
                pointer="/query/known_at",
                settled_before=settled.isoformat(),
            )
    return Times(as_of or today, known_at)


@asynccontextmanager
async def snapshot_at(
    database: Database, organization_id: UUID, as_of: date | None, known_at: datetime | None, now: datetime
) -> AsyncIterator[tuple[ReadSession, Times]]:
    """One snapshot for a report, opened after its times were found to be settled.

    Raises KnownAtNotSettled.
    """
    async with database.read(organization_id) as session:
        times = await resolve_times(session, as_of, known_at, await local_today(session, now))
    async with database.read(organization_id, snapshot=True) as session:
        yield session, times
