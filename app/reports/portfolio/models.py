"""Tables of provision runs: what was computed, and every input that it was computed from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Integer, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, append_only, minor, organization_fk, tenant_fk


class ProvisionRun(TenantTable, Recorded, Base):
    """A provision matrix (IFRS 9, simplified approach) as it was computed. Append-only: another view is another run.

    `known_at` is always an instant: the run can be computed again from the same rows. Losses of the observation months
    are looked for over `horizon_months` after each.
    """

    __tablename__ = "provision_runs"
    as_of: Mapped[date]
    known_at: Mapped[datetime]
    currency: Mapped[str]
    legal_entity_id: Mapped[UUID | None]
    aging_bounds: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    observation_months: Mapped[int]
    horizon_months: Mapped[int]
    forward_factors: Mapped[list[Any]]
    rates: Mapped[list[Any]]
    exposure_minor: Mapped[int] = minor()
    expected_loss_minor: Mapped[int] = minor()
    note: Mapped[str | None]
    made_by: Mapped[str]
    made_by_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        CheckConstraint("observation_months BETWEEN 1 AND 60", name="observation_months"),
        CheckConstraint("horizon_months BETWEEN 1 AND 24", name="horizon_months"),
        append_only(),
    )


class ProvisionLine(TenantTable, Recorded, Base):
    """One segment and bucket of a run: exposure now, what was observed and lost, the rates, the expected loss.

    `segment` is empty where the account has none. The loss rate is null when nothing was ever observed in the bucket;
    then nothing is expected to be lost, and the run's `without_history` says so.
    """

    __tablename__ = "provision_lines"
    run_id: Mapped[UUID]
    segment: Mapped[str]
    bucket: Mapped[int]
    label: Mapped[str]
    exposure_minor: Mapped[int] = minor()
    observed_minor: Mapped[int] = minor()
    lost_minor: Mapped[int] = minor()
    loss_rate: Mapped[Any] = mapped_column(Numeric(12, 8), nullable=True)
    forward_factor: Mapped[Any] = mapped_column(Numeric(12, 6))
    applied_rate: Mapped[Any] = mapped_column(Numeric(12, 8), nullable=True)
    expected_loss_minor: Mapped[int] = minor()
    __table_args__ = (
        tenant_fk("run_id", "provision_runs"),
        UniqueConstraint("organization_id", "run_id", "segment", "bucket"),
        CheckConstraint("applied_rate BETWEEN 0 AND 1", name="rate_is_a_share"),
        append_only(),
    )
