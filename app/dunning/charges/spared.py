"""What of an instalment bears no interest for a time: disputed parts, and what a payment plan spreads. Set-wise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from app.dunning.charges.rules import DisputedPart, PlanPart, spared_by_plan
from app.infra.database import ReadSession

# A dispute keeps its amount until it is resolved: what money takes off it, it takes off the open amount as well. What
# was released before the end (a part that was rejected) does not count as disputed at all.
_DISPUTED = """
SELECT l.instalment_id, d.opened_on, d.resolved_on,
    CASE WHEN d.resolved_on IS NULL THEN greatest(l.disputed_minor, l.amount_minor - d.released_minor)
         ELSE l.amount_minor END AS minor
FROM dispute_lines l CROSS JOIN LATERAL (
    SELECT c.opened_on, c.resolved_on, c.released_minor, c.state FROM disputes c
    WHERE c.organization_id = $1 AND c.id = l.dispute_id OFFSET 0) d
WHERE l.organization_id = $1 AND l.instalment_id = ANY($2::uuid[])
  AND NOT ($3::boolean AND d.state IN ('resolved_rejected', 'withdrawn'))
"""
_PLANS = """
SELECT t.instalment_id, p.activated_on, p.decided_on, t.amount_minor FROM payment_plan_items t
JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.status IN ('active', 'completed')
WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[]) ORDER BY p.id
"""


async def spared_of(
    session: ReadSession,
    ids: Sequence[UUID],
    changes: Mapping[UUID, Sequence[tuple[date, int]]],
    *,
    rejected: bool,
    plans: bool,
) -> dict[UUID, list[DisputedPart]]:
    """Parts of these instalments without interest, with their days.

    `rejected`: disputes that were rejected or withdrawn spare nothing. `plans`: plans that are kept spare what they
    spread; one that breaks spares nothing, so that all of its days are charged then.
    """
    found: defaultdict[UUID, list[DisputedPart]] = defaultdict(list)
    for row in await session.driver.fetch(_DISPUTED, session.organization_id, ids, rejected):
        found[row["instalment_id"]].append(DisputedPart(row["opened_on"], row["resolved_on"], row["minor"]))
    for row in await session.driver.fetch(_PLANS, session.organization_id, ids) if plans else ():
        plan = PlanPart(row["activated_on"], row["decided_on"], row["amount_minor"])
        found[row["instalment_id"]] += spared_by_plan(plan, changes.get(row["instalment_id"], ()))
    return dict(found)
