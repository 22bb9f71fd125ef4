"""A matching run over real rows: facts are loaded, sure matches applied, the rest proposed with reasons."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from app.cash_application import queries
from app.cash_application.run import run_matching, start_run
from app.core.ids import new_id
from app.infra.database import WriteSession
from app.invoices.credit_memos import IssueCreditMemo, issue_credit_memo
from app.invoices.issue import issue_invoice
from app.invoices.rules import IssueInvoice
from app.payments.record import RecordPayment, record_payment
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant

TODAY = date(2026, 4, 30)


async def _account(session: WriteSession, number: str, name: str) -> UUID:
    account_id = new_id()
    await session.driver.execute(
        "INSERT INTO accounts (organization_id, id, number, name, currency) VALUES ($1, $2, $3, $4, 'EUR')",
        session.organization_id, account_id, number, name,
    )  # fmt: skip
    return account_id


async def _invoice(
    session: WriteSession, tenant: Tenant, number: str, amount_minor: int, account_id: UUID | None = None
) -> UUID:
    command = IssueInvoice(
        kind="invoice",
        number=number,
        legal_entity_id=tenant.legal_entity_id,
        account_id=account_id or tenant.account_id,
        currency="EUR",
        amount_minor=amount_minor,
        invoice_date=date(2026, 3, 1),
        due_date=date(2026, 3, 31),
    )
    return await issue_invoice(session, command)


async def _payment(session: WriteSession, tenant: Tenant, amount_minor: int, **facts: Any) -> UUID:
    command = RecordPayment(
        amount_minor=amount_minor,
        currency="EUR",
        value_date=date(2026, 4, 2),
        legal_entity_id=tenant.legal_entity_id,
        **facts,
    )
    return await record_payment(session, command)


async def _run(database: RolledBackDatabase, tenant: Tenant) -> dict[str, Any]:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id = await start_run(session, trigger="person", today=TODAY)
    await run_matching(database, tenant.organization_id, run_id)
    async with database.read(tenant.organization_id) as read:
        return (await queries.get_run(read, run_id)).report


async def _payment_row(database: RolledBackDatabase, tenant: Tenant, payment_id: UUID) -> Any:
    async with database.read(tenant.organization_id) as read:
        return await read.driver.fetchrow(
            "SELECT status, unapplied_minor, matching_state, account_id FROM payments"
            " WHERE organization_id = $1 AND id = $2",
            tenant.organization_id, payment_id,
        )  # fmt: skip


async def _open_minor(database: RolledBackDatabase, tenant: Tenant) -> int:
    async with database.read(tenant.organization_id) as read:
        return int(
            await read.driver.fetchval(
                "SELECT coalesce(sum(open_minor), 0) FROM instalments WHERE organization_id = $1",
                tenant.organization_id,
            )
        )


async def test_named_invoices_are_applied_and_the_payer_is_learned(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await _invoice(session, tenant, "RE-2026-001234", 119_00)
        await _invoice(session, tenant, "RE-2026-001235", 50_00)
        payment = await _payment(
            session, tenant, 169_00, remittance_text="Rechnungen RE-2026-001234 und RE 2026 001235",
            payer_name="BRANDT MASCHINENBAU", payer_bank_identifier="DE02120300000000202051",
        )  # fmt: skip
    report = await _run(database, tenant)
    assert report["applied"]["payments"] == 1, report
    row = await _payment_row(database, tenant, payment)
    assert (row["status"], row["unapplied_minor"], row["matching_state"]) == ("applied", 0, "done")
    assert row["account_id"] == tenant.account_id
    assert await _open_minor(database, tenant) == 0
    async with database.read(tenant.organization_id) as read:
        learned = await read.driver.fetch(
            "SELECT kind, origin FROM payer_identities WHERE organization_id = $1 ORDER BY kind",
            tenant.organization_id,
        )
    assert [tuple(found) for found in learned] == [("bank_identifier", "learned"), ("payer_name", "learned")]


async def test_a_credit_memo_named_with_an_invoice_is_netted(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await _invoice(session, tenant, "RE-7001234", 100_00)
        await issue_credit_memo(
            session,
            IssueCreditMemo(
                number="GS-8005678",
                legal_entity_id=tenant.legal_entity_id,
                account_id=tenant.account_id,
                currency="EUR",
                amount_minor=20_00,
                credit_date=date(2026, 3, 5),
            ),
        )
        payment = await _payment(session, tenant, 80_00, remittance_text="RE-7001234 abzgl. GS-8005678")
    await _run(database, tenant)
    row = await _payment_row(database, tenant, payment)
    assert (row["status"], row["unapplied_minor"]) == ("applied", 0), row
    assert await _open_minor(database, tenant) == 0


async def test_equal_candidates_are_left_to_a_person(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        other = await _account(session, "C-2", "Hansen Logistik GmbH")
        await _invoice(session, tenant, "RE-1000001", 100_00)
        await _invoice(session, tenant, "RE-1000002", 100_00, other)
        payment = await _payment(session, tenant, 100_00, remittance_text="thank you")
    report = await _run(database, tenant)
    assert "applied" not in report
    row = await _payment_row(database, tenant, payment)
    assert (row["status"], row["unapplied_minor"]) == ("unidentified", 100_00)
    assert row["matching_state"] in ("no_match", "proposed")


async def test_a_second_run_finds_nothing_to_do(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await _invoice(session, tenant, "RE-2026-001234", 119_00)
        await _payment(session, tenant, 119_00, remittance_text="RE-2026-001234", account_id=tenant.account_id)
    assert (await _run(database, tenant))["applied"]["payments"] == 1
    assert await _run(database, tenant) == {}
    assert await _open_minor(database, tenant) == 0
