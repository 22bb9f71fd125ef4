"""What rates, agreements, compensation and settings of late charges take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints
from typing_extensions import TypeAliasType

from app.core.money import to_minor, to_text
from app.dunning.charges.models import InterestAgreement
from app.dunning.charges.queries import SettingsFacts
from app.dunning.charges.rates import AgreementCommand, RateCommand, TableFacts
from app.dunning.charges.rules import BANDS_LIMIT
from app.dunning.charges.schemas import percent_text
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Currency, Input, Name, Reason, text

TableCode = TypeAliasType(
    "TableCode",
    Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
        Field(description="A table of interest rates", examples=["eu_statutory"]),
    ],
)
RatePercent = TypeAliasType(
    "RatePercent",
    Annotated[
        str,
        StringConstraints(pattern=r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)$"),
        Field(description="Percent a year, 0 to 100", examples=["10.15"]),
    ],
)
ReferencePercent = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,2}(\.[0-9]{1,6})?$")]
Scope = Literal["organization", "segment", "account"]


class RateRead(BaseModel):
    """A rate from a day on. `own`: the organization entered it; else the service ships it."""

    valid_from: date
    percent: str
    reference_percent: str | None
    note: str | None
    own: bool
    version: int


class RateTableRead(BaseModel):
    """A table of dated interest rates, the earliest first; the latest that has begun holds on a day."""

    code: str
    name: str
    own: bool
    active: bool
    rates: list[RateRead]

    @classmethod
    def of(cls, table: TableFacts) -> RateTableRead:
        """From the facts."""
        rates = [
            RateRead(
                valid_from=rate.valid_from,
                percent=percent_text(rate.percent),
                reference_percent=None if rate.reference_percent is None else percent_text(rate.reference_percent),
                note=rate.note,
                own=rate.own,
                version=rate.version,
            )
            for rate in table.rates
        ]
        return cls(code=table.code, name=table.name, own=table.own, active=table.active, rates=rates)


class RateTables(BaseModel):
    """All tables, by code."""

    data: list[RateTableRead]


class RateTableCreate(Input):
    """A table of the organization's own."""

    code: TableCode
    name: Name


class RateSet(Input):
    """The rate of a table from a day on. The reference rate that it was derived from is kept for showing."""

    percent: RatePercent
    reference_percent: ReferencePercent | None = None
    note: Reason | None = None

    def command(self, table_code: str, valid_from: date) -> RateCommand:
        """The plain command."""
        reference = None if self.reference_percent is None else Decimal(self.reference_percent)
        return RateCommand(table_code, valid_from, Decimal(self.percent), reference, self.note)


class AgreementCreate(Input):
    """Which rate holds for whom: a table, or a fixed percentage (0: no interest)."""

    scope: Scope
    account_id: UUID | None = None
    segment: Annotated[str, text(64)] | None = None
    table_code: TableCode | None = None
    percent: RatePercent | None = None
    on_charges: bool = Field(default=False, description="The contract allows interest on interest and fees")
    valid_from: BusinessDate
    valid_to: BusinessDate | None = None
    reason: Reason | None = None

    def command(self) -> AgreementCommand:
        """The plain command."""
        plain = self.model_dump(exclude={"percent"})
        return AgreementCommand(**plain, percent=None if self.percent is None else Decimal(self.percent))


class AgreementUpdate(Input):
    """The last day of an agreement; null lifts it."""

    valid_to: BusinessDate | None


class AgreementRead(BaseModel):
    """An agreement on interest."""

    id: UUID
    scope: Scope
    account_id: UUID | None
    segment: str | None
    table_code: str | None
    percent: str | None
    on_charges: bool
    valid_from: date
    valid_to: date | None
    reason: str | None
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, row: InterestAgreement) -> AgreementRead:
        """From the row."""
        names = ("id", "scope", "account_id", "segment", "table_code", "on_charges", "valid_from", "valid_to",
                 "reason", "created_at", "updated_at", "version")  # fmt: skip
        plain: dict[str, Any] = {name: getattr(row, name) for name in names}
        return cls(**plain, percent=None if row.percent is None else percent_text(row.percent))


class BandSet(Input):
    """From which debt on which fixed sum is due."""

    debt_from: Amount
    amount: Amount


class CompensationSet(Input):
    """The bands of a currency, the first from a debt of zero; a sum of zero switches compensation off."""

    bands: Annotated[list[BandSet], Field(min_length=1, max_length=BANDS_LIMIT)]

    def plain(self, currency: str) -> list[tuple[int, int]]:
        """(debt from, sum) in minor units. Raises AmountInvalid."""
        return [
            (
                to_minor(band.debt_from, currency, pointer=f"/bands/{index}/debt_from"),
                to_minor(band.amount, currency, pointer=f"/bands/{index}/amount"),
            )
            for index, band in enumerate(self.bands)
        ]


class BandRead(BaseModel):
    """From which debt on which fixed sum is due."""

    debt_from: AmountOut
    amount: AmountOut


class CompensationRead(BaseModel):
    """The fixed sum that a late debt of this currency costs. `own`: the organization entered it."""

    currency: str
    bands: list[BandRead]
    own: bool
    version: int

    @classmethod
    def of(cls, currency: str, bands: Sequence[tuple[int, int]], own: bool, version: int) -> CompensationRead:
        """From minor units."""
        shown = [BandRead(debt_from=to_text(a, currency), amount=to_text(b, currency)) for a, b in bands]
        return cls(currency=currency, bands=shown, own=own, version=version)


class Compensations(BaseModel):
    """Currencies with a compensation."""

    data: list[CompensationRead]


PlanInterest = Literal["if_broken", "always"]


class ChargeSettingsFields(Input):
    """How the organization charges for lateness."""

    run: Literal["none", "monthly"] = Field(default="none", description="Whether every account is charged each month")
    run_day: Annotated[int, Field(ge=1, le=28)] = 1
    charge_from: BusinessDate | None = Field(default=None, description="No day before it is ever charged")
    default_table_code: TableCode | None = Field(
        default=None, description="Where no agreement holds; null: the statutory one of the legal entity's country"
    )
    payment_days: Annotated[int, Field(ge=0, le=365)] = Field(
        default=0, description="Days until a finance charge falls due"
    )
    minimum_interest: dict[Currency, Amount] = Field(
        default={}, description="By currency: less is not charged but waits until it has grown"
    )
    compensation: bool = Field(default=False, description="Charge the fixed compensation together with interest")
    rejected_disputes: bool = Field(
        default=False, description="Charge also for the days of a dispute that was rejected or withdrawn"
    )
    plan_interest: PlanInterest = Field(
        default="if_broken",
        description="Interest on what a payment plan spreads: charged only if the plan breaks, then for all of its days"
        " (if_broken), or as if there were no plan (always)",
    )

    def plain(self) -> dict[str, Any]:
        """The values of the columns. Raises AmountInvalid."""
        minimum = {
            currency: to_minor(amount, currency, pointer=f"/minimum_interest/{currency}")
            for currency, amount in self.minimum_interest.items()
        }
        return {**self.model_dump(exclude={"minimum_interest"}), "minimum_interest": minimum}


class ChargeSettingsRead(BaseModel):
    """How the organization charges; version 0 are the defaults that the service ships."""

    run: Literal["none", "monthly"]
    run_day: int
    charge_from: date | None
    default_table_code: str | None
    payment_days: int
    minimum_interest: dict[str, AmountOut]
    compensation: bool
    rejected_disputes: bool
    plan_interest: PlanInterest
    version: int

    @classmethod
    def of(cls, facts: SettingsFacts) -> ChargeSettingsRead:
        """From the facts."""
        names = ("run", "run_day", "charge_from", "default_table_code", "payment_days", "compensation",
                 "rejected_disputes", "plan_interest", "version")  # fmt: skip
        minimum = {code: to_text(minor, code) for code, minor in (facts.minimum_interest or {}).items()}
        return cls(**{name: getattr(facts, name) for name in names}, minimum_interest=minimum)
