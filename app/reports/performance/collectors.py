"""What each collector was given and brought in: collected of the assigned past due, contacts, promises, targets.

Assigned past due: of each instalment of the collector's accounts that was or became past due in the period, what was
open when the period began or, if later, at the end of its due date. Collected of it: payments applied to it after that
and within the period, so that the rate is a share of what there was to collect.
"""

from __future__ import annotations

from typing import Any

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import Record, in_one_currency, period_of, totals_of
from app.reports.portfolio.framing import framed, notes_of, page_of
from app.reports.portfolio.queries import PLANNER
from app.reports.portfolio.rules import ratio
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

# $1 organization, $2 first day, $3 last day, $4 known_at, $5 account, $6 legal entity, $7 currency
_MONEY = """
WITH due AS (
    SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
    WHERE organization_id = $1 AND effective_date <= $3 AND ($4::timestamptz IS NULL OR recorded_at <= $4)
    ORDER BY instalment_id, effective_date DESC, recorded_at DESC, id DESC
), item AS (
    SELECT i.id, i.account_id, i.currency, i.amount_minor,
           greatest(coalesce(d.due_date, i.original_due_date), i.accounting_date, $2::date - 1) AS cut
    FROM instalments i LEFT JOIN due d ON d.instalment_id = i.id
    WHERE i.organization_id = $1 AND i.accounting_date <= $3 AND coalesce(d.due_date, i.original_due_date) < $3
      AND ($4::timestamptz IS NULL OR i.recorded_at <= $4) AND ($5::uuid IS NULL OR i.account_id = $5)
      AND ($6::uuid IS NULL OR i.legal_entity_id = $6) AND ($7::text IS NULL OR i.currency = $7)
), paid AS (
    SELECT x.instalment_id,
           sum(x.amount_minor + x.discount_minor + x.write_off_minor)
               FILTER (WHERE x.effective_date <= n.cut) AS before,
           sum(x.amount_minor) FILTER (WHERE x.effective_date > n.cut AND x.payment_id IS NOT NULL) AS collected
    FROM item n JOIN applications x ON x.organization_id = $1 AND x.instalment_id = n.id AND x.effective_date <= $3
      AND ($4::timestamptz IS NULL OR x.recorded_at <= $4)
    GROUP BY 1
), adjusted AS (
    SELECT j.instalment_id, sum(j.amount_minor) AS before
    FROM item n JOIN adjustments j ON j.organization_id = $1 AND j.instalment_id = n.id AND j.state = 'posted'
      AND j.effective_date <= n.cut AND ($4::timestamptz IS NULL OR j.posted_at <= $4)
    GROUP BY 1
), assigned AS (
    SELECT a.collector_id, n.currency,
           sum(n.amount_minor - coalesce(p.before, 0) - coalesce(j.before, 0))::bigint AS assigned,
           sum(coalesce(p.collected, 0))::bigint AS collected_late
    FROM item n JOIN accounts a ON a.organization_id = $1 AND a.id = n.account_id
    LEFT JOIN paid p ON p.instalment_id = n.id LEFT JOIN adjusted j ON j.instalment_id = n.id
    WHERE n.amount_minor <> coalesce(p.before, 0) + coalesce(j.before, 0) OR p.collected <> 0
    GROUP BY 1, 2
), collected AS (
    SELECT a.collector_id, x.currency, sum(x.amount_minor)::bigint AS collected
    FROM payments p
    JOIN applications x ON x.organization_id = $1 AND x.payment_id = p.id
      AND ($4::timestamptz IS NULL OR x.recorded_at <= $4) AND ($5::uuid IS NULL OR x.account_id = $5)
      AND ($6::uuid IS NULL OR x.legal_entity_id = $6) AND ($7::text IS NULL OR x.currency = $7)
    JOIN accounts a ON a.organization_id = $1 AND a.id = x.account_id
    WHERE p.organization_id = $1 AND p.value_date BETWEEN $2 AND $3 AND x.effective_date <= $3
    GROUP BY 1, 2
), promised AS (
    SELECT collector_id, currency, count(*) FILTER (WHERE made_on BETWEEN $2 AND $3)::int AS promises,
           coalesce(sum(amount_minor) FILTER (WHERE made_on BETWEEN $2 AND $3), 0)::bigint AS promised,
           count(*) FILTER (WHERE promised_date BETWEEN $2 AND $3 AND status = 'kept')::int AS kept,
           count(*) FILTER (WHERE promised_date BETWEEN $2 AND $3 AND status = 'broken')::int AS broken
    FROM promises
    WHERE organization_id = $1 AND (made_on BETWEEN $2 AND $3 OR promised_date BETWEEN $2 AND $3)
      AND ($5::uuid IS NULL OR account_id = $5) AND ($7::text IS NULL OR currency = $7) AND $6::uuid IS NULL
    GROUP BY 1, 2
), target AS (
    SELECT collector_id, currency, sum(amount_minor)::bigint AS target
    FROM collector_targets
    WHERE organization_id = $1 AND month BETWEEN date_trunc('month', $2::date)::date AND $3
      AND ($7::text IS NULL OR currency = $7) AND $5::uuid IS NULL AND $6::uuid IS NULL
    GROUP BY 1, 2
), keys AS (
    SELECT collector_id, currency FROM assigned UNION SELECT collector_id, currency FROM collected
    UNION SELECT collector_id, currency FROM promised UNION SELECT collector_id, currency FROM target
)
SELECT k.collector_id, k.currency, coalesce(s.assigned, 0) AS assigned, coalesce(s.collected_late, 0) AS collected_late,
       coalesce(c.collected, 0) AS collected, t.target, coalesce(p.promises, 0) AS promises,
       coalesce(p.promised, 0) AS promised, coalesce(p.kept, 0) AS kept, coalesce(p.broken, 0) AS broken
FROM keys k
LEFT JOIN assigned s ON s.collector_id IS NOT DISTINCT FROM k.collector_id AND s.currency = k.currency
LEFT JOIN collected c ON c.collector_id IS NOT DISTINCT FROM k.collector_id AND c.currency = k.currency
LEFT JOIN promised p ON p.collector_id IS NOT DISTINCT FROM k.collector_id AND p.currency = k.currency
LEFT JOIN target t ON t.collector_id = k.collector_id AND t.currency = k.currency
"""
_PEOPLE = """
SELECT u.id, u.email, u.display_name, coalesce(c.contacts, 0) AS contacts, coalesce(c.actions, 0) AS actions,
       t.contacts AS target_contacts
FROM users u
LEFT JOIN (
    SELECT done_by_id, count(*) FILTER (WHERE contact_made)::int AS contacts, count(*)::int AS actions
    FROM collection_actions
    WHERE organization_id = $1 AND status = 'done' AND done_on BETWEEN $2 AND $3
      AND ($4::uuid IS NULL OR account_id = $4)
    GROUP BY 1
) c ON c.done_by_id = u.id
LEFT JOIN (
    SELECT collector_id, max(contacts)::int AS contacts FROM (
        SELECT collector_id, currency, sum(contacts)::int AS contacts FROM collector_targets
        WHERE organization_id = $1 AND month BETWEEN date_trunc('month', $2::date)::date AND $3 GROUP BY 1, 2
    ) by_currency GROUP BY 1
) t ON t.collector_id = u.id
WHERE u.organization_id = $1
"""
COLUMNS = (
    Column("collector_id", internal=True),
    Column("collector", title="Collector"),
    Column("email", internal=True),
    Column("currency"),
    Column("assigned_past_due_amount", "money", "Assigned past due"),
    Column("collected_past_due_amount", "money", "Collected of it"),
    Column("collection_rate", "rate", "Collection rate"),
    Column("collected_amount", "money", "Collected"),
    Column("target_amount", "money", "Target"),
    Column("target_attained", "rate", "Target attained"),
    Column("actions", "count"),
    Column("contacts", "count"),
    Column("target_contacts", "count", "Target contacts"),
    Column("promises", "count"),
    Column("promised_amount", "money", "Promised"),
    Column("promises_per_contact", "ratio", "Promises per contact", places=2),
    Column("kept", "count", "Kept"),
    Column("broken", "count", "Broken"),
    Column("kept_rate", "rate", "Kept rate"),
)
_SUMS = ("promises", "kept", "broken")
_AMOUNTS = ("assigned", "collected_late", "collected", "target", "promised")
NOTES = (
    "Collected: payments applied to the accounts that the collector has now, by value date. Assigned past due: what "
    "was past due of them when the period began, and what became past due in it; collected of it: payments applied to "
    "it since then.",
    "Contacts and actions are those that the collector did, of all currencies; promises count for whoever had the "
    "account when they were made. Kept rate: kept ÷ (kept + broken) of promises due in the period.",
    "Targets are those of the months that the period touches.",
)
UNASSIGNED = "(nobody)"


async def collector_performance(session: ReadSession, request: ReportRequest) -> Report:
    """Collectors with the largest assigned past due first, and totals by currency. Raises ReportOptionInvalid."""
    start, end = period_of(request, request.as_of.replace(day=1))
    await session.driver.execute(PLANNER)
    key = session.organization_id
    found = await session.driver.fetch(
        _MONEY, key, start, end, request.known_at, request.account_id, request.legal_entity_id, request.currency
    )
    people = {row["id"]: row for row in await session.driver.fetch(_PEOPLE, key, start, end, request.account_id)}
    records, converter = await in_one_currency(session, request, found, ("collector_id",), _SUMS, _AMOUNTS)
    records.sort(key=lambda row: (row["currency"], row["collector_id"] is None, -row["assigned"], -row["collected"],
                                  str(row["collector_id"])))  # fmt: skip
    shown, more = page_of(records, request)
    totals = totals_of(records, (*_AMOUNTS, *_SUMS))
    table = ReportTable(
        "collectors", "Collector performance", COLUMNS,
        [_cells(row, people.get(row["collector_id"])) for row in shown],
        [_cells({**row, "collector_id": None, "target": row["target"] or None}, None, total=True) for row in totals],
        chart=Chart("bar", "collector", ("collected_amount", "target_amount"), "Collected and target",
                    split_by="currency"),
        has_more=more,
    )  # fmt: skip
    notes = [*NOTES, "Accounts count for their collector of today.", *notes_of(request, converter)]
    period = f"{start.isoformat()} to {end.isoformat()}"
    return framed("collector-performance", "Collector performance", request, (table,), notes, period=period)


def _cells(row: Record, person: Any, *, total: bool = False) -> tuple[Cell, ...]:
    contacts = None if person is None else person["contacts"]
    name = "Total" if total else UNASSIGNED if person is None else person["display_name"]
    return (
        None if row["collector_id"] is None else str(row["collector_id"]),
        name,
        None if person is None else person["email"],
        row["currency"],
        row["assigned"],
        row["collected_late"],
        ratio(row["collected_late"], row["assigned"]),
        row["collected"],
        row["target"],
        None if row["target"] is None else ratio(row["collected"], row["target"]),
        None if person is None else person["actions"],
        contacts,
        None if person is None else person["target_contacts"],
        row["promises"],
        row["promised"],
        None if contacts is None else ratio(row["promises"], contacts, places=2),
        row["kept"],
        row["broken"],
        ratio(row["kept"], row["kept"] + row["broken"]),
    )


DEFINITION = ReportDefinition(
    "collector-performance", "Collector performance", ("reports:read", "collections:read", "promises:read"),
    ("collector",), collector_performance,
)  # fmt: skip
