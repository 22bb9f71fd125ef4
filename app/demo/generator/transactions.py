"""What passes over the own bank accounts, and the truth about each transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from app.demo.generator.company import OwnBankAccount
from app.demo.generator.customers import Customer
from app.demo.generator.documents import Document, Part


class Category(StrEnum):
    """What a transaction truly is. The first group is customers' money, the second is not."""

    EXACT = "exact"  # one invoice, in full
    MULTIPLE = "multiple"  # several invoices, in full
    INSTALMENT = "instalment"  # one instalment of an invoice
    DISCOUNT = "discount"  # with early-payment discount earned
    UNEARNED_DISCOUNT = "unearned_discount"  # discount taken too late: stays open
    NETTED_CREDIT = "netted_credit"  # credit memos deducted
    PARTIAL = "partial"  # part of an invoice
    REMAINDER = "remainder"  # the rest of an invoice paid in part before
    SHORT_PAYMENT = "short_payment"  # kept something back for a reason
    BANK_CHARGE = "bank_charge"  # banks on the way took their fee
    OVERPAYMENT = "overpayment"  # more than was due: the surplus stays unapplied
    DUPLICATE = "duplicate"  # paid again: all of it stays unapplied
    ON_ACCOUNT = "on_account"  # round sum without an invoice: stays unapplied
    PARENT_PAYS = "parent_pays"  # the group's head pays for subsidiaries
    THIRD_PARTY = "third_party"  # a stranger pays, naming the invoice
    UNKNOWN_PAYER = "unknown_payer"  # nobody can tell whose it is

    NOT_RECEIVABLE = "not_receivable"  # interest, tax refund, scrap: income that no customer owes
    RETURN = "return"  # an earlier receipt goes back: debit
    FEE = "fee"  # the bank's charge: debit
    SUPPLIER_PAYMENT = "supplier_payment"  # what the company itself pays: debit


@dataclass(slots=True)
class Line:
    """Cash that settles a part of a document; `settled` is negative for a netted credit memo. Minor units.

    What is open falls by settled + discount; a deduction stays open.
    """

    part: Part
    settled: int
    discount: int = 0
    deduction: int = 0


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction of an own bank account. `amount` is positive minor units, `credit` says the sign."""

    own: OwnBankAccount
    booking: date
    value: date
    amount: int
    category: Category
    credit: bool = True
    customer: Customer | None = None
    lines: list[Line] = field(default_factory=list)
    mentions: list[Document] = field(default_factory=list)
    traits: set[str] = field(default_factory=set)
    payer_name: str = ""
    payer_identifier: str = ""
    ultimate_name: str = ""
    end_to_end: str = ""
    cheque: str = ""
    mandate: str = ""
    text: list[str] = field(default_factory=list)
    named_documents: list[tuple[str, str, int]] = field(default_factory=list)  # (CINV or CREN, number, minor)
    creditor_reference: str = ""
    style: str = ""
    charges: int = 0
    deduction_reason: str = ""
    returns: Transaction | None = None
    return_reason: str = ""
    as_reversal: bool = False
    batch: str = ""
    bank_code: tuple[str, str, str] = ("PMNT", "RCDT", "ESCT")
    information: str = ""
    reference: str = ""  # the bank's: unique over all own accounts, key of the truth

    @property
    def signed(self) -> int:
        """Minor units with the sign of the booking."""
        return self.amount if self.credit else -self.amount
