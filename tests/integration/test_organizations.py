"""Facts, dates and rates that every room asks of the organization."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.core.ids import new_id
from app.infra.database import SYSTEM, WriteSession
from app.organizations import queries, service
from app.organizations.errors import LegalEntityUnknown, OrganizationUnknown
from app.organizations.service import NewOrganization, NewRate
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant


def _rate(pair: str, day: int, rate: str) -> NewRate:
    return NewRate(pair[:3], pair[3:], date(2026, 1, day), Decimal(rate))


async def test_facts_are_kept_for_a_moment_and_forgotten_on_a_change(
    session: WriteSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("app.organizations.queries.time.monotonic", lambda: now)
    facts = await queries.organization_facts(session)
    assert (facts.time_zone, facts.base_currency, facts.aging.upper) == ("Europe/Berlin", "EUR", (0, 30, 60, 90))
    assert not facts.calendar.is_business_day(date(2026, 12, 25))
    assert facts.calendar.is_business_day(date(2026, 12, 23))
    assert await queries.organization_facts(session) is facts

    await session.driver.execute("UPDATE organizations SET name = 'Moved'")
    assert (await queries.organization_facts(session)).name == "Acme Parts"
    now += queries.FACTS_SECONDS + 0.1
    assert (await queries.organization_facts(session)).name == "Moved"

    await service.update_organization(session, {"time_zone": "Asia/Tokyo", "extra_holidays": [date(2026, 12, 23)]})
    facts = await queries.organization_facts(session)
    assert facts.time_zone == "Asia/Tokyo"
    assert not facts.calendar.is_business_day(date(2026, 12, 23))


async def test_today_is_the_organizations_own(session: WriteSession) -> None:
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    assert await queries.local_today(session, late) == date(2026, 4, 1), "Berlin is two hours ahead in summer"


async def test_rates_direct_inverse_and_through_the_base_currency(session: WriteSession) -> None:
    await service.put_rates(
        session,
        [
            _rate("EURUSD", 5, "1.10"),
            _rate("EURUSD", 10, "1.25"),
            _rate("EURGBP", 10, "0.80"),
            _rate("USDEUR", 11, "0.5"),
            _rate("CHFEUR", 1, "1.05"),
        ],
    )

    async def find(pair: str, day: int) -> Decimal | None:
        return await queries.find_rate(session, pair[:3], pair[3:], date(2026, 1, day))

    assert await find("EUREUR", 1) == 1
    assert await find("EURUSD", 4) is None
    assert await find("EURUSD", 5) == Decimal("1.10")
    assert await find("EURUSD", 9) == Decimal("1.10")
    assert await find("EURUSD", 10) == Decimal("1.25")
    assert await find("EURUSD", 20) == Decimal("1.25"), "direct before inverse"
    assert await find("USDEUR", 10) == Decimal("0.8")
    assert await find("USDEUR", 11) == Decimal("0.5")
    assert await find("GBPEUR", 10) == Decimal("1.25")
    assert await find("CHFGBP", 10) == Decimal("0.84")
    assert await find("GBPCHF", 10) == (Decimal("1.25") * (1 / Decimal("1.05"))).quantize(Decimal("1e-17"))
    assert await find("CHFGBP", 9) is None
    assert await find("JPYEUR", 31) is None
    third = await find("USDGBP", 10)
    assert third == Decimal("0.64")


async def test_legal_entities_by_code_id_and_alone(session: WriteSession, tenant: Tenant) -> None:
    only = await queries.find_only_legal_entity(session)
    assert only is not None
    assert (only.id, only.code, only.closed_through) == (tenant.legal_entity_id, "main", None)
    assert await queries.find_legal_entity_by_code(session, "main") == only
    assert await queries.get_legal_entity_facts(session, tenant.legal_entity_id) == only
    assert await queries.find_legal_entity_by_code(session, "MAIN") is None
    with pytest.raises(LegalEntityUnknown):
        await queries.get_legal_entity_facts(session, new_id())
    await service.create_legal_entity(session, service.NewLegalEntity("two", "Two", "USD"))
    assert await queries.find_only_legal_entity(session) is None


async def test_own_bank_accounts_by_identifier(session: WriteSession, tenant: Tenant) -> None:
    found = await queries.find_bank_account_by_identifier(session, "DE89370400440532013000")
    assert found is not None
    assert found.id == tenant.bank_account_id
    new = service.NewBankAccount(tenant.legal_entity_id, "USD", "DE89 3704 0044 0532 0130 00", "USD")
    dollars = await service.create_bank_account(session, new)
    identifier = "DE89370400440532013000"
    assert await queries.find_bank_account_by_identifier(session, identifier) is None, "two, and no currency to tell"
    assert await queries.find_bank_account_by_identifier(session, identifier, "USD") is dollars
    assert await queries.find_bank_account_by_identifier(session, "nothing") is None


async def test_a_new_organization_stands_alone(database: RolledBackDatabase) -> None:
    new = NewOrganization("Nordlys AS", "Europe/Oslo", "NO", "NOK", legal_entity_code="1000", sandbox=True)
    organization_id, entity_id = await service.create_organization(database, new)
    async with database.read(organization_id) as session:
        facts = await queries.organization_facts(session)
        assert (facts.name, facts.sandbox, facts.base_currency) == ("Nordlys AS", True, "NOK")
        entity = await queries.get_legal_entity_facts(session, entity_id)
        assert (entity.code, entity.name, entity.base_currency) == ("1000", "Nordlys AS", "NOK")
        events = await session.driver.fetch("SELECT event, actor_kind FROM change_log ORDER BY id")
    assert [tuple(row) for row in events] == [
        ("organization.created", SYSTEM.kind),
        ("legal_entity.created", SYSTEM.kind),
    ]
    async with database.read(new_id()) as session:
        with pytest.raises(OrganizationUnknown):
            await queries.organization_facts(session)
