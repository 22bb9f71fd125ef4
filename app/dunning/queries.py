"""SQL of runs, notices and withheld items for lists and resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.accounts.errors import AccountNotFound
from app.accounts.models import Account
from app.dunning.errors import ComparisonNotFound
from app.dunning.models import (
    DunningComparison,
    DunningNotice,
    DunningNoticeItem,
    DunningRun,
    DunningStep,
    DunningWithheldItem,
)
from app.infra.database import ReadSession
from app.invoices.models import Instalment

ATTENTION = ("unknown", "failed", "bounced")
_ITEMS = """
SELECT k.id, k.notice_id, k.instalment_id, i.invoice_id, v.number, v.kind, k.step_ordinal, k.covered, k.due_date,
    k.open_minor, k.eligible_minor, k.disputed_minor, k.held_minor, k.fee_minor, k.interest_minor,
    k.compensation_minor, k.done_on, k.resolved_on, k.dropped, i.open_minor AS open_now_minor
FROM dunning_notice_items k
JOIN instalments i ON i.organization_id = $1 AND i.id = k.instalment_id
JOIN invoices v ON v.organization_id = $1 AND v.id = i.invoice_id
WHERE k.organization_id = $1 AND k.notice_id = ANY($2::uuid[]) ORDER BY k.notice_id, k.due_date, v.number, k.id
"""
_COUNTS = """
SELECT state, count(*)::int AS count, count(*) FILTER (WHERE reason = 'charge_refused')::int AS refused
FROM dunning_notices WHERE organization_id = $1
  AND state IN ('pending_approval', 'approved', 'sending', 'unknown', 'failed', 'bounced') GROUP BY state
"""
_REASONS = """
SELECT reason, currency, count(*)::int AS count, sum(amount_minor)::bigint AS minor FROM dunning_withheld_items
WHERE organization_id = $1 AND run_id = $2 GROUP BY 1, 2 ORDER BY 1, 2
"""
_STATES = """
SELECT state, count(*)::int AS count FROM dunning_notices WHERE organization_id = $1 AND run_id = $2 GROUP BY 1
"""
_BY_STEP = """
SELECT step_ordinal, channel, currency, count(*)::int AS count, sum(item_count)::int AS items,
    sum(total_minor)::bigint AS minor, sum(fee_minor)::bigint AS fee_minor,
    sum(interest_minor)::bigint AS interest_minor
FROM dunning_notices WHERE organization_id = $1 AND run_id = $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
# Where each open instalment of an account stands: the last step that counts.
_CHAINS = """
SELECT i.id AS instalment_id, i.invoice_id, v.number, i.currency, i.due_date, i.open_minor, d.step_ordinal, d.done_on,
    n.id AS notice_id, n.state
FROM instalments i JOIN invoices v ON v.organization_id = $1 AND v.id = i.invoice_id
LEFT JOIN LATERAL (
    SELECT k.step_ordinal, k.done_on, k.notice_id FROM dunning_notice_items k
    WHERE k.organization_id = $1 AND k.instalment_id = i.id AND k.live ORDER BY k.step_ordinal DESC LIMIT 1
) d ON true
LEFT JOIN dunning_notices n ON n.organization_id = $1 AND n.id = d.notice_id
WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.open_minor <> 0
ORDER BY i.due_date, i.id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices are wanted. Those of simulations only with their run."""

    account_id: UUID | None = None
    run_id: UUID | None = None
    state: str | None = None
    needs_attention: bool = False
    channel: str | None = None
    step: int | None = None
    legal_entity_id: UUID | None = None
    start: date | None = None
    end: date | None = None
    updated_since: datetime | None = None
    invoice_id: UUID | None = None
    collector_id: UUID | None = None


def runs_statement(organization_id: UUID, kind: str | None, state: str | None) -> Select[Any]:
    """Runs by filter; simulations only when they are asked for."""
    statement = select(DunningRun).where(DunningRun.organization_id == organization_id)
    statement = statement.where(DunningRun.kind == kind if kind is not None else DunningRun.kind != "simulation")
    return statement if state is None else statement.where(DunningRun.state == state)


def notices_statement(organization_id: UUID, wanted: NoticeFilter) -> Any:
    """Notices by filter, each with its step."""
    statement = (
        select(DunningNotice, DunningStep)
        .join(
            DunningStep,
            (DunningStep.organization_id == DunningNotice.organization_id) & (DunningStep.id == DunningNotice.step_id),
        )
        .where(DunningNotice.organization_id == organization_id)
    )
    plain = {
        DunningNotice.account_id: wanted.account_id,
        DunningNotice.run_id: wanted.run_id,
        DunningNotice.state: wanted.state,
        DunningNotice.channel: wanted.channel,
        DunningNotice.step_ordinal: wanted.step,
        DunningNotice.legal_entity_id: wanted.legal_entity_id,
    }
    for column, value in plain.items():
        if value is not None:
            statement = statement.where(column == value)
    if wanted.run_id is None:
        statement = statement.where(DunningNotice.state != "simulated")
    if wanted.invoice_id is not None:
        statement = statement.where(DunningNotice.id.in_(_notices_of_invoice(organization_id, wanted.invoice_id)))
    if wanted.collector_id is not None:
        accounts = select(Account.id).where(
            Account.organization_id == organization_id, Account.collector_id == wanted.collector_id
        )
        statement = statement.where(DunningNotice.account_id.in_(accounts))
    if wanted.needs_attention:
        statement = statement.where(DunningNotice.state.in_(ATTENTION))
    if wanted.start is not None:
        statement = statement.where(DunningNotice.business_date >= wanted.start)
    if wanted.updated_since is not None:
        statement = statement.where(DunningNotice.updated_at >= wanted.updated_since)
    return statement if wanted.end is None else statement.where(DunningNotice.business_date <= wanted.end)


def _notices_of_invoice(organization_id: UUID, invoice_id: UUID) -> Any:
    """Live items and those that were given back have an index each: asked for both."""
    item = DunningNoticeItem
    parts = select(Instalment.id).where(
        Instalment.organization_id == organization_id, Instalment.invoice_id == invoice_id
    )
    found = select(item.notice_id).where(item.organization_id == organization_id, item.instalment_id.in_(parts))
    return found.where(item.live).union_all(found.where(~item.live))


async def get_step(session: ReadSession, step_id: UUID) -> DunningStep:
    """The step of a notice."""
    return await session.get_one(DunningStep, (session.organization_id, step_id))


async def items_of(session: ReadSession, notice_ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    """The items of each notice, the first due first; also those that were dropped before it went out."""
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in await session.driver.fetch(_ITEMS, session.organization_id, list(notice_ids)):
        found[row["notice_id"]].append(row)
    return found


async def attention_counts(session: ReadSession) -> tuple[dict[str, int], int]:
    """How many notices wait, are under way or need somebody, by state; and how many charges were refused."""
    rows = await session.driver.fetch(_COUNTS, session.organization_id)
    return {row["state"]: row["count"] for row in rows}, sum(row["refused"] for row in rows)


async def run_details(session: ReadSession, run_id: UUID) -> tuple[list[Any], list[Any], dict[str, int]]:
    """Of a run: notices by step, what was withheld by reason, notices by state."""
    steps = await session.driver.fetch(_BY_STEP, session.organization_id, run_id)
    reasons = await session.driver.fetch(_REASONS, session.organization_id, run_id)
    states = await session.driver.fetch(_STATES, session.organization_id, run_id)
    return list(steps), list(reasons), {row["state"]: row["count"] for row in states}


def withheld_statement(
    organization_id: UUID, run_id: UUID | None, account_id: UUID | None, instalment_id: UUID | None, reason: str | None
) -> Select[Any]:
    """Withheld items by filter."""
    statement = select(DunningWithheldItem).where(DunningWithheldItem.organization_id == organization_id)
    plain = {
        DunningWithheldItem.run_id: run_id,
        DunningWithheldItem.account_id: account_id,
        DunningWithheldItem.instalment_id: instalment_id,
        DunningWithheldItem.reason: reason,
    }
    for column, value in plain.items():
        if value is not None:
            statement = statement.where(column == value)
    return statement


async def check_account(session: ReadSession, account_id: UUID) -> None:
    """Raise AccountNotFound where the organization has no such account."""
    found = await session.driver.fetchval(
        "SELECT EXISTS (SELECT FROM accounts WHERE organization_id = $1 AND id = $2)",
        session.organization_id,
        account_id,
    )
    if not found:
        raise AccountNotFound("no such account")


async def chains_of(session: ReadSession, account_ids: Collection[UUID], limit: int) -> list[Any]:
    """Open instalments of accounts with the last step that counts, the first due first."""
    return list(await session.driver.fetch(_CHAINS, session.organization_id, list(account_ids), limit))


def comparisons_statement(organization_id: UUID) -> Select[Any]:
    """All comparisons."""
    return select(DunningComparison).where(DunningComparison.organization_id == organization_id)


async def get_comparison(session: ReadSession, comparison_id: UUID, *, lock: bool = False) -> DunningComparison:
    """The comparison as it is now. Raises ComparisonNotFound."""
    found = await session.get(
        DunningComparison,
        (session.organization_id, comparison_id),
        with_for_update=lock or None,
        populate_existing=True,
    )
    if found is None:
        raise ComparisonNotFound("no such comparison")
    return found
