"""Pure: which transfers each event of a payment books. An undo gives the same rows with negative amounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.ledger import rules as chart
from app.ledger.rules import TransferRow
from app.payments.types import Source


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """One application on its way into (or out of) the table; see `models.Application` for the columns."""

    id: UUID
    legal_entity_id: UUID
    account_id: UUID
    source: Source
    source_account_id: UUID | None
    instalment_id: UUID
    currency: str
    amount_minor: int
    discount_minor: int
    write_off_minor: int
    source_currency: str
    source_amount_minor: int
    exchange_rate: Decimal | None
    exchange_difference_minor: int
    reverses_id: UUID | None = None

    @property
    def payment_id(self) -> UUID | None:
        """The payment that pays, or None for a credit memo."""
        return self.source.id if self.source.kind == "payment" else None

    @property
    def credit_memo_id(self) -> UUID | None:
        """The credit memo that pays, or None for a payment."""
        return self.source.id if self.source.kind == "credit_memo" else None

    @property
    def settles_minor(self) -> int:
        """What the instalment loses."""
        return self.amount_minor + self.discount_minor + self.write_off_minor


def application_transfers(row: ApplicationRow, base_currency: str, event: str, on: date) -> list[TransferRow]:
    """What one application (or, with negative amounts, its undo) books.

    Across currencies the money goes through the clearing account in both, and the realised difference, in the base
    currency, from there to exchange gain or loss.
    """
    from_account = chart.UNAPPLIED_CASH if row.source.kind == "payment" else chart.RECEIVABLES

    def move(
        debit: str, credit: str, minor: int, currency: str, *, owed: bool = True, paid: bool = True
    ) -> TransferRow:
        return TransferRow(
            legal_entity_id=row.legal_entity_id,
            event=event,
            debit_account=debit,
            credit_account=credit,
            amount_minor=minor,
            currency=currency,
            effective_date=on,
            account_id=row.account_id if owed else row.source_account_id,
            instalment_id=row.instalment_id if owed else None,
            credit_memo_id=row.credit_memo_id if paid else None,
            payment_id=row.payment_id if paid else None,
            source_id=row.id,
        )

    rows = []
    if row.currency == row.source_currency:
        rows.append(move(from_account, chart.RECEIVABLES, row.amount_minor, row.currency))
    else:
        clearing, gain = chart.EXCHANGE_CLEARING, chart.EXCHANGE_GAIN_LOSS
        rows.append(move(from_account, clearing, row.source_amount_minor, row.source_currency, owed=False))
        rows.append(move(clearing, chart.RECEIVABLES, row.amount_minor, row.currency, paid=False))
        rows.append(move(clearing, gain, row.exchange_difference_minor, base_currency))
    rows.append(move(chart.DISCOUNTS_ALLOWED, chart.RECEIVABLES, row.discount_minor, row.currency, paid=False))
    rows.append(move(chart.SMALL_DIFFERENCES, chart.RECEIVABLES, row.write_off_minor, row.currency, paid=False))
    return rows


@dataclass(frozen=True, slots=True)
class Held:
    """Money of a payment in the books: whose, where, which currency."""

    payment_id: UUID
    legal_entity_id: UUID
    account_id: UUID | None
    currency: str

    @property
    def ledger_account(self) -> str:
        """The control account that holds it."""
        return chart.UNIDENTIFIED_CASH if self.account_id is None else chart.UNAPPLIED_CASH


def receipt_transfer(held: Held, amount_minor: int, on: date, event: str) -> TransferRow:
    """Money that came in (negative: went out again) through the bank."""
    return _transfer(held, chart.BANK, held.ledger_account, amount_minor, on, event)


def income_transfer(held: Held, amount_minor: int, on: date, event: str) -> TransferRow:
    """Money that is not receivable becomes other income."""
    return _transfer(held, held.ledger_account, chart.OTHER_INCOME, amount_minor, on, event)


def account_change_transfers(before: Held, after: Held, amount_minor: int, on: date, event: str) -> list[TransferRow]:
    """Unapplied money that changes its account.

    From one account to another it passes through unidentified cash, so that the journal shows both accounts.
    """
    unapplied, unidentified = chart.UNAPPLIED_CASH, chart.UNIDENTIFIED_CASH
    rows = []
    if before.account_id is not None:
        rows.append(_transfer(before, unapplied, unidentified, amount_minor, on, event))
    if after.account_id is not None:
        rows.append(_transfer(after, unidentified, unapplied, amount_minor, on, event))
    return rows


def _transfer(held: Held, debit: str, credit: str, minor: int, on: date, event: str) -> TransferRow:
    return TransferRow(
        legal_entity_id=held.legal_entity_id,
        event=event,
        debit_account=debit,
        credit_account=credit,
        amount_minor=minor,
        currency=held.currency,
        effective_date=on,
        account_id=held.account_id,
        payment_id=held.payment_id,
    )
