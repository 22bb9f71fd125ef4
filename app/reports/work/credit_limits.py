"""Credit limits and how much of them is used, account by account, as they stand on the organization's day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from app.credit.exposure import accounts_exposure
from app.credit.queries import PolicyInForce, policy_on
from app.credit.rules import Exposure
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio.framing import framed, word_option
from app.reports.portfolio.rules import ratio
from app.reports.tables import Cell, Column, Report, ReportTable, Row

BATCH = 1_000
SHOWN = ("all", "limited", "over_limit")
COLUMNS = (
    Column("account_id", internal=True),
    Column("account_number"),
    Column("account_name"),
    Column("country"),
    Column("segment"),
    Column("risk_class"),
    Column("collector"),
    Column("currency"),
    Column("credit_status"),
    Column("limit_amount", "money", "Limit"),
    Column("used_amount", "money", "Used"),
    Column("available_amount", "money", "Available"),
    Column("used_rate", "rate", "Used of the limit"),
    Column("over_limit_amount", "money", "Over the limit"),
    Column("open_amount", "money", "Open"),
    Column("overdue_amount", "money", "Overdue"),
    Column("disputed_amount", "money", "Disputed"),
    Column("orders_amount", "money", "Open orders"),
    Column("credits_amount", "money", "Credits and unapplied cash"),
    Column("secured_amount", "money", "Secured"),
    Column("days_late", "days", "Days late", places=0),
    Column("score", "count"),
    Column("limit_valid_until", "date"),
    Column("next_review_on", "date", "Next review"),
)
# $1 organization, $2 behind this number, $3 how many, $4 account, $5 only those with a limit, $6 currency
_ACCOUNTS = """
SELECT a.id, a.number, a.name, a.country, a.segment, a.risk_class, u.display_name AS collector, a.currency,
       a.credit_status, a.credit_limit_minor, p.score, p.limit_valid_until, p.next_review_on
FROM accounts a
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
LEFT JOIN credit_profiles p ON p.organization_id = $1 AND p.id = a.id
WHERE a.organization_id = $1 AND a.status <> 'merged' AND a.number > $2 AND ($4::uuid IS NULL OR a.id = $4)
  AND (NOT $5 OR a.credit_limit_minor IS NOT NULL) AND ($6::text IS NULL OR a.currency = $6)
ORDER BY a.number LIMIT $3
"""


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Accounts by number; `show`: all, those with a limit, or those past it. Raises ReportOptionInvalid.

    A page of it reads all accounts before it; the whole is read account by account while it is written.
    """
    show = word_option(request, "show", SHOWN)
    policy = await policy_on(session, request.as_of)

    async def stream() -> AsyncIterator[Sequence[Row]]:
        after = ""
        while True:
            found = await session.driver.fetch(
                _ACCOUNTS, session.organization_id, after, BATCH, request.account_id, show != "all", request.currency
            )
            if not found:
                return
            after = found[-1]["number"]
            currencies: dict[UUID, str] = {row["id"]: row["currency"] for row in found}
            exposures = await accounts_exposure(session, currencies, request.as_of)
            cells = [_cells(row, exposures[row["id"]], policy) for row in found]
            yield [row for row in cells if show != "over_limit" or row[OVER]]

    table = ReportTable("credit_limits", "Credit limits", COLUMNS, stream=stream)
    if request.limit is not None:
        rows: list[Row] = []
        async for piece in stream():
            rows += piece
            if len(rows) > request.start + request.limit:
                break
        end = request.start + request.limit
        table = ReportTable(
            "credit_limits", "Credit limits", COLUMNS, rows[request.start : end], has_more=len(rows) > end
        )
    notes = [
        "As it stands now: open items, orders and statuses are those of this moment, overdue is counted to the "
        "report's day. Used is what the credit policy counts against the limit.",
        "Without a limit credit is unlimited, a limit of 0 blocks.",
    ]
    return framed(
        "credit-limits", "Credit limits and exposure", request, (table,), notes, show=show, policy=policy.version
    )


OVER = [column.name for column in COLUMNS].index("over_limit_amount")


def _cells(row: Any, found: Exposure, policy: PolicyInForce) -> tuple[Cell, ...]:
    limit = row["credit_limit_minor"]
    used = found.used_minor(policy.policy)
    return (
        str(row["id"]), row["number"], row["name"], row["country"], row["segment"], row["risk_class"],
        row["collector"], row["currency"], row["credit_status"], limit, used,
        None if limit is None else limit - used,
        None if limit is None else ratio(used, limit),
        None if limit is None or used <= limit else used - limit,
        found.open_minor, found.overdue_minor, found.disputed_minor, found.orders_minor,
        found.credits_minor + found.unapplied_minor, found.secured_minor, found.days_late, row["score"],
        row["limit_valid_until"], row["next_review_on"],
    )  # fmt: skip


DEFINITION = ReportDefinition(
    "credit-limits", "Credit limits and exposure", ("reports:read", "credit:read"), ("account",), build
)
