"""What each collector was given and brought in: collected of the assigned past due, contacts, promises, targets.

Or of any other group: what its accounts were worth to those who collected.

Assigned past due: of each instalment of the collector's accounts that was or became past due in the period, what was
open when the period began or, if later, at the end of its due date. Collected of it: payments applied to it after that
and within the period, so that the rate is a share of what there was to collect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.grouping import NOBODY, accounts_of, key_sql
from app.reports.performance.framing import Record, id_option, in_one_currency, period_of, totals_of
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    framed,
    group_cells,
    names_of,
    notes_of,
    page_of,
    total_cells,
)
from app.reports.portfolio.queries import PLANNER
from app.reports.portfolio.rules import ratio
from app.reports.promises import promise_key, promise_parts_sql
from app.reports.rules import GROUPS
from app.reports.tables import Chart, Column, Report, ReportTable, Row

# $1 organization, $2 first day, $3 last day, $4 known_at, $5 account, $6 legal entity, $7 currency, $8 collector.
# {key} is that of the rows' account and legal entity; {promise_key} and {target_key} stand for themselves.
_MONEY = """
WITH due AS (
    SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
    WHERE organization_id = $1 AND effective_date <= $3 AND ($4::timestamptz IS NULL OR recorded_at <= $4)
    ORDER BY instalment_id, effective_date DESC, recorded_at DESC, id DESC
), item AS (
    SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.amount_minor,
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
    SELECT {item_key} AS key, n.currency,
           sum(n.amount_minor - coalesce(p.before, 0) - coalesce(j.before, 0))::bigint AS assigned,
           sum(coalesce(p.collected, 0))::bigint AS collected_late
    FROM item n JOIN {accounts} a ON a.organization_id = $1 AND a.id = n.account_id
    LEFT JOIN paid p ON p.instalment_id = n.id LEFT JOIN adjusted j ON j.instalment_id = n.id
    WHERE (n.amount_minor <> coalesce(p.before, 0) + coalesce(j.before, 0) OR p.collected <> 0){of_collector}
    GROUP BY 1, 2
), collected AS (
    SELECT {paid_key} AS key, x.currency, sum(x.amount_minor)::bigint AS collected
    FROM payments p
    JOIN applications x ON x.organization_id = $1 AND x.payment_id = p.id
      AND ($4::timestamptz IS NULL OR x.recorded_at <= $4) AND ($5::uuid IS NULL OR x.account_id = $5)
      AND ($6::uuid IS NULL OR x.legal_entity_id = $6) AND ($7::text IS NULL OR x.currency = $7)
    JOIN {accounts} a ON a.organization_id = $1 AND a.id = x.account_id
    WHERE p.organization_id = $1 AND p.value_date BETWEEN $2 AND $3 AND x.effective_date <= $3{of_collector}
    GROUP BY 1, 2
), promised AS (
    SELECT {promise_key} AS key, p.currency, count(*) FILTER (WHERE p.made_on >= $2)::int AS promises,
           coalesce(sum(p.amount_minor) FILTER (WHERE p.made_on >= $2), 0)::bigint AS promised,
           count(*) FILTER (WHERE p.promised_date BETWEEN $2 AND $3 AND p.status = 'kept')::int AS kept,
           count(*) FILTER (WHERE p.promised_date BETWEEN $2 AND $3 AND p.status = 'broken')::int AS broken
    FROM ({promises}) p JOIN {accounts} a ON a.organization_id = $1 AND a.id = p.account_id
    WHERE $6::uuid IS NULL OR p.legal_entity_id = $6
    GROUP BY 1, 2
), target AS (
    SELECT {target_key} AS key, currency, sum(amount_minor)::bigint AS target
    FROM collector_targets
    WHERE organization_id = $1 AND month BETWEEN date_trunc('month', $2::date)::date AND $3 AND {targets}
      AND ($7::text IS NULL OR currency = $7) AND $5::uuid IS NULL AND $6::uuid IS NULL
      AND ($8::uuid IS NULL OR collector_id = $8)
    GROUP BY 1, 2
), part AS (
    SELECT key, currency, assigned, collected_late, NULL::bigint AS collected, NULL::bigint AS target,
           NULL::int AS promises, NULL::bigint AS promised, NULL::int AS kept, NULL::int AS broken FROM assigned
    UNION ALL SELECT key, currency, NULL, NULL, collected, NULL, NULL, NULL, NULL, NULL FROM collected
    UNION ALL SELECT key, currency, NULL, NULL, NULL, target, NULL, NULL, NULL, NULL FROM target
    UNION ALL SELECT key, currency, NULL, NULL, NULL, NULL, promises, promised, kept, broken FROM promised
)
SELECT key, currency, coalesce(sum(assigned), 0)::bigint AS assigned,
       coalesce(sum(collected_late), 0)::bigint AS collected_late, coalesce(sum(collected), 0)::bigint AS collected,
       sum(target)::bigint AS target, coalesce(sum(promises), 0)::int AS promises,
       coalesce(sum(promised), 0)::bigint AS promised, coalesce(sum(kept), 0)::int AS kept,
       coalesce(sum(broken), 0)::int AS broken
FROM part GROUP BY key, currency
"""
_PROMISES = """
(p.made_on >= $2 OR p.promised_date BETWEEN $2 AND $3) AND ($5::uuid IS NULL OR p.account_id = $5)
AND ($7::text IS NULL OR p.currency = $7) AND ($8::uuid IS NULL OR p.collector_id = $8)
"""
# $1 organization, $2 first day, $3 last day, $4 known_at, $5 account, $6 collector. What a person did, and is to do,
# or what was done about the accounts of a group: of all currencies and legal entities.
_PEOPLE = """
SELECT u.id::text AS key, coalesce(c.contacts, 0) AS contacts, coalesce(c.actions, 0) AS actions,
       t.contacts AS target_contacts
FROM users u
LEFT JOIN (
    SELECT done_by_id, count(*) FILTER (WHERE contact_made)::int AS contacts, count(*)::int AS actions
    FROM collection_actions
    WHERE organization_id = $1 AND status = 'done' AND done_on BETWEEN $2 AND $3
      AND ($4::timestamptz IS NULL OR done_at <= $4) AND ($5::uuid IS NULL OR account_id = $5)
    GROUP BY 1
) c ON c.done_by_id = u.id
LEFT JOIN (
    SELECT collector_id, max(contacts)::int AS contacts FROM (
        SELECT collector_id, currency, sum(contacts)::int AS contacts FROM collector_targets
        WHERE organization_id = $1 AND month BETWEEN date_trunc('month', $2::date)::date AND $3 GROUP BY 1, 2
    ) by_currency GROUP BY 1
) t ON t.collector_id = u.id
WHERE u.organization_id = $1 AND ($6::uuid IS NULL OR u.id = $6)
"""
_WORK = """
SELECT {key} AS key, count(*) FILTER (WHERE c.contact_made)::int AS contacts, count(*)::int AS actions,
       NULL::int AS target_contacts
FROM collection_actions c JOIN {accounts} a ON a.organization_id = $1 AND a.id = c.account_id
WHERE c.organization_id = $1 AND c.status = 'done' AND c.done_on BETWEEN $2 AND $3
  AND ($4::timestamptz IS NULL OR c.done_at <= $4) AND ($5::uuid IS NULL OR c.account_id = $5)
  AND ($6::uuid IS NULL OR c.done_by_id = $6)
GROUP BY 1
"""
_LEAD: Mapping[str, tuple[Column, ...]] = {
    "collector": (
        Column("collector_id", internal=True),
        Column("collector", title="Collector"),
        Column("email", internal=True),
        Column("currency"),
    )
}
_FIGURES = (
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
    "Collected: payments applied to the accounts of the group, by value date. Assigned past due: what was past due of "
    "them when the period began, and what became past due in it; collected of it: payments applied to it since then.",
    "Contacts and actions are of all currencies: those that the collector did, or those about the accounts of another "
    "group. Promises count for whoever had the account when they were made. Kept rate: kept ÷ (kept + broken) of "
    "promises due in the period, as they stood on its last day.",
    "Targets are those of the months that the period touches; they are set for collectors, so that other groups than "
    "collector, organization and currency have none.",
)
UNASSIGNED = "(nobody)"
_WITH_TARGETS = ("organization", "currency", "collector")


async def collector_performance(session: ReadSession, request: ReportRequest) -> Report:
    """Groups with the largest assigned past due first, and totals by currency; `collector_id` narrows to one person.

    Raises ReportOptionInvalid.
    """
    start, end = period_of(request, request.as_of.replace(day=1))
    person = id_option(request, "collector_id")
    await session.driver.execute(PLANNER)
    arguments = [session.organization_id, start, end, request.known_at, request.account_id]
    found = await session.driver.fetch(
        _statement(request, narrowed=person is not None), *arguments, request.legal_entity_id, request.currency, person
    )
    work = {row["key"]: row for row in await session.driver.fetch(_work(request.group_by), *arguments, person)}
    if request.group_by == "legal_entity" or request.legal_entity_id is not None:
        work = {}  # an action is about an account, whichever legal entity it owes
    records, converter = await in_one_currency(session, request, found, ("key",), _SUMS, _AMOUNTS)
    records.sort(key=lambda row: (row["currency"], row["key"] is None, -row["assigned"], -row["collected"],
                                  row["key"] or ""))  # fmt: skip
    shown, more = page_of(records, request)
    names = await names_of(session, request.group_by, [row["key"] for row in shown])
    by_collector = request.group_by == "collector"
    totals = totals_of(records, (*_AMOUNTS, *_SUMS))
    table = ReportTable(
        "collectors", "Collector performance", (*_LEAD.get(request.group_by, GROUP_COLUMNS), *_FIGURES),
        [(*_lead(row, names, by_collector=by_collector), *_figures(row, work.get(row["key"]))) for row in shown],
        [(*_total(row["currency"], by_collector=by_collector),
          *_figures({**row, "target": row["target"] or None}, None)) for row in totals],
        chart=Chart("bar", _category(request.group_by), ("collected_amount", "target_amount"), "Collected and target",
                    split_by="currency"),
        has_more=more,
    )  # fmt: skip
    notes = [*NOTES, *(["Accounts count for their collector of today."] if by_collector or person else []),
             *notes_of(request, converter)]  # fmt: skip
    period = f"{start.isoformat()} to {end.isoformat()}"
    return framed("collector-performance", "Collector performance", request, (table,), notes, period=period,
                  collector_id=person)  # fmt: skip


def _statement(request: ReportRequest, *, narrowed: bool) -> str:
    """The statement of the amounts by group. Of one collector: whose accounts they are now."""
    group_by, accounts = request.group_by, accounts_of(request.group_by)
    if narrowed:
        of_collector = (
            " AND EXISTS (SELECT FROM accounts o WHERE o.organization_id = $1 AND o.id = a.id AND o.collector_id = $8)"
        )
    else:
        of_collector = ""
    by_entity = group_by == "legal_entity" or request.legal_entity_id is not None
    return _MONEY.format(
        item_key=key_sql(group_by, "n"), paid_key=key_sql(group_by, "x"), promise_key=promise_key(group_by),
        promises=promise_parts_sql("$3::date", "$4", _PROMISES, by_entity=by_entity), accounts=accounts,
        target_key="collector_id::text" if group_by == "collector" else NOBODY,
        targets=str(group_by in _WITH_TARGETS).lower(), of_collector=of_collector,
    )  # fmt: skip


def _work(group_by: str) -> str:
    if group_by == "collector":
        return _PEOPLE
    return _WORK.format(key=NOBODY if group_by == "legal_entity" else key_sql(group_by, "c"),
                        accounts=accounts_of(group_by))  # fmt: skip


def _category(group_by: str) -> str:
    """The column that names a group."""
    if group_by == "collector":
        return "collector"
    return "currency" if group_by in ("organization", "currency") else "code"


def _lead(row: Record, names: Mapping[Any, tuple[str, str]], *, by_collector: bool) -> Row:
    key = row["key"]
    if not by_collector:
        return group_cells(key, row["currency"], names)
    email, name = names.get(key, (None, UNASSIGNED))
    return (key, name, email, row["currency"])


def _total(currency: str, *, by_collector: bool) -> Row:
    return (None, "Total", None, currency) if by_collector else total_cells(currency)


def _figures(row: Record, work: Any) -> Row:
    contacts = None if work is None else work["contacts"]
    return (
        row["assigned"],
        row["collected_late"],
        ratio(row["collected_late"], row["assigned"]),
        row["collected"],
        row["target"],
        None if row["target"] is None else ratio(row["collected"], row["target"]),
        None if work is None else work["actions"],
        contacts,
        None if work is None else work["target_contacts"],
        row["promises"],
        row["promised"],
        None if contacts is None else ratio(row["promises"], contacts, places=2),
        row["kept"],
        row["broken"],
        ratio(row["kept"], row["kept"] + row["broken"]),
    )


DEFINITION = ReportDefinition(
    "collector-performance", "Collector performance", ("reports:read", "collections:read", "promises:read"),
    ("collector", *(one for one in GROUPS if one != "collector")), collector_performance,
)  # fmt: skip
