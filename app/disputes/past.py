"""What was disputed on a past day: every change of a line is kept with the day from which it counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.disputes.models import Dispute
from app.infra.database import ReadSession, WriteSession

_CHANGED = """
SELECT l.id, l.instalment_id, l.disputed_minor, greatest(p.effective_date, $3::date) AS effective_date
FROM dispute_lines l
LEFT JOIN LATERAL (
    SELECT disputed_minor, effective_date FROM dispute_line_changes
    WHERE organization_id = $1 AND line_id = l.id ORDER BY effective_date DESC, id DESC LIMIT 1
) p ON true
WHERE l.organization_id = $1 AND l.dispute_id = $2 AND p.disputed_minor IS DISTINCT FROM l.disputed_minor ORDER BY l.id
"""
_KEEP = """
INSERT INTO dispute_line_changes (organization_id, id, line_id, dispute_id, instalment_id, effective_date,
    disputed_minor)
SELECT $1, r.id, r.line_id, $2, r.instalment_id, r.effective_date, r.minor
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::date[], $7::bigint[])
    AS r(id, line_id, instalment_id, effective_date, minor)
"""


def disputed_on_sql(day: str, where: str = "true") -> str:
    """A statement: instalment_id and minor, the amounts that were disputed on `day` (an expression); `$1` organization.

    `where` narrows the lines `l`. Lines from before changes were kept count with their whole amount until the dispute
    ended.
    """
    return f"""
SELECT instalment_id, sum(minor)::bigint AS minor FROM (
    SELECT l.instalment_id, coalesce(c.disputed_minor,
        CASE WHEN x.resolved_on IS NULL THEN l.disputed_minor ELSE l.amount_minor END) AS minor
    FROM disputes x JOIN dispute_lines l ON l.organization_id = $1 AND l.dispute_id = x.id
    LEFT JOIN LATERAL (
        SELECT disputed_minor FROM dispute_line_changes
        WHERE organization_id = $1 AND line_id = l.id AND effective_date <= {day}
        ORDER BY effective_date DESC, id DESC LIMIT 1
    ) c ON true
    WHERE x.organization_id = $1 AND x.opened_on <= {day} AND (x.resolved_on IS NULL OR x.resolved_on > {day})
      AND {where}
) parts WHERE minor > 0 GROUP BY instalment_id"""


# What the last row of the log says about the parts, of those effective by the day and recorded by the instant.
_PARTS = """
    SELECT l.after -> 'parts' AS parts FROM change_log l
    WHERE l.organization_id = $1 AND l.entity_type = 'dispute' AND l.entity_id = d.id AND l.after -> 'parts' IS NOT NULL
      AND l.effective_date <= {day} AND ({known_at}::timestamptz IS NULL OR l.recorded_at <= {known_at})
    ORDER BY l.recorded_at DESC, l.id DESC LIMIT 1
"""
_DISPUTES_ON = """
SELECT d.id, d.account_id, d.legal_entity_id, d.currency, d.reason_id, d.team_id, d.assignee_id, d.opened_on,
       d.amount_minor, s.state, s.resolved_on, s.disputed_minor, s.credited_minor, s.paid_minor, s.released_minor,
       CASE WHEN d.sla_breached_on <= {day} AND ({known_at}::timestamptz IS NULL
                 OR d.sla_breached_on <= ({known_at} AT TIME ZONE o.time_zone)::date) THEN d.sla_breached_on
       END AS sla_breached_on
FROM disputes d JOIN organizations o ON o.id = $1
CROSS JOIN LATERAL (
    SELECT ({known_at}::timestamptz IS NULL OR d.updated_at <= {known_at})
           AND (d.updated_at AT TIME ZONE o.time_zone)::date <= {day} AS today
) u
CROSS JOIN LATERAL (
    SELECT d.state, d.resolved_on, d.disputed_minor, d.credited_minor, d.paid_minor, d.released_minor WHERE u.today
    UNION ALL
    SELECT h.state, CASE WHEN h.ended THEN greatest(h.since, d.opened_on) END, h.disputed,
           coalesce((p.parts ->> 'credited')::bigint, CASE WHEN h.ended AND h.state = d.state THEN d.credited_minor
               WHEN h.state = 'resolved_credited' THEN d.amount_minor - h.disputed - least(h.taken, d.paid_minor)
               WHEN h.ended THEN 0 ELSE h.taken - least(h.taken, d.paid_minor) END),
           coalesce((p.parts ->> 'paid')::bigint, CASE WHEN h.ended AND h.state = d.state THEN d.paid_minor
               WHEN h.state IN ('resolved_rejected', 'withdrawn') THEN 0 ELSE least(h.taken, d.paid_minor) END),
           coalesce((p.parts ->> 'released')::bigint, CASE WHEN h.ended AND h.state = d.state THEN d.released_minor
               WHEN h.state IN ('resolved_rejected', 'withdrawn') THEN h.taken ELSE 0 END)
    FROM (
        SELECT t.state, t.since, t.ended, l.disputed, d.amount_minor - l.disputed AS taken
        FROM (
            SELECT coalesce(x.to_state, 'open') AS state, x.effective_date AS since,
                   coalesce(x.to_state, 'open') NOT IN ('open', 'in_review', 'awaiting_customer') AS ended
            FROM (SELECT 1) one LEFT JOIN LATERAL (
                SELECT to_state, effective_date FROM dispute_transitions
                WHERE organization_id = $1 AND dispute_id = d.id AND effective_date <= {day}
                  AND ({known_at}::timestamptz IS NULL OR recorded_at <= {known_at}) ORDER BY id DESC LIMIT 1
            ) x ON true
        ) t CROSS JOIN LATERAL (
            SELECT CASE WHEN t.ended THEN 0
                   ELSE coalesce(sum(coalesce(c.disputed_minor, i.amount_minor)), 0) END::bigint AS disputed
            FROM dispute_lines i LEFT JOIN LATERAL (
                SELECT disputed_minor FROM dispute_line_changes
                WHERE organization_id = $1 AND line_id = i.id AND effective_date <= {day}
                  AND ({known_at}::timestamptz IS NULL OR recorded_at <= {known_at})
                ORDER BY effective_date DESC, id DESC LIMIT 1
            ) c ON true WHERE i.organization_id = $1 AND i.dispute_id = d.id
        ) l
    ) h LEFT JOIN LATERAL ({parts}) p ON true WHERE NOT u.today
) s
WHERE d.organization_id = $1 AND d.opened_on <= {day}
  AND ({known_at}::timestamptz IS NULL OR d.created_at <= {known_at}) AND {where}
"""


def disputes_on_sql(day: str, known_at: str, where: str = "true") -> str:
    """A statement: the disputes opened by `day` and recorded by `known_at` (expressions; null: all), with their state
    and parts as they were then; `$1` organization. `where` narrows the disputes `d`.

    Reason, team and assignee are those of today. What changed before the parts stood in the log is told apart by how
    the dispute ended.
    """
    parts = _PARTS.format(day=day, known_at=known_at)
    return _DISPUTES_ON.format(day=day, known_at=known_at, where=where, parts=parts)


async def keep_lines(session: WriteSession, dispute: Dispute, on: date) -> None:
    """Write down what is disputed of each line from that day on, where it has changed. Flush before."""
    key, driver = session.organization_id, session.driver
    rows = await driver.fetch(_CHANGED, key, dispute.id, on)
    if rows:
        await driver.execute(
            _KEEP,
            key,
            dispute.id,
            [new_id() for _ in rows],
            [row["id"] for row in rows],
            [row["instalment_id"] for row in rows],
            [row["effective_date"] for row in rows],
            [row["disputed_minor"] for row in rows],
        )


async def disputed_on(session: ReadSession, instalment_ids: Iterable[UUID], day: date) -> dict[UUID, int]:
    """What was disputed of these instalments on that day, in minor units; without those of zero."""
    sql = disputed_on_sql("$3::date", "l.instalment_id = ANY($2::uuid[])")
    rows = await session.driver.fetch(sql, session.organization_id, list(instalment_ids), day)
    return {row["instalment_id"]: row["minor"] for row in rows}


async def disputed_totals_on(
    session: ReadSession,
    day: date,
    *,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    currency: str | None = None,
) -> dict[str, int]:
    """What was disputed on that day, by currency, in minor units."""
    sql = f"""
SELECT i.currency, sum(p.minor)::bigint AS minor FROM ({disputed_on_sql("$2::date")}) p
JOIN instalments i ON i.organization_id = $1 AND i.id = p.instalment_id
WHERE ($3::uuid IS NULL OR i.account_id = $3) AND ($4::uuid IS NULL OR i.legal_entity_id = $4)
  AND ($5::text IS NULL OR i.currency = $5) GROUP BY 1 ORDER BY 1"""
    rows = await session.driver.fetch(sql, session.organization_id, day, account_id, legal_entity_id, currency)
    return {row["currency"]: row["minor"] for row in rows}
