"""What the generated tests know of resources: which table a path parameter names, what readable rows and bodies need.

A new path parameter needs a line in `RESOURCES`, a new body that cannot be guessed from its schema one in `BODIES`.
"""

from __future__ import annotations

import json
from typing import Any

RESOURCES: dict[str, tuple[str, str]] = {
    "webhook_endpoint_id": ("webhook_endpoints", "id"),
    "webhook_delivery_id": ("webhook_deliveries", "id"),
    "charge_id": ("charges", "id"),
    "dunning_policy_id": ("dunning_policies", "id"),
    "dunning_version_id": ("dunning_policy_versions", "id"),
    "dunning_block_id": ("dunning_blocks", "id"),
    "dunning_comparison_id": ("dunning_comparisons", "id"),
    "dunning_run_id": ("dunning_runs", "id"),
    "dunning_notice_id": ("dunning_notices", "id"),
    "charge_waiver_id": ("charge_waivers", "id"),
    "charging_run_id": ("charging_runs", "id"),
    "interest_agreement_id": ("interest_agreements", "id"),
    "table_code": ("interest_rate_tables", "code"),
    "valid_from": ("interest_rates", "valid_from"),
    "currency": ("compensation_schedules", "currency"),
    "evidence_file_id": ("evidence_files", "id"),
    "account_statement_id": ("account_statements", "id"),
    "statement_schedule_id": ("statement_schedules", "id"),
    "account_id": ("accounts", "id"),
    "adjustment_id": ("adjustments", "id"),
    "api_client_id": ("api_clients", "id"),
    "application_id": ("applications", "id"),
    "bank_account_id": ("bank_accounts", "id"),
    "bank_profile_id": ("bank_profiles", "id"),
    "contact_id": ("contacts", "id"),
    "credit_memo_id": ("credit_memos", "id"),
    "dispute_id": ("disputes", "id"),
    "dispute_reason_id": ("dispute_reasons", "id"),
    "dispute_team_id": ("dispute_teams", "id"),
    "document_id": ("documents", "id"),
    "email_id": ("outgoing_emails", "id"),
    "credit_decision_id": ("credit_decisions", "id"),
    "credit_hold_id": ("credit_holds", "id"),
    "credit_policy_id": ("credit_policies", "id"),
    "credit_review_id": ("credit_reviews", "id"),
    "credit_security_id": ("credit_securities", "id"),
    "duplicate_id": ("account_duplicates", "id"),
    "entry_id": ("bank_entries", "id"),
    "external_id": ("accounts", "external_id"),
    "forecast_model_id": ("forecast_models", "id"),
    "forecast_run_id": ("forecast_runs", "id"),
    "finding_id": ("data_findings", "id"),
    "group_id": ("applications", "group_id"),
    "identity_id": ("payer_identities", "id"),
    "import_id": ("imports", "id"),
    "journal_export_id": ("export_batches", "id"),
    "cash_receipt_export_id": ("export_batches", "id"),
    "instalment_id": ("instalments", "id"),
    "invoice_id": ("invoices", "id"),
    "job_id": ("jobs", "id"),
    "legal_entity_id": ("legal_entities", "id"),
    "lesson_id": ("lessons", "id"),
    "link_id": ("document_links", "id"),
    "organization_id": ("organizations", "id"),
    "merge_id": ("account_merges", "id"),
    "payment_id": ("payments", "id"),
    "payment_terms_id": ("payment_terms", "id"),
    "posting_id": ("transfers", "posting_id"),
    "action_id": ("collection_actions", "id"),
    "assignment_run_id": ("assignment_runs", "id"),
    "case_entry_id": ("legal_case_entries", "id"),
    "case_id": ("legal_cases", "id"),
    "collector_cover_id": ("collector_covers", "id"),
    "escalation_id": ("escalations", "id"),
    "outcome_id": ("action_outcomes", "id"),
    "plan_id": ("payment_plans", "id"),
    "playbook_id": ("playbooks", "id"),
    "target_id": ("collector_targets", "id"),
    "promise_id": ("promises", "id"),
    "proposal_id": ("proposals", "id"),
    "provision_run_id": ("provision_runs", "id"),
    "remittance_advice_id": ("remittance_advices", "id"),
    "run_id": ("matching_runs", "id"),
    "report_run_id": ("report_runs", "id"),
    "report_schedule_id": ("report_schedules", "id"),
    "correspondence_id": ("correspondences", "id"),
    "message_id": ("correspondence_messages", "id"),
    "correspondence_template_id": ("correspondence_templates", "id"),
    "inquiry_id": ("inquiries", "id"),
    "meeting_id": ("meetings", "id"),
    "dunning_message_id": ("dunning_messages", "id"),
    "address_mark_id": ("dunning_address_marks", "id"),
    "template_code": ("dunning_templates", "code"),
    "template_language": ("dunning_templates", "language"),
    "unsubscribe_token": ("dunning_templates", "code"),
    "copy_token": ("dunning_templates", "code"),
    "secret_id": ("api_client_secrets", "id"),
    "source": ("accounts", "source"),
    "strategy": ("matching_rules", "strategy"),
    "statement_id": ("bank_statements", "id"),
    "user_id": ("users", "id"),
    "worklist_entry_id": ("worklist_entries", "id"),
}
"""Path parameter → table and column of the resource that it names."""
KEYS = {
    "source", "external_id", "strategy", "template_code", "template_language", "unsubscribe_token", "copy_token",
    "table_code", "valid_from", "currency",
}  # fmt: skip
"""Path parameters that the caller chooses: another tenant may use the same ones for its own records."""

EXPOSURE = {
    "currency": "EUR", "days_late": 0, "unconverted": [],
    **dict.fromkeys((f"{name}_minor" for name in ("open", "overdue", "disputed", "credits", "unapplied", "orders",
                                                  "total", "secured", "unsecured")), 0),
}  # fmt: skip

ROW_VALUES: dict[str, dict[str, Any]] = {
    "report_runs": {"report": "aging", "parameters": "{}"},
    "report_schedules": {
        "report": "aging",
        "parameters": "{}",
        "frequency": "daily",
        "weekday": None,
        "month_day": None,
        "send_time": "07:00",
        "active": False,
        "next_on": None,
        "next_at": None,
    },
    "interest_rate_tables": {"code": "own_rates"},
    "interest_rates": {"table_code": "own_rates", "percent": 8, "reference_percent": 0},
    "compensation_schedules": {"currency": "EUR", "bands": "[[0, 100]]"},
    "interest_agreements": {
        "scope": "organization",
        "account_id": None,
        "segment": None,
        "table_code": None,
        "percent": 8,
        "valid_to": None,
    },
    "charges": {"state": "posted", "reversed_on": None},
    "dunning_steps": {"ordinal": 1, "offset_days": 5},
    "dunning_notices": {"state": "pending_approval"},
    "evidence_files": {"language": "en", "left_out": "[]"},
    "account_statements": {"language": "en", "state": "sent", "refusal": None, "totals": "[]"},
    "statement_schedules": {
        "scope": "organization",
        "account_id": None,
        "segment": None,
        "frequency": "off",
        "weekday": None,
        "month_day": None,
    },
    "accounts": {"source": "gp", "external_id": "1000231"},
    "disputes": {"resolved_on": None, "awaiting_since": None, "disputed_minor": 1},
    "document_links": {"subject_kind": "legal_case"},
    "credit_decisions": {
        "reasons": "[]",
        "outcome": "refer",
        "answers_id": None,
        "facts": json.dumps({"exposure": EXPOSURE, "limit_minor": None, "status": "ok", "score": None}),
    },
    "credit_holds": {"released_on": None, "until": None},
    "credit_policies": {"definition": "{}", "state": "draft", "valid_from": None},
    "credit_reviews": {"reasons": "[]", "facts": "{}"},
    "meetings": {"time_zone": "Europe/Berlin"},
    "payment_terms": {"definition": json.dumps({"net_days": 30})},
    "provision_runs": {"forward_factors": "[]", "rates": "[]"},
    "proposals": {"lines": "[]", "reasons": "[]", "alternatives": "[]", "account_id": None},
    "account_duplicates": {"reasons": "[]"},
    "account_merges": {
        "moved": json.dumps(
            {
                "contact_ids": [],
                "payer_identity_ids": [],
                "member_ids": [],
                "parent_id": None,
                "status": "active",
                "survivor_parent_id": None,
            }
        )
    },
    "data_findings": {"kind": "no_country"},
    "worklist_entries": {"signals": "[]", "factors": "[]", "next_action": "call"},
    "users": {"email": "grace@example.com"},
    "dunning_message_contents": {
        "letter": json.dumps(
            {"subject": "S", "before": "B", "dated": "D", "sender": [], "address": [], "right": [], "table": []}
        ),
    },
}
"""What a readable row needs besides what the database asks for."""

COMPLETE = (
    "instalments",
    "account_matching_settings",
    "dunning_message_contents",
)
"""Tables whose rows others are never without: an invoice has at least one instalment."""

ROWS_OF_PARAMETERS: dict[str, dict[str, Any]] = {"cash_receipt_export_id": {"kind": "cash_receipts"}}
"""Path parameters that name another kind of rows than the first one of their table."""

BYTES_ELSEWHERE = {"getDocumentContent", "getReportRunFile", "downloadAccountStatement"}
"""Operations whose answer is not in the database: a row alone does not make it."""

BODIES: dict[str, dict[str, Any]] = {}
"""Bodies of operations whose schema does not say enough."""
