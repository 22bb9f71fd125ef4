"""Changes of the organization itself: its settings, legal entities, own bank accounts, exchange rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from app.core.aging import AgingBounds
from app.core.clock import zone
from app.core.errors import FieldError
from app.core.ids import BankAccountId, LegalEntityId, OrganizationId, new_id
from app.core.money import exponent
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations import queries, rate_rows
from app.organizations.errors import BankAccountInvalid, BicInvalid, IbanInvalid, RateInvalid
from app.organizations.models import BankAccount, LegalEntity, Organization
from app.organizations.rules import IBAN_SHAPE, normalize_identifier

RATES_PER_CALL_MAX = 1000


@dataclass(frozen=True, slots=True)
class NewOrganization:
    """What makes a tenant: its name, time zone (IANA), country of its calendar, currency and first legal entity."""

    name: str
    time_zone: str
    country: str | None
    currency: str
    legal_entity_code: str = "main"
    legal_entity_name: str | None = None
    sandbox: bool = False
    aging_bounds: tuple[int, ...] = (0, 30, 60, 90)
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewLegalEntity:
    """A company code."""

    code: str
    name: str
    base_currency: str
    country: str | None = None
    write_off_tax_share: bool = False
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None


@dataclass(frozen=True, slots=True)
class NewBankAccount:
    """An own bank account; `identifier` as IBAN or local number, blanks allowed."""

    legal_entity_id: UUID
    name: str
    identifier: str
    currency: str
    bic: str | None = None


@dataclass(frozen=True, slots=True)
class NewRate:
    """Units of `to_currency` for one of `from_currency`, in force from `rate_date`."""

    from_currency: str
    to_currency: str
    rate_date: date
    rate: Decimal


async def create_organization(database: Database, new: NewOrganization) -> tuple[OrganizationId, LegalEntityId]:
    """Create a tenant with its first legal entity, in a transaction of its own.

    Raises TimeZoneUnknown, CountryUnknown, CurrencyUnknown, AgingBoundsInvalid; Conflict when `id` exists.
    """
    zone(new.time_zone)
    exponent(new.currency)
    AgingBounds(new.aging_bounds)
    queries.calendar_of(new.country, None, [])
    organization_id = new.id or new_id()
    async with database.write(organization_id, SYSTEM) as session:
        session.add(
            Organization(
                id=organization_id,
                name=new.name,
                time_zone=new.time_zone,
                sandbox=new.sandbox,
                calendar_country=new.country,
                aging_bounds=list(new.aging_bounds),
                base_currency=new.currency,
            )
        )
        await session.flush()
        facts = {"name": new.name, "time_zone": new.time_zone, "country": new.country, "base_currency": new.currency}
        record_change(session, ChangeRow("organization", organization_id, "organization.created", None, facts))
        entity = await create_legal_entity(
            session,
            NewLegalEntity(new.legal_entity_code, new.legal_entity_name or new.name, new.currency, new.country),
        )
        entity_id = LegalEntityId(entity.id)
    return OrganizationId(organization_id), entity_id


async def update_organization(
    session: WriteSession, changes: Mapping[str, Any], *, expected_version: int | None = None
) -> Organization:
    """Change name, time zone, calendar or aging bounds.

    Raises StaleVersion, TimeZoneUnknown, CountryUnknown, SubdivisionUnknown, CalendarInvalid, AgingBoundsInvalid.
    """
    row = await queries.lock_organization(session)
    check_version(expected_version, row.version)
    changes = dict(changes)
    if "time_zone" in changes:
        zone(changes["time_zone"])
    if "aging_bounds" in changes:
        AgingBounds(tuple(changes["aging_bounds"]))
    if "extra_holidays" in changes:
        changes["extra_holidays"] = sorted({day.isoformat() for day in changes["extra_holidays"]})
    queries.calendar_of(
        changes.get("calendar_country", row.calendar_country),
        changes.get("calendar_subdivision", row.calendar_subdivision),
        changes.get("extra_holidays", row.extra_holidays),
    )
    await save_changes(session, row, changes, "organization", row.id)
    queries.forget_facts(row.id)
    return row


async def create_legal_entity(session: WriteSession, new: NewLegalEntity) -> LegalEntity:
    """Add a company code. Raises CurrencyUnknown; LegalEntityCodeTaken comes from the unique key."""
    exponent(new.base_currency)
    row = LegalEntity(
        organization_id=session.organization_id,
        id=new_id(),
        code=new.code,
        name=new.name,
        street=new.street,
        postal_code=new.postal_code,
        city=new.city,
        country=new.country,
        base_currency=new.base_currency,
        write_off_tax_share=new.write_off_tax_share,
    )
    await add_row(session, row)
    facts = {"code": new.code, "name": new.name, "country": new.country, "base_currency": new.base_currency}
    record_change(session, ChangeRow("legal_entity", row.id, "legal_entity.created", None, facts))
    return row


async def update_legal_entity(
    session: WriteSession, legal_entity_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None = None
) -> LegalEntity:
    """Change name, address or the tax share of write-offs. Raises LegalEntityUnknown, StaleVersion."""
    row = await queries.lock_legal_entity(session, legal_entity_id)
    check_version(expected_version, row.version)
    await save_changes(session, row, changes, "legal_entity", row.id)
    return row


async def create_bank_account(session: WriteSession, new: NewBankAccount) -> BankAccount:
    """Add an own bank account.

    Raises LegalEntityUnknown, CurrencyUnknown, IbanInvalid, BicInvalid, BankAccountInvalid; BankAccountTaken comes
    from the unique key.
    """
    await queries.get_legal_entity_facts(session, new.legal_entity_id)
    exponent(new.currency)
    row = BankAccount(
        organization_id=session.organization_id,
        id=BankAccountId(new_id()),
        legal_entity_id=new.legal_entity_id,
        name=new.name,
        identifier=check_identifier(new.identifier),
        bic=None if new.bic is None else check_bic(new.bic),
        currency=new.currency,
    )
    await add_row(session, row)
    facts = {"identifier": row.identifier, "currency": new.currency, "legal_entity_id": new.legal_entity_id}
    record_change(session, ChangeRow("bank_account", row.id, "bank_account.created", None, facts))
    return row


async def update_bank_account(
    session: WriteSession, bank_account_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None = None
) -> BankAccount:
    """Change name or BIC. Raises BankAccountUnknown, StaleVersion, BicInvalid."""
    row = await queries.get_bank_account(session, bank_account_id, lock=True)
    check_version(expected_version, row.version)
    changes = dict(changes)
    if changes.get("bic") is not None:
        changes["bic"] = check_bic(changes["bic"])
    await save_changes(session, row, changes, "bank_account", row.id)
    return row


def check_identifier(text: str) -> str:
    """The normalized identifier. What has the shape of an IBAN must be one (ISO 13616). Raises IbanInvalid …"""
    identifier = normalize_identifier(text)
    if not identifier:
        raise BankAccountInvalid("the identifier holds no letter or digit", pointer="/identifier")
    if IBAN_SHAPE.fullmatch(identifier):
        try:
            IBAN(identifier)
        except SchwiftyException as error:
            raise IbanInvalid(f"not a valid IBAN: {error}", pointer="/identifier") from None
    return identifier


def check_bic(text: str) -> str:
    """The BIC in upper case. Raises BicInvalid."""
    try:
        return str(BIC(text))
    except SchwiftyException as error:
        raise BicInvalid(f"not a valid BIC: {error}", pointer="/bic") from None


async def put_rates(session: WriteSession, rates: Sequence[NewRate]) -> int:
    """Add or replace exchange rates by pair and date; returns how many rows are new or differ from before.

    Raises RateInvalid with the position of each rate at fault.
    """
    _check_rates(rates)
    changed = await rate_rows.put_rates(
        session,
        [rate.from_currency for rate in rates],
        [rate.to_currency for rate in rates],
        [rate.rate_date for rate in rates],
        [rate.rate for rate in rates],
    )
    for row in changed:
        pair = f"{row['from_currency']}/{row['to_currency']}"
        before = None if row["before"] is None else {"rate": row["before"]}
        after = {"pair": pair, "rate": row["rate"]}
        event = "exchange_rate.added" if before is None else "exchange_rate.changed"
        record_change(session, ChangeRow("exchange_rate", row["id"], event, before, after, row["rate_date"]))
    return len(changed)


def _check_rates(rates: Sequence[NewRate]) -> None:
    faults: list[FieldError] = []
    seen: set[tuple[str, str, date]] = set()
    for position, rate in enumerate(rates):
        key = (rate.from_currency, rate.to_currency, rate.rate_date)
        if rate.from_currency == rate.to_currency:
            detail = "a rate is between two currencies"
        elif key in seen:
            detail = "the same pair and date stand in the list twice"
        elif not 0 < rate.rate < 10**11:
            detail = "a rate is positive and below 10^11"
        else:
            seen.add(key)
            continue
        faults.append(FieldError(f"/rates/{position}", RateInvalid.code, detail))
    if faults:
        raise RateInvalid(faults[0].detail, errors=tuple(faults[:100]))


async def add_row(session: WriteSession, row: Any) -> None:
    """Insert one row and read back what the database filled in."""
    session.add(row)
    await session.flush()
    await session.refresh(row)


async def save_changes(
    session: WriteSession,
    row: Any,
    changes: Mapping[str, Any],
    entity_type: str,
    entity_id: UUID,
    *,
    event: str | None = None,
    unlogged: frozenset[str] = frozenset(),
) -> bool:
    """Write the fields that differ, raise the version, record the change; False when nothing differs.

    Values of `unlogged` fields (personal data) do not enter the change log, only that they changed.
    """
    different = {field: value for field, value in changes.items() if getattr(row, field) != value}
    if not different:
        return False
    before = {field: None if field in unlogged else getattr(row, field) for field in different}
    for field, value in different.items():
        setattr(row, field, value)
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    await session.refresh(row)
    after = {field: None if field in unlogged else value for field, value in different.items()}
    record_change(session, ChangeRow(entity_type, entity_id, event or f"{entity_type}.changed", before, after))
    return True
