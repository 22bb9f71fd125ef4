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
    secure_table("event_cursors", worker_reads=True)
    secure_table("matching_rules")
    secure_table("nightly_runs")
    secure_table("number_formats")
    secure_table("outgoing_emails")
    secure_table("account_matching_settings")
    secure_table("lessons")


def downgrade() -> None:
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
    op.drop_column("matching_settings", "judged_since")
    op.drop_column("matching_settings", "switched_at")
    op.drop_column("matching_settings", "switched_by")
    op.drop_column("matching_settings", "figures")
    op.drop_column("matching_settings", "residual")
    op.drop_column("matching_settings", "precision_target")
    op.drop_index("uq_lessons_active", table_name="lessons", postgresql_where=sa.text("state = 'active'"))
    op.drop_index(op.f("ix_lessons_organization_id_proposal_id"), table_name="lessons")
    op.drop_index(op.f("ix_lessons_organization_id_kind_normalized_value"), table_name="lessons")
    op.drop_index(op.f("ix_lessons_organization_id_application_group_id"), table_name="lessons")
    op.drop_index(op.f("ix_lessons_organization_id_account_id"), table_name="lessons")
    op.drop_table("lessons")
    op.drop_table("account_matching_settings")
    op.drop_index("ix_outgoing_emails_state", table_name="outgoing_emails")
    op.drop_index(
        "ix_outgoing_emails_planned", table_name="outgoing_emails", postgresql_where=sa.text("state = 'planned'")
    )
    op.drop_index(op.f("ix_outgoing_emails_organization_id_subject_kind_subject_id"), table_name="outgoing_emails")
    op.drop_table("outgoing_emails")
    op.drop_table("number_formats")
    op.drop_table("nightly_runs")
    op.drop_table("matching_rules")
    op.drop_table("event_cursors")
