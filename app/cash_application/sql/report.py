"""SQL of the report on cash application, and of what became of one run.

Receipts are the payments with a value date in the window, without those that were no receivable at all or reversed, as
they stood on a day and as known at an instant. Lines are application rows of receipts that stand. An application by a
person is `proposed` when it came of a proposal; proposals count with the state they have now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.cash_application.rules import WRONG_WITHIN_DAYS
from app.cash_application.sql.outcomes import UNDONE_AS_WRONG
from app.infra.database import ReadSession

# $1 organization, $2 and $3 value dates, $4 legal entity, $5 currency, $6 as_of, $7 known_at, $8 account.
# {key} is the group, over `p` with `account_id` and `legal_entity_id` and what {accounts} joins: see Grouping.
_RECEIPTS = """
chosen_payments AS (
    SELECT y.id, y.legal_entity_id, y.original_account_id, y.currency, y.amount_minor, y.recorded_at, y.matching_state
    FROM payments y
    WHERE y.organization_id = $1 AND y.value_date BETWEEN $2 AND $3 AND ($4::uuid IS NULL OR y.legal_entity_id = $4)
        AND ($5::text IS NULL OR y.currency = $5) AND y.accounting_date <= $6
        AND ($7::timestamptz IS NULL OR y.recorded_at <= $7)
), moved AS (
    SELECT m.payment_id, m.kind, m.amount_minor, m.to_account_id, m.effective_date, m.recorded_at, m.id
    FROM chosen_payments y JOIN payment_movements m ON m.organization_id = $1 AND m.payment_id = y.id
        AND m.effective_date <= $6 AND ($7::timestamptz IS NULL OR m.recorded_at <= $7)
), held AS (
    SELECT DISTINCT ON (payment_id) payment_id, to_account_id FROM moved WHERE kind = 'account_change'
    ORDER BY payment_id, effective_date DESC, recorded_at DESC, id DESC
), gone AS (
    SELECT payment_id, sum(amount_minor) AS minor FROM moved WHERE kind <> 'account_change' GROUP BY 1
), receipts AS (
    SELECT p.id, p.currency, p.amount_minor, p.recorded_at, p.matching_state, {key} AS key
    FROM (
        SELECT y.*, CASE WHEN h.payment_id IS NULL THEN y.original_account_id ELSE h.to_account_id END AS account_id
        FROM chosen_payments y LEFT JOIN held h ON h.payment_id = y.id LEFT JOIN gone g ON g.payment_id = y.id
        WHERE coalesce(g.minor, 0) < y.amount_minor
    ) p{accounts} WHERE $8::uuid IS NULL OR p.account_id = $8
)"""
_MADE_BY_THEN = "{0}.effective_date <= $6 AND ($7::timestamptz IS NULL OR {0}.recorded_at <= $7)"
_LINES = f"""
lines AS (
    SELECT a.payment_id, r.key, a.proposal_id, a.group_id, a.source_amount_minor, a.recorded_at,
        CASE WHEN a.origin = 'automatic' THEN 'automatic' WHEN a.origin = 'import' THEN 'imported'
             WHEN a.proposal_id IS NOT NULL THEN 'proposed' ELSE 'manual' END AS way
    FROM receipts r JOIN applications a ON a.organization_id = $1 AND a.payment_id = r.id
    WHERE a.reverses_id IS NULL AND {_MADE_BY_THEN.format("a")}
        AND NOT EXISTS (
            SELECT FROM applications u WHERE u.organization_id = $1 AND u.reverses_id = a.id
                AND {_MADE_BY_THEN.format("u")})
)"""
_BY_WAY = f"""
WITH {_RECEIPTS}, {_LINES},
ways AS (
    SELECT payment_id, CASE WHEN count(DISTINCT way) > 1 THEN 'mixed' ELSE min(way) END AS way FROM lines GROUP BY 1
)
SELECT r.key, r.currency, coalesce(w.way, 'not_applied') AS way, count(*)::int AS payments,
    sum(r.amount_minor)::bigint AS minor
FROM receipts r LEFT JOIN ways w ON w.payment_id = r.id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_LINES_BY_WAY = f"""
WITH {_RECEIPTS}, {_LINES}
SELECT r.key, r.currency, l.way, count(*)::int AS lines, sum(l.source_amount_minor)::bigint AS minor
FROM lines l JOIN receipts r ON r.id = l.payment_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_TIMES = f"""
WITH {_RECEIPTS}, {_LINES},
waits AS (
    SELECT l.key, l.way, extract(epoch FROM min(l.recorded_at) - min(r.recorded_at))::bigint AS seconds
    FROM lines l JOIN receipts r ON r.id = l.payment_id WHERE l.way <> 'imported' GROUP BY l.payment_id, l.key, l.way
)
SELECT key, way, count(*)::int AS payments, percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds)::bigint AS median,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY seconds)::bigint AS p90
FROM waits GROUP BY 1, 2 ORDER BY 1, 2
"""
_CODE = """
CASE WHEN p.id IS NULL THEN 'payment.' || r.matching_state
    WHEN p.note ~ '^[a-z_]+[.][a-z_]+: ' THEN split_part(p.note, ':', 1)
    WHEN p.band = 'proposed' THEN 'confidence.below_automatic'
    ELSE coalesce(p.reasons -> 0 ->> 'code', 'none') END
"""
_WHY_NOT = f"""
WITH {_RECEIPTS}
SELECT r.key, {_CODE} AS code, count(*)::int AS payments
FROM receipts r
LEFT JOIN LATERAL (
    SELECT * FROM proposals p WHERE p.organization_id = $1 AND p.payment_id = r.id AND p.kind <> 'reversal'
        AND (p.state <> 'superseded' OR p.updated_at > $7) AND ($7::timestamptz IS NULL OR p.recorded_at <= $7)
    ORDER BY p.id DESC LIMIT 1) p ON true
WHERE NOT EXISTS (
    SELECT FROM applications a WHERE a.organization_id = $1 AND a.payment_id = r.id AND a.origin = 'automatic'
    AND a.reverses_id IS NULL AND {_MADE_BY_THEN.format("a")})
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""
_MADE = """
SELECT a.proposal_id, bool_or({wrong}) AS wrong,
    bool_and(a.recorded_at <= {now} - interval '{days} days') AS proven
FROM applications a LEFT JOIN applications u ON u.organization_id = a.organization_id AND u.reverses_id = a.id{undone}
WHERE a.organization_id = $1 AND a.reverses_id IS NULL AND a.origin = 'automatic' AND a.proposal_id IS NOT NULL
    AND a.payment_id IN (SELECT payment_id FROM chosen){applied} GROUP BY 1
"""
_BY_STRATEGY = """
SELECT {key} AS key, p.strategy, count(*)::int AS total, count(*) FILTER (WHERE m.wrong)::int AS wrong,
    count(*) FILTER (WHERE m.proven)::int AS proven
FROM made m JOIN proposals p ON p.organization_id = $1 AND p.id = m.proposal_id{receipts} GROUP BY 1, 2 ORDER BY 1, 2
"""
_MADE_OF_RECEIPTS = _MADE.format(
    wrong=UNDONE_AS_WRONG, now="coalesce($7::timestamptz, now())", days=WRONG_WITHIN_DAYS,
    undone=" AND " + _MADE_BY_THEN.format("u"), applied=" AND " + _MADE_BY_THEN.format("a"),
)  # fmt: skip
_MADE_OF_RUN = _MADE.format(wrong=UNDONE_AS_WRONG, now="now()", days=WRONG_WITHIN_DAYS, undone="", applied="")
_PRECISION = f"""
WITH {_RECEIPTS}, chosen AS (SELECT id AS payment_id FROM receipts), made AS ({_MADE_OF_RECEIPTS})
{_BY_STRATEGY.format(key="r.key", receipts=" JOIN receipts r ON r.id = p.payment_id")}
"""
_PRECISION_OF_RUN = f"""
WITH chosen AS (SELECT payment_id FROM proposals WHERE organization_id = $1 AND run_id = $2),
    all_made AS ({_MADE_OF_RUN}),
    made AS (SELECT m.* FROM all_made m JOIN proposals p ON p.organization_id = $1 AND p.id = m.proposal_id
        WHERE p.run_id = $2) {_BY_STRATEGY.format(key="NULL::text", receipts="")}
"""
# Ten equal classes of confidence: how sure the engine was, and how often what was decided about it was that answer.
_CALIBRATION = f"""
WITH {_RECEIPTS}
SELECT r.key, least(floor(p.confidence * 10), 9)::int AS class, count(*)::int AS decided,
    count(*) FILTER (WHERE p.state IN ('applied', 'accepted'))::int AS right,
    round(avg(p.confidence), 4)::text AS mean
FROM receipts r JOIN proposals p ON p.organization_id = $1 AND p.payment_id = r.id
JOIN organizations o ON o.id = $1
WHERE p.kind = 'settlement' AND p.state IN ('applied', 'accepted', 'corrected', 'rejected', 'undone', 'on_account')
    AND p.strategy <> 'none' AND ($7::timestamptz IS NULL OR coalesce(p.decided_at, p.recorded_at) <= $7)
    AND (coalesce(p.decided_at, p.recorded_at) AT TIME ZONE o.time_zone)::date <= $6
GROUP BY 1, 2 ORDER BY 1, 2
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
class Grouping:
    """By what receipts are added up: the key (SQL over `p`, a receipt with account and legal entity), and what to join.

    Without one everything is one group, whose key is null.
    """

    key: str = "NULL::text"
    accounts: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """Which receipts a report is about: value dates, both included, as of a day and as known at an instant.

    `as_of` None is the last of the value dates. The account is the one that held the money on that day.
    """

    first: date
    last: date
    legal_entity_id: UUID | None = None
    currency: str | None = None
    as_of: date | None = None
    known_at: datetime | None = None
    account_id: UUID | None = None
    grouping: Grouping = Grouping()


async def _rows(session: ReadSession, statement: str, window: Window) -> list[Any]:
    arguments = (window.first, window.last, window.legal_entity_id, window.currency, window.as_of or window.last,
                 window.known_at, window.account_id)  # fmt: skip
    parts = {"{key}": window.grouping.key, "{accounts}": window.grouping.accounts}
    for name, text in parts.items():
        statement = statement.replace(name, text)
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
