"""The night of each organization: once for a date, in its own time zone, whoever looks and however often."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from app.core.clock import TimeZoneUnknown
from app.core.ids import new_id
from app.infra.database import SYSTEM, Database
from app.infra.jobs import GiveUp, JobContext
from app.infra.nightly import RUNS_KEPT_DAYS, business_date_of, latest_night, owe_night
from tests.factories import make_tenant
from workers.drain import drain
from workers.nightly import NIGHTLY, Nightly
from workers.registry import HANDLERS
from workers.runner import Services


@pytest.mark.parametrize(
    ("now", "zone", "night"),
    [
        ("2026-03-10T00:59:59Z", "Europe/Berlin", date(2026, 3, 9)),  # 01:59:59 there
        ("2026-03-10T01:00:00Z", "Europe/Berlin", date(2026, 3, 10)),
        ("2026-03-10T12:30:00Z", "Pacific/Auckland", date(2026, 3, 10)),  # 01:30 of the 11th there
        ("2026-03-10T13:00:00Z", "Pacific/Auckland", date(2026, 3, 11)),
        ("2026-03-10T05:00:00Z", "America/New_York", date(2026, 3, 9)),
        ("2026-03-29T00:59:00Z", "Europe/Berlin", date(2026, 3, 28)),
        ("2026-03-29T01:00:00Z", "Europe/Berlin", date(2026, 3, 29)),  # the hour from two to three does not exist
        ("2026-10-25T00:30:00Z", "Europe/Berlin", date(2026, 10, 25)),  # it comes twice
    ],
)
def test_the_night_is_that_of_the_local_date(now: str, zone: str, night: date) -> None:
    assert latest_night(datetime.fromisoformat(now), zone) == night


def test_a_night_needs_an_instant_and_a_time_zone() -> None:
    with pytest.raises(ValueError):
        latest_night(datetime(2026, 3, 10), "Europe/Berlin")  # noqa: DTZ001
    with pytest.raises(TimeZoneUnknown):
        latest_night(datetime(2026, 3, 10, tzinfo=UTC), "Mars/Base")


async def _owed(database: Database, organization: UUID, kind: str) -> list[str]:
    async with database.read(organization) as session:
        rows = await session.driver.fetch(
            "SELECT key FROM jobs WHERE organization_id = $1 AND kind = $2 ORDER BY key", organization, kind
        )
    return [row["key"] for row in rows]


async def test_a_moving_clock_owes_each_date_once_and_after_a_stop_only_the_latest(
    services: Services, committed: Database, kind: str
) -> None:
    berlin = (await make_tenant(committed)).organization_id
    auckland = (await make_tenant(committed, time_zone="Pacific/Auckland")).organization_id
    clock = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
    nightly = Nightly(services, [kind])
    while clock < datetime(2026, 3, 12, 0, 30, tzinfo=UTC):
        await nightly.owe_due(clock)
        clock += timedelta(hours=1, minutes=30)
    assert await _owed(committed, berlin, kind) == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert await _owed(committed, auckland, kind) == ["2026-03-10", "2026-03-11", "2026-03-12"]
    await Nightly(services, [kind]).owe_due(datetime(2026, 3, 20, 12, tzinfo=UTC))
    assert await _owed(committed, berlin, kind) == ["2026-03-09", "2026-03-10", "2026-03-11", "2026-03-20"]
    await Nightly(services, [kind]).owe_due(datetime(2026, 3, 19, 12, tzinfo=UTC))
    assert len(await _owed(committed, berlin, kind)) == 4, "a clock that went back owes no night again"


async def test_several_sweepers_owe_one_run(services: Services, committed: Database, kind: str) -> None:
    organization = (await make_tenant(committed)).organization_id
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    await asyncio.gather(*[Nightly(services, [kind]).owe_due(now) for _ in range(4)])
    assert await _owed(committed, organization, kind) == ["2026-03-10"]
    ran: list[date] = []

    async def handler(job: JobContext) -> None:
        if job.organization_id == organization:
            ran.append(business_date_of(job))

    await drain(services, {kind: handler})
    assert ran == [date(2026, 3, 10)]


async def test_a_new_kind_is_owed_for_the_same_date_and_old_rows_go(
    services: Services, organization: UUID, kind: str
) -> None:
    night = date(2026, 3, 10)
    async with services.database.write(organization, SYSTEM) as session:
        assert await owe_night(session, [kind], night - timedelta(days=RUNS_KEPT_DAYS + 1)) == [kind]
    async with services.database.write(organization, SYSTEM) as session:
        assert await owe_night(session, [kind], night) == [kind]
    async with services.database.write(organization, SYSTEM) as session:
        assert await owe_night(session, [kind, "test.more"], night) == ["test.more"]
        rows = await session.driver.fetchval("SELECT count(*) FROM nightly_runs")
    assert rows == 2


async def test_an_organization_that_cannot_be_read_does_not_keep_the_others(
    services: Services, committed: Database, kind: str
) -> None:
    broken = (await make_tenant(committed, time_zone="Mars/Base")).organization_id
    good = (await make_tenant(committed)).organization_id
    await Nightly(services, [kind]).owe_due(datetime(2026, 3, 10, 12, tzinfo=UTC))
    assert (await _owed(committed, broken, kind), await _owed(committed, good, kind)) == ([], ["2026-03-10"])


def test_every_nightly_kind_has_its_handler_in_the_registry() -> None:
    assert {kind: HANDLERS[kind] for kind in NIGHTLY} == NIGHTLY


def test_a_key_that_is_no_date_is_given_up(services: Services) -> None:
    job = JobContext(
        services.database, services.claims, services.settings, new_id(), new_id(), "k", "not-a-date", {}, new_id()
    )  # type: ignore[arg-type]
    with pytest.raises(GiveUp):
        business_date_of(job)
