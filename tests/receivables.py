"""Documents and money for tests, made by the services; and the control equation, computed from rows only."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import InvoiceId, new_id
from app.infra.database import ReadSession, WriteSession
from app.invoices.credit_memos import IssueCreditMemo, issue_credit_memo
from app.invoices.issue import issue_invoice
from app.invoices.rules import IssueInvoice
from app.payments.apply import ApplicationGroup, apply
from app.payments.record import RecordPayment, record_payment
from app.payments.types import Apply, ApplyLine, Source
from tests.factories import Tenant

CONTROL = "receivables", "unapplied_cash", "unidentified_cash"


async def add_account(session: WriteSession, number: str, *, parent_id: UUID | None = None) -> UUID:
    """Another customer account."""
    account_id = new_id()
    await session.driver.execute(
        "INSERT INTO accounts (organization_id, id, number, name, currency, parent_id)"
        " VALUES ($1, $2, $3, $3, 'EUR', $4)",
        session.organization_id, account_id, number, parent_id,
    )  # fmt: skip
    return account_id


async def add_rate(session: WriteSession, start: str, end: str, on: date, rate: Any) -> None:
    """An exchange rate in force from a day."""
    await session.driver.execute(
        "INSERT INTO exchange_rates (organization_id, id, from_currency, to_currency, rate_date, rate)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        session.organization_id, new_id(), start, end, on, rate,
    )  # fmt: skip


async def close_through(session: WriteSession, tenant: Tenant, day: date | None) -> None:
    """Close (or reopen) the periods of the tenant's legal entity."""
    await session.driver.execute(
        "UPDATE legal_entities SET closed_through = $3 WHERE organization_id = $1 AND id = $2",
        session.organization_id, tenant.legal_entity_id, day,
    )  # fmt: skip
    for key in [key for key in session.memory if key.startswith("legal_entity:")]:
        del session.memory[key]


async def issue(
    session: WriteSession, tenant: Tenant, amount_minor: int, on: date, *, currency: str = "EUR", **more: Any
) -> tuple[InvoiceId, UUID]:
    """An invoice of one instalment due 30 days later; its id and the instalment's."""
    facts: dict[str, Any] = {"account_id": tenant.account_id, "number": f"RE-{new_id()}", "kind": "invoice"}
    facts |= {"legal_entity_id": tenant.legal_entity_id, "due_date": date.fromordinal(on.toordinal() + 30)} | more
    if facts.get("payment_terms_id"):
        del facts["due_date"]
    command = IssueInvoice(currency=currency, amount_minor=amount_minor, invoice_date=on, **facts)
    invoice_id = await issue_invoice(session, command)
    instalment_id = await session.driver.fetchval(
        "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2", session.organization_id, invoice_id
    )
    return invoice_id, instalment_id


async def add_terms(session: WriteSession, percent_bp: int, days: int, net_days: int) -> UUID:
    """Payment terms such as 2/10 net 30."""
    terms_id = new_id()
    definition = f'{{"net_days": {net_days}, "discounts": [{{"percent_bp": {percent_bp}, "days": {days}}}]}}'
    await session.driver.execute(
        "INSERT INTO payment_terms (organization_id, id, code, name, definition) VALUES ($1, $2, $3, $3, $4::jsonb)",
        session.organization_id, terms_id, f"{percent_bp}/{days}", definition,
    )  # fmt: skip
    return terms_id


async def pay(
    session: WriteSession, tenant: Tenant, amount_minor: int, on: date, *, currency: str = "EUR", **more: Any
) -> UUID:
    """A receipt on the tenant's account (pass `account_id=None` for an unidentified one)."""
    facts = {"account_id": tenant.account_id, "legal_entity_id": tenant.legal_entity_id} | more
    return await record_payment(session, RecordPayment(amount_minor, currency, on, **facts))


async def credit(
    session: WriteSession, tenant: Tenant, amount_minor: int, on: date, *, currency: str = "EUR", number: str = ""
) -> UUID:
    """A credit memo of the tenant's account."""
    command = IssueCreditMemo(
        number=number or f"GS-{new_id()}",
        legal_entity_id=tenant.legal_entity_id,
        account_id=tenant.account_id,
        currency=currency,
        amount_minor=amount_minor,
        credit_date=on,
    )
    return await issue_credit_memo(session, command)


async def settle(
    session: WriteSession, source_id: UUID, instalment_id: UUID, amount_minor: int, on: date, *,
    credit_memo: bool = False, discount: int = 0, write_off: int = 0, **more: Any,
) -> ApplicationGroup:  # fmt: skip
    """Apply one source to one instalment; `more` goes to the line or the command."""
    of_line = {key: more.pop(key) for key in ("source_amount_minor", "exchange_rate", "currency") if key in more}
    line = ApplyLine(instalment_id, amount_minor, discount, write_off, **of_line)
    source = Source("credit_memo" if credit_memo else "payment", source_id)
    return await apply(session, Apply(source, (line,), on, **more))


async def flush(session: WriteSession) -> None:
    """Write what waits for the commit (postings, change log), and check deferred constraints."""
    await session.flush()
    for hook in list(session.before_commit):
        await hook(session)
    session.before_commit.clear()
    await session.driver.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def value(session: ReadSession, table: str, row_id: UUID, column: str) -> Any:
    """One column of one row."""
    return await session.driver.fetchval(
        f"SELECT {column} FROM {table} WHERE organization_id = $1 AND id = $2", session.organization_id, row_id
    )


async def ledger_balances(session: ReadSession, as_of: date | None = None) -> dict[tuple[str, str], int]:
    """Debits less credits by ledger account and currency; zeros are left out."""
    rows = await session.driver.fetch(
        "SELECT account, currency, sum(minor)::bigint AS minor FROM ("
        " SELECT debit_account AS account, currency, amount_minor AS minor, effective_date FROM transfers"
        " WHERE organization_id = $1 UNION ALL"
        " SELECT credit_account, currency, -amount_minor, effective_date FROM transfers WHERE organization_id = $1"
        ") t WHERE $2::date IS NULL OR effective_date <= $2 GROUP BY 1, 2 HAVING sum(minor) <> 0",
        session.organization_id, as_of,
    )  # fmt: skip
    return {(row["account"], row["currency"]): row["minor"] for row in rows}
