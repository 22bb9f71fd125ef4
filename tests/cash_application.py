"""Makers for tests of cash application: customers, documents, receipts, and runs over them."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from app.cash_application.run import run_matching, start_run
from app.core.ids import new_id
from app.infra.database import SYSTEM, WriteSession
from app.infra.reactions import event_of
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay
from workers.cash_learning import SUBSCRIBER

MARCH, APRIL, TODAY = date(2026, 3, 1), date(2026, 4, 2), date(2026, 4, 30)
IBAN = "DE02120300000000202051"


async def add_customer(session: WriteSession, number: str, name: str) -> UUID:
    """A customer account with a name that a payer can be recognised by."""
    account_id = new_id()
    await session.driver.execute(
        "INSERT INTO accounts (organization_id, id, number, name, currency) VALUES ($1, $2, $3, $4, 'EUR')",
        session.organization_id, account_id, number, name,
    )  # fmt: skip
    return account_id


async def owed(session: WriteSession, tenant: Tenant, number: str, minor: int, account_id: UUID | None = None) -> UUID:
    """An invoice of March; its instalment."""
    more: dict[str, Any] = {"number": number} | ({"account_id": account_id} if account_id else {})
    return (await issue(session, tenant, minor, MARCH, **more))[1]


async def receipt(session: WriteSession, tenant: Tenant, minor: int, **facts: Any) -> UUID:
    """An unidentified receipt of April."""
    return await pay(session, tenant, minor, facts.pop("on", APRIL), **{"account_id": None, **facts})


async def match(database: RolledBackDatabase, tenant: Tenant, *, retry: bool = False) -> UUID:
    """One run over what waits; its id."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id = await start_run(session, trigger="person", today=TODAY, retry=retry)
    await run_matching(database, tenant.organization_id, run_id)
    return run_id


async def catch_up(database: RolledBackDatabase, tenant: Tenant) -> None:
    """Let cash application react to everything so far, as a worker does with sealed events."""
    log = await rows(database, tenant, "SELECT * FROM change_log WHERE organization_id = $1 ORDER BY id")
    events = [event_of(row, place) for place, row in enumerate(log, 1) if row["event"] in SUBSCRIBER.events]
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await SUBSCRIBER.handle(session, events)


async def rows(database: RolledBackDatabase, tenant: Tenant, statement: str, *arguments: Any) -> list[Any]:
    """Rows of a statement whose first parameter is the organization."""
    async with database.read(tenant.organization_id) as session:
        return list(await session.driver.fetch(statement, tenant.organization_id, *arguments))


async def proposals_of(database: RolledBackDatabase, tenant: Tenant, payment_id: UUID) -> list[Any]:
    """The proposals of a payment, the oldest first."""
    statement = "SELECT * FROM proposals WHERE organization_id = $1 AND payment_id = $2 ORDER BY id"
    return await rows(database, tenant, statement, payment_id)


async def proposal_of(database: RolledBackDatabase, tenant: Tenant, payment_id: UUID) -> UUID:
    """The latest proposal of a payment."""
    found: UUID = (await proposals_of(database, tenant, payment_id))[-1]["id"]
    return found


async def payment_of(database: RolledBackDatabase, tenant: Tenant, payment_id: UUID) -> Any:
    """The payment as it is now."""
    return (await rows(database, tenant, "SELECT * FROM payments WHERE organization_id = $1 AND id = $2", payment_id))[
        0
    ]


async def open_minor(database: RolledBackDatabase, tenant: Tenant, instalment_id: UUID) -> int:
    """What an instalment has open."""
    statement = "SELECT open_minor FROM instalments WHERE organization_id = $1 AND id = $2"
    return int((await rows(database, tenant, statement, instalment_id))[0]["open_minor"])
