"""Record what an electronic invoice says: issued, brought up to date, or attached to what another source issued."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.rules import PaymentTerms
from app.accounts.terms import create_payment_terms
from app.accounts.terms_notation import terms_to_json
from app.core.money import to_text
from app.documents.service import KeptContent, Subject, add_document
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession, attempt
from app.integrations.invoice_files import queries
from app.integrations.invoice_files.errors import ContradictsRecord
from app.integrations.invoice_files.parties import find_buyer, find_seller, learn
from app.integrations.invoice_files.rules import CREDIT_MEMO, SOURCE, Owed, discount_terms, due, lines_of, owed
from app.integrations.invoice_formats.records import EInvoice
from app.invoices.credit_memo_upsert import upsert_credit_memo
from app.invoices.credit_memos import IssueCreditMemo
from app.invoices.rules import IssueInvoice
from app.invoices.sql.payment_references import set_payment_references
from app.invoices.upsert import upsert_invoice

INVOICE_COPY = "invoice_copy"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller says beside the file."""

    legal_entity: str | None = None
    account_id: UUID | None = None
    account_number: str | None = None
    source: str = SOURCE
    prepaid_is_settled: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the file. `outcome`: created, updated, corrected, reissued, unchanged, attached."""

    outcome: str
    kind: str
    document_id: UUID
    account_id: UUID
    found_by: tuple[str, ...]
    legal_entity_id: UUID
    what: Owed
    file_id: UUID
    notes: tuple[str, ...]


async def take_invoice(
    session: WriteSession, invoice: EInvoice, choices: Choices, kept: KeptContent, *, today: date
) -> Taken:
    """Find seller and buyer, record the document, attach the file to it. The same file again changes nothing.

    Raises the refusals of `errors`, and those of the invoices room (period, number, settled amounts).
    """
    notes: list[str] = []
    what = owed(invoice, prepaid_is_settled=choices.prepaid_is_settled)
    entity_id, code, note = await find_seller(session, invoice, choices.legal_entity)
    notes += [note] if note else []
    account_id, found_by = await find_buyer(session, invoice.buyer, choices.account_id, choices.account_number)
    known = await queries.documents_of_number(session, entity_id, what.kind, invoice.number)
    others = [row for row in known if row["source"] != choices.source]
    if others:
        document_id, outcome = _same_document(invoice, what, account_id, others[0]), "attached"
    elif what.kind == CREDIT_MEMO:
        command = await _credit_memo(session, invoice, what, choices, entity_id, code, account_id)
        made = await upsert_credit_memo(session, _keyed(command, known), today=today)
        document_id, outcome = made.id, made.outcome
    else:
        issue, more = await _invoice(session, invoice, what, choices, entity_id, code, account_id)
        notes += more
        made = await upsert_invoice(session, _keyed(issue, known), today=today)
        document_id, outcome = made.id, made.outcome
    if what.kind != CREDIT_MEMO and invoice.payment_reference:
        await _ask_to_quote(session, document_id, invoice, outcome)
    if outcome in ("created", "attached"):
        await learn(session, account_id, invoice.buyer)
    subject = Subject(CREDIT_MEMO if what.kind == CREDIT_MEMO else "invoice", document_id)
    file_id = await add_document(session, kept, subject, category=INVOICE_COPY)
    return Taken(
        outcome, what.kind, document_id, account_id, tuple(found_by), entity_id, what, file_id, tuple(notes)
    )  # fmt: skip


class _Tried(Exception):
    """Ends what was only tried; says what would have become of the file."""

    def __init__(self, taken: Taken) -> None:
        super().__init__()
        self.taken = taken


async def try_invoice(
    session: WriteSession, invoice: EInvoice, choices: Choices, kept: KeptContent, *, today: date
) -> Taken:
    """What would become of the file; nothing of it is written. Raises as `take_invoice`."""
    try:
        async with attempt(session):
            raise _Tried(await take_invoice(session, invoice, choices, kept, today=today))
    except _Tried as tried:
        return tried.taken


def _keyed(command: Any, known: list[Any]) -> Any:
    """The number is what identifies the document; one that is on record under another key of this source keeps it."""
    key = known[0]["external_id"] if known and known[0]["external_id"] else command.external_id
    return replace(command, external_id=key)


def _same_document(invoice: EInvoice, what: Owed, account_id: UUID, row: Any) -> UUID:
    """The document that another source (an ERP) issued and owns. Raises ContradictsRecord."""
    differences = []
    if row["currency"] != invoice.currency or row["amount_minor"] != what.amount_minor:
        shown = f"{to_text(row['amount_minor'], row['currency'])} {row['currency']}"
        differences.append(f"the amount on record is {shown}")
    if row["account_id"] != account_id:
        differences.append("the document on record is of another account")
    if differences:
        detail = f"{row['source']} has {invoice.number} on record: {'; '.join(differences)}"
        raise ContradictsRecord(detail, pointer=invoice.amount_path, document_id=str(row["id"]))
    document_id: UUID = row["id"]
    return document_id


async def _credit_memo(
    session: WriteSession, invoice: EInvoice, what: Owed, choices: Choices, entity_id: UUID, code: str, account_id: UUID
) -> IssueCreditMemo:
    credited = None
    if invoice.preceding:
        credited = await queries.credited_invoice(session, entity_id, account_id, invoice.preceding)
    reason = f"credits {', '.join(invoice.preceding)}"[:200] if invoice.preceding else None
    head = _head(invoice, what, choices, entity_id, code, account_id)
    return IssueCreditMemo(**head, credit_date=invoice.issue_date, invoice_id=credited, reason=reason)


def _head(
    invoice: EInvoice, what: Owed, choices: Choices, entity_id: UUID, code: str, account_id: UUID
) -> dict[str, Any]:
    """What invoices and credit memos have in common."""
    return {
        "number": invoice.number,
        "legal_entity_id": entity_id,
        "account_id": account_id,
        "currency": invoice.currency,
        "amount_minor": what.amount_minor,
        "source": choices.source,
        "external_id": f"{code}:{what.kind}:{invoice.number}",
        "tax_minor": what.tax_minor,
        "open_minor": what.open_minor,
    }


async def _invoice(
    session: WriteSession, invoice: EInvoice, what: Owed, choices: Choices, entity_id: UUID, code: str, account_id: UUID
) -> tuple[IssueInvoice, list[str]]:
    due_date, instalments = due(invoice, what)
    terms, note = discount_terms(invoice, due_date)
    terms_id = await _terms_id(session, terms) if terms is not None else None
    command = IssueInvoice(
        **_head(invoice, what, choices, entity_id, code, account_id),
        kind=what.kind,
        invoice_date=invoice.issue_date,
        due_date=due_date,
        payment_terms_id=terms_id,
        instalments=instalments,
        purchase_order=invoice.purchase_order,
        delivery_reference=invoice.delivery_reference,
        contract_reference=invoice.contract_reference,
        lines=lines_of(invoice),
    )
    return command, [note] if note else []


async def _terms_id(session: WriteSession, terms: PaymentTerms) -> UUID:
    """Payment terms of just this content, whatever their code; made when there are none."""
    wanted = terms_to_json(terms)
    rows = await session.driver.fetch(
        "SELECT id, code, definition FROM payment_terms WHERE organization_id = $1 ORDER BY id", session.organization_id
    )
    for row in rows:
        if row["definition"] == wanted:
            found: UUID = row["id"]
            return found
    taken = {row["code"] for row in rows}
    code = terms.code if terms.code not in taken else f"{terms.code} e-invoice"
    return await create_payment_terms(session, replace(terms, code=code))


async def _ask_to_quote(session: WriteSession, invoice_id: UUID, invoice: EInvoice, outcome: str) -> None:
    if await set_payment_references(session, {invoice_id: invoice.payment_reference}) and outcome != "created":
        facts = {"payment_reference": invoice.payment_reference}
        record_change(session, ChangeRow("invoice", invoice_id, "invoice.updated", None, facts))
