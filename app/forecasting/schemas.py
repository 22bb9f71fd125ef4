"""What the forecasting room takes and gives over HTTP. Probabilities and rates are decimal texts of four places."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.forecasting.models import ForecastModel, ForecastRun, ForecastWeeks
from app.forecasting.rules import HORIZON_WEEKS, LATE_DAYS_MAX, NAIVE_ROWS, PERMYRIAD, ScenarioRules, week_of
from app.infra.http.fields import AmountOut, BusinessDate, Input, Instant, Reason

RunKind = Literal["nightly", "on_demand", "what_if"]
RunState = Literal["queued", "running", "done", "failed", "cancelled"]
Stage = Literal["loading", "fitting", "forecasting", "writing"]
ModelState = Literal["candidate", "active", "rejected", "retired"]
ForecastLayer = Literal["open", "new_business", "total"]
ForecastGroup = Literal["organization", "currency", "legal_entity", "collector", "segment", "account"]
AccuracyGroup = Literal["organization", "currency", "legal_entity", "collector", "segment"]
Basis = Literal["account", "segment", "organization", "terms"]
NaiveRow = Literal["due_date", "customer_median", "mean_13"]
Share = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{4}$", examples=["0.7312"])]


class Scenario(Input):
    """A what-if: which assumptions are changed. Left out, nothing is."""

    promises_excluded: bool = Field(default=False, description="As if nobody had promised anything")
    disputes_settled: bool = Field(default=False, description="As if every dispute were settled today")
    late_days: int = Field(default=0, ge=0, le=LATE_DAYS_MAX, description="A shock: everything is paid so much later")

    def rules(self) -> ScenarioRules:
        """The plain form."""
        return ScenarioRules(self.promises_excluded, self.disputes_settled, self.late_days)


class ForecastRunCreate(Input):
    """What is to be forecast; an empty body asks for a forecast of today."""

    as_of: BusinessDate | None = Field(default=None, description="Last day that is known; today when missing")
    known_at: Instant | None = Field(default=None, description="Rows recorded up to this instant; all when missing")
    scenario: Scenario | None = None
    model_id: UUID | None = Field(default=None, description="The model; the one in force when missing")
    refit: bool = Field(default=False, description="Fit a new model first")
    seed: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Of the simulation; from the day if missing")


class ScenarioRead(BaseModel):
    """The assumptions that were changed."""

    promises_excluded: bool
    disputes_settled: bool
    late_days: int


class CurrencyAmount(BaseModel):
    """An amount in its currency."""

    currency: str
    amount: AmountOut


class RunInputs(BaseModel):
    """What the forecast was made from."""

    history_from: date
    paid_items: int = Field(description="What one day's money settled of an instalment counts as one")
    open_items: int
    accounts: int
    disputed_items: int
    promised_items: int
    legal_items: int
    reminded_items: int
    open: list[CurrencyAmount] = Field(description="Open amounts, less what accounts have to their credit")
    credits_taken_off: list[CurrencyAmount] = Field(description="Unapplied money and credits, oldest items first")
    at_par: list[str] = Field(description="Currencies without a rate to the base currency, counted at par")


class ForecastRunRead(BaseModel):
    """A forecast: of which day, by which model, how far it is."""

    id: UUID
    kind: RunKind
    state: RunState
    progress: Share = Field(description="0 to 1")
    stage: Stage | None
    as_of: date = Field(description="The last day that is known; week 1 begins on the next")
    known_at: datetime | None = Field(description="Fixed when the run begins")
    ends_on: date = Field(description="The last day of the horizon")
    base_currency: str
    model_id: UUID | None
    model_version: str | None
    refit: bool
    seed: int
    scenario: ScenarioRead
    inputs: RunInputs | None
    notes: list[str]
    current: bool = Field(description="The worklist and accounts read their expected cash from this one")
    details_kept: bool = Field(description="Instalments and accounts can still be read")
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failure: str | None
    version: int
    allowed_actions: list[Literal["cancel"]]

    @classmethod
    def of(cls, run: ForecastRun, scopes: Set[str]) -> ForecastRunRead:
        """From the row, for a caller with these scopes."""
        open_ = run.state in ("queued", "running")
        plain = {name: getattr(run, name) for name in cls.model_fields if hasattr(run, name)}
        return cls.model_validate(
            plain
            | {
                "progress": share(run.progress_permille * 10),
                "ends_on": week_of(run.as_of, HORIZON_WEEKS)[1],
                "scenario": _scenario(run.scenario),
                "inputs": _inputs(run.inputs) if run.inputs else None,
                "allowed_actions": ["cancel"] if open_ and "forecasts:write" in scopes else [],
            }
        )


def _scenario(row: Mapping[str, Any]) -> dict[str, Any]:
    found = ScenarioRules.of_row(row)
    return {name: getattr(found, name) for name in ScenarioRead.model_fields}


def _inputs(row: Mapping[str, Any]) -> dict[str, Any]:
    amounts = {"open": "open_minor", "credits_taken_off": "credits_taken_off_minor"}
    listed = {
        name: [{"currency": code, "amount": to_text(minor, code)} for code, minor in sorted(row[column].items())]
        for name, column in amounts.items()
    }
    return {**{name: row[name] for name in RunInputs.model_fields if name not in amounts}, **listed}


class NaiveAmounts(BaseModel):
    """What the naive rows expect; null where a row says nothing of that layer."""

    due_date: AmountOut | None = Field(description="Everything open is paid on its due date")
    customer_median: AmountOut | None = Field(description="… after the customer's median days")
    mean_13: AmountOut | None = Field(description="As much as in the mean of the last 13 weeks")


class ForecastWeekRead(BaseModel):
    """One week of a series; P10 to P90 hold the actual in eight of ten weeks."""

    week: int = Field(ge=1, le=HORIZON_WEEKS)
    starts_on: date
    ends_on: date
    mean: AmountOut
    p10: AmountOut
    p50: AmountOut
    p90: AmountOut
    cumulative_p10: AmountOut = Field(description="Of everything up to the end of this week")
    cumulative_p90: AmountOut
    naive: NaiveAmounts | None = Field(description="null for accounts and for coming invoices")


class ForecastSeriesRead(BaseModel):
    """Expected collections of one group, layer and currency over the horizon."""

    id: UUID
    layer: ForecastLayer = Field(description="Open at the cut-off; invoices not issued yet; both")
    group_by: ForecastGroup
    key: str | None = Field(description="An id, a segment or a currency; null: the organization, or none")
    code: str | None = Field(description="Number or code, where the key is an id")
    name: str | None
    currency: str = Field(description="The organization's series are in its base currency")
    total: AmountOut = Field(description="The means of all weeks together")
    weeks: list[ForecastWeekRead]


class ForecastWeeksPage(BaseModel):
    """Series of one run."""

    run: ForecastRunRead
    data: list[ForecastSeriesRead]
    has_more: bool
    next_cursor: str | None


_WEEK_AMOUNTS = ("mean", "p10", "p50", "p90", "cumulative_p10", "cumulative_p90")


def series_read(row: ForecastWeeks, as_of: date, names: Mapping[str, tuple[str, str]]) -> ForecastSeriesRead:
    """From the row, and the names of groups."""
    code, name = names.get(row.key, (None, None))
    facts = {"id": row.id, "layer": row.layer, "group_by": row.group_by, "key": row.key or None, "code": code}
    weeks = [_week(row, as_of, week) for week in range(1, HORIZON_WEEKS + 1)]
    total = to_text(row.total_minor, row.currency)
    return ForecastSeriesRead.model_validate(
        facts | {"name": name, "currency": row.currency, "total": total, "weeks": weeks}
    )


def _week(row: ForecastWeeks, as_of: date, week: int) -> dict[str, Any]:
    starts_on, ends_on = week_of(as_of, week)
    amounts = {name: to_text(getattr(row, f"{name}_minor")[week - 1], row.currency) for name in _WEEK_AMOUNTS}
    naive: dict[str, Any] = {}
    for name in NAIVE_ROWS:
        values = getattr(row, f"naive_{name}_minor")
        naive[name] = None if values is None else to_text(values[week - 1], row.currency)
    beside = naive if any(naive.values()) else None
    return {"week": week, "starts_on": starts_on, "ends_on": ends_on, **amounts, "naive": beside}


class ForecastInvoiceRead(BaseModel):
    """What a run says of one open instalment."""

    id: UUID
    instalment_id: UUID
    invoice_id: UUID
    invoice_number: str
    ordinal: int
    account_id: UUID
    account_number: str
    account_name: str
    currency: str
    due_date: date
    amount: AmountOut = Field(description="Open at the cut-off, less what the account has to its credit")
    p10_date: date | None = Field(description="Paid by then with 10 percent; null: past the model's reach")
    p50_date: date | None
    p90_date: date | None
    expected: AmountOut = Field(description="Of the amount, within the horizon")
    expected_30_days: AmountOut
    probability_30_days: Share
    probability_later: Share = Field(description="After the horizon, or never")
    probability_late_60: Share = Field(description="Paid later than 60 days past due, or never")
    weeks: list[Share] = Field(
        min_length=HORIZON_WEEKS, max_length=HORIZON_WEEKS, description="Probability by week of the horizon"
    )
    basis: Basis = Field(description="Whose history the forecast leans on most")


class ForecastInvoicesPage(BaseModel):
    """Instalments of one run."""

    run: ForecastRunRead
    data: list[ForecastInvoiceRead]
    has_more: bool
    next_cursor: str | None


def invoice_read(found: Any) -> ForecastInvoiceRead:
    """From a row of `invoices_statement`."""
    row, invoice_id, number, ordinal, account_number, account_name, *_ = found
    facts = {name: getattr(row, name) for name in ForecastInvoiceRead.model_fields if hasattr(row, name)}
    return ForecastInvoiceRead.model_validate(
        facts
        | {
            "invoice_id": invoice_id,
            "invoice_number": number,
            "ordinal": ordinal,
            "account_number": account_number,
            "account_name": account_name,
            "amount": to_text(row.amount_minor, row.currency),
            "expected": to_text(row.expected_minor, row.currency),
            "expected_30_days": to_text(row.expected_30_minor, row.currency),
            "probability_30_days": share(row.permyriad_30),
            "probability_later": share(max(0, PERMYRIAD - sum(row.week_permyriad))),
            "probability_late_60": share(row.late_60_permyriad),
            "weeks": [share(value) for value in row.week_permyriad],
        }
    )


def share(permyriad: int) -> str:
    """A share of ten thousand as a decimal text."""
    whole, part = divmod(permyriad, PERMYRIAD)
    return f"{whole}.{part:04d}"


class ModelFigures(BaseModel):
    """One figure of the model and of the naive rows; smaller is better."""

    model: str | None = None
    due_date: str | None = None
    customer_median: str | None = None
    mean_13: str | None = None


class ForecastModelRead(BaseModel):
    """A fitted model, how it did on the past, and whether forecasts may use it."""

    id: UUID
    model_version: str
    cutoff: date = Field(description="It knows nothing of later days")
    known_at: datetime
    seed: int
    item_count: int = Field(description="Payments that it was fitted on")
    state: ModelState
    beats_naive: bool
    reasons: list[str] = Field(description="Why it was activated or not, and who set it aside")
    scored_items: int
    origins: list[date] = Field(description="Days of the past from which it was tried")
    mae_days: ModelFigures = Field(description="Days of error of invoices, in the mean")
    error_4_weeks: ModelFigures = Field(description="Relative error of four weeks' cash, in the mean")
    coverage_invoice: str | None = Field(description="Share of payments between P10 and P90; 0.80 is right")
    coverage_week: str | None
    decided_at: datetime | None
    decided_by: str | None
    created_at: datetime
    version: int
    allowed_actions: list[Literal["activate", "reject"]]

    @classmethod
    def of(cls, model: ForecastModel, scopes: Set[str]) -> ForecastModelRead:
        """From the row, for a caller with these scopes."""
        actions = []
        if "forecasts:write" in scopes:
            actions += ["activate"] if model.beats_naive and model.state != "active" else []
            actions += ["reject"] if model.state != "rejected" else []
        metrics = model.metrics
        figures = {name: metrics.get(name) for name in ("coverage_invoice", "coverage_week")}
        return cls.model_validate(
            {name: getattr(model, name) for name in cls.model_fields if hasattr(model, name)}
            | {name: metrics.get(name) or {} for name in ("mae_days", "error_4_weeks")}
            | figures
            | {"scored_items": metrics.get("scored_items", 0), "origins": metrics.get("origins", [])}
            | {"allowed_actions": actions}
        )


class ModelActivate(Input):
    """Put a model in force."""

    reason: Reason | None = None


class ModelReject(Input):
    """Set a model aside."""

    reason: Reason
