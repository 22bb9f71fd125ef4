"""Statements of the lists over HTTP, badge counts, and the report of kept promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, exists, select

from app.infra.database import ReadSession
from app.promises.models import PaymentPlan, PaymentPlanItem, Promise, PromiseItem

GroupBy = Literal["organization", "collector", "account", "month"]
_GROUPS = {
    "organization": ("NULL::uuid", "NULL::text"),
    "collector": ("p.collector_id", "(SELECT display_name FROM users u WHERE u.organization_id = $1"
                                    " AND u.id = x.group_id)"),
    "account": ("p.account_id", "(SELECT number || ' ' || name FROM accounts a WHERE a.organization_id = $1"
                                " AND a.id = x.group_id)"),
    "month": ("NULL::uuid", "x.month"),
}  # fmt: skip
_REPORT = """
SELECT x.*, {label} AS label FROM (
    SELECT {group} AS group_id, {month} AS month, p.currency,
        count(*) FILTER (WHERE status = 'kept') AS kept, count(*) FILTER (WHERE status = 'broken') AS broken,
        count(*) FILTER (WHERE status IN ('open', 'partly_kept')) AS undecided,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        coalesce(sum(amount_minor) FILTER (WHERE status = 'kept'), 0)::bigint AS kept_minor,
        coalesce(sum(amount_minor) FILTER (WHERE status = 'broken'), 0)::bigint AS broken_minor,
        coalesce(sum(amount_minor) FILTER (WHERE status IN ('open', 'partly_kept')), 0)::bigint AS undecided_minor,
        coalesce(sum(kept_minor) FILTER (WHERE status <> 'cancelled'), 0)::bigint AS received_minor
    FROM promises p
    WHERE p.organization_id = $1 AND p.promised_date >= $2 AND p.promised_date <= $3
      AND ($4::uuid IS NULL OR p.account_id = $4) AND ($5::uuid IS NULL OR p.collector_id = $5)
      AND ($6::text IS NULL OR p.currency = $6)
    GROUP BY 1, 2, 3
) x ORDER BY x.month NULLS FIRST, x.group_id NULLS FIRST, x.currency OFFSET $7 LIMIT $8
"""
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


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Which promises the report counts: by promised date."""

    start: date
    end: date
    group_by: GroupBy = "organization"
    account_id: UUID | None = None
    collector_id: UUID | None = None
    currency: str | None = None


async def promise_report(session: ReadSession, wanted: ReportRequest, offset: int, limit: int) -> list[Any]:
    """Kept, broken and undecided promises by group and currency, count and value; cancelled ones only counted."""
    group, label = _GROUPS[wanted.group_by]
    month = "to_char(p.promised_date, 'YYYY-MM')" if wanted.group_by == "month" else "NULL::text"
    sql = _REPORT.format(group=group, label=label, month=month)
    return list(
        await session.driver.fetch(
            sql,
            session.organization_id,
            wanted.start,
            wanted.end,
            wanted.account_id,
            wanted.collector_id,
            wanted.currency,
            offset,
            limit,
        )
    )
