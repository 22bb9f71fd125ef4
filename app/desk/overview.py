"""An account at a glance: its money by currency, its latest receipt, what is open with it.

What was merged into it belongs to it, as on its statement and in the worklist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import get_account
from app.desk import queries
from app.desk.errors import WorklistEntryNotFound
from app.desk.facts import DISPUTED, HELD
from app.forecasting.expected import ExpectedCash, expected_cash
from app.infra.database import ReadSession
from app.statements.queries import account_family

_BALANCES = f"""
SELECT currency, sum(open_minor)::bigint AS open_minor, sum(overdue_minor)::bigint AS overdue_minor,
    sum(disputed_minor)::bigint AS disputed_minor, sum(promised_minor)::bigint AS promised_minor,
    sum(cash_minor)::bigint AS cash_minor, sum(credit_minor)::bigint AS credit_minor,
    greatest(0, max(days_late)) AS days_late, sum(items)::int AS items
FROM (
    SELECT s.currency, s.open_minor, CASE WHEN s.due_date < $3::date THEN s.open_minor ELSE 0 END AS overdue_minor,
        least(s.open_minor, coalesce(d.minor, 0)) AS disputed_minor,
        least(s.open_minor, coalesce(h.minor, 0)) AS promised_minor, 0::bigint AS cash_minor, 0::bigint AS credit_minor,
        $3::date - s.due_date AS days_late, 1 AS items
    FROM instalments s
    LEFT JOIN ({DISPUTED}) d ON d.instalment_id = s.id
    LEFT JOIN ({HELD}) h ON h.instalment_id = s.id
    WHERE s.organization_id = $1 AND s.account_id = ANY($2::uuid[]) AND s.open_minor <> 0
    UNION ALL
    SELECT currency, 0, 0, 0, 0, unapplied_minor, 0, 0, 0 FROM payments
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND unapplied_minor <> 0
    UNION ALL
    SELECT currency, 0, 0, 0, 0, 0, open_minor, 0, 0 FROM credit_memos
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0
) x GROUP BY currency ORDER BY currency
"""
_LAST_PAYMENT = """
SELECT id, value_date, amount_minor, currency FROM payments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status NOT IN ('reversed', 'not_receivable')
ORDER BY value_date DESC, id DESC LIMIT 1
"""
_OPEN_COUNTS = """
SELECT 'promises' AS name, count(*)::int AS count FROM promises
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status IN ('open', 'partly_kept')
UNION ALL
SELECT 'disputes', count(*)::int FROM disputes
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND state IN ('open', 'in_review', 'awaiting_customer')
UNION ALL
SELECT 'planned_actions', count(*)::int FROM collection_actions
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status = 'planned'
UNION ALL
SELECT 'payment_plans', count(*)::int FROM payment_plans
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status IN ('proposed', 'active')
"""


@dataclass(frozen=True, slots=True)
class Overview:
    """The account, its money by currency, its latest receipt, what is open, its row of the worklist, expected cash."""

    account: Any  # a row of accounts
    balances: list[Any]
    last_payment: Any | None
    open_counts: dict[str, int]
    worklist: Any | None
    expected: dict[str, ExpectedCash]  # by currency; empty without a current forecast


async def overview(session: ReadSession, account_id: UUID, today: date) -> Overview:
    """The account as it is now. Raises AccountNotFound."""
    account = await get_account(session, account_id)
    key, family = session.organization_id, await account_family(session, account_id)
    counts = await session.driver.fetch(_OPEN_COUNTS, key, family)
    return Overview(
        account=account,
        balances=list(await session.driver.fetch(_BALANCES, key, family, today)),
        last_payment=await session.driver.fetchrow(_LAST_PAYMENT, key, family),
        open_counts={row["name"]: row["count"] for row in counts},
        worklist=await _place(session, account_id, today),
        expected=_by_currency(await expected_cash(session, family, today)),
    )


def _by_currency(found: Mapping[tuple[UUID, str], ExpectedCash]) -> dict[str, ExpectedCash]:
    """What is expected of all accounts together; the half of a currency is there when that of the latest is."""
    sums: dict[str, ExpectedCash] = {}
    for (_, currency), one in found.items():
        known = sums.get(currency)
        sums[currency] = one if known is None else replace(
            known,
            open_minor=known.open_minor + one.open_minor,
            expected_minor=known.expected_minor + one.expected_minor,
            p50_date=None if known.p50_date is None or one.p50_date is None else max(known.p50_date, one.p50_date),
        )  # fmt: skip
    return sums


async def _place(session: ReadSession, account_id: UUID, today: date) -> Any | None:
    try:
        return await queries.worklist_entry(session, account_id, today)
    except WorklistEntryNotFound:
        return None
