"""Facts that go into the engine and proposals that come out. Frozen, comparable, free of I/O.

All amounts are integers in minor units of the payment's currency. An item is offered only where legal entity
and currency are those of the payment; the engine checks both again. Credit memos carry a *positive* open
amount and a kind that says that they count against the invoices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class ItemKind(StrEnum):
    """What an open item is: something the customer owes, or a credit of the seller."""

    INVOICE = "invoice"
    CREDIT_MEMO = "credit_memo"


class Band(StrEnum):
    """What a proposal's confidence entitles it to."""

    AUTOMATIC = "automatic"
    PROPOSED = "proposed"
    NONE = "none"


class ResidualTreatment(StrEnum):
    """What happens to the part of the payment that settles no item."""

    NOTHING_LEFT = "nothing_left"
    ON_ACCOUNT = "on_account"
    UNIDENTIFIED = "unidentified"
    HOLD = "hold"


class Difference(StrEnum):
    """Why an allocation is below the item's open amount, and who carries the difference."""

    NONE = "none"
    DISCOUNT = "discount"
    WRITE_OFF = "write_off"
    BANK_CHARGE = "bank_charge"
    DEDUCTION = "deduction"
    PARTIAL = "partial"


class IdentityKind(StrEnum):
    """What a payer identity recognises."""

    BANK_IDENTIFIER = "bank_identifier"
    PAYER_NAME = "payer_name"


class IdentityOrigin(StrEnum):
    """Who says so: a person, an import, or what the engine saw confirmed."""

    ENTERED = "entered"
    IMPORTED = "imported"
    LEARNED = "learned"


@dataclass(slots=True, unsafe_hash=True)
class OpenItem:
    """One instalment or credit memo with something open on the day of the match.

    `references` are other numbers that a payer may quote: purchase order, delivery, contract, external ids.
    `discount_minor` is what the payer may keep when the whole rest is paid with value on or before
    `discount_date`; `later_discounts` are what it may keep after that: (last date, less), falling. A value that nobody
    changes; `frozen` would only make each of tens of thousands take four times as long to build.
    """

    id: str
    document_id: str
    account_id: str
    legal_entity_id: str
    number: str
    currency: str
    open_minor: int
    amount_minor: int
    invoice_date: date
    due_date: date
    kind: ItemKind = ItemKind.INVOICE
    references: tuple[str, ...] = ()
    discount_minor: int = 0
    discount_date: date | None = None
    later_discounts: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RemittanceLine:
    """One line that says what is paid: camt `RfrdDocInf`, a remittance advice, a lockbox detail.

    `amount_minor` is the part of this payment (None where unsaid; negative for a credit memo that is netted);
    `deduction_minor` is kept back for `deduction_reason`.
    """

    number: str
    amount_minor: int | None = None
    discount_minor: int = 0
    deduction_minor: int = 0
    deduction_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One payment as the bank told it. `amount_minor` is what is left to apply and positive.

    `account_id` is set when the payer is already known; `charges_minor` is what banks on the way took off,
    where the file says so; `structured_references` are creditor references (RF, QR, ESR, +++…+++) and other
    coded numbers; `is_no_duplicate`: a person said that it repeats no other payment.
    """

    id: str
    legal_entity_id: str
    currency: str
    amount_minor: int
    value_date: date
    account_id: str | None = None
    payer_name: str = ""
    payer_bank_identifier: str = ""
    ultimate_payer_name: str = ""
    remittance_text: str = ""
    structured_references: tuple[str, ...] = ()
    referred_documents: tuple[RemittanceLine, ...] = ()
    end_to_end_id: str = ""
    bank_reference: str = ""
    charges_minor: int = 0
    is_no_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class PayerIdentity:
    """A value by which an account was recognised before. `strength` is 0..1 (1: entered by a person)."""

    account_id: str
    kind: IdentityKind
    normalized_value: str
    origin: IdentityOrigin = IdentityOrigin.ENTERED
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a payment may be from what it settles; the larger of fixed and percent holds, never above
    `cap`.

    Under- and overpayment stand separately; percentages are basis points (1 % = 100) of the open amounts.
    """

    under_minor: int = 0
    under_basis_points: int = 0
    over_minor: int = 0
    over_basis_points: int = 0
    cap_minor: int | None = None

    def under(self, open_minor: int) -> int:
        """The largest shortfall, in minor units, that still counts as paid in full."""
        return self._limit(self.under_minor, self.under_basis_points, open_minor)

    def over(self, open_minor: int) -> int:
        """The largest surplus, in minor units, that still counts as paid in full."""
        return self._limit(self.over_minor, self.over_basis_points, open_minor)

    def _limit(self, fixed: int, basis_points: int, open_minor: int) -> int:
        limit = max(fixed, open_minor * basis_points // 10_000)
        return limit if self.cap_minor is None else min(limit, self.cap_minor)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """A customer account as far as payers go. `is_factor`: pays for others and owns nothing itself."""

    id: str
    number: str
    names: tuple[str, ...]
    parent_id: str | None = None
    tolerance: Tolerance | None = None
    is_factor: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What an organization decides. Confidences are shares (0..1), amounts minor units, spans whole days.

    `tolerance` bounds what counts as "the same amount"; `small_difference_minor` is the most that is written
    off automatically (a larger difference within tolerance stays open); `bank_charge_minor` the most that is
    taken for a charge of the banks on the way. `future_days`: an invoice dated more than this after the
    payment is no candidate.
    """

    automatic_confidence: float = 0.97
    proposed_confidence: float = 0.40
    tolerance: Tolerance = Tolerance(under_minor=5, over_minor=5)
    small_difference_minor: int = 5
    bank_charge_minor: int = 2_500
    accounts_tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    accounts_small_differences: Mapping[str, int] = field(default_factory=dict)
    accounts_bank_charges: Mapping[str, int] = field(default_factory=dict)
    future_days: int = 0
    discount_grace_days: int = 0
    propose_oldest_first: bool = False
    learn_within_run: bool = True
    search_steps_limit: int = 20_000
    candidates_limit: int = 5_000


@dataclass(frozen=True, slots=True)
class Allocation:
    """So much of the payment settles this item. `amount_minor` is cash (negative for a netted credit memo).

    The item's open amount falls by `amount_minor + discount_minor + write_off_minor` (its absolute value for
    a credit memo). A deduction stays open and becomes a dispute of `deduction_minor`.
    """

    item_id: str
    amount_minor: int
    discount_minor: int = 0
    write_off_minor: int = 0
    deduction_minor: int = 0
    deduction_reason: str | None = None
    difference: Difference = Difference.NONE


@dataclass(frozen=True, slots=True)
class Reason:
    """One readable reason: a stable code for programs and a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Component scores, each 0..1: how well reference, amount, payer and date speak for it, and for nothing
    else."""

    reference: float = 0.0
    amount: float = 0.0
    payer: float = 0.0
    date: float = 0.0
    uniqueness: float = 0.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another answer that was weighed, for the person who reviews."""

    account_id: str | None
    item_ids: tuple[str, ...]
    strategy: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one payment settles. Exactly one per payment; an abstention has no allocations and says why.

    Always: sum of `amount_minor` of the allocations + `residual_minor` = the payment's `amount_minor`.
    `strategy` is "none" for an abstention; `raw_score` is the confidence before calibration (to fit and to
    learn).
    """

    payment_id: str
    account_id: str | None
    allocations: tuple[Allocation, ...]
    residual_minor: int
    residual_treatment: ResidualTreatment
    strategy: str
    confidence: float
    band: Band
    scores: Scores = Scores()
    reasons: tuple[Reason, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    raw_score: float = 0.0
    duplicate_of: str | None = None
