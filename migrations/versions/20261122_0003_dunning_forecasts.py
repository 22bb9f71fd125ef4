"""dunning forecasts

Revision: 20261122_0003_dunning_forecasts, follows 20261122_0002_collections_desk
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.tenancy import secure_table

revision = "20261122_0003_dunning_forecasts"
down_revision = "20261122_0002_collections_desk"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "charge_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run", sa.Text(), server_default="none", nullable=False),
        sa.Column("run_day", sa.Integer(), server_default="1", nullable=False),
        sa.Column("charge_from", sa.Date(), nullable=True),
        sa.Column("default_table_code", sa.Text(), nullable=True),
        sa.Column("payment_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("minimum_interest", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("compensation", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("rejected_disputes", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("plan_interest", sa.Text(), server_default="if_broken", nullable=False),
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
        sa.CheckConstraint("plan_interest IN ('if_broken', 'always')", name=op.f("ck_charge_settings_plan_interest")),
        sa.CheckConstraint("run IN ('none', 'monthly')", name=op.f("ck_charge_settings_run")),
        sa.CheckConstraint("payment_days >= 0 AND payment_days <= 365", name=op.f("ck_charge_settings_payment_days")),
        sa.CheckConstraint("run_day >= 1 AND run_day <= 28", name=op.f("ck_charge_settings_run_day")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_charge_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_charge_settings")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_charge_settings_organization_id")),
    )
    op.create_table(
        "charging_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("compensation", sa.Boolean(), nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("after_account_id", sa.UUID(), nullable=True),
        sa.Column("accounts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("charges", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
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
        sa.CheckConstraint("kind IN ('monthly', 'on_demand')", name=op.f("ck_charging_runs_kind")),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_charging_runs_state")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_charging_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_charging_runs")),
    )
    op.create_index("ix_charging_runs_state", "charging_runs", ["organization_id", "state", "id"], unique=False)
    op.create_index(
        "uq_charging_runs_day",
        "charging_runs",
        ["organization_id", "as_of"],
        unique=True,
        postgresql_where=sa.text("NOT simulated"),
    )
    op.create_table(
        "compensation_schedules",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("bands", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_compensation_schedules_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_compensation_schedules")),
        sa.UniqueConstraint(
            "organization_id", "currency", name=op.f("uq_compensation_schedules_organization_id_currency")
        ),
    )
    op.create_table(
        "dunning_message_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("messages_per_minute", sa.Integer(), nullable=True),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("unsubscribe_enabled", sa.Boolean(), nullable=False),
        sa.Column("opens_recorded", sa.Boolean(), nullable=False),
        sa.Column("payment_instructions", sa.Text(), nullable=True),
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
            "messages_per_minute IS NULL OR messages_per_minute > 0",
            name=op.f("ck_dunning_message_settings_pace_positive"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_message_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_message_settings")),
    )
    op.create_table(
        "dunning_policies",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("shipped", sa.Boolean(), server_default="false", nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_policies_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_policies")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_dunning_policies_organization_id_code")),
    )
    op.create_index(
        "uq_dunning_policies_shipped",
        "dunning_policies",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("shipped"),
    )
    op.create_table(
        "dunning_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("nightly", sa.Boolean(), nullable=True),
        sa.Column("response_days", sa.Integer(), server_default="14", nullable=False),
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
        sa.CheckConstraint("response_days BETWEEN 1 AND 90", name=op.f("ck_dunning_settings_response_days_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_settings")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_dunning_settings_organization_id")),
    )
    op.create_table(
        "dunning_templates",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("letter", sa.Text(), nullable=True),
        sa.Column("sms", sa.Text(), nullable=True),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_templates_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_templates")),
        sa.UniqueConstraint(
            "organization_id", "code", "language", name=op.f("uq_dunning_templates_organization_id_code_language")
        ),
    )
    op.create_table(
        "forecast_models",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("known_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="candidate", nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("beats_naive", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
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
            "state IN ('candidate', 'active', 'rejected', 'retired')", name=op.f("ck_forecast_models_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_forecast_models_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecast_models")),
    )
    op.create_index(
        op.f("ix_forecast_models_organization_id_state_id"),
        "forecast_models",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "uq_forecast_models_active",
        "forecast_models",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "interest_rate_tables",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_interest_rate_tables_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_interest_rate_tables")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_interest_rate_tables_organization_id_code")),
    )
    op.create_table(
        "interest_rates",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("table_code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("reference_percent", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("percent", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), server_default="false", nullable=False),
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
        sa.CheckConstraint("percent >= 0 AND percent <= 100", name=op.f("ck_interest_rates_percent_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_interest_rates_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_interest_rates")),
        sa.UniqueConstraint(
            "organization_id",
            "table_code",
            "valid_from",
            name=op.f("uq_interest_rates_organization_id_table_code_valid_from"),
        ),
    )
    op.create_table(
        "mailbox_connections",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.Text(), server_default="tls", nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), server_default="INBOX", nullable=False),
        sa.Column("poll_seconds", sa.Integer(), server_default="60", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("looked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("taken_in_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failing_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
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
        sa.CheckConstraint("security IN ('tls', 'starttls', 'none')", name=op.f("ck_mailbox_connections_security")),
        sa.CheckConstraint(
            "(failing_since IS NULL) = (failure IS NULL)", name=op.f("ck_mailbox_connections_failure_since")
        ),
        sa.CheckConstraint("poll_seconds BETWEEN 15 AND 86400", name=op.f("ck_mailbox_connections_poll_bounded")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_mailbox_connections_port_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_mailbox_connections_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_mailbox_connections")),
    )
    op.create_table(
        "report_schedules",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=True),
        sa.Column("month_day", sa.Integer(), nullable=True),
        sa.Column("send_time", sa.Text(), server_default="07:00", nullable=False),
        sa.Column("business_days", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("as_of_rule", sa.Text(), server_default="run_date", nullable=False),
        sa.Column("recipients", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("next_on", sa.Date(), nullable=True),
        sa.Column("next_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
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
            "(frequency = 'monthly') = (month_day IS NOT NULL)", name=op.f("ck_report_schedules_month_day_of_monthly")
        ),
        sa.CheckConstraint(
            "(frequency = 'weekly') = (weekday IS NOT NULL)", name=op.f("ck_report_schedules_weekday_of_weekly")
        ),
        sa.CheckConstraint(
            "as_of_rule IN ('run_date', 'previous_day', 'previous_month_end')",
            name=op.f("ck_report_schedules_as_of_rule"),
        ),
        sa.CheckConstraint("format IN ('json', 'csv', 'xlsx', 'pdf')", name=op.f("ck_report_schedules_format")),
        sa.CheckConstraint("frequency IN ('daily', 'weekly', 'monthly')", name=op.f("ck_report_schedules_frequency")),
        sa.CheckConstraint(
            "active = (next_on IS NOT NULL) AND active = (next_at IS NOT NULL)",
            name=op.f("ck_report_schedules_next_while_active"),
        ),
        sa.CheckConstraint("month_day BETWEEN 1 AND 31", name=op.f("ck_report_schedules_month_day_bounded")),
        sa.CheckConstraint(
            "weekday BETWEEN 1 AND 7 AND month_day IS NULL OR weekday IS NULL",
            name=op.f("ck_report_schedules_weekday_bounded"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_report_schedules_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_report_schedules")),
    )
    op.create_index(
        "ix_report_schedules_due",
        "report_schedules",
        ["organization_id", "next_at"],
        unique=False,
        postgresql_where=sa.text("active"),
    )
    op.create_index(
        op.f("ix_report_schedules_organization_id_report_id"),
        "report_schedules",
        ["organization_id", "report", "id"],
        unique=False,
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("event_types", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column("previous_secret_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("from_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("paused_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_success_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
        sa.CheckConstraint("state IN ('active', 'off', 'disabled')", name=op.f("ck_webhook_endpoints_state")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_webhook_endpoints_failures_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_endpoints_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(
        "ix_webhook_endpoints_active",
        "webhook_endpoints",
        ["organization_id"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "dunning_policy_versions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("grouping", sa.Text(), server_default="per_step", nullable=False),
        sa.Column("count_credits", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("written_by", sa.Text(), nullable=False),
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
            "(state = 'active') = (valid_from IS NOT NULL)", name=op.f("ck_dunning_policy_versions_dated_when_active")
        ),
        sa.CheckConstraint("grouping IN ('per_step', 'highest')", name=op.f("ck_dunning_policy_versions_grouping")),
        sa.CheckConstraint("state IN ('draft', 'active', 'discarded')", name=op.f("ck_dunning_policy_versions_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "policy_id"],
            ["dunning_policies.organization_id", "dunning_policies.id"],
            name=op.f("fk_dunning_policy_versions_organization_id_policy_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_policy_versions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_policy_versions")),
        sa.UniqueConstraint(
            "organization_id",
            "policy_id",
            "number",
            name=op.f("uq_dunning_policy_versions_organization_id_policy_id_number"),
        ),
    )
    op.create_index(
        op.f("ix_dunning_policy_versions_organization_id_policy_id_state_valid_from"),
        "dunning_policy_versions",
        ["organization_id", "policy_id", "state", "valid_from"],
        unique=False,
    )
    op.create_table(
        "dunning_template_revisions",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("template_id", sa.UUID(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("letter", sa.Text(), nullable=True),
        sa.Column("sms", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "template_id"],
            ["dunning_templates.organization_id", "dunning_templates.id"],
            name=op.f("fk_dunning_template_revisions_organization_id_template_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_template_revisions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_template_revisions")),
        sa.UniqueConstraint(
            "organization_id",
            "template_id",
            "revision",
            name=op.f("uq_dunning_template_revisions_organization_id_template_id_revision"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "export_batches",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=True),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("rows_count", sa.Integer(), nullable=False),
        sa.Column("rows_accepted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("left_out", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
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
        sa.CheckConstraint("kind IN ('journal', 'cash_receipts')", name=op.f("ck_export_batches_kind")),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'cancelled')", name=op.f("ck_export_batches_state")),
        sa.CheckConstraint(
            "rows_count >= 0 AND rows_accepted >= 0 AND rows_rejected >= 0",
            name=op.f("ck_export_batches_counts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_export_batches_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_export_batches_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_export_batches")),
        sa.UniqueConstraint(
            "organization_id", "kind", "number", name=op.f("uq_export_batches_organization_id_kind_number")
        ),
    )
    op.create_index(
        op.f("ix_export_batches_organization_id_kind_state"),
        "export_batches",
        ["organization_id", "kind", "state"],
        unique=False,
    )
    op.create_table(
        "forecast_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress_permille", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.Column("model_id", sa.UUID(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("refit", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("scenario", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("current", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.UUID(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("details_until", sa.Date(), nullable=True),
        sa.Column("details_kept", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("measured_weeks", sa.Integer(), server_default="0", nullable=False),
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
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_forecast_runs_failure_when_failed")
        ),
        sa.CheckConstraint("NOT current OR state = 'done'", name=op.f("ck_forecast_runs_current_when_done")),
        sa.CheckConstraint("kind IN ('nightly', 'on_demand', 'what_if')", name=op.f("ck_forecast_runs_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_forecast_runs_state")
        ),
        sa.CheckConstraint("measured_weeks BETWEEN 0 AND 13", name=op.f("ck_forecast_runs_measured_weeks_bounded")),
        sa.CheckConstraint("progress_permille BETWEEN 0 AND 1000", name=op.f("ck_forecast_runs_progress_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id"],
            ["forecast_models.organization_id", "forecast_models.id"],
            name=op.f("fk_forecast_runs_organization_id_model_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_forecast_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecast_runs")),
    )
    op.create_index(
        "ix_forecast_runs_details",
        "forecast_runs",
        ["organization_id", "details_until"],
        unique=False,
        postgresql_where=sa.text("details_kept"),
    )
    op.create_index(
        op.f("ix_forecast_runs_organization_id_as_of_id"),
        "forecast_runs",
        ["organization_id", "as_of", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_runs_organization_id_kind_id"),
        "forecast_runs",
        ["organization_id", "kind", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_runs_organization_id_model_id"),
        "forecast_runs",
        ["organization_id", "model_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_runs_organization_id_state_id"),
        "forecast_runs",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "ix_forecast_runs_unmeasured",
        "forecast_runs",
        ["organization_id", "as_of"],
        unique=False,
        postgresql_where=sa.text("state = 'done' AND kind <> 'what_if' AND measured_weeks < 13"),
    )
    op.create_index(
        "uq_forecast_runs_current",
        "forecast_runs",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("current"),
    )
    op.create_index(
        "uq_forecast_runs_nightly",
        "forecast_runs",
        ["organization_id", "as_of"],
        unique=True,
        postgresql_where=sa.text("kind = 'nightly'"),
    )
    op.create_table(
        "provision_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=True),
        sa.Column("aging_bounds", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("observation_months", sa.Integer(), nullable=False),
        sa.Column("horizon_months", sa.Integer(), nullable=False),
        sa.Column("forward_factors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("exposure_minor", sa.BigInteger(), nullable=False),
        sa.Column("expected_loss_minor", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_by_id", sa.UUID(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("horizon_months BETWEEN 1 AND 24", name=op.f("ck_provision_runs_horizon_months")),
        sa.CheckConstraint("observation_months BETWEEN 1 AND 60", name=op.f("ck_provision_runs_observation_months")),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_provision_runs_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_provision_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_provision_runs")),
        info={"append_only": True},
    )
    op.create_table(
        "report_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("schedule_id", sa.UUID(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("kept_in", sa.Text(), nullable=True),
        sa.Column("kept_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.UUID(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
        sa.CheckConstraint("format IN ('json', 'csv', 'xlsx', 'pdf')", name=op.f("ck_report_runs_format")),
        sa.CheckConstraint("kept_in IN ('disk', 's3')", name=op.f("ck_report_runs_kept_in")),
        sa.CheckConstraint(
            "state <> 'completed' OR sha256 IS NOT NULL", name=op.f("ck_report_runs_file_when_completed")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_report_runs_state"),
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_report_runs_progress_is_percent")),
        sa.ForeignKeyConstraint(
            ["organization_id", "schedule_id"],
            ["report_schedules.organization_id", "report_schedules.id"],
            name=op.f("fk_report_runs_organization_id_schedule_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_report_runs_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_report_runs")),
    )
    op.create_index(
        "ix_report_runs_kept",
        "report_runs",
        ["organization_id", "kept_until"],
        unique=False,
        postgresql_where=sa.text("state = 'completed'"),
    )
    op.create_index(
        op.f("ix_report_runs_organization_id_report_id"),
        "report_runs",
        ["organization_id", "report", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_report_runs_organization_id_sha256"), "report_runs", ["organization_id", "sha256"], unique=False
    )
    op.create_index(
        op.f("ix_report_runs_organization_id_state_id"), "report_runs", ["organization_id", "state", "id"], unique=False
    )
    op.create_table(
        "source_applications",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("from_external_id", sa.Text(), nullable=False),
        sa.Column("to_external_id", sa.Text(), nullable=False),
        sa.Column("source_table", sa.Text(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_source_applications_organization_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_source_applications_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_source_applications")),
        sa.UniqueConstraint(
            "organization_id",
            "source",
            "from_external_id",
            "to_external_id",
            name=op.f("uq_source_applications_organization_id_source_from_external_id_to_external_id"),
        ),
    )
    op.create_index(
        op.f("ix_source_applications_organization_id_source_source_table_import_id"),
        "source_applications",
        ["organization_id", "source", "source_table", "import_id"],
        unique=False,
    )
    op.create_table(
        "source_documents",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("account_key", sa.Text(), nullable=True),
        sa.Column("sign", sa.Integer(), server_default="1", nullable=False),
        sa.Column("functional_currency", sa.Text(), nullable=True),
        sa.Column("functional_minor", sa.BigInteger(), nullable=True),
        sa.Column("functional_open_minor", sa.BigInteger(), nullable=True),
        sa.Column("original_currency", sa.Text(), nullable=True),
        sa.Column("original_minor", sa.BigInteger(), nullable=True),
        sa.Column("original_open_minor", sa.BigInteger(), nullable=True),
        sa.Column("original_tax_minor", sa.BigInteger(), nullable=True),
        sa.Column("voided", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_source_documents_organization_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_source_documents_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_source_documents")),
        sa.UniqueConstraint(
            "organization_id",
            "source",
            "external_id",
            name=op.f("uq_source_documents_organization_id_source_external_id"),
        ),
    )
    op.create_index(
        op.f("ix_source_documents_organization_id_source_account_key"),
        "source_documents",
        ["organization_id", "source", "account_key"],
        unique=False,
    )
    op.create_table(
        "source_watermarks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_table", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("changed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("held_back", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_source_watermarks_organization_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_source_watermarks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_source_watermarks")),
        sa.UniqueConstraint(
            "organization_id",
            "source",
            "source_table",
            "kind",
            name=op.f("uq_source_watermarks_organization_id_source_source_table_kind"),
        ),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="planned", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lease", sa.UUID(), nullable=True),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'delivered', 'failed', 'cancelled')", name=op.f("ck_webhook_deliveries_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["webhook_endpoints.organization_id", "webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_organization_id_endpoint_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_deliveries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "organization_id",
            "endpoint_id",
            "event_id",
            name=op.f("uq_webhook_deliveries_organization_id_endpoint_id_event_id"),
        ),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["organization_id", "endpoint_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_organization_id_state_id"),
        "webhook_deliveries",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_table(
        "dunning_assignments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("policy_id", sa.UUID(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(scope = 'account') = (account_id IS NOT NULL)", name=op.f("ck_dunning_assignments_account_of_scope")
        ),
        sa.CheckConstraint(
            "(scope = 'segment') = (segment IS NOT NULL)", name=op.f("ck_dunning_assignments_segment_of_scope")
        ),
        sa.CheckConstraint(
            "scope IN ('organization', 'segment', 'account')", name=op.f("ck_dunning_assignments_scope")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_assignments_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "policy_id"],
            ["dunning_policies.organization_id", "dunning_policies.id"],
            name=op.f("fk_dunning_assignments_organization_id_policy_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_assignments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_assignments")),
        info={"append_only": True, "erasable": ("reason",)},
    )
    op.create_index(
        op.f("ix_dunning_assignments_organization_id_account_id_valid_from"),
        "dunning_assignments",
        ["organization_id", "account_id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_assignments_organization_id_scope_id"),
        "dunning_assignments",
        ["organization_id", "scope", "id"],
        unique=False,
    )
    op.create_table(
        "dunning_comparisons",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("current_version_id", sa.UUID(), nullable=False),
        sa.Column("candidate_version_id", sa.UUID(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("scope", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("after_id", sa.UUID(), nullable=True),
        sa.Column("accounts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("results", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
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
            "state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_dunning_comparisons_state")
        ),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_dunning_comparisons_dates_in_order")),
        sa.ForeignKeyConstraint(
            ["organization_id", "candidate_version_id"],
            ["dunning_policy_versions.organization_id", "dunning_policy_versions.id"],
            name=op.f("fk_dunning_comparisons_organization_id_candidate_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "current_version_id"],
            ["dunning_policy_versions.organization_id", "dunning_policy_versions.id"],
            name=op.f("fk_dunning_comparisons_organization_id_current_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_comparisons_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_comparisons")),
    )
    op.create_table(
        "dunning_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("scope", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("version_id", sa.UUID(), nullable=True),
        sa.Column("after_id", sa.UUID(), nullable=True),
        sa.Column("accounts_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("accounts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("notices", sa.Integer(), server_default="0", nullable=False),
        sa.Column("items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withheld", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waiting", sa.Integer(), server_default="0", nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_by_id", sa.UUID(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
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
        sa.CheckConstraint("kind IN ('nightly', 'on_demand', 'simulation')", name=op.f("ck_dunning_runs_kind")),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_dunning_runs_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "version_id"],
            ["dunning_policy_versions.organization_id", "dunning_policy_versions.id"],
            name=op.f("fk_dunning_runs_organization_id_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_runs")),
    )
    op.create_index(
        op.f("ix_dunning_runs_organization_id_kind_id"), "dunning_runs", ["organization_id", "kind", "id"], unique=False
    )
    op.create_index(
        op.f("ix_dunning_runs_organization_id_updated_at_id"),
        "dunning_runs",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_dunning_runs_night",
        "dunning_runs",
        ["organization_id", "business_date"],
        unique=True,
        postgresql_where=sa.text("kind = 'nightly'"),
    )
    op.create_index(
        "uq_dunning_runs_open",
        "dunning_runs",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'running') AND kind <> 'simulation'"),
    )
    op.create_table(
        "dunning_steps",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("offset_days", sa.Integer(), nullable=True),
        sa.Column("gap_days", sa.Integer(), nullable=True),
        sa.Column("lapse_days", sa.Integer(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("template_code", sa.Text(), nullable=True),
        sa.Column("minimums", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("fee_fixed", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("fee_basis_points", sa.Integer(), nullable=True),
        sa.Column("interest", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("compensation", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("approval", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("cc", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("attachments", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("work", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.CheckConstraint(
            "channel IN ('email', 'letter', 'sms', 'call_task', 'escalate', 'credit_hold', 'legal_referral')",
            name=op.f("ck_dunning_steps_channel"),
        ),
        sa.CheckConstraint("fee_basis_points BETWEEN 0 AND 10000", name=op.f("ck_dunning_steps_fee_bounded")),
        sa.CheckConstraint("gap_days >= 0", name=op.f("ck_dunning_steps_gap_not_negative")),
        sa.CheckConstraint(
            "offset_days IS NOT NULL OR (gap_days IS NOT NULL AND ordinal > 1)", name=op.f("ck_dunning_steps_has_time")
        ),
        sa.CheckConstraint("ordinal BETWEEN 1 AND 20", name=op.f("ck_dunning_steps_ordinal_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id", "version_id"],
            ["dunning_policy_versions.organization_id", "dunning_policy_versions.id"],
            name=op.f("fk_dunning_steps_organization_id_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_steps_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_steps")),
        sa.UniqueConstraint(
            "organization_id", "version_id", "ordinal", name=op.f("uq_dunning_steps_organization_id_version_id_ordinal")
        ),
    )
    op.create_table(
        "export_rows",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("batch_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("depends_on", sa.UUID(), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("erp_reference", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('transfer', 'receipt', 'application', 'unapplication')", name=op.f("ck_export_rows_kind")
        ),
        sa.CheckConstraint("state IN ('pending', 'accepted', 'rejected')", name=op.f("ck_export_rows_state")),
        sa.CheckConstraint("ordinal > 0", name=op.f("ck_export_rows_ordinal_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "batch_id"],
            ["export_batches.organization_id", "export_batches.id"],
            name=op.f("fk_export_rows_organization_id_batch_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_export_rows_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_export_rows")),
        sa.UniqueConstraint(
            "organization_id", "batch_id", "ordinal", name=op.f("uq_export_rows_organization_id_batch_id_ordinal")
        ),
    )
    op.create_index(
        "ix_export_rows_external_id",
        "export_rows",
        ["organization_id", "target", "external_id"],
        unique=False,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_export_rows_organization_id_batch_id_state"),
        "export_rows",
        ["organization_id", "batch_id", "state"],
        unique=False,
    )
    op.create_index(
        "uq_export_rows_subject",
        "export_rows",
        ["organization_id", "kind", "subject_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'rejected'"),
    )
    op.create_table(
        "forecast_accuracy",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("model_id", sa.UUID(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("week", sa.SmallInteger(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("group_by", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("forecast_minor", sa.BigInteger(), nullable=False),
        sa.Column("p10_minor", sa.BigInteger(), nullable=False),
        sa.Column("p90_minor", sa.BigInteger(), nullable=False),
        sa.Column("actual_minor", sa.BigInteger(), nullable=False),
        sa.Column("naive_due_date_minor", sa.BigInteger(), nullable=True),
        sa.Column("naive_customer_median_minor", sa.BigInteger(), nullable=True),
        sa.Column("naive_mean_13_minor", sa.BigInteger(), nullable=True),
        sa.Column("measured_on", sa.Date(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "group_by IN ('organization', 'currency', 'legal_entity', 'collector', 'segment', 'account')",
            name=op.f("ck_forecast_accuracy_group_by"),
        ),
        sa.CheckConstraint("layer IN ('open', 'new_business', 'total')", name=op.f("ck_forecast_accuracy_layer")),
        sa.CheckConstraint("week BETWEEN 1 AND 13", name=op.f("ck_forecast_accuracy_week_bounded")),
        sa.ForeignKeyConstraint(
            ["organization_id", "model_id"],
            ["forecast_models.organization_id", "forecast_models.id"],
            name=op.f("fk_forecast_accuracy_organization_id_model_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["forecast_runs.organization_id", "forecast_runs.id"],
            name=op.f("fk_forecast_accuracy_organization_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecast_accuracy")),
        sa.UniqueConstraint(
            "organization_id",
            "run_id",
            "group_by",
            "layer",
            "key",
            "currency",
            "week",
            name=op.f("uq_forecast_accuracy_organization_id_run_id_group_by_layer_key_currency_week"),
        ),
    )
    op.create_index(
        op.f("ix_forecast_accuracy_organization_id_ends_on"),
        "forecast_accuracy",
        ["organization_id", "ends_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_accuracy_organization_id_group_by_layer_as_of"),
        "forecast_accuracy",
        ["organization_id", "group_by", "layer", "as_of"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_accuracy_organization_id_model_id"),
        "forecast_accuracy",
        ["organization_id", "model_id"],
        unique=False,
    )
    op.create_table(
        "forecast_weeks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("group_by", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("mean_minor", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("p10_minor", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("p50_minor", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("p90_minor", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("cumulative_p10_minor", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("cumulative_p90_minor", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("naive_due_date_minor", sa.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("naive_customer_median_minor", sa.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("naive_mean_13_minor", sa.ARRAY(sa.BigInteger()), nullable=True),
        sa.CheckConstraint(
            "group_by IN ('organization', 'currency', 'legal_entity', 'collector', 'segment', 'account')",
            name=op.f("ck_forecast_weeks_group_by"),
        ),
        sa.CheckConstraint("layer IN ('open', 'new_business', 'total')", name=op.f("ck_forecast_weeks_layer")),
        sa.CheckConstraint("cardinality(mean_minor) = 13", name=op.f("ck_forecast_weeks_weeks")),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["forecast_runs.organization_id", "forecast_runs.id"],
            name=op.f("fk_forecast_weeks_organization_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecast_weeks")),
        sa.UniqueConstraint(
            "organization_id",
            "run_id",
            "group_by",
            "layer",
            "key",
            "currency",
            name=op.f("uq_forecast_weeks_organization_id_run_id_group_by_layer_key_currency"),
        ),
    )
    op.create_index(
        op.f("ix_forecast_weeks_organization_id_run_id_group_by_layer_total_minor_id"),
        "forecast_weeks",
        ["organization_id", "run_id", "group_by", "layer", "total_minor", "id"],
        unique=False,
    )
    op.create_table(
        "interest_agreements",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("table_code", sa.Text(), nullable=True),
        sa.Column("percent", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("on_charges", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
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
        sa.CheckConstraint(
            "(scope = 'account') = (account_id IS NOT NULL)", name=op.f("ck_interest_agreements_account_of_scope")
        ),
        sa.CheckConstraint(
            "(scope = 'segment') = (segment IS NOT NULL)", name=op.f("ck_interest_agreements_segment_of_scope")
        ),
        sa.CheckConstraint(
            "scope IN ('organization', 'segment', 'account')", name=op.f("ck_interest_agreements_scope")
        ),
        sa.CheckConstraint(
            "(table_code IS NULL) <> (percent IS NULL)", name=op.f("ck_interest_agreements_table_or_percent")
        ),
        sa.CheckConstraint("percent >= 0 AND percent <= 100", name=op.f("ck_interest_agreements_percent_bounded")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_interest_agreements_dates_in_order")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_interest_agreements_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_interest_agreements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_interest_agreements")),
    )
    op.create_index(
        op.f("ix_interest_agreements_organization_id_account_id"),
        "interest_agreements",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_interest_agreements_organization_id_segment"),
        "interest_agreements",
        ["organization_id", "segment"],
        unique=False,
        postgresql_where=sa.text("segment IS NOT NULL"),
    )
    op.create_index(
        "ix_interest_agreements_scope", "interest_agreements", ["organization_id", "scope", "id"], unique=False
    )
    op.create_table(
        "provision_lines",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("exposure_minor", sa.BigInteger(), nullable=False),
        sa.Column("observed_minor", sa.BigInteger(), nullable=False),
        sa.Column("lost_minor", sa.BigInteger(), nullable=False),
        sa.Column("loss_rate", sa.Numeric(precision=12, scale=8), nullable=True),
        sa.Column("forward_factor", sa.Numeric(precision=12, scale=6), nullable=False),
        sa.Column("applied_rate", sa.Numeric(precision=12, scale=8), nullable=True),
        sa.Column("expected_loss_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("applied_rate BETWEEN 0 AND 1", name=op.f("ck_provision_lines_rate_is_a_share")),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["provision_runs.organization_id", "provision_runs.id"],
            name=op.f("fk_provision_lines_organization_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_provision_lines")),
        sa.UniqueConstraint(
            "organization_id",
            "run_id",
            "segment",
            "bucket",
            name=op.f("uq_provision_lines_organization_id_run_id_segment_bucket"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "report_deliveries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("schedule_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("period_on", sa.Date(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="preparing", nullable=False),
        sa.Column("recipients", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=True),
        sa.Column("email_ids", sa.ARRAY(sa.UUID()), server_default="{}", nullable=False),
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
        sa.CheckConstraint("state IN ('preparing', 'queued', 'failed')", name=op.f("ck_report_deliveries_state")),
        sa.CheckConstraint("trigger IN ('schedule', 'manual')", name=op.f("ck_report_deliveries_trigger")),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_report_deliveries_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["report_runs.organization_id", "report_runs.id"],
            name=op.f("fk_report_deliveries_organization_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "schedule_id"],
            ["report_schedules.organization_id", "report_schedules.id"],
            name=op.f("fk_report_deliveries_organization_id_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_report_deliveries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_report_deliveries")),
    )
    op.create_index(
        op.f("ix_report_deliveries_organization_id_document_id"),
        "report_deliveries",
        ["organization_id", "document_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_report_deliveries_organization_id_run_id"),
        "report_deliveries",
        ["organization_id", "run_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_report_deliveries_organization_id_schedule_id_id"),
        "report_deliveries",
        ["organization_id", "schedule_id", "id"],
        unique=False,
    )
    op.create_index(
        "uq_report_deliveries_period",
        "report_deliveries",
        ["organization_id", "schedule_id", "period_on"],
        unique=True,
        postgresql_where=sa.text("trigger = 'schedule'"),
    )
    op.create_table(
        "source_balances",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("account_key", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stated_minor", sa.BigInteger(), nullable=True),
        sa.Column("documents_minor", sa.BigInteger(), nullable=True),
        sa.Column("here_minor", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('agrees', 'source_differs', 'differs_here', 'unknown_account')",
            name=op.f("ck_source_balances_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_source_balances_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_source_balances_organization_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_source_balances_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_source_balances")),
        sa.UniqueConstraint(
            "organization_id",
            "import_id",
            "account_key",
            "currency",
            name=op.f("uq_source_balances_organization_id_import_id_account_key_currency"),
        ),
    )
    op.create_index(
        op.f("ix_source_balances_organization_id_account_id"),
        "source_balances",
        ["organization_id", "account_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_source_balances_organization_id_import_id_verdict"),
        "source_balances",
        ["organization_id", "import_id", "verdict"],
        unique=False,
    )
    op.create_table(
        "statement_schedules",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=True),
        sa.Column("month_day", sa.Integer(), nullable=True),
        sa.Column("skip_zero", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("only_overdue", sa.Boolean(), server_default="false", nullable=False),
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
            "(frequency = 'monthly') = (month_day IS NOT NULL) AND (month_day IS NULL OR month_day BETWEEN 1 AND 31)",
            name=op.f("ck_statement_schedules_day_of_monthly"),
        ),
        sa.CheckConstraint(
            "(frequency = 'weekly') = (weekday IS NOT NULL) AND (weekday IS NULL OR weekday BETWEEN 1 AND 7)",
            name=op.f("ck_statement_schedules_weekday_of_weekly"),
        ),
        sa.CheckConstraint(
            "(scope = 'account') = (account_id IS NOT NULL)", name=op.f("ck_statement_schedules_account_of_scope")
        ),
        sa.CheckConstraint(
            "(scope = 'segment') = (segment IS NOT NULL)", name=op.f("ck_statement_schedules_segment_of_scope")
        ),
        sa.CheckConstraint("frequency IN ('off', 'weekly', 'monthly')", name=op.f("ck_statement_schedules_frequency")),
        sa.CheckConstraint(
            "scope IN ('organization', 'segment', 'account')", name=op.f("ck_statement_schedules_scope")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_statement_schedules_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_statement_schedules_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_statement_schedules")),
    )
    op.create_index(
        "uq_statement_schedules_account",
        "statement_schedules",
        ["organization_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("scope = 'account'"),
    )
    op.create_index(
        "uq_statement_schedules_organization",
        "statement_schedules",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("scope = 'organization'"),
    )
    op.create_index(
        "uq_statement_schedules_segment",
        "statement_schedules",
        ["organization_id", "segment"],
        unique=True,
        postgresql_where=sa.text("scope = 'segment'"),
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "delivery_id"],
            ["webhook_deliveries.organization_id", "webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_organization_id_delivery_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_attempts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index(
        op.f("ix_webhook_attempts_organization_id_delivery_id_id"),
        "webhook_attempts",
        ["organization_id", "delivery_id", "id"],
        unique=False,
    )
    op.create_table(
        "charges",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("compensation_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("corrected_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.Text(), server_default="posted", nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("reversed_on", sa.Date(), nullable=True),
        sa.Column("reversed_by", sa.Text(), nullable=True),
        sa.Column("reverse_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("(state = 'reversed') = (reversed_on IS NOT NULL)", name=op.f("ck_charges_reversed_on")),
        sa.CheckConstraint("state IN ('posted', 'reversed')", name=op.f("ck_charges_state")),
        sa.CheckConstraint(
            "fee_minor >= 0 AND interest_minor >= 0 AND compensation_minor >= 0 AND corrected_minor >= 0",
            name=op.f("ck_charges_parts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_charges_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_charges_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_charges_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_charges_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_charges")),
    )
    op.create_index(
        op.f("ix_charges_organization_id_account_id_id"),
        "charges",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_charges_organization_id_as_of"), "charges", ["organization_id", "as_of"], unique=False)
    op.create_index(
        op.f("ix_charges_organization_id_invoice_id"),
        "charges",
        ["organization_id", "invoice_id"],
        unique=False,
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_charges_organization_id_updated_at_id"),
        "charges",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index("ix_charges_state", "charges", ["organization_id", "state", "id"], unique=False)
    op.create_index(
        "uq_charges_source_key",
        "charges",
        ["organization_id", "source_key"],
        unique=True,
        postgresql_where=sa.text("state = 'posted'"),
    )
    op.create_table(
        "dunning_notices",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("step_id", sa.UUID(), nullable=False),
        sa.Column("step_ordinal", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_before", sa.Text(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("open_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("compensation_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("charges_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("charge_invoice_id", sa.UUID(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_note", sa.Text(), nullable=True),
        sa.Column("hold_until", sa.Date(), nullable=True),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("done_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.Column("result_kind", sa.Text(), nullable=True),
        sa.Column("result_id", sa.UUID(), nullable=True),
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
            "(state = 'resolved') = (state_before IS NOT NULL)", name=op.f("ck_dunning_notices_resolved_from")
        ),
        sa.CheckConstraint(
            "channel IN ('email', 'letter', 'sms', 'call_task', 'escalate', 'credit_hold', 'legal_referral')",
            name=op.f("ck_dunning_notices_channel"),
        ),
        sa.CheckConstraint(
            "state IN ('simulated', 'pending_approval', 'approved', 'sending', 'sent', 'delivered', 'done', 'bounced', 'failed', 'unknown', 'suppressed', 'rejected', 'cancelled', 'resolved')",
            name=op.f("ck_dunning_notices_state"),
        ),
        sa.CheckConstraint(
            "state_before IN ('simulated', 'pending_approval', 'approved', 'sending', 'sent', 'delivered', 'done', 'bounced', 'failed', 'unknown', 'suppressed', 'rejected', 'cancelled', 'resolved')",
            name=op.f("ck_dunning_notices_state_before"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_notices_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_dunning_notices_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_dunning_notices_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["dunning_runs.organization_id", "dunning_runs.id"],
            name=op.f("fk_dunning_notices_organization_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "step_id"],
            ["dunning_steps.organization_id", "dunning_steps.id"],
            name=op.f("fk_dunning_notices_organization_id_step_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_notices")),
    )
    op.create_index(
        op.f("ix_dunning_notices_organization_id_account_id_id"),
        "dunning_notices",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_notices_organization_id_run_id_id"),
        "dunning_notices",
        ["organization_id", "run_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_notices_organization_id_state_id"),
        "dunning_notices",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_notices_organization_id_updated_at_id"),
        "dunning_notices",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_table(
        "dunning_blocks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_by_id", sa.UUID(), nullable=True),
        sa.Column("lifted_on", sa.Date(), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("until >= starts_on", name=op.f("ck_dunning_blocks_dates_in_order")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_blocks_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_dunning_blocks_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_blocks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_blocks")),
    )
    op.create_index(
        op.f("ix_dunning_blocks_organization_id_account_id_id"),
        "dunning_blocks",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_dunning_blocks_standing",
        "dunning_blocks",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("lifted_on IS NULL"),
    )
    op.create_table(
        "dunning_messages",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("notice_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("cc", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="approved", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("template_code", sa.Text(), nullable=False),
        sa.Column("template_revision", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("reference_ids", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("attachments", sa.ARRAY(sa.UUID()), server_default="{}", nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=True),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("not_before", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("claim", sa.UUID(), nullable=True),
        sa.Column("claimed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("facts_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
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
        sa.CheckConstraint("channel IN ('email', 'letter', 'sms')", name=op.f("ck_dunning_messages_channel")),
        sa.CheckConstraint(
            "state <> 'sending' OR claim IS NOT NULL", name=op.f("ck_dunning_messages_claimed_while_sending")
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'approved', 'sending', 'sent', 'delivered', 'bounced', 'failed', 'unknown', 'suppressed', 'cancelled')",
            name=op.f("ck_dunning_messages_state"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_dunning_messages_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_messages_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_dunning_messages_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_dunning_messages_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "notice_id"],
            ["dunning_notices.organization_id", "dunning_notices.id"],
            name=op.f("fk_dunning_messages_organization_id_notice_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_messages")),
        sa.UniqueConstraint(
            "organization_id",
            "notice_id",
            "channel",
            name=op.f("uq_dunning_messages_organization_id_notice_id_channel"),
        ),
    )
    op.create_index(
        "ix_dunning_messages_due",
        "dunning_messages",
        ["organization_id", "channel", "not_before", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'approved'"),
    )
    op.create_index(
        op.f("ix_dunning_messages_organization_id_account_id_id"),
        "dunning_messages",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_messages_organization_id_state_id"),
        "dunning_messages",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "ix_dunning_messages_without_pdf",
        "dunning_messages",
        ["organization_id", "id"],
        unique=False,
        postgresql_where=sa.text("document_id IS NULL"),
    )
    op.create_table(
        "dunning_notice_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("notice_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("step_ordinal", sa.Integer(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("covered", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.Column("dropped", sa.Text(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("open_minor", sa.BigInteger(), nullable=False),
        sa.Column("eligible_minor", sa.BigInteger(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("compensation_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_dunning_notice_items_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "notice_id"],
            ["dunning_notices.organization_id", "dunning_notices.id"],
            name=op.f("fk_dunning_notice_items_organization_id_notice_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_notice_items")),
    )
    op.create_index(
        "ix_dunning_notice_items_given_back",
        "dunning_notice_items",
        ["organization_id", "instalment_id", "step_ordinal"],
        unique=False,
        postgresql_where=sa.text("NOT live"),
    )
    op.create_index(
        op.f("ix_dunning_notice_items_organization_id_notice_id"),
        "dunning_notice_items",
        ["organization_id", "notice_id"],
        unique=False,
    )
    op.create_index(
        "uq_dunning_notice_items_key",
        "dunning_notice_items",
        ["organization_id", "instalment_id", "step_ordinal"],
        unique=True,
        postgresql_include=["done_on", "notice_id"],
        postgresql_where=sa.text("live"),
    )
    op.create_table(
        "dunning_threads",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("correspondence_id", sa.UUID(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_threads_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "correspondence_id"],
            ["correspondences.organization_id", "correspondences.id"],
            name=op.f("fk_dunning_threads_organization_id_correspondence_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_threads_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_threads")),
        sa.UniqueConstraint(
            "organization_id", "account_id", name=op.f("uq_dunning_threads_organization_id_account_id")
        ),
    )
    op.create_table(
        "dunning_withheld_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("step_ordinal", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.CheckConstraint(
            "reason IN ('disputed', 'promise', 'payment_plan', 'blocked', 'legal_case', 'unapplied_cash', 'open_credit', 'below_minimum', 'no_contact', 'do_not_contact', 'no_consent', 'delivery_failed', 'outcome_unknown', 'rejected', 'merged')",
            name=op.f("ck_dunning_withheld_items_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_withheld_items_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_dunning_withheld_items_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["dunning_runs.organization_id", "dunning_runs.id"],
            name=op.f("fk_dunning_withheld_items_organization_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_withheld_items")),
        sa.UniqueConstraint(
            "organization_id",
            "run_id",
            "instalment_id",
            name=op.f("uq_dunning_withheld_items_organization_id_run_id_instalment_id"),
        ),
    )
    op.create_index(
        op.f("ix_dunning_withheld_items_organization_id_account_id_id"),
        "dunning_withheld_items",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_withheld_items_organization_id_instalment_id"),
        "dunning_withheld_items",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dunning_withheld_items_organization_id_run_id_reason"),
        "dunning_withheld_items",
        ["organization_id", "run_id", "reason"],
        unique=False,
    )
    op.create_table(
        "forecast_invoices",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("p10_date", sa.Date(), nullable=True),
        sa.Column("p50_date", sa.Date(), nullable=True),
        sa.Column("p90_date", sa.Date(), nullable=True),
        sa.Column("week_permyriad", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("permyriad_30", sa.SmallInteger(), nullable=False),
        sa.Column("late_60_permyriad", sa.SmallInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("expected_30_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "basis IN ('account', 'segment', 'organization', 'terms')", name=op.f("ck_forecast_invoices_basis")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_forecast_invoices_amount_positive")),
        sa.CheckConstraint(
            "expected_30_minor BETWEEN 0 AND amount_minor", name=op.f("ck_forecast_invoices_expected_30_within_amount")
        ),
        sa.CheckConstraint(
            "expected_minor BETWEEN 0 AND amount_minor", name=op.f("ck_forecast_invoices_expected_within_amount")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_forecast_invoices_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_forecast_invoices_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["forecast_runs.organization_id", "forecast_runs.id"],
            name=op.f("fk_forecast_invoices_organization_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecast_invoices")),
        sa.UniqueConstraint(
            "organization_id",
            "run_id",
            "instalment_id",
            name=op.f("uq_forecast_invoices_organization_id_run_id_instalment_id"),
        ),
    )
    op.create_index(
        op.f("ix_forecast_invoices_organization_id_run_id_account_id"),
        "forecast_invoices",
        ["organization_id", "run_id", "account_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_invoices_organization_id_run_id_expected_30_minor_id"),
        "forecast_invoices",
        ["organization_id", "run_id", "expected_30_minor", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_forecast_invoices_organization_id_run_id_p50_date_id"),
        "forecast_invoices",
        ["organization_id", "run_id", "p50_date", "id"],
        unique=False,
    )
    op.create_table(
        "account_statements",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("schedule_id", sa.UUID(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("document_id", sa.UUID(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
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
            "(state = 'not_sent') = (refusal IS NOT NULL)", name=op.f("ck_account_statements_refusal_when_not_sent")
        ),
        sa.CheckConstraint("channel IN ('email', 'letter')", name=op.f("ck_account_statements_channel")),
        sa.CheckConstraint("language IN ('en', 'de', 'fr', 'es')", name=op.f("ck_account_statements_language")),
        sa.CheckConstraint("state IN ('sent', 'not_sent')", name=op.f("ck_account_statements_state")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_statements_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_account_statements_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["documents.organization_id", "documents.id"],
            name=op.f("fk_account_statements_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["correspondence_messages.organization_id", "correspondence_messages.id"],
            name=op.f("fk_account_statements_organization_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_account_statements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_account_statements")),
    )
    op.create_index(
        op.f("ix_account_statements_organization_id_account_id_id"),
        "account_statements",
        ["organization_id", "account_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_account_statements_organization_id_document_id"),
        "account_statements",
        ["organization_id", "document_id"],
        unique=False,
        postgresql_where=sa.text("document_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_account_statements_organization_id_state_id"),
        "account_statements",
        ["organization_id", "state", "id"],
        unique=False,
    )
    op.create_index(
        "uq_account_statements_period",
        "account_statements",
        ["organization_id", "account_id", "period"],
        unique=True,
        postgresql_where=sa.text("period IS NOT NULL"),
    )
    op.create_table(
        "charge_items",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("charge_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("debt_invoice_id", sa.UUID(), nullable=False),
        sa.Column("step_ordinal", sa.Integer(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.Column("adjustment_id", sa.UUID(), nullable=True),
        sa.Column("live", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "amount_minor >= 0 OR kind = 'interest'", name=op.f("ck_charge_items_only_interest_is_given_back")
        ),
        sa.CheckConstraint("kind IN ('fee', 'interest', 'compensation')", name=op.f("ck_charge_items_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id", "adjustment_id"],
            ["adjustments.organization_id", "adjustments.id"],
            name=op.f("fk_charge_items_organization_id_adjustment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "charge_id"],
            ["charges.organization_id", "charges.id"],
            name=op.f("fk_charge_items_organization_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "debt_invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_charge_items_organization_id_debt_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_charge_items_organization_id_instalment_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_charge_items")),
    )
    op.create_index(
        op.f("ix_charge_items_organization_id_charge_id"),
        "charge_items",
        ["organization_id", "charge_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_charge_items_organization_id_instalment_id"),
        "charge_items",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_index(
        "uq_charge_items_compensation",
        "charge_items",
        ["organization_id", "debt_invoice_id"],
        unique=True,
        postgresql_where=sa.text("live AND kind = 'compensation'"),
    )
    op.create_index(
        "uq_charge_items_fee",
        "charge_items",
        ["organization_id", "instalment_id", "step_ordinal"],
        unique=True,
        postgresql_where=sa.text("live AND kind = 'fee' AND step_ordinal IS NOT NULL"),
    )
    op.create_table(
        "charge_waivers",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("charge_id", sa.UUID(), nullable=False),
        sa.Column("adjustment_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_charge_waivers_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "adjustment_id"],
            ["adjustments.organization_id", "adjustments.id"],
            name=op.f("fk_charge_waivers_organization_id_adjustment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "charge_id"],
            ["charges.organization_id", "charges.id"],
            name=op.f("fk_charge_waivers_organization_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_charge_waivers_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_charge_waivers")),
        sa.UniqueConstraint(
            "organization_id", "adjustment_id", name=op.f("uq_charge_waivers_organization_id_adjustment_id")
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_charge_waivers_organization_id_charge_id"),
        "charge_waivers",
        ["organization_id", "charge_id"],
        unique=False,
    )
    op.create_table(
        "dispute_line_changes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("line_id", sa.UUID(), nullable=False),
        sa.Column("dispute_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("disputed_minor >= 0", name=op.f("ck_dispute_line_changes_disputed_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "dispute_id"],
            ["disputes.organization_id", "disputes.id"],
            name=op.f("fk_dispute_line_changes_organization_id_dispute_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_dispute_line_changes_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "line_id"],
            ["dispute_lines.organization_id", "dispute_lines.id"],
            name=op.f("fk_dispute_line_changes_organization_id_line_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dispute_line_changes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dispute_line_changes")),
        info={"append_only": True},
    )
    op.create_index(
        "ix_dispute_line_changes_instalment", "dispute_line_changes", ["organization_id", "instalment_id"], unique=False
    )
    op.create_index(
        op.f("ix_dispute_line_changes_organization_id_line_id_effective_date_id"),
        "dispute_line_changes",
        ["organization_id", "line_id", "effective_date", "id"],
        unique=False,
    )
    op.create_table(
        "dunning_address_marks",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("contact_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address_sha256", sa.Text(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cleared_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=True),
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
        sa.CheckConstraint("channel IN ('email', 'letter', 'sms')", name=op.f("ck_dunning_address_marks_channel")),
        sa.CheckConstraint(
            "kind IN ('bounced', 'complained', 'unsubscribed')", name=op.f("ck_dunning_address_marks_kind")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_dunning_address_marks_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_dunning_address_marks_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["dunning_messages.organization_id", "dunning_messages.id"],
            name=op.f("fk_dunning_address_marks_organization_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_address_marks_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_address_marks")),
        sa.UniqueConstraint(
            "organization_id",
            "contact_id",
            "kind",
            "address_sha256",
            name=op.f("uq_dunning_address_marks_organization_id_contact_id_kind_address_sha256"),
        ),
    )
    op.create_index(
        op.f("ix_dunning_address_marks_organization_id_account_id"),
        "dunning_address_marks",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "dunning_message_contents",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("letter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("unsubscribe_url", sa.Text(), nullable=True),
        sa.Column("unsubscribe_secret", sa.LargeBinary(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["dunning_messages.organization_id", "dunning_messages.id"],
            name=op.f("fk_dunning_message_contents_organization_id_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_message_contents")),
        info={"append_only": True, "erasable": ("subject", "text", "html", "letter", "unsubscribe_url")},
    )
    op.create_table(
        "dunning_message_events",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("event_key", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('delivered', 'bounced', 'deferred', 'complained', 'opened', 'unsubscribed', 'sent', 'failed', 'unknown', 'posted', 'decided')",
            name=op.f("ck_dunning_message_events_kind"),
        ),
        sa.CheckConstraint(
            "source IN ('smtp', 'gateway', 'webhook', 'mailbox', 'link', 'person', 'service')",
            name=op.f("ck_dunning_message_events_source"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "message_id"],
            ["dunning_messages.organization_id", "dunning_messages.id"],
            name=op.f("fk_dunning_message_events_organization_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_dunning_message_events_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_dunning_message_events")),
        info={"append_only": True, "erasable": ("detail",)},
    )
    op.create_index(
        op.f("ix_dunning_message_events_organization_id_message_id_id"),
        "dunning_message_events",
        ["organization_id", "message_id", "id"],
        unique=False,
    )
    op.create_index(
        "uq_dunning_message_events_key",
        "dunning_message_events",
        ["organization_id", "source", "event_key"],
        unique=True,
        postgresql_where=sa.text("event_key IS NOT NULL"),
    )
    op.create_table(
        "interest_pieces",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("charge_item_id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("day_from", sa.Date(), nullable=False),
        sa.Column("day_to", sa.Date(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.CheckConstraint("day_to >= day_from", name=op.f("ck_interest_pieces_days_in_order")),
        sa.CheckConstraint("principal_minor <> 0", name=op.f("ck_interest_pieces_principal_not_zero")),
        sa.ForeignKeyConstraint(
            ["organization_id", "charge_item_id"],
            ["charge_items.organization_id", "charge_items.id"],
            name=op.f("fk_interest_pieces_organization_id_charge_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_interest_pieces_organization_id_instalment_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_interest_pieces")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_interest_pieces_organization_id_charge_item_id"),
        "interest_pieces",
        ["organization_id", "charge_item_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_interest_pieces_organization_id_instalment_id"),
        "interest_pieces",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.add_column("accounts", sa.Column("street", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("address_supplement", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("postal_code", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("city", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("region", sa.Text(), nullable=True))
    op.add_column(
        "change_log",
        sa.Column(
            "trace", sa.Text(), server_default=sa.text("nullif(current_setting('app.trace', true), '')"), nullable=True
        ),
    )
    op.add_column("change_seals", sa.Column("digest_version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("change_seals", sa.Column("salt", sa.UUID(), nullable=True))
    op.add_column("change_seals", sa.Column("row_sha256", sa.LargeBinary(), nullable=True))
    op.add_column("change_seals", sa.Column("erasure_id", sa.UUID(), nullable=True))
    op.add_column("credit_orders", sa.Column("reserved_until", sa.Date(), nullable=True))
    op.add_column(
        "credit_reviews",
        sa.Column("hands", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
    )
    op.add_column("imports", sa.Column("source_table", sa.Text(), nullable=True))
    op.add_column(
        "imports", sa.Column("effects", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.add_column("invoices", sa.Column("payment_reference", sa.Text(), nullable=True))
    op.add_column("invoices", sa.Column("payment_reference_key", sa.Text(), nullable=True))
    op.add_column(
        "jobs",
        sa.Column(
            "trace", sa.Text(), server_default=sa.text("nullif(current_setting('app.trace', true), '')"), nullable=True
        ),
    )
    op.add_column("legal_entities", sa.Column("street", sa.Text(), nullable=True))
    op.add_column("legal_entities", sa.Column("postal_code", sa.Text(), nullable=True))
    op.add_column("legal_entities", sa.Column("city", sa.Text(), nullable=True))
    op.add_column("retention_settings", sa.Column("reports_months", sa.Integer(), nullable=True))
    op.add_column(
        "worklist_entries", sa.Column("expected_from", sa.Text(), server_default="payment_share", nullable=False)
    )
    op.add_column(
        "worklist_entries",
        sa.Column("dunning", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.execute(
        'ALTER TABLE "change_seals" ADD CONSTRAINT "ck_change_seals_hash_when_erased" CHECK (((erasure_id IS NULL) = (row_sha256 IS NULL))) NOT VALID'
    )
    op.execute(
        'ALTER TABLE "change_seals" ADD CONSTRAINT "ck_change_seals_no_salt_when_erased" CHECK (((erasure_id IS NULL) OR (salt IS NULL))) NOT VALID'
    )
    op.drop_constraint(op.f("ck_export_records_format"), "export_records", type_="check")
    op.execute(
        "ALTER TABLE \"export_records\" ADD CONSTRAINT \"ck_export_records_format\" CHECK ((format = ANY (ARRAY['csv'::text, 'xlsx'::text, 'pdf'::text, 'ndjson'::text, 'json'::text, 'xml'::text]))) NOT VALID"
    )
    op.drop_constraint(op.f("ck_imports_kind"), "imports", type_="check")
    op.execute(
        "ALTER TABLE \"imports\" ADD CONSTRAINT \"ck_imports_kind\" CHECK ((kind = ANY (ARRAY['accounts'::text, 'contacts'::text, 'invoices'::text, 'payments'::text, 'applications'::text, 'balances'::text, 'original_amounts'::text, 'bank_statement'::text]))) NOT VALID"
    )
    op.execute(
        'ALTER TABLE "retention_settings" ADD CONSTRAINT "ck_retention_settings_reports_months" CHECK (((reports_months >= 1) AND (reports_months <= 600))) NOT VALID'
    )
    op.drop_constraint(op.f("ck_payer_identities_kind"), "payer_identities", type_="check")
    op.execute(
        "ALTER TABLE \"payer_identities\" ADD CONSTRAINT \"ck_payer_identities_kind\" CHECK ((kind = ANY (ARRAY['bank_identifier'::text, 'payer_name'::text, 'vat_id'::text, 'electronic_address'::text, 'registered_id'::text]))) NOT VALID"
    )
    op.drop_constraint(op.f("ck_remittance_advices_channel"), "remittance_advices", type_="check")
    op.execute(
        "ALTER TABLE \"remittance_advices\" ADD CONSTRAINT \"ck_remittance_advices_channel\" CHECK ((channel = ANY (ARRAY['api'::text, 'csv'::text, 'xlsx'::text, 'email_text'::text, 'x12_820'::text, 'edifact_remadv'::text]))) NOT VALID"
    )
    op.execute(
        "ALTER TABLE \"worklist_entries\" ADD CONSTRAINT \"ck_worklist_entries_expected_from\" CHECK ((expected_from = ANY (ARRAY['payment_share'::text, 'forecast'::text]))) NOT VALID"
    )
    secure_table("charge_settings")
    secure_table("charging_runs")
    secure_table("compensation_schedules")
    secure_table("dunning_message_settings")
    secure_table("dunning_policies")
    secure_table("dunning_settings")
    secure_table("dunning_templates")
    secure_table("forecast_models")
    secure_table("interest_rate_tables")
    secure_table("interest_rates")
    secure_table("mailbox_connections")
    secure_table("report_schedules")
    secure_table("webhook_endpoints")
    secure_table("dunning_policy_versions")
    secure_table("dunning_template_revisions", append_only=True)
    secure_table("export_batches")
    secure_table("forecast_runs")
    secure_table("provision_runs", append_only=True)
    secure_table("report_runs")
    secure_table("source_applications")
    secure_table("source_documents")
    secure_table("source_watermarks")
    secure_table("webhook_deliveries")
    secure_table("dunning_assignments", append_only=True, erasable=("reason",))
    secure_table("dunning_comparisons")
    secure_table("dunning_runs")
    secure_table("dunning_steps")
    secure_table("export_rows")
    secure_table("forecast_accuracy")
    secure_table("forecast_weeks")
    secure_table("interest_agreements")
    secure_table("provision_lines", append_only=True)
    secure_table("report_deliveries")
    secure_table("source_balances")
    secure_table("statement_schedules")
    secure_table("webhook_attempts")
    secure_table("charges")
    secure_table("dunning_notices")
    secure_table("dunning_blocks")
    secure_table("dunning_messages")
    secure_table("dunning_notice_items")
    secure_table("dunning_threads")
    secure_table("dunning_withheld_items")
    secure_table("forecast_invoices")
    secure_table("account_statements")
    secure_table("charge_items")
    secure_table("charge_waivers", append_only=True)
    secure_table("dispute_line_changes", append_only=True)
    secure_table("dunning_address_marks")
    secure_table(
        "dunning_message_contents", append_only=True, erasable=("subject", "text", "html", "letter", "unsubscribe_url")
    )
    secure_table("dunning_message_events", append_only=True, erasable=("detail",))
    secure_table("interest_pieces", append_only=True)
    op.execute('GRANT UPDATE (description) ON "legal_case_entries" TO duecourse_app')
    op.execute('GRANT UPDATE (reason) ON "collector_assignments" TO duecourse_app')
    op.execute('GRANT UPDATE (reasons) ON "credit_decisions" TO duecourse_app')
    op.execute('GRANT UPDATE (note) ON "credit_decisions" TO duecourse_app')
    op.execute('GRANT UPDATE (note) ON "credit_bureau_scores" TO duecourse_app')
    op.execute('GRANT UPDATE (note) ON "credit_statements" TO duecourse_app')
    op.execute('GRANT UPDATE (body) ON "credit_remarks" TO duecourse_app')
    op.execute('GRANT UPDATE (note) ON "dispute_transitions" TO duecourse_app')
    op.execute('GRANT UPDATE (reason) ON "change_log" TO duecourse_app')
    op.execute('GRANT UPDATE (before) ON "change_log" TO duecourse_app')
    op.execute('GRANT UPDATE (after) ON "change_log" TO duecourse_app')
    op.execute('GRANT UPDATE (salt) ON "change_seals" TO duecourse_app')
    op.execute('GRANT UPDATE (row_sha256) ON "change_seals" TO duecourse_app')
    op.execute('GRANT UPDATE (erasure_id) ON "change_seals" TO duecourse_app')
    op.execute('GRANT UPDATE (reason) ON "instalment_changes" TO duecourse_app')
    op.execute('GRANT UPDATE (reason) ON "credit_memo_movements" TO duecourse_app')
    op.execute('GRANT UPDATE (reason) ON "payment_movements" TO duecourse_app')
    op.execute('GRANT UPDATE (reason) ON "applications" TO duecourse_app')


def downgrade() -> None:
    op.execute('REVOKE UPDATE (reason) ON "applications" FROM duecourse_app')
    op.execute('REVOKE UPDATE (reason) ON "payment_movements" FROM duecourse_app')
    op.execute('REVOKE UPDATE (reason) ON "credit_memo_movements" FROM duecourse_app')
    op.execute('REVOKE UPDATE (reason) ON "instalment_changes" FROM duecourse_app')
    op.execute('REVOKE UPDATE (erasure_id) ON "change_seals" FROM duecourse_app')
    op.execute('REVOKE UPDATE (row_sha256) ON "change_seals" FROM duecourse_app')
    op.execute('REVOKE UPDATE (salt) ON "change_seals" FROM duecourse_app')
    op.execute('REVOKE UPDATE (after) ON "change_log" FROM duecourse_app')
    op.execute('REVOKE UPDATE (before) ON "change_log" FROM duecourse_app')
    op.execute('REVOKE UPDATE (reason) ON "change_log" FROM duecourse_app')
    op.execute('REVOKE UPDATE (note) ON "dispute_transitions" FROM duecourse_app')
    op.execute('REVOKE UPDATE (body) ON "credit_remarks" FROM duecourse_app')
    op.execute('REVOKE UPDATE (note) ON "credit_statements" FROM duecourse_app')
    op.execute('REVOKE UPDATE (note) ON "credit_bureau_scores" FROM duecourse_app')
    op.execute('REVOKE UPDATE (note) ON "credit_decisions" FROM duecourse_app')
    op.execute('REVOKE UPDATE (reasons) ON "credit_decisions" FROM duecourse_app')
    op.execute('REVOKE UPDATE (reason) ON "collector_assignments" FROM duecourse_app')
    op.execute('REVOKE UPDATE (description) ON "legal_case_entries" FROM duecourse_app')
    op.drop_constraint(op.f("ck_worklist_entries_expected_from"), "worklist_entries", type_="check")
    op.drop_constraint(op.f("ck_remittance_advices_channel"), "remittance_advices", type_="check")
    op.create_check_constraint(
        op.f("ck_remittance_advices_channel"),
        "remittance_advices",
        "(channel = ANY (ARRAY['api'::text, 'csv'::text, 'xlsx'::text, 'email_text'::text]))",
    )
    op.drop_constraint(op.f("ck_payer_identities_kind"), "payer_identities", type_="check")
    op.create_check_constraint(
        op.f("ck_payer_identities_kind"),
        "payer_identities",
        "(kind = ANY (ARRAY['bank_identifier'::text, 'payer_name'::text]))",
    )
    op.drop_constraint(op.f("ck_retention_settings_reports_months"), "retention_settings", type_="check")
    op.drop_constraint(op.f("ck_imports_kind"), "imports", type_="check")
    op.create_check_constraint(
        op.f("ck_imports_kind"),
        "imports",
        "(kind = ANY (ARRAY['accounts'::text, 'invoices'::text, 'payments'::text, 'bank_statement'::text]))",
    )
    op.drop_constraint(op.f("ck_export_records_format"), "export_records", type_="check")
    op.create_check_constraint(
        op.f("ck_export_records_format"),
        "export_records",
        "(format = ANY (ARRAY['csv'::text, 'xlsx'::text, 'pdf'::text, 'ndjson'::text, 'json'::text]))",
    )
    op.drop_constraint(op.f("ck_change_seals_hash_when_erased"), "change_seals", type_="check")
    op.drop_constraint(op.f("ck_change_seals_no_salt_when_erased"), "change_seals", type_="check")
    op.drop_column("worklist_entries", "dunning")
    op.drop_column("worklist_entries", "expected_from")
    op.drop_index(
        op.f("ix_transfers_organization_id_payment_id"),
        table_name="transfers",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_transfers_organization_id_instalment_id"),
        table_name="transfers",
        postgresql_where=sa.text("instalment_id IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_transfers_organization_id_credit_memo_id"),
        table_name="transfers",
        postgresql_where=sa.text("credit_memo_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_transfers_organization_id_account_id_id"), table_name="transfers")
    op.drop_column("retention_settings", "reports_months")
    op.drop_column("legal_entities", "city")
    op.drop_column("legal_entities", "postal_code")
    op.drop_column("legal_entities", "street")
    op.drop_column("jobs", "trace")
    op.drop_index(
        op.f("ix_invoices_organization_id_payment_reference_key"),
        table_name="invoices",
        postgresql_where=sa.text("payment_reference_key IS NOT NULL"),
    )
    op.drop_column("invoices", "payment_reference_key")
    op.drop_column("invoices", "payment_reference")
    op.drop_column("imports", "effects")
    op.drop_column("imports", "source_table")
    op.drop_column("credit_reviews", "hands")
    op.drop_column("credit_orders", "reserved_until")
    op.drop_index(
        "ix_change_seals_erased", table_name="change_seals", postgresql_where=sa.text("erasure_id IS NOT NULL")
    )
    op.drop_column("change_seals", "erasure_id")
    op.drop_column("change_seals", "row_sha256")
    op.drop_column("change_seals", "salt")
    op.drop_column("change_seals", "digest_version")
    op.drop_column("change_log", "trace")
    op.drop_column("accounts", "region")
    op.drop_column("accounts", "city")
    op.drop_column("accounts", "postal_code")
    op.drop_column("accounts", "address_supplement")
    op.drop_column("accounts", "street")
    op.drop_index(op.f("ix_interest_pieces_organization_id_instalment_id"), table_name="interest_pieces")
    op.drop_index(op.f("ix_interest_pieces_organization_id_charge_item_id"), table_name="interest_pieces")
    op.drop_table("interest_pieces")
    op.drop_index(
        "uq_dunning_message_events_key",
        table_name="dunning_message_events",
        postgresql_where=sa.text("event_key IS NOT NULL"),
    )
    op.drop_index(op.f("ix_dunning_message_events_organization_id_message_id_id"), table_name="dunning_message_events")
    op.drop_table("dunning_message_events")
    op.drop_table("dunning_message_contents")
    op.drop_index(
        op.f("ix_dunning_address_marks_organization_id_account_id"),
        table_name="dunning_address_marks",
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.drop_table("dunning_address_marks")
    op.drop_index(
        op.f("ix_dispute_line_changes_organization_id_line_id_effective_date_id"), table_name="dispute_line_changes"
    )
    op.drop_index("ix_dispute_line_changes_instalment", table_name="dispute_line_changes")
    op.drop_table("dispute_line_changes")
    op.drop_index(op.f("ix_charge_waivers_organization_id_charge_id"), table_name="charge_waivers")
    op.drop_table("charge_waivers")
    op.drop_index(
        "uq_charge_items_fee",
        table_name="charge_items",
        postgresql_where=sa.text("live AND kind = 'fee' AND step_ordinal IS NOT NULL"),
    )
    op.drop_index(
        "uq_charge_items_compensation",
        table_name="charge_items",
        postgresql_where=sa.text("live AND kind = 'compensation'"),
    )
    op.drop_index(op.f("ix_charge_items_organization_id_instalment_id"), table_name="charge_items")
    op.drop_index(op.f("ix_charge_items_organization_id_charge_id"), table_name="charge_items")
    op.drop_table("charge_items")
    op.drop_index(
        "uq_account_statements_period", table_name="account_statements", postgresql_where=sa.text("period IS NOT NULL")
    )
    op.drop_index(op.f("ix_account_statements_organization_id_state_id"), table_name="account_statements")
    op.drop_index(
        op.f("ix_account_statements_organization_id_document_id"),
        table_name="account_statements",
        postgresql_where=sa.text("document_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_account_statements_organization_id_account_id_id"), table_name="account_statements")
    op.drop_table("account_statements")
    op.drop_index(op.f("ix_forecast_invoices_organization_id_run_id_p50_date_id"), table_name="forecast_invoices")
    op.drop_index(
        op.f("ix_forecast_invoices_organization_id_run_id_expected_30_minor_id"), table_name="forecast_invoices"
    )
    op.drop_index(op.f("ix_forecast_invoices_organization_id_run_id_account_id"), table_name="forecast_invoices")
    op.drop_table("forecast_invoices")
    op.drop_index(op.f("ix_dunning_withheld_items_organization_id_run_id_reason"), table_name="dunning_withheld_items")
    op.drop_index(op.f("ix_dunning_withheld_items_organization_id_instalment_id"), table_name="dunning_withheld_items")
    op.drop_index(op.f("ix_dunning_withheld_items_organization_id_account_id_id"), table_name="dunning_withheld_items")
    op.drop_table("dunning_withheld_items")
    op.drop_table("dunning_threads")
    op.drop_index(
        "uq_dunning_notice_items_key",
        table_name="dunning_notice_items",
        postgresql_include=["done_on", "notice_id"],
        postgresql_where=sa.text("live"),
    )
    op.drop_index(op.f("ix_dunning_notice_items_organization_id_notice_id"), table_name="dunning_notice_items")
    op.drop_index(
        "ix_dunning_notice_items_given_back", table_name="dunning_notice_items", postgresql_where=sa.text("NOT live")
    )
    op.drop_table("dunning_notice_items")
    op.drop_index(
        "ix_dunning_messages_without_pdf",
        table_name="dunning_messages",
        postgresql_where=sa.text("document_id IS NULL"),
    )
    op.drop_index(op.f("ix_dunning_messages_organization_id_state_id"), table_name="dunning_messages")
    op.drop_index(op.f("ix_dunning_messages_organization_id_account_id_id"), table_name="dunning_messages")
    op.drop_index(
        "ix_dunning_messages_due", table_name="dunning_messages", postgresql_where=sa.text("state = 'approved'")
    )
    op.drop_table("dunning_messages")
    op.drop_index(
        "ix_dunning_blocks_standing", table_name="dunning_blocks", postgresql_where=sa.text("lifted_on IS NULL")
    )
    op.drop_index(op.f("ix_dunning_blocks_organization_id_account_id_id"), table_name="dunning_blocks")
    op.drop_table("dunning_blocks")
    op.drop_index(op.f("ix_dunning_notices_organization_id_updated_at_id"), table_name="dunning_notices")
    op.drop_index(op.f("ix_dunning_notices_organization_id_state_id"), table_name="dunning_notices")
    op.drop_index(op.f("ix_dunning_notices_organization_id_run_id_id"), table_name="dunning_notices")
    op.drop_index(op.f("ix_dunning_notices_organization_id_account_id_id"), table_name="dunning_notices")
    op.drop_table("dunning_notices")
    op.drop_index("uq_charges_source_key", table_name="charges", postgresql_where=sa.text("state = 'posted'"))
    op.drop_index("ix_charges_state", table_name="charges")
    op.drop_index(op.f("ix_charges_organization_id_updated_at_id"), table_name="charges")
    op.drop_index(
        op.f("ix_charges_organization_id_invoice_id"),
        table_name="charges",
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_charges_organization_id_as_of"), table_name="charges")
    op.drop_index(op.f("ix_charges_organization_id_account_id_id"), table_name="charges")
    op.drop_table("charges")
    op.drop_index(op.f("ix_webhook_attempts_organization_id_delivery_id_id"), table_name="webhook_attempts")
    op.drop_table("webhook_attempts")
    op.drop_index(
        "uq_statement_schedules_segment",
        table_name="statement_schedules",
        postgresql_where=sa.text("scope = 'segment'"),
    )
    op.drop_index(
        "uq_statement_schedules_organization",
        table_name="statement_schedules",
        postgresql_where=sa.text("scope = 'organization'"),
    )
    op.drop_index(
        "uq_statement_schedules_account",
        table_name="statement_schedules",
        postgresql_where=sa.text("scope = 'account'"),
    )
    op.drop_table("statement_schedules")
    op.drop_index(op.f("ix_source_balances_organization_id_import_id_verdict"), table_name="source_balances")
    op.drop_index(op.f("ix_source_balances_organization_id_account_id"), table_name="source_balances")
    op.drop_table("source_balances")
    op.drop_index(
        "uq_report_deliveries_period", table_name="report_deliveries", postgresql_where=sa.text("trigger = 'schedule'")
    )
    op.drop_index(op.f("ix_report_deliveries_organization_id_schedule_id_id"), table_name="report_deliveries")
    op.drop_index(op.f("ix_report_deliveries_organization_id_run_id"), table_name="report_deliveries")
    op.drop_index(op.f("ix_report_deliveries_organization_id_document_id"), table_name="report_deliveries")
    op.drop_table("report_deliveries")
    op.drop_table("provision_lines")
    op.drop_index("ix_interest_agreements_scope", table_name="interest_agreements")
    op.drop_index(
        op.f("ix_interest_agreements_organization_id_segment"),
        table_name="interest_agreements",
        postgresql_where=sa.text("segment IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_interest_agreements_organization_id_account_id"),
        table_name="interest_agreements",
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.drop_table("interest_agreements")
    op.drop_index(
        op.f("ix_forecast_weeks_organization_id_run_id_group_by_layer_total_minor_id"), table_name="forecast_weeks"
    )
    op.drop_table("forecast_weeks")
    op.drop_index(op.f("ix_forecast_accuracy_organization_id_model_id"), table_name="forecast_accuracy")
    op.drop_index(op.f("ix_forecast_accuracy_organization_id_group_by_layer_as_of"), table_name="forecast_accuracy")
    op.drop_index(op.f("ix_forecast_accuracy_organization_id_ends_on"), table_name="forecast_accuracy")
    op.drop_table("forecast_accuracy")
    op.drop_index("uq_export_rows_subject", table_name="export_rows", postgresql_where=sa.text("state <> 'rejected'"))
    op.drop_index(op.f("ix_export_rows_organization_id_batch_id_state"), table_name="export_rows")
    op.drop_index(
        "ix_export_rows_external_id", table_name="export_rows", postgresql_where=sa.text("external_id IS NOT NULL")
    )
    op.drop_table("export_rows")
    op.drop_table("dunning_steps")
    op.drop_index(
        "uq_dunning_runs_open",
        table_name="dunning_runs",
        postgresql_where=sa.text("state IN ('waiting', 'running') AND kind <> 'simulation'"),
    )
    op.drop_index("uq_dunning_runs_night", table_name="dunning_runs", postgresql_where=sa.text("kind = 'nightly'"))
    op.drop_index(op.f("ix_dunning_runs_organization_id_updated_at_id"), table_name="dunning_runs")
    op.drop_index(op.f("ix_dunning_runs_organization_id_kind_id"), table_name="dunning_runs")
    op.drop_table("dunning_runs")
    op.drop_table("dunning_comparisons")
    op.drop_index(op.f("ix_dunning_assignments_organization_id_scope_id"), table_name="dunning_assignments")
    op.drop_index(
        op.f("ix_dunning_assignments_organization_id_account_id_valid_from"), table_name="dunning_assignments"
    )
    op.drop_table("dunning_assignments")
    op.drop_index(op.f("ix_webhook_deliveries_organization_id_state_id"), table_name="webhook_deliveries")
    op.drop_index(
        "ix_webhook_deliveries_due", table_name="webhook_deliveries", postgresql_where=sa.text("state = 'planned'")
    )
    op.drop_table("webhook_deliveries")
    op.drop_table("source_watermarks")
    op.drop_index(op.f("ix_source_documents_organization_id_source_account_key"), table_name="source_documents")
    op.drop_table("source_documents")
    op.drop_index(
        op.f("ix_source_applications_organization_id_source_source_table_import_id"), table_name="source_applications"
    )
    op.drop_table("source_applications")
    op.drop_index(op.f("ix_report_runs_organization_id_state_id"), table_name="report_runs")
    op.drop_index(op.f("ix_report_runs_organization_id_sha256"), table_name="report_runs")
    op.drop_index(op.f("ix_report_runs_organization_id_report_id"), table_name="report_runs")
    op.drop_index("ix_report_runs_kept", table_name="report_runs", postgresql_where=sa.text("state = 'completed'"))
    op.drop_table("report_runs")
    op.drop_table("provision_runs")
    op.drop_index("uq_forecast_runs_nightly", table_name="forecast_runs", postgresql_where=sa.text("kind = 'nightly'"))
    op.drop_index("uq_forecast_runs_current", table_name="forecast_runs", postgresql_where=sa.text("current"))
    op.drop_index(
        "ix_forecast_runs_unmeasured",
        table_name="forecast_runs",
        postgresql_where=sa.text("state = 'done' AND kind <> 'what_if' AND measured_weeks < 13"),
    )
    op.drop_index(op.f("ix_forecast_runs_organization_id_state_id"), table_name="forecast_runs")
    op.drop_index(op.f("ix_forecast_runs_organization_id_model_id"), table_name="forecast_runs")
    op.drop_index(op.f("ix_forecast_runs_organization_id_kind_id"), table_name="forecast_runs")
    op.drop_index(op.f("ix_forecast_runs_organization_id_as_of_id"), table_name="forecast_runs")
    op.drop_index("ix_forecast_runs_details", table_name="forecast_runs", postgresql_where=sa.text("details_kept"))
    op.drop_table("forecast_runs")
    op.drop_index(op.f("ix_export_batches_organization_id_kind_state"), table_name="export_batches")
    op.drop_table("export_batches")
    op.drop_table("dunning_template_revisions")
    op.drop_index(
        op.f("ix_dunning_policy_versions_organization_id_policy_id_state_valid_from"),
        table_name="dunning_policy_versions",
    )
    op.drop_table("dunning_policy_versions")
    op.drop_index(
        "ix_webhook_endpoints_active", table_name="webhook_endpoints", postgresql_where=sa.text("state = 'active'")
    )
    op.drop_table("webhook_endpoints")
    op.drop_index(op.f("ix_report_schedules_organization_id_report_id"), table_name="report_schedules")
    op.drop_index("ix_report_schedules_due", table_name="report_schedules", postgresql_where=sa.text("active"))
    op.drop_table("report_schedules")
    op.drop_table("mailbox_connections")
    op.drop_table("interest_rates")
    op.drop_table("interest_rate_tables")
    op.drop_index(
        "uq_forecast_models_active", table_name="forecast_models", postgresql_where=sa.text("state = 'active'")
    )
    op.drop_index(op.f("ix_forecast_models_organization_id_state_id"), table_name="forecast_models")
    op.drop_table("forecast_models")
    op.drop_table("dunning_templates")
    op.drop_table("dunning_settings")
    op.drop_index("uq_dunning_policies_shipped", table_name="dunning_policies", postgresql_where=sa.text("shipped"))
    op.drop_table("dunning_policies")
    op.drop_table("dunning_message_settings")
    op.drop_table("compensation_schedules")
    op.drop_index("uq_charging_runs_day", table_name="charging_runs", postgresql_where=sa.text("NOT simulated"))
    op.drop_index("ix_charging_runs_state", table_name="charging_runs")
    op.drop_table("charging_runs")
    op.drop_table("charge_settings")
