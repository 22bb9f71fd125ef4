"""dunning forecasts: indexes and checks of tables in use

Revision: 20261122_0004_dunning_online, follows 20261122_0003_dunning_forecasts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.online import drop_half_built, online, validate

revision = "20261122_0004_dunning_online"
down_revision = "20261122_0003_dunning_forecasts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    with online():
        drop_half_built("ix_change_seals_erased")
        op.create_index(
            "ix_change_seals_erased",
            "change_seals",
            ["organization_id", "erasure_id", "position"],
            unique=False,
            postgresql_where=sa.text("erasure_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        drop_half_built("ix_invoices_organization_id_payment_reference_key")
        op.create_index(
            op.f("ix_invoices_organization_id_payment_reference_key"),
            "invoices",
            ["organization_id", "payment_reference_key"],
            unique=False,
            postgresql_where=sa.text("payment_reference_key IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        drop_half_built("ix_transfers_organization_id_account_id_id")
        op.create_index(
            op.f("ix_transfers_organization_id_account_id_id"),
            "transfers",
            ["organization_id", "account_id", "id"],
            unique=False,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        drop_half_built("ix_transfers_organization_id_credit_memo_id")
        op.create_index(
            op.f("ix_transfers_organization_id_credit_memo_id"),
            "transfers",
            ["organization_id", "credit_memo_id"],
            unique=False,
            postgresql_where=sa.text("credit_memo_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        drop_half_built("ix_transfers_organization_id_instalment_id")
        op.create_index(
            op.f("ix_transfers_organization_id_instalment_id"),
            "transfers",
            ["organization_id", "instalment_id"],
            unique=False,
            postgresql_where=sa.text("instalment_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        drop_half_built("ix_transfers_organization_id_payment_id")
        op.create_index(
            op.f("ix_transfers_organization_id_payment_id"),
            "transfers",
            ["organization_id", "payment_id"],
            unique=False,
            postgresql_where=sa.text("payment_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        validate("change_seals", "ck_change_seals_hash_when_erased")
        validate("change_seals", "ck_change_seals_no_salt_when_erased")
        validate("export_records", "ck_export_records_format")
        validate("imports", "ck_imports_kind")
        validate("retention_settings", "ck_retention_settings_reports_months")
        validate("payer_identities", "ck_payer_identities_kind")
        validate("remittance_advices", "ck_remittance_advices_channel")
        validate("worklist_entries", "ck_worklist_entries_expected_from")


def downgrade() -> None:
    pass
