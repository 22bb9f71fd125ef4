"""People, contacts and collection actions for tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from app.collections import actions
from app.collections.actions import CompleteAction
from app.collections.asking import PlanAction
from app.collections.legal import cases
from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from tests.factories import Tenant

FRIDAY = date(2026, 3, 13)
NOON = datetime(2026, 3, 13, 11, tzinfo=UTC)


async def add_user(session: WriteSession, name: str, *, active: bool = True) -> UUID:
    user_id = new_id()
    await session.driver.execute(
        "INSERT INTO users (organization_id, id, email, display_name, active) VALUES ($1, $2, $3, $4, $5)",
        session.organization_id, user_id, f"{name.lower()}@example.com", name, active,
    )  # fmt: skip
    return user_id


async def add_contact(session: WriteSession, tenant: Tenant, **more: Any) -> UUID:
    contact_id = new_id()
    facts = {"email": "ap@example.com", "phone": "+49301234567", "do_not_contact": False, **more}
    await session.driver.execute(
        "INSERT INTO contacts (organization_id, id, account_id, role, email, phone, do_not_contact)"
        " VALUES ($1, $2, $3, 'accounts_payable', $4, $5, $6)",
        session.organization_id, contact_id, tenant.account_id, facts["email"], facts["phone"],
        facts["do_not_contact"],
    )  # fmt: skip
    return contact_id


async def plan(session: WriteSession, tenant: Tenant, type_: str = "call", **more: Any) -> UUID:
    command = PlanAction(**{"account_id": tenant.account_id, "type": type_, "due_date": FRIDAY, "subject": "Ask",
                            **more})  # fmt: skip
    return await actions.plan_action(session, command)


async def complete(session: WriteSession, action_id: UUID, outcome: str, **more: Any) -> actions.Completed:
    return await actions.complete_action(session, action_id, CompleteAction(outcome, **more), now=NOON)


async def events(session: ReadSession, entity_id: UUID) -> list[str]:
    rows = await session.driver.fetch("SELECT event FROM change_log WHERE entity_id = $1 ORDER BY id", entity_id)
    return [row["event"] for row in rows]


def case_of(tenant: Tenant, *items: UUID, kind: str = "agency_placement") -> cases.PrepareCase:
    return cases.PrepareCase(kind, tenant.account_id, "EUR", "uncollectible", items, partner="Collect Ltd")
