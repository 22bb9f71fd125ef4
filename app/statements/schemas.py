"""What account statements give over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.statements.instructions import Instruction
from app.statements.statement import Item, Statement, Totals
from app.statements.texts import PaperLanguage, Words


class StatementItemRead(BaseModel):
    """An open instalment. Disputed and promised are parts of what is open; they may overlap."""

    instalment_id: UUID
    invoice_id: UUID
    number: str
    kind: Literal["invoice", "debit_memo", "finance_charge"]
    ordinal: int
    purchase_order: str | None
    invoice_date: date
    due_date: date
    days_late: int
    bucket: str
    currency: str
    amount: AmountOut
    open: AmountOut
    disputed: AmountOut
    promised: AmountOut


class StatementCreditRead(BaseModel):
    """A credit memo or payment with something left of it."""

    kind: Literal["credit_memo", "payment"]
    id: UUID
    reference: str
    on_date: date
    currency: str
    amount: AmountOut
    left: AmountOut


class StatementPromiseRead(BaseModel):
    """A promise for the whole account that is not yet decided."""

    promised_date: date
    currency: str
    amount: AmountOut
    kept: AmountOut


class StatementBucketRead(BaseModel):
    """What is open in one aging bucket."""

    bucket: str
    amount: AmountOut


class StatementTotalsRead(BaseModel):
    """The sums of one currency."""

    currency: str
    items: int
    buckets: list[StatementBucketRead]
    open: AmountOut
    overdue: AmountOut
    disputed: AmountOut
    promised: AmountOut
    credit_memos: AmountOut
    unapplied: AmountOut
    balance: AmountOut = Field(description="open - credit_memos - unapplied; negative: the customer is owed")


class StatementBankRead(BaseModel):
    """Where to pay: an own bank account of a legal entity that has something open."""

    legal_entity_id: UUID
    legal_entity: str
    name: str | None
    identifier: str | None
    bic: str | None
    currency: str | None


class PaymentInstructionRead(BaseModel):
    """How to pay one legal entity in one currency, with the reference by which the payment finds the account."""

    legal_entity_id: UUID
    legal_entity: str
    currency: str
    amount: AmountOut = Field(description="What is open less credits and money not yet applied")
    bank_account: str | None = Field(description="IBAN or local number; null where no own account is in the currency")
    bic: str | None
    reference: str | None = Field(description="Creditor reference (ISO 11649), or 27 digits with a Swiss QR-IBAN")
    code: Literal["epc", "swiss_qr_bill"] | None = Field(description="Which QR code stands on the paper")
    payload: str | None = Field(description="What the QR code says (EPC069-12, or SPC 0200 of a QR-bill)")


class StatementRead(BaseModel):
    """What an account owes on a business date."""

    account_id: UUID
    number: str
    name: str
    as_of: date
    language: PaperLanguage
    totals: list[StatementTotalsRead]
    items: list[StatementItemRead]
    credits: list[StatementCreditRead]
    promises: list[StatementPromiseRead]
    bank_accounts: list[StatementBankRead]
    payment_instructions: list[PaymentInstructionRead]


def statement_read(statement: Statement, words: Words) -> StatementRead:
    """From the facts."""
    account = statement.account
    return StatementRead(
        account_id=account["id"], number=account["number"], name=account["name"], as_of=statement.as_of,
        language=words.language,
        totals=[_totals(totals, statement.labels) for totals in statement.totals],
        items=[_item(item, statement.labels) for item in statement.items],
        credits=[
            StatementCreditRead(
                kind=row["kind"], id=row["id"], reference=row["reference"], on_date=row["on_date"],
                currency=row["currency"], amount=to_text(row["amount_minor"], row["currency"]),
                left=to_text(row["left_minor"], row["currency"]),
            )
            for row in statement.credits
        ],
        promises=[
            StatementPromiseRead(
                promised_date=row["promised_date"], currency=row["currency"],
                amount=to_text(row["amount_minor"], row["currency"]), kept=to_text(row["kept_minor"], row["currency"]),
            )
            for row in statement.promises
        ],
        bank_accounts=[
            StatementBankRead(**{name: row[name] for name in StatementBankRead.model_fields})
            for row in statement.banks
        ],
        payment_instructions=[_instruction(one) for one in statement.instructions],
    )  # fmt: skip


def _instruction(one: Instruction) -> PaymentInstructionRead:
    bank = one.bank
    return PaymentInstructionRead(
        legal_entity_id=one.legal_entity_id, legal_entity=one.legal_entity, currency=one.currency,
        amount=to_text(one.amount_minor, one.currency), bank_account=bank["identifier"] if bank else None,
        bic=bank["bic"] if bank else None, reference=one.reference, code=one.code, payload=one.payload,
    )  # fmt: skip


def _item(item: Item, labels: tuple[str, ...]) -> StatementItemRead:
    row, currency = item.row, item.row["currency"]
    plain = {name: row[name] for name in ("instalment_id", "invoice_id", "number", "kind", "ordinal", "purchase_order",
                                          "invoice_date", "due_date", "currency")}  # fmt: skip
    return StatementItemRead(
        **plain, days_late=item.days_late, bucket=labels[item.bucket],
        amount=to_text(row["amount_minor"], currency), open=to_text(row["open_minor"], currency),
        disputed=to_text(item.disputed_minor, currency), promised=to_text(item.promised_minor, currency),
    )  # fmt: skip


def _totals(totals: Totals, labels: tuple[str, ...]) -> StatementTotalsRead:
    currency = totals.currency
    buckets = [
        StatementBucketRead(bucket=label, amount=to_text(minor, currency))
        for label, minor in zip(labels, totals.buckets, strict=True)
    ]
    return StatementTotalsRead(
        currency=currency, items=totals.items, buckets=buckets, open=to_text(totals.open_minor, currency),
        overdue=to_text(totals.overdue_minor, currency), disputed=to_text(totals.disputed_minor, currency),
        promised=to_text(totals.promised_minor, currency), credit_memos=to_text(totals.credits_minor, currency),
        unapplied=to_text(totals.unapplied_minor, currency), balance=to_text(totals.balance_minor, currency),
    )  # fmt: skip
