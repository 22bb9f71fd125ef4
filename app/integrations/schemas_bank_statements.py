"""Bank statements and their entries over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import CURRENCIES, to_text
from app.infra.http.fields import AmountOut
from app.integrations.models import BankEntry, BankStatement

BalanceCheck = Literal["ok", "difference", "not_given"]
Continuity = Literal["first", "follows", "gap", "overlap", "unknown"]
EntryOutcome = Literal["payment", "reversal", "debit", "kept", "pending"]
BankStatus = Literal["booked", "pending", "info"]


class StatementProblem(BaseModel):
    """Something in the statement that is not as it should be."""

    where: str
    code: str
    detail: str
    effect: str


class BankStatementRead(BaseModel):
    """One statement of one own bank account as the bank stated it: opening + credits − debits = closing.

    `balance_check` says whether that holds, `continuity` how it follows the statement before it.
    """

    id: UUID
    bank_account_id: UUID
    import_id: UUID | None
    format: Annotated[str, Field(examples=["camt.053"])]
    statement_reference: str
    sequence_number: str | None
    currency: str
    from_date: date | None
    to_date: date | None
    opening_balance: AmountOut | None
    closing_balance: AmountOut | None
    credits: AmountOut
    debits: AmountOut
    entries_count: int
    balance_check: BalanceCheck
    continuity: Continuity
    problems: list[StatementProblem]
    created_at: datetime
    version: int


class BankEntryRead(BaseModel):
    """One transaction of a statement and what became of it.

    `payment`: a credit that was recorded as a payment. `reversal`: a payment that the bank took back. `debit`: money
    that went out; kept, never applied. `pending`: not booked yet. `kept`: for a person, with the reason.
    """

    id: UUID
    bank_account_id: UUID
    statement_id: UUID
    position: Annotated[str, Field(description="Entry and transaction within it", examples=["3.1"])]
    amount: AmountOut
    currency: str
    is_credit: bool
    is_reversal: bool
    bank_status: BankStatus
    booking_date: date | None
    value_date: date | None
    bank_reference: str | None
    end_to_end_id: str | None
    counterparty_name: str | None
    counterparty_identifier: str | None
    details: dict[str, Any]
    outcome: EntryOutcome
    outcome_detail: str | None
    payment_id: UUID | None
    recorded_at: datetime


def _text(minor: int, currency: str) -> str:
    return to_text(minor, currency) if currency in CURRENCIES else str(minor)


def statement_read(row: BankStatement) -> BankStatementRead:
    """The JSON form of a statement."""
    currency = row.currency
    balances = {
        f"{name}_balance": None if minor is None else _text(minor, currency)
        for name, minor in (("opening", row.opening_minor), ("closing", row.closing_minor))
    }
    plain = {name: getattr(row, name) for name in BankStatementRead.model_fields if hasattr(row, name)}
    sums = {"credits": _text(row.credits_minor, currency), "debits": _text(row.debits_minor, currency)}
    return BankStatementRead.model_validate({**plain, **balances, **sums})


def entry_read(row: BankEntry) -> BankEntryRead:
    """The JSON form of an entry."""
    plain = {name: getattr(row, name) for name in BankEntryRead.model_fields if hasattr(row, name)}
    return BankEntryRead.model_validate({**plain, "amount": _text(row.amount_minor, row.currency)})
