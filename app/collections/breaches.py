"""Disputes past their time become actions of whoever works on them, once for each breach."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from app.collections.actions import plan_actions
from app.collections.asking import PlanAction
from app.collections.queries import active_users
from app.infra.database import WriteSession

_DISPUTES = """
SELECT id, number, account_id, assignee_id, sla_due_on FROM disputes
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND state IN ('open', 'in_review', 'awaiting_customer')
"""


async def plan_for_breaches(session: WriteSession, dispute_ids: Collection[UUID], today: date) -> int:
    """Plan a note for each of these disputes that is still open; repeatable. Returns how many disputes it concerns."""
    rows = await session.driver.fetch(_DISPUTES, session.organization_id, list(dispute_ids))
    present = await active_users(session, {row["assignee_id"] for row in rows if row["assignee_id"] is not None})
    await plan_actions(
        session,
        [
            PlanAction(
                account_id=row["account_id"],
                type="note",
                due_date=today,
                subject=f"Dispute {row['number']} is past its time",
                owner_id=row["assignee_id"] if row["assignee_id"] in present else None,
                priority="high",
                origin="service",
                origin_key=f"dispute_sla:{row['id']}:{row['sla_due_on']}",
            )
            for row in rows
        ],
    )
    return len(rows)
