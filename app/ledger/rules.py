"""Pure posting rules: the chart's roles, and which two accounts each event of the trade moves money between.

Debit and credit follow the usual signs of an asset: a debit raises receivables and bank, a credit raises unapplied
and unidentified cash (money held for customers). The proof of domain.md therefore reads
`balance(receivables) + balance(unapplied_cash) + balance(unidentified_cash)` with balance = debits − credits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

RECEIVABLES = "receivables"
UNAPPLIED_CASH = "unapplied_cash"
UNIDENTIFIED_CASH = "unidentified_cash"
CONTROL_ACCOUNTS = (RECEIVABLES, UNAPPLIED_CASH, UNIDENTIFIED_CASH)

BANK = "bank"
REVENUE = "revenue"
TAX_PAYABLE = "tax_payable"
FINANCE_CHARGE_INCOME = "finance_charge_income"
DISCOUNTS_ALLOWED = "discounts_allowed"
SMALL_DIFFERENCES = "small_differences"
BAD_DEBT = "bad_debt"
BANK_CHARGES = "bank_charges"
ROUNDING = "rounding"
WAIVED_CHARGES = "waived_charges"
OTHER_INCOME = "other_income"
OPENING_BALANCE = "opening_balance"
SOURCE_CORRECTIONS = "source_corrections"
EXCHANGE_CLEARING = "exchange_clearing"
EXCHANGE_GAIN_LOSS = "exchange_gain_loss"
INTERCOMPANY = "intercompany"

CHART = (
    *CONTROL_ACCOUNTS, BANK, REVENUE, TAX_PAYABLE, FINANCE_CHARGE_INCOME, DISCOUNTS_ALLOWED, SMALL_DIFFERENCES,
    BAD_DEBT, BANK_CHARGES, ROUNDING, WAIVED_CHARGES, OTHER_INCOME, OPENING_BALANCE, SOURCE_CORRECTIONS,
    EXCHANGE_CLEARING, EXCHANGE_GAIN_LOSS, INTERCOMPANY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One movement before it is written. `amount_minor` may be negative here: see `normalized`."""

    legal_entity_id: UUID
    event: str
    debit_account: str
    credit_account: str
    amount_minor: int
    currency: str
    effective_date: date
    account_id: UUID | None = None
    instalment_id: UUID | None = None
    credit_memo_id: UUID | None = None
    payment_id: UUID | None = None
    source_id: UUID | None = None

    def normalized(self) -> TransferRow | None:
        """The row with a positive amount (sides swapped when negative), or None for nothing."""
        if self.amount_minor == 0:
            return None
        if self.amount_minor > 0:
            return self
        return replace(
            self,
            debit_account=self.credit_account,
            credit_account=self.debit_account,
            amount_minor=-self.amount_minor,
        )
