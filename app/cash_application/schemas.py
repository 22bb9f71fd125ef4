"""What the cash-application room takes and gives over HTTP: runs, settings, the switches of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.cash_application.matching.proposals import STRATEGY_TEXTS
from app.cash_application.matching.types import Settings
from app.cash_application.models import AccountMatchingSettings, MatchingRun, MatchingSettings
from app.cash_application.report import RunFigures, StrategyPrecision, TimeRow, total_of
from app.cash_application.rules import APPROVE, DECIDE, ON_ACCOUNT, PRECISION_TARGET, Residual
from app.cash_application.settings import AccountSettings, NewSettings
from app.core.money import to_text
from app.infra.http.fields import AmountOut, Input, Reason

RunState = Literal["queued", "running", "completed", "failed"]
Share = Annotated[
    str, Field(pattern=r"^(0(\.[0-9]{1,5})?|1(\.0{1,5})?)$", description="A share from 0 to 1", examples=["0.985"])
]
_SHIPPED = Settings()
RESIDUAL_TEXT = (
    "What happens to a part that no document takes: `on_account`; `review`: such a payment waits for a person;"
    " `small_to_income`: within the small-difference limit it is other income, above it stays on account."
)


def share(part: int, whole: int) -> float | None:
    """Part of whole, null where there is no whole."""
    return round(part / whole, 6) if whole else None


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


class StrategyPrecisionRead(BaseModel):
    """How often automatic applications of one strategy were right: reversed or corrected within 30 days is wrong."""

    strategy: str
    applied: int
    wrong: int
    proven: int = Field(description="Of `applied`: older than 30 days, they cannot turn out wrong any more")
    precision: float | None = Field(description="1 − wrong ÷ applied; null when nothing was applied")
    posterior: float = Field(description="Mean of the Beta posterior over the shipped precision")

    @classmethod
    def of(cls, row: StrategyPrecision) -> StrategyPrecisionRead:
        """From the figures."""
        found = row.outcomes
        return cls(
            strategy=found.strategy,
            applied=found.total,
            wrong=found.wrong,
            proven=row.proven,
            precision=share(found.total - found.wrong, found.total),
            posterior=round(found.precision.mean, 6),
        )


class TimeToApplyRead(BaseModel):
    """Seconds from the recording of a receipt to its first application."""

    way: str
    payments: int
    median_seconds: int
    p90_seconds: int

    @classmethod
    def of(cls, row: TimeRow) -> TimeToApplyRead:
        """From the figures."""
        return cls(way=row.way, payments=row.payments, median_seconds=row.median_seconds, p90_seconds=row.p90_seconds)


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
    automatic_line_rate: float | None = Field(description="Lines applied ÷ lines applied or proposed")
    automatic_value_rates: dict[str, float] = Field(description="By currency: amount applied ÷ amount of all payments")
    why_not: dict[str, int] = Field(description="Payments that were not applied automatically, by reason code")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, run: MatchingRun) -> RunRead:
        """From the row."""
        return cls(**_run(run))


class RunReport(RunRead):
    """A run with what became of its automatic applications so far."""

    precision: list[StrategyPrecisionRead] = Field(
        description="By strategy; one reversed or corrected within 30 days is wrong"
    )
    total_precision: StrategyPrecisionRead
    time_to_apply: TimeToApplyRead | None

    @classmethod
    def reported(cls, run: MatchingRun, figures: RunFigures) -> RunReport:
        """From the row and its figures."""
        return cls(
            **_run(run),
            precision=[StrategyPrecisionRead.of(row) for row in figures.precision],
            total_precision=StrategyPrecisionRead.of(total_of(figures.precision)),
            time_to_apply=TimeToApplyRead.of(figures.time) if figures.time is not None else None,
        )


def _run(run: MatchingRun) -> dict[str, Any]:
    report: dict[str, Any] = run.report or {}
    outcomes = {name: report.get(name) or _NOTHING for name in ("applied", "proposed", "none")}
    lines = sum(outcome["lines"] for outcome in outcomes.values())
    totals: dict[str, int] = {}
    for outcome in outcomes.values():
        for currency, minor in outcome["value_minor"].items():
            totals[currency] = totals.get(currency, 0) + minor
    applied = outcomes["applied"]
    by_value = {currency: share(applied["value_minor"].get(currency, 0), total) for currency, total in totals.items()}
    return {
        "id": run.id,
        "state": run.state,
        "trigger": run.trigger,
        "payments_total": max(run.payments_total, run.payments_done),
        "payments_done": run.payments_done,
        **{name: _outcome(outcome) for name, outcome in outcomes.items()},
        "automatic_rate": share(applied["payments"], run.payments_done),
        "automatic_line_rate": share(applied["lines"], lines),
        "automatic_value_rates": {currency: rate for currency, rate in by_value.items() if rate is not None},
        "why_not": report.get("why_not", {}),
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }


_NOTHING: Mapping[str, Any] = {"payments": 0, "lines": 0, "value_minor": {}}


def _outcome(stored: Mapping[str, Any]) -> RunOutcome:
    value = {currency: to_text(minor, currency) for currency, minor in stored["value_minor"].items()}
    return RunOutcome(payments=stored["payments"], lines=stored["lines"], value=value)


class TolerancesFields(Input):
    """How far a payment may be from what it settles: minor units and basis points (1 % = 100)."""

    under_minor: Annotated[int, Field(ge=0, le=10**9)] = _SHIPPED.tolerance.under_minor
    under_basis_points: Annotated[int, Field(ge=0, le=10_000)] = _SHIPPED.tolerance.under_basis_points
    over_minor: Annotated[int, Field(ge=0, le=10**9)] = _SHIPPED.tolerance.over_minor
    over_basis_points: Annotated[int, Field(ge=0, le=10_000)] = _SHIPPED.tolerance.over_basis_points
    cap_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None
    small_difference_minor: Annotated[int, Field(ge=0, le=10**9)] = _SHIPPED.small_difference_minor
    bank_charge_minor: Annotated[int, Field(ge=0, le=10**9)] = _SHIPPED.bank_charge_minor


class AccountTolerancesFields(Input):
    """Tolerances of one account; what is left out or null is the organization's."""

    under_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None
    under_basis_points: Annotated[int, Field(ge=0, le=10_000)] | None = None
    over_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None
    over_basis_points: Annotated[int, Field(ge=0, le=10_000)] | None = None
    cap_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None
    small_difference_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None
    bank_charge_minor: Annotated[int, Field(ge=0, le=10**9)] | None = None


class MatchingSettingsUpdate(Input):
    """Thresholds, tolerances, and whether matches are applied without a person."""

    automatic_enabled: bool
    automatic_threshold: Share
    proposed_threshold: Share
    precision_target: Share = f"{PRECISION_TARGET:g}"
    tolerances: TolerancesFields = TolerancesFields()
    residual: Residual = Field(default=ON_ACCOUNT, description=RESIDUAL_TEXT)

    def command(self) -> NewSettings:
        """The plain command."""
        return NewSettings(
            automatic_enabled=self.automatic_enabled,
            automatic_threshold=Decimal(self.automatic_threshold),
            proposed_threshold=Decimal(self.proposed_threshold),
            tolerances=self.tolerances.model_dump(exclude_none=True),
            precision_target=Decimal(self.precision_target),
            residual=self.residual,
        )


class SwitchFigures(BaseModel):
    """What the service saw when it switched automatic application off."""

    applied: int
    wrong: int
    observed: float | None
    posterior: float
    target: float

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> SwitchFigures | None:
        """From the stored figures, if there are any."""
        return cls.model_validate(stored) if stored else None


class MatchingSettingsRead(BaseModel):
    """The organization's matching settings; `version` 0 means the shipped ones."""

    automatic_enabled: bool
    automatic_threshold: float
    proposed_threshold: float
    precision_target: float
    tolerances: TolerancesFields
    residual: Residual
    notice: str | None = Field(description="Why automatic application was switched off")
    figures: SwitchFigures | None
    switched_by: str | None
    switched_at: datetime | None
    allowed_actions: list[Literal["update", "switch_on", "switch_off"]]
    version: int

    @classmethod
    def of(cls, row: MatchingSettings | None, scopes: Iterable[str]) -> MatchingSettingsRead:
        """From the row, or as shipped."""
        held = set(scopes)
        is_on = row is None or row.automatic_enabled
        actions: list[Any] = (["update"] if DECIDE in held else []) + (
            ["switch_off" if is_on else "switch_on"] if APPROVE in held else []
        )
        return cls(
            automatic_enabled=is_on,
            automatic_threshold=float(row.automatic_threshold) if row else _SHIPPED.automatic_confidence,
            proposed_threshold=float(row.proposed_threshold) if row else _SHIPPED.proposed_confidence,
            precision_target=float(row.precision_target) if row else PRECISION_TARGET,
            tolerances=TolerancesFields.model_validate(row.tolerances if row else {}),
            residual=row.residual if row else ON_ACCOUNT,
            notice=row.notice if row else None,
            figures=SwitchFigures.of(row.figures) if row else None,
            switched_by=row.switched_by if row else None,
            switched_at=row.switched_at if row else None,
            allowed_actions=actions,
            version=row.version if row else 0,
        )


class AutomaticSwitch(Input):
    """Switch automatic application on or off. Switching it on needs a reason."""

    enabled: bool
    reason: Reason | None = None


class AccountSettingsUpdate(Input):
    """What holds for one account instead of the organization's settings."""

    automatic_allowed: bool = Field(default=True, description="False: a person looks at every payment of the account")
    tolerances: AccountTolerancesFields = AccountTolerancesFields()
    residual: Residual | None = Field(default=None, description=RESIDUAL_TEXT + " Null: as the organization")

    def command(self) -> AccountSettings:
        """The plain command."""
        return AccountSettings(self.automatic_allowed, self.tolerances.model_dump(exclude_none=True), self.residual)


class AccountSettingsRead(BaseModel):
    """What holds for one account; null is as the organization."""

    account_id: UUID
    automatic_allowed: bool
    tolerances: AccountTolerancesFields
    residual: Residual | None
    allowed_actions: list[Literal["update", "delete"]]
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, row: AccountMatchingSettings, scopes: Iterable[str]) -> AccountSettingsRead:
        """From the row."""
        return cls(
            account_id=row.account_id,
            automatic_allowed=row.automatic_allowed,
            tolerances=AccountTolerancesFields.model_validate(row.tolerances or {}),
            residual=row.residual,
            allowed_actions=["update", "delete"] if DECIDE in set(scopes) else [],
            version=row.version,
            updated_at=row.updated_at,
        )


class RuleRead(BaseModel):
    """A rule of the matcher, whether its answers are applied without a person, and what its outcomes say."""

    strategy: str
    text: str
    automatic_enabled: bool
    reason: str | None
    figures: SwitchFigures | None
    switched_by: str | None
    switched_at: datetime | None
    allowed_actions: list[Literal["switch_on", "switch_off"]]
    version: int

    @classmethod
    def of(cls, strategy: str, row: Any | None, scopes: Iterable[str]) -> RuleRead:
        """From the row, or as shipped."""
        is_on = row is None or row["automatic_enabled"]
        allowed = APPROVE in set(scopes)
        return cls(
            strategy=strategy,
            text=STRATEGY_TEXTS.get(strategy, ""),
            automatic_enabled=is_on,
            reason=row["reason"] if row else None,
            figures=SwitchFigures.of(row["figures"]) if row else None,
            switched_by=row["switched_by"] if row else None,
            switched_at=row["switched_at"] if row else None,
            allowed_actions=(["switch_off"] if is_on else ["switch_on"]) if allowed else [],
            version=row["version"] if row else 0,
        )
