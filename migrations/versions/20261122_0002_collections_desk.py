"""collections desk

Revision: 20261122_0002_collections_desk, follows 20261121_0001_initial
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import secure_table

revision = "20261122_0002_collections_desk"
down_revision = "20261121_0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "action_outcomes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), server_default="none", nullable=False),
        sa.Column("contact_made", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("action_types", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("next_type", sa.Text(), nullable=True),
        sa.Column("next_business_days", sa.Integer(), nullable=True),
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
        sa.CheckConstraint(
            "effect IN ('none', 'promise', 'dispute', 'resend_invoice', 'correct_contact', 'confirm_payment')",
            name=op.f("ck_action_outcomes_effect"),
        ),
        sa.CheckConstraint(
            "next_type IN ('call', 'email', 'letter', 'sms', 'meeting', 'note', 'escalation', 'legal_referral', 'agency_placement', 'credit_hold')",
            name=op.f("ck_action_outcomes_next_type"),
        ),
        sa.CheckConstraint("next_business_days BETWEEN 0 AND 250", name=op.f("ck_action_outcomes_next_days_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_action_outcomes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_action_outcomes")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_action_outcomes_organization_id_code")),
    )
    op.create_table(
        "collection_rule_versions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('escalation', 'assignment')", name=op.f("ck_collection_rule_versions_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_collection_rule_versions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_collection_rule_versions")),
        sa.UniqueConstraint(
            "organization_id", "kind", "ordinal", name=op.f("uq_collection_rule_versions_organization_id_kind_ordinal")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "correspondence_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("quiet_from_minute", sa.Integer(), nullable=False),
        sa.Column("quiet_to_minute", sa.Integer(), nullable=False),
        sa.Column("quiet_channels", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("business_days_only", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=True),
        sa.Column("weekly_cap", sa.Integer(), nullable=True),
        sa.Column("consent_needed", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("opens_minute", sa.Integer(), nullable=False),
        sa.Column("closes_minute", sa.Integer(), nullable=False),
        sa.Column("answer_hours", sa.Integer(), nullable=False),
        sa.Column("receipt_enabled", sa.Boolean(), nullable=False),
        sa.Column("receipt_days_before_due", sa.Integer(), nullable=False),
        sa.Column("receipt_minimum_minor", sa.BigInteger(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("letterhead", sa.ARRAY(sa.Text()), nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_correspondence_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_correspondence_settings")),
    )
    op.create_table(
        "correspondence_templates",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
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
        sa.CheckConstraint(
            "purpose IN ('general', 'invoice_copy', 'receipt', 'inquiry', 'meeting', 'payment', 'dispute', 'collection')",
            name=op.f("ck_correspondence_templates_purpose"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_correspondence_templates_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_correspondence_templates")),
        sa.UniqueConstraint(
            "organization_id",
            "code",
            "language",
            name=op.f("uq_correspondence_templates_organization_id_code_language"),
        ),
    )
    op.create_table(
        "credit_policies",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("activated_by_id", sa.UUID(), nullable=True),
        sa.Column("activated_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
        sa.CheckConstraint(
            "(state = 'active') = (valid_from IS NOT NULL)", name=op.f("ck_credit_policies_active_from")
        ),
        sa.CheckConstraint("state IN ('draft', 'active')", name=op.f("ck_credit_policies_state")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_policies_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_policies")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_credit_policies_organization_id_number")),
    )
    op.create_index(
        "uq_credit_policies_active_from",
        "credit_policies",
        ["organization_id", "valid_from"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "dispute_teams",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("member_ids", sa.ARRAY(sa.UUID()), server_default="{}", nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_teams_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_teams")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_dispute_teams_organization_id_code")),
    )
    op.create_table(
        "documents",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kept_in", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("kept_in IN ('disk', 's3')", name=op.f("ck_documents_kept_in")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_documents_size_positive")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_documents_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_documents")),
        sa.UniqueConstraint("organization_id", "sha256", name=op.f("uq_documents_organization_id_sha256")),
        info={"append_only": True, "erasable": ("name",)},
    )
    op.create_table(
        "event_cursors",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "moved_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_event_cursors_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_event_cursors")),
        sa.UniqueConstraint("organization_id", "subscriber", name=op.f("uq_event_cursors_organization_id_subscriber")),
        info={"worker_reads": True},
    )
    op.create_table(
        "export_records",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("format IN ('csv', 'xlsx', 'pdf', 'ndjson', 'json')", name=op.f("ck_export_records_format")),
        sa.CheckConstraint("row_count >= 0", name=op.f("ck_export_records_rows_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_export_records_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_export_records")),
    )
    op.create_index(
        op.f("ix_export_records_organization_id_actor_id_id"),
        "export_records",
        ["organization_id", "actor_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_export_records_organization_id_name_id"),
        "export_records",
        ["organization_id", "name", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_export_records_organization_id_recorded_at"),
        "export_records",
        ["organization_id", "recorded_at"],
        unique=False,
    )
    op.create_table(
        "matching_rules",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("automatic_enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("switched_by", sa.Text(), nullable=True),
        sa.Column("switched_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("judged_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_matching_rules_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_matching_rules")),
        sa.UniqueConstraint("organization_id", "strategy", name=op.f("uq_matching_rules_organization_id_strategy")),
    )
    op.create_table(
        "nightly_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_nightly_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_nightly_runs")),
        sa.UniqueConstraint(
            "organization_id", "kind", "business_date", name=op.f("uq_nightly_runs_organization_id_kind_business_date")
        ),
    )
    op.create_table(
        "number_formats",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("seen_through", sa.UUID(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_number_formats_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_number_formats")),
        sa.UniqueConstraint("organization_id", "shape", name=op.f("uq_number_formats_organization_id_shape")),
    )
    op.create_table(
        "outgoing_emails",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("in_reply_to", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("attachments", sa.ARRAY(sa.UUID()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="planned", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim", sa.UUID(), nullable=True),
        sa.Column("claimed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_attempt_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("queued_by", sa.Text(), nullable=False),
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
        sa.CheckConstraint(
            "(state = 'sending') = (claim IS NOT NULL)", name=op.f("ck_outgoing_emails_claimed_while_sending")
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'sent', 'failed', 'unknown')", name=op.f("ck_outgoing_emails_state")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outgoing_emails_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_outgoing_emails_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_outgoing_emails")),
    )
    op.create_index(
        op.f("ix_outgoing_emails_organization_id_subject_kind_subject_id"),
        "outgoing_emails",
        ["organization_id", "subject_kind", "subject_id"],
        unique=False,
    )
    op.create_index(
        "ix_outgoing_emails_planned",
        "outgoing_emails",
        ["organization_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index("ix_outgoing_emails_state", "outgoing_emails", ["organization_id", "state", "id"], unique=False)
    op.create_table(
        "playbooks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("subjects", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
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
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_playbooks_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_playbooks")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_playbooks_organization_id_code")),
    )
    op.create_index("ix_playbooks_subjects", "playbooks", ["subjects"], unique=False, postgresql_using="gin")
    op.create_table(
        "retention_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("contacts_months", sa.Integer(), nullable=True),
        sa.Column("correspondence_months", sa.Integer(), nullable=True),
        sa.Column("documents_months", sa.Integer(), nullable=True),
        sa.Column("uploads_months", sa.Integer(), nullable=True),
        sa.Column("exports_months", sa.Integer(), nullable=True),
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
        sa.CheckConstraint("contacts_months BETWEEN 1 AND 600", name=op.f("ck_retention_settings_contacts_months")),
        sa.CheckConstraint(
            "correspondence_months BETWEEN 1 AND 600", name=op.f("ck_retention_settings_correspondence_months")
        ),
        sa.CheckConstraint("documents_months BETWEEN 1 AND 600", name=op.f("ck_retention_settings_documents_months")),
        sa.CheckConstraint("exports_months BETWEEN 1 AND 600", name=op.f("ck_retention_settings_exports_months")),
        sa.CheckConstraint("uploads_months BETWEEN 1 AND 600", name=op.f("ck_retention_settings_uploads_months")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_retention_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_retention_settings")),
    )
    op.create_table(
        "assignment_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("rule_version_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("after_id", sa.UUID(), nullable=True),
        sa.Column("accounts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("only_unassigned", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
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
        sa.CheckConstraint("state IN ('waiting', 'running', 'done')", name=op.f("ck_assignment_runs_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "rule_version_id"],
            ["collection_rule_versions.organization_id", "collection_rule_versions.id"],
            name=op.f("fk_assignment_runs_organization_id_rule_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_assignment_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_assignment_runs")),
    )
    op.create_table(
        "collector_covers",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("collector_id", sa.UUID(), nullable=False),
        sa.Column("cover_id", sa.UUID(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), server_default="false", nullable=False),
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
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_collector_covers_dates_in_order")),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_collector_covers_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "cover_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_collector_covers_organization_id_cover_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_collector_covers_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_collector_covers")),
    )
    op.create_index(
        op.f("ix_collector_covers_organization_id_collector_id_start_date"),
        "collector_covers",
        ["organization_id", "collector_id", "start_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_collector_covers_organization_id_end_date"),
        "collector_covers",
        ["organization_id", "end_date"],
        unique=False,
    )
    op.create_table(
        "collector_targets",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("collector_id", sa.UUID(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("contacts", sa.BigInteger(), nullable=False),
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
        sa.CheckConstraint("amount_minor >= 0 AND contacts >= 0", name=op.f("ck_collector_targets_not_negative")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_collector_targets_first_of_month")),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_collector_targets_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_collector_targets_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_collector_targets")),
        sa.UniqueConstraint("organization_id", "month", "collector_id", "currency", name="uq_collector_targets_month"),
    )
    op.create_index(
        op.f("ix_collector_targets_organization_id_collector_id"),
        "collector_targets",
        ["organization_id", "collector_id"],
        unique=False,
    )
    op.create_table(
        "correspondence_template_revisions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("template_id", sa.UUID(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "template_id"],
            ["correspondence_templates.organization_id", "correspondence_templates.id"],
            name=op.f("fk_correspondence_template_revisions_organization_id_template_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_correspondence_template_revisions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_correspondence_template_revisions")),
        sa.UniqueConstraint(
            "organization_id",
            "template_id",
            "revision",
            name=op.f("uq_correspondence_template_revisions_organization_id_template_id_revision"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "dispute_reasons",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("team_id", sa.UUID(), nullable=True),
        sa.Column("sla_business_days", sa.Integer(), nullable=False),
        sa.Column("aliases", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
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
        sa.CheckConstraint(
            "sla_business_days >= 0 AND sla_business_days <= 250", name=op.f("ck_dispute_reasons_sla_bounded")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["dispute_teams.organization_id", "dispute_teams.id"],
            name=op.f("fk_dispute_reasons_organization_id_team_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_reasons_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_reasons")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_dispute_reasons_organization_id_code")),
    )
    op.create_index(
        op.f("ix_dispute_reasons_organization_id_team_id"),
        "dispute_reasons",
        ["organization_id", "team_id"],
        unique=False,
    )
    op.create_table(
        "document_links",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "category IN ('invoice_copy', 'proof_of_delivery', 'purchase_order', 'contract', 'complaint', 'photo', 'correspondence', 'credit_report', 'notice', 'evidence', 'other')",
            name=op.f("ck_document_links_category"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_document_links_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_document_links_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_document_links")),
        sa.UniqueConstraint(
            "organization_id",
            "document_id",
            "subject_kind",
            "subject_id",
            name=op.f("uq_document_links_organization_id_document_id_subject_kind_subject_id"),
        ),
    )
    op.create_index(
        op.f("ix_document_links_organization_id_subject_kind_subject_id_id"),
        "document_links",
        ["organization_id", "subject_kind", "subject_id", "id"],
        unique=False,
    )
    op.create_table(
        "playbook_revisions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("playbook_id", sa.UUID(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook_id"],
            ["playbooks.organization_id", "playbooks.id"],
            name=op.f("fk_playbook_revisions_organization_id_playbook_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_playbook_revisions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_playbook_revisions")),
        sa.UniqueConstraint(
            "organization_id",
            "playbook_id",
            "revision",
            name=op.f("uq_playbook_revisions_organization_id_playbook_id_revision"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "account_duplicates",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("other_id", sa.UUID(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="proposed", nullable=False),
        sa.Column("decided_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint("state IN ('proposed', 'dismissed', 'merged')", name=op.f("ck_account_duplicates_state")),
        sa.CheckConstraint("account_id <> other_id", name=op.f("ck_account_duplicates_two_accounts")),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_account_duplicates_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_duplicates_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "other_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_duplicates_organization_id_other_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_account_duplicates_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_account_duplicates")),
        sa.UniqueConstraint(
            "organization_id",
            "account_id",
            "other_id",
            name=op.f("uq_account_duplicates_organization_id_account_id_other_id"),
        ),
    )
    op.create_index(
        op.f("ix_account_duplicates_organization_id_other_id"),
        "account_duplicates",
        ["organization_id", "other_id"],
        unique=False,
    )
    op.create_index(
        "ix_account_duplicates_state", "account_duplicates", ["organization_id", "state", "score", "id"], unique=False
    )
    op.create_table(
        "account_matching_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("automatic_allowed", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("tolerances", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("residual", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "residual IN ('on_account', 'review', 'small_to_income')",
            name=op.f("ck_account_matching_settings_residual"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_matching_settings_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_account_matching_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_account_matching_settings")),
        sa.UniqueConstraint(
            "organization_id", "account_id", name=op.f("uq_account_matching_settings_organization_id_account_id")
        ),
    )
    op.create_table(
        "account_merges",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("survivor_id", sa.UUID(), nullable=False),
        sa.Column("merged_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default="merged", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("merged_on", sa.Date(), nullable=False),
        sa.Column("merged_by_id", sa.UUID(), nullable=True),
        sa.Column("merged_by", sa.Text(), nullable=False),
        sa.Column("undone_on", sa.Date(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undo_reason", sa.Text(), nullable=True),
        sa.Column("moved", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
        sa.CheckConstraint("state IN ('merged', 'undone')", name=op.f("ck_account_merges_state")),
        sa.CheckConstraint("survivor_id <> merged_id", name=op.f("ck_account_merges_two_accounts")),
        sa.ForeignKeyConstraint(
            ["organization_id", "merged_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_merges_organization_id_merged_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "survivor_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_merges_organization_id_survivor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_account_merges_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_account_merges")),
    )
    op.create_index(
        op.f("ix_account_merges_organization_id_merged_id_id"),
        "account_merges",
        ["organization_id", "merged_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_account_merges_organization_id_survivor_id"),
        "account_merges",
        ["organization_id", "survivor_id"],
        unique=False,
    )
    op.create_index(
        "uq_account_merges_standing",
        "account_merges",
        ["organization_id", "merged_id"],
        unique=True,
        postgresql_where=sa.text("state = 'merged'"),
    )
    op.create_table(
        "collector_assignments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("from_collector_id", sa.UUID(), nullable=True),
        sa.Column("collector_id", sa.UUID(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("rule_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("origin IN ('manual', 'rule')", name=op.f("ck_collector_assignments_origin")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_collector_assignments_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_collector_assignments_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "from_collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_collector_assignments_organization_id_from_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_collector_assignments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_collector_assignments")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_collector_assignments_organization_id_account_id_id"),
        "collector_assignments",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_table(
        "credit_bureau_scores",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("score", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("worst_score", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("best_score", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("rating", sa.Text(), nullable=True),
        sa.Column("recommended_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("scored_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(recommended_limit_minor IS NULL) = (currency IS NULL)",
            name=op.f("ck_credit_bureau_scores_limit_with_currency"),
        ),
        sa.CheckConstraint("best_score <> worst_score", name=op.f("ck_credit_bureau_scores_scale")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_bureau_scores_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_bureau_scores_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_bureau_scores")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_bureau_scores_organization_id_account_id_scored_on_id"),
        "credit_bureau_scores",
        ["organization_id", "account_id", "scored_on", "id"],
        unique=False,
    )
    op.create_table(
        "credit_decisions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("answers_id", sa.UUID(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("outcome IN ('approve', 'refer', 'refuse')", name=op.f("ck_credit_decisions_outcome")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_decisions_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "answers_id"],
            ["credit_decisions.organization_id", "credit_decisions.id"],
            name=op.f("fk_credit_decisions_organization_id_answers_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_decisions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_decisions")),
        sa.UniqueConstraint(
            "organization_id", "answers_id", name=op.f("uq_credit_decisions_organization_id_answers_id")
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_decisions_organization_id_account_id_id"),
        "credit_decisions",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_credit_decisions_organization_id_source_external_id"),
        "credit_decisions",
        ["organization_id", "source", "external_id"],
        unique=False,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "credit_holds",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("placed_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_by_id", sa.UUID(), nullable=True),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("kind = 'hold' OR until IS NOT NULL", name=op.f("ck_credit_holds_override_ends")),
        sa.CheckConstraint("kind IN ('hold', 'override')", name=op.f("ck_credit_holds_kind")),
        sa.CheckConstraint("level IN ('ok', 'watch', 'hold', 'stop')", name=op.f("ck_credit_holds_level")),
        sa.CheckConstraint("until >= placed_on", name=op.f("ck_credit_holds_until_after_placed")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_holds_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_holds_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_holds")),
    )
    op.create_index(
        op.f("ix_credit_holds_organization_id_account_id"),
        "credit_holds",
        ["organization_id", "account_id"],
        unique=False,
    )
    op.create_index(
        "ix_credit_holds_standing",
        "credit_holds",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("released_on IS NULL"),
    )
    op.create_table(
        "credit_orders",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("open_minor", sa.BigInteger(), nullable=False),
        sa.Column("order_date", sa.Date(), nullable=True),
        sa.Column("expected_invoice_date", sa.Date(), nullable=True),
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
        sa.CheckConstraint("open_minor >= 0", name=op.f("ck_credit_orders_open_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_orders_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_orders_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_orders")),
        sa.UniqueConstraint(
            "organization_id", "source", "external_id", name=op.f("uq_credit_orders_organization_id_source_external_id")
        ),
    )
    op.create_index(
        "ix_credit_orders_open",
        "credit_orders",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_include=["currency", "open_minor"],
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.create_table(
        "credit_profiles",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("ladder_level", sa.Text(), server_default="ok", nullable=False),
        sa.Column("ladder_reasons", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("days_beyond_terms", sa.Integer(), nullable=True),
        sa.Column("policy_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("evaluated_on", sa.Date(), nullable=True),
        sa.Column("limit_valid_until", sa.Date(), nullable=True),
        sa.Column("last_review_on", sa.Date(), nullable=True),
        sa.Column("next_review_on", sa.Date(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "ladder_level IN ('ok', 'watch', 'hold', 'stop')", name=op.f("ck_credit_profiles_ladder_level")
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_credit_profiles_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_profiles_organization_id_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_profiles_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_profiles")),
    )
    op.create_index(
        op.f("ix_credit_profiles_organization_id_next_review_on_id"),
        "credit_profiles",
        ["organization_id", "next_review_on", "id"],
        unique=False,
        postgresql_where=sa.text("next_review_on IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_credit_profiles_organization_id_score_id"),
        "credit_profiles",
        ["organization_id", "score", "id"],
        unique=False,
    )
    op.create_table(
        "credit_remarks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('behaviour', 'risk', 'other')", name=op.f("ck_credit_remarks_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_remarks_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_remarks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_remarks")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_remarks_organization_id_account_id_id"),
        "credit_remarks",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_table(
        "credit_reviews",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("limit_before_minor", sa.BigInteger(), nullable=True),
        sa.Column("payment_terms_before_id", sa.UUID(), nullable=True),
        sa.Column("recommended_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("recommended_terms", sa.Text(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("policy_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("proposed_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("proposed_payment_terms_id", sa.UUID(), nullable=True),
        sa.Column("proposed_risk_class", sa.Text(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("proposed_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "state IN ('draft', 'recommended', 'approved', 'rejected')", name=op.f("ck_credit_reviews_state")
        ),
        sa.CheckConstraint("trigger IN ('due', 'manual', 'order', 'risk')", name=op.f("ck_credit_reviews_trigger")),
        sa.CheckConstraint("proposed_limit_minor >= 0", name=op.f("ck_credit_reviews_limit_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_reviews_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_terms_before_id"],
            ["payment_terms.organization_id", "payment_terms.id"],
            name=op.f("fk_credit_reviews_organization_id_payment_terms_before_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "proposed_payment_terms_id"],
            ["payment_terms.organization_id", "payment_terms.id"],
            name=op.f("fk_credit_reviews_organization_id_proposed_payment_terms_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_reviews_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_reviews")),
    )
    op.create_index(
        op.f("ix_credit_reviews_organization_id_account_id_id"),
        "credit_reviews",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_credit_reviews_organization_id_state_id"),
        "credit_reviews",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "uq_credit_reviews_open",
        "credit_reviews",
        ["organization_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('draft', 'recommended')"),
    )
    op.create_table(
        "credit_scores",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("factors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("computed_on", sa.Date(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_credit_scores_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_scores_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_scores_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_scores")),
        sa.UniqueConstraint(
            "organization_id", "account_id", "month", name=op.f("uq_credit_scores_organization_id_account_id_month")
        ),
    )
    op.create_table(
        "credit_securities",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("cover_bp", sa.Integer(), server_default="10000", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("cancelled_on", sa.Date(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "kind IN ('insurance', 'guarantee', 'letter_of_credit', 'deposit', 'retention_of_title', 'other')",
            name=op.f("ck_credit_securities_kind"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_credit_securities_amount_positive")),
        sa.CheckConstraint("cover_bp BETWEEN 1 AND 10000", name=op.f("ck_credit_securities_cover")),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_credit_securities_valid_until_after_from")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_securities_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_securities_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_securities")),
    )
    op.create_index(
        "ix_credit_securities_ending",
        "credit_securities",
        ["organization_id", "valid_until", "id"],
        unique=False,
        postgresql_where=sa.text("cancelled_on IS NULL"),
    )
    op.create_index(
        op.f("ix_credit_securities_organization_id_account_id"),
        "credit_securities",
        ["organization_id", "account_id"],
        unique=False,
    )
    op.create_table(
        "credit_statements",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("audited", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("months BETWEEN 1 AND 24", name=op.f("ck_credit_statements_months")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_statements_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_statements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_statements")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_statements_organization_id_account_id_period_end_id"),
        "credit_statements",
        ["organization_id", "account_id", "period_end", "id"],
        unique=False,
    )
    op.create_table(
        "credit_status_changes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("status_before", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("status IN ('ok', 'watch', 'hold', 'stop')", name=op.f("ck_credit_status_changes_status")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_status_changes_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_status_changes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_status_changes")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_status_changes_organization_id_account_id_id"),
        "credit_status_changes",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_table(
        "data_findings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint("state IN ('open', 'accepted', 'mended')", name=op.f("ck_data_findings_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_data_findings_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_data_findings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_data_findings")),
        sa.UniqueConstraint(
            "organization_id", "account_id", "kind", name=op.f("uq_data_findings_organization_id_account_id_kind")
        ),
    )
    op.create_index("ix_data_findings_state", "data_findings", ["organization_id", "state", "kind", "id"], unique=False)
    op.create_table(
        "legal_cases",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="prepared", nullable=False),
        sa.Column("claim_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recovered_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("partner_reference", sa.Text(), nullable=True),
        sa.Column("fee_basis_points", sa.Integer(), nullable=True),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("prepared_on", sa.Date(), nullable=False),
        sa.Column("referred_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("kind IN ('legal_case', 'agency_placement')", name=op.f("ck_legal_cases_kind")),
        sa.CheckConstraint(
            "status IN ('prepared', 'referred', 'in_progress', 'recovered', 'partly_recovered', 'lost', 'recalled')",
            name=op.f("ck_legal_cases_status"),
        ),
        sa.CheckConstraint(
            "claim_minor > 0 AND cost_minor >= 0 AND recovered_minor >= 0", name=op.f("ck_legal_cases_amounts")
        ),
        sa.CheckConstraint("fee_basis_points BETWEEN 0 AND 10000", name=op.f("ck_legal_cases_fee_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_legal_cases_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "owner_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_legal_cases_organization_id_owner_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_legal_cases_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_legal_cases")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_legal_cases_organization_id_number")),
    )
    op.create_index(
        op.f("ix_legal_cases_organization_id_account_id_id"),
        "legal_cases",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_legal_cases_organization_id_status_id"),
        "legal_cases",
        ["organization_id", "status", "id"],
        unique=False,
    )
    op.create_table(
        "personal_data_erasures",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("forced", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("erased", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("files_erased", sa.Integer(), nullable=False),
        sa.Column("files_kept", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_personal_data_erasures_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_personal_data_erasures_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_personal_data_erasures")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_personal_data_erasures_organization_id_account_id_id"),
        "personal_data_erasures",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_table(
        "remittance_advices",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("payer_name", sa.Text(), nullable=True),
        sa.Column("payer_bank_identifier", sa.Text(), nullable=True),
        sa.Column("payment_reference", sa.Text(), nullable=True),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines_count", sa.Integer(), nullable=False),
        sa.Column(
            "totals_check",
            sa.Text(),
            sa.Computed(
                "CASE WHEN amount_minor = lines_minor THEN 'agrees'::text ELSE 'differs'::text END", persisted=True
            ),
            nullable=False,
        ),
        sa.Column("expected_date", sa.Date(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="manual", nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("repeats_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "channel IN ('api', 'csv', 'xlsx', 'email_text')", name=op.f("ck_remittance_advices_channel")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'joined', 'settled', 'cancelled')", name=op.f("ck_remittance_advices_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_remittance_advices_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_remittance_advices_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_remittance_advices_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "repeats_id"],
            ["remittance_advices.organization_id", "remittance_advices.id"],
            name=op.f("fk_remittance_advices_organization_id_repeats_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_remittance_advices_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_remittance_advices")),
    )
    op.create_index(
        "ix_remittance_advices_joined",
        "remittance_advices",
        ["organization_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'joined'"),
    )
    op.create_index(
        "ix_remittance_advices_open",
        "remittance_advices",
        ["organization_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_remittance_advices_organization_id_account_id"),
        "remittance_advices",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_remittance_advices_organization_id_reference_key"),
        "remittance_advices",
        ["organization_id", "reference_key"],
        unique=False,
        postgresql_where=sa.text("reference_key IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_remittance_advices_organization_id_updated_at_id"),
        "remittance_advices",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_remittance_advices_content",
        "remittance_advices",
        ["organization_id", "content_sha256"],
        unique=True,
        postgresql_where=sa.text("state <> 'cancelled'"),
    )
    op.create_index(
        "uq_remittance_advices_external",
        "remittance_advices",
        ["organization_id", "source", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "timeline_entries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.UUID(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_timeline_entries_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_timeline_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_timeline_entries")),
        sa.UniqueConstraint(
            "organization_id",
            "account_id",
            "position",
            name=op.f("uq_timeline_entries_organization_id_account_id_position"),
        ),
        info={"append_only": True, "erasable": ("reason", "before", "after")},
    )
    op.create_index(
        op.f("ix_timeline_entries_organization_id_account_id_kind_position"),
        "timeline_entries",
        ["organization_id", "account_id", "kind", "position"],
        unique=False,
    )
    op.create_table(
        "worklist_entries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("collector_id", sa.UUID(), nullable=True),
        sa.Column("score_minor", sa.BigInteger(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("overdue_minor", sa.BigInteger(), nullable=False),
        sa.Column("open_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("days_late", sa.Integer(), nullable=False),
        sa.Column("next_action", sa.Text(), nullable=False),
        sa.Column("signals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("factors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("score_minor >= 0", name=op.f("ck_worklist_entries_score_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_worklist_entries_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_worklist_entries_organization_id_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_worklist_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_worklist_entries")),
    )
    op.create_index(
        "ix_worklist_entries_all",
        "worklist_entries",
        ["organization_id", sa.literal_column("score_minor DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_worklist_entries_order",
        "worklist_entries",
        ["organization_id", "collector_id", sa.literal_column("score_minor DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "worklist_snoozes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("snoozed_by_id", sa.UUID(), nullable=True),
        sa.Column("snoozed_by", sa.Text(), nullable=False),
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
            ["organization_id", "id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_worklist_snoozes_organization_id_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_worklist_snoozes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_worklist_snoozes")),
    )
    op.create_index(
        op.f("ix_worklist_snoozes_organization_id_until_date"),
        "worklist_snoozes",
        ["organization_id", "until_date"],
        unique=False,
    )
    op.create_table(
        "contact_attempts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("not_before", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("channel IN ('email', 'letter', 'phone', 'sms')", name=op.f("ck_contact_attempts_channel")),
        sa.CheckConstraint("outcome IN ('allowed', 'delayed', 'refused')", name=op.f("ck_contact_attempts_outcome")),
        sa.CheckConstraint("stage IN ('planned', 'done')", name=op.f("ck_contact_attempts_stage")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_contact_attempts_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_contact_attempts_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_contact_attempts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contact_attempts")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_contact_attempts_organization_id_account_id_at"),
        "contact_attempts",
        ["organization_id", "account_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_contact_attempts_organization_id_subject_id"),
        "contact_attempts",
        ["organization_id", "subject_id"],
        unique=False,
    )
    op.create_table(
        "correspondences",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("unread", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("messages_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_message_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_direction", sa.Text(), nullable=False),
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
        sa.CheckConstraint("last_direction IN ('in', 'out')", name=op.f("ck_correspondences_last_direction")),
        sa.CheckConstraint(
            "purpose IN ('general', 'invoice_copy', 'receipt', 'inquiry', 'meeting', 'payment', 'dispute', 'collection')",
            name=op.f("ck_correspondences_purpose"),
        ),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_correspondences_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_correspondences_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_correspondences_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "owner_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_correspondences_organization_id_owner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_correspondences_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_correspondences")),
        sa.UniqueConstraint("organization_id", "token", name=op.f("uq_correspondences_organization_id_token")),
    )
    op.create_index(
        op.f("ix_correspondences_organization_id_account_id_last_message_at"),
        "correspondences",
        ["organization_id", "account_id", "last_message_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_correspondences_organization_id_last_message_at_id"),
        "correspondences",
        ["organization_id", "last_message_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_correspondences_unread",
        "correspondences",
        ["organization_id", "id"],
        unique=False,
        postgresql_where=sa.text("unread"),
    )
    op.create_table(
        "credit_limit_changes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("review_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("limit_before_minor", sa.BigInteger(), nullable=True),
        sa.Column("limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("payment_terms_before_id", sa.UUID(), nullable=True),
        sa.Column("payment_terms_id", sa.UUID(), nullable=True),
        sa.Column("risk_class", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_limit_changes_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_terms_before_id"],
            ["payment_terms.organization_id", "payment_terms.id"],
            name=op.f("fk_credit_limit_changes_organization_id_payment_terms_before_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_terms_id"],
            ["payment_terms.organization_id", "payment_terms.id"],
            name=op.f("fk_credit_limit_changes_organization_id_payment_terms_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "review_id"],
            ["credit_reviews.organization_id", "credit_reviews.id"],
            name=op.f("fk_credit_limit_changes_organization_id_review_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_limit_changes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_limit_changes")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_limit_changes_organization_id_account_id_id"),
        "credit_limit_changes",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_table(
        "disputes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason_id", sa.UUID(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("customer_reference", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("team_id", sa.UUID(), nullable=True),
        sa.Column("assignee_id", sa.UUID(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_by_id", sa.UUID(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.Column("credited_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("released_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sla_due_on", sa.Date(), nullable=False),
        sa.Column("awaiting_since", sa.Date(), nullable=True),
        sa.Column("sla_breached_on", sa.Date(), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.Column("resolved_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolution_note", sa.Text(), nullable=True),
        sa.Column("reopened_count", sa.Integer(), server_default="0", nullable=False),
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
        sa.CheckConstraint(
            "(state = 'awaiting_customer') = (awaiting_since IS NOT NULL)", name=op.f("ck_disputes_awaiting_since")
        ),
        sa.CheckConstraint(
            "(state IN ('open', 'in_review', 'awaiting_customer')) = (resolved_on IS NULL)",
            name=op.f("ck_disputes_resolved_when_over"),
        ),
        sa.CheckConstraint("origin IN ('manual', 'deduction')", name=op.f("ck_disputes_origin")),
        sa.CheckConstraint(
            "state IN ('open', 'in_review', 'awaiting_customer', 'resolved_credited', 'resolved_rejected', 'resolved_paid', 'withdrawn')",
            name=op.f("ck_disputes_state"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_disputes_amount_positive")),
        sa.CheckConstraint(
            "credited_minor >= 0 AND paid_minor >= 0 AND released_minor >= 0",
            name=op.f("ck_disputes_parts_not_negative"),
        ),
        sa.CheckConstraint(
            "disputed_minor >= 0 AND disputed_minor <= amount_minor", name=op.f("ck_disputes_disputed_within_amount")
        ),
        sa.CheckConstraint(
            "resolved_on IS NULL OR disputed_minor = 0", name=op.f("ck_disputes_nothing_disputed_when_over")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_disputes_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "assignee_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_disputes_organization_id_assignee_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_disputes_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_disputes_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reason_id"],
            ["dispute_reasons.organization_id", "dispute_reasons.id"],
            name=op.f("fk_disputes_organization_id_reason_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["dispute_teams.organization_id", "dispute_teams.id"],
            name=op.f("fk_disputes_organization_id_team_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_disputes_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_disputes_organization_id_number")),
    )
    op.create_index("ix_disputes_assignee", "disputes", ["organization_id", "assignee_id", "id"], unique=False)
    op.create_index("ix_disputes_opened", "disputes", ["organization_id", "opened_on", "id"], unique=False)
    op.create_index(
        op.f("ix_disputes_organization_id_account_id_id"),
        "disputes",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_disputes_organization_id_updated_at_id"),
        "disputes",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_disputes_payment",
        "disputes",
        ["organization_id", "payment_id"],
        unique=False,
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index("ix_disputes_reason", "disputes", ["organization_id", "reason_id", "id"], unique=False)
    op.create_index(
        "ix_disputes_sla",
        "disputes",
        ["organization_id", "sla_due_on", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('open', 'in_review', 'awaiting_customer')"),
    )
    op.create_index("ix_disputes_state", "disputes", ["organization_id", "state", "id"], unique=False)
    op.create_index("ix_disputes_team", "disputes", ["organization_id", "team_id", "id"], unique=False)
    op.create_table(
        "evidence_files",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("attached", sa.Integer(), server_default="0", nullable=False),
        sa.Column("left_out", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
        sa.CheckConstraint("language IN ('en', 'de', 'fr', 'es')", name=op.f("ck_evidence_files_language")),
        sa.CheckConstraint(
            "state <> 'completed' OR document_id IS NOT NULL", name=op.f("ck_evidence_files_document_when_completed")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'failed')", name=op.f("ck_evidence_files_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"],
            ["legal_cases.organization_id", "legal_cases.id"],
            name=op.f("fk_evidence_files_organization_id_case_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_evidence_files_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_evidence_files_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_evidence_files")),
    )
    op.create_index(
        op.f("ix_evidence_files_organization_id_case_id_id"),
        "evidence_files",
        ["organization_id", "case_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_evidence_files_organization_id_document_id"),
        "evidence_files",
        ["organization_id", "document_id"],
        unique=False,
    )
    op.create_table(
        "invoice_delivery_events",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "channel IN ('email', 'letter', 'portal', 'edi', 'fax', 'other')",
            name=op.f("ck_invoice_delivery_events_channel"),
        ),
        sa.CheckConstraint(
            "status IN ('sent', 'delivered', 'confirmed', 'not_received')",
            name=op.f("ck_invoice_delivery_events_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_delivery_events_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_delivery_events_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_delivery_events")),
        info={"append_only": True, "erasable": ("recipient", "note")},
    )
    op.create_index(
        op.f("ix_invoice_delivery_events_organization_id_invoice_id"),
        "invoice_delivery_events",
        ["organization_id", "invoice_id"],
        unique=False,
    )
    op.create_table(
        "legal_case_entries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column("reverses_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('cost', 'recovery')", name=op.f("ck_legal_case_entries_kind")),
        sa.CheckConstraint("(reverses_id IS NULL) = (amount_minor > 0)", name=op.f("ck_legal_case_entries_sign")),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_legal_case_entries_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"],
            ["legal_cases.organization_id", "legal_cases.id"],
            name=op.f("fk_legal_case_entries_organization_id_case_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_legal_case_entries_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reverses_id"],
            ["legal_case_entries.organization_id", "legal_case_entries.id"],
            name=op.f("fk_legal_case_entries_organization_id_reverses_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_legal_case_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_legal_case_entries")),
        sa.UniqueConstraint(
            "organization_id", "reverses_id", name=op.f("uq_legal_case_entries_organization_id_reverses_id")
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_legal_case_entries_organization_id_case_id_id"),
        "legal_case_entries",
        ["organization_id", "case_id", "id"],
        unique=False,
    )
    op.create_table(
        "payment_plans",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="proposed", nullable=False),
        sa.Column("proposed_on", sa.Date(), nullable=False),
        sa.Column("activated_on", sa.Date(), nullable=True),
        sa.Column("next_due_on", sa.Date(), nullable=True),
        sa.Column("next_kept_until", sa.Date(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("collector_id", sa.UUID(), nullable=True),
        sa.Column("taken_by_id", sa.UUID(), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "status IN ('proposed', 'active', 'completed', 'broken', 'cancelled')", name=op.f("ck_payment_plans_status")
        ),
        sa.CheckConstraint("grace_days >= 0", name=op.f("ck_payment_plans_grace_not_negative")),
        sa.CheckConstraint(
            "paid_minor >= 0 AND paid_minor <= total_minor", name=op.f("ck_payment_plans_paid_within_total")
        ),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_payment_plans_total_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_payment_plans_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_payment_plans_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_payment_plans_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_plans_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_plans")),
    )
    op.create_index(
        "ix_payment_plans_active",
        "payment_plans",
        ["organization_id", "next_kept_until"],
        unique=False,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index(
        op.f("ix_payment_plans_organization_id_account_id"),
        "payment_plans",
        ["organization_id", "account_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_payment_plans_organization_id_status_id"),
        "payment_plans",
        ["organization_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_payment_plans_organization_id_updated_at_id"),
        "payment_plans",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_table(
        "promises",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("kept_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("promised_date", sa.Date(), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("kept_until", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("includes_disputed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("reschedules_id", sa.UUID(), nullable=True),
        sa.Column("rescheduled_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("collector_id", sa.UUID(), nullable=True),
        sa.Column("taken_by_id", sa.UUID(), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint("scope IN ('account', 'instalments')", name=op.f("ck_promises_scope")),
        sa.CheckConstraint(
            "status IN ('open', 'partly_kept', 'kept', 'broken', 'cancelled')", name=op.f("ck_promises_status")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_promises_amount_positive")),
        sa.CheckConstraint("grace_days >= 0", name=op.f("ck_promises_grace_not_negative")),
        sa.CheckConstraint(
            "kept_minor >= 0 AND kept_minor <= amount_minor", name=op.f("ck_promises_kept_within_amount")
        ),
        sa.CheckConstraint(
            "made_on <= promised_date AND promised_date <= kept_until", name=op.f("ck_promises_dates_in_order")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_promises_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_promises_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_promises_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reschedules_id"],
            ["promises.organization_id", "promises.id"],
            name=op.f("fk_promises_organization_id_reschedules_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_promises_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_promises")),
    )
    op.create_index(
        op.f("ix_promises_organization_id_account_id_made_on"),
        "promises",
        ["organization_id", "account_id", "made_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_promises_organization_id_collector_id_id"),
        "promises",
        ["organization_id", "collector_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_promises_organization_id_promised_date"),
        "promises",
        ["organization_id", "promised_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_promises_organization_id_status_decided_on"),
        "promises",
        ["organization_id", "status", "decided_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_promises_organization_id_updated_at_id"),
        "promises",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_promises_undecided",
        "promises",
        ["organization_id", "kept_until"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'partly_kept')"),
    )
    op.create_index(
        "uq_promises_reschedules",
        "promises",
        ["organization_id", "reschedules_id"],
        unique=True,
        postgresql_where=sa.text("reschedules_id IS NOT NULL"),
    )
    op.create_table(
        "remittance_joins",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("advice_id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("positions", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "end_reason IN ('cancelled', 'rejoined', 'payment_withdrawn')", name=op.f("ck_remittance_joins_end_reason")
        ),
        sa.CheckConstraint("evidence IN ('reference', 'payer', 'date')", name=op.f("ck_remittance_joins_evidence")),
        sa.ForeignKeyConstraint(
            ["organization_id", "advice_id"],
            ["remittance_advices.organization_id", "remittance_advices.id"],
            name=op.f("fk_remittance_joins_organization_id_advice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_remittance_joins_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_remittance_joins_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_remittance_joins")),
    )
    op.create_index(
        op.f("ix_remittance_joins_organization_id_advice_id"),
        "remittance_joins",
        ["organization_id", "advice_id"],
        unique=False,
    )
    op.create_index(
        "uq_remittance_joins_live",
        "remittance_joins",
        ["organization_id", "payment_id", "advice_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "collection_actions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="planned", nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("priority", sa.Text(), server_default="normal", nullable=False),
        sa.Column("priority_rank", sa.Integer(), server_default="2", nullable=False),
        sa.Column("origin", sa.Text(), server_default="manual", nullable=False),
        sa.Column("origin_key", sa.Text(), nullable=True),
        sa.Column("follows_id", sa.UUID(), nullable=True),
        sa.Column("outcome_code", sa.Text(), nullable=True),
        sa.Column("outcome_note", sa.Text(), nullable=True),
        sa.Column("contact_made", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("contact_warning", sa.Text(), nullable=True),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("done_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.UUID(), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("promise_id", sa.UUID(), nullable=True),
        sa.Column("dispute_id", sa.UUID(), nullable=True),
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
        sa.CheckConstraint(
            "(status = 'done') = (done_on IS NOT NULL)", name=op.f("ck_collection_actions_done_when_done")
        ),
        sa.CheckConstraint(
            "origin IN ('manual', 'outcome', 'rule', 'service')", name=op.f("ck_collection_actions_origin")
        ),
        sa.CheckConstraint(
            "priority IN ('low', 'normal', 'high', 'urgent')", name=op.f("ck_collection_actions_priority")
        ),
        sa.CheckConstraint("status IN ('planned', 'done', 'cancelled')", name=op.f("ck_collection_actions_status")),
        sa.CheckConstraint(
            "type IN ('call', 'email', 'letter', 'sms', 'meeting', 'note', 'escalation', 'legal_referral', 'agency_placement', 'credit_hold')",
            name=op.f("ck_collection_actions_type"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_collection_actions_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_collection_actions_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "dispute_id"],
            ["disputes.organization_id", "disputes.id"],
            name=op.f("fk_collection_actions_organization_id_dispute_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "follows_id"],
            ["collection_actions.organization_id", "collection_actions.id"],
            name=op.f("fk_collection_actions_organization_id_follows_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "owner_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_collection_actions_organization_id_owner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "promise_id"],
            ["promises.organization_id", "promises.id"],
            name=op.f("fk_collection_actions_organization_id_promise_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_collection_actions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_collection_actions")),
    )
    op.create_index(
        op.f("ix_collection_actions_organization_id_account_id_id"),
        "collection_actions",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_collection_actions_organization_id_done_on"),
        "collection_actions",
        ["organization_id", "done_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_collection_actions_organization_id_status_due_date_id"),
        "collection_actions",
        ["organization_id", "status", "due_date", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_collection_actions_organization_id_updated_at_id"),
        "collection_actions",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_collection_actions_planned",
        "collection_actions",
        ["organization_id", "owner_id", "due_date"],
        unique=False,
        postgresql_where=sa.text("status = 'planned'"),
    )
    op.create_index(
        "uq_collection_actions_origin",
        "collection_actions",
        ["organization_id", "origin_key"],
        unique=True,
        postgresql_where=sa.text("origin_key IS NOT NULL"),
    )
    op.create_table(
        "correspondence_messages",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("correspondence_id", sa.UUID(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="message", nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("not_before", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answer", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("template_id", sa.UUID(), nullable=True),
        sa.Column("template_revision", sa.Integer(), nullable=True),
        sa.Column("email_id", sa.UUID(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("document_id", sa.UUID(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("bounced_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("bounce_detail", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
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
        sa.CheckConstraint("channel IN ('email', 'letter')", name=op.f("ck_correspondence_messages_channel")),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_correspondence_messages_direction")),
        sa.CheckConstraint(
            "kind IN ('message', 'auto_reply', 'bounce', 'meeting', 'receipt_request', 'invoice_copy')",
            name=op.f("ck_correspondence_messages_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'sent', 'refused', 'cancelled', 'made', 'posted', 'received')",
            name=op.f("ck_correspondence_messages_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_correspondence_messages_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "correspondence_id"],
            ["correspondences.organization_id", "correspondences.id"],
            name=op.f("fk_correspondence_messages_organization_id_correspondence_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_correspondence_messages_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "email_id"],
            ["outgoing_emails.organization_id", "outgoing_emails.id"],
            name=op.f("fk_correspondence_messages_organization_id_email_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "template_id"],
            ["correspondence_templates.organization_id", "correspondence_templates.id"],
            name=op.f("fk_correspondence_messages_organization_id_template_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_correspondence_messages_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_correspondence_messages")),
    )
    op.create_index(
        "ix_correspondence_messages_email",
        "correspondence_messages",
        ["organization_id", "email_id"],
        unique=False,
        postgresql_where=sa.text("email_id IS NOT NULL"),
    )
    op.create_index(
        "ix_correspondence_messages_message_id",
        "correspondence_messages",
        ["organization_id", "message_id"],
        unique=False,
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_correspondence_messages_organization_id_correspondence_id_at"),
        "correspondence_messages",
        ["organization_id", "correspondence_id", "at"],
        unique=False,
    )
    op.create_index(
        "uq_correspondence_messages_content",
        "correspondence_messages",
        ["organization_id", "content_sha256"],
        unique=True,
        postgresql_where=sa.text("content_sha256 IS NOT NULL"),
    )
    op.create_table(
        "dispute_comments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_id", sa.UUID(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "dispute_id"],
            ["disputes.organization_id", "disputes.id"],
            name=op.f("fk_dispute_comments_organization_id_dispute_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_comments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_comments")),
        info={"append_only": True, "erasable": ("text",)},
    )
    op.create_index(
        op.f("ix_dispute_comments_organization_id_dispute_id_id"),
        "dispute_comments",
        ["organization_id", "dispute_id", "id"],
        unique=False,
    )
    op.create_table(
        "dispute_credits",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("credit_memo_number", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("credit_memo_id", sa.UUID(), nullable=True),
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
        sa.CheckConstraint(
            "(state = 'approved') = (credit_memo_id IS NOT NULL)", name=op.f("ck_dispute_credits_memo_when_approved")
        ),
        sa.CheckConstraint("state IN ('requested', 'approved', 'rejected')", name=op.f("ck_dispute_credits_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_dispute_credits_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "credit_memo_id"],
            ["credit_memos.organization_id", "credit_memos.id"],
            name=op.f("fk_dispute_credits_organization_id_credit_memo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "dispute_id"],
            ["disputes.organization_id", "disputes.id"],
            name=op.f("fk_dispute_credits_organization_id_dispute_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_credits_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_credits")),
    )
    op.create_index(
        "ix_dispute_credits_memo",
        "dispute_credits",
        ["organization_id", "credit_memo_id"],
        unique=False,
        postgresql_where=sa.text("credit_memo_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_dispute_credits_organization_id_dispute_id_id"),
        "dispute_credits",
        ["organization_id", "dispute_id", "id"],
        unique=False,
    )
    op.create_index(
        "uq_dispute_credits_pending",
        "dispute_credits",
        ["organization_id", "dispute_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.create_table(
        "dispute_lines",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("open_at_opening_minor", sa.BigInteger(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <= open_at_opening_minor", name=op.f("ck_dispute_lines_within_open")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_dispute_lines_amount_positive")),
        sa.CheckConstraint(
            "disputed_minor >= 0 AND disputed_minor <= amount_minor",
            name=op.f("ck_dispute_lines_disputed_within_amount"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "dispute_id"],
            ["disputes.organization_id", "disputes.id"],
            name=op.f("fk_dispute_lines_organization_id_dispute_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_dispute_lines_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_lines")),
        sa.UniqueConstraint(
            "organization_id",
            "dispute_id",
            "instalment_id",
            name=op.f("uq_dispute_lines_organization_id_dispute_id_instalment_id"),
        ),
    )
    op.create_index(
        "ix_dispute_lines_active",
        "dispute_lines",
        ["organization_id", "instalment_id"],
        unique=False,
        postgresql_include=["disputed_minor"],
        postgresql_where=sa.text("disputed_minor > 0"),
    )
    op.create_index(
        op.f("ix_dispute_lines_organization_id_instalment_id"),
        "dispute_lines",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_table(
        "dispute_transitions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "from_state IN ('open', 'in_review', 'awaiting_customer', 'resolved_credited', 'resolved_rejected', 'resolved_paid', 'withdrawn')",
            name=op.f("ck_dispute_transitions_from_state"),
        ),
        sa.CheckConstraint(
            "to_state IN ('open', 'in_review', 'awaiting_customer', 'resolved_credited', 'resolved_rejected', 'resolved_paid', 'withdrawn')",
            name=op.f("ck_dispute_transitions_to_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "dispute_id"],
            ["disputes.organization_id", "disputes.id"],
            name=op.f("fk_dispute_transitions_organization_id_dispute_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_transitions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_transitions")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_dispute_transitions_organization_id_dispute_id_id"),
        "dispute_transitions",
        ["organization_id", "dispute_id", "id"],
        unique=False,
    )
    op.create_table(
        "legal_case_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"],
            ["legal_cases.organization_id", "legal_cases.id"],
            name=op.f("fk_legal_case_items_organization_id_case_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_legal_case_items_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_legal_case_items_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_legal_case_items")),
        sa.UniqueConstraint(
            "organization_id",
            "case_id",
            "instalment_id",
            name=op.f("uq_legal_case_items_organization_id_case_id_instalment_id"),
        ),
    )
    op.create_index(
        "uq_legal_case_items_active",
        "legal_case_items",
        ["organization_id", "instalment_id"],
        unique=True,
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "lessons",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("normalized_value", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("proposal_id", sa.UUID(), nullable=True),
        sa.Column("application_group_id", sa.UUID(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("taught_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
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
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('bank_identifier', 'payer_name', 'number_format')", name=op.f("ck_lessons_kind")),
        sa.CheckConstraint(
            "origin IN ('accepted', 'corrected', 'on_account', 'manual', 'automatic')", name=op.f("ck_lessons_origin")
        ),
        sa.CheckConstraint("state IN ('active', 'withdrawn', 'forgotten')", name=op.f("ck_lessons_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_lessons_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_lessons_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "proposal_id"],
            ["proposals.organization_id", "proposals.id"],
            name=op.f("fk_lessons_organization_id_proposal_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_lessons_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_lessons")),
    )
    op.create_index(
        op.f("ix_lessons_organization_id_account_id"), "lessons", ["organization_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_lessons_organization_id_application_group_id"),
        "lessons",
        ["organization_id", "application_group_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_lessons_organization_id_kind_normalized_value"),
        "lessons",
        ["organization_id", "kind", "normalized_value"],
        unique=False,
    )
    op.create_index(
        op.f("ix_lessons_organization_id_proposal_id"), "lessons", ["organization_id", "proposal_id"], unique=False
    )
    op.create_index(
        "uq_lessons_active",
        "lessons",
        ["organization_id", "payment_id", "kind", "normalized_value", "account_id"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "meetings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=False),
        sa.Column("correspondence_id", sa.UUID(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("starts_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="invited", nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
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
        sa.CheckConstraint(
            "state IN ('invited', 'accepted', 'tentative', 'declined', 'cancelled')", name=op.f("ck_meetings_state")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_meetings_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_meetings_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_meetings_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "correspondence_id"],
            ["correspondences.organization_id", "correspondences.id"],
            name=op.f("fk_meetings_organization_id_correspondence_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_meetings_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_meetings")),
    )
    op.create_index(
        op.f("ix_meetings_organization_id_account_id_starts_at"),
        "meetings",
        ["organization_id", "account_id", "starts_at"],
        unique=False,
    )
    op.create_table(
        "payment_plan_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_plan_items_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_payment_plan_items_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "plan_id"],
            ["payment_plans.organization_id", "payment_plans.id"],
            name=op.f("fk_payment_plan_items_organization_id_plan_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_plan_items_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_plan_items")),
        sa.UniqueConstraint(
            "organization_id",
            "plan_id",
            "instalment_id",
            name=op.f("uq_payment_plan_items_organization_id_plan_id_instalment_id"),
        ),
    )
    op.create_index(
        op.f("ix_payment_plan_items_organization_id_instalment_id"),
        "payment_plan_items",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_table(
        "payment_plan_parts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("kept_until", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'partly_kept', 'kept', 'broken')", name=op.f("ck_payment_plan_parts_status")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_plan_parts_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "plan_id"],
            ["payment_plans.organization_id", "payment_plans.id"],
            name=op.f("fk_payment_plan_parts_organization_id_plan_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_plan_parts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_plan_parts")),
        sa.UniqueConstraint(
            "organization_id", "plan_id", "ordinal", name=op.f("uq_payment_plan_parts_organization_id_plan_id_ordinal")
        ),
    )
    op.create_index(
        "ix_payment_plan_parts_due",
        "payment_plan_parts",
        ["organization_id", "due_date"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'partly_kept')"),
    )
    op.create_table(
        "promise_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("promise_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("kept_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_promise_items_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_promise_items_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "promise_id"],
            ["promises.organization_id", "promises.id"],
            name=op.f("fk_promise_items_organization_id_promise_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_promise_items_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_promise_items")),
        sa.UniqueConstraint(
            "organization_id",
            "promise_id",
            "instalment_id",
            name=op.f("uq_promise_items_organization_id_promise_id_instalment_id"),
        ),
    )
    op.create_index(
        op.f("ix_promise_items_organization_id_instalment_id"),
        "promise_items",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_table(
        "remittance_lines",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("advice_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("number_key", sa.Text(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deduction_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deduction_reason", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), server_default="unresolved", nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=True),
        sa.Column("credit_memo_id", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "resolution IN ('resolved', 'ambiguous', 'unresolved')", name=op.f("ck_remittance_lines_resolution")
        ),
        sa.CheckConstraint(
            "discount_minor >= 0 AND deduction_minor >= 0", name=op.f("ck_remittance_lines_kept_not_negative")
        ),
        sa.CheckConstraint(
            "instalment_id IS NULL OR credit_memo_id IS NULL", name=op.f("ck_remittance_lines_one_document")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "advice_id"],
            ["remittance_advices.organization_id", "remittance_advices.id"],
            name=op.f("fk_remittance_lines_organization_id_advice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "credit_memo_id"],
            ["credit_memos.organization_id", "credit_memos.id"],
            name=op.f("fk_remittance_lines_organization_id_credit_memo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_remittance_lines_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_remittance_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_remittance_lines")),
        sa.UniqueConstraint(
            "organization_id",
            "advice_id",
            "position",
            name=op.f("uq_remittance_lines_organization_id_advice_id_position"),
        ),
    )
    op.create_index(
        op.f("ix_remittance_lines_organization_id_number_key"),
        "remittance_lines",
        ["organization_id", "number_key"],
        unique=False,
    )
    op.create_table(
        "collection_action_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("action_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "action_id"],
            ["collection_actions.organization_id", "collection_actions.id"],
            name=op.f("fk_collection_action_items_organization_id_action_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_collection_action_items_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_collection_action_items_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_collection_action_items")),
        sa.UniqueConstraint(
            "organization_id",
            "action_id",
            "instalment_id",
            name=op.f("uq_collection_action_items_organization_id_action_id_instalment_id"),
        ),
    )
    op.create_index(
        op.f("ix_collection_action_items_organization_id_instalment_id"),
        "collection_action_items",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_table(
        "correspondence_attachments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(document_id IS NULL) <> (refusal IS NULL)", name=op.f("ck_correspondence_attachments_stored_or_refused")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_correspondence_attachments_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["correspondence_messages.organization_id", "correspondence_messages.id"],
            name=op.f("fk_correspondence_attachments_organization_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_correspondence_attachments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_correspondence_attachments")),
        info={"append_only": True, "erasable": ("name",)},
    )
    op.create_index(
        op.f("ix_correspondence_attachments_organization_id_message_id"),
        "correspondence_attachments",
        ["organization_id", "message_id"],
        unique=False,
    )
    op.create_table(
        "escalations",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("rule_version_id", sa.UUID(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("to_user_id", sa.UUID(), nullable=True),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("raised_by_id", sa.UUID(), nullable=True),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("action_id", sa.UUID(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "(status = 'closed') = (closed_on IS NOT NULL)", name=op.f("ck_escalations_closed_when_closed")
        ),
        sa.CheckConstraint("origin IN ('manual', 'rule')", name=op.f("ck_escalations_origin")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_escalations_status")),
        sa.CheckConstraint("level BETWEEN 1 AND 9", name=op.f("ck_escalations_level_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_escalations_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "action_id"],
            ["collection_actions.organization_id", "collection_actions.id"],
            name=op.f("fk_escalations_organization_id_action_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "rule_version_id"],
            ["collection_rule_versions.organization_id", "collection_rule_versions.id"],
            name=op.f("fk_escalations_organization_id_rule_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "to_user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_escalations_organization_id_to_user_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_escalations_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_escalations")),
    )
    op.create_index(
        op.f("ix_escalations_organization_id_account_id_reason_code_closed_on"),
        "escalations",
        ["organization_id", "account_id", "reason_code", "closed_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_escalations_organization_id_status_id"),
        "escalations",
        ["organization_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        "ix_escalations_to",
        "escalations",
        ["organization_id", "to_user_id", "until"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "uq_escalations_open",
        "escalations",
        ["organization_id", "account_id", "reason_code"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "inquiries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("correspondence_id", sa.UUID(), nullable=True),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("breached_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
        sa.CheckConstraint(
            "category IN ('invoice_copy', 'payment_status', 'statement', 'terms', 'pricing', 'delivery', 'other')",
            name=op.f("ck_inquiries_category"),
        ),
        sa.CheckConstraint("state IN ('open', 'answered', 'closed')", name=op.f("ck_inquiries_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_inquiries_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_inquiries_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "correspondence_id"],
            ["correspondences.organization_id", "correspondences.id"],
            name=op.f("fk_inquiries_organization_id_correspondence_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["correspondence_messages.organization_id", "correspondence_messages.id"],
            name=op.f("fk_inquiries_organization_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "owner_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_inquiries_organization_id_owner_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_inquiries_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_inquiries")),
    )
    op.create_index(
        "ix_inquiries_due",
        "inquiries",
        ["organization_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_inquiries_organization_id_account_id"), "inquiries", ["organization_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_inquiries_organization_id_owner_id"),
        "inquiries",
        ["organization_id", "owner_id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_inquiries_organization_id_updated_at_id"),
        "inquiries",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_table(
        "receipt_requests",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_receipt_requests_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_receipt_requests_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["correspondence_messages.organization_id", "correspondence_messages.id"],
            name=op.f("fk_receipt_requests_organization_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_receipt_requests_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_receipt_requests")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "due_date",
            name=op.f("uq_receipt_requests_organization_id_invoice_id_due_date"),
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_receipt_requests_organization_id_message_id"),
        "receipt_requests",
        ["organization_id", "message_id"],
        unique=False,
    )
    op.add_column("accounts", sa.Column("source_credit_status", sa.Text(), nullable=True))
    op.create_index(
        op.f("ix_accounts_organization_id_credit_status_id"),
        "accounts",
        ["organization_id", "credit_status", "id"],
        unique=False,
    )
    op.add_column("api_clients", sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_contacts_organization_id_email"),
        "contacts",
        ["organization_id", "email"],
        unique=False,
        postgresql_where=sa.text("email IS NOT NULL"),
    )
    op.create_index(
        "ix_instalments_open_amount",
        "instalments",
        ["organization_id", "legal_entity_id", "open_minor"],
        unique=False,
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.drop_constraint(op.f("fk_instalments_organization_id"), "instalments", type_="foreignkey")
    op.drop_constraint(op.f("fk_invoices_organization_id"), "invoices", type_="foreignkey")
    op.add_column(
        "matching_settings",
        sa.Column("precision_target", sa.Numeric(precision=6, scale=5), server_default="0.998", nullable=False),
    )
    op.add_column("matching_settings", sa.Column("residual", sa.Text(), server_default="on_account", nullable=False))
    op.add_column(
        "matching_settings",
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column("matching_settings", sa.Column("switched_by", sa.Text(), nullable=True))
    op.add_column("matching_settings", sa.Column("switched_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("matching_settings", sa.Column("judged_since", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_index("ix_payments_amount", "payments", ["organization_id", "amount_minor", "value_date"], unique=False)
    op.create_index(
        op.f("ix_payments_organization_id_account_id_value_date"),
        "payments",
        ["organization_id", "account_id", "value_date"],
        unique=False,
    )
    op.add_column("proposals", sa.Column("kind", sa.Text(), server_default="settlement", nullable=False))
    op.add_column("proposals", sa.Column("duplicate_of", sa.UUID(), nullable=True))
    op.add_column("proposals", sa.Column("entry_reference", sa.Text(), nullable=True))
    op.add_column("proposals", sa.Column("effective_date", sa.Date(), nullable=True))
    op.add_column("proposals", sa.Column("value_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.alter_column("proposals", "run_id", existing_type=sa.UUID(), nullable=True)
    op.drop_index(op.f("uq_proposals_open"), table_name="proposals", postgresql_where="(state = 'open'::text)")
    op.create_index(
        "uq_proposals_open",
        "proposals",
        ["organization_id", "payment_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        op.f("ix_proposals_organization_id_account_id"), "proposals", ["organization_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_proposals_organization_id_state_value_minor_id"),
        "proposals",
        ["organization_id", "state", "value_minor", "id"],
        unique=False,
    )
    op.create_index(
        "uq_proposals_entry",
        "proposals",
        ["organization_id", "entry_reference"],
        unique=True,
        postgresql_where=sa.text("entry_reference IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_proposals_organization_id_duplicate_of"),
        "proposals",
        "payments",
        ["organization_id", "duplicate_of"],
        ["organization_id", "id"],
    )
    op.drop_constraint(op.f("fk_transfers_organization_id"), "transfers", type_="foreignkey")
    op.add_column("users", sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_matching_settings_residual"),
        "matching_settings",
        "(residual = ANY (ARRAY['on_account'::text, 'review'::text, 'small_to_income'::text]))",
    )
    op.create_check_constraint(
        op.f("ck_accounts_source_credit_status"),
        "accounts",
        "(source_credit_status = ANY (ARRAY['ok'::text, 'watch'::text, 'hold'::text, 'stop'::text]))",
    )
    op.drop_constraint(op.f("ck_proposals_state"), "proposals", type_="check")
    op.create_check_constraint(
        op.f("ck_proposals_kind"),
        "proposals",
        "(kind = ANY (ARRAY['settlement'::text, 'duplicate'::text, 'reversal'::text]))",
    )
    op.create_check_constraint(
        op.f("ck_proposals_state"),
        "proposals",
        "(state = ANY (ARRAY['open'::text, 'held'::text, 'applied'::text, 'accepted'::text, 'corrected'::text, 'on_account'::text, 'duplicate'::text, 'released'::text, 'rejected'::text, 'undone'::text, 'superseded'::text]))",
    )
    secure_table("action_outcomes")
    secure_table("collection_rule_versions", append_only=True)
    secure_table("correspondence_settings")
    secure_table("correspondence_templates")
    secure_table("credit_policies")
    secure_table("dispute_teams")
    secure_table("documents", append_only=True, erasable=("name",))
    secure_table("event_cursors", worker_reads=True)
    secure_table("export_records")
    secure_table("matching_rules")
    secure_table("nightly_runs")
    secure_table("number_formats")
    secure_table("outgoing_emails")
    secure_table("playbooks")
    secure_table("retention_settings")
    secure_table("assignment_runs")
    secure_table("collector_covers")
    secure_table("collector_targets")
    secure_table("correspondence_template_revisions", append_only=True)
    secure_table("dispute_reasons")
    secure_table("document_links")
    secure_table("playbook_revisions", append_only=True)
    secure_table("account_duplicates")
    secure_table("account_matching_settings")
    secure_table("account_merges")
    secure_table("collector_assignments", append_only=True)
    secure_table("credit_bureau_scores", append_only=True)
    secure_table("credit_decisions", append_only=True)
    secure_table("credit_holds")
    secure_table("credit_orders")
    secure_table("credit_profiles")
    secure_table("credit_remarks", append_only=True)
    secure_table("credit_reviews")
    secure_table("credit_scores")
    secure_table("credit_securities")
    secure_table("credit_statements", append_only=True)
    secure_table("credit_status_changes", append_only=True)
    secure_table("data_findings")
    secure_table("legal_cases")
    secure_table("personal_data_erasures", append_only=True)
    secure_table("remittance_advices")
    secure_table("timeline_entries", append_only=True, erasable=("reason", "before", "after"))
    secure_table("worklist_entries")
    secure_table("worklist_snoozes")
    secure_table("contact_attempts", append_only=True)
    secure_table("correspondences")
    secure_table("credit_limit_changes", append_only=True)
    secure_table("disputes")
    secure_table("evidence_files")
    secure_table("invoice_delivery_events", append_only=True, erasable=("recipient", "note"))
    secure_table("legal_case_entries", append_only=True)
    secure_table("payment_plans")
    secure_table("promises")
    secure_table("remittance_joins")
    secure_table("collection_actions")
    secure_table("correspondence_messages")
    secure_table("dispute_comments", append_only=True, erasable=("text",))
    secure_table("dispute_credits")
    secure_table("dispute_lines")
    secure_table("dispute_transitions", append_only=True)
    secure_table("legal_case_items")
    secure_table("lessons")
    secure_table("meetings")
    secure_table("payment_plan_items")
    secure_table("payment_plan_parts")
    secure_table("promise_items")
    secure_table("remittance_lines")
    secure_table("collection_action_items")
    secure_table("correspondence_attachments", append_only=True, erasable=("name",))
    secure_table("escalations")
    secure_table("inquiries")
    secure_table("receipt_requests", append_only=True)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_proposals_kind"), "proposals", type_="check")
    op.drop_constraint(op.f("ck_proposals_state"), "proposals", type_="check")
    op.create_check_constraint(
        op.f("ck_proposals_state"),
        "proposals",
        "(state = ANY (ARRAY['open'::text, 'applied'::text, 'accepted'::text, 'corrected'::text, 'rejected'::text, 'superseded'::text]))",
    )
    op.drop_constraint(op.f("ck_accounts_source_credit_status"), "accounts", type_="check")
    op.drop_constraint(op.f("ck_matching_settings_residual"), "matching_settings", type_="check")
    op.drop_column("users", "last_used_at")
    op.create_foreign_key(
        op.f("fk_transfers_organization_id"), "transfers", "organizations", ["organization_id"], ["id"]
    )
    op.drop_constraint(op.f("fk_proposals_organization_id_duplicate_of"), "proposals", type_="foreignkey")
    op.drop_index("uq_proposals_entry", table_name="proposals", postgresql_where=sa.text("entry_reference IS NOT NULL"))
    op.drop_index(op.f("ix_proposals_organization_id_state_value_minor_id"), table_name="proposals")
    op.drop_index(op.f("ix_proposals_organization_id_account_id"), table_name="proposals")
    op.drop_index("uq_proposals_open", table_name="proposals", postgresql_where=sa.text("state = 'open'"))
    op.create_index(
        op.f("uq_proposals_open"),
        "proposals",
        ["organization_id", "payment_id"],
        unique=True,
        postgresql_where="(state = 'open'::text)",
    )
    op.alter_column("proposals", "run_id", existing_type=sa.UUID(), nullable=False)
    op.drop_column("proposals", "value_minor")
    op.drop_column("proposals", "effective_date")
    op.drop_column("proposals", "entry_reference")
    op.drop_column("proposals", "duplicate_of")
    op.drop_column("proposals", "kind")
    op.drop_index(op.f("ix_payments_organization_id_account_id_value_date"), table_name="payments")
    op.drop_index("ix_payments_amount", table_name="payments")
    op.drop_column("matching_settings", "judged_since")
    op.drop_column("matching_settings", "switched_at")
    op.drop_column("matching_settings", "switched_by")
    op.drop_column("matching_settings", "figures")
    op.drop_column("matching_settings", "residual")
    op.drop_column("matching_settings", "precision_target")
    op.create_foreign_key(op.f("fk_invoices_organization_id"), "invoices", "organizations", ["organization_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_instalments_organization_id"), "instalments", "organizations", ["organization_id"], ["id"]
    )
    op.drop_index("ix_instalments_open_amount", table_name="instalments", postgresql_where=sa.text("open_minor <> 0"))
    op.drop_index(
        op.f("ix_contacts_organization_id_email"), table_name="contacts", postgresql_where=sa.text("email IS NOT NULL")
    )
    op.drop_column("api_clients", "last_used_at")
    op.drop_index(op.f("ix_accounts_organization_id_credit_status_id"), table_name="accounts")
    op.drop_column("accounts", "source_credit_status")
    op.drop_index(op.f("ix_receipt_requests_organization_id_message_id"), table_name="receipt_requests")
    op.drop_table("receipt_requests")
    op.drop_index(op.f("ix_inquiries_organization_id_updated_at_id"), table_name="inquiries")
    op.drop_index(
        op.f("ix_inquiries_organization_id_owner_id"),
        table_name="inquiries",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index(op.f("ix_inquiries_organization_id_account_id"), table_name="inquiries")
    op.drop_index("ix_inquiries_due", table_name="inquiries", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("inquiries")
    op.drop_index("uq_escalations_open", table_name="escalations", postgresql_where=sa.text("status = 'open'"))
    op.drop_index("ix_escalations_to", table_name="escalations", postgresql_where=sa.text("status = 'open'"))
    op.drop_index(op.f("ix_escalations_organization_id_status_id"), table_name="escalations")
    op.drop_index(op.f("ix_escalations_organization_id_account_id_reason_code_closed_on"), table_name="escalations")
    op.drop_table("escalations")
    op.drop_index(
        op.f("ix_correspondence_attachments_organization_id_message_id"), table_name="correspondence_attachments"
    )
    op.drop_table("correspondence_attachments")
    op.drop_index(
        op.f("ix_collection_action_items_organization_id_instalment_id"), table_name="collection_action_items"
    )
    op.drop_table("collection_action_items")
    op.drop_index(op.f("ix_remittance_lines_organization_id_number_key"), table_name="remittance_lines")
    op.drop_table("remittance_lines")
    op.drop_index(op.f("ix_promise_items_organization_id_instalment_id"), table_name="promise_items")
    op.drop_table("promise_items")
    op.drop_index(
        "ix_payment_plan_parts_due",
        table_name="payment_plan_parts",
        postgresql_where=sa.text("status IN ('open', 'partly_kept')"),
    )
    op.drop_table("payment_plan_parts")
    op.drop_index(op.f("ix_payment_plan_items_organization_id_instalment_id"), table_name="payment_plan_items")
    op.drop_table("payment_plan_items")
    op.drop_index(op.f("ix_meetings_organization_id_account_id_starts_at"), table_name="meetings")
    op.drop_table("meetings")
    op.drop_index("uq_lessons_active", table_name="lessons", postgresql_where=sa.text("state = 'active'"))
    op.drop_index(op.f("ix_lessons_organization_id_proposal_id"), table_name="lessons")
    op.drop_index(op.f("ix_lessons_organization_id_kind_normalized_value"), table_name="lessons")
    op.drop_index(op.f("ix_lessons_organization_id_application_group_id"), table_name="lessons")
    op.drop_index(op.f("ix_lessons_organization_id_account_id"), table_name="lessons")
    op.drop_table("lessons")
    op.drop_index("uq_legal_case_items_active", table_name="legal_case_items", postgresql_where=sa.text("active"))
    op.drop_table("legal_case_items")
    op.drop_index(op.f("ix_dispute_transitions_organization_id_dispute_id_id"), table_name="dispute_transitions")
    op.drop_table("dispute_transitions")
    op.drop_index(op.f("ix_dispute_lines_organization_id_instalment_id"), table_name="dispute_lines")
    op.drop_index(
        "ix_dispute_lines_active",
        table_name="dispute_lines",
        postgresql_include=["disputed_minor"],
        postgresql_where=sa.text("disputed_minor > 0"),
    )
    op.drop_table("dispute_lines")
    op.drop_index(
        "uq_dispute_credits_pending", table_name="dispute_credits", postgresql_where=sa.text("state = 'requested'")
    )
    op.drop_index(op.f("ix_dispute_credits_organization_id_dispute_id_id"), table_name="dispute_credits")
    op.drop_index(
        "ix_dispute_credits_memo", table_name="dispute_credits", postgresql_where=sa.text("credit_memo_id IS NOT NULL")
    )
    op.drop_table("dispute_credits")
    op.drop_index(op.f("ix_dispute_comments_organization_id_dispute_id_id"), table_name="dispute_comments")
    op.drop_table("dispute_comments")
    op.drop_index(
        "uq_correspondence_messages_content",
        table_name="correspondence_messages",
        postgresql_where=sa.text("content_sha256 IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_correspondence_messages_organization_id_correspondence_id_at"), table_name="correspondence_messages"
    )
    op.drop_index(
        "ix_correspondence_messages_message_id",
        table_name="correspondence_messages",
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_correspondence_messages_email",
        table_name="correspondence_messages",
        postgresql_where=sa.text("email_id IS NOT NULL"),
    )
    op.drop_table("correspondence_messages")
    op.drop_index(
        "uq_collection_actions_origin",
        table_name="collection_actions",
        postgresql_where=sa.text("origin_key IS NOT NULL"),
    )
    op.drop_index(
        "ix_collection_actions_planned", table_name="collection_actions", postgresql_where=sa.text("status = 'planned'")
    )
    op.drop_index(op.f("ix_collection_actions_organization_id_updated_at_id"), table_name="collection_actions")
    op.drop_index(op.f("ix_collection_actions_organization_id_status_due_date_id"), table_name="collection_actions")
    op.drop_index(op.f("ix_collection_actions_organization_id_done_on"), table_name="collection_actions")
    op.drop_index(op.f("ix_collection_actions_organization_id_account_id_id"), table_name="collection_actions")
    op.drop_table("collection_actions")
    op.drop_index(
        "uq_remittance_joins_live", table_name="remittance_joins", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_index(op.f("ix_remittance_joins_organization_id_advice_id"), table_name="remittance_joins")
    op.drop_table("remittance_joins")
    op.drop_index(
        "uq_promises_reschedules", table_name="promises", postgresql_where=sa.text("reschedules_id IS NOT NULL")
    )
    op.drop_index(
        "ix_promises_undecided", table_name="promises", postgresql_where=sa.text("status IN ('open', 'partly_kept')")
    )
    op.drop_index(op.f("ix_promises_organization_id_updated_at_id"), table_name="promises")
    op.drop_index(op.f("ix_promises_organization_id_status_decided_on"), table_name="promises")
    op.drop_index(op.f("ix_promises_organization_id_promised_date"), table_name="promises")
    op.drop_index(op.f("ix_promises_organization_id_collector_id_id"), table_name="promises")
    op.drop_index(op.f("ix_promises_organization_id_account_id_made_on"), table_name="promises")
    op.drop_table("promises")
    op.drop_index(op.f("ix_payment_plans_organization_id_updated_at_id"), table_name="payment_plans")
    op.drop_index(op.f("ix_payment_plans_organization_id_status_id"), table_name="payment_plans")
    op.drop_index(op.f("ix_payment_plans_organization_id_account_id"), table_name="payment_plans")
    op.drop_index("ix_payment_plans_active", table_name="payment_plans", postgresql_where=sa.text("status = 'active'"))
    op.drop_table("payment_plans")
    op.drop_index(op.f("ix_legal_case_entries_organization_id_case_id_id"), table_name="legal_case_entries")
    op.drop_table("legal_case_entries")
    op.drop_index(op.f("ix_invoice_delivery_events_organization_id_invoice_id"), table_name="invoice_delivery_events")
    op.drop_table("invoice_delivery_events")
    op.drop_index(op.f("ix_evidence_files_organization_id_document_id"), table_name="evidence_files")
    op.drop_index(op.f("ix_evidence_files_organization_id_case_id_id"), table_name="evidence_files")
    op.drop_table("evidence_files")
    op.drop_index("ix_disputes_team", table_name="disputes")
    op.drop_index("ix_disputes_state", table_name="disputes")
    op.drop_index(
        "ix_disputes_sla",
        table_name="disputes",
        postgresql_where=sa.text("state IN ('open', 'in_review', 'awaiting_customer')"),
    )
    op.drop_index("ix_disputes_reason", table_name="disputes")
    op.drop_index("ix_disputes_payment", table_name="disputes", postgresql_where=sa.text("payment_id IS NOT NULL"))
    op.drop_index(op.f("ix_disputes_organization_id_updated_at_id"), table_name="disputes")
    op.drop_index(op.f("ix_disputes_organization_id_account_id_id"), table_name="disputes")
    op.drop_index("ix_disputes_opened", table_name="disputes")
    op.drop_index("ix_disputes_assignee", table_name="disputes")
    op.drop_table("disputes")
    op.drop_index(op.f("ix_credit_limit_changes_organization_id_account_id_id"), table_name="credit_limit_changes")
    op.drop_table("credit_limit_changes")
    op.drop_index("ix_correspondences_unread", table_name="correspondences", postgresql_where=sa.text("unread"))
    op.drop_index(op.f("ix_correspondences_organization_id_last_message_at_id"), table_name="correspondences")
    op.drop_index(op.f("ix_correspondences_organization_id_account_id_last_message_at"), table_name="correspondences")
    op.drop_table("correspondences")
    op.drop_index(op.f("ix_contact_attempts_organization_id_subject_id"), table_name="contact_attempts")
    op.drop_index(op.f("ix_contact_attempts_organization_id_account_id_at"), table_name="contact_attempts")
    op.drop_table("contact_attempts")
    op.drop_index(op.f("ix_worklist_snoozes_organization_id_until_date"), table_name="worklist_snoozes")
    op.drop_table("worklist_snoozes")
    op.drop_index("ix_worklist_entries_order", table_name="worklist_entries")
    op.drop_index("ix_worklist_entries_all", table_name="worklist_entries")
    op.drop_table("worklist_entries")
    op.drop_index(op.f("ix_timeline_entries_organization_id_account_id_kind_position"), table_name="timeline_entries")
    op.drop_table("timeline_entries")
    op.drop_index(
        "uq_remittance_advices_external",
        table_name="remittance_advices",
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_remittance_advices_content",
        table_name="remittance_advices",
        postgresql_where=sa.text("state <> 'cancelled'"),
    )
    op.drop_index(op.f("ix_remittance_advices_organization_id_updated_at_id"), table_name="remittance_advices")
    op.drop_index(
        op.f("ix_remittance_advices_organization_id_reference_key"),
        table_name="remittance_advices",
        postgresql_where=sa.text("reference_key IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_remittance_advices_organization_id_account_id"),
        table_name="remittance_advices",
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_remittance_advices_open", table_name="remittance_advices", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_index(
        "ix_remittance_advices_joined", table_name="remittance_advices", postgresql_where=sa.text("state = 'joined'")
    )
    op.drop_table("remittance_advices")
    op.drop_index(op.f("ix_personal_data_erasures_organization_id_account_id_id"), table_name="personal_data_erasures")
    op.drop_table("personal_data_erasures")
    op.drop_index(op.f("ix_legal_cases_organization_id_status_id"), table_name="legal_cases")
    op.drop_index(op.f("ix_legal_cases_organization_id_account_id_id"), table_name="legal_cases")
    op.drop_table("legal_cases")
    op.drop_index("ix_data_findings_state", table_name="data_findings")
    op.drop_table("data_findings")
    op.drop_index(op.f("ix_credit_status_changes_organization_id_account_id_id"), table_name="credit_status_changes")
    op.drop_table("credit_status_changes")
    op.drop_index(op.f("ix_credit_statements_organization_id_account_id_period_end_id"), table_name="credit_statements")
    op.drop_table("credit_statements")
    op.drop_index(op.f("ix_credit_securities_organization_id_account_id"), table_name="credit_securities")
    op.drop_index(
        "ix_credit_securities_ending", table_name="credit_securities", postgresql_where=sa.text("cancelled_on IS NULL")
    )
    op.drop_table("credit_securities")
    op.drop_table("credit_scores")
    op.drop_index(
        "uq_credit_reviews_open",
        table_name="credit_reviews",
        postgresql_where=sa.text("state IN ('draft', 'recommended')"),
    )
    op.drop_index(op.f("ix_credit_reviews_organization_id_state_id"), table_name="credit_reviews")
    op.drop_index(op.f("ix_credit_reviews_organization_id_account_id_id"), table_name="credit_reviews")
    op.drop_table("credit_reviews")
    op.drop_index(op.f("ix_credit_remarks_organization_id_account_id_id"), table_name="credit_remarks")
    op.drop_table("credit_remarks")
    op.drop_index(op.f("ix_credit_profiles_organization_id_score_id"), table_name="credit_profiles")
    op.drop_index(
        op.f("ix_credit_profiles_organization_id_next_review_on_id"),
        table_name="credit_profiles",
        postgresql_where=sa.text("next_review_on IS NOT NULL"),
    )
    op.drop_table("credit_profiles")
    op.drop_index(
        "ix_credit_orders_open",
        table_name="credit_orders",
        postgresql_include=["currency", "open_minor"],
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.drop_table("credit_orders")
    op.drop_index(
        "ix_credit_holds_standing", table_name="credit_holds", postgresql_where=sa.text("released_on IS NULL")
    )
    op.drop_index(op.f("ix_credit_holds_organization_id_account_id"), table_name="credit_holds")
    op.drop_table("credit_holds")
    op.drop_index(
        op.f("ix_credit_decisions_organization_id_source_external_id"),
        table_name="credit_decisions",
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_credit_decisions_organization_id_account_id_id"), table_name="credit_decisions")
    op.drop_table("credit_decisions")
    op.drop_index(
        op.f("ix_credit_bureau_scores_organization_id_account_id_scored_on_id"), table_name="credit_bureau_scores"
    )
    op.drop_table("credit_bureau_scores")
    op.drop_index(op.f("ix_collector_assignments_organization_id_account_id_id"), table_name="collector_assignments")
    op.drop_table("collector_assignments")
    op.drop_index(
        "uq_account_merges_standing", table_name="account_merges", postgresql_where=sa.text("state = 'merged'")
    )
    op.drop_index(op.f("ix_account_merges_organization_id_survivor_id"), table_name="account_merges")
    op.drop_index(op.f("ix_account_merges_organization_id_merged_id_id"), table_name="account_merges")
    op.drop_table("account_merges")
    op.drop_table("account_matching_settings")
    op.drop_index("ix_account_duplicates_state", table_name="account_duplicates")
    op.drop_index(op.f("ix_account_duplicates_organization_id_other_id"), table_name="account_duplicates")
    op.drop_table("account_duplicates")
    op.drop_table("playbook_revisions")
    op.drop_index(op.f("ix_document_links_organization_id_subject_kind_subject_id_id"), table_name="document_links")
    op.drop_table("document_links")
    op.drop_index(op.f("ix_dispute_reasons_organization_id_team_id"), table_name="dispute_reasons")
    op.drop_table("dispute_reasons")
    op.drop_table("correspondence_template_revisions")
    op.drop_index(op.f("ix_collector_targets_organization_id_collector_id"), table_name="collector_targets")
    op.drop_table("collector_targets")
    op.drop_index(op.f("ix_collector_covers_organization_id_end_date"), table_name="collector_covers")
    op.drop_index(op.f("ix_collector_covers_organization_id_collector_id_start_date"), table_name="collector_covers")
    op.drop_table("collector_covers")
    op.drop_table("assignment_runs")
    op.drop_table("retention_settings")
    op.drop_index("ix_playbooks_subjects", table_name="playbooks", postgresql_using="gin")
    op.drop_table("playbooks")
    op.drop_index("ix_outgoing_emails_state", table_name="outgoing_emails")
    op.drop_index(
        "ix_outgoing_emails_planned", table_name="outgoing_emails", postgresql_where=sa.text("state = 'planned'")
    )
    op.drop_index(op.f("ix_outgoing_emails_organization_id_subject_kind_subject_id"), table_name="outgoing_emails")
    op.drop_table("outgoing_emails")
    op.drop_table("number_formats")
    op.drop_table("nightly_runs")
    op.drop_table("matching_rules")
    op.drop_index(op.f("ix_export_records_organization_id_recorded_at"), table_name="export_records")
    op.drop_index(op.f("ix_export_records_organization_id_name_id"), table_name="export_records")
    op.drop_index(op.f("ix_export_records_organization_id_actor_id_id"), table_name="export_records")
    op.drop_table("export_records")
    op.drop_table("event_cursors")
    op.drop_table("documents")
    op.drop_table("dispute_teams")
    op.drop_index(
        "uq_credit_policies_active_from", table_name="credit_policies", postgresql_where=sa.text("state = 'active'")
    )
    op.drop_table("credit_policies")
    op.drop_table("correspondence_templates")
    op.drop_table("correspondence_settings")
    op.drop_table("collection_rule_versions")
    op.drop_table("action_outcomes")
