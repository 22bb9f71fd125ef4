"""A real access token for a tenant made by the factories."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
from pydantic import SecretStr

from app.organizations.tokens import Grant, TokenKey
from app.settings import Settings
from tests.benchmarks.servers import TOKEN_SECRET
from tests.factories import Tenant


async def token_for(owner_url: str, tenant: Tenant, *roles: str) -> str:
    """A token of the tenant's user, who gets these roles (`admin` when none is named)."""
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.recorded_at', now()::text, true)")
            await connection.execute(
                "INSERT INTO users (organization_id, id, email, display_name, roles) VALUES ($1, $2, $3, $4, $5)",
                tenant.organization_id,
                tenant.actor.id,
                "ada@acme.example",
                tenant.actor.name,
                list(roles) or ["admin"],
            )
    finally:
        await connection.close()
    assert tenant.actor.id is not None
    grant = Grant(tenant.organization_id, "user", tenant.actor.id)
    return TokenKey(Settings(token_secret=SecretStr(TOKEN_SECRET))).issue(grant, datetime.now(UTC), 86_400)
