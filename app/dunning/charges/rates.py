"""What an organization charges by: rate tables and rates of its own, agreements, compensation, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.core.errors import VersionRequired
from app.core.ids import new_id
from app.dunning.charges import queries, shipped
from app.dunning.charges.errors import AccountUnknown, RateNotFound, RateTableNotFound, RateTableTaken
from app.dunning.charges.models import (
    ChargeSettings,
    CompensationSchedule,
    InterestAgreement,
    InterestRate,
    InterestRateTable,
)
from app.dunning.charges.queries import SettingsFacts
from app.dunning.charges.rules import ChargeRuleInvalid, check_bands
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version


@dataclass(frozen=True, slots=True)
class RateFacts:
    """A dated rate of a table; `own` is the organization's row (version 0: none), else the service ships it."""

    valid_from: date
    percent: Decimal
    reference_percent: Decimal | None
    note: str | None
    own: bool
    version: int


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table of rates, the latest last."""

    code: str
    name: str
    own: bool
    active: bool
    rates: tuple[RateFacts, ...]


@dataclass(frozen=True, slots=True)
class RateCommand:
    """The rate of a table from a day on, in percent a year."""

    table_code: str
    valid_from: date
    percent: Decimal
    reference_percent: Decimal | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AgreementCommand:
    """Which rate holds for the organization, a segment or an account: a table, or a fixed percentage a year."""

    scope: str
    valid_from: date
    valid_to: date | None = None
    account_id: UUID | None = None
    segment: str | None = None
    table_code: str | None = None
    percent: Decimal | None = None
    on_charges: bool = False
    reason: str | None = None


async def read_tables(session: ReadSession) -> list[TableFacts]:
    """All tables by code: the shipped ones with the organization's rows laid over them, and its own."""
    table, rate = InterestRateTable, InterestRate
    statement = select(table).where(table.organization_id == session.organization_id).order_by(table.code).limit(1_000)
    own_tables = (await session.scalars(statement.execution_options(populate_existing=True))).all()
    rows = select(rate).where(rate.organization_id == session.organization_id, ~rate.withdrawn).limit(20_000)
    own: dict[str, dict[date, RateFacts]] = {}
    for row in (await session.scalars(rows.execution_options(populate_existing=True))).all():
        facts = RateFacts(row.valid_from, row.percent, row.reference_percent, row.note, True, row.version)
        own.setdefault(row.table_code, {})[row.valid_from] = facts
    found = []
    for code, known in shipped.TABLES.items():
        laid = {
            on: RateFacts(on, reference + shipped.STATUTORY_POINTS, reference, None, False, 0)
            for on, reference in known.references
        } | own.get(code, {})
        found.append(TableFacts(code, known.name, False, True, tuple(laid[on] for on in sorted(laid))))
    for made in own_tables:
        rates = own.get(made.code, {})
        found.append(TableFacts(made.code, made.name, True, made.active, tuple(rates[on] for on in sorted(rates))))
    return sorted(found, key=lambda entry: entry.code)


async def read_table(session: ReadSession, code: str) -> TableFacts:
    """One table. Raises RateTableNotFound."""
    found = next((entry for entry in await read_tables(session) if entry.code == code), None)
    if found is None:
        raise RateTableNotFound("no such table of interest rates")
    return found


async def create_table(session: WriteSession, code: str, name: str) -> None:
    """A table of the organization's own, without rates yet. Raises RateTableTaken."""
    if code in shipped.TABLES:
        raise RateTableTaken("the service ships a table with this code", pointer="/code")
    row = InterestRateTable(organization_id=session.organization_id, id=new_id(), code=code, name=name)
    session.add(row)
    await session.flush()
    after = {"code": code, "name": name}
    record_change(session, ChangeRow("interest_rate_table", row.id, "interest_rate_table.created", None, after))


async def set_rate(session: WriteSession, command: RateCommand, expected_version: int | None) -> bool:
    """Enter or change the rate of a day; answers whether it is new. What was charged before keeps its rate.

    Raises RateTableNotFound, StaleVersion, VersionRequired (a present row without If-Match).
    """
    if command.table_code not in shipped.TABLES:
        await read_table(session, command.table_code)
    row = await _lock_rate(session, command.table_code, command.valid_from)
    before: dict[str, object] | None = None
    if row is None:
        row = InterestRate(organization_id=session.organization_id, id=new_id(), version=1, **asdict(command))
        session.add(row)
    else:
        if expected_version is None and not row.withdrawn:
            raise VersionRequired("send If-Match with the version that you read", pointer="/header/If-Match")
        if not row.withdrawn:
            check_version(expected_version, row.version)
            before = {"percent": row.percent}
        row.percent, row.reference_percent, row.note = command.percent, command.reference_percent, command.note
        row.withdrawn = False
        _touch(row)
    await session.flush()
    after = {"table_code": command.table_code, "valid_from": command.valid_from, "percent": command.percent}
    change = ChangeRow("interest_rate", row.id, "interest_rate.set", before, after, command.valid_from, command.note)
    record_change(session, change)
    return before is None


async def withdraw_rate(session: WriteSession, table_code: str, valid_from: date, expected_version: int | None) -> None:
    """Take an own rate back: the shipped one of that day (if any) holds again. Raises RateNotFound, StaleVersion."""
    row = await _lock_rate(session, table_code, valid_from)
    if row is None or row.withdrawn:
        raise RateNotFound("the organization has no rate of its own for this table and day")
    check_version(expected_version, row.version)
    row.withdrawn = True
    _touch(row)
    await session.flush()
    before = {"table_code": table_code, "valid_from": valid_from, "percent": row.percent}
    change = ChangeRow("interest_rate", row.id, "interest_rate.withdrawn", before, None, valid_from)
    record_change(session, change)


async def _lock_rate(session: WriteSession, table_code: str, valid_from: date) -> InterestRate | None:
    rate = InterestRate
    statement = select(rate).where(
        rate.organization_id == session.organization_id, rate.table_code == table_code, rate.valid_from == valid_from
    )
    locked = statement.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(locked)).one_or_none()


async def agree(session: WriteSession, command: AgreementCommand) -> UUID:
    """A new agreement. Raises ChargeRuleInvalid, RateTableNotFound, AccountUnknown."""
    _check_agreement(command)
    if command.table_code is not None:
        await read_table(session, command.table_code)
    if command.account_id is not None:
        account = await session.get(Account, (session.organization_id, command.account_id))
        if account is None:
            raise AccountUnknown("no such account", pointer="/account_id")
    row = InterestAgreement(organization_id=session.organization_id, id=new_id(), **asdict(command))
    session.add(row)
    await session.flush()
    change = ChangeRow(
        "interest_agreement", row.id, "interest_agreement.made", None, asdict(command), command.valid_from,
        command.reason,
    )  # fmt: skip
    record_change(session, change)
    return row.id


def _check_agreement(command: AgreementCommand) -> None:
    owners = {"organization": (), "segment": ("segment",), "account": ("account_id",)}[command.scope]
    for name in ("segment", "account_id"):
        if (getattr(command, name) is not None) != (name in owners):
            raise ChargeRuleInvalid(f"an agreement of this scope names {owners or 'no owner'}", pointer=f"/{name}")
    if (command.table_code is None) == (command.percent is None):
        raise ChargeRuleInvalid("give a table or a percentage, not both", pointer="/percent")
    if command.valid_to is not None and command.valid_to < command.valid_from:
        raise ChargeRuleInvalid("it ends before it begins", pointer="/valid_to")


async def end_agreement(
    session: WriteSession, agreement_id: UUID, valid_to: date | None, expected_version: int | None
) -> None:
    """Set or lift its last day. Raises AgreementNotFound, StaleVersion, ChargeRuleInvalid."""
    row = await queries.get_agreement(session, agreement_id, lock=True)
    check_version(expected_version, row.version)
    if valid_to is not None and valid_to < row.valid_from:
        raise ChargeRuleInvalid("it ends before it begins", pointer="/valid_to")
    before = row.valid_to
    row.valid_to = valid_to
    _touch(row)
    await session.flush()
    change = ChangeRow("interest_agreement", row.id, "interest_agreement.ended", {"valid_to": before},
                       {"valid_to": valid_to}, valid_to)  # fmt: skip
    record_change(session, change)


async def read_schedules(session: ReadSession) -> list[tuple[str, list[tuple[int, int]], bool, int]]:
    """(currency, bands, own, version) of every currency that has a compensation."""
    table = CompensationSchedule
    statement = select(table).where(table.organization_id == session.organization_id).limit(1_000)
    rows = (await session.scalars(statement.execution_options(populate_existing=True))).all()
    found = {code: (code, list(bands), False, 0) for code, bands in shipped.COMPENSATION.items()}
    found |= {row.currency: (row.currency, [(a, b) for a, b in row.bands], True, row.version) for row in rows}
    return [found[code] for code in sorted(found)]


async def set_schedule(
    session: WriteSession, currency: str, bands: Sequence[tuple[int, int]], expected_version: int | None
) -> None:
    """The compensation of a currency from now on (a sum of zero: none). Raises ChargeRuleInvalid, StaleVersion."""
    check_bands(bands)
    table = CompensationSchedule
    statement = select(table).where(table.organization_id == session.organization_id, table.currency == currency)
    locked = statement.with_for_update().execution_options(populate_existing=True)
    row = (await session.scalars(locked)).one_or_none()
    check_version(expected_version, row.version if row is not None else 0)
    before = None if row is None else {"bands": row.bands}
    if row is None:
        row = table(organization_id=session.organization_id, id=new_id(), currency=currency, version=0)
        session.add(row)
    row.bands = [list(band) for band in bands]
    _touch(row)
    await session.flush()
    change = ChangeRow("compensation_schedule", row.id, "compensation_schedule.set", before, {"bands": row.bands})
    record_change(session, change)


async def update_settings(session: WriteSession, new: Mapping[str, Any], expected_version: int | None) -> None:
    """Change how the organization charges, from now on. Raises RateTableNotFound, StaleVersion."""
    if new.get("default_table_code") is not None:
        await read_table(session, new["default_table_code"])
    key = (session.organization_id, session.organization_id)
    row = await session.get(ChargeSettings, key, with_for_update=True, populate_existing=True)
    check_version(expected_version, row.version if row is not None else 0)
    before = asdict(await queries.charge_settings(session)) if row is not None else asdict(SettingsFacts())
    if row is None:
        row = ChargeSettings(organization_id=key[0], id=key[1], version=0)
        session.add(row)
    for name, value in new.items():
        setattr(row, name, value)
    _touch(row)
    await session.flush()
    changed = {name: value for name, value in new.items() if before[name] != value}
    change = ChangeRow("charge_settings", row.id, "charge_settings.updated", {n: before[n] for n in changed}, changed)
    record_change(session, change)


def _touch(row: InterestRate | InterestAgreement | CompensationSchedule | ChargeSettings) -> None:
    row.version += 1
    row.updated_at = RECORDED_NOW
