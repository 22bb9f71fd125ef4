"""Tables of forecasts: fitted models, runs, what they say of each instalment and week, and how right they were."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.forecasting.rules import BASES, GROUPS, HORIZON_WEEKS, LAYERS, MODEL_STATES, RUN_KINDS, RUN_STATES
from app.infra.tables import Base, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class ForecastModel(Versioned, TenantTable, Base):
    """A fitted model: what it was fitted on, how it did against the naive rows, and whether forecasts may use it.

    `content` is the model itself; it is forgotten when nobody can ask for it any more. `reasons` say why it was
    activated or rejected, as texts for people.
    """

    __tablename__ = "forecast_models"
    model_version: Mapped[str]
    cutoff: Mapped[date]
    known_at: Mapped[datetime]
    seed: Mapped[int] = mapped_column(BigInteger)
    item_count: Mapped[int]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str] = mapped_column(server_default="candidate")
    reasons: Mapped[list[Any]] = mapped_column(server_default="[]")
    beats_naive: Mapped[bool] = mapped_column(server_default="false")
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        one_of("state", *MODEL_STATES),
        Index(
            "uq_forecast_models_active", "organization_id", unique=True, postgresql_where=text("state = 'active'"),
        ),
        Index(None, "organization_id", "state", "id"),
    )  # fmt: skip


class ForecastRun(Versioned, TenantTable, Base):
    """One forecast: as of which day, of what was recorded by then (`known_at`), by which model, with what scenario.

    `current` is the run from which the desk reads expected cash: the latest without a scenario, by an active model.
    `details_until` is the day on which its instalments are forgotten; its weeks stay for the report of accuracy.
    """

    __tablename__ = "forecast_runs"
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    progress_permille: Mapped[int] = mapped_column(server_default="0")
    stage: Mapped[str | None]
    as_of: Mapped[date]
    known_at: Mapped[datetime | None]  # fixed when the run begins
    base_currency: Mapped[str]
    model_id: Mapped[UUID | None]
    model_version: Mapped[str | None]
    refit: Mapped[bool] = mapped_column(server_default="false")
    seed: Mapped[int] = mapped_column(BigInteger)
    scenario: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    inputs: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    notes: Mapped[list[Any]] = mapped_column(server_default="[]")
    current: Mapped[bool] = mapped_column(server_default="false")
    requested_by: Mapped[str]
    requested_by_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    details_until: Mapped[date | None]
    details_kept: Mapped[bool] = mapped_column(server_default="false")
    measured_weeks: Mapped[int] = mapped_column(server_default="0")  # weeks ahead whose actuals are final
    __table_args__ = (
        organization_fk(),
        tenant_fk("model_id", "forecast_models"),
        one_of("kind", *RUN_KINDS),
        one_of("state", *RUN_STATES),
        CheckConstraint("progress_permille BETWEEN 0 AND 1000", name="progress_bounded"),
        CheckConstraint(f"measured_weeks BETWEEN 0 AND {HORIZON_WEEKS}", name="measured_weeks_bounded"),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failure_when_failed"),
        CheckConstraint("NOT current OR state = 'done'", name="current_when_done"),
        Index("uq_forecast_runs_current", "organization_id", unique=True, postgresql_where=text("current")),
        Index(  # one nightly run of a day
            "uq_forecast_runs_nightly", "organization_id", "as_of", unique=True,
            postgresql_where=text("kind = 'nightly'"),
        ),
        Index(None, "organization_id", "model_id"),
        Index(None, "organization_id", "kind", "id"),
        Index(None, "organization_id", "state", "id"),
        Index(None, "organization_id", "as_of", "id"),
        Index("ix_forecast_runs_details", "organization_id", "details_until", postgresql_where=text("details_kept")),
        Index(
            "ix_forecast_runs_unmeasured", "organization_id", "as_of",
            postgresql_where=text(f"state = 'done' AND kind <> 'what_if' AND measured_weeks < {HORIZON_WEEKS}"),
        ),
    )  # fmt: skip


class ForecastInvoice(TenantTable, Base):
    """What a run says of one open instalment. Deleted when the run's details are over.

    `amount_minor` is what was open when the run was made, less the account's unapplied cash and credits. A quantile
    past the horizon is null. `week_permyriad[w]` is the probability that the money comes in week w of the horizon, of
    10,000; what is missing to 10,000 comes later or never. `expected_minor` is the part of the amount that is expected
    within the horizon, `expected_30_minor` within 30 days; `late_60_permyriad` is the probability that it is settled
    later than 60 days past due. `basis` says on whose history the forecast leans most.
    """

    __tablename__ = "forecast_invoices"
    run_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    account_id: Mapped[UUID]
    currency: Mapped[str]
    due_date: Mapped[date]
    amount_minor: Mapped[int] = minor()
    p10_date: Mapped[date | None]
    p50_date: Mapped[date | None]
    p90_date: Mapped[date | None]
    week_permyriad: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    permyriad_30: Mapped[int] = mapped_column(SmallInteger)
    late_60_permyriad: Mapped[int] = mapped_column(SmallInteger)
    basis: Mapped[str]
    expected_minor: Mapped[int] = minor()
    expected_30_minor: Mapped[int] = minor()
    __table_args__ = (
        tenant_fk("run_id", "forecast_runs"),
        tenant_fk("instalment_id", "instalments"),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "run_id", "instalment_id"),
        one_of("basis", *BASES),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("expected_minor BETWEEN 0 AND amount_minor", name="expected_within_amount"),
        CheckConstraint("expected_30_minor BETWEEN 0 AND amount_minor", name="expected_30_within_amount"),
        Index(None, "organization_id", "run_id", "account_id"),
        Index(None, "organization_id", "run_id", "p50_date", "id"),
        Index(None, "organization_id", "run_id", "expected_30_minor", "id"),
    )


class ForecastWeeks(TenantTable, Base):
    """Expected collections of one group, layer and currency over the weeks of the horizon.

    Arrays of HORIZON_WEEKS: mean, P10, P50 and P90 of each week; the cumulative ones of everything from the cut-off to
    the end of that week (quantiles do not add up). `key` is what the group is of: an id, a segment, a
    currency, empty for the organization (then in base currency) and for accounts without one. The naive rows stand
    beside where accuracy is measured.
    """

    __tablename__ = "forecast_weeks"
    run_id: Mapped[UUID]
    layer: Mapped[str]
    group_by: Mapped[str]
    key: Mapped[str]
    currency: Mapped[str]
    total_minor: Mapped[int] = minor()
    mean_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    p10_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    p50_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    p90_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    cumulative_p10_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    cumulative_p90_minor: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    naive_due_date_minor: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    naive_customer_median_minor: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    naive_mean_13_minor: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    __table_args__ = (
        tenant_fk("run_id", "forecast_runs"),
        one_of("layer", *LAYERS),
        one_of("group_by", *GROUPS),
        CheckConstraint(f"cardinality(mean_minor) = {HORIZON_WEEKS}", name="weeks"),
        UniqueConstraint("organization_id", "run_id", "group_by", "layer", "key", "currency"),
        Index(None, "organization_id", "run_id", "group_by", "layer", "total_minor", "id"),
    )


class ForecastAccuracy(TenantTable, Base):
    """Forecast and actual of one week of one run, with the naive rows beside.

    `actual_minor` is counted again until late applications of that week's money are in (`final`).
    """

    __tablename__ = "forecast_accuracy"
    run_id: Mapped[UUID]
    model_id: Mapped[UUID | None]
    as_of: Mapped[date]
    week: Mapped[int] = mapped_column(SmallInteger)
    ends_on: Mapped[date]
    layer: Mapped[str]
    group_by: Mapped[str]
    key: Mapped[str]
    currency: Mapped[str]
    forecast_minor: Mapped[int] = minor()
    p10_minor: Mapped[int] = minor()
    p90_minor: Mapped[int] = minor()
    actual_minor: Mapped[int] = minor()
    naive_due_date_minor: Mapped[int | None] = minor()
    naive_customer_median_minor: Mapped[int | None] = minor()
    naive_mean_13_minor: Mapped[int | None] = minor()
    measured_on: Mapped[date]
    final: Mapped[bool]
    __table_args__ = (
        tenant_fk("run_id", "forecast_runs"),
        tenant_fk("model_id", "forecast_models"),
        one_of("layer", *LAYERS),
        one_of("group_by", *GROUPS),
        CheckConstraint(f"week BETWEEN 1 AND {HORIZON_WEEKS}", name="week_bounded"),
        UniqueConstraint("organization_id", "run_id", "group_by", "layer", "key", "currency", "week"),
        Index(None, "organization_id", "group_by", "layer", "as_of"),
        Index(None, "organization_id", "ends_on"),
        Index(None, "organization_id", "model_id"),
    )
