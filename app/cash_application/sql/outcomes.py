"""SQL of what became of automatic applications.

Wrong is an application whose undo was recorded within WRONG_WITHIN_DAYS days of it. That the bank took the money back
says nothing against the match, so such undos do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from app.cash_application.rules import WRONG_WITHIN_DAYS
from app.core.ids import lowest_id_at
from app.infra.database import ReadSession

BANK_TOOK_BACK = """
EXISTS (SELECT FROM payment_movements m WHERE m.organization_id = u.organization_id AND m.payment_id = u.payment_id
    AND m.kind = 'reversal' AND m.reason_code <> 'entered_in_error' AND m.recorded_at = u.recorded_at)
"""
UNDONE_AS_WRONG = f"""
u.id IS NOT NULL AND u.recorded_at <= a.recorded_at + interval '{WRONG_WITHIN_DAYS} days' AND NOT {BANK_TOOK_BACK}
"""
MADE = f"""
SELECT a.proposal_id, min(a.recorded_at) AS made_at, bool_or({UNDONE_AS_WRONG}) AS wrong
FROM applications a
LEFT JOIN applications u ON u.organization_id = a.organization_id AND u.reverses_id = a.id
WHERE a.organization_id = $1 AND a.id >= $2 AND a.origin = 'automatic' AND a.reverses_id IS NULL
    AND a.proposal_id IS NOT NULL
GROUP BY 1
"""
"""One row an automatically applied proposal; `$2` is the lowest application id of the window."""
_OUTCOMES = f"""
SELECT p.strategy, count(*)::int AS total, count(*) FILTER (WHERE made.wrong)::int AS wrong,
    count(*) FILTER (WHERE made.made_at >= s.judged_since OR s.judged_since IS NULL)::int AS total_since,
    count(*) FILTER (WHERE made.wrong AND (made.made_at >= s.judged_since OR s.judged_since IS NULL))::int
        AS wrong_since
FROM ({MADE}) made
JOIN proposals p ON p.organization_id = $1 AND p.id = made.proposal_id
LEFT JOIN matching_rules r ON r.organization_id = $1 AND r.strategy = p.strategy
LEFT JOIN matching_settings s ON s.organization_id = $1
WHERE r.judged_since IS NULL OR made.made_at >= r.judged_since
GROUP BY 1 ORDER BY 1
"""
_JUDGING = f"""
SELECT EXISTS (
    SELECT FROM applications a
    JOIN applications u ON u.organization_id = a.organization_id AND u.reverses_id = a.id
    WHERE a.organization_id = $1 AND a.group_id = ANY($2::uuid[]) AND a.origin = 'automatic'
        AND a.proposal_id IS NOT NULL AND {UNDONE_AS_WRONG})
"""
# What nothing of is left applied, although nobody undid the decision through its proposal.
_UNDONE = """
UPDATE proposals p SET state = 'undone', version = p.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE p.organization_id = $1 AND p.state IN ('applied', 'accepted', 'corrected')
    AND p.id IN (SELECT proposal_id FROM applications a WHERE a.organization_id = $1 AND a.group_id = ANY($2::uuid[]))
    AND NOT EXISTS (
        SELECT FROM applications a WHERE a.organization_id = $1 AND a.payment_id = p.payment_id
        AND a.proposal_id = p.id AND a.reverses_id IS NULL AND NOT EXISTS (
            SELECT FROM applications u WHERE u.organization_id = $1 AND u.reverses_id = a.id))
RETURNING p.id
"""


async def outcomes(session: ReadSession, since: datetime) -> list[Any]:
    """By strategy: automatic applications and wrong ones since the rule, and since the whole, was last judged."""
    return list(await session.driver.fetch(_OUTCOMES, session.organization_id, lowest_id_at(since)))


async def any_was_wrong(session: ReadSession, groups: Iterable[UUID]) -> bool:
    """Whether one of these application groups was automatic and undone as wrong."""
    return bool(await session.driver.fetchval(_JUDGING, session.organization_id, list(groups)))


async def mark_undone(session: Any, groups: Iterable[UUID]) -> list[UUID]:
    """Let proposals say that their applications were undone elsewhere; returns them."""
    rows = await session.driver.fetch(_UNDONE, session.organization_id, list(groups))
    return [row["id"] for row in rows]
