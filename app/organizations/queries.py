"""All SQL of the organization room: facts that every room asks for, and rows for its own services."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, select

from app.core.aging import AgingBounds
from app.core.calendar import BusinessCalendar
from app.core.clock import business_date
from app.core.ids import LegalEntityId, OrganizationId
from app.infra.database import ReadSession, WriteSession
from app.organizations.errors import (
    ApiClientUnknown,
    BankAccountUnknown,
    LegalEntityUnknown,
    OrganizationUnknown,
    SecretUnknown,
    UserUnknown,
)
from app.organizations.models import ApiClient, ApiClientSecret, BankAccount, LegalEntity, Organization, User

Row = TypeVar("Row")
FACTS_SECONDS = 10.0
FACTS_KEPT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """What nearly every request asks of the organization. May be up to `FACTS_SECONDS` old."""

    id: OrganizationId
    name: str
    time_zone: str
    base_currency: str
    sandbox: bool
    aging: AgingBounds
    calendar: BusinessCalendar
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LegalEntityFacts:
    """A legal entity as other rooms need it. Never cached: `closed_through` must be the present one."""

    id: LegalEntityId
    code: str
    name: str
    base_currency: str
    closed_through: date | None
    write_off_tax_share: bool


_facts: dict[UUID, tuple[float, OrganizationFacts]] = {}
_FACTS = """
SELECT name, time_zone, base_currency, sandbox, aging_bounds, calendar_country, calendar_subdivision, extra_holidays,
       settings
FROM organizations WHERE id = $1
"""


async def organization_facts(session: ReadSession) -> OrganizationFacts:
    """Facts of the session's organization, kept per process for a few seconds. Raises OrganizationUnknown."""
    kept = _facts.get(session.organization_id)
    now = time.monotonic()
    if kept is not None and kept[0] > now:
        return kept[1]
    row = await session.driver.fetchrow(_FACTS, session.organization_id)
    if row is None:
        raise OrganizationUnknown("the organization does not exist")
    facts = OrganizationFacts(
        id=session.organization_id,
        name=row["name"],
        time_zone=row["time_zone"],
        base_currency=row["base_currency"],
        sandbox=row["sandbox"],
        aging=AgingBounds(tuple(row["aging_bounds"])),
        calendar=calendar_of(row["calendar_country"], row["calendar_subdivision"], _json(row["extra_holidays"])),
        settings=_json(row["settings"]),
    )
    if len(_facts) >= FACTS_KEPT_MAX:
        _facts.clear()
    _facts[session.organization_id] = (now + FACTS_SECONDS, facts)
    return facts


def forget_facts(organization_id: UUID) -> None:
    """Drop what this process keeps of the organization; other processes follow within `FACTS_SECONDS`."""
    _facts.pop(organization_id, None)


def calendar_of(country: str | None, subdivision: str | None, extra_holidays: list[str]) -> BusinessCalendar:
    """The business calendar of an organization's columns. Raises the refusals of BusinessCalendar."""
    closures = frozenset(date.fromisoformat(day) for day in extra_holidays)
    return BusinessCalendar(country=country, subdivision=subdivision, extra_holidays=closures)


async def local_today(session: ReadSession, now: datetime) -> date:
    """The organization's local date at `now`: its "today"."""
    return business_date(now, (await organization_facts(session)).time_zone)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


async def get_organization(session: ReadSession) -> Organization:
    """The row of the session's organization. Raises OrganizationUnknown."""
    return _found(await _one(session, select(Organization).where(Organization.id == session.organization_id)),
                  OrganizationUnknown("the organization does not exist"))  # fmt: skip


async def lock_organization(session: WriteSession) -> Organization:
    """The same row, locked for a change."""
    statement = select(Organization).where(Organization.id == session.organization_id).with_for_update()
    return _found(await _one(session, statement), OrganizationUnknown("the organization does not exist"))


_ENTITY = (
    "SELECT id, code, name, base_currency, closed_through, write_off_tax_share FROM legal_entities"
    " WHERE organization_id = $1"
)


async def find_legal_entity_by_code(session: ReadSession, code: str) -> LegalEntityFacts | None:
    """The legal entity with that code, or None."""
    row = await session.driver.fetchrow(f"{_ENTITY} AND code = $2", session.organization_id, code)
    return _entity(row)


async def get_legal_entity_facts(session: ReadSession, legal_entity_id: UUID) -> LegalEntityFacts:
    """The legal entity with that id. Raises LegalEntityUnknown."""
    row = await session.driver.fetchrow(f"{_ENTITY} AND id = $2", session.organization_id, legal_entity_id)
    return _found(_entity(row), LegalEntityUnknown("no legal entity has this id"))


async def find_only_legal_entity(session: ReadSession) -> LegalEntityFacts | None:
    """The legal entity when there is exactly one, so that small organizations need not name it; else None."""
    rows = await session.driver.fetch(f"{_ENTITY} LIMIT 2", session.organization_id)
    return _entity(rows[0]) if len(rows) == 1 else None


def _entity(row: Any) -> LegalEntityFacts | None:
    return None if row is None else LegalEntityFacts(**dict(row))


async def get_legal_entity(session: ReadSession, legal_entity_id: UUID) -> LegalEntity:
    """The row. Raises LegalEntityUnknown."""
    return _found(await _one(session, _by_id(session, LegalEntity, legal_entity_id)),
                  LegalEntityUnknown("no legal entity has this id"))  # fmt: skip


async def lock_legal_entity(session: WriteSession, legal_entity_id: UUID) -> LegalEntity:
    """The row, locked for a change. Raises LegalEntityUnknown."""
    return _found(await _one(session, _by_id(session, LegalEntity, legal_entity_id).with_for_update()),
                  LegalEntityUnknown("no legal entity has this id"))  # fmt: skip


async def get_bank_account(session: ReadSession, bank_account_id: UUID, *, lock: bool = False) -> BankAccount:
    """The row. Raises BankAccountUnknown."""
    statement = _by_id(session, BankAccount, bank_account_id)
    return _found(await _one(session, statement.with_for_update() if lock else statement),
                  BankAccountUnknown("no own bank account has this id"))  # fmt: skip


async def find_bank_account_by_identifier(
    session: ReadSession, identifier: str, currency: str | None = None
) -> BankAccount | None:
    """The own bank account with this normalized identifier; None when there is none or, without currency, several."""
    statement = select(BankAccount).where(
        BankAccount.organization_id == session.organization_id, BankAccount.identifier == identifier
    )
    if currency is not None:
        statement = statement.where(BankAccount.currency == currency)
    rows = list((await session.scalars(statement.limit(2))).all())
    return rows[0] if len(rows) == 1 else None


async def get_user(session: ReadSession, user_id: UUID, *, lock: bool = False) -> User:
    """The row. Raises UserUnknown."""
    statement = _by_id(session, User, user_id)
    return _found(await _one(session, statement.with_for_update() if lock else statement),
                  UserUnknown("no user has this id"))  # fmt: skip


async def count_active_admins(session: ReadSession) -> int:
    """Active users with the role admin and without a data scope, who therefore may change users."""
    sql = (
        "SELECT count(*) FROM users WHERE organization_id = $1 AND active AND 'admin' = ANY(roles)"
        " AND data_scope = '{}'"
    )
    return int(await session.driver.fetchval(sql, session.organization_id))


async def get_api_client(session: ReadSession, api_client_id: UUID, *, lock: bool = False) -> ApiClient:
    """The row. Raises ApiClientUnknown."""
    statement = _by_id(session, ApiClient, api_client_id)
    return _found(await _one(session, statement.with_for_update() if lock else statement),
                  ApiClientUnknown("no API client has this id"))  # fmt: skip


async def list_secrets(session: ReadSession, api_client_id: UUID) -> list[ApiClientSecret]:
    """Secrets of the API client, newest first; never more than a handful."""
    statement = (
        select(ApiClientSecret)
        .where(
            ApiClientSecret.organization_id == session.organization_id, ApiClientSecret.api_client_id == api_client_id
        )
        .order_by(ApiClientSecret.id.desc())
        .limit(100)
    )
    return list((await session.scalars(statement)).all())


async def get_secret(session: ReadSession, api_client_id: UUID, secret_id: UUID) -> ApiClientSecret:
    """The row. Raises SecretUnknown."""
    statement = _by_id(session, ApiClientSecret, secret_id).where(ApiClientSecret.api_client_id == api_client_id)
    return _found(await _one(session, statement), SecretUnknown("the API client has no secret with this id"))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts, as the rows say now. `approval_limits`: minor units by currency."""

    kind: str  # user | api_client
    id: UUID
    name: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    approval_limits: Mapping[str, int]
    base_currency: str
    data_scope: Mapping[str, Any] = field(default_factory=dict)


_CLIENT_CALLER = """
SELECT c.id, c.name, c.roles, c.scopes, c.data_scope, o.base_currency
FROM api_clients c JOIN organizations o ON o.id = c.organization_id
WHERE c.organization_id = $1 AND c.id = $2 AND c.active
  AND ($3::uuid IS NULL OR EXISTS (
    SELECT FROM api_client_secrets s
    WHERE s.organization_id = $1 AND s.id = $3 AND s.api_client_id = c.id AND s.revoked_at IS NULL))
"""
_USER_CALLER = """
SELECT u.id, u.display_name, u.roles, u.approval_limit, u.data_scope, o.base_currency
FROM users u JOIN organizations o ON o.id = u.organization_id
WHERE u.organization_id = $1 AND u.active
"""


async def find_api_client_caller(session: ReadSession, api_client_id: UUID, secret_id: UUID | None) -> Caller | None:
    """The active API client; None when it is not, or when the secret behind the token was revoked."""
    row = await session.driver.fetchrow(_CLIENT_CALLER, session.organization_id, api_client_id, secret_id)
    if row is None:
        return None
    roles, scopes = tuple(row["roles"]), tuple(row["scopes"])
    scope = _json(row["data_scope"])
    return Caller("api_client", row["id"], row["name"], roles, scopes, {}, row["base_currency"], scope)


async def find_user_caller(
    session: ReadSession, *, user_id: UUID | None = None, issuer: str | None = None, subject: str | None = None
) -> Caller | None:
    """The active user by id, or by issuer and subject."""
    if user_id is not None:
        row = await session.driver.fetchrow(f"{_USER_CALLER} AND u.id = $2", session.organization_id, user_id)
    else:
        row = await session.driver.fetchrow(
            f"{_USER_CALLER} AND u.issuer = $2 AND u.subject = $3", session.organization_id, issuer, subject
        )
    if row is None:
        return None
    limits = {str(code): int(minor) for code, minor in _json(row["approval_limit"]).items()}
    roles, scope = tuple(row["roles"]), _json(row["data_scope"])
    return Caller("user", row["id"], row["display_name"], roles, (), limits, row["base_currency"], scope)


_RATES = """
SELECT DISTINCT ON (from_currency, to_currency) from_currency, to_currency, rate
FROM exchange_rates
WHERE organization_id = $1 AND rate_date <= $2 AND from_currency = ANY($3) AND to_currency = ANY($3)
ORDER BY from_currency, to_currency, rate_date DESC
"""


async def list_roles(session: ReadSession, kind: str, actor_id: UUID | None) -> list[str]:
    """Roles of a user or API client; none for anybody else."""
    table = {"user": "users", "api_client": "api_clients"}.get(kind)
    if table is None:
        return []
    sql = f"SELECT roles FROM {table} WHERE organization_id = $1 AND id = $2"
    return sorted(await session.driver.fetchval(sql, session.organization_id, actor_id) or ())


_CREDENTIALS = """
SELECT c.id, c.roles, c.scopes, c.token_lifetime_seconds, s.id AS secret_id, s.secret_sha256
FROM api_clients c
JOIN api_client_secrets s ON s.organization_id = c.organization_id AND s.api_client_id = c.id
WHERE c.organization_id = $1 AND c.id = $2 AND c.active
  AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $3)
"""


async def find_credentials(session: ReadSession, api_client_id: UUID, now: datetime) -> list[Any]:
    """The valid secrets (hashes) of an active API client, with what it may do."""
    return list(await session.driver.fetch(_CREDENTIALS, session.organization_id, api_client_id, now))


_RATE_CONTEXT = Context(prec=18)


async def find_rate(session: ReadSession, from_currency: str, to_currency: str, on: date) -> Decimal | None:
    """Units of `to_currency` for one of `from_currency`: the newest rate on or before the date, or None.

    Taken directly, else inverted, else through the organization's base currency; 18 significant digits.
    """
    if from_currency == to_currency:
        return Decimal(1)
    return (await rates_among(session, {from_currency, to_currency}, on)).rate(from_currency, to_currency)


@dataclass(frozen=True, slots=True)
class Rates:
    """The newest rates on or before a day among some currencies and the organization's base currency."""

    base_currency: str
    pairs: Mapping[tuple[str, str], Decimal]

    def rate(self, from_currency: str, to_currency: str) -> Decimal | None:
        """Units of `to_currency` for one of `from_currency`, found as by `find_rate`, or None."""
        if from_currency == to_currency:
            return Decimal(1)
        found = _rate(self.pairs, from_currency, to_currency)
        if found is None and self.base_currency not in (from_currency, to_currency):
            into = _rate(self.pairs, from_currency, self.base_currency)
            out = _rate(self.pairs, self.base_currency, to_currency)
            if into is not None and out is not None:
                found = _RATE_CONTEXT.multiply(into, out)
        return found


async def rates_among(session: ReadSession, currencies: Iterable[str], on: date) -> Rates:
    """The rates between these currencies, and from and to the base currency, as of a day; one look for many amounts."""
    base = (await organization_facts(session)).base_currency
    wanted = sorted({*currencies, base})
    rows = await session.driver.fetch(_RATES, session.organization_id, on, wanted) if len(wanted) > 1 else []
    return Rates(base, {(row["from_currency"], row["to_currency"]): row["rate"] for row in rows})


def _rate(rates: Mapping[tuple[str, str], Decimal], from_currency: str, to_currency: str) -> Decimal | None:
    direct = rates.get((from_currency, to_currency))
    if direct is not None:
        return direct.normalize(_RATE_CONTEXT)
    inverse = rates.get((to_currency, from_currency))
    return None if inverse is None else _RATE_CONTEXT.divide(Decimal(1), inverse)


def _by_id(session: ReadSession, table: type[Row], row_id: UUID) -> Select[Row]:
    key: Any = table
    return select(table).where(key.organization_id == session.organization_id, key.id == row_id)


async def _one(session: ReadSession, statement: Select[Row]) -> Row | None:
    return (await session.scalars(statement)).one_or_none()


def _found(row: Row | None, refusal: Exception) -> Row:
    if row is None:
        raise refusal
    return row
