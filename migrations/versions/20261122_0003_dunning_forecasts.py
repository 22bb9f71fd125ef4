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
        sa.Column("send_at", sa.Text(), server_default="07:00", nullable=False),
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
    op.add_column("accounts", sa.Column("street", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("address_supplement", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("postal_code", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("city", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("region", sa.Text(), nullable=True))
    op.add_column("legal_entities", sa.Column("street", sa.Text(), nullable=True))
    op.add_column("legal_entities", sa.Column("postal_code", sa.Text(), nullable=True))
    op.add_column("legal_entities", sa.Column("city", sa.Text(), nullable=True))
    secure_table("forecast_models")
    secure_table("report_schedules")
    secure_table("forecast_runs")
    secure_table("report_runs")
    secure_table("forecast_accuracy")
    secure_table("forecast_weeks")
    secure_table("report_deliveries")
    secure_table("statement_schedules")
    secure_table("forecast_invoices")
    secure_table("account_statements")


def downgrade() -> None:
    op.drop_column("legal_entities", "city")
    op.drop_column("legal_entities", "postal_code")
    op.drop_column("legal_entities", "street")
    op.drop_column("accounts", "region")
    op.drop_column("accounts", "city")
    op.drop_column("accounts", "postal_code")
    op.drop_column("accounts", "address_supplement")
    op.drop_column("accounts", "street")
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
    op.drop_index(
        "uq_report_deliveries_period", table_name="report_deliveries", postgresql_where=sa.text("trigger = 'schedule'")
    )
    op.drop_index(op.f("ix_report_deliveries_organization_id_schedule_id_id"), table_name="report_deliveries")
    op.drop_index(op.f("ix_report_deliveries_organization_id_run_id"), table_name="report_deliveries")
    op.drop_index(op.f("ix_report_deliveries_organization_id_document_id"), table_name="report_deliveries")
    op.drop_table("report_deliveries")
    op.drop_index(
        op.f("ix_forecast_weeks_organization_id_run_id_group_by_layer_total_minor_id"), table_name="forecast_weeks"
    )
    op.drop_table("forecast_weeks")
    op.drop_index(op.f("ix_forecast_accuracy_organization_id_model_id"), table_name="forecast_accuracy")
    op.drop_index(op.f("ix_forecast_accuracy_organization_id_group_by_layer_as_of"), table_name="forecast_accuracy")
    op.drop_index(op.f("ix_forecast_accuracy_organization_id_ends_on"), table_name="forecast_accuracy")
    op.drop_table("forecast_accuracy")
    op.drop_index(op.f("ix_report_runs_organization_id_state_id"), table_name="report_runs")
    op.drop_index(op.f("ix_report_runs_organization_id_sha256"), table_name="report_runs")
    op.drop_index(op.f("ix_report_runs_organization_id_report_id"), table_name="report_runs")
    op.drop_index("ix_report_runs_kept", table_name="report_runs", postgresql_where=sa.text("state = 'completed'"))
    op.drop_table("report_runs")
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
    op.drop_index(op.f("ix_report_schedules_organization_id_report_id"), table_name="report_schedules")
    op.drop_index("ix_report_schedules_due", table_name="report_schedules", postgresql_where=sa.text("active"))
    op.drop_table("report_schedules")
    op.drop_index(
        "uq_forecast_models_active", table_name="forecast_models", postgresql_where=sa.text("state = 'active'")
    )
    op.drop_index(op.f("ix_forecast_models_organization_id_state_id"), table_name="forecast_models")
    op.drop_table("forecast_models")
