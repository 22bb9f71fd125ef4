"""What the review queue takes and gives over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.cash_application.models import Proposal
from app.cash_application.review.accepting import Ask, Correction, SplitPart
from app.cash_application.review.reversals import ReversalEntry
from app.cash_application.review.set_aside import Treatment
from app.cash_application.rules import allowed_actions
from app.core.money import to_minor, to_text
from app.disputes.opening import Deduction
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Comment, Currency, Input, SignedAmount, text, visible
from app.payments.models import Payment
from app.payments.types import ApplyLine
from app.payments.withdraw import ReversalReason

Band = Literal["automatic", "proposed", "none"]
ProposalKind = Literal["settlement", "duplicate", "reversal"]
ProposalState = Literal[
    "open", "held", "applied", "accepted", "corrected", "on_account", "duplicate", "released", "rejected", "undone",
    "superseded",
]  # fmt: skip
Action = Literal[
    "accept", "correct", "split", "put_on_account", "reject", "hold", "release", "confirm_duplicate", "undo"
]  # fmt: skip
LINES_LIMIT = 1_000
BULK_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Documents:
    """Numbers of the documents that proposals name, by instalment or credit memo."""

    numbers: Mapping[UUID, str]

    def of(self, item_id: str) -> str | None:
        """The number, if it is known."""
        return self.numbers.get(UUID(item_id))


def named_items(rows: Iterable[Proposal]) -> set[UUID]:
    """Every instalment and credit memo that these proposals and their alternatives name."""
    known = tuple(rows)  # read twice
    lines = {UUID(line["item_id"]) for row in known for line in row.lines}
    return lines | {UUID(item) for row in known for other in row.alternatives for item in other["item_ids"]}


class ProposalLineRead(BaseModel):
    """One line: what an instalment gets, or what a credit memo gives (negative)."""

    instalment_id: UUID | None
    credit_memo_id: UUID | None
    number: str | None = Field(description="Of the document")
    amount: SignedAmount
    discount_amount: SignedAmount
    write_off_amount: SignedAmount
    deduction_amount: SignedAmount
    deduction_reason: str | None
    difference: str


class ReasonRead(BaseModel):
    """Why: a stable code and a sentence."""

    code: str
    text: str


class AlternativeRead(BaseModel):
    """Another answer that was weighed."""

    account_id: UUID | None
    item_ids: list[UUID]
    numbers: list[str] = Field(description="Of the documents, in the order of the items")
    strategy: str
    confidence: float


class ProposalPaymentRead(BaseModel):
    """The payment as the bank told it."""

    legal_entity_id: UUID
    account_id: UUID | None
    value_date: date
    payer_name: str | None
    payer_bank_identifier: str | None
    remittance_text: str | None
    unapplied_amount: AmountOut
    status: str


class ProposalRead(BaseModel):
    """What a payment settles, how sure that is and why; or that it repeats another, or that the bank took it back."""

    id: UUID
    kind: ProposalKind
    run_id: UUID | None
    payment_id: UUID
    payment: ProposalPaymentRead
    duplicate_of: UUID | None = Field(description="The earlier payment that this one repeats")
    entry_reference: str | None = Field(description="The entry of the bank that takes the payment back")
    account_id: UUID | None
    currency: str
    amount: AmountOut
    residual_amount: AmountOut
    residual_treatment: str
    strategy: str
    band: Band
    confidence: float
    scores: dict[str, float]
    reasons: list[ReasonRead]
    lines: list[ProposalLineRead]
    alternatives: list[AlternativeRead]
    state: ProposalState
    application_group_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    allowed_actions: list[Action]
    version: int
    created_at: datetime

    @classmethod
    def of(cls, row: Proposal, payment: Payment, documents: Documents, scopes: Iterable[str]) -> ProposalRead:
        """From the row, its payment, and the numbers of the documents named."""
        currency = row.currency
        actions: list[Any] = allowed_actions(row.kind, row.state, has_lines=bool(row.lines), scopes=frozenset(scopes))
        plain = ("id", "kind", "run_id", "payment_id", "duplicate_of", "entry_reference", "account_id", "currency",
                 "residual_treatment", "strategy", "band", "scores", "reasons", "state", "application_group_id",
                 "decided_by", "decided_at", "note", "version", "created_at")  # fmt: skip
        return cls(
            payment=_payment(payment),
            amount=to_text(row.amount_minor, currency),
            residual_amount=to_text(row.residual_minor, currency),
            confidence=float(row.confidence),
            lines=[_line(line, currency, documents) for line in row.lines],
            alternatives=[
                AlternativeRead(**other, numbers=[documents.of(item) or "" for item in other["item_ids"]])
                for other in row.alternatives
            ],
            allowed_actions=actions,
            **{name: getattr(row, name) for name in plain},
        )


def _payment(payment: Payment) -> ProposalPaymentRead:
    plain = ("legal_entity_id", "account_id", "value_date", "payer_name", "payer_bank_identifier", "remittance_text",
             "status")  # fmt: skip
    return ProposalPaymentRead(
        unapplied_amount=to_text(payment.unapplied_minor, payment.currency),
        **{name: getattr(payment, name) for name in plain},
    )


def _line(line: dict[str, Any], currency: str, documents: Documents) -> ProposalLineRead:
    credit = line["is_credit"]
    return ProposalLineRead(
        instalment_id=None if credit else line["item_id"],
        credit_memo_id=line["item_id"] if credit else None,
        number=documents.of(line["item_id"]),
        amount=to_text(line["amount_minor"], currency),
        discount_amount=to_text(line["discount_minor"], currency),
        write_off_amount=to_text(line["write_off_minor"], currency),
        deduction_amount=to_text(line["deduction_minor"], currency),
        deduction_reason=line.get("deduction_reason"),
        difference=line["difference"],
    )


class QueueCount(BaseModel):
    """So many proposals wait, with the amount of their payments."""

    state: Literal["open", "held"]
    kind: ProposalKind
    band: Band
    currency: str
    proposals: int
    amount: AmountOut


class QueueCounts(BaseModel):
    """What waits: for badges."""

    open: int
    held: int
    proposed: int = Field(description="Open, with an answer to accept or correct")
    without_answer: int = Field(description="Open, without an answer")
    duplicates: int
    reversals: int
    payments_waiting: int = Field(description="Payments that the next run looks at")
    by: list[QueueCount]

    @classmethod
    def of(cls, rows: Iterable[Any], payments: Mapping[str, int]) -> QueueCounts:
        """From the counted rows."""
        found = list(rows)

        def count(**wanted: str) -> int:
            return sum(r["proposals"] for r in found if all(r[name] == value for name, value in wanted.items()))

        settlements = count(state="open", kind="settlement")
        without = count(state="open", kind="settlement", band="none")
        return cls(
            open=count(state="open"),
            held=count(state="held"),
            proposed=settlements - without,
            without_answer=without,
            duplicates=count(state="held", kind="duplicate"),
            reversals=count(state="open", kind="reversal"),
            payments_waiting=payments.get("waiting", 0),
            by=[
                QueueCount(
                    state=r["state"], kind=r["kind"], band=r["band"], currency=r["currency"], proposals=r["proposals"],
                    amount=to_text(r["minor"], r["currency"]),
                )
                for r in found
            ],
        )  # fmt: skip


class ProposalAccept(Input):
    """Accept as it stands."""

    allow_other_account: bool = False


class BulkItem(Input):
    """One proposal; with `version` it is refused when somebody changed it meanwhile."""

    proposal_id: UUID
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class ProposalsAccept(Input):
    """Accept many at once."""

    items: Annotated[list[BulkItem], Field(min_length=1, max_length=BULK_LIMIT)]
    allow_other_account: bool = False

    def asked(self) -> list[Ask]:
        """The plain items."""
        return [Ask(item.proposal_id, item.version) for item in self.items]


class CorrectionLine(Input):
    """So much for this instalment."""

    instalment_id: UUID
    amount: Amount
    discount_amount: Amount = "0"
    write_off_amount: Amount = "0"
    deduction_amount: Amount | None = Field(
        default=None, description="Kept back by the payer; becomes a dispute. With a reason only: all that stays open"
    )
    deduction_reason: Annotated[str, text(500)] | None = Field(
        default=None, description="A code of the reasons for disputes, or the payer's words"
    )

    def deduction(self, currency: str, where: str) -> Deduction | None:
        """What becomes a dispute, if anything does."""
        if self.deduction_amount is None and self.deduction_reason is None:
            return None
        pointer = f"{where}/deduction_amount"
        minor = None if self.deduction_amount is None else to_minor(self.deduction_amount, currency, pointer=pointer)
        return Deduction(self.instalment_id, minor, self.deduction_reason)


def _apply_line(line: CorrectionLine | SplitPartFields, instalment_id: UUID, currency: str, where: str) -> ApplyLine:
    return ApplyLine(
        instalment_id,
        to_minor(line.amount, currency, pointer=f"{where}/amount"),
        to_minor(line.discount_amount, currency, pointer=f"{where}/discount_amount"),
        to_minor(line.write_off_amount, currency, pointer=f"{where}/write_off_amount"),
        currency=currency,
    )


class ProposalCorrect(Input):
    """What the payment really settles; the rest stays on account."""

    currency: Currency
    lines: Annotated[list[CorrectionLine], Field(min_length=1, max_length=LINES_LIMIT)]
    effective_date: BusinessDate | None = None
    allow_other_account: bool = False

    def command(self) -> Correction:
        """The plain command. Raises AmountInvalid with the pointer of the field."""
        lines = (
            _apply_line(line, line.instalment_id, self.currency, f"/lines/{i}") for i, line in enumerate(self.lines)
        )
        kept_back = [line.deduction(self.currency, f"/lines/{i}") for i, line in enumerate(self.lines)]
        deductions = tuple(deduction for deduction in kept_back if deduction is not None)
        return Correction(tuple(lines), self.effective_date, self.allow_other_account, deductions=deductions)


class SplitPartFields(Input):
    """A part of the payment: for an instalment of any account, or, without one, left on account of `account_id`."""

    amount: Amount
    instalment_id: UUID | None = None
    account_id: UUID | None = None
    discount_amount: Amount = "0"
    write_off_amount: Amount = "0"


class ProposalSplit(Input):
    """One payment for several accounts. `account_id`: who paid; null: the account of a part left over, or the owner."""

    currency: Currency
    parts: Annotated[list[SplitPartFields], Field(min_length=1, max_length=LINES_LIMIT)]
    account_id: UUID | None = None
    effective_date: BusinessDate | None = None

    def plain_parts(self) -> list[SplitPart]:
        """The plain parts. Raises AmountInvalid with the pointer of the field."""
        made = []
        for i, part in enumerate(self.parts):
            minor = to_minor(part.amount, self.currency, pointer=f"/parts/{i}/amount")
            line = None
            if part.instalment_id is not None:
                line = _apply_line(part, part.instalment_id, self.currency, f"/parts/{i}")
            made.append(SplitPart(minor, line, part.account_id if line is None else None))
        return made

    def command(self) -> Correction:
        """What holds for all parts."""
        return Correction((), self.effective_date, True, self.account_id)


class ProposalReject(Input):
    """Why the proposal is wrong."""

    note: Comment | None = None


class ProposalNote(Input):
    """Why."""

    note: Comment | None = None


class ProposalOnAccount(Input):
    """Whose payment it is. `effective_date` is today unless given."""

    account_id: UUID
    effective_date: BusinessDate | None = None
    note: Comment | None = None


class DuplicateConfirm(Input):
    """`keep_on_account`: money came twice and belongs to the payer. `reverse`: one receipt was entered twice."""

    treatment: Treatment
    effective_date: BusinessDate | None = None
    note: Comment | None = None


class ProposalUndo(Input):
    """Take the decision back. `effective_date` is today unless given, and never before what is undone."""

    effective_date: BusinessDate | None = None
    reason: Comment | None = None


class ReversalCreate(Input):
    """An entry by which the bank took money back. `reference` names the entry: sent again it is proposed once."""

    legal_entity_id: UUID
    reference: Annotated[str, visible(140)]
    amount: Amount
    currency: Currency
    value_date: BusinessDate
    reason_code: ReversalReason = "returned"
    payer_name: Annotated[str, text(200)] | None = None
    payer_bank_identifier: Annotated[str, text(64)] | None = None
    remittance_text: Comment | None = None
    end_to_end_id: Annotated[str, visible(140)] | None = None
    bank_reference: Annotated[str, visible(140)] | None = None

    def command(self) -> ReversalEntry:
        """The plain command. Raises AmountInvalid."""
        texts = ("payer_name", "payer_bank_identifier", "remittance_text", "end_to_end_id", "bank_reference")
        return ReversalEntry(
            legal_entity_id=self.legal_entity_id,
            reference=self.reference,
            amount_minor=to_minor(self.amount, self.currency),
            currency=self.currency,
            value_date=self.value_date,
            reason_code=self.reason_code,
            **{name: getattr(self, name) or "" for name in texts},
        )
