"""What the OpenAPI document says about the interface as a whole: its words, licence and groups of operations."""

from __future__ import annotations

TITLE = "Duecourse"
VERSION = "1"
DESCRIPTION = """Accounts receivable and collections: accounts, invoices, cash application, disputes, promises, dunning,
forecasts and reports.

Money is a decimal string beside its currency. Ids are UUIDs; numbers and references of other systems are kept exactly.
Lists go on by `cursor` (`next_cursor` of the page before). Every `POST` takes an `Idempotency-Key`. Resources have an
`ETag`; updates take it in `If-Match`. Refusals are `application/problem+json` (RFC 9457); `code` is stable, and `type`
leads to a page that explains it. Operations name the scopes that a token needs.
"""
CONTACT = {"name": "Whoever runs this service"}
LICENSE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}

TAGS: dict[str, str] = {
    "oauth": "Access tokens for clients and users",
    "me": "Who the token stands for, and what it may do",
    "organizations": "The organization, its legal entities, bank accounts and calendars",
    "users": "People and their roles",
    "api-clients": "Programs, their secrets, roles and scopes",
    "accounts": "Customer accounts with contacts, payer identities, duplicates and merges",
    "customer data": "What is missing or doubtful in the data about customers",
    "payment terms": "When invoices fall due, and what discount early payment earns",
    "invoices": "Invoices, debit memos, finance charges, their instalments and delivery",
    "credit memos": "Credits, and the invoices they are applied to",
    "adjustments": "Write-offs and other corrections, with approval",
    "documents": "Files, and what they belong to",
    "payments": "Money received: identify, apply, reverse, refund",
    "applications": "Which payment or credit settled which invoice",
    "ledger": "Journal entries, mapping to the general ledger, periods and the proof",
    "bank statements": "Statements of banks and their entries",
    "remittance advices": "What customers say they paid",
    "cash application": "Matching of payments to invoices: runs, proposals, learning, settings",
    "disputes": "Contested invoices: review, resolution, comments",
    "dispute reasons": "The catalogue of reasons",
    "dispute teams": "Who looks into which disputes",
    "promises": "Promises to pay, and whether they were kept",
    "payment plans": "Debt in agreed parts",
    "credit": "Credit files, limits, orders, holds, scores, policies and reviews",
    "collection actions": "What collectors do, and what came of it",
    "collectors": "Portfolios, assignment, cover and targets",
    "correspondence": "Letters, e-mails, calls, inquiries, meetings and their templates",
    "escalations": "What needs somebody above",
    "legal cases": "Claims handed to lawyers or agencies",
    "statements": "Statements of account and their schedules",
    "dunning": "Policies, runs, notices, messages, charges and interest",
    "forecasts": "When invoices will be paid, with intervals and their accuracy",
    "reports": "Aging, DSO, roll rates, performance and provisions, as of any date",
    "desk": "One person's day: worklist, timeline, search, papers",
    "imports": "Files of other systems, with progress and errors row by row",
    "journal exports": "Batches of journal entries for the general ledger, with what it took",
    "cash receipt exports": "Batches of receipts and applications for the ERP, with what it took",
    "odata": "Flat tables for Excel and Power BI (OData 4)",
    "events": "What happened, in order, by cursor and as a stream",
    "webhook endpoints": "Addresses that events are sent to, with their secrets",
    "webhook deliveries": "Each delivery with its attempts; another try",
    "audit": "Who changed what and when, with the chain that proves it",
    "jobs": "Background work: what is owed, what is dead, another try",
    "outgoing e-mails": "E-mails that left, wait or are held",
    "privacy": "Personal data: what is kept, and erasure",
    "health": "Signs of life and metrics",
}

_RECORDS_BY_SCOPE: dict[str, tuple[str, ...]] = {
    "accounts:read": ("account", "account_duplicate", "contact", "payer_identity", "payment_terms", "data_finding"),
    "invoices:read": ("invoice", "credit_memo", "adjustment"),
    "documents:read": ("document",),
    "payments:read": ("payment", "application", "remittance_advice", "account_statement"),
    "cash-application:read": ("proposal", "matching_run", "matching_rule", "matching_settings", "lesson"),
    "disputes:read": ("dispute", "dispute_reason", "dispute_team"),
    "promises:read": ("promise", "payment_plan"),
    "collections:read": (
        "collection_action", "action_outcome", "escalation", "legal_case", "assignment_run", "collector_cover",
        "collector_target", "playbook", "worklist_entry", "evidence_file",
    ),
    "credit:read": ("credit_decision", "credit_hold", "credit_order", "credit_policy", "credit_review"),
    "correspondence:read": (
        "correspondence", "correspondence_template", "contact_attempt", "inquiry", "meeting",
        "statement_schedule",
    ),
    "dunning:read": (
        "dunning_run", "dunning_notice", "dunning_message", "dunning_policy", "dunning_policy_version", "dunning_block",
        "dunning_comparison", "dunning_template", "charge", "charge_waiver", "charging_run",
    ),
    "forecasts:read": ("forecast_run", "forecast_model"),
    "reports:read": ("report_run", "report_schedule", "report_delivery", "provision_run"),
    "imports:read": ("import",),
    "bank-statements:read": ("bank_statement", "bank_profile"),
}  # fmt: skip
EVENT_SCOPES: dict[str, str] = {record: scope for scope, records in _RECORDS_BY_SCOPE.items() for record in records}
"""Which scope shows the events of a kind of record on a stream; other kinds need `events:read`."""

WHOLE_ORGANIZATION: frozenset[str] = frozenset({
    "approveDunningRun", "cancelForecast", "cancelReportRun", "compareDunningPolicies", "followChargingRun",
    "followDunningRun", "followForecastRun", "followMatchingRun", "followReportRun", "getAssignmentRun",
    "getChargingRun", "getDunningComparison", "getDunningRun", "getForecast", "getMatchingRun", "getProvisionRun",
    "getReportRun", "getReportRunFile", "getReportSchedule", "listChargingRuns", "listDunningComparisons",
    "listDunningRuns", "listForecastAccuracyWeeks", "listForecastWeeks", "listForecasts", "listMatchingRuns",
    "listProvisionRuns", "listReportDeliveries", "listReportRuns", "listReportSchedules", "previewRetention",
    "reportForecastAccuracy", "runReport", "setAssignmentRules", "setEscalationRules", "simulateDunningRun",
    "startAssignmentRun", "startChargingRun", "startDunningRun", "startMatchingRun", "switchMatchingRule",
})  # fmt: skip
"""Operations whose figures or effects are those of the whole organization, besides what their scopes say already:
refused to callers with a data scope. Everything else answers from the rows that such a caller sees."""
