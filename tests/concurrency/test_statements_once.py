"""Two workers send the statement of one account and period at once: the customer gets one."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from app.infra.database import Database
from app.settings import Settings
from app.statements.sending import SendStatement, send_scheduled
from tests.collecting import add_contact
from tests.factories import make_tenant
from tests.receivables import issue

NOON = datetime(2026, 3, 13, 11, tzinfo=UTC)


async def test_one_statement_a_period_whoever_sends_it(committed: Database, tmp_path: Path) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 100_00, date(2026, 3, 2), number="RE-ONCE")
        await add_contact(session, tenant)
    settings = Settings(data_dir=tmp_path, log_level="error")
    command = SendStatement(tenant.account_id, date(2026, 3, 13), period="2026-03", skip_zero=True)

    async def send() -> Any:
        return await send_scheduled(committed, settings, tenant.organization_id, command, NOON)

    results = await asyncio.gather(*(send() for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) and result is not None for result in results) == 1, results
    assert await send() is None
    async with committed.read(tenant.organization_id) as read:
        counts = await read.driver.fetchrow(
            "SELECT (SELECT count(*) FROM account_statements WHERE organization_id = $1) AS statements,"
            " (SELECT count(*) FROM outgoing_emails WHERE organization_id = $1) AS emails,"
            " (SELECT count(*) FROM correspondences WHERE organization_id = $1) AS threads",
            tenant.organization_id,
        )
    assert tuple(counts) == (1, 1, 1)
