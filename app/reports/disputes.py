"""The root causes of disputes: how many, how much, how long and how they ended, by reason, team, account or month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal
from uuid import UUID

from app.infra.database import ReadSession

DisputeGroup = Literal["organization", "reason", "team", "assignee", "account", "legal_entity", "month"]
_KEYS: Mapping[str, str] = {
    "organization": "NULL::text",
    "reason": "d.reason_id::text",
    "team": "d.team_id::text",
    "assignee": "d.assignee_id::text",
    "account": "d.account_id::text",
    "legal_entity": "d.legal_entity_id::text",
    "month": "to_char(d.opened_on, 'YYYY-MM')",
}
_NAMES: Mapping[str, tuple[str, str, str]] = {
    "reason": ("dispute_reasons", "code", "label"),
    "team": ("dispute_teams", "code", "label"),
    "assignee": ("users", "email", "display_name"),
    "account": ("accounts", "number", "name"),
    "legal_entity": ("legal_entities", "code", "name"),
}
# Cycle time: calendar days from the opening to the end, of those that have ended; null when none has.
_REPORT = """
SELECT {key} AS key, d.currency, count(*)::int AS disputes,
    count(*) FILTER (WHERE d.resolved_on IS NULL)::int AS active,
    count(*) FILTER (WHERE d.state = 'resolved_credited')::int AS credited,
    count(*) FILTER (WHERE d.state = 'resolved_paid')::int AS paid,
    count(*) FILTER (WHERE d.state = 'resolved_rejected')::int AS rejected,
    count(*) FILTER (WHERE d.state = 'withdrawn')::int AS withdrawn,
    count(*) FILTER (WHERE d.sla_breached_on IS NOT NULL)::int AS sla_breached,
    sum(d.amount_minor)::bigint AS amount_minor, sum(d.disputed_minor)::bigint AS disputed_minor,
    sum(d.credited_minor)::bigint AS credited_minor, sum(d.paid_minor)::bigint AS paid_minor,
    sum(d.released_minor)::bigint AS released_minor,
    round(avg(d.resolved_on - d.opened_on), 1) AS mean_days,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY d.resolved_on - d.opened_on))::numeric, 1) AS median_days
FROM disputes d
WHERE d.organization_id = $1 AND ($2::date IS NULL OR d.opened_on >= $2) AND ($3::date IS NULL OR d.opened_on <= $3)
    AND ($4::uuid IS NULL OR d.account_id = $4) AND ($5::text IS NULL OR d.currency = $5)
    AND ($6::uuid IS NULL OR d.legal_entity_id = $6)
GROUP BY 1, 2 ORDER BY d.currency, sum(d.amount_minor) DESC, 1 NULLS LAST
"""


@dataclass(frozen=True, slots=True)
class DisputeReportRequest:
    """What the report is asked for: disputes opened between these days (both included)."""

    group_by: DisputeGroup = "reason"
    opened_from: date | None = None
    opened_to: date | None = None
    account_id: UUID | None = None
    currency: str | None = None
    legal_entity_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """Rows by currency and falling amount, and the totals of each currency; names of groups by key."""

    request: DisputeReportRequest
    totals: list[Any]
    rows: list[Any]
    names: Mapping[str, tuple[str, str]]
    has_more: bool


async def dispute_report(
    session: ReadSession, request: DisputeReportRequest, *, start: int = 0, limit: int | None = None
) -> DisputeReport:
    """The report of one snapshot: `limit` rows (all when None) from `start`. A group has a row for each currency."""
    totals = await _fetch(session, request, "organization")
    rows = totals if request.group_by == "organization" else await _fetch(session, request, request.group_by)
    rows = rows[start:]
    shown = rows if limit is None else rows[:limit]
    names = await _names(session, request.group_by, [row["key"] for row in shown if row["key"] is not None])
    return DisputeReport(request, totals, shown, names, len(shown) < len(rows))


async def _fetch(session: ReadSession, request: DisputeReportRequest, group_by: str) -> list[Any]:
    return list(
        await session.driver.fetch(
            _REPORT.format(key=_KEYS[group_by]),
            session.organization_id,
            request.opened_from,
            request.opened_to,
            request.account_id,
            request.currency,
            request.legal_entity_id,
        )
    )


async def _names(session: ReadSession, group_by: str, keys: list[str]) -> dict[str, tuple[str, str]]:
    if group_by not in _NAMES:
        return {}
    table, code, name = _NAMES[group_by]
    found = await session.driver.fetch(
        f"SELECT id, {code} AS code, {name} AS name FROM {table} WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        [UUID(key) for key in keys],
    )
    return {str(row["id"]): (row["code"], row["name"]) for row in found}


def upheld_share(credited_minor: int, paid_minor: int, released_minor: int) -> Decimal | None:
    """The share of what was decided that the customer was right about, 4 places; None when nothing was decided."""
    decided = credited_minor + paid_minor + released_minor
    if decided == 0:
        return None
    return (Decimal(credited_minor) / Decimal(decided)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
