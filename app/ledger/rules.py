"""Pure posting rules: the chart's roles, and which two accounts each event of the trade moves money between.

Debit and credit follow the usual signs of an asset: a debit raises receivables and bank, a credit raises unapplied
and unidentified cash (money held for customers). The proof of domain.md therefore reads
`balance(receivables) + balance(unapplied_cash) + balance(unidentified_cash)` with balance = debits − credits.
"""

from __future__ import annotations

from collections.abc import Mapping
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

DEBITS = "debits:"  # with a role of the chart: the sum of its debits
CREDITS = "credits:"
OPEN_INSTALMENTS = "subledger:instalments"
OPEN_CREDIT_MEMOS = "subledger:credit_memos"
PAYMENT_BALANCES = "subledger:payments"  # unapplied and unidentified together
UNIDENTIFIED = "subledger:unidentified"
SUBLEDGER = (OPEN_INSTALMENTS, OPEN_CREDIT_MEMOS, PAYMENT_BALANCES, UNIDENTIFIED)
Measures = Mapping[str, int]


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


def balance(measures: Measures, role: str) -> int:
    """Debits less credits of one role of the chart, in minor units."""
    return measures.get(DEBITS + role, 0) - measures.get(CREDITS + role, 0)


@dataclass(frozen=True, slots=True)
class ProofLine:
    """The control equation of one legal entity and currency, all in minor units.

    `open instalments − open credit memos − unapplied − unidentified` (from documents) against the balance of the three
    control accounts (from transfers), in the sum and each part for itself.
    """

    legal_entity_id: UUID
    currency: str
    open_instalments: int
    open_credit_memos: int
    unapplied: int
    unidentified: int
    receivables_balance: int
    unapplied_cash_balance: int
    unidentified_cash_balance: int

    @property
    def subledger(self) -> int:
        """What the documents say."""
        return self.open_instalments - self.open_credit_memos - self.unapplied - self.unidentified

    @property
    def control(self) -> int:
        """What the journal says."""
        return self.receivables_balance + self.unapplied_cash_balance + self.unidentified_cash_balance

    @property
    def difference(self) -> int:
        """Documents less journal; zero when the proof holds."""
        return self.subledger - self.control

    @property
    def receivables_difference(self) -> int:
        """The part of receivables: instalments and credit memos."""
        return self.open_instalments - self.open_credit_memos - self.receivables_balance

    @property
    def unapplied_cash_difference(self) -> int:
        """The part of unapplied cash, which the journal holds as a credit."""
        return -self.unapplied - self.unapplied_cash_balance

    @property
    def unidentified_cash_difference(self) -> int:
        """The part of unidentified cash."""
        return -self.unidentified - self.unidentified_cash_balance

    @property
    def holds(self) -> bool:
        """True when the equation holds, and so does each of its parts."""
        return not (self.receivables_difference or self.unapplied_cash_difference or self.unidentified_cash_difference)


def proof_line(legal_entity_id: UUID, currency: str, measures: Measures) -> ProofLine:
    """The control equation from the measures of one legal entity and currency."""
    unidentified = measures.get(UNIDENTIFIED, 0)
    return ProofLine(
        legal_entity_id=legal_entity_id,
        currency=currency,
        open_instalments=measures.get(OPEN_INSTALMENTS, 0),
        open_credit_memos=measures.get(OPEN_CREDIT_MEMOS, 0),
        unapplied=measures.get(PAYMENT_BALANCES, 0) - unidentified,
        unidentified=unidentified,
        receivables_balance=balance(measures, RECEIVABLES),
        unapplied_cash_balance=balance(measures, UNAPPLIED_CASH),
        unidentified_cash_balance=balance(measures, UNIDENTIFIED_CASH),
    )
