"""Notices follow the debt: what is settled resolves, what comes back goes on where it stood.

Money, credits, voids and returned payments change instalments; afterwards the notices of the accounts concerned are
brought in line. Sent notices resolve when all of their instalments are settled, not before, and stand again when one
is open again: their keys stay, so that the chain goes on with the next step. Notices that have not gone out lose what
is settled, and are gone with the last of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.dunning import postings
from app.dunning.deciding import cancel_not_due
from app.dunning.errors import RunOpen
from app.dunning.notices import SETTLED, give_back, still_due
from app.dunning.runs import Scope, StartRun, start_run
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession

ACCOUNTS_LIMIT = 500
_ITEMS = """
UPDATE dunning_notice_items k SET resolved_on = CASE WHEN i.open_minor = 0 THEN $3::date END
FROM instalments i, dunning_notices n
WHERE n.organization_id = $1 AND n.account_id = ANY($2::uuid[]) AND n.state <> 'simulated'
  AND k.organization_id = $1 AND k.notice_id = n.id AND k.dropped IS NULL
  AND i.organization_id = $1 AND i.id = k.instalment_id AND (i.open_minor = 0) <> (k.resolved_on IS NOT NULL)
RETURNING k.notice_id
"""
_RESOLVE = """
UPDATE dunning_notices n SET state_before = state, state = 'resolved', resolved_on = $3, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[])
  AND n.state IN ('sent', 'delivered', 'done', 'bounced', 'failed', 'rejected')
  AND NOT EXISTS (SELECT FROM dunning_notice_items k WHERE k.organization_id = $1 AND k.notice_id = n.id
                  AND k.dropped IS NULL AND k.resolved_on IS NULL)
RETURNING n.id, n.account_id, n.step_ordinal, n.channel, n.state
"""
_REOPEN = """
UPDATE dunning_notices n SET state = state_before, state_before = NULL, resolved_on = NULL, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) AND n.state = 'resolved'
  AND EXISTS (SELECT FROM dunning_notice_items k WHERE k.organization_id = $1 AND k.notice_id = n.id
              AND k.dropped IS NULL AND k.resolved_on IS NULL)
RETURNING n.id, n.account_id, n.step_ordinal, n.channel, n.state
"""
# Of notices that have not gone out: items that are settled leave; the sums follow.
_DROP = """
UPDATE dunning_notice_items k SET live = false, dropped = $3
FROM dunning_notices n
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) AND n.state = 'pending_approval'
  AND k.organization_id = $1 AND k.notice_id = n.id AND k.dropped IS NULL AND k.resolved_on IS NOT NULL
RETURNING k.notice_id
"""
_SUMS = """
UPDATE dunning_notices n SET item_count = r.items, open_minor = r.open_minor, total_minor = r.total_minor,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
FROM (SELECT notice_id, count(*)::int AS items, sum(open_minor) AS open_minor, sum(eligible_minor) AS total_minor
      FROM dunning_notice_items WHERE organization_id = $1 AND notice_id = ANY($2::uuid[]) AND dropped IS NULL
      GROUP BY 1) r
WHERE n.organization_id = $1 AND n.id = r.notice_id
"""
_LEFT = """
SELECT DISTINCT notice_id FROM dunning_notice_items
WHERE organization_id = $1 AND notice_id = ANY($2::uuid[]) AND dropped IS NULL
"""
_WAITING = """
SELECT id FROM dunning_notices
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND state IN ('pending_approval', 'approved')
ORDER BY id FOR NO KEY UPDATE
"""
# Accounts with notices that the touched rows concern: those that they name, the account that answers for one merged
# away, and those below them, for whom their money may have come.
_CONCERNED = """
WITH RECURSIVE named AS (
    SELECT account_id FROM payments WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND account_id IS NOT NULL
    UNION SELECT account_id FROM applications
        WHERE organization_id = $1 AND (group_id = ANY($3::uuid[]) OR payment_id = ANY($2::uuid[]))
    UNION SELECT account_id FROM adjustments WHERE organization_id = $1 AND id = ANY($4::uuid[])
    UNION SELECT account_id FROM invoices WHERE organization_id = $1 AND id = ANY($5::uuid[])
    UNION SELECT account_id FROM credit_memos WHERE organization_id = $1 AND id = ANY($6::uuid[])
    UNION SELECT account_id FROM disputes WHERE organization_id = $1 AND id = ANY($7::uuid[])
    UNION SELECT account_id FROM promises WHERE organization_id = $1 AND id = ANY($8::uuid[])
    UNION SELECT account_id FROM payment_plans WHERE organization_id = $1 AND id = ANY($9::uuid[])
    UNION SELECT account_id FROM legal_cases WHERE organization_id = $1 AND id = ANY($10::uuid[])
    UNION SELECT account_id FROM dunning_blocks WHERE organization_id = $1 AND id = ANY($11::uuid[])
    UNION SELECT unnest($12::uuid[])
), concerned AS (
    SELECT account_id AS id FROM named
    UNION SELECT a.parent_id FROM named JOIN accounts a ON a.organization_id = $1 AND a.id = named.account_id
        AND a.status = 'merged' AND a.parent_id IS NOT NULL
    UNION SELECT c.id FROM concerned JOIN accounts c ON c.organization_id = $1 AND c.parent_id = concerned.id
)
SELECT DISTINCT n.account_id FROM dunning_notices n
WHERE n.organization_id = $1 AND n.account_id IN (SELECT id FROM concerned) ORDER BY 1
"""
_OPEN_STILL = """
SELECT DISTINCT n.account_id FROM dunning_notices n
JOIN dunning_notice_items k ON k.organization_id = $1 AND k.notice_id = n.id AND k.dropped IS NULL
JOIN instalments i ON i.organization_id = $1 AND i.id = k.instalment_id AND i.open_minor <> 0
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """Rows that events name, by kind; in the order of the statement."""

    payments: Collection[UUID] = ()
    applications: Collection[UUID] = ()
    adjustments: Collection[UUID] = ()
    invoices: Collection[UUID] = ()
    credit_memos: Collection[UUID] = ()
    disputes: Collection[UUID] = ()
    promises: Collection[UUID] = ()
    payment_plans: Collection[UUID] = ()
    legal_cases: Collection[UUID] = ()
    blocks: Collection[UUID] = ()
    accounts: Collection[UUID] = ()


async def follow_touched(session: WriteSession, touched: Touched, *, now: datetime, today: date) -> None:
    """Bring the notices of the accounts in line that these rows concern."""
    columns = [
        touched.payments, touched.applications, touched.adjustments, touched.invoices, touched.credit_memos,
        touched.disputes, touched.promises, touched.payment_plans, touched.legal_cases, touched.blocks,
        touched.accounts,
    ]  # fmt: skip
    rows = await session.driver.fetch(_CONCERNED, session.organization_id, *[list(column) for column in columns])
    ids = [row["account_id"] for row in rows]
    for start in range(0, len(ids), ACCOUNTS_LIMIT):
        await follow_accounts(session, ids[start : start + ACCOUNTS_LIMIT], now=now, today=today)


async def follow_accounts(session: WriteSession, ids: Collection[UUID], *, now: datetime, today: date) -> None:
    """Bring the notices of these accounts in line with what is owed. Repeatable."""
    changed = {
        row["notice_id"] for row in await session.driver.fetch(_ITEMS, session.organization_id, list(ids), today)
    }
    if changed:
        for row in await session.driver.fetch(_RESOLVE, session.organization_id, list(changed), today):
            _tell(session, row, "resolved", today)
        for row in await session.driver.fetch(_REOPEN, session.organization_id, list(changed)):
            _tell(session, row, "reopened", today)
        await _drop_settled(session, changed, today)
    await _withdraw(session, ids, now=now, today=today)


async def _drop_settled(session: WriteSession, changed: Collection[UUID], today: date) -> None:
    rows = await session.driver.fetch(_DROP, session.organization_id, list(changed), SETTLED)
    touched = {row["notice_id"] for row in rows}
    if not touched:
        return
    left = {row["notice_id"] for row in await session.driver.fetch(_LEFT, session.organization_id, list(touched))}
    await session.driver.execute(_SUMS, session.organization_id, list(left))
    if left:
        await postings.quote_notices(session, sorted(left), today)
    await give_back(session, touched - left, "cancelled", today, SETTLED, ("pending_approval",))


async def _withdraw(session: WriteSession, ids: Collection[UUID], *, now: datetime, today: date) -> None:
    """What waits and is not due any more is gone: it need not wait until somebody would approve it, or until it is
    sent."""
    rows = await session.driver.fetch(_WAITING, session.organization_id, list(ids))
    if not rows:
        return
    gone = await still_due(session, [row["id"] for row in rows], now)
    await cancel_not_due(session, gone, today)


async def plan_again(session: WriteSession, notice_ids: Collection[UUID], *, today: date) -> None:
    """Start a run for the accounts of notices that were pulled while something in them is open still."""
    rows = await session.driver.fetch(_OPEN_STILL, session.organization_id, list(notice_ids))
    if not rows:
        return
    scope = Scope(tuple(row["account_id"] for row in rows))
    try:
        await start_run(session, StartRun("on_demand", today, scope), today=today)
    except RunOpen:
        return  # the run that is under way, or the next one, looks at them


def _tell(session: WriteSession, row: Any, event: str, today: date) -> None:
    after = {"account_id": row["account_id"], "step": row["step_ordinal"], "channel": row["channel"]}
    after |= {"state": row["state"]}
    record_change(session, ChangeRow("dunning_notice", row["id"], f"dunning_notice.{event}", None, after, today))
