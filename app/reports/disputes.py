"""The root causes of disputes: how many, how much, how long and how they ended, by any group and by reason.

As of a day and as known at an instant: what was open, decided and taken off on that day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from uuid import UUID

from app.disputes.past import disputes_on_sql
from app.infra.database import ReadSession
from app.reports.definitions import ReportRequest
from app.reports.grouping import accounts_of, key_sql
from app.reports.performance.framing import Record, fetch_in_one_currency
from app.reports.portfolio.framing import names_of
from app.reports.portfolio.measures import Converter
from app.reports.portfolio.queries import PLANNER

DisputeGroup = Literal[
    "organization", "reason", "team", "assignee", "account", "legal_entity", "month", "parent_group", "collector",
    "segment", "country", "risk_class", "currency",
]  # fmt: skip
Names = Mapping[str, tuple[str, str]]
_KEYS: Mapping[str, str] = {
    "reason": "d.reason_id::text",
    "team": "d.team_id::text",
    "assignee": "d.assignee_id::text",
    "month": "to_char(d.opened_on, 'YYYY-MM')",
}
_NAMES: Mapping[str, tuple[str, str, str]] = {
    "reason": ("dispute_reasons", "code", "label"),
    "team": ("dispute_teams", "code", "label"),
    "assignee": ("users", "email", "display_name"),
}
COUNTS = ("disputes", "active", "credited", "paid", "rejected", "withdrawn", "sla_breached")
AMOUNTS = ("amount_minor", "disputed_minor", "credited_minor", "paid_minor", "released_minor")
_DAYS = ("mean_days", "median_days")
# $1 organization, $2 as_of, $3 known_at, $4 and $5 opened from and to, $6 account, $7 currency, $8 legal entity,
# $9 currencies that are shown as $10.
_WHERE = """
($4::date IS NULL OR d.opened_on >= $4) AND ($5::date IS NULL OR d.opened_on <= $5)
AND ($6::uuid IS NULL OR d.account_id = $6) AND ($7::text IS NULL OR d.currency = $7)
AND ($8::uuid IS NULL OR d.legal_entity_id = $8)
"""
# Cycle time: calendar days from the opening to the end, of those that have ended; null when none has.
_REPORT = """
SELECT {key} AS key, {cause} AS cause,
    CASE WHEN d.currency = ANY($9::text[]) THEN $10::text ELSE d.currency END AS currency, count(*)::int AS disputes,
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
FROM ({disputes}) d JOIN {accounts} a ON a.organization_id = $1 AND a.id = d.account_id
GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """Which disputes count: those opened between these days (both included)."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """Rows by currency and falling amount, the totals of each currency, and the reasons behind the rows.

    `causes` are empty where the rows are reasons, or everything, themselves; `names` are those of the groups, `reasons`
    those of the causes, by key.
    """

    totals: list[Record]
    rows: list[Record]
    causes: list[Record]
    names: Names
    reasons: Names
    has_more: bool
    converter: Converter | None


async def dispute_report(session: ReadSession, request: ReportRequest, opened: Opened) -> DisputeReport:
    """The report of one snapshot: the rows that the request asks for. A group has a row for each currency."""
    await session.driver.execute(PLANNER)
    totals, converter = await _fetch(session, request, opened, "organization")
    group_by = request.group_by
    rows = totals if group_by == "organization" else (await _fetch(session, request, opened, group_by))[0]
    rows = rows[request.start :]
    shown = rows if request.limit is None else rows[: request.limit]
    causes: list[Record] = []
    if group_by != "reason":
        of_rows = {(row["key"], row["currency"]) for row in shown}
        found, _ = await _fetch(session, request, opened, group_by, "d.reason_id::text")
        causes = [row for row in found if (row["key"], row["currency"]) in of_rows]
    names = await _names(session, group_by, [row["key"] for row in shown])
    reasons = await _names(session, "reason", [row["cause"] for row in causes])
    return DisputeReport(totals, list(shown), causes, names, reasons, len(shown) < len(rows), converter)


async def _fetch(
    session: ReadSession, request: ReportRequest, opened: Opened, group_by: str, cause: str = "NULL::text"
) -> tuple[list[Record], Converter | None]:
    statement = _REPORT.format(
        key=_KEYS.get(group_by) or key_sql(group_by, "d"), cause=cause, accounts=accounts_of(group_by),
        disputes=disputes_on_sql("$2::date", "$3", _WHERE),
    )  # fmt: skip
    arguments = (
        session.organization_id, request.as_of, request.known_at, opened.first, opened.last, request.account_id,
        request.currency, request.legal_entity_id,
    )  # fmt: skip
    records, converter = await fetch_in_one_currency(
        session, request, statement, arguments, ("key", "cause"), COUNTS, AMOUNTS, _DAYS
    )
    records.sort(key=lambda row: (row["currency"], -row["amount_minor"], row["key"] is None, row["key"] or "",
                                  row["cause"] or ""))  # fmt: skip
    return records, converter


async def _names(session: ReadSession, group_by: str, keys: Sequence[str | None]) -> Names:
    if group_by not in _NAMES:
        return dict(await names_of(session, group_by, keys))
    table, code, name = _NAMES[group_by]
    found = await session.driver.fetch(
        f"SELECT id, {code} AS code, {name} AS name FROM {table} WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        [UUID(key) for key in dict.fromkeys(keys) if key is not None],
    )
    return {str(row["id"]): (row["code"], row["name"]) for row in found}


def upheld_share(credited_minor: int, paid_minor: int, released_minor: int) -> Decimal | None:
    """The share of what was decided that the customer was right about, 4 places; None when nothing was decided."""
    decided = credited_minor + paid_minor + released_minor
    if decided == 0:
        return None
    return (Decimal(credited_minor) / Decimal(decided)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
