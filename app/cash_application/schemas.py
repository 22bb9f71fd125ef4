"""What the cash-application room takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.cash_application.models import MatchingRun, Proposal
from app.core.money import to_text
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Comment, Currency, Input, SignedAmount

Band = Literal["automatic", "proposed", "none"]
ProposalState = Literal["open", "applied", "accepted", "corrected", "rejected", "superseded"]
RunState = Literal["queued", "running", "completed", "failed"]
LINES_LIMIT = 1_000
Share = Annotated[
    str, Field(pattern=r"^(0(\.[0-9]{1,5})?|1(\.0{1,5})?)$", description="A share from 0 to 1", examples=["0.985"])
]


class RunCreate(Input):
    """Which payments to match."""

    include_unmatched: bool = Field(
        default=False, description="Also those without a match, or only proposed, in an earlier run"
    )


class RunOutcome(BaseModel):
    """How many payments and lines, and their value by currency."""

    payments: int
    lines: int
    value: dict[str, AmountOut]


class RunRead(BaseModel):
    """A matching run: progress and report. Rates are shares of the payments of the run."""

    id: UUID
    state: RunState
    trigger: str
    payments_total: int
    payments_done: int
    applied: RunOutcome
    proposed: RunOutcome
    none: RunOutcome
    automatic_rate: float | None = Field(description="Applied ÷ done, by payment; null when nothing is done")
    why_not: dict[str, int] = Field(description="Payments that were not applied automatically, by reason code")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, run: MatchingRun) -> RunRead:
        """From the row."""
        report: dict[str, Any] = run.report or {}
        applied = _outcome(report.get("applied"))
        return cls(
            id=run.id,
            state=run.state,
            trigger=run.trigger,
            payments_total=max(run.payments_total, run.payments_done),
            payments_done=run.payments_done,
            applied=applied,
            proposed=_outcome(report.get("proposed")),
            none=_outcome(report.get("none")),
            automatic_rate=applied.payments / run.payments_done if run.payments_done else None,
            why_not=report.get("why_not", {}),
            created_at=run.created_at,
            finished_at=run.finished_at,
        )


def _outcome(stored: dict[str, Any] | None) -> RunOutcome:
    if stored is None:
        return RunOutcome(payments=0, lines=0, value={})
    value = {currency: to_text(minor, currency) for currency, minor in stored["value_minor"].items()}
    return RunOutcome(payments=stored["payments"], lines=stored["lines"], value=value)


class ProposalLineRead(BaseModel):
    """One line: what an instalment gets, or what a credit memo gives (negative)."""

    instalment_id: UUID | None
    credit_memo_id: UUID | None
    amount: SignedAmount
    discount_amount: SignedAmount
    write_off_amount: SignedAmount
    deduction_amount: SignedAmount
    difference: str


class ReasonRead(BaseModel):
    """Why: a stable code and a sentence."""

    code: str
    text: str


class AlternativeRead(BaseModel):
    """Another answer that was weighed."""

    account_id: UUID | None
    item_ids: list[UUID]
    strategy: str
    confidence: float


class ProposalRead(BaseModel):
    """What a payment settles, how sure that is and why."""

    id: UUID
    run_id: UUID
    payment_id: UUID
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
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    allowed_actions: list[Literal["accept", "correct", "reject"]]
    version: int
    created_at: datetime

    @classmethod
    def of(cls, row: Proposal) -> ProposalRead:
        """From the row."""
        currency = row.currency
        actions: list[Literal["accept", "correct", "reject"]] = []
        if row.state == "open":
            actions = ["accept", "correct", "reject"] if row.lines else ["correct", "reject"]
        plain = ("id", "run_id", "payment_id", "account_id", "currency", "residual_treatment", "strategy", "band",
                 "scores", "reasons", "alternatives", "state", "decided_by", "decided_at", "note", "version",
                 "created_at")  # fmt: skip
        return cls(
            amount=to_text(row.amount_minor, currency),
            residual_amount=to_text(row.residual_minor, currency),
            confidence=float(row.confidence),
            lines=[_line(line, currency) for line in row.lines],
            allowed_actions=actions,
            **{name: getattr(row, name) for name in plain},
        )


def _line(line: dict[str, Any], currency: str) -> ProposalLineRead:
    credit = line["is_credit"]
    return ProposalLineRead(
        instalment_id=None if credit else line["item_id"],
        credit_memo_id=line["item_id"] if credit else None,
        amount=to_text(line["amount_minor"], currency),
        discount_amount=to_text(line["discount_minor"], currency),
        write_off_amount=to_text(line["write_off_minor"], currency),
        deduction_amount=to_text(line["deduction_minor"], currency),
        difference=line["difference"],
    )


class ProposalAccept(Input):
    """Accept as it stands."""

    allow_other_account: bool = False


class CorrectionLine(Input):
    """So much for this instalment."""

    instalment_id: UUID
    amount: Amount
    discount_amount: Amount = "0"
    write_off_amount: Amount = "0"


class ProposalCorrect(Input):
    """What the payment really settles; the rest stays on account."""

    currency: Currency
    lines: Annotated[list[CorrectionLine], Field(min_length=1, max_length=LINES_LIMIT)]
    effective_date: BusinessDate | None = None
    allow_other_account: bool = False


class ProposalReject(Input):
    """Why the proposal is wrong."""

    note: Comment | None = None


class TolerancesFields(Input):
    """How far a payment may be from what it settles: minor units and basis points (1 % = 100)."""

    under_minor: Annotated[int, Field(ge=0, le=10**9)] = 5
    under_basis_points: Annotated[int, Field(ge=0, le=10_000)] = 0
    over_minor: Annotated[int, Field(ge=0, le=10**9)] = 5
    over_basis_points: Annotated[int, Field(ge=0, le=10_000)] = 0
    cap_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None
    small_difference_minor: Annotated[int, Field(ge=0, le=10**9)] = 5
    bank_charge_minor: Annotated[int, Field(ge=0, le=10**9)] = 2_500


class MatchingSettingsUpdate(Input):
    """Thresholds, tolerances, and whether matches are applied without a person."""

    automatic_enabled: bool
    automatic_threshold: Share
    proposed_threshold: Share
    tolerances: TolerancesFields = TolerancesFields()

    def thresholds(self) -> tuple[Decimal, Decimal]:
        """Automatic and proposed threshold."""
        return Decimal(self.automatic_threshold), Decimal(self.proposed_threshold)


class MatchingSettingsRead(BaseModel):
    """The organization's matching settings; `version` 0 means the shipped ones."""

    automatic_enabled: bool
    automatic_threshold: float
    proposed_threshold: float
    tolerances: TolerancesFields
    notice: str | None
    version: int
