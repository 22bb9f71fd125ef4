"""data scope

Revision: 20261122_0005_data_scope, follows 20261122_0004_dunning_online
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.data_scope import unscope_table
from migrations.tenancy import secure_table

revision = "20261122_0005_data_scope"
down_revision = "20261122_0004_dunning_online"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "bank_profiles",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_bank_profiles_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_bank_profiles")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_bank_profiles_organization_id_name")),
    )
    op.add_column(
        "api_clients",
        sa.Column("data_scope", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column("users", sa.Column("team", sa.Text(), nullable=True))
    secure_table("bank_profiles")


def downgrade() -> None:
    unscope_table("interest_pieces")
    unscope_table("receipt_requests")
    unscope_table("inquiries")
    unscope_table("escalations")
    unscope_table("dunning_message_events")
    unscope_table("dunning_message_contents")
    unscope_table("dunning_address_marks")
    unscope_table("dispute_line_changes")
    unscope_table("correspondence_attachments")
    unscope_table("collection_action_items")
    unscope_table("charge_waivers")
    unscope_table("charge_items")
    unscope_table("account_statements")
    unscope_table("remittance_lines")
    unscope_table("promise_items")
    unscope_table("payment_plan_parts")
    unscope_table("payment_plan_items")
    unscope_table("meetings")
    unscope_table("lessons")
    unscope_table("legal_case_items")
    unscope_table("instalment_changes")
    unscope_table("forecast_invoices")
    unscope_table("dunning_withheld_items")
    unscope_table("dunning_threads")
    unscope_table("dunning_notice_items")
    unscope_table("dunning_messages")
    unscope_table("dunning_blocks")
    unscope_table("dispute_transitions")
    unscope_table("dispute_lines")
    unscope_table("dispute_credits")
    unscope_table("dispute_comments")
    unscope_table("credit_memo_movements")
    unscope_table("correspondence_messages")
    unscope_table("collection_actions")
    unscope_table("applications")
    unscope_table("adjustments")
    unscope_table("remittance_joins")
    unscope_table("proposals")
    unscope_table("promises")
    unscope_table("payment_plans")
    unscope_table("payment_movements")
    unscope_table("legal_case_entries")
    unscope_table("invoice_lines")
    unscope_table("invoice_delivery_events")
    unscope_table("instalments")
    unscope_table("evidence_files")
    unscope_table("dunning_notices")
    unscope_table("disputes")
    unscope_table("credit_memos")
    unscope_table("credit_limit_changes")
    unscope_table("correspondences")
    unscope_table("contact_attempts")
    unscope_table("charges")
    unscope_table("bank_entries")
    unscope_table("worklist_snoozes")
    unscope_table("worklist_entries")
    unscope_table("timeline_entries")
    unscope_table("statement_schedules")
    unscope_table("source_balances")
    unscope_table("report_deliveries")
    unscope_table("remittance_advices")
    unscope_table("provision_lines")
    unscope_table("personal_data_erasures")
    unscope_table("payments")
    unscope_table("payer_identities")
    unscope_table("legal_cases")
    unscope_table("invoices")
    unscope_table("interest_agreements")
    unscope_table("forecast_weeks")
    unscope_table("forecast_accuracy")
    unscope_table("export_rows")
    unscope_table("dunning_comparisons")
    unscope_table("dunning_assignments")
    unscope_table("data_findings")
    unscope_table("credit_status_changes")
    unscope_table("credit_statements")
    unscope_table("credit_securities")
    unscope_table("credit_scores")
    unscope_table("credit_reviews")
    unscope_table("credit_remarks")
    unscope_table("credit_profiles")
    unscope_table("credit_orders")
    unscope_table("credit_holds")
    unscope_table("credit_decisions")
    unscope_table("credit_bureau_scores")
    unscope_table("contacts")
    unscope_table("collector_assignments")
    unscope_table("bank_statements")
    unscope_table("account_merges")
    unscope_table("account_matching_settings")
    unscope_table("account_duplicates")
    unscope_table("transfers")
    unscope_table("source_watermarks")
    unscope_table("source_documents")
    unscope_table("source_applications")
    unscope_table("report_runs")
    unscope_table("provision_runs")
    unscope_table("period_closes")
    unscope_table("period_balances")
    unscope_table("import_row_errors")
    unscope_table("export_batches")
    unscope_table("document_links")
    unscope_table("bank_accounts")
    unscope_table("assignment_runs")
    unscope_table("accounts")
    unscope_table("report_schedules")
    unscope_table("legal_entities")
    unscope_table("imports")
    unscope_table("charging_runs")
    unscope_table("change_log")
    op.drop_column("users", "team")
    op.drop_index("ix_source_applications_to", table_name="source_applications")
    op.drop_column("api_clients", "data_scope")
    op.drop_table("bank_profiles")
