"""Interest, fees and compensation of a period: charged, given back, waived, paid, still open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.grouping import TOP, accounts_of
from app.reports.performance.framing import in_one_currency, period_of, totals_of
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    day_text,
    framed,
    group_cells,
    names_of,
    notes_of,
    page_of,
    total_cells,
)
from app.reports.portfolio.rules import ratio
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

PERIOD_DAYS = 365
_GROUPS = {
    "organization": "NULL::text",
    "currency": "NULL::text",
    "legal_entity": "c.legal_entity_id::text",
    "account": "c.account_id::text",
    "parent_group": f"a.{TOP}::text",
    "collector": "a.collector_id::text",
    "segment": "a.segment",
    "country": "a.country",
    "risk_class": "a.risk_class",
}
# $1 organization, $2 first and $3 last day, $4 known_at, $5 account, $6 legal entity, $7 currency
_CHARGES = """
SELECT {group} AS key, c.currency, count(*)::int AS charges, sum(c.interest_minor)::bigint AS interest_minor,
    sum(c.fee_minor)::bigint AS fee_minor, sum(c.compensation_minor)::bigint AS compensation_minor,
    sum(c.corrected_minor)::bigint AS given_back_minor, sum(coalesce(taken.waived, 0))::bigint AS waived_minor,
    sum(coalesce(paid.minor, 0))::bigint AS paid_minor,
    sum(coalesce(p.amount_minor - coalesce(taken.minor, 0) - coalesce(paid.minor, 0), 0))::bigint AS open_minor
FROM charges c
JOIN {accounts} a ON a.organization_id = $1 AND a.id = c.account_id
LEFT JOIN instalments p ON p.organization_id = $1 AND p.invoice_id = c.invoice_id
LEFT JOIN LATERAL (
    SELECT sum(d.amount_minor) AS minor, sum(d.amount_minor) FILTER (
        WHERE d.kind = 'waived_charge' AND d.reason_code <> 'interest_corrected') AS waived
    FROM adjustments d WHERE d.organization_id = $1 AND d.instalment_id = p.id AND d.state = 'posted'
      AND d.effective_date <= $3 AND ($4::timestamptz IS NULL OR d.posted_at <= $4) OFFSET 0) taken ON true
LEFT JOIN LATERAL (
    SELECT sum(x.amount_minor + x.discount_minor + x.write_off_minor) AS minor FROM applications x
    WHERE x.organization_id = $1 AND x.instalment_id = p.id AND x.effective_date <= $3
      AND ($4::timestamptz IS NULL OR x.recorded_at <= $4) OFFSET 0) paid ON true
WHERE c.organization_id = $1 AND c.as_of BETWEEN $2 AND $3 AND (c.reversed_on IS NULL OR c.reversed_on > $3)
  AND ($4::timestamptz IS NULL OR c.created_at <= $4) AND ($5::uuid IS NULL OR c.account_id = $5)
  AND ($6::uuid IS NULL OR c.legal_entity_id = $6) AND ($7::text IS NULL OR c.currency = $7)
GROUP BY 1, 2 ORDER BY 1, 2
"""
_AMOUNTS = (
    "interest_minor", "fee_minor", "compensation_minor", "given_back_minor", "waived_minor", "paid_minor",
    "open_minor",
)  # fmt: skip
COLUMNS = (
    *GROUP_COLUMNS,
    Column("charges", "count"),
    Column("interest_amount", "money", "Interest"),
    Column("fee_amount", "money", "Fees"),
    Column("compensation_amount", "money", "Compensation"),
    Column("given_back_amount", "money", "Given back"),
    Column("waived_amount", "money", "Waived"),
    Column("paid_amount", "money", "Paid"),
    Column("open_amount", "money", "Open"),
    Column("paid_rate", "rate", "Paid of what was charged"),
)


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Charges dated in the period that ends on the report's day, by group and currency. Raises ReportOptionInvalid."""
    start, end = period_of(request, request.as_of - timedelta(days=PERIOD_DAYS))
    statement = _CHARGES.format(group=_GROUPS[request.group_by], accounts=accounts_of(request.group_by))
    found = await session.driver.fetch(
        statement, session.organization_id, start, end, request.known_at, request.account_id, request.legal_entity_id,
        request.currency,
    )  # fmt: skip
    records, converter = await in_one_currency(session, request, found, ("key",), ("charges",), _AMOUNTS)
    shown, more = page_of(records, request)
    names = await names_of(session, request.group_by, [row["key"] for row in shown])
    totals = totals_of(records, ("charges", *_AMOUNTS))
    table = ReportTable(
        "late_charges", "Late charges", COLUMNS,
        [(*group_cells(row["key"], row["currency"], names), *_cells(row)) for row in shown],
        [(*total_cells(row["currency"]), *_cells(row)) for row in totals],
        chart=Chart("stacked_bar", "code", ("interest_amount", "fee_amount", "compensation_amount"), "Charged",
                    split_by="currency"),
        has_more=more,
    )  # fmt: skip
    notes = [
        "Charges that were reversed are left out. Given back is interest that was charged too much before, because "
        "money came to light late. Waived, paid and open are as of the report's day.",
        *notes_of(request, converter),
    ]
    return framed("late-charges", "Interest, fees and compensation", request, (table,), notes,
                  period=day_text(start, end))  # fmt: skip


def _cells(row: Any) -> tuple[Cell, ...]:
    charged = row["interest_minor"] + row["fee_minor"] + row["compensation_minor"] - row["given_back_minor"]
    return (row["charges"], *(row[name] for name in _AMOUNTS), ratio(row["paid_minor"], charged))


DEFINITION = ReportDefinition(
    "late-charges", "Interest, fees and compensation", ("reports:read", "dunning:read"), tuple(_GROUPS), build
)
