"""data scope: indexes and checks of tables in use

Revision: 20261122_0006_data_scope_online, follows 20261122_0005_data_scope
"""

from __future__ import annotations

from alembic import op

from migrations.data_scope import create_scoped_role, scope_table
from migrations.online import drop_half_built, online

revision = "20261122_0006_data_scope_online"
down_revision = "20261122_0005_data_scope"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    with online():
        drop_half_built("ix_source_applications_to")
        op.create_index(
            "ix_source_applications_to",
            "source_applications",
            ["organization_id", "source", "to_external_id"],
            unique=False,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        create_scoped_role()
        scope_table("organizations")
        scope_table("action_outcomes")
        scope_table("api_clients")
        scope_table("bank_profiles")
        scope_table("change_heads")
        scope_table(
            "change_log",
            'CASE entity_type WHEN \'account\' THEN EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'account_duplicate\' THEN EXISTS (SELECT FROM "account_duplicates" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'account_matching_settings\' THEN EXISTS (SELECT FROM "account_matching_settings" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'account_statement\' THEN EXISTS (SELECT FROM "account_statements" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'adjustment\' THEN EXISTS (SELECT FROM "adjustments" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'application\' THEN EXISTS (SELECT FROM "applications" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'charge\' THEN EXISTS (SELECT FROM "charges" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'charge_waiver\' THEN EXISTS (SELECT FROM "charge_waivers" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'collection_action\' THEN EXISTS (SELECT FROM "collection_actions" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'contact\' THEN EXISTS (SELECT FROM "contacts" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'contact_attempt\' THEN EXISTS (SELECT FROM "contact_attempts" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'correspondence\' THEN EXISTS (SELECT FROM "correspondences" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'credit_decision\' THEN EXISTS (SELECT FROM "credit_decisions" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'credit_hold\' THEN EXISTS (SELECT FROM "credit_holds" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'credit_memo\' THEN EXISTS (SELECT FROM "credit_memos" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'credit_order\' THEN EXISTS (SELECT FROM "credit_orders" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'credit_review\' THEN EXISTS (SELECT FROM "credit_reviews" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'data_finding\' THEN EXISTS (SELECT FROM "data_findings" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'dispute\' THEN EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'dunning_address_mark\' THEN EXISTS (SELECT FROM "dunning_address_marks" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'dunning_block\' THEN EXISTS (SELECT FROM "dunning_blocks" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'dunning_message\' THEN EXISTS (SELECT FROM "dunning_messages" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'dunning_notice\' THEN EXISTS (SELECT FROM "dunning_notices" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'escalation\' THEN EXISTS (SELECT FROM "escalations" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'evidence_file\' THEN EXISTS (SELECT FROM "evidence_files" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'inquiry\' THEN EXISTS (SELECT FROM "inquiries" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'interest_agreement\' THEN EXISTS (SELECT FROM "interest_agreements" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'invoice\' THEN EXISTS (SELECT FROM "invoices" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'legal_case\' THEN EXISTS (SELECT FROM "legal_cases" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'lesson\' THEN EXISTS (SELECT FROM "lessons" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'meeting\' THEN EXISTS (SELECT FROM "meetings" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'payer_identity\' THEN EXISTS (SELECT FROM "payer_identities" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'payment\' THEN EXISTS (SELECT FROM "payments" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'payment_plan\' THEN EXISTS (SELECT FROM "payment_plans" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'promise\' THEN EXISTS (SELECT FROM "promises" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'proposal\' THEN EXISTS (SELECT FROM "proposals" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'remittance_advice\' THEN EXISTS (SELECT FROM "remittance_advices" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'statement_schedule\' THEN EXISTS (SELECT FROM "statement_schedules" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) WHEN \'worklist_entry\' THEN EXISTS (SELECT FROM "worklist_entries" s WHERE s.organization_id = "change_log".organization_id AND s.id = "change_log".entity_id) ELSE false END',
            "true",
            append_only=True,
            erasable=("reason", "before", "after"),
        )
        scope_table("change_seals", append_only=True, erasable=("salt", "row_sha256", "erasure_id"))
        scope_table("charge_settings")
        scope_table("charging_runs", "false", "false")
        scope_table("collection_rule_versions", append_only=True)
        scope_table("compensation_schedules")
        scope_table("correspondence_settings")
        scope_table("correspondence_templates")
        scope_table("credit_policies")
        scope_table("dispute_teams")
        scope_table("documents", append_only=True, erasable=("name",))
        scope_table("dunning_message_settings")
        scope_table("dunning_policies")
        scope_table("dunning_settings")
        scope_table("dunning_templates")
        scope_table("event_cursors")
        scope_table("exchange_rates")
        scope_table("export_records")
        scope_table("forecast_models")
        scope_table("idempotency_keys")
        scope_table("imports", "false", "false")
        scope_table("interest_rate_tables")
        scope_table("interest_rates")
        scope_table("jobs")
        scope_table(
            "legal_entities",
            "(((SELECT current_setting('app.scope_entities', true)) = '*' OR id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "(((SELECT current_setting('app.scope_entities', true)) = '*' OR id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table("mailbox_connections")
        scope_table("matching_rules")
        scope_table("matching_runs")
        scope_table("matching_settings")
        scope_table("nightly_runs")
        scope_table("number_formats")
        scope_table("outgoing_emails")
        scope_table("payment_terms")
        scope_table("playbooks")
        scope_table("report_schedules", "false", "false")
        scope_table("retention_settings")
        scope_table("stored_files")
        scope_table("users")
        scope_table("webhook_endpoints")
        scope_table(
            "accounts",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR (((SELECT current_setting('app.scope_collectors', true)) = '*' OR collector_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_collectors', true), '*'), '')::uuid[])::uuid[])) AND ((SELECT current_setting('app.scope_segments', true)) = '*' OR segment = ANY ((SELECT nullif(nullif(current_setting('app.scope_segments', true), '*'), '')::text[])::text[]))))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR (((SELECT current_setting('app.scope_collectors', true)) = '*' OR collector_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_collectors', true), '*'), '')::uuid[])::uuid[])) AND ((SELECT current_setting('app.scope_segments', true)) = '*' OR segment = ANY ((SELECT nullif(nullif(current_setting('app.scope_segments', true), '*'), '')::text[])::text[]))))",
        )
        scope_table("api_client_secrets")
        scope_table("assignment_runs", "false", "false")
        scope_table(
            "bank_accounts",
            "(((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "(((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table("collector_covers")
        scope_table("collector_targets")
        scope_table("correspondence_template_revisions", append_only=True)
        scope_table("dispute_reasons")
        scope_table(
            "document_links",
            'CASE subject_kind WHEN \'account\' THEN EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'account_duplicate\' THEN EXISTS (SELECT FROM "account_duplicates" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'account_matching_settings\' THEN EXISTS (SELECT FROM "account_matching_settings" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'account_statement\' THEN EXISTS (SELECT FROM "account_statements" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'adjustment\' THEN EXISTS (SELECT FROM "adjustments" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'application\' THEN EXISTS (SELECT FROM "applications" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'charge\' THEN EXISTS (SELECT FROM "charges" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'charge_waiver\' THEN EXISTS (SELECT FROM "charge_waivers" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'collection_action\' THEN EXISTS (SELECT FROM "collection_actions" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'contact\' THEN EXISTS (SELECT FROM "contacts" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'contact_attempt\' THEN EXISTS (SELECT FROM "contact_attempts" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'correspondence\' THEN EXISTS (SELECT FROM "correspondences" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'credit_decision\' THEN EXISTS (SELECT FROM "credit_decisions" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'credit_hold\' THEN EXISTS (SELECT FROM "credit_holds" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'credit_memo\' THEN EXISTS (SELECT FROM "credit_memos" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'credit_order\' THEN EXISTS (SELECT FROM "credit_orders" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'credit_review\' THEN EXISTS (SELECT FROM "credit_reviews" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'data_finding\' THEN EXISTS (SELECT FROM "data_findings" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'dispute\' THEN EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'dunning_address_mark\' THEN EXISTS (SELECT FROM "dunning_address_marks" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'dunning_block\' THEN EXISTS (SELECT FROM "dunning_blocks" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'dunning_message\' THEN EXISTS (SELECT FROM "dunning_messages" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'dunning_notice\' THEN EXISTS (SELECT FROM "dunning_notices" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'escalation\' THEN EXISTS (SELECT FROM "escalations" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'evidence_file\' THEN EXISTS (SELECT FROM "evidence_files" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'inquiry\' THEN EXISTS (SELECT FROM "inquiries" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'interest_agreement\' THEN EXISTS (SELECT FROM "interest_agreements" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'invoice\' THEN EXISTS (SELECT FROM "invoices" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'legal_case\' THEN EXISTS (SELECT FROM "legal_cases" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'lesson\' THEN EXISTS (SELECT FROM "lessons" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'meeting\' THEN EXISTS (SELECT FROM "meetings" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'payer_identity\' THEN EXISTS (SELECT FROM "payer_identities" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'payment\' THEN EXISTS (SELECT FROM "payments" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'payment_plan\' THEN EXISTS (SELECT FROM "payment_plans" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'promise\' THEN EXISTS (SELECT FROM "promises" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'proposal\' THEN EXISTS (SELECT FROM "proposals" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'remittance_advice\' THEN EXISTS (SELECT FROM "remittance_advices" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'statement_schedule\' THEN EXISTS (SELECT FROM "statement_schedules" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) WHEN \'worklist_entry\' THEN EXISTS (SELECT FROM "worklist_entries" s WHERE s.organization_id = "document_links".organization_id AND s.id = "document_links".subject_id) ELSE false END',
            "true",
        )
        scope_table("dunning_policy_versions")
        scope_table("dunning_template_revisions", append_only=True)
        scope_table("export_batches", "false", "false")
        scope_table("forecast_runs")
        scope_table("import_row_errors", "false", "false")
        scope_table(
            "period_balances",
            "((SELECT current_setting('app.scope_accounts', true)) = '*') AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*') AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "period_closes",
            "((SELECT current_setting('app.scope_accounts', true)) = '*') AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*') AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            append_only=True,
        )
        scope_table("playbook_revisions", append_only=True)
        scope_table("provision_runs", "false", "false", append_only=True)
        scope_table("report_runs", "false", "false")
        scope_table("source_applications", "false", "false")
        scope_table("source_documents", "false", "false")
        scope_table("source_watermarks", "false", "false")
        scope_table(
            "transfers",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"transfers\".organization_id AND s.id = \"transfers\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"transfers\".organization_id AND s.id = \"transfers\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            append_only=True,
        )
        scope_table("webhook_deliveries")
        scope_table(
            "account_duplicates",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_duplicates".organization_id AND s.id = "account_duplicates".account_id)) AND ((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_duplicates".organization_id AND s.id = "account_duplicates".other_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_duplicates".organization_id AND s.id = "account_duplicates".account_id)) AND ((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_duplicates".organization_id AND s.id = "account_duplicates".other_id))',
        )
        scope_table(
            "account_matching_settings",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_matching_settings".organization_id AND s.id = "account_matching_settings".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_matching_settings".organization_id AND s.id = "account_matching_settings".account_id))',
        )
        scope_table(
            "account_merges",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_merges".organization_id AND s.id = "account_merges".survivor_id) OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_merges".organization_id AND s.id = "account_merges".merged_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_merges".organization_id AND s.id = "account_merges".survivor_id) OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_merges".organization_id AND s.id = "account_merges".merged_id))',
        )
        scope_table(
            "bank_statements",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\') AND EXISTS (SELECT FROM "bank_accounts" s WHERE s.organization_id = "bank_statements".organization_id AND s.id = "bank_statements".bank_account_id)',
            "((SELECT current_setting('app.scope_accounts', true)) = '*')",
        )
        scope_table(
            "collector_assignments",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "collector_assignments".organization_id AND s.id = "collector_assignments".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "collector_assignments".organization_id AND s.id = "collector_assignments".account_id))',
            append_only=True,
            erasable=("reason",),
        )
        scope_table(
            "contacts",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "contacts".organization_id AND s.id = "contacts".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "contacts".organization_id AND s.id = "contacts".account_id))',
        )
        scope_table(
            "credit_bureau_scores",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_bureau_scores".organization_id AND s.id = "credit_bureau_scores".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_bureau_scores".organization_id AND s.id = "credit_bureau_scores".account_id))',
            append_only=True,
            erasable=("note",),
        )
        scope_table(
            "credit_decisions",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_decisions".organization_id AND s.id = "credit_decisions".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_decisions".organization_id AND s.id = "credit_decisions".account_id))',
            append_only=True,
            erasable=("reasons", "note"),
        )
        scope_table(
            "credit_holds",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_holds".organization_id AND s.id = "credit_holds".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_holds".organization_id AND s.id = "credit_holds".account_id))',
        )
        scope_table(
            "credit_orders",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_orders".organization_id AND s.id = "credit_orders".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_orders".organization_id AND s.id = "credit_orders".account_id))',
        )
        scope_table(
            "credit_profiles",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_profiles".organization_id AND s.id = "credit_profiles".id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_profiles".organization_id AND s.id = "credit_profiles".id))',
        )
        scope_table(
            "credit_remarks",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_remarks".organization_id AND s.id = "credit_remarks".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_remarks".organization_id AND s.id = "credit_remarks".account_id))',
            append_only=True,
            erasable=("body",),
        )
        scope_table(
            "credit_reviews",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_reviews".organization_id AND s.id = "credit_reviews".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_reviews".organization_id AND s.id = "credit_reviews".account_id))',
        )
        scope_table(
            "credit_scores",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_scores".organization_id AND s.id = "credit_scores".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_scores".organization_id AND s.id = "credit_scores".account_id))',
        )
        scope_table(
            "credit_securities",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_securities".organization_id AND s.id = "credit_securities".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_securities".organization_id AND s.id = "credit_securities".account_id))',
        )
        scope_table(
            "credit_statements",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_statements".organization_id AND s.id = "credit_statements".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_statements".organization_id AND s.id = "credit_statements".account_id))',
            append_only=True,
            erasable=("note",),
        )
        scope_table(
            "credit_status_changes",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_status_changes".organization_id AND s.id = "credit_status_changes".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_status_changes".organization_id AND s.id = "credit_status_changes".account_id))',
            append_only=True,
        )
        scope_table(
            "data_findings",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "data_findings".organization_id AND s.id = "data_findings".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "data_findings".organization_id AND s.id = "data_findings".account_id))',
        )
        scope_table(
            "dunning_assignments",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR account_id IS NULL OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_assignments".organization_id AND s.id = "dunning_assignments".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR account_id IS NULL OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_assignments".organization_id AND s.id = "dunning_assignments".account_id))',
            append_only=True,
            erasable=("reason",),
        )
        scope_table("dunning_comparisons", "false", "false")
        scope_table("dunning_runs")
        scope_table("dunning_steps")
        scope_table("export_rows", "false", "false")
        scope_table("forecast_accuracy", "false", "false")
        scope_table("forecast_weeks", "false", "false")
        scope_table(
            "interest_agreements",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR account_id IS NULL OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "interest_agreements".organization_id AND s.id = "interest_agreements".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR account_id IS NULL OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "interest_agreements".organization_id AND s.id = "interest_agreements".account_id))',
        )
        scope_table(
            "invoices",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"invoices\".organization_id AND s.id = \"invoices\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"invoices\".organization_id AND s.id = \"invoices\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "legal_cases",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "legal_cases".organization_id AND s.id = "legal_cases".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "legal_cases".organization_id AND s.id = "legal_cases".account_id))',
        )
        scope_table(
            "payer_identities",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "payer_identities".organization_id AND s.id = "payer_identities".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "payer_identities".organization_id AND s.id = "payer_identities".account_id))',
        )
        scope_table(
            "payments",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"payments\".organization_id AND s.id = \"payments\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"payments\".organization_id AND s.id = \"payments\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "personal_data_erasures",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "personal_data_erasures".organization_id AND s.id = "personal_data_erasures".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "personal_data_erasures".organization_id AND s.id = "personal_data_erasures".account_id))',
            append_only=True,
        )
        scope_table("provision_lines", "false", "false", append_only=True)
        scope_table(
            "remittance_advices",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"remittance_advices\".organization_id AND s.id = \"remittance_advices\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"remittance_advices\".organization_id AND s.id = \"remittance_advices\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table("report_deliveries", "false", "false")
        scope_table("source_balances", "false", "false")
        scope_table(
            "statement_schedules",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR account_id IS NULL OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "statement_schedules".organization_id AND s.id = "statement_schedules".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR account_id IS NULL OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "statement_schedules".organization_id AND s.id = "statement_schedules".account_id))',
        )
        scope_table(
            "timeline_entries",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "timeline_entries".organization_id AND s.id = "timeline_entries".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "timeline_entries".organization_id AND s.id = "timeline_entries".account_id))',
            append_only=True,
            erasable=("reason", "before", "after"),
        )
        scope_table("webhook_attempts")
        scope_table(
            "worklist_entries",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "worklist_entries".organization_id AND s.id = "worklist_entries".id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "worklist_entries".organization_id AND s.id = "worklist_entries".id))',
        )
        scope_table(
            "worklist_snoozes",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "worklist_snoozes".organization_id AND s.id = "worklist_snoozes".id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "worklist_snoozes".organization_id AND s.id = "worklist_snoozes".id))',
        )
        scope_table(
            "bank_entries",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\') AND EXISTS (SELECT FROM "bank_accounts" s WHERE s.organization_id = "bank_entries".organization_id AND s.id = "bank_entries".bank_account_id) AND EXISTS (SELECT FROM "bank_statements" s WHERE s.organization_id = "bank_entries".organization_id AND s.id = "bank_entries".statement_id)',
            "((SELECT current_setting('app.scope_accounts', true)) = '*')",
        )
        scope_table(
            "charges",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"charges\".organization_id AND s.id = \"charges\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"charges\".organization_id AND s.id = \"charges\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "contact_attempts",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "contact_attempts".organization_id AND s.id = "contact_attempts".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "contact_attempts".organization_id AND s.id = "contact_attempts".account_id))',
            append_only=True,
        )
        scope_table(
            "correspondences",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "correspondences".organization_id AND s.id = "correspondences".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "correspondences".organization_id AND s.id = "correspondences".account_id))',
        )
        scope_table(
            "credit_limit_changes",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_limit_changes".organization_id AND s.id = "credit_limit_changes".account_id)) AND EXISTS (SELECT FROM "credit_reviews" s WHERE s.organization_id = "credit_limit_changes".organization_id AND s.id = "credit_limit_changes".review_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "credit_limit_changes".organization_id AND s.id = "credit_limit_changes".account_id))',
            append_only=True,
        )
        scope_table(
            "credit_memos",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"credit_memos\".organization_id AND s.id = \"credit_memos\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"credit_memos\".organization_id AND s.id = \"credit_memos\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "disputes",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"disputes\".organization_id AND s.id = \"disputes\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"disputes\".organization_id AND s.id = \"disputes\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "dunning_notices",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"dunning_notices\".organization_id AND s.id = \"dunning_notices\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"dunning_notices\".organization_id AND s.id = \"dunning_notices\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "evidence_files",
            'EXISTS (SELECT FROM "legal_cases" s WHERE s.organization_id = "evidence_files".organization_id AND s.id = "evidence_files".case_id)',
            "true",
        )
        scope_table(
            "instalments",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"instalments\".organization_id AND s.id = \"instalments\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"instalments\".organization_id AND s.id = \"instalments\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "invoice_delivery_events",
            'EXISTS (SELECT FROM "invoices" s WHERE s.organization_id = "invoice_delivery_events".organization_id AND s.id = "invoice_delivery_events".invoice_id)',
            "true",
            append_only=True,
            erasable=("recipient", "note"),
        )
        scope_table(
            "invoice_lines",
            'EXISTS (SELECT FROM "invoices" s WHERE s.organization_id = "invoice_lines".organization_id AND s.id = "invoice_lines".invoice_id)',
            "true",
        )
        scope_table(
            "legal_case_entries",
            'EXISTS (SELECT FROM "legal_cases" s WHERE s.organization_id = "legal_case_entries".organization_id AND s.id = "legal_case_entries".case_id)',
            "true",
            append_only=True,
            erasable=("description",),
        )
        scope_table(
            "payment_movements",
            'EXISTS (SELECT FROM "payments" s WHERE s.organization_id = "payment_movements".organization_id AND s.id = "payment_movements".payment_id)',
            "true",
            append_only=True,
            erasable=("reason",),
        )
        scope_table(
            "payment_plans",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "payment_plans".organization_id AND s.id = "payment_plans".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "payment_plans".organization_id AND s.id = "payment_plans".account_id))',
        )
        scope_table(
            "promises",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "promises".organization_id AND s.id = "promises".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "promises".organization_id AND s.id = "promises".account_id))',
        )
        scope_table(
            "proposals",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "proposals".organization_id AND s.id = "proposals".account_id)) AND EXISTS (SELECT FROM "payments" s WHERE s.organization_id = "proposals".organization_id AND s.id = "proposals".payment_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "proposals".organization_id AND s.id = "proposals".account_id))',
        )
        scope_table(
            "remittance_joins",
            'EXISTS (SELECT FROM "remittance_advices" s WHERE s.organization_id = "remittance_joins".organization_id AND s.id = "remittance_joins".advice_id) AND EXISTS (SELECT FROM "payments" s WHERE s.organization_id = "remittance_joins".organization_id AND s.id = "remittance_joins".payment_id)',
            "true",
        )
        scope_table(
            "adjustments",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"adjustments\".organization_id AND s.id = \"adjustments\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"adjustments\".organization_id AND s.id = \"adjustments\".account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
        )
        scope_table(
            "applications",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"applications\".organization_id AND s.id = \"applications\".account_id) OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"applications\".organization_id AND s.id = \"applications\".source_account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            "((SELECT current_setting('app.scope_accounts', true)) = '*' OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"applications\".organization_id AND s.id = \"applications\".account_id) OR EXISTS (SELECT FROM \"accounts\" s WHERE s.organization_id = \"applications\".organization_id AND s.id = \"applications\".source_account_id)) AND (((SELECT current_setting('app.scope_entities', true)) = '*' OR legal_entity_id = ANY ((SELECT nullif(nullif(current_setting('app.scope_entities', true), '*'), '')::uuid[])::uuid[])))",
            append_only=True,
            erasable=("reason",),
        )
        scope_table(
            "collection_actions",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "collection_actions".organization_id AND s.id = "collection_actions".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "collection_actions".organization_id AND s.id = "collection_actions".account_id))',
        )
        scope_table(
            "correspondence_messages",
            'EXISTS (SELECT FROM "correspondences" s WHERE s.organization_id = "correspondence_messages".organization_id AND s.id = "correspondence_messages".correspondence_id)',
            "true",
        )
        scope_table(
            "credit_memo_movements",
            'EXISTS (SELECT FROM "credit_memos" s WHERE s.organization_id = "credit_memo_movements".organization_id AND s.id = "credit_memo_movements".credit_memo_id)',
            "true",
            append_only=True,
            erasable=("reason",),
        )
        scope_table(
            "dispute_comments",
            'EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "dispute_comments".organization_id AND s.id = "dispute_comments".dispute_id)',
            "true",
            append_only=True,
            erasable=("text",),
        )
        scope_table(
            "dispute_credits",
            'EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "dispute_credits".organization_id AND s.id = "dispute_credits".dispute_id)',
            "true",
        )
        scope_table(
            "dispute_lines",
            'EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "dispute_lines".organization_id AND s.id = "dispute_lines".dispute_id) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "dispute_lines".organization_id AND s.id = "dispute_lines".instalment_id)',
            "true",
        )
        scope_table(
            "dispute_transitions",
            'EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "dispute_transitions".organization_id AND s.id = "dispute_transitions".dispute_id)',
            "true",
            append_only=True,
            erasable=("note",),
        )
        scope_table(
            "dunning_blocks",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_blocks".organization_id AND s.id = "dunning_blocks".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_blocks".organization_id AND s.id = "dunning_blocks".account_id))',
        )
        scope_table(
            "dunning_messages",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_messages".organization_id AND s.id = "dunning_messages".account_id)) AND EXISTS (SELECT FROM "dunning_notices" s WHERE s.organization_id = "dunning_messages".organization_id AND s.id = "dunning_messages".notice_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_messages".organization_id AND s.id = "dunning_messages".account_id))',
        )
        scope_table(
            "dunning_notice_items",
            'EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "dunning_notice_items".organization_id AND s.id = "dunning_notice_items".instalment_id) AND EXISTS (SELECT FROM "dunning_notices" s WHERE s.organization_id = "dunning_notice_items".organization_id AND s.id = "dunning_notice_items".notice_id)',
            "true",
        )
        scope_table(
            "dunning_threads",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_threads".organization_id AND s.id = "dunning_threads".account_id)) AND EXISTS (SELECT FROM "correspondences" s WHERE s.organization_id = "dunning_threads".organization_id AND s.id = "dunning_threads".correspondence_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_threads".organization_id AND s.id = "dunning_threads".account_id))',
        )
        scope_table(
            "dunning_withheld_items",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_withheld_items".organization_id AND s.id = "dunning_withheld_items".account_id)) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "dunning_withheld_items".organization_id AND s.id = "dunning_withheld_items".instalment_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_withheld_items".organization_id AND s.id = "dunning_withheld_items".account_id))',
        )
        scope_table(
            "forecast_invoices",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "forecast_invoices".organization_id AND s.id = "forecast_invoices".account_id)) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "forecast_invoices".organization_id AND s.id = "forecast_invoices".instalment_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "forecast_invoices".organization_id AND s.id = "forecast_invoices".account_id))',
        )
        scope_table(
            "instalment_changes",
            'EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "instalment_changes".organization_id AND s.id = "instalment_changes".instalment_id)',
            "true",
            append_only=True,
            erasable=("reason",),
        )
        scope_table(
            "legal_case_items",
            'EXISTS (SELECT FROM "legal_cases" s WHERE s.organization_id = "legal_case_items".organization_id AND s.id = "legal_case_items".case_id) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "legal_case_items".organization_id AND s.id = "legal_case_items".instalment_id)',
            "true",
        )
        scope_table(
            "lessons",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "lessons".organization_id AND s.id = "lessons".account_id)) AND EXISTS (SELECT FROM "payments" s WHERE s.organization_id = "lessons".organization_id AND s.id = "lessons".payment_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "lessons".organization_id AND s.id = "lessons".account_id))',
        )
        scope_table(
            "meetings",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "meetings".organization_id AND s.id = "meetings".account_id)) AND EXISTS (SELECT FROM "contacts" s WHERE s.organization_id = "meetings".organization_id AND s.id = "meetings".contact_id) AND EXISTS (SELECT FROM "correspondences" s WHERE s.organization_id = "meetings".organization_id AND s.id = "meetings".correspondence_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "meetings".organization_id AND s.id = "meetings".account_id))',
        )
        scope_table(
            "payment_plan_items",
            'EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "payment_plan_items".organization_id AND s.id = "payment_plan_items".instalment_id) AND EXISTS (SELECT FROM "payment_plans" s WHERE s.organization_id = "payment_plan_items".organization_id AND s.id = "payment_plan_items".plan_id)',
            "true",
        )
        scope_table(
            "payment_plan_parts",
            'EXISTS (SELECT FROM "payment_plans" s WHERE s.organization_id = "payment_plan_parts".organization_id AND s.id = "payment_plan_parts".plan_id)',
            "true",
        )
        scope_table(
            "promise_items",
            'EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "promise_items".organization_id AND s.id = "promise_items".instalment_id) AND EXISTS (SELECT FROM "promises" s WHERE s.organization_id = "promise_items".organization_id AND s.id = "promise_items".promise_id)',
            "true",
        )
        scope_table(
            "remittance_lines",
            'EXISTS (SELECT FROM "remittance_advices" s WHERE s.organization_id = "remittance_lines".organization_id AND s.id = "remittance_lines".advice_id)',
            "true",
        )
        scope_table(
            "account_statements",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_statements".organization_id AND s.id = "account_statements".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "account_statements".organization_id AND s.id = "account_statements".account_id))',
        )
        scope_table(
            "charge_items",
            'EXISTS (SELECT FROM "charges" s WHERE s.organization_id = "charge_items".organization_id AND s.id = "charge_items".charge_id) AND EXISTS (SELECT FROM "invoices" s WHERE s.organization_id = "charge_items".organization_id AND s.id = "charge_items".debt_invoice_id) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "charge_items".organization_id AND s.id = "charge_items".instalment_id)',
            "true",
        )
        scope_table(
            "charge_waivers",
            'EXISTS (SELECT FROM "adjustments" s WHERE s.organization_id = "charge_waivers".organization_id AND s.id = "charge_waivers".adjustment_id) AND EXISTS (SELECT FROM "charges" s WHERE s.organization_id = "charge_waivers".organization_id AND s.id = "charge_waivers".charge_id)',
            "true",
            append_only=True,
        )
        scope_table(
            "collection_action_items",
            'EXISTS (SELECT FROM "collection_actions" s WHERE s.organization_id = "collection_action_items".organization_id AND s.id = "collection_action_items".action_id) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "collection_action_items".organization_id AND s.id = "collection_action_items".instalment_id)',
            "true",
        )
        scope_table(
            "correspondence_attachments",
            'EXISTS (SELECT FROM "correspondence_messages" s WHERE s.organization_id = "correspondence_attachments".organization_id AND s.id = "correspondence_attachments".message_id)',
            "true",
            append_only=True,
            erasable=("name",),
        )
        scope_table(
            "dispute_line_changes",
            'EXISTS (SELECT FROM "disputes" s WHERE s.organization_id = "dispute_line_changes".organization_id AND s.id = "dispute_line_changes".dispute_id) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "dispute_line_changes".organization_id AND s.id = "dispute_line_changes".instalment_id) AND EXISTS (SELECT FROM "dispute_lines" s WHERE s.organization_id = "dispute_line_changes".organization_id AND s.id = "dispute_line_changes".line_id)',
            "true",
            append_only=True,
        )
        scope_table(
            "dunning_address_marks",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_address_marks".organization_id AND s.id = "dunning_address_marks".account_id)) AND EXISTS (SELECT FROM "contacts" s WHERE s.organization_id = "dunning_address_marks".organization_id AND s.id = "dunning_address_marks".contact_id) AND EXISTS (SELECT FROM "dunning_messages" s WHERE s.organization_id = "dunning_address_marks".organization_id AND s.id = "dunning_address_marks".message_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "dunning_address_marks".organization_id AND s.id = "dunning_address_marks".account_id))',
        )
        scope_table(
            "dunning_message_contents",
            'EXISTS (SELECT FROM "dunning_messages" s WHERE s.organization_id = "dunning_message_contents".organization_id AND s.id = "dunning_message_contents".id)',
            "true",
            append_only=True,
            erasable=("subject", "text", "html", "letter", "unsubscribe_url"),
        )
        scope_table(
            "dunning_message_events",
            'EXISTS (SELECT FROM "dunning_messages" s WHERE s.organization_id = "dunning_message_events".organization_id AND s.id = "dunning_message_events".message_id)',
            "true",
            append_only=True,
            erasable=("detail",),
        )
        scope_table(
            "escalations",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "escalations".organization_id AND s.id = "escalations".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "escalations".organization_id AND s.id = "escalations".account_id))',
        )
        scope_table(
            "inquiries",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "inquiries".organization_id AND s.id = "inquiries".account_id))',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "inquiries".organization_id AND s.id = "inquiries".account_id))',
        )
        scope_table(
            "receipt_requests",
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "receipt_requests".organization_id AND s.id = "receipt_requests".account_id)) AND EXISTS (SELECT FROM "invoices" s WHERE s.organization_id = "receipt_requests".organization_id AND s.id = "receipt_requests".invoice_id) AND EXISTS (SELECT FROM "correspondence_messages" s WHERE s.organization_id = "receipt_requests".organization_id AND s.id = "receipt_requests".message_id)',
            '((SELECT current_setting(\'app.scope_accounts\', true)) = \'*\' OR EXISTS (SELECT FROM "accounts" s WHERE s.organization_id = "receipt_requests".organization_id AND s.id = "receipt_requests".account_id))',
            append_only=True,
        )
        scope_table(
            "interest_pieces",
            'EXISTS (SELECT FROM "charge_items" s WHERE s.organization_id = "interest_pieces".organization_id AND s.id = "interest_pieces".charge_item_id) AND EXISTS (SELECT FROM "instalments" s WHERE s.organization_id = "interest_pieces".organization_id AND s.id = "interest_pieces".instalment_id)',
            "true",
            append_only=True,
        )


def downgrade() -> None:
    pass
