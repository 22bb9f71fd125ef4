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
