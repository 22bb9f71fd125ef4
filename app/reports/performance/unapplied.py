"""How long money has been unapplied or unidentified, as of any day: by group, and payment by payment."""

from __future__ import annotations

from typing import Any

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.grouping import TOP, accounts_of
from app.reports.performance.framing import Record, in_one_currency, totals_of
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    bounds_of,
    framed,
    group_cells,
    names_of,
    notes_of,
    page_of,
    total_cells,
)
from app.reports.portfolio.queries import PLANNER
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

BOUNDS = AgingBounds((0, 7, 30, 60, 90))
DETAIL_ROWS_MAX = 5_000
_GROUPS = {
    "organization": "NULL::text",
    "currency": "NULL::text",
    "legal_entity": "cash.legal_entity_id::text",
    "account": "cash.account_id::text",
    "parent_group": f"a.{TOP}::text",
    "collector": "a.collector_id::text",
    "segment": "a.segment",
    "country": "a.country",
    "risk_class": "a.risk_class",
}
# $1 organization, $2 as_of, $3 known_at, $4 account, $5 legal entity, $6 currency
_CASH = """
WITH taken AS (
    SELECT payment_id, sum(source_amount_minor) AS minor FROM applications
    WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR recorded_at <= $3) GROUP BY 1
), gone AS (
    SELECT payment_id, sum(amount_minor) AS minor FROM payment_movements
    WHERE organization_id = $1 AND kind <> 'account_change' AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR recorded_at <= $3) GROUP BY 1
), holder AS (
    SELECT DISTINCT ON (payment_id) payment_id, to_account_id FROM payment_movements
    WHERE organization_id = $1 AND kind = 'account_change' AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR recorded_at <= $3)
    ORDER BY payment_id, effective_date DESC, recorded_at DESC, id DESC
), cash AS (
    SELECT * FROM (
        SELECT p.id, CASE WHEN h.payment_id IS NULL THEN p.original_account_id ELSE h.to_account_id END AS account_id,
               p.legal_entity_id, p.currency, p.value_date, p.payer_name, p.bank_reference, p.method, p.amount_minor,
               (p.amount_minor - coalesce(t.minor, 0) - coalesce(g.minor, 0))::bigint AS minor
        FROM payments p LEFT JOIN taken t ON t.payment_id = p.id LEFT JOIN gone g ON g.payment_id = p.id
        LEFT JOIN holder h ON h.payment_id = p.id
        WHERE p.organization_id = $1 AND p.accounting_date <= $2 AND ($3::timestamptz IS NULL OR p.recorded_at <= $3)
          AND ($5::uuid IS NULL OR p.legal_entity_id = $5) AND ($6::text IS NULL OR p.currency = $6)
    ) AS held WHERE minor <> 0 AND ($4::uuid IS NULL OR account_id = $4)
)
"""
_BY_GROUP = """
SELECT {group} AS key, cash.currency, count(*)::int AS payments, {buckets},
       coalesce(sum(minor) FILTER (WHERE cash.account_id IS NULL), 0)::bigint AS unidentified,
       sum(minor)::bigint AS total, max($2::date - value_date)::int AS oldest_days
FROM cash LEFT JOIN {accounts} a ON a.organization_id = $1 AND a.id = cash.account_id GROUP BY 1, 2
"""
_DETAIL = """
SELECT cash.*, a.number, a.name, e.code AS entity FROM cash
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = cash.account_id
JOIN legal_entities e ON e.organization_id = $1 AND e.id = cash.legal_entity_id
ORDER BY cash.value_date, cash.id LIMIT $7
"""
_DETAIL_COLUMNS = (
    Column("payment_id", internal=True),
    Column("value_date", "date"),
    Column("days", "days", "Days", places=0),
    Column("bucket"),
    Column("account_number"),
    Column("account_name"),
    Column("legal_entity"),
    Column("payer_name"),
    Column("bank_reference"),
    Column("method"),
    Column("currency"),
    Column("amount", "money"),
    Column("unapplied_amount", "money", "Unapplied"),
)


async def unapplied_aging(session: ReadSession, request: ReportRequest) -> Report:
    """Unapplied and unidentified cash by days since the value date; the oldest DETAIL_ROWS_MAX payments one by one.

    Raises AgingBoundsInvalid, ReportOptionInvalid.
    """
    bounds = BOUNDS if "bounds" not in request.options else await bounds_of(session, request)
    arguments: list[Any] = [session.organization_id, request.as_of, request.known_at, request.account_id,
                            request.legal_entity_id, request.currency]  # fmt: skip
    await session.driver.execute(PLANNER)
    statement = _CASH + _BY_GROUP.format(
        group=_GROUPS[request.group_by], accounts=accounts_of(request.group_by), buckets=_bucket_sums(bounds)
    )
    found = await session.driver.fetch(statement, *arguments)
    names = [f"b{index}" for index in range(bounds.bucket_count)]
    amounts = (*names, "unidentified", "total")
    records, converter = await in_one_currency(session, request, found, ("key",), ("payments",), amounts)
    if converter is not None:  # the oldest of several currencies is the oldest of all
        oldest: dict[Any, int] = {}
        for row in found:
            oldest[row["key"]] = max(oldest.get(row["key"], 0), row["oldest_days"])
        for record in records:
            record["oldest_days"] = oldest[record["key"]]
    records.sort(key=lambda row: (row["currency"], -row["total"], row["key"] or ""))
    shown, more = page_of(records, request)
    known = await names_of(session, request.group_by, [row["key"] for row in shown])
    totals = totals_of(records, ("payments", *amounts))
    labels = _labels(bounds)
    columns = (
        *GROUP_COLUMNS, Column("payments", "count"),
        *(Column(f"{name}_amount", "money", label) for name, label in zip(names, labels, strict=True)),
        Column("unidentified_amount", "money", "Of it unidentified"), Column("unapplied_amount", "money", "Unapplied"),
        Column("oldest_days", "days", "Oldest, days", places=0),
    )  # fmt: skip
    main = ReportTable(
        "unapplied_aging", "Unapplied cash by age", columns,
        [group_cells(row["key"], row["currency"], known) + _cells(row, amounts) for row in shown],
        [total_cells(row["currency"]) + _cells({**row, "oldest_days": None}, amounts) for row in totals],
        chart=Chart("stacked_bar", _category(request.group_by, bool(known)), tuple(f"{name}_amount" for name in names),
                    "Unapplied cash by age", split_by="currency"),
        has_more=more,
    )  # fmt: skip
    tables = [main]
    if request.limit is None or request.options.get("detail") == "true":
        detail = await session.driver.fetch(_CASH + _DETAIL, *arguments, DETAIL_ROWS_MAX)
        tables.append(ReportTable("payments", "Payments", _DETAIL_COLUMNS,
                                  [_detail(row, request, bounds, labels) for row in detail]))  # fmt: skip
    notes = ["Age in days since the value date. Payments without an account are unidentified.",
             *notes_of(request, converter)]  # fmt: skip
    return framed("unapplied-cash-aging", "Unapplied cash by age", request, tables, notes,
                  bounds=",".join(map(str, bounds.upper)))  # fmt: skip


def _category(group_by: str, named: bool) -> str:
    """The column that names a group."""
    if named:
        return "name"
    return "currency" if group_by in ("organization", "currency") else "code"


def _labels(bounds: AgingBounds) -> tuple[str, ...]:
    return ("0 days", *(f"{label} days" for label in bounds.labels()[1:]))


def _bucket_sums(bounds: AgingBounds) -> str:
    sums = []
    for index, (low, high) in enumerate(bounds.ranges()):
        conditions = [] if low is None else [f"$2::date - value_date >= {low}"]
        conditions += [] if high is None else [f"$2::date - value_date <= {high}"]
        sums.append(f"coalesce(sum(minor) FILTER (WHERE {' AND '.join(conditions)}), 0)::bigint AS b{index}")
    return ", ".join(sums)


def _cells(row: Record, amounts: tuple[str, ...]) -> tuple[Cell, ...]:
    return (row["payments"], *(row[name] for name in amounts), row["oldest_days"])


def _detail(row: Any, request: ReportRequest, bounds: AgingBounds, labels: tuple[str, ...]) -> tuple[Cell, ...]:
    days = (request.as_of - row["value_date"]).days
    return (
        str(row["id"]), row["value_date"], days, labels[bounds.bucket_index(days)], row["number"], row["name"],
        row["entity"], row["payer_name"], row["bank_reference"], row["method"], row["currency"], row["amount_minor"],
        row["minor"],
    )  # fmt: skip


DEFINITION = ReportDefinition(
    "unapplied-cash-aging", "Unapplied cash by age", ("reports:read", "payments:read"), tuple(_GROUPS), unapplied_aging
)
