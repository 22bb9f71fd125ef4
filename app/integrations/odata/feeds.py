"""The feeds: flat read models for spreadsheets and reporting programs. One row a line, names as they read there.

Amounts are decimals in their currency. `UpdatedAt` moves with every change of a row, for refreshes of what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from app.core.money import CURRENCIES, exponent
from app.integrations.odata.rules import EdmType, Property


@dataclass(frozen=True)
class Feed:
    """An entity set: SQL after FROM (with `$1` the organization), its columns, the key, and the scope that it needs.

    `unique_sql` orders the rows without ties.
    """

    name: str
    entity: str
    summary: str
    scope: str
    source: str
    columns: tuple[Property, ...]
    key: str
    unique_sql: str

    @cached_property
    def properties(self) -> Mapping[str, Property]:
        """Columns by name."""
        return {column.name: column for column in self.columns}


def _unit(currency: str) -> str:
    """SQL of how many minor units make one of the currency."""
    by_places: dict[int, list[str]] = {}
    for code in CURRENCIES:
        by_places.setdefault(exponent(code), []).append(code)
    cases = " ".join(
        f"WHEN {currency} IN ({', '.join(repr(code) for code in sorted(codes))}) THEN {10**places}"
        for places, codes in sorted(by_places.items())
        if places != 2
    )
    return f"CASE {cases} ELSE 100 END"


def _money(name: str, minor: str, currency: str, *, nullable: bool = False) -> Property:
    return Property(name, "Edm.Decimal", f"trim_scale(({minor})::numeric / {_unit(currency)})", nullable)


def _column(name: str, kind: EdmType, sql: str, *, nullable: bool = True) -> Property:
    return Property(name, kind, sql, nullable)


def _account(alias: str) -> tuple[Property, ...]:
    return (
        _column("AccountId", "Edm.Guid", f"{alias}.id"),
        _column("AccountNumber", "Edm.String", f"{alias}.number"),
        _column("AccountName", "Edm.String", f"{alias}.name"),
        _column("Segment", "Edm.String", f"{alias}.segment"),
        _column("Country", "Edm.String", f"{alias}.country"),
        _column("CollectorId", "Edm.Guid", f"{alias}.collector_id"),
        _column("Collector", "Edm.String", "u.display_name"),
    )


def _of_account(column: str) -> str:
    return (
        f"LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = {column}"
        " LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id"
    )


# `$2` today, `$3` the organization's aging bounds, `$4` their labels: every query names them, see `fetch.py`.
_BUCKET = "($4::text[])[1 + (SELECT count(*) FROM unnest($3::int[]) AS b WHERE ($2::date - i.due_date) > b)]"
_OPEN_ITEMS = """
instalments i
JOIN invoices d ON d.organization_id = $1 AND d.id = i.invoice_id
LEFT JOIN legal_entities e ON e.organization_id = $1 AND e.id = i.legal_entity_id
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = i.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
LEFT JOIN (SELECT instalment_id, sum(disputed_minor)::bigint AS minor FROM dispute_lines
           WHERE organization_id = $1 AND disputed_minor > 0 GROUP BY 1) q ON q.instalment_id = i.id
WHERE i.organization_id = $1 AND i.open_minor <> 0
"""
_AGING = """
(SELECT i.account_id, i.currency, min(i.id::text) AS first_id, {bucket} AS bucket, count(*) AS items,
        sum(i.open_minor)::bigint AS open_minor, min(i.due_date) AS oldest
 FROM instalments i  WHERE i.organization_id = $1 AND i.open_minor <> 0 GROUP BY i.account_id, i.currency, 4) g
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = g.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
WHERE true
""".replace("{bucket}", _BUCKET)
_FORECASTS = """
forecast_invoices f
JOIN forecast_runs r ON r.organization_id = $1 AND r.id = f.run_id AND r.current
JOIN instalments i ON i.organization_id = $1 AND i.id = f.instalment_id
JOIN invoices d ON d.organization_id = $1 AND d.id = i.invoice_id
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = f.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
WHERE f.organization_id = $1
"""
_APPLICATIONS = """
applications x
JOIN instalments i ON i.organization_id = $1 AND i.id = x.instalment_id
JOIN invoices d ON d.organization_id = $1 AND d.id = i.invoice_id
LEFT JOIN credit_memos c ON c.organization_id = $1 AND c.id = x.credit_memo_id
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = x.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
WHERE x.organization_id = $1
"""
_DISPUTES = """
disputes q
JOIN dispute_reasons n ON n.organization_id = $1 AND n.id = q.reason_id
LEFT JOIN dispute_teams t ON t.organization_id = $1 AND t.id = q.team_id
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = q.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
WHERE q.organization_id = $1
"""
_UPDATED: EdmType = "Edm.DateTimeOffset"

ACCOUNTS = Feed(
    "Accounts", "Account", "Customer accounts", "accounts:read",
    "accounts a LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id"
    " LEFT JOIN accounts p ON p.organization_id = $1 AND p.id = a.parent_id"
    " LEFT JOIN payment_terms t ON t.organization_id = $1 AND t.id = a.payment_terms_id WHERE a.organization_id = $1",
    (
        _column("Id", "Edm.Guid", "a.id", nullable=False),
        _column("Number", "Edm.String", "a.number", nullable=False),
        _column("Name", "Edm.String", "a.name", nullable=False),
        _column("ParentId", "Edm.Guid", "a.parent_id"),
        _column("ParentNumber", "Edm.String", "p.number"),
        _column("Currency", "Edm.String", "a.currency", nullable=False),
        _column("PaymentTerms", "Edm.String", "t.code"),
        _column("Country", "Edm.String", "a.country"),
        _column("Segment", "Edm.String", "a.segment"),
        _column("RiskClass", "Edm.String", "a.risk_class"),
        _column("CollectorId", "Edm.Guid", "a.collector_id"),
        _column("Collector", "Edm.String", "u.display_name"),
        _money("CreditLimit", "a.credit_limit_minor", "a.currency", nullable=True),
        _column("CreditStatus", "Edm.String", "a.credit_status", nullable=False),
        _column("Status", "Edm.String", "a.status", nullable=False),
        _column("Source", "Edm.String", "a.source"),
        _column("ExternalId", "Edm.String", "a.external_id"),
        _column("CreatedAt", _UPDATED, "a.created_at", nullable=False),
        _column("UpdatedAt", _UPDATED, "a.updated_at", nullable=False),
    ),
    "Id", "a.id",
)  # fmt: skip
OPEN_ITEMS = Feed(
    "OpenItems", "OpenItem", "Open instalments of invoices, as of now", "invoices:read", _OPEN_ITEMS,
    (
        _column("Id", "Edm.Guid", "i.id", nullable=False),
        _column("InvoiceId", "Edm.Guid", "i.invoice_id", nullable=False),
        _column("Number", "Edm.String", "d.number", nullable=False),
        _column("Kind", "Edm.String", "d.kind", nullable=False),
        _column("Instalment", "Edm.Int64", "i.ordinal::bigint", nullable=False),
        *_account("a"),
        _column("LegalEntity", "Edm.String", "e.code"),
        _column("Currency", "Edm.String", "i.currency", nullable=False),
        _money("Amount", "i.amount_minor", "i.currency"),
        _money("OpenAmount", "i.open_minor", "i.currency"),
        _money("DisputedAmount", "least(coalesce(q.minor, 0), i.open_minor)", "i.currency"),
        _column("InvoiceDate", "Edm.Date", "i.invoice_date", nullable=False),
        _column("DueDate", "Edm.Date", "i.due_date", nullable=False),
        _column("DaysPastDue", "Edm.Int64", "($2::date - i.due_date)::bigint", nullable=False),
        _column("Bucket", "Edm.String", _BUCKET, nullable=False),
        _column("PurchaseOrder", "Edm.String", "d.purchase_order"),
        _column("Source", "Edm.String", "d.source"),
        _column("ExternalId", "Edm.String", "d.external_id"),
        _column("UpdatedAt", _UPDATED, "i.updated_at", nullable=False),
    ),
    "Id", "i.id",
)  # fmt: skip
PAYMENTS = Feed(
    "Payments", "Payment", "Payments received", "payments:read",
    "payments p " + _of_account("p.account_id")
    + " LEFT JOIN legal_entities e ON e.organization_id = $1 AND e.id = p.legal_entity_id WHERE p.organization_id = $1",
    (
        _column("Id", "Edm.Guid", "p.id", nullable=False),
        *_account("a"),
        _column("LegalEntity", "Edm.String", "e.code"),
        _column("Currency", "Edm.String", "p.currency", nullable=False),
        _money("Amount", "p.amount_minor", "p.currency"),
        _money("UnappliedAmount", "p.unapplied_minor", "p.currency"),
        _column("ValueDate", "Edm.Date", "p.value_date", nullable=False),
        _column("AccountingDate", "Edm.Date", "p.accounting_date", nullable=False),
        _column("Method", "Edm.String", "p.method", nullable=False),
        _column("Status", "Edm.String", "p.status", nullable=False),
        _column("BankReference", "Edm.String", "p.bank_reference"),
        _column("Source", "Edm.String", "p.source"),
        _column("ExternalId", "Edm.String", "p.external_id"),
        _column("RecordedAt", _UPDATED, "p.recorded_at", nullable=False),
        _column("UpdatedAt", _UPDATED, "p.updated_at", nullable=False),
    ),
    "Id", "p.id",
)  # fmt: skip
APPLICATIONS = Feed(
    "Applications", "Application", "What settled what; undone ones stand with their reversal", "payments:read",
    _APPLICATIONS,
    (
        _column("Id", "Edm.Guid", "x.id", nullable=False),
        _column("GroupId", "Edm.Guid", "x.group_id", nullable=False),
        _column("PaymentId", "Edm.Guid", "x.payment_id"),
        _column("CreditMemoId", "Edm.Guid", "x.credit_memo_id"),
        _column("CreditMemoNumber", "Edm.String", "c.number"),
        _column("OpenItemId", "Edm.Guid", "x.instalment_id", nullable=False),
        _column("InvoiceNumber", "Edm.String", "d.number", nullable=False),
        *_account("a"),
        _column("Currency", "Edm.String", "x.currency", nullable=False),
        _money("Amount", "x.amount_minor", "x.currency"),
        _money("Discount", "x.discount_minor", "x.currency"),
        _money("WriteOff", "x.write_off_minor", "x.currency"),
        _column("EffectiveDate", "Edm.Date", "x.effective_date", nullable=False),
        _column("DueDate", "Edm.Date", "i.due_date", nullable=False),
        _column("Origin", "Edm.String", "x.origin", nullable=False),
        _column("ReversesId", "Edm.Guid", "x.reverses_id"),
        _column("RecordedAt", _UPDATED, "x.recorded_at", nullable=False),
        _column("UpdatedAt", _UPDATED, "x.recorded_at", nullable=False),
    ),
    "Id", "x.id",
)  # fmt: skip
AGING_SNAPSHOTS = Feed(
    "AgingSnapshots", "AgingSnapshot", "Open amounts by account, currency and bucket, as of today", "reports:read",
    _AGING,
    (
        _column("Id", "Edm.String", "g.first_id", nullable=False),
        _column("AsOf", "Edm.Date", "$2::date", nullable=False),
        *_account("a"),
        _column("Currency", "Edm.String", "g.currency", nullable=False),
        _column("Bucket", "Edm.String", "g.bucket", nullable=False),
        _column("Items", "Edm.Int64", "g.items", nullable=False),
        _money("OpenAmount", "g.open_minor", "g.currency"),
        _column("OldestDueDate", "Edm.Date", "g.oldest", nullable=False),
    ),
    "Id", "g.first_id",
)  # fmt: skip
FORECASTS = Feed(
    "Forecasts", "Forecast", "When open items are expected to be paid, by the current forecast", "forecasts:read",
    _FORECASTS,
    (
        _column("Id", "Edm.Guid", "f.id", nullable=False),
        _column("RunId", "Edm.Guid", "f.run_id", nullable=False),
        _column("AsOf", "Edm.Date", "r.as_of", nullable=False),
        _column("OpenItemId", "Edm.Guid", "f.instalment_id", nullable=False),
        _column("InvoiceNumber", "Edm.String", "d.number", nullable=False),
        *_account("a"),
        _column("Currency", "Edm.String", "f.currency", nullable=False),
        _money("Amount", "f.amount_minor", "f.currency"),
        _column("DueDate", "Edm.Date", "f.due_date", nullable=False),
        _column("P10Date", "Edm.Date", "f.p10_date"),
        _column("P50Date", "Edm.Date", "f.p50_date"),
        _column("P90Date", "Edm.Date", "f.p90_date"),
        _column("ProbabilityWithin30Days", "Edm.Decimal", "trim_scale(f.permyriad_30::numeric / 10000)",
                nullable=False),
        _column("ProbabilityLate60Days", "Edm.Decimal", "trim_scale(f.late_60_permyriad::numeric / 10000)",
                nullable=False),
        _money("ExpectedWithin30Days", "f.expected_30_minor", "f.currency"),
        _money("ExpectedWithin13Weeks", "f.expected_minor", "f.currency"),
    ),
    "Id", "f.id",
)  # fmt: skip
PROMISES = Feed(
    "Promises", "Promise", "Promises to pay", "promises:read",
    "promises p " + _of_account("p.account_id") + " WHERE p.organization_id = $1",
    (
        _column("Id", "Edm.Guid", "p.id", nullable=False),
        *_account("a"),
        _column("Currency", "Edm.String", "p.currency", nullable=False),
        _money("Amount", "p.amount_minor", "p.currency"),
        _money("KeptAmount", "p.kept_minor", "p.currency"),
        _column("MadeOn", "Edm.Date", "p.made_on", nullable=False),
        _column("PromisedDate", "Edm.Date", "p.promised_date", nullable=False),
        _column("KeptUntil", "Edm.Date", "p.kept_until", nullable=False),
        _column("Status", "Edm.String", "p.status", nullable=False),
        _column("DecidedOn", "Edm.Date", "p.decided_on"),
        _column("RescheduledCount", "Edm.Int64", "p.rescheduled_count::bigint", nullable=False),
        _column("UpdatedAt", _UPDATED, "p.updated_at", nullable=False),
    ),
    "Id", "p.id",
)  # fmt: skip
DISPUTES = Feed(
    "Disputes", "Dispute", "Disputes with their amounts and clocks", "all-disputes:read", _DISPUTES,
    (
        _column("Id", "Edm.Guid", "q.id", nullable=False),
        _column("Number", "Edm.String", "q.number", nullable=False),
        *_account("a"),
        _column("Currency", "Edm.String", "q.currency", nullable=False),
        _column("Reason", "Edm.String", "n.code", nullable=False),
        _column("ReasonLabel", "Edm.String", "n.label", nullable=False),
        _column("Team", "Edm.String", "t.code"),
        _column("State", "Edm.String", "q.state", nullable=False),
        _money("Amount", "q.amount_minor", "q.currency"),
        _money("DisputedAmount", "q.disputed_minor", "q.currency"),
        _money("CreditedAmount", "q.credited_minor", "q.currency"),
        _money("PaidAmount", "q.paid_minor", "q.currency"),
        _column("OpenedOn", "Edm.Date", "q.opened_on", nullable=False),
        _column("SlaDueOn", "Edm.Date", "q.sla_due_on", nullable=False),
        _column("ResolvedOn", "Edm.Date", "q.resolved_on"),
        _column("UpdatedAt", _UPDATED, "q.updated_at", nullable=False),
    ),
    "Id", "q.id",
)  # fmt: skip
ACTIONS = Feed(
    "Actions", "Action", "Collection actions, planned and done", "collections:read",
    "collection_actions k " + _of_account("k.account_id")
    + " LEFT JOIN users w ON w.organization_id = $1 AND w.id = k.owner_id WHERE k.organization_id = $1",
    (
        _column("Id", "Edm.Guid", "k.id", nullable=False),
        *_account("a"),
        _column("Type", "Edm.String", "k.type", nullable=False),
        _column("Status", "Edm.String", "k.status", nullable=False),
        _column("Subject", "Edm.String", "k.subject", nullable=False),
        _column("OwnerId", "Edm.Guid", "k.owner_id"),
        _column("Owner", "Edm.String", "w.display_name"),
        _column("DueDate", "Edm.Date", "k.due_date", nullable=False),
        _column("Priority", "Edm.String", "k.priority", nullable=False),
        _column("Origin", "Edm.String", "k.origin", nullable=False),
        _column("Outcome", "Edm.String", "k.outcome_code"),
        _column("DoneOn", "Edm.Date", "k.done_on"),
        _column("UpdatedAt", _UPDATED, "k.updated_at", nullable=False),
    ),
    "Id", "k.id",
)  # fmt: skip
FEEDS: tuple[Feed, ...] = (
    ACCOUNTS, OPEN_ITEMS, PAYMENTS, APPLICATIONS, AGING_SNAPSHOTS, FORECASTS, PROMISES, DISPUTES, ACTIONS,
)  # fmt: skip
