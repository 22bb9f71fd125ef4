"""Small makers of rows for tests. Documents are made by the services themselves, not here."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.core.ids import OrganizationId, new_id
from app.infra.database import Actor, Database
from app.infra.principal import Principal

ALL_SCOPES = frozenset(
    f"{resource}:{verb}"
    for resource in (
        "organizations", "users", "api-clients", "accounts", "invoices", "payments", "ledger", "cash-application",
        "promises", "collections",
        "credit", "reports", "imports", "bank-statements", "events", "audit", "jobs", "mail",
        "documents", "disputes", "all-disputes", "correspondence", "dunning", "forecasts", "webhooks", "exports",
    )
    for verb in ("read", "write", "approve", "close")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization made for a test, with the ids of what stands in it."""

    organization_id: OrganizationId
    legal_entity_id: UUID
    bank_account_id: UUID
    account_id: UUID
    actor: Actor

    def principal(self, *scopes: str) -> Principal:
        """A principal of this organization; with every scope when none is named."""
        return Principal(self.organization_id, self.actor, frozenset(scopes) or ALL_SCOPES)


async def make_tenant(database: Database, *, name: str = "Acme Parts", time_zone: str = "Europe/Berlin") -> Tenant:
    """An organization with one EUR legal entity `main`, a bank account and the customer account `C-1`."""
    organization, entity, bank, account = (new_id() for _ in range(4))
    actor = Actor("user", new_id(), "Ada Tester", approval_limit_minor=100_000)
    async with database.write(organization, actor) as session:
        driver = session.driver
        await driver.execute(
            "INSERT INTO organizations (id, name, time_zone, calendar_country, base_currency)"
            " VALUES ($1, $2, $3, 'DE', 'EUR')",
            organization, name, time_zone,
        )  # fmt: skip
        await driver.execute(
            "INSERT INTO legal_entities (organization_id, id, code, name, country, base_currency)"
            " VALUES ($1, $2, 'main', 'Acme GmbH', 'DE', 'EUR')",
            organization, entity,
        )  # fmt: skip
        await driver.execute(
            "INSERT INTO bank_accounts (organization_id, id, legal_entity_id, name, identifier, currency)"
            " VALUES ($1, $2, $3, 'House bank', 'DE89370400440532013000', 'EUR')",
            organization, bank, entity,
        )  # fmt: skip
        await driver.execute(
            "INSERT INTO accounts (organization_id, id, number, name, currency, country)"
            " VALUES ($1, $2, 'C-1', 'Brandt Maschinenbau GmbH', 'EUR', 'DE')",
            organization, account,
        )  # fmt: skip
    return Tenant(OrganizationId(organization), entity, bank, account, actor)
