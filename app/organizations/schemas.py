"""What goes in and out over HTTP: organization, legal entities, own bank accounts, exchange rates."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from app.infra.http.fields import BusinessDate, Country, Currency, Input, Name, Number, text, unset, visible
from app.organizations.models import BankAccount, ExchangeRate, LegalEntity, Organization
from app.organizations.service import RATES_PER_CALL_MAX

TimeZone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$"),
    Field(description="IANA time zone", examples=["Europe/Berlin"]),
]
Subdivision = Annotated[
    str, StringConstraints(min_length=1, max_length=8, pattern=r"^[A-Za-z0-9]+$"), Field(description="ISO 3166-2 part")
]
Bic = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{6}[A-Za-z0-9]{2}([A-Za-z0-9]{3})?$"),
    Field(description="ISO 9362", examples=["COBADEFFXXX"]),
]
RateText = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,10})(\.[0-9]{1,12})?$"),
    Field(description="Units of `to_currency` for one of `from_currency`; positive", examples=["1.0842"]),
]
RateOut = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,12})?$"})]
AgingBound = Annotated[int, Field(ge=0, le=36_500)]


class OrganizationRead(BaseModel):
    """The tenant."""

    id: UUID
    name: str
    time_zone: str
    base_currency: str
    sandbox: bool
    calendar_country: str | None
    calendar_subdivision: str | None
    extra_holidays: list[date]
    aging_bounds: list[int] = Field(description="Inclusive upper bounds of the aging buckets in days past due")
    version: int
    created_at: datetime
    updated_at: datetime
    allowed_actions: list[str]


class OrganizationUpdate(Input):
    """Fields to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"aging_bounds": [0, 15, 45, 90]}]})
    name: Name = unset()
    time_zone: TimeZone = unset()
    calendar_country: Country | None = unset()
    calendar_subdivision: Subdivision | None = unset()
    extra_holidays: Annotated[list[BusinessDate], Field(max_length=3660)] = unset()
    aging_bounds: Annotated[list[AgingBound], Field(min_length=1, max_length=12)] = unset()


Street = Annotated[str, text(70), Field(description="With the number of the house", examples=["Bahnhofstrasse 1"])]
PostalCode = Annotated[str, text(16)]
City = Annotated[str, text(35)]


class LegalEntityRead(BaseModel):
    """A company code."""

    id: UUID
    code: str
    name: str
    street: str | None
    postal_code: str | None
    city: str | None
    country: str | None
    base_currency: str
    closed_through: date | None = Field(description="Postings dated on or before this day are refused")
    write_off_tax_share: bool
    version: int
    created_at: datetime
    updated_at: datetime
    allowed_actions: list[str]


class LegalEntityCreate(Input):
    """A new company code."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"code": "1000", "name": "Acme GmbH", "country": "DE", "base_currency": "EUR"}]}
    )
    code: Number
    name: Name
    base_currency: Currency
    street: Street | None = None
    postal_code: PostalCode | None = None
    city: City | None = None
    country: Country | None = None
    write_off_tax_share: bool = False


class LegalEntityUpdate(Input):
    """Fields to change; what is left out stays."""

    name: Name = unset()
    street: Street | None = unset()
    postal_code: PostalCode | None = unset()
    city: City | None = unset()
    country: Country | None = unset()
    write_off_tax_share: bool = unset()


class BankAccountRead(BaseModel):
    """An own bank account."""

    id: UUID
    legal_entity_id: UUID
    name: str
    identifier: str = Field(description="IBAN or local number, without blanks, upper case")
    bic: str | None
    currency: str
    version: int
    created_at: datetime
    updated_at: datetime
    allowed_actions: list[str]


class BankAccountCreate(Input):
    """A new own bank account. What has the shape of an IBAN must be a valid one."""

    legal_entity_id: UUID
    name: Annotated[str, text(120)]
    identifier: Annotated[str, visible(64)] = Field(examples=["DE89 3704 0044 0532 0130 00"])
    currency: Currency
    bic: Bic | None = None


class BankAccountUpdate(Input):
    """Fields to change; what is left out stays."""

    name: Annotated[str, text(120)] = unset()
    bic: Bic | None = unset()


class ExchangeRateRead(BaseModel):
    """A rate in force from its date until the next one of the pair."""

    id: UUID
    from_currency: str
    to_currency: str
    rate_date: date
    rate: RateOut


class ExchangeRatePut(Input):
    """A rate to add or replace."""

    from_currency: Currency
    to_currency: Currency
    rate_date: BusinessDate
    rate: RateText


class ExchangeRatesPut(Input):
    """Rates to add or replace by pair and date; all of them or, when one is refused, none."""

    rates: Annotated[list[ExchangeRatePut], Field(min_length=1, max_length=RATES_PER_CALL_MAX)]


class ExchangeRatesResult(BaseModel):
    """What a put did."""

    received: int
    changed: int = Field(description="Rates that are new or differ from before")


def organization_read(row: Organization, scopes: frozenset[str]) -> OrganizationRead:
    """The resource, with what this caller may do."""
    return OrganizationRead(
        id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        base_currency=row.base_currency,
        sandbox=row.sandbox,
        calendar_country=row.calendar_country,
        calendar_subdivision=row.calendar_subdivision,
        extra_holidays=[date.fromisoformat(day) for day in row.extra_holidays],
        aging_bounds=row.aging_bounds,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=actions(scopes, ("organizations:write", "update")),
    )


def legal_entity_read(row: LegalEntity, scopes: frozenset[str]) -> LegalEntityRead:
    """The resource, with what this caller may do."""
    return LegalEntityRead(
        id=row.id,
        code=row.code,
        name=row.name,
        street=row.street,
        postal_code=row.postal_code,
        city=row.city,
        country=row.country,
        base_currency=row.base_currency,
        closed_through=row.closed_through,
        write_off_tax_share=row.write_off_tax_share,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=actions(scopes, ("organizations:write", "update"), ("ledger:close", "close_period")),
    )


def bank_account_read(row: BankAccount, scopes: frozenset[str]) -> BankAccountRead:
    """The resource, with what this caller may do."""
    return BankAccountRead(
        id=row.id,
        legal_entity_id=row.legal_entity_id,
        name=row.name,
        identifier=row.identifier,
        bic=row.bic,
        currency=row.currency,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=actions(scopes, ("organizations:write", "update")),
    )


def exchange_rate_read(row: ExchangeRate) -> ExchangeRateRead:
    """The resource; the rate without trailing zeros."""
    plain = f"{Decimal(row.rate):f}"
    return ExchangeRateRead(
        id=row.id,
        from_currency=row.from_currency,
        to_currency=row.to_currency,
        rate_date=row.rate_date,
        rate=plain.rstrip("0").rstrip(".") if "." in plain else plain,
    )


def actions(scopes: frozenset[str], *possible: tuple[str, str]) -> list[str]:
    """Of the actions that the state permits, each beside its scope, those that the caller may take."""
    return [action for scope, action in possible if scope in scopes]
