"""What the credit file takes and gives over HTTP: bureau scores, statements with ratios, securities, remarks."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.core.money import to_minor, to_text
from app.credit.file.entries import NewBureauScore, NewSecurity, NewStatement
from app.credit.models import BureauScore, CreditRemark, CreditSecurity, FinancialStatement
from app.credit.reviews.recommending import bureau_percent, payment_capacity_minor, ratios_of
from app.credit.schemas import AccountExposureRead, CreditHoldRead, CreditReasonRead, Level
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Comment,
    Currency,
    Input,
    Name,
    Number,
    Reason,
    SignedAmount,
    text,
)

SecurityKind = Literal["insurance", "guarantee", "letter_of_credit", "deposit", "retention_of_title", "other"]
RemarkKind = Literal["behaviour", "risk", "other"]
ScoreText = Annotated[
    str, StringConstraints(pattern=r"^-?[0-9]{1,7}(\.[0-9]{1,4})?$"), Field(description="A decimal text")
]
CoverPercent = Annotated[
    str,
    StringConstraints(pattern=r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$"),
    Field(description="Percent of the amount that the provider bears", examples=["90"]),
]
Ratio = Annotated[str | None, Field(description="Percent with one decimal; null when it cannot be computed")]


class BureauScoreCreate(Input):
    """A bureau's score; the best score may be the lower end of the scale."""

    account_id: UUID | None = None
    account_number: Number | None = None
    provider: Name
    score: ScoreText
    worst_score: ScoreText = "0"
    best_score: ScoreText = "100"
    rating: Annotated[str, text(64)] | None = None
    scored_on: BusinessDate
    recommended_limit: Amount | None = None
    currency: Currency | None = Field(default=None, description="Of the recommended limit")
    note: Reason | None = None

    def command(self) -> NewBureauScore:
        """The plain command. Raises AmountInvalid, CurrencyUnknown."""
        plain = self.model_dump(exclude={"score", "worst_score", "best_score", "recommended_limit", "currency"})
        limit = None
        if self.recommended_limit is not None:
            limit = to_minor(self.recommended_limit, self.currency or "", pointer="/recommended_limit")
        return NewBureauScore(
            score=Decimal(self.score),
            worst_score=Decimal(self.worst_score),
            best_score=Decimal(self.best_score),
            recommended_limit_minor=limit,
            currency=None if limit is None else self.currency,
            **plain,
        )


class BureauScoreBatch(Input):
    """Scores to add."""

    items: Annotated[list[BureauScoreCreate], Field(min_length=1, max_length=1000)]


class BureauScoreRead(BaseModel):
    """A bureau's score; `percent` is its place on the scale, 100 is best."""

    id: UUID
    account_id: UUID
    provider: str
    score: str
    worst_score: str
    best_score: str
    percent: int
    rating: str | None
    scored_on: date
    recommended_limit: AmountOut | None
    currency: str | None
    note: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: BureauScore) -> BureauScoreRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in ("id", "account_id", "provider", "rating", "scored_on",
                                                       "currency", "note", "recorded_at")}  # fmt: skip
        limit = row.recommended_limit_minor
        return cls(
            percent=bureau_percent(row.score, row.worst_score, row.best_score),
            recommended_limit=None if limit is None or row.currency is None else to_text(limit, row.currency),
            score=f"{row.score.normalize():f}",
            worst_score=f"{row.worst_score.normalize():f}",
            best_score=f"{row.best_score.normalize():f}",
            **plain,
        )


class StatementFigures(Input):
    """Figures of a customer's accounts; what is not known is left out."""

    revenue: SignedAmount | None = None
    operating_result: SignedAmount | None = None
    net_result: SignedAmount | None = None
    interest_expense: SignedAmount | None = None
    total_assets: SignedAmount | None = None
    current_assets: SignedAmount | None = None
    inventory: SignedAmount | None = None
    cash: SignedAmount | None = None
    trade_receivables: SignedAmount | None = None
    current_liabilities: SignedAmount | None = None
    total_liabilities: SignedAmount | None = None
    equity: SignedAmount | None = None
    operating_cash_flow: SignedAmount | None = None


class StatementCreate(Input):
    """Figures of a period that ended on a day."""

    account_id: UUID | None = None
    account_number: Number | None = None
    period_end: BusinessDate
    months: Annotated[int, Field(ge=1, le=24)] = 12
    currency: Currency
    figures: StatementFigures
    audited: bool = False
    note: Reason | None = None

    def command(self) -> NewStatement:
        """The plain command. Raises AmountInvalid with the pointer of the figure."""
        figures = {
            name: to_minor(value, self.currency, pointer=f"/figures/{name}")
            for name, value in self.figures.model_dump(exclude_none=True).items()
        }
        return NewStatement(figures=figures, **self.model_dump(exclude={"figures"}))


class StatementBatch(Input):
    """Statements to add."""

    items: Annotated[list[StatementCreate], Field(min_length=1, max_length=1000)]


class StatementRead(BaseModel):
    """A statement with the ratios and the payment capacity that follow from it."""

    id: UUID
    account_id: UUID
    period_end: date
    months: int
    currency: str
    figures: dict[str, AmountOut]
    ratios: dict[str, Ratio]
    payment_capacity: AmountOut | None = Field(description="What could be paid within a month besides what is owed")
    audited: bool
    note: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: FinancialStatement) -> StatementRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in ("id", "account_id", "period_end", "months", "currency",
                                                       "audited", "note", "recorded_at")}  # fmt: skip
        ratios = ratios_of(row.figures)
        capacity = payment_capacity_minor(row.figures, row.months)
        return cls(
            figures={name: to_text(value, row.currency) for name, value in row.figures.items()},
            ratios={
                name: None if (value := getattr(ratios, name)) is None else f"{value:f}" for name in ratios.__slots__
            },
            payment_capacity=None if capacity is None else to_text(capacity, row.currency),
            **plain,
        )


class CreditSecurityCreate(Input):
    """Credit insurance, a guarantee or the like."""

    account_id: UUID
    kind: SecurityKind
    provider: Name
    reference: Annotated[str, text(200)] | None = None
    currency: Currency
    amount: Amount
    cover_percent: CoverPercent = "100"
    valid_from: BusinessDate
    valid_until: BusinessDate | None = None
    note: Reason | None = None

    def command(self) -> NewSecurity:
        """The plain command. Raises AmountInvalid."""
        plain = self.model_dump(exclude={"amount", "cover_percent"})
        cover_bp = int(Decimal(self.cover_percent) * 100)
        return NewSecurity(amount_minor=to_minor(self.amount, self.currency), cover_bp=cover_bp, **plain)


class CreditSecurityCancel(Input):
    """Why the security ends."""

    reason: Reason


class CreditSecurityRead(BaseModel):
    """A security of an account."""

    id: UUID
    account_id: UUID
    kind: SecurityKind
    provider: str
    reference: str | None
    currency: str
    amount: AmountOut
    cover_percent: str
    valid_from: date
    valid_until: date | None
    cancelled_on: date | None
    cancel_reason: str | None
    note: str | None
    allowed_actions: list[Literal["cancel"]]
    version: int

    @classmethod
    def of(cls, row: CreditSecurity) -> CreditSecurityRead:
        """From the row."""
        made = {"amount", "cover_percent", "allowed_actions"}
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in made}
        return cls(
            amount=to_text(row.amount_minor, row.currency),
            cover_percent=f"{Decimal(row.cover_bp).scaleb(-2).normalize():f}",
            allowed_actions=[] if row.cancelled_on else ["cancel"],
            **plain,
        )


class CreditRemarkCreate(Input):
    """What is known of a customer's behaviour or risk."""

    kind: RemarkKind = "behaviour"
    body: Annotated[Comment, Field(min_length=1)]


class CreditRemarkRead(BaseModel):
    """A remark of a collector."""

    id: UUID
    account_id: UUID
    kind: RemarkKind
    body: str
    actor_name: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: CreditRemark) -> CreditRemarkRead:
        """From the row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class ScoreFactorRead(BaseModel):
    """One factor of the score: what was found, its points, its weight, its part of the score."""

    name: str
    value: str
    points: int
    weight: int
    contribution: int


class CreditScoreRead(BaseModel):
    """The payment-behaviour score of a month; the contributions sum to it."""

    month: date
    score: int = Field(description="0 is worst, 100 best")
    factors: list[ScoreFactorRead]
    policy_version: int
    computed_on: date


class CreditStatusChangeRead(BaseModel):
    """A change of the account's credit status."""

    id: UUID
    status_before: Level
    status: Level
    reasons: list[CreditReasonRead]
    policy_version: int
    effective_date: date
    actor_name: str
    recorded_at: datetime


class CreditFileRead(BaseModel):
    """Everything on an account's credit at one look."""

    account_id: UUID
    as_of: date
    credit_status: Level
    ladder_level: Level = Field(description="What exposure and lateness lead to by themselves")
    ladder_reasons: list[CreditReasonRead]
    source_credit_status: Level | None = Field(description="What the ERP says")
    holds: list[CreditHoldRead]
    exposure: AccountExposureRead
    limit_valid_until: date | None
    risk_class: str | None
    score: CreditScoreRead | None
    score_risk: Literal["low", "medium", "high"] | None
    days_beyond_terms: int | None
    bureau_scores: list[BureauScoreRead]
    statements: list[StatementRead]
    securities: list[CreditSecurityRead]
    remarks: list[CreditRemarkRead]
    last_review_on: date | None
    next_review_on: date | None
    policy_version: int


def score_read(row: Any) -> CreditScoreRead:
    """From a row of monthly scores."""
    plain = {name: row[name] for name in ("month", "score", "policy_version", "computed_on")}
    return CreditScoreRead(factors=[ScoreFactorRead(**factor) for factor in row["factors"]], **plain)
