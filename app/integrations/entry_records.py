"""From a bank's transaction to what the payments room records and what the entry keeps. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from uuid import UUID

from app.core.money import Money, to_text
from app.integrations.bank_formats.records import (
    CreditorReference,
    Entry,
    Party,
    Problem,
    StructuredRemittance,
    Transaction,
)
from app.organizations.rules import normalize_identifier
from app.payments.record import RecordPayment

SOURCE = "bank"
REMITTANCE_LENGTH_MAX = 4_000
NAME_LENGTH_MAX = 200
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str | None, length: int = NAME_LENGTH_MAX) -> str | None:
    """Text of a bank as it can be kept: control characters become blanks, what is too long is cut."""
    if text is None:
        return None
    return _CONTROL.sub(" ", text).strip()[:length] or None


def payment_of(entry: Entry, transaction: Transaction, key: str, bank_account_id: UUID, on: date) -> RecordPayment:
    """The receipt behind a booked credit. `on` is its value date; it is booked on the booking date."""
    payer = transaction.payer
    references = transaction.references
    return RecordPayment(
        amount_minor=transaction.amount_minor,
        currency=transaction.currency,
        value_date=on,
        bank_account_id=bank_account_id,
        accounting_date=entry.booking_date or on,
        payer_name=clean(payer.name or payer.ultimate_name),
        payer_bank_identifier=clean(normalize_identifier(payer.account), 64) if payer.account else None,
        remittance_text=clean(transaction.remittance_text, REMITTANCE_LENGTH_MAX),
        remittance=remittance_of(transaction),
        bank_reference=clean(references.bank_reference or entry.bank_reference, 140),
        end_to_end_id=clean(transaction.end_to_end_id, 140),
        bank_entry_identity=key,
        source=SOURCE,
        into_open_period=True,
    )


def remittance_of(transaction: Transaction) -> dict[str, Any]:
    """Structured references and documents, as the matching reads them; amounts as decimal texts."""
    made: dict[str, Any] = {}
    references = [clean(reference.value, 140) for reference in transaction.creditor_references]
    if any(references):
        made["structured_references"] = [reference for reference in references if reference]
    documents = [line for block in transaction.structured for line in _documents(block)]
    if documents:
        made["documents"] = documents
    if transaction.payer.ultimate_name:
        made["ultimate_payer_name"] = clean(transaction.payer.ultimate_name)
    charges = sum(
        charge.amount.minor
        for charge in transaction.charges
        if charge.amount.currency == transaction.currency and not charge.is_credit and charge.is_included is not False
    )
    if charges:
        made["charges_minor"] = charges
    return made


def _documents(block: StructuredRemittance) -> list[dict[str, Any]]:
    """The amounts of a block belong to a document only when it is the only one; those of its lines always do."""
    lines: list[dict[str, Any]] = []
    for document in block.documents:
        line: dict[str, Any] = {"number": clean(document.number, 140)}
        if document.kind:
            line["kind"] = clean(document.kind, 35)
        if document.on:
            line["date"] = document.on.isoformat()
        if document.remitted is not None:
            line.update(_texts(amount=document.remitted, discount=document.discount))
        elif len(block.documents) == 1:
            amount = block.remitted or (block.credit_note if document.kind == "CREN" else None) or block.due_payable
            line.update(_texts(amount=amount, discount=block.discount))
            taken = [d for d in block.deductions if d.is_credit is not True]
            if taken and len({d.amount.currency for d in taken}) == 1:
                total = Money(sum(d.amount.minor for d in taken), taken[0].amount.currency)
                line.update(_texts(deduction=total))
                line["reason"] = clean(taken[0].detail or taken[0].reason)
        lines.append(line)
    return lines


def _texts(**amounts: Money | None) -> dict[str, str]:
    return {name: to_text(money.minor, money.currency) for name, money in amounts.items() if money is not None}


def counterparty(transaction: Transaction) -> Party:
    """Who is on the other side: the payer of a credit, the payee of a debit."""
    return transaction.payer if transaction.is_credit else transaction.payee


def details_of(entry: Entry, transaction: Transaction) -> dict[str, Any]:
    """What else the bank said, for a person who looks at the entry."""
    references = transaction.references
    facts: dict[str, Any] = {
        "remittance_text": clean(transaction.remittance_text, REMITTANCE_LENGTH_MAX),
        "remittance": remittance_of(transaction) or None,
        "instruction_id": clean(references.instruction_id),
        "transaction_id": clean(references.transaction_id),
        "uetr": references.uetr,
        "mandate_id": clean(references.mandate_id),
        "cheque_number": clean(references.cheque_number),
        "bank_transaction_code": transaction.bank_transaction_code or entry.bank_transaction_code,
        "purpose": clean(transaction.purpose),
        "batch": None if entry.batch is None else clean(entry.batch.payment_information_id or entry.batch.message_id),
        "additional_information": [clean(text) for text in entry.additional_information] or None,
        "problems": [problem_json(problem) for problem in entry.problems] or None,
    }
    if transaction.returned is not None:
        facts["returned"] = {"reason": transaction.returned.reason, "detail": clean(transaction.returned.detail)}
    return {name: value for name, value in facts.items() if value is not None}


def problem_json(problem: Problem) -> dict[str, str]:
    """A problem as it is kept."""
    return {
        "where": problem.where,
        "code": problem.code,
        "detail": clean(problem.detail, 500) or "",
        "effect": problem.effect.value,
    }


def references_to_search(transaction: Transaction) -> list[str]:
    """By what a returned payment may be found: the references of the original that the bank repeats."""
    references = transaction.references
    found = (
        references.end_to_end_id,
        references.bank_reference,
        references.transaction_id,
        references.instruction_id,
        references.clearing_reference,
        *(value for _, value in references.other),
    )
    return list(dict.fromkeys(text for text in (clean(value, 140) for value in found) if text))


__all__ = ["CreditorReference", "clean", "counterparty", "details_of", "payment_of", "remittance_of"]
