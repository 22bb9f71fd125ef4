"""The SLA clock: disputes that were not resolved in time are marked, once, and whoever works on them is told."""

from __future__ import annotations

from datetime import date

from app.disputes import queries
from app.disputes.moves import touch
from app.disputes.notices import tell_breached
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession

BATCH = 200
# The clock of a dispute that waits for the customer stands still.
_BREACHED = """
SELECT id FROM disputes
WHERE organization_id = $1 AND state IN ('open', 'in_review') AND sla_due_on < $2 AND sla_breached_on IS NULL
ORDER BY id LIMIT $3
"""


async def mark_breaches(session: WriteSession, today: date) -> int:
    """Mark up to BATCH disputes whose last day is over on `today`; returns how many. Repeat until it is zero."""
    rows = await session.driver.fetch(_BREACHED, session.organization_id, today, BATCH)
    disputes = await queries.lock_disputes(session, [row["id"] for row in rows]) if rows else {}
    marked = 0
    for dispute in disputes.values():
        overdue = dispute.state in ("open", "in_review") and dispute.sla_due_on < today
        if not overdue or dispute.sla_breached_on is not None:  # somebody was quicker
            continue
        dispute.sla_breached_on = today
        touch(dispute)
        await session.flush()
        facts = {
            "sla_due_on": dispute.sla_due_on,
            "account_id": dispute.account_id,
            "assignee_id": dispute.assignee_id,
            "team_id": dispute.team_id,
        }
        record_change(session, ChangeRow("dispute", dispute.id, "dispute.sla_breached", None, facts, today))
        await tell_breached(session, dispute, await queries.get_reason(session, dispute.reason_id))
        marked += 1
    return len(rows) if marked else 0
