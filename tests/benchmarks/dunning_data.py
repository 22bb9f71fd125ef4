"""Many customers with something overdue, a policy, and a run that has approved a reminder for each."""

from __future__ import annotations

from datetime import date, timedelta

from app.core.clock import business_date, utc_now
from app.core.ids import new_id
from app.correspondence.preferences import Preferences, update_preferences
from app.dunning.messages.preferences import MessagePreferences, update_message_preferences
from app.dunning.runs import StartRun, plan_next, start_run
from app.infra.database import Database
from app.invoices.issue import issue_invoices
from app.invoices.rules import IssueInvoice
from tests.dunning_story import email, use_policy
from tests.factories import Tenant, make_tenant

INVOICES_EACH = 3
BATCH = 500
_ACCOUNTS = """
INSERT INTO accounts (organization_id, id, number, name, legal_name, currency, country, street, postal_code, city)
SELECT $1, r.id, 'D-' || r.n, 'Customer ' || r.n, 'Customer ' || r.n || ' Limited', 'EUR', 'DE',
    'Industriestraße ' || r.n,
    '10115', 'Berlin' FROM unnest($2::uuid[], $3::int[]) AS r(id, n)
"""
_CONTACTS = """
INSERT INTO contacts (organization_id, id, account_id, role, name, email)
SELECT $1, gen_random_uuid(), r.id, 'accounts_payable', 'Person ' || r.n, 'person' || r.n || '@customer.example'
FROM unnest($2::uuid[], $3::int[]) AS r(id, n)
"""


async def reminders(database: Database, count: int, *, messages_per_minute: int | None = None) -> Tenant:
    """An organization whose run has approved so many reminders by e-mail; nothing is sent yet."""
    tenant = await make_tenant(database)
    today = business_date(utc_now(), "Europe/Berlin")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await update_preferences(session, Preferences(quiet_channels=(), business_days_only=()), expected_version=0)
        pace = MessagePreferences(messages_per_minute=messages_per_minute)
        await update_message_preferences(session, pace, expected_version=0)
        await use_policy(session, [email(5)], since=today)
    for start in range(0, count, BATCH):
        await _customers(database, tenant, range(start, min(start + BATCH, count)), today)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id, _ = await start_run(session, StartRun("on_demand", today), today=today)
    more = True
    while more:
        async with database.write(tenant.organization_id, tenant.actor) as session:
            more = await plan_next(session, run_id, today=today)
    return tenant


async def _customers(database: Database, tenant: Tenant, numbers: range, today: date) -> None:
    ids = [new_id() for _ in numbers]
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(_ACCOUNTS, tenant.organization_id, ids, list(numbers))
        await session.driver.execute(_CONTACTS, tenant.organization_id, ids, list(numbers))
        await issue_invoices(
            session,
            [
                IssueInvoice(
                    account_id=account_id, legal_entity_id=tenant.legal_entity_id, kind="invoice", currency="EUR",
                    number=f"B-{number}-{part}", amount_minor=10_000 + number + part,
                    invoice_date=today - timedelta(days=40), due_date=today - timedelta(days=10 - part),
                )
                for account_id, number in zip(ids, numbers, strict=True) for part in range(INVOICES_EACH)
            ],
        )  # fmt: skip
