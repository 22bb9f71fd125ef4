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
    secure_table("event_cursors", worker_reads=True)
    secure_table("nightly_runs")


def downgrade() -> None:
    op.drop_table("nightly_runs")
    op.drop_table("event_cursors")
