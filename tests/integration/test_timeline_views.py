"""Who sees which disputes on a timeline."""

from __future__ import annotations

from datetime import date

from app.customer_data import queries as customer_data
from app.desk import queries
from app.desk.queries import TimelineFilter
from app.desk.timeline import put_on_timeline
from app.infra.database import Actor, WriteSession
from app.infra.reactions import event_of
from tests.disputing import add_user, dispute, person
from tests.factories import Tenant
from tests.receivables import flush, issue

MARCH_2 = date(2026, 3, 2)


async def test_whoever_works_on_some_disputes_meets_only_those(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 10_000, MARCH_2)
    grace = await add_user(session, "grace@example.com")
    mine = await dispute(session, (owed, 1_000), on=MARCH_2, assignee_id=grace)
    other = await dispute(session, (owed, 2_000), on=MARCH_2)
    await flush(session)
    rows = await session.driver.fetch(
        "SELECT * FROM change_log WHERE organization_id = $1 AND entity_type = 'dispute'", tenant.organization_id
    )
    await put_on_timeline(session, [event_of(row, position) for position, row in enumerate(rows, start=1)])

    async def seen(actor: Actor | None) -> set[object]:
        wanted = TimelineFilter(kinds=("dispute",), only_disputes_of=actor)
        statement = queries.timeline_statement(tenant.organization_id, tenant.account_id, wanted)
        return {row.entity_id for row in (await session.scalars(statement)).all()}

    resolver = person("Grace", "accounts:read", "disputes:read", user_id=grace)
    collector = person("Carl", "accounts:read", "disputes:read", "all-disputes:read")
    assert await seen(resolver) == {mine}
    assert await seen(collector) == {mine, other}


async def test_an_account_of_somebody_who_left_has_no_collector(session: WriteSession, tenant: Tenant) -> None:
    user = await add_user(session, "gone@example.com")
    await session.driver.execute(
        "UPDATE accounts SET collector_id = $2 WHERE organization_id = $1", tenant.organization_id, user
    )
    kinds = "SELECT array_agg(kind) FROM data_findings WHERE organization_id = $1 AND state = 'open'"
    await customer_data.put_findings(session, [tenant.account_id], MARCH_2)
    assert "no_collector" not in await session.driver.fetchval(kinds, tenant.organization_id)
    await session.driver.execute("UPDATE users SET active = false WHERE organization_id = $1", tenant.organization_id)
    await customer_data.put_findings(session, [tenant.account_id], MARCH_2)
    assert "no_collector" in await session.driver.fetchval(kinds, tenant.organization_id)
