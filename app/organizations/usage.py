"""When users and API clients last acted, to the hour: access reviews ask for it."""

from __future__ import annotations

from uuid import UUID

from app.infra.database import WriteSession

_NOTE_USE = """
UPDATE {table} SET last_used_at = clock_timestamp() WHERE (organization_id, id) IN (
    SELECT organization_id, id FROM {table} WHERE organization_id = $1 AND id = $2
    AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - make_interval(secs => $3))
    FOR NO KEY UPDATE SKIP LOCKED)
"""


async def note_use(session: WriteSession, kind: str, actor_id: UUID, every_seconds: float) -> None:
    """Note that a user or API client acts, at most so often; no change of the record, and nobody waits for it."""
    table = {"user": "users", "api_client": "api_clients"}[kind]
    await session.driver.execute(_NOTE_USE.format(table=table), session.organization_id, actor_id, float(every_seconds))
