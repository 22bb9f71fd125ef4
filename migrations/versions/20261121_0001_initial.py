"""initial

Revision: 20261121_0001_initial, follows
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.infra.tables import Xid8
from migrations.tenancy import create_roles, open_table, secure_table

revision = "20261121_0001_initial"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_roles()
    op.create_table(
        "heartbeats",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "seen_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "organizations",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("calendar_country", sa.Text(), nullable=True),
        sa.Column("calendar_subdivision", sa.Text(), nullable=True),
        sa.Column("extra_holidays", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("aging_bounds", sa.ARRAY(sa.Integer()), server_default="{0,30,60,90}", nullable=False),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "api_clients",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("token_lifetime_seconds", sa.Integer(), server_default="3600", nullable=False),
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
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_api_clients_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_api_clients")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_api_clients_organization_id_name")),
    )
    op.create_table(
        "change_heads",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("seen", sa.Text(), server_default="", nullable=False),
        sa.Column("system_identifier", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_change_heads_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_change_heads")),
        info={"worker_reads": True},
    )
    op.create_table(
        "change_log",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.UUID(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_change_log_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_change_log")),
        info={"append_only": True, "worker_reads": True},
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("ix_change_log_organization_id_entity_type_entity_id"),
        "change_log",
        ["organization_id", "entity_type", "entity_id"],
        unique=False,
    )
    op.create_index(op.f("ix_change_log_organization_id_xid"), "change_log", ["organization_id", "xid"], unique=False)
    op.create_index(op.f("ix_change_log_xid"), "change_log", ["xid"], unique=False)
    op.create_table(
        "change_seals",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column(
            "sealed_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_change_seals_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_change_seals")),
        sa.UniqueConstraint("organization_id", "position", name=op.f("uq_change_seals_organization_id_position")),
        info={"append_only": True},
    )
    op.create_table(
        "exchange_rates",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("from_currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("rate_date", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=24, scale=12), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_rate_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_exchange_rates_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_exchange_rates")),
        sa.UniqueConstraint(
            "organization_id",
            "from_currency",
            "to_currency",
            "rate_date",
            name=op.f("uq_exchange_rates_organization_id_from_currency_to_currency_rate_date"),
        ),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_idempotency_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "organization_id",
            "client",
            "route",
            "key",
            name=op.f("uq_idempotency_keys_organization_id_client_route_key"),
        ),
    )
    op.create_index(
        op.f("ix_idempotency_keys_organization_id_recorded_at"),
        "idempotency_keys",
        ["organization_id", "recorded_at"],
        unique=False,
    )
    op.create_table(
        "imports",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_format", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("dry_run", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("today", sa.Date(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("byte_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_created", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_updated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows_refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("control_totals", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_kind", sa.Text(), nullable=False),
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
        sa.CheckConstraint(
            "kind IN ('accounts', 'invoices', 'payments', 'bank_statement')", name=op.f("ck_imports_kind")
        ),
        sa.CheckConstraint("media_format IN ('csv', 'ndjson', 'xlsx', 'bank')", name=op.f("ck_imports_media_format")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'failed', 'cancelled')", name=op.f("ck_imports_state")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_imports_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_organization_id_state"), "imports", ["organization_id", "state"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column(
            "run_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("interruptions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("state IN ('due', 'leased', 'done', 'dead')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_jobs_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_jobs")),
        info={"worker_claims": True},
    )
    op.create_index("ix_jobs_claim", "jobs", ["run_at"], unique=False, postgresql_where=sa.text("state = 'due'"))
    op.create_index(
        "ix_jobs_dead", "jobs", ["organization_id", "id"], unique=False, postgresql_where=sa.text("state = 'dead'")
    )
    op.create_index(
        "ix_jobs_finished", "jobs", ["finished_at"], unique=False, postgresql_where=sa.text("state = 'done'")
    )
    op.create_index(
        "ix_jobs_lease", "jobs", ["lease_until"], unique=False, postgresql_where=sa.text("state = 'leased'")
    )
    op.create_index(
        "ix_jobs_owed",
        "jobs",
        ["organization_id", "kind", "key"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "uq_jobs_leased",
        "jobs",
        ["organization_id", "kind", "key"],
        unique=True,
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_table(
        "legal_entities",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.Column("closed_through", sa.Date(), nullable=True),
        sa.Column("account_mapping", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("write_off_tax_share", sa.Boolean(), server_default="false", nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_legal_entities_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_legal_entities")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_legal_entities_organization_id_code")),
    )
    op.create_table(
        "matching_runs",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("today", sa.Date(), nullable=False),
        sa.Column("payments_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("payments_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'failed')", name=op.f("ck_matching_runs_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_matching_runs_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_matching_runs")),
    )
    op.create_index(
        op.f("ix_matching_runs_organization_id_state"), "matching_runs", ["organization_id", "state"], unique=False
    )
    op.create_table(
        "matching_settings",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("automatic_enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("automatic_threshold", sa.Numeric(precision=6, scale=5), server_default="0.985", nullable=False),
        sa.Column("proposed_threshold", sa.Numeric(precision=6, scale=5), server_default="0.4", nullable=False),
        sa.Column("tolerances", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("notice", sa.Text(), nullable=True),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_matching_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_matching_settings")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_matching_settings_organization_id")),
    )
    op.create_table(
        "payment_terms",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
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
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_terms_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_terms")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_payment_terms_organization_id_code")),
    )
    op.create_table(
        "stored_files",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_stored_files_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_stored_files")),
        sa.UniqueConstraint("organization_id", "sha256", name=op.f("uq_stored_files_organization_id_sha256")),
    )
    op.create_table(
        "users",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("roles", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("approval_limit", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("data_scope", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
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
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_users_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_users")),
        sa.UniqueConstraint("organization_id", "email", name=op.f("uq_users_organization_id_email")),
        sa.UniqueConstraint(
            "organization_id", "issuer", "subject", name=op.f("uq_users_organization_id_issuer_subject")
        ),
    )
    op.create_table(
        "accounts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.UUID(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("payment_terms_id", sa.UUID(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("risk_class", sa.Text(), nullable=True),
        sa.Column("collector_id", sa.UUID(), nullable=True),
        sa.Column("credit_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("credit_status", sa.Text(), server_default="ok", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
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
        sa.CheckConstraint("credit_status IN ('ok', 'watch', 'hold', 'stop')", name=op.f("ck_accounts_credit_status")),
        sa.CheckConstraint("status IN ('active', 'inactive', 'merged')", name=op.f("ck_accounts_status")),
        sa.CheckConstraint("credit_limit_minor >= 0", name=op.f("ck_accounts_credit_limit_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "collector_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_accounts_organization_id_collector_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_accounts_organization_id_parent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_terms_id"],
            ["payment_terms.organization_id", "payment_terms.id"],
            name=op.f("fk_accounts_organization_id_payment_terms_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_accounts_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_accounts_organization_id_number")),
    )
    op.create_index(
        op.f("ix_accounts_organization_id_collector_id"), "accounts", ["organization_id", "collector_id"], unique=False
    )
    op.create_index(
        op.f("ix_accounts_organization_id_parent_id"),
        "accounts",
        ["organization_id", "parent_id"],
        unique=False,
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_accounts_organization_id_updated_at_id"),
        "accounts",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_accounts_external",
        "accounts",
        ["organization_id", "source", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "api_client_secrets",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("api_client_id", sa.UUID(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "api_client_id"],
            ["api_clients.organization_id", "api_clients.id"],
            name=op.f("fk_api_client_secrets_organization_id_api_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_api_client_secrets_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_api_client_secrets")),
    )
    op.create_index(
        op.f("ix_api_client_secrets_organization_id_api_client_id"),
        "api_client_secrets",
        ["organization_id", "api_client_id"],
        unique=False,
    )
    op.create_table(
        "bank_accounts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("bic", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
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
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_bank_accounts_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_bank_accounts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_bank_accounts")),
        sa.UniqueConstraint(
            "organization_id",
            "identifier",
            "currency",
            name=op.f("uq_bank_accounts_organization_id_identifier_currency"),
        ),
    )
    op.create_table(
        "import_row_errors",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), server_default="refused", nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("severity IN ('refused', 'note')", name=op.f("ck_import_row_errors_severity")),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_import_row_errors_organization_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_import_row_errors_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_import_row_errors")),
    )
    op.create_index(
        op.f("ix_import_row_errors_organization_id_import_id_row_number"),
        "import_row_errors",
        ["organization_id", "import_id", "row_number"],
        unique=False,
    )
    op.create_table(
        "period_balances",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("closed_through", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_period_balances_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_period_balances_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_period_balances")),
        sa.UniqueConstraint(
            "organization_id",
            "legal_entity_id",
            "closed_through",
            "currency",
            "measure",
            "recorded_at",
            name=op.f("uq_period_balances_organization_id_legal_entity_id_closed_through_currency_measure_recorded_at"),
        ),
    )
    op.create_table(
        "period_closes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("closed_through", sa.Date(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('close', 'reopen')", name=op.f("ck_period_closes_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_period_closes_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_period_closes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_period_closes")),
        info={"append_only": True},
    )
    op.create_table(
        "transfers",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("posting_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("debit_account", sa.Text(), nullable=False),
        sa.Column("credit_account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("instalment_id", sa.UUID(), nullable=True),
        sa.Column("credit_memo_id", sa.UUID(), nullable=True),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column("source_id", sa.UUID(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_transfers_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_transfers_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_transfers_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_transfers")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_transfers_organization_id_legal_entity_id_effective_date"),
        "transfers",
        ["organization_id", "legal_entity_id", "effective_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_transfers_organization_id_posting_id"), "transfers", ["organization_id", "posting_id"], unique=False
    )
    op.create_table(
        "bank_statements",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bank_account_id", sa.UUID(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("statement_reference", sa.Text(), nullable=False),
        sa.Column("sequence_number", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=True),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.Column("opening_minor", sa.BigInteger(), nullable=True),
        sa.Column("closing_minor", sa.BigInteger(), nullable=True),
        sa.Column("credits_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("debits_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("entries_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("balance_check", sa.Text(), nullable=False),
        sa.Column("continuity", sa.Text(), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
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
        sa.CheckConstraint(
            "balance_check IN ('ok', 'difference', 'not_given')", name=op.f("ck_bank_statements_balance_check")
        ),
        sa.CheckConstraint(
            "continuity IN ('first', 'follows', 'gap', 'overlap', 'unknown')",
            name=op.f("ck_bank_statements_continuity"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "bank_account_id"],
            ["bank_accounts.organization_id", "bank_accounts.id"],
            name=op.f("fk_bank_statements_organization_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_bank_statements_organization_id_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_bank_statements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_bank_statements")),
        sa.UniqueConstraint(
            "organization_id",
            "bank_account_id",
            "identity",
            name=op.f("uq_bank_statements_organization_id_bank_account_id_identity"),
        ),
    )
    op.create_index(
        op.f("ix_bank_statements_organization_id_bank_account_id_to_date"),
        "bank_statements",
        ["organization_id", "bank_account_id", "to_date"],
        unique=False,
    )
    op.create_table(
        "contacts",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("consents", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("do_not_contact", sa.Boolean(), server_default="false", nullable=False),
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
            "role IN ('accounts_payable', 'dunning', 'management', 'legal', 'sales', 'other')",
            name=op.f("ck_contacts_role"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_contacts_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_contacts_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contacts")),
    )
    op.create_index(
        op.f("ix_contacts_organization_id_account_id"), "contacts", ["organization_id", "account_id"], unique=False
    )
    op.create_table(
        "invoices",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("number_key", sa.Text(), nullable=False),
        sa.Column("digits_key", sa.Text(), nullable=True),
        sa.Column("tail_key", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="manual", nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("corrected_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("corrected_tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("invoice_date", sa.Date(), nullable=False),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.Column("payment_terms_id", sa.UUID(), nullable=True),
        sa.Column("terms_differ", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("purchase_order", sa.Text(), nullable=True),
        sa.Column("purchase_order_key", sa.Text(), nullable=True),
        sa.Column("delivery_reference", sa.Text(), nullable=True),
        sa.Column("contract_reference", sa.Text(), nullable=True),
        sa.Column("delivery_status", sa.Text(), nullable=True),
        sa.Column("void_date", sa.Date(), nullable=True),
        sa.Column("voided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("corrects_id", sa.UUID(), nullable=True),
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
            "delivery_status IN ('sent', 'delivered', 'confirmed', 'not_received')",
            name=op.f("ck_invoices_delivery_status"),
        ),
        sa.CheckConstraint("kind IN ('invoice', 'debit_memo', 'finance_charge')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_invoices_amount_positive")),
        sa.CheckConstraint(
            "tax_minor + corrected_tax_minor >= 0 AND tax_minor + corrected_tax_minor <= amount_minor + corrected_minor",
            name=op.f("ck_invoices_corrected_tax_within_amount"),
        ),
        sa.CheckConstraint("tax_minor >= 0 AND tax_minor <= amount_minor", name=op.f("ck_invoices_tax_within_amount")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_invoices_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "corrects_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoices_organization_id_corrects_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_invoices_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_terms_id"],
            ["payment_terms.organization_id", "payment_terms.id"],
            name=op.f("fk_invoices_organization_id_payment_terms_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_invoices_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoices")),
    )
    op.create_index(
        op.f("ix_invoices_organization_id_account_id"), "invoices", ["organization_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_invoices_organization_id_digits_key"),
        "invoices",
        ["organization_id", "digits_key"],
        unique=False,
        postgresql_where=sa.text("digits_key IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_invoices_organization_id_number_key"), "invoices", ["organization_id", "number_key"], unique=False
    )
    op.create_index(
        op.f("ix_invoices_organization_id_purchase_order_key"),
        "invoices",
        ["organization_id", "purchase_order_key"],
        unique=False,
        postgresql_where=sa.text("purchase_order_key IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_invoices_organization_id_tail_key"),
        "invoices",
        ["organization_id", "tail_key"],
        unique=False,
        postgresql_where=sa.text("tail_key IS NOT NULL"),
    )
    op.create_index(
        "ix_invoices_voided_external",
        "invoices",
        ["organization_id", "external_id"],
        unique=False,
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NOT NULL"),
    )
    op.create_index(
        "uq_invoices_external",
        "invoices",
        ["organization_id", "source", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NULL"),
    )
    op.create_index(
        "uq_invoices_number",
        "invoices",
        ["organization_id", "legal_entity_id", "kind", "source", "number"],
        unique=True,
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.create_table(
        "payer_identities",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("normalized_value", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("confirmations", sa.Integer(), server_default="1", nullable=False),
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
        sa.CheckConstraint("kind IN ('bank_identifier', 'payer_name')", name=op.f("ck_payer_identities_kind")),
        sa.CheckConstraint("origin IN ('entered', 'learned')", name=op.f("ck_payer_identities_origin")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_payer_identities_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payer_identities_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payer_identities")),
        sa.UniqueConstraint(
            "organization_id",
            "kind",
            "normalized_value",
            "account_id",
            name=op.f("uq_payer_identities_organization_id_kind_normalized_value_account_id"),
        ),
    )
    op.create_index(
        op.f("ix_payer_identities_organization_id_account_id"),
        "payer_identities",
        ["organization_id", "account_id"],
        unique=False,
    )
    op.create_table(
        "payments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("bank_account_id", sa.UUID(), nullable=True),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("original_account_id", sa.UUID(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("applied_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("withdrawn_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "unapplied_minor",
            sa.BigInteger(),
            sa.Computed("amount_minor - applied_minor - withdrawn_minor", persisted=True),
            nullable=False,
        ),
        sa.Column("withdrawn_as", sa.Text(), nullable=True),
        sa.Column("value_date", sa.Date(), nullable=False),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.Column("account_since", sa.Date(), nullable=False),
        sa.Column("reopened_on", sa.Date(), nullable=True),
        sa.Column("method", sa.Text(), server_default="bank_transfer", nullable=False),
        sa.Column("payer_name", sa.Text(), nullable=True),
        sa.Column("payer_bank_identifier", sa.Text(), nullable=True),
        sa.Column("remittance_text", sa.Text(), nullable=True),
        sa.Column("remittance", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("end_to_end_id", sa.Text(), nullable=True),
        sa.Column("bank_entry_identity", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="manual", nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Text(),
            sa.Computed(
                "CASE WHEN amount_minor - applied_minor - withdrawn_minor > 0 THEN CASE WHEN account_id IS NULL THEN 'unidentified'::text WHEN applied_minor > 0 THEN 'partially_applied'::text ELSE 'unapplied'::text END ELSE COALESCE(withdrawn_as, 'applied'::text) END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("matching_state", sa.Text(), server_default="waiting", nullable=False),
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
        sa.CheckConstraint(
            "matching_state IN ('waiting', 'proposed', 'no_match', 'done', 'held')",
            name=op.f("ck_payments_matching_state"),
        ),
        sa.CheckConstraint(
            "status IN ('unidentified', 'unapplied', 'partially_applied', 'applied', 'reversed', 'refunded', 'not_receivable')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint(
            "withdrawn_as IN ('reversed', 'refunded', 'not_receivable')", name=op.f("ck_payments_withdrawn_as")
        ),
        sa.CheckConstraint("account_since >= accounting_date", name=op.f("ck_payments_account_since")),
        sa.CheckConstraint(
            "amount_minor - applied_minor - withdrawn_minor >= 0", name=op.f("ck_payments_never_over_applied")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount_positive")),
        sa.CheckConstraint("applied_minor >= 0 AND withdrawn_minor >= 0", name=op.f("ck_payments_parts_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_payments_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "bank_account_id"],
            ["bank_accounts.organization_id", "bank_accounts.id"],
            name=op.f("fk_payments_organization_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_payments_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "original_account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_payments_organization_id_original_account_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_payments_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payments")),
    )
    op.create_index(
        op.f("ix_payments_organization_id_accounting_date"),
        "payments",
        ["organization_id", "accounting_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_payments_organization_id_bank_reference"),
        "payments",
        ["organization_id", "bank_reference"],
        unique=False,
        postgresql_where=sa.text("bank_reference IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_payments_organization_id_end_to_end_id"),
        "payments",
        ["organization_id", "end_to_end_id"],
        unique=False,
        postgresql_where=sa.text("end_to_end_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_payments_organization_id_updated_at_id"),
        "payments",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_payments_unapplied",
        "payments",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("unapplied_minor <> 0"),
    )
    op.create_index(
        "ix_payments_waiting",
        "payments",
        ["organization_id", "id"],
        unique=False,
        postgresql_where=sa.text("matching_state = 'waiting'"),
    )
    op.create_index(
        "uq_payments_bank_entry",
        "payments",
        ["organization_id", "bank_entry_identity"],
        unique=True,
        postgresql_where=sa.text("bank_entry_identity IS NOT NULL"),
    )
    op.create_index(
        "uq_payments_external",
        "payments",
        ["organization_id", "source", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_table(
        "bank_entries",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bank_account_id", sa.UUID(), nullable=False),
        sa.Column("statement_id", sa.UUID(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("entry_identity", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_credit", sa.Boolean(), nullable=False),
        sa.Column("is_reversal", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("bank_status", sa.Text(), nullable=False),
        sa.Column("booking_date", sa.Date(), nullable=True),
        sa.Column("value_date", sa.Date(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("end_to_end_id", sa.Text(), nullable=True),
        sa.Column("counterparty_name", sa.Text(), nullable=True),
        sa.Column("counterparty_identifier", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("outcome_detail", sa.Text(), nullable=True),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("bank_status IN ('booked', 'pending', 'info')", name=op.f("ck_bank_entries_bank_status")),
        sa.CheckConstraint(
            "outcome IN ('payment', 'reversal', 'debit', 'kept', 'pending')", name=op.f("ck_bank_entries_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "bank_account_id"],
            ["bank_accounts.organization_id", "bank_accounts.id"],
            name=op.f("fk_bank_entries_organization_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_bank_entries_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "statement_id"],
            ["bank_statements.organization_id", "bank_statements.id"],
            name=op.f("fk_bank_entries_organization_id_statement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_bank_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_bank_entries")),
        sa.UniqueConstraint(
            "organization_id",
            "bank_account_id",
            "identity",
            name=op.f("uq_bank_entries_organization_id_bank_account_id_identity"),
        ),
    )
    op.create_index(
        op.f("ix_bank_entries_organization_id_bank_account_id_entry_identity"),
        "bank_entries",
        ["organization_id", "bank_account_id", "entry_identity"],
        unique=False,
    )
    op.create_index(
        op.f("ix_bank_entries_organization_id_end_to_end_id"),
        "bank_entries",
        ["organization_id", "end_to_end_id"],
        unique=False,
        postgresql_where=sa.text("end_to_end_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_bank_entries_organization_id_payment_id"),
        "bank_entries",
        ["organization_id", "payment_id"],
        unique=False,
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_bank_entries_organization_id_statement_id"),
        "bank_entries",
        ["organization_id", "statement_id"],
        unique=False,
    )
    op.create_table(
        "credit_memos",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("number_key", sa.Text(), nullable=False),
        sa.Column("digits_key", sa.Text(), nullable=True),
        sa.Column("tail_key", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="manual", nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("applied_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("withdrawn_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "open_minor",
            sa.BigInteger(),
            sa.Computed("amount_minor - applied_minor - withdrawn_minor", persisted=True),
            nullable=False,
        ),
        sa.Column("credit_date", sa.Date(), nullable=False),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("reopened_on", sa.Date(), nullable=True),
        sa.Column("void_date", sa.Date(), nullable=True),
        sa.Column("voided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "status IN ('open', 'partially_applied', 'applied', 'void', 'refunded')",
            name=op.f("ck_credit_memos_status"),
        ),
        sa.CheckConstraint(
            "amount_minor - applied_minor - withdrawn_minor >= 0", name=op.f("ck_credit_memos_never_over_applied")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_credit_memos_amount_positive")),
        sa.CheckConstraint(
            "applied_minor >= 0 AND withdrawn_minor >= 0", name=op.f("ck_credit_memos_parts_not_negative")
        ),
        sa.CheckConstraint(
            "tax_minor >= 0 AND tax_minor <= amount_minor", name=op.f("ck_credit_memos_tax_within_amount")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_credit_memos_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_credit_memos_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_credit_memos_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_memos_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_memos")),
    )
    op.create_index(
        "ix_credit_memos_open",
        "credit_memos",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.create_index(
        op.f("ix_credit_memos_organization_id_digits_key"),
        "credit_memos",
        ["organization_id", "digits_key"],
        unique=False,
        postgresql_where=sa.text("digits_key IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_credit_memos_organization_id_number_key"),
        "credit_memos",
        ["organization_id", "number_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_credit_memos_organization_id_tail_key"),
        "credit_memos",
        ["organization_id", "tail_key"],
        unique=False,
        postgresql_where=sa.text("tail_key IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_credit_memos_organization_id_updated_at_id"),
        "credit_memos",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_credit_memos_voided_external",
        "credit_memos",
        ["organization_id", "external_id"],
        unique=False,
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NOT NULL"),
    )
    op.create_index(
        "uq_credit_memos_external",
        "credit_memos",
        ["organization_id", "source", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NULL"),
    )
    op.create_index(
        "uq_credit_memos_number",
        "credit_memos",
        ["organization_id", "legal_entity_id", "source", "number"],
        unique=True,
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.create_table(
        "instalments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("original_due_date", sa.Date(), nullable=False),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.Column("invoice_date", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("applied_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("adjusted_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("corrected_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "open_minor",
            sa.BigInteger(),
            sa.Computed("amount_minor - applied_minor - adjusted_minor", persisted=True),
            nullable=False,
        ),
        sa.Column("discount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("discount_date", sa.Date(), nullable=True),
        sa.Column("later_discounts", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("reopened_on", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
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
        sa.CheckConstraint(
            "status IN ('open', 'partially_applied', 'settled', 'void', 'written_off')",
            name=op.f("ck_instalments_status"),
        ),
        sa.CheckConstraint(
            "amount_minor - applied_minor - adjusted_minor >= 0", name=op.f("ck_instalments_never_over_applied")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_instalments_amount_positive")),
        sa.CheckConstraint("applied_minor >= 0", name=op.f("ck_instalments_applied_not_negative")),
        sa.CheckConstraint(
            "discount_minor >= 0 AND discount_minor <= amount_minor", name=op.f("ck_instalments_discount_within_amount")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_instalments_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_instalments_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_instalments_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_instalments_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_instalments")),
        sa.UniqueConstraint(
            "organization_id", "invoice_id", "ordinal", name=op.f("uq_instalments_organization_id_invoice_id_ordinal")
        ),
    )
    op.create_index(
        "ix_instalments_open",
        "instalments",
        ["organization_id", "account_id"],
        unique=False,
        postgresql_include=["due_date", "invoice_date", "accounting_date", "open_minor", "currency", "legal_entity_id"],
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.create_index(
        op.f("ix_instalments_organization_id_accounting_date"),
        "instalments",
        ["organization_id", "accounting_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_instalments_organization_id_updated_at_id"),
        "instalments",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_table(
        "invoice_lines",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_lines_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_lines")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "position",
            name=op.f("uq_invoice_lines_organization_id_invoice_id_position"),
        ),
    )
    op.create_table(
        "payment_movements",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("from_account_id", sa.UUID(), nullable=True),
        sa.Column("to_account_id", sa.UUID(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reverses_id", sa.UUID(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('refund', 'reversal', 'not_receivable', 'account_change')", name=op.f("ck_payment_movements_kind")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "from_account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_payment_movements_organization_id_from_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_payment_movements_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reverses_id"],
            ["payment_movements.organization_id", "payment_movements.id"],
            name=op.f("fk_payment_movements_organization_id_reverses_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "to_account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_payment_movements_organization_id_to_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_movements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_movements")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_payment_movements_organization_id_effective_date"),
        "payment_movements",
        ["organization_id", "effective_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_payment_movements_organization_id_payment_id"),
        "payment_movements",
        ["organization_id", "payment_id"],
        unique=False,
    )
    op.create_table(
        "proposals",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("residual_minor", sa.BigInteger(), nullable=False),
        sa.Column("residual_treatment", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Numeric(precision=6, scale=5), nullable=False),
        sa.Column("scores", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("alternatives", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("application_group_id", sa.UUID(), nullable=True),
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
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("band IN ('automatic', 'proposed', 'none')", name=op.f("ck_proposals_band")),
        sa.CheckConstraint(
            "state IN ('open', 'applied', 'accepted', 'corrected', 'rejected', 'superseded')",
            name=op.f("ck_proposals_state"),
        ),
        sa.CheckConstraint("confidence >= 0 AND confidence <= 1", name=op.f("ck_proposals_confidence_share")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_proposals_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_proposals_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["matching_runs.organization_id", "matching_runs.id"],
            name=op.f("fk_proposals_organization_id_run_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_proposals_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_proposals")),
    )
    op.create_index(
        op.f("ix_proposals_organization_id_payment_id"), "proposals", ["organization_id", "payment_id"], unique=False
    )
    op.create_index(
        op.f("ix_proposals_organization_id_run_id"), "proposals", ["organization_id", "run_id"], unique=False
    )
    op.create_index(
        "uq_proposals_open",
        "proposals",
        ["organization_id", "payment_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "adjustments",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.UUID(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("posted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reverses_id", sa.UUID(), nullable=True),
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
            "kind IN ('write_off', 'small_difference', 'bank_charge', 'rounding', 'waived_charge', 'source_correction', 'opening_settlement', 'void')",
            name=op.f("ck_adjustments_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'rejected', 'posted')", name=op.f("ck_adjustments_state")
        ),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_adjustments_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_adjustments_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_adjustments_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_adjustments_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reverses_id"],
            ["adjustments.organization_id", "adjustments.id"],
            name=op.f("fk_adjustments_organization_id_reverses_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_adjustments_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_adjustments")),
        sa.UniqueConstraint("organization_id", "reverses_id", name=op.f("uq_adjustments_organization_id_reverses_id")),
    )
    op.create_index(
        op.f("ix_adjustments_organization_id_effective_date"),
        "adjustments",
        ["organization_id", "effective_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_adjustments_organization_id_instalment_id"),
        "adjustments",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_adjustments_organization_id_state_id"), "adjustments", ["organization_id", "state", "id"], unique=False
    )
    op.create_table(
        "applications",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("group_id", sa.UUID(), nullable=False),
        sa.Column("legal_entity_id", sa.UUID(), nullable=False),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("source_account_id", sa.UUID(), nullable=True),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column("credit_memo_id", sa.UUID(), nullable=True),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("write_off_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source_currency", sa.Text(), nullable=False),
        sa.Column("source_amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("exchange_rate", sa.Numeric(precision=24, scale=12), nullable=True),
        sa.Column("exchange_difference_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("proposal_id", sa.UUID(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reverses_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint("origin IN ('manual', 'automatic', 'import')", name=op.f("ck_applications_origin")),
        sa.CheckConstraint("(payment_id IS NULL) <> (credit_memo_id IS NULL)", name=op.f("ck_applications_one_source")),
        sa.CheckConstraint(
            "(reverses_id IS NULL AND amount_minor >= 0 AND discount_minor >= 0 AND write_off_minor >= 0 AND source_amount_minor >= 0 AND amount_minor + discount_minor + write_off_minor > 0) OR (reverses_id IS NOT NULL AND amount_minor <= 0 AND discount_minor <= 0 AND write_off_minor <= 0 AND source_amount_minor <= 0)",
            name=op.f("ck_applications_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_applications_organization_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "credit_memo_id"],
            ["credit_memos.organization_id", "credit_memos.id"],
            name=op.f("fk_applications_organization_id_credit_memo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_applications_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_entity_id"],
            ["legal_entities.organization_id", "legal_entities.id"],
            name=op.f("fk_applications_organization_id_legal_entity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_applications_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reverses_id"],
            ["applications.organization_id", "applications.id"],
            name=op.f("fk_applications_organization_id_reverses_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "source_account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_applications_organization_id_source_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_applications_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_applications")),
        sa.UniqueConstraint("organization_id", "reverses_id", name=op.f("uq_applications_organization_id_reverses_id")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_applications_organization_id_account_id"),
        "applications",
        ["organization_id", "account_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_applications_organization_id_credit_memo_id"),
        "applications",
        ["organization_id", "credit_memo_id"],
        unique=False,
        postgresql_where=sa.text("credit_memo_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_applications_organization_id_effective_date"),
        "applications",
        ["organization_id", "effective_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_applications_organization_id_group_id"), "applications", ["organization_id", "group_id"], unique=False
    )
    op.create_index(
        op.f("ix_applications_organization_id_instalment_id"),
        "applications",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_applications_organization_id_payment_id"),
        "applications",
        ["organization_id", "payment_id"],
        unique=False,
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_table(
        "credit_memo_movements",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("credit_memo_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('refund', 'void', 'opening_settlement')", name=op.f("ck_credit_memo_movements_kind")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "credit_memo_id"],
            ["credit_memos.organization_id", "credit_memos.id"],
            name=op.f("fk_credit_memo_movements_organization_id_credit_memo_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_memo_movements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_memo_movements")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_credit_memo_movements_organization_id_credit_memo_id"),
        "credit_memo_movements",
        ["organization_id", "credit_memo_id"],
        unique=False,
    )
    op.create_table(
        "instalment_changes",
        sa.Column("organization_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("instalment_id", sa.UUID(), nullable=False),
        sa.Column("due_date_before", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("nullif(current_setting('app.recorded_at', true), '')::timestamptz"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "instalment_id"],
            ["instalments.organization_id", "instalments.id"],
            name=op.f("fk_instalment_changes_organization_id_instalment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_instalment_changes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_instalment_changes")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_instalment_changes_organization_id_instalment_id"),
        "instalment_changes",
        ["organization_id", "instalment_id"],
        unique=False,
    )
    open_table("heartbeats")
    secure_table("organizations", column="id", worker_reads=True)
    secure_table("api_clients")
    secure_table("change_heads", worker_reads=True)
    secure_table("change_log", append_only=True, worker_reads=True)
    secure_table("change_seals", append_only=True)
    secure_table("exchange_rates")
    secure_table("idempotency_keys")
    secure_table("imports")
    secure_table("jobs", worker_claims=True)
    secure_table("legal_entities")
    secure_table("matching_runs")
    secure_table("matching_settings")
    secure_table("payment_terms")
    secure_table("stored_files")
    secure_table("users")
    secure_table("accounts")
    secure_table("api_client_secrets")
    secure_table("bank_accounts")
    secure_table("import_row_errors")
    secure_table("period_balances")
    secure_table("period_closes", append_only=True)
    secure_table("transfers", append_only=True)
    secure_table("bank_statements")
    secure_table("contacts")
    secure_table("invoices")
    secure_table("payer_identities")
    secure_table("payments")
    secure_table("bank_entries")
    secure_table("credit_memos")
    secure_table("instalments")
    secure_table("invoice_lines")
    secure_table("payment_movements", append_only=True)
    secure_table("proposals")
    secure_table("adjustments")
    secure_table("applications", append_only=True)
    secure_table("credit_memo_movements", append_only=True)
    secure_table("instalment_changes", append_only=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_instalment_changes_organization_id_instalment_id"), table_name="instalment_changes")
    op.drop_table("instalment_changes")
    op.drop_index(op.f("ix_credit_memo_movements_organization_id_credit_memo_id"), table_name="credit_memo_movements")
    op.drop_table("credit_memo_movements")
    op.drop_index(
        op.f("ix_applications_organization_id_payment_id"),
        table_name="applications",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_applications_organization_id_instalment_id"), table_name="applications")
    op.drop_index(op.f("ix_applications_organization_id_group_id"), table_name="applications")
    op.drop_index(op.f("ix_applications_organization_id_effective_date"), table_name="applications")
    op.drop_index(
        op.f("ix_applications_organization_id_credit_memo_id"),
        table_name="applications",
        postgresql_where=sa.text("credit_memo_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_applications_organization_id_account_id"), table_name="applications")
    op.drop_table("applications")
    op.drop_index(op.f("ix_adjustments_organization_id_state_id"), table_name="adjustments")
    op.drop_index(op.f("ix_adjustments_organization_id_instalment_id"), table_name="adjustments")
    op.drop_index(op.f("ix_adjustments_organization_id_effective_date"), table_name="adjustments")
    op.drop_table("adjustments")
    op.drop_index("uq_proposals_open", table_name="proposals", postgresql_where=sa.text("state = 'open'"))
    op.drop_index(op.f("ix_proposals_organization_id_run_id"), table_name="proposals")
    op.drop_index(op.f("ix_proposals_organization_id_payment_id"), table_name="proposals")
    op.drop_table("proposals")
    op.drop_index(op.f("ix_payment_movements_organization_id_payment_id"), table_name="payment_movements")
    op.drop_index(op.f("ix_payment_movements_organization_id_effective_date"), table_name="payment_movements")
    op.drop_table("payment_movements")
    op.drop_table("invoice_lines")
    op.drop_index(op.f("ix_instalments_organization_id_updated_at_id"), table_name="instalments")
    op.drop_index(op.f("ix_instalments_organization_id_accounting_date"), table_name="instalments")
    op.drop_index(
        "ix_instalments_open",
        table_name="instalments",
        postgresql_include=["due_date", "invoice_date", "accounting_date", "open_minor", "currency", "legal_entity_id"],
        postgresql_where=sa.text("open_minor <> 0"),
    )
    op.drop_table("instalments")
    op.drop_index("uq_credit_memos_number", table_name="credit_memos", postgresql_where=sa.text("voided_at IS NULL"))
    op.drop_index(
        "uq_credit_memos_external",
        table_name="credit_memos",
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NULL"),
    )
    op.drop_index(
        "ix_credit_memos_voided_external",
        table_name="credit_memos",
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_credit_memos_organization_id_updated_at_id"), table_name="credit_memos")
    op.drop_index(
        op.f("ix_credit_memos_organization_id_tail_key"),
        table_name="credit_memos",
        postgresql_where=sa.text("tail_key IS NOT NULL"),
    )
    op.drop_index(op.f("ix_credit_memos_organization_id_number_key"), table_name="credit_memos")
    op.drop_index(
        op.f("ix_credit_memos_organization_id_digits_key"),
        table_name="credit_memos",
        postgresql_where=sa.text("digits_key IS NOT NULL"),
    )
    op.drop_index("ix_credit_memos_open", table_name="credit_memos", postgresql_where=sa.text("open_minor <> 0"))
    op.drop_table("credit_memos")
    op.drop_index(op.f("ix_bank_entries_organization_id_statement_id"), table_name="bank_entries")
    op.drop_index(
        op.f("ix_bank_entries_organization_id_payment_id"),
        table_name="bank_entries",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_bank_entries_organization_id_end_to_end_id"),
        table_name="bank_entries",
        postgresql_where=sa.text("end_to_end_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_bank_entries_organization_id_bank_account_id_entry_identity"), table_name="bank_entries")
    op.drop_table("bank_entries")
    op.drop_index("uq_payments_external", table_name="payments", postgresql_where=sa.text("external_id IS NOT NULL"))
    op.drop_index(
        "uq_payments_bank_entry", table_name="payments", postgresql_where=sa.text("bank_entry_identity IS NOT NULL")
    )
    op.drop_index("ix_payments_waiting", table_name="payments", postgresql_where=sa.text("matching_state = 'waiting'"))
    op.drop_index("ix_payments_unapplied", table_name="payments", postgresql_where=sa.text("unapplied_minor <> 0"))
    op.drop_index(op.f("ix_payments_organization_id_updated_at_id"), table_name="payments")
    op.drop_index(
        op.f("ix_payments_organization_id_end_to_end_id"),
        table_name="payments",
        postgresql_where=sa.text("end_to_end_id IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_payments_organization_id_bank_reference"),
        table_name="payments",
        postgresql_where=sa.text("bank_reference IS NOT NULL"),
    )
    op.drop_index(op.f("ix_payments_organization_id_accounting_date"), table_name="payments")
    op.drop_table("payments")
    op.drop_index(op.f("ix_payer_identities_organization_id_account_id"), table_name="payer_identities")
    op.drop_table("payer_identities")
    op.drop_index("uq_invoices_number", table_name="invoices", postgresql_where=sa.text("voided_at IS NULL"))
    op.drop_index(
        "uq_invoices_external",
        table_name="invoices",
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NULL"),
    )
    op.drop_index(
        "ix_invoices_voided_external",
        table_name="invoices",
        postgresql_where=sa.text("external_id IS NOT NULL AND voided_at IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_invoices_organization_id_tail_key"),
        table_name="invoices",
        postgresql_where=sa.text("tail_key IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_invoices_organization_id_purchase_order_key"),
        table_name="invoices",
        postgresql_where=sa.text("purchase_order_key IS NOT NULL"),
    )
    op.drop_index(op.f("ix_invoices_organization_id_number_key"), table_name="invoices")
    op.drop_index(
        op.f("ix_invoices_organization_id_digits_key"),
        table_name="invoices",
        postgresql_where=sa.text("digits_key IS NOT NULL"),
    )
    op.drop_index(op.f("ix_invoices_organization_id_account_id"), table_name="invoices")
    op.drop_table("invoices")
    op.drop_index(op.f("ix_contacts_organization_id_account_id"), table_name="contacts")
    op.drop_table("contacts")
    op.drop_index(op.f("ix_bank_statements_organization_id_bank_account_id_to_date"), table_name="bank_statements")
    op.drop_table("bank_statements")
    op.drop_index(op.f("ix_transfers_organization_id_posting_id"), table_name="transfers")
    op.drop_index(op.f("ix_transfers_organization_id_legal_entity_id_effective_date"), table_name="transfers")
    op.drop_table("transfers")
    op.drop_table("period_closes")
    op.drop_table("period_balances")
    op.drop_index(op.f("ix_import_row_errors_organization_id_import_id_row_number"), table_name="import_row_errors")
    op.drop_table("import_row_errors")
    op.drop_table("bank_accounts")
    op.drop_index(op.f("ix_api_client_secrets_organization_id_api_client_id"), table_name="api_client_secrets")
    op.drop_table("api_client_secrets")
    op.drop_index("uq_accounts_external", table_name="accounts", postgresql_where=sa.text("external_id IS NOT NULL"))
    op.drop_index(op.f("ix_accounts_organization_id_updated_at_id"), table_name="accounts")
    op.drop_index(
        op.f("ix_accounts_organization_id_parent_id"),
        table_name="accounts",
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_accounts_organization_id_collector_id"), table_name="accounts")
    op.drop_table("accounts")
    op.drop_table("users")
    op.drop_table("stored_files")
    op.drop_table("payment_terms")
    op.drop_table("matching_settings")
    op.drop_index(op.f("ix_matching_runs_organization_id_state"), table_name="matching_runs")
    op.drop_table("matching_runs")
    op.drop_table("legal_entities")
    op.drop_index("uq_jobs_leased", table_name="jobs", postgresql_where=sa.text("state = 'leased'"))
    op.drop_index("ix_jobs_owed", table_name="jobs", postgresql_where=sa.text("state = 'due'"))
    op.drop_index("ix_jobs_lease", table_name="jobs", postgresql_where=sa.text("state = 'leased'"))
    op.drop_index("ix_jobs_finished", table_name="jobs", postgresql_where=sa.text("state = 'done'"))
    op.drop_index("ix_jobs_dead", table_name="jobs", postgresql_where=sa.text("state = 'dead'"))
    op.drop_index("ix_jobs_claim", table_name="jobs", postgresql_where=sa.text("state = 'due'"))
    op.drop_table("jobs")
    op.drop_index(op.f("ix_imports_organization_id_state"), table_name="imports")
    op.drop_table("imports")
    op.drop_index(op.f("ix_idempotency_keys_organization_id_recorded_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_table("exchange_rates")
    op.drop_table("change_seals")
    op.drop_index(op.f("ix_change_log_xid"), table_name="change_log")
    op.drop_index(op.f("ix_change_log_organization_id_xid"), table_name="change_log")
    op.drop_index(op.f("ix_change_log_organization_id_entity_type_entity_id"), table_name="change_log")
    op.drop_table("change_log")
    op.drop_table("change_heads")
    op.drop_table("api_clients")
    op.drop_table("organizations")
    op.drop_table("heartbeats")
