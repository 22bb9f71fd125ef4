"""SQL of the report on cash application, and of what became of one run.

Receipts are the payments with a value date in the window, without those that were no receivable at all or reversed.
Lines are application rows of receipts that stand. An application by a person is `proposed` when it came of a proposal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.cash_application.rules import WRONG_WITHIN_DAYS
from app.cash_application.sql.outcomes import UNDONE_AS_WRONG
from app.infra.database import ReadSession

_RECEIPTS = """
receipts AS (
    SELECT p.id, p.currency, p.amount_minor, p.recorded_at, p.matching_state FROM payments p
    WHERE p.organization_id = $1 AND p.value_date BETWEEN $2 AND $3 AND ($4::uuid IS NULL OR p.legal_entity_id = $4)
        AND ($5::text IS NULL OR p.currency = $5)
        AND p.withdrawn_minor < p.amount_minor
)"""
_LINES = """
lines AS (
    SELECT a.payment_id, a.proposal_id, a.group_id, a.source_amount_minor, a.recorded_at,
        CASE WHEN a.origin = 'automatic' THEN 'automatic' WHEN a.origin = 'import' THEN 'imported'
             WHEN a.proposal_id IS NOT NULL THEN 'proposed' ELSE 'manual' END AS way
    FROM receipts r JOIN applications a ON a.organization_id = $1 AND a.payment_id = r.id
    WHERE a.reverses_id IS NULL
        AND NOT EXISTS (SELECT FROM applications u WHERE u.organization_id = $1 AND u.reverses_id = a.id)
)"""
_BY_WAY = f"""
WITH {_RECEIPTS}, {_LINES},
ways AS (
    SELECT payment_id, CASE WHEN count(DISTINCT way) > 1 THEN 'mixed' ELSE min(way) END AS way FROM lines GROUP BY 1
)
SELECT r.currency, coalesce(w.way, 'not_applied') AS way, count(*)::int AS payments,
    sum(r.amount_minor)::bigint AS minor
FROM receipts r LEFT JOIN ways w ON w.payment_id = r.id GROUP BY 1, 2 ORDER BY 1, 2
"""
_LINES_BY_WAY = f"""
WITH {_RECEIPTS}, {_LINES}
SELECT r.currency, l.way, count(*)::int AS lines, sum(l.source_amount_minor)::bigint AS minor
FROM lines l JOIN receipts r ON r.id = l.payment_id GROUP BY 1, 2 ORDER BY 1, 2
"""
_TIMES = f"""
WITH {_RECEIPTS}, {_LINES},
waits AS (
    SELECT l.way, extract(epoch FROM min(l.recorded_at) - min(r.recorded_at))::bigint AS seconds
    FROM lines l JOIN receipts r ON r.id = l.payment_id WHERE l.way <> 'imported' GROUP BY l.payment_id, l.way
)
SELECT way, count(*)::int AS payments, percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds)::bigint AS median,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY seconds)::bigint AS p90
FROM waits GROUP BY 1 ORDER BY 1
"""
_CODE = """
CASE WHEN p.id IS NULL THEN 'payment.' || r.matching_state
    WHEN p.note ~ '^[a-z_]+[.][a-z_]+: ' THEN split_part(p.note, ':', 1)
    WHEN p.band = 'proposed' THEN 'confidence.below_automatic'
    ELSE coalesce(p.reasons -> 0 ->> 'code', 'none') END
"""
_WHY_NOT = f"""
WITH {_RECEIPTS}
SELECT {_CODE} AS code, count(*)::int AS payments
FROM receipts r
LEFT JOIN LATERAL (
    SELECT * FROM proposals p WHERE p.organization_id = $1 AND p.payment_id = r.id AND p.kind <> 'reversal'
        AND p.state <> 'superseded' ORDER BY p.id DESC LIMIT 1) p ON true
WHERE NOT EXISTS (
    SELECT FROM applications a WHERE a.organization_id = $1 AND a.payment_id = r.id AND a.origin = 'automatic'
    AND a.reverses_id IS NULL)
GROUP BY 1 ORDER BY 2 DESC, 1
"""
_MADE = f"""
SELECT a.proposal_id, bool_or({UNDONE_AS_WRONG}) AS wrong,
    bool_and(a.recorded_at <= now() - interval '{WRONG_WITHIN_DAYS} days') AS proven
FROM applications a LEFT JOIN applications u ON u.organization_id = a.organization_id AND u.reverses_id = a.id
WHERE a.organization_id = $1 AND a.reverses_id IS NULL AND a.origin = 'automatic' AND a.proposal_id IS NOT NULL
    AND a.payment_id IN (SELECT payment_id FROM chosen) GROUP BY 1
"""
_BY_STRATEGY = """
SELECT p.strategy, count(*)::int AS total, count(*) FILTER (WHERE m.wrong)::int AS wrong,
    count(*) FILTER (WHERE m.proven)::int AS proven
FROM made m JOIN proposals p ON p.organization_id = $1 AND p.id = m.proposal_id GROUP BY 1 ORDER BY 1
"""
_PRECISION = f"""
WITH {_RECEIPTS}, chosen AS (SELECT id AS payment_id FROM receipts), made AS ({_MADE}) {_BY_STRATEGY}
"""
_PRECISION_OF_RUN = f"""
WITH chosen AS (SELECT payment_id FROM proposals WHERE organization_id = $1 AND run_id = $2),
    all_made AS ({_MADE}),
    made AS (SELECT m.* FROM all_made m JOIN proposals p ON p.organization_id = $1 AND p.id = m.proposal_id
        WHERE p.run_id = $2) {_BY_STRATEGY}
"""
# Ten equal classes of confidence: how sure the engine was, and how often what was decided about it was that answer.
_CALIBRATION = f"""
WITH {_RECEIPTS}
SELECT least(floor(p.confidence * 10), 9)::int AS class, count(*)::int AS decided,
    count(*) FILTER (WHERE p.state IN ('applied', 'accepted'))::int AS right,
    round(avg(p.confidence), 4)::text AS mean
FROM receipts r JOIN proposals p ON p.organization_id = $1 AND p.payment_id = r.id
WHERE p.kind = 'settlement' AND p.state IN ('applied', 'accepted', 'corrected', 'rejected', 'undone', 'on_account')
    AND p.strategy <> 'none'
GROUP BY 1 ORDER BY 1
"""
_TIMES_OF_RUN = """
SELECT count(*)::int AS payments, percentile_disc(0.5) WITHIN GROUP (ORDER BY w.seconds)::bigint AS median,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY w.seconds)::bigint AS p90
FROM (SELECT extract(epoch FROM p.decided_at - y.recorded_at)::bigint AS seconds FROM proposals p
    JOIN payments y ON y.organization_id = p.organization_id AND y.id = p.payment_id
    WHERE p.organization_id = $1 AND p.run_id = $2 AND p.state IN ('applied', 'undone')
        AND p.decided_by = 'automatic') w
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Which receipts a report is about: value dates, both included."""

    first: date
    last: date
    legal_entity_id: UUID | None = None
    currency: str | None = None


async def _rows(session: ReadSession, statement: str, window: Window) -> list[Any]:
    arguments = (window.first, window.last, window.legal_entity_id, window.currency)
    return list(await session.driver.fetch(statement, session.organization_id, *arguments))


async def payments_by_way(session: ReadSession, window: Window) -> list[Any]:
    """Receipts and their amounts by currency and by how they were applied."""
    return await _rows(session, _BY_WAY, window)


async def lines_by_way(session: ReadSession, window: Window) -> list[Any]:
    """Lines that stand and their amounts by currency and by who made them."""
    return await _rows(session, _LINES_BY_WAY, window)


async def times_to_apply(session: ReadSession, window: Window) -> list[Any]:
    """Seconds from the recording of a receipt to its first application, by who made it."""
    return await _rows(session, _TIMES, window)


async def why_not(session: ReadSession, window: Window) -> list[Any]:
    """Receipts that were not applied automatically, by reason code."""
    return await _rows(session, _WHY_NOT, window)


async def precision(session: ReadSession, window: Window) -> list[Any]:
    """Automatic applications of the receipts by strategy: all, wrong, and older than the days in which they can be."""
    return await _rows(session, _PRECISION, window)


async def calibration(session: ReadSession, window: Window) -> list[Any]:
    """Decided proposals by class of confidence."""
    return await _rows(session, _CALIBRATION, window)


async def precision_of_run(session: ReadSession, run_id: UUID) -> list[Any]:
    """As `precision`, of one run."""
    return list(await session.driver.fetch(_PRECISION_OF_RUN, session.organization_id, run_id))


async def times_of_run(session: ReadSession, run_id: UUID) -> Any:
    """Seconds from recording to application, of what one run applied."""
    return await session.driver.fetchrow(_TIMES_OF_RUN, session.organization_id, run_id)
