"""Holds and overrides of credit: those that stood on a day, or all, with what the accounts owe."""

from __future__ import annotations

from typing import Any

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio.framing import framed, page_of, word_option
from app.reports.tables import Cell, Column, Report, ReportTable

SHOWN = ("standing", "all")
COLUMNS = (
    Column("hold_id", internal=True),
    Column("account_id", internal=True),
    Column("account_number"),
    Column("account_name"),
    Column("segment"),
    Column("collector"),
    Column("kind"),
    Column("level"),
    Column("reason_code", title="Reason"),
    Column("reason", title="Remark"),
    Column("placed_on", "date"),
    Column("placed_by"),
    Column("until", "date", "Until (inclusive)"),
    Column("released_on", "date"),
    Column("released_by"),
    Column("release_reason"),
    Column("days", "days", "Days on hold", places=0),
    Column("credit_status", title="Status today"),
    Column("currency"),
    Column("limit_amount", "money", "Limit"),
    Column("open_amount", "money", "Open today"),
    Column("overdue_amount", "money", "Overdue"),
)
# $1 organization, $2 as_of, $3 account, $4 only those that stood on that day, $5 currency of the account
_HOLDS = """
SELECT h.id, h.account_id, a.number, a.name, a.segment, u.display_name AS collector, h.kind, h.level, h.reason_code,
    h.reason, h.placed_on, h.placed_by, h.until, h.released_on, h.released_by, h.release_reason,
    greatest(least($2, coalesce(h.released_on, $2), coalesce(h.until, $2)) - h.placed_on, 0) AS days,
    a.credit_status, a.currency, a.credit_limit_minor, owed.open_minor, owed.overdue_minor
FROM credit_holds h
JOIN accounts a ON a.organization_id = $1 AND a.id = h.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(i.open_minor), 0)::bigint AS open_minor,
        coalesce(sum(i.open_minor) FILTER (WHERE i.due_date < $2), 0)::bigint AS overdue_minor
    FROM instalments i WHERE i.organization_id = $1 AND i.account_id = h.account_id AND i.open_minor <> 0
      AND i.currency = a.currency
) owed
WHERE h.organization_id = $1 AND h.placed_on <= $2 AND ($3::uuid IS NULL OR h.account_id = $3)
  AND (NOT $4::boolean OR ((h.released_on IS NULL OR h.released_on > $2) AND (h.until IS NULL OR h.until >= $2)))
  AND ($5::text IS NULL OR a.currency = $5)
ORDER BY a.number, h.placed_on, h.id
"""


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Holds by account; `show`: those that stood on the report's day, or all until then. Raises ReportOptionInvalid."""
    show = word_option(request, "show", SHOWN)
    found = await session.driver.fetch(
        _HOLDS, session.organization_id, request.as_of, request.account_id, show == "standing", request.currency
    )
    shown, more = page_of(found, request)
    rows = [_cells(row) for row in shown]
    table = ReportTable("credit_holds", "Credit holds", COLUMNS, rows, has_more=more)
    notes = [
        "A hold raises an account's status to its level; an override caps what the ladder says. Amounts are what is "
        "open today in the account's own currency, overdue counted to the report's day."
    ]
    return framed("credit-holds", "Credit holds and overrides", request, (table,), notes, show=show)


def _cells(row: Any) -> tuple[Cell, ...]:
    return (str(row["id"]), str(row["account_id"]), *tuple(row)[2:])


DEFINITION = ReportDefinition(
    "credit-holds", "Credit holds and overrides", ("reports:read", "credit:read"), ("account",), build
)
