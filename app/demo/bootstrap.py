"""`python -m app.demo.bootstrap`: the demo organization and a token for it, as one line of JSON on stdout.

Safe to repeat: the organization has a fixed id, so that a second start finds it again.
"""

from __future__ import annotations

import asyncio
import json
import sys
from uuid import UUID

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.infra.connection import APP_ROLE, database_settings
from app.infra.database import SYSTEM, Database
from app.organizations import queries
from app.organizations.access import NewApiClient, create_api_client
from app.organizations.service import NewOrganization, create_organization
from app.organizations.tokens import Grant, TokenKey
from app.settings import Settings

ORGANIZATION_ID = UUID("0190a000-0000-7000-8000-00000000d330")
CLIENT_NAME = "demo console"
TOKEN_SECONDS = 30 * 86_400


async def bootstrap(settings: Settings) -> dict[str, object]:
    """Create what is missing; answers `token`, `organization_id` and whether this was the first time."""
    database = Database.connect(database_settings(settings, role=APP_ROLE, pool_size=1))
    try:
        first = not await _exists(database)
        if first:
            await create_organization(
                database,
                NewOrganization(
                    id=ORGANIZATION_ID,
                    name="Varnholt Group (demo)",
                    time_zone="Europe/Berlin",
                    country="DE",
                    currency="EUR",
                    legal_entity_code="DE01",
                    legal_entity_name="Varnholt Antriebstechnik GmbH",
                    sandbox=True,
                ),
            )
        client_id = await _client(database)
    finally:
        await database.close()
    grant = Grant(ORGANIZATION_ID, "api_client", client_id)
    token = TokenKey(settings).issue(grant, utc_now(), TOKEN_SECONDS)
    return {"token": token, "organization_id": str(ORGANIZATION_ID), "first": first}


async def _exists(database: Database) -> bool:
    async with database.read(ORGANIZATION_ID) as session:
        try:
            await queries.get_organization(session)
        except NotFound:
            return False
    return True


async def _client(database: Database) -> UUID:
    """The API client behind the printed token; its secret is never shown, the token is signed here."""
    async with database.write(ORGANIZATION_ID, SYSTEM) as session:
        found: UUID | None = await session.driver.fetchval(
            "SELECT id FROM api_clients WHERE organization_id = $1 AND name = $2", ORGANIZATION_ID, CLIENT_NAME
        )
        if found is not None:
            return found
        made, _ = await create_api_client(session, NewApiClient(CLIENT_NAME, ["admin"], [], 3600), granted_by=None)
        return made.id


def main() -> int:
    """Command entry."""
    print(json.dumps(asyncio.run(bootstrap(Settings()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
