"""Disputes for tests: what a worker would do when it is told of what has happened."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.disputes.opening import DisputedPart, OpenDispute, open_dispute
from app.infra.database import SYSTEM, Actor, Database, WriteSession
from app.infra.reactions import event_of
from tests.factories import Tenant
from workers import disputes


async def dispute(
    session: WriteSession, *parts: tuple[UUID, int | None], on: date, reason: str = "damaged_goods", **more: object
) -> UUID:
    """A dispute of these instalments with these amounts."""
    found = tuple(DisputedPart(instalment_id, minor) for instalment_id, minor in parts)
    return await open_dispute(session, OpenDispute(found, reason, on, **more))  # type: ignore[arg-type]


async def follow_events(database: Database, tenant: Tenant) -> None:
    """Let the disputes follow every event so far, as the worker does once they are sealed."""
    async with database.write(tenant.organization_id, SYSTEM) as session:
        rows = await session.driver.fetch(
            "SELECT * FROM change_log WHERE organization_id = $1 AND event = ANY($2::text[]) ORDER BY id",
            tenant.organization_id, sorted(disputes.SUBSCRIBER.events),
        )  # fmt: skip
        await disputes.follow(session, [event_of(row, position) for position, row in enumerate(rows, start=1)])


async def add_user(session: WriteSession, email: str, *, name: str = "Grace", roles: tuple[str, ...] = ()) -> UUID:
    """An active user."""
    user_id = new_id()
    await session.driver.execute(
        "INSERT INTO users (organization_id, id, email, display_name, roles) VALUES ($1, $2, $3, $4, $5)",
        session.organization_id, user_id, email, name, list(roles),
    )  # fmt: skip
    return user_id


def person(name: str, *scopes: str, limit: int | None = 0, user_id: UUID | None = None) -> Actor:
    """A user who acts, with an approval limit in minor units."""
    return Actor("user", user_id or new_id(), name, frozenset(scopes), limit)
