"""Rivals over one customer: caps hold, an e-mail that comes in twice is one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import DomainError
from app.correspondence.contacting import Attempt, check_contact
from app.correspondence.inbound.receive import receive, take_in
from app.correspondence.preferences import Preferences, update_preferences
from app.documents.storage import document_store
from app.infra.constraints import refusal_of
from app.infra.database import Database
from app.settings import Settings
from tests.factories import make_tenant

NOON = datetime(2026, 4, 8, 10, tzinfo=UTC)


async def test_two_workers_cannot_both_make_the_last_contact_of_a_day(committed: Database) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await update_preferences(session, Preferences(daily_cap=2), expected_version=None)

    async def contact() -> str:
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            attempt = Attempt(tenant.account_id, "email", NOON, "test", "account", tenant.account_id)
            return (await check_contact(session, attempt, "done")).outcome

    outcomes = await asyncio.gather(*[contact() for _ in range(8)])
    assert sorted(outcomes) == ["allowed"] * 2 + ["delayed"] * 6
    async with committed.read(tenant.organization_id) as read:
        rows = await read.driver.fetch(
            "SELECT outcome, reason FROM contact_attempts WHERE organization_id = $1", tenant.organization_id
        )
    assert sorted((row["outcome"], row["reason"]) for row in rows if row["reason"]) == [("delayed", "daily_cap")] * 6


async def test_an_e_mail_that_arrives_twice_at_once_is_one(committed: Database, tmp_path: Path) -> None:
    tenant = await make_tenant(committed)
    store = document_store(Settings(data_dir=tmp_path, log_level="error"))
    raw = b"From: a@else.example\r\nSubject: Hello\r\nMessage-ID: <one@else.example>\r\n\r\nhello\r\n"

    async def take() -> bool:
        incoming = await take_in(store, tenant.organization_id, raw, NOON)
        try:
            async with committed.write(tenant.organization_id, tenant.actor) as session:
                return (await receive(session, incoming, NOON)).created
        except DomainError:
            return False
        except Exception as error:
            if refusal_of(error) is None:
                raise
            return False

    assert sum(await asyncio.gather(*[take() for _ in range(6)])) == 1
    async with committed.read(tenant.organization_id) as read:
        for table in ("correspondence_messages", "correspondences"):
            count = await read.driver.fetchval(
                f"SELECT count(*) FROM {table} WHERE organization_id = $1", tenant.organization_id
            )
            assert count == 1, table
