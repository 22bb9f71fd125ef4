"""Statements of the lists over HTTP, and badge counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select

from app.infra.database import ReadSession
from app.promises.models import PaymentPlan, PaymentPlanItem, Promise, PromiseItem

_COUNTS = """
SELECT count(*) FILTER (WHERE status = 'open') AS open, count(*) FILTER (WHERE status = 'partly_kept') AS partly_kept,
    count(*) FILTER (WHERE promised_date = $2) AS due_today, count(*) FILTER (WHERE promised_date < $2) AS in_grace
FROM promises WHERE organization_id = $1 AND status IN ('open', 'partly_kept')
  AND ($3::uuid IS NULL OR collector_id = $3) AND ($4::uuid IS NULL OR account_id = $4)
"""
_BROKEN_COUNT = """
SELECT count(*) FROM promises WHERE organization_id = $1 AND status = 'broken' AND decided_on >= $2
  AND ($3::uuid IS NULL OR collector_id = $3) AND ($4::uuid IS NULL OR account_id = $4)
"""


@dataclass(frozen=True, slots=True)
class PromiseFilter:
    """What a list of promises may be narrowed by."""

    account_id: UUID | None = None
    status: str | None = None
    collector_id: UUID | None = None
    instalment_id: UUID | None = None
    currency: str | None = None
    promised_from: date | None = None
    promised_to: date | None = None
    decided_from: date | None = None
    updated_since: datetime | None = None


def promises_statement(organization_id: UUID, wanted: PromiseFilter) -> Select[Any]:
    """Promises by filter, without order and bounds."""
    statement = select(Promise).where(Promise.organization_id == organization_id)
    for name in ("account_id", "status", "collector_id", "currency"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Promise, name) == value)
    if wanted.instalment_id is not None:
        statement = statement.where(
            exists().where(
                PromiseItem.organization_id == organization_id,
                PromiseItem.promise_id == Promise.id,
                PromiseItem.instalment_id == wanted.instalment_id,
            )
        )
    if wanted.promised_from is not None:
        statement = statement.where(Promise.promised_date >= wanted.promised_from)
    if wanted.promised_to is not None:
        statement = statement.where(Promise.promised_date <= wanted.promised_to)
    if wanted.decided_from is not None:
        statement = statement.where(Promise.decided_on >= wanted.decided_from)
    if wanted.updated_since is not None:
        statement = statement.where(Promise.updated_at >= wanted.updated_since)
    return statement


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """What a list of payment plans may be narrowed by."""

    account_id: UUID | None = None
    status: str | None = None
    collector_id: UUID | None = None
    instalment_id: UUID | None = None
    updated_since: datetime | None = None


def plans_statement(organization_id: UUID, wanted: PlanFilter) -> Select[Any]:
    """Payment plans by filter, without order and bounds."""
    statement = select(PaymentPlan).where(PaymentPlan.organization_id == organization_id)
    for name in ("account_id", "status", "collector_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(PaymentPlan, name) == value)
    if wanted.instalment_id is not None:
        statement = statement.where(
            exists().where(
                PaymentPlanItem.organization_id == organization_id,
                PaymentPlanItem.plan_id == PaymentPlan.id,
                PaymentPlanItem.instalment_id == wanted.instalment_id,
            )
        )
    if wanted.updated_since is not None:
        statement = statement.where(PaymentPlan.updated_at >= wanted.updated_since)
    return statement


@dataclass(frozen=True, slots=True)
class Counts:
    """Badges: undecided promises, those due today, those in their grace, and those that broke lately."""

    open: int
    partly_kept: int
    due_today: int
    in_grace: int
    broken: int


async def promise_counts(
    session: ReadSession, today: date, broken_from: date, collector_id: UUID | None, account_id: UUID | None
) -> Counts:
    """Counts for badges; `broken` since a date."""
    row = await session.driver.fetchrow(_COUNTS, session.organization_id, today, collector_id, account_id)
    broken = await session.driver.fetchval(
        _BROKEN_COUNT, session.organization_id, broken_from, collector_id, account_id
    )
    assert row is not None
    return Counts(row["open"], row["partly_kept"], row["due_today"], row["in_grace"], broken)
