"""Targets of collectors for a month, and what they have reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.collections import queries
from app.collections.errors import TargetNotFound, UserUnknown
from app.collections.models import CollectorTarget
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import check_version
from app.organizations.service import add_row, save_changes

# Collected: money applied to instalments of the accounts that the collector has now, by value date. Contacts: done
# actions that reached the customer, by who did them; promises by who had the account when they were made.
_ATTAINMENT = """
WITH months AS (SELECT $2::date AS start, ($2::date + interval '1 month')::date AS after),
collected AS (
    SELECT a.collector_id, x.currency, sum(x.amount_minor)::bigint AS minor
    FROM months m
    JOIN payments p ON p.organization_id = $1 AND p.value_date >= m.start AND p.value_date < m.after
    JOIN applications x ON x.organization_id = $1 AND x.payment_id = p.id
    JOIN accounts a ON a.organization_id = $1 AND a.id = x.account_id AND a.collector_id IS NOT NULL
    WHERE $3::uuid IS NULL OR a.collector_id = $3
    GROUP BY 1, 2
), contacts AS (
    SELECT c.done_by_id AS collector_id, count(*)::int AS contacts FROM months m
    JOIN collection_actions c ON c.organization_id = $1 AND c.status = 'done' AND c.contact_made
        AND c.done_on >= m.start AND c.done_on < m.after
    WHERE $3::uuid IS NULL OR c.done_by_id = $3 GROUP BY 1
), promised AS (
    SELECT p.collector_id, count(*)::int AS promises FROM months m
    JOIN promises p ON p.organization_id = $1 AND p.made_on >= m.start AND p.made_on < m.after
        AND p.collector_id IS NOT NULL
    WHERE $3::uuid IS NULL OR p.collector_id = $3 GROUP BY 1
), targets AS (
    SELECT t.* FROM collector_targets t WHERE t.organization_id = $1 AND t.month = $2
        AND ($3::uuid IS NULL OR t.collector_id = $3)
)
SELECT u.id AS collector_id, u.display_name, k.currency, t.id AS target_id, t.amount_minor AS target_minor,
    t.contacts AS target_contacts, coalesce(d.minor, 0) AS collected_minor, coalesce(c.contacts, 0) AS contacts,
    coalesce(p.promises, 0) AS promises
FROM (SELECT collector_id, currency FROM targets UNION SELECT collector_id, currency FROM collected) k
JOIN users u ON u.organization_id = $1 AND u.id = k.collector_id
LEFT JOIN targets t ON t.collector_id = k.collector_id AND t.currency = k.currency
LEFT JOIN collected d ON d.collector_id = k.collector_id AND d.currency = k.currency
LEFT JOIN contacts c ON c.collector_id = k.collector_id
LEFT JOIN promised p ON p.collector_id = k.collector_id
ORDER BY u.display_name, u.id, k.currency LIMIT 1000
"""


async def set_target(
    session: WriteSession, collector_id: UUID, month: date, currency: str, amount_minor: int, contacts: int
) -> CollectorTarget:
    """Give a collector a target for a month. Raises UserUnknown, TargetTaken."""
    if not await queries.active_users(session, {collector_id}):
        raise UserUnknown("no active user has this id", pointer="/collector_id")
    row = CollectorTarget(
        organization_id=session.organization_id,
        id=new_id(),
        collector_id=collector_id,
        month=month,
        currency=currency,
        amount_minor=amount_minor,
        contacts=contacts,
    )
    await add_row(session, row)
    after = {"collector_id": collector_id, "month": month, "amount_minor": str(amount_minor), "contacts": contacts}
    record_change(session, ChangeRow("collector_target", row.id, "collector_target.set", after=after))
    return row


async def get_target(session: ReadSession, target_id: UUID) -> CollectorTarget:
    """The target. Raises TargetNotFound."""
    found = await session.get(CollectorTarget, (session.organization_id, target_id), populate_existing=True)
    if found is None:
        raise TargetNotFound("no such target")
    return found


async def update_target(
    session: WriteSession, target_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> CollectorTarget:
    """Change amount or contacts. Raises TargetNotFound, StaleVersion."""
    row = await get_target(session, target_id)
    check_version(expected_version, row.version)
    await save_changes(session, row, changes, "collector_target", row.id)
    return row


async def attainment(session: ReadSession, month: date, collector_id: UUID | None) -> list[Any]:
    """Targets of a month beside what was reached, by collector and currency; also collectors without a target."""
    return list(await session.driver.fetch(_ATTAINMENT, session.organization_id, month, collector_id))
