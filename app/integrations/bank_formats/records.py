"""What a bank file says, in one shape for every format. Pure values; nothing here decides what is applied.

StatementFile → Statement (one account, one period) → Entry (one booking line as the bank shows it)
→ Transaction (one payment inside the line; a batch booking has many, every entry has at least one).

Amounts are integer minor units and always positive; `is_credit` carries the direction as seen by the
account's owner: True means that money came in. A reversal keeps the direction of its own booking, so no
caller ever flips a sign.
Balances are signed: negative is overdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.core.money import Money


class EntryStatus(StrEnum):
    """BOOKED counts; PENDING and INFO are shown and never counted."""

    BOOKED = "booked"
    PENDING = "pending"
    INFO = "info"


class Effect(StrEnum):
    """What a problem did to the thing that it concerns."""

    NOTE = "note"  # read all the same; worth showing
    KEPT_WHOLE = "kept_whole"  # a batch that could not be split into its transactions
    HELD = "held"  # an entry that is kept, but that must not become a payment without a person
    REFUSED = "refused"  # an entry that is not among `entries`


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be: where it stands, a stable code, a sentence for a person."""

    where: str
    code: str
    detail: str
    effect: Effect = Effect.NOTE


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance as stated: signed minor units (negative is overdrawn), the bank's code for it, its date."""

    minor: int
    currency: str
    on: date | None
    kind: str


@dataclass(frozen=True, slots=True)
class Party:
    """A payer or payee as the bank gives it. `account`: IBAN without spaces, or the bank's own identifier."""

    name: str | None = None
    account: str | None = None
    is_iban: bool = False
    bank: str | None = None  # BIC or clearing member of the party's bank
    ultimate_name: str | None = None  # on whose behalf
    identifiers: tuple[str, ...] = ()
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """A fee of a bank; `is_included`: the amount beside it is already net of it (None: not said)."""

    amount: Money
    is_credit: bool
    is_included: bool | None
    bearer: str | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange rate as quoted, with the bank's own direction: nothing is computed from it here."""

    rate: Decimal | None
    source_currency: str | None
    target_currency: str | None
    unit_currency: str | None


@dataclass(frozen=True, slots=True)
class CreditorReference:
    """A structured reference (`SCOR`, `QRR`, `ISR` …). `value` is what the bank sent."""

    value: str
    kind: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ReferredDocument:
    """A document the payer names: `CINV` invoice, `CREN` credit note, `DEBN` debit note … number and date.

    `remitted` and `discount`: the sums over its lines, where the bank itemizes them.
    """

    number: str | None
    kind: str | None = None
    on: date | None = None
    remitted: Money | None = None
    discount: Money | None = None


@dataclass(frozen=True, slots=True)
class Deduction:
    """An adjustment that the payer names: `is_credit` False lowers what is remitted."""

    amount: Money
    is_credit: bool | None
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class StructuredRemittance:
    """One block of structured remittance: a creditor reference, or documents with their amounts, or both."""

    creditor_reference: CreditorReference | None = None
    documents: tuple[ReferredDocument, ...] = ()
    due_payable: Money | None = None
    discount: Money | None = None
    credit_note: Money | None = None
    tax: Money | None = None
    remitted: Money | None = None
    deductions: tuple[Deduction, ...] = ()
    additional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class References:
    """What identifies a transaction along its way. Values that say that there is none are None here."""

    bank_reference: str | None = None  # the account servicer's
    end_to_end_id: str | None = None  # the payer's
    instruction_id: str | None = None
    transaction_id: str | None = None
    uetr: str | None = None
    mandate_id: str | None = None
    message_id: str | None = None
    payment_information_id: str | None = None
    cheque_number: str | None = None
    clearing_reference: str | None = None
    other: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnInformation:
    """Why money came back, or went back: ISO 20022 return reason (`AC04`, `MD06` …) or the bank's own."""

    reason: str | None
    detail: str | None = None
    original_code: str | None = None  # bank transaction code of what is returned


@dataclass(frozen=True, slots=True)
class Transaction:
    """One payment of an entry. `is_whole_entry`: it stands for the entry (single, or kept whole)."""

    ordinal: int
    amount_minor: int
    currency: str
    is_credit: bool
    is_whole_entry: bool
    references: References = References()
    payer: Party = Party()
    payee: Party = Party()
    unstructured: tuple[str, ...] = ()
    structured: tuple[StructuredRemittance, ...] = ()
    instructed: Money | None = None
    counter_value: Money | None = None
    exchange: Exchange | None = None
    charges: tuple[Charge, ...] = ()
    returned: ReturnInformation | None = None
    purpose: str | None = None
    bank_transaction_code: str | None = None
    additional_information: tuple[str, ...] = ()

    @property
    def signed_minor(self) -> int:
        """Positive for money in, negative for money out."""
        return self.amount_minor if self.is_credit else -self.amount_minor

    @property
    def end_to_end_id(self) -> str | None:
        """The payer's end-to-end id; None when the bank says `NOTPROVIDED`."""
        return self.references.end_to_end_id

    @property
    def creditor_references(self) -> tuple[CreditorReference, ...]:
        """All structured creditor references, in order."""
        return tuple(block.creditor_reference for block in self.structured if block.creditor_reference is not None)

    @property
    def documents(self) -> tuple[ReferredDocument, ...]:
        """All documents that the payer names, in order."""
        return tuple(document for block in self.structured for document in block.documents)

    @property
    def remittance_text(self) -> str:
        """The free text, one line per line of the bank; the bank's own additional information after it."""
        lines = [*self.unstructured]
        lines += [text for block in self.structured for text in block.additional]
        lines += [text for text in self.additional_information if text not in lines]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the bank says about a batch booking: its references and how many transactions it holds."""

    message_id: str | None = None
    payment_information_id: str | None = None
    transaction_count: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking line as the bank shows it. Its transactions always sum to it, signs included."""

    ordinal: int
    amount_minor: int
    currency: str
    is_credit: bool
    status: EntryStatus
    booking_date: date | None
    value_date: date | None
    transactions: tuple[Transaction, ...]
    is_reversal: bool = False
    bank_reference: str | None = None
    entry_reference: str | None = None
    bank_transaction_code: str | None = None
    proprietary_code: str | None = None
    batch: Batch | None = None
    charges: tuple[Charge, ...] = ()
    additional_information: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def signed_minor(self) -> int:
        """Positive for money in, negative for money out."""
        return self.amount_minor if self.is_credit else -self.amount_minor

    @property
    def payment_date(self) -> date | None:
        """The value date; the booking date when the bank gives no value date."""
        return self.value_date or self.booking_date

    @property
    def held_reason(self) -> Problem | None:
        """Why the entry must not become a payment without a person, or None."""
        return next((problem for problem in self.problems if problem.effect is Effect.HELD), None)


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's statement, report or notification. `problems` holds all, those of entries included."""

    statement_id: str | None
    account_identifier: str
    account_currency: str
    entries: tuple[Entry, ...]
    is_iban: bool = False
    account_bank: str | None = None
    electronic_sequence_number: int | None = None
    legal_sequence_number: int | None = None
    page_number: int | None = None
    is_last_page: bool | None = None
    copy_indicator: str | None = None  # COPY, CODU (copy of a duplicate), DUPL
    from_date: date | None = None
    to_date: date | None = None
    opening: Balance | None = None
    closing: Balance | None = None
    refused_entry_count: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def sequence(self) -> int | None:
        """The number that says which statement follows which: electronic, else legal."""
        if self.electronic_sequence_number is not None:
            return self.electronic_sequence_number
        return self.legal_sequence_number

    def transactions(self) -> Iterator[tuple[Entry, Transaction]]:
        """Every transaction with its entry, in the file's order."""
        for entry in self.entries:
            for transaction in entry.transactions:
                yield entry, transaction


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A bank file: format (`camt.053`, `mt940` …), version where the format has one, and its statements."""

    format: str
    version: str | None
    message_id: str | None
    created_at: str | None  # as the bank writes it; informative
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...] = ()
