"""What goes in and out over HTTP: runs of the provision matrix."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.core.money import to_text
from app.infra.http.fields import AmountOut, BusinessDate, Comment, Currency, Input, Instant, text
from app.reports.portfolio.models import ProvisionLine, ProvisionRun
from app.reports.portfolio.provision_rules import (
    HORIZON_MONTHS,
    HORIZON_MONTHS_MAX,
    OBSERVATION_MONTHS,
    OBSERVATION_MONTHS_MAX,
    Setting,
)

SETTINGS_MAX = 200
FactorText = Annotated[
    str,
    StringConstraints(pattern=r"^(0\.[0-9]{0,5}[1-9]|[1-9][0-9]?(\.[0-9]{1,6})?|100)$"),
    Field(description="A positive decimal up to 100", examples=["1.15"]),
]
ShareText = Annotated[
    str,
    StringConstraints(pattern=r"^(0(\.[0-9]{1,8})?|1)$"),
    Field(description="A share from 0 to 1", examples=["0.025"]),
]
Segment = Annotated[str, text(100)]
Bucket = Annotated[int, Field(ge=0, le=12, description="Number of the bucket; 0 is current")]


class ForwardFactor(Input):
    """By what the historical rate is multiplied; the most particular one counts (segment and bucket before segment)."""

    factor: FactorText
    segment: Annotated[Segment | None, Field(description="Every segment when missing")] = None
    bucket: Annotated[Bucket | None, Field(description="Every bucket when missing")] = None


class LossRate(Input):
    """A rate that takes the place of the historical one, as where there is no history."""

    rate: ShareText
    segment: Annotated[Segment | None, Field(description="Every segment when missing")] = None
    bucket: Annotated[Bucket | None, Field(description="Every bucket when missing")] = None


class ProvisionRunCreate(Input):
    """A matrix to be computed and kept."""

    as_of: Annotated[BusinessDate | None, Field(description="Business date; today when missing")] = None
    known_at: Annotated[Instant | None, Field(description="Rows recorded up to it; all there are when missing")] = None
    currency: Annotated[Currency | None, Field(description="The organization's base currency when missing")] = None
    legal_entity_id: UUID | None = None
    observation_months: Annotated[
        int, Field(ge=1, le=OBSERVATION_MONTHS_MAX, description="Month ends on which exposures are observed")
    ] = OBSERVATION_MONTHS
    horizon_months: Annotated[
        int, Field(ge=1, le=HORIZON_MONTHS_MAX, description="Months after each in which losses count")
    ] = HORIZON_MONTHS
    forward_factors: Annotated[list[ForwardFactor], Field(max_length=SETTINGS_MAX)] = []
    rates: Annotated[list[LossRate], Field(max_length=SETTINGS_MAX)] = []
    note: Comment | None = None

    def factors(self) -> list[Setting]:
        """The forward factors as the rules take them."""
        return [Setting(Decimal(one.factor), one.segment, one.bucket) for one in self.forward_factors]

    def given_rates(self) -> list[Setting]:
        """The rates as the rules take them."""
        return [Setting(Decimal(one.rate), one.segment, one.bucket) for one in self.rates]


class ProvisionLineRead(BaseModel):
    """One segment and bucket."""

    segment: str | None = Field(description="null: accounts without a segment")
    bucket: int
    label: str
    exposure_amount: AmountOut
    observed_amount: AmountOut = Field(description="Open in the bucket on the observation days, added up")
    lost_amount: AmountOut = Field(description="Of that, written off within the horizon")
    loss_rate: str | None = Field(description="Lost ÷ observed; null: nothing was ever observed")
    forward_factor: str
    applied_rate: str | None = Field(description="Rate × factor, at most 1; null: no history and no given rate")
    expected_loss_amount: AmountOut


class ProvisionSettingRead(BaseModel):
    """A factor or rate that was given."""

    value: str
    segment: str | None
    bucket: int | None


class ProvisionRunRead(BaseModel):
    """A kept run. It is never changed: another view is another run."""

    id: UUID
    as_of: date
    known_at: datetime = Field(description="Computed again from rows recorded up to it, it gives the same cents")
    currency: str
    legal_entity_id: UUID | None
    aging_bounds: list[int]
    observation_months: int
    horizon_months: int
    forward_factors: list[ProvisionSettingRead]
    rates: list[ProvisionSettingRead]
    exposure_amount: AmountOut
    expected_loss_amount: AmountOut
    note: str | None
    made_by: str
    made_at: datetime


class ProvisionRunDetail(ProvisionRunRead):
    """A kept run with its lines."""

    lines: list[ProvisionLineRead]


def run_read(run: ProvisionRun) -> ProvisionRunRead:
    """A run without its lines."""
    return ProvisionRunRead(
        id=run.id,
        as_of=run.as_of,
        known_at=run.known_at,
        currency=run.currency,
        legal_entity_id=run.legal_entity_id,
        aging_bounds=run.aging_bounds,
        observation_months=run.observation_months,
        horizon_months=run.horizon_months,
        forward_factors=[ProvisionSettingRead(**one) for one in run.forward_factors],
        rates=[ProvisionSettingRead(**one) for one in run.rates],
        exposure_amount=to_text(run.exposure_minor, run.currency),
        expected_loss_amount=to_text(run.expected_loss_minor, run.currency),
        note=run.note,
        made_by=run.made_by,
        made_at=run.recorded_at,
    )


def run_detail(run: ProvisionRun, lines: Sequence[ProvisionLine]) -> ProvisionRunDetail:
    """A run with its lines."""
    return ProvisionRunDetail(**run_read(run).model_dump(), lines=[_line(line, run.currency) for line in lines])


def _line(line: ProvisionLine, currency: str) -> ProvisionLineRead:
    return ProvisionLineRead(
        segment=line.segment or None,
        bucket=line.bucket,
        label=line.label,
        exposure_amount=to_text(line.exposure_minor, currency),
        observed_amount=to_text(line.observed_minor, currency),
        lost_amount=to_text(line.lost_minor, currency),
        loss_rate=_decimal(line.loss_rate),
        forward_factor=_decimal(line.forward_factor) or "1",
        applied_rate=_decimal(line.applied_rate),
        expected_loss_amount=to_text(line.expected_loss_minor, currency),
    )


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"
