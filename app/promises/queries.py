"""SQL of the promises room. Lists for HTTP are in `lists.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select

from app.disputes.queries import disputed_by_instalment
from app.infra.database import ReadSession, WriteSession
from app.promises.errors import AccountUnknown, ContactUnknown, PlanNotFound, PromiseNotFound
from app.promises.models import PaymentPlan, PaymentPlanPart, Promise

_UNDECIDED = "status IN ('open', 'partly_kept')"
_OPEN_INSTALMENTS = """
SELECT i.id, i.account_id, i.currency, i.due_date, i.open_minor FROM instalments i
WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.open_minor <> 0
ORDER BY i.due_date, i.id
"""
_PROMISED = f"""
SELECT instalment_id, sum(minor)::bigint AS minor FROM (
    SELECT t.instalment_id, t.amount_minor - t.kept_minor AS minor
    FROM promises p JOIN promise_items t ON t.organization_id = $1 AND t.promise_id = p.id
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.{_UNDECIDED} AND p.scope = 'instalments'
      AND p.id <> ALL($3::uuid[])
    UNION ALL
    SELECT t.instalment_id, t.amount_minor - t.paid_minor
    FROM payment_plans p JOIN payment_plan_items t ON t.organization_id = $1 AND t.plan_id = p.id
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.status = 'active'
      AND p.id <> ALL($3::uuid[])
) x WHERE minor > 0 GROUP BY 1
"""
_PROMISED_BY_ACCOUNT = f"""
SELECT coalesce(sum(amount_minor - kept_minor), 0)::bigint FROM promises
WHERE organization_id = $1 AND account_id = $2 AND currency = $3 AND {_UNDECIDED} AND scope = 'account'
  AND id <> ALL($4::uuid[])
"""
_PROMISES = """
SELECT p.id, p.account_id, p.scope, p.currency, p.amount_minor, p.kept_minor, p.made_on, p.kept_until, p.status,
    p.decided_on, p.withdrawn,
    coalesce((SELECT json_agg(json_build_array(t.instalment_id, t.kept_minor)) FROM promise_items t
              WHERE t.organization_id = $1 AND t.promise_id = p.id), '[]') AS items
FROM promises p
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND NOT p.withdrawn AND p.made_on >= $3
ORDER BY p.id
"""
_PLANS = """
SELECT p.id, p.account_id, p.currency, p.total_minor, p.paid_minor, p.activated_on, p.status, p.decided_on,
    (SELECT json_agg(json_build_array(t.instalment_id, t.paid_minor)) FROM payment_plan_items t
     WHERE t.organization_id = $1 AND t.plan_id = p.id) AS items,
    (SELECT json_agg(json_build_array(t.ordinal, t.due_date, t.kept_until, t.amount_minor, t.status, t.paid_minor)
                     ORDER BY t.ordinal)
     FROM payment_plan_parts t WHERE t.organization_id = $1 AND t.plan_id = p.id) AS parts
FROM payment_plans p
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.status IN ('active', 'completed', 'broken')
  AND p.activated_on >= $3
ORDER BY p.id
"""
# Money of an account: what any payment settles of its instalments, and what its own payments have left.
_RECEIPTS = """
SELECT a.account_id, a.currency, p.id AS payment_id, p.value_date, a.instalment_id,
    a.amount_minor + a.discount_minor + a.write_off_minor AS minor
FROM applications a JOIN payments p ON p.organization_id = $1 AND p.id = a.payment_id
WHERE a.organization_id = $1 AND a.account_id = ANY($2::uuid[]) AND a.reverses_id IS NULL AND p.value_date >= $3
  AND NOT EXISTS (SELECT FROM applications r WHERE r.organization_id = $1 AND r.reverses_id = a.id)
UNION ALL
SELECT p.account_id, p.currency, p.id, p.value_date, NULL, p.unapplied_minor FROM payments p
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.unapplied_minor <> 0 AND p.value_date >= $3
"""
# What the seller gave after a day, or wrote off: it lowers what is open, and yet nobody paid.
_RELIEFS = """
SELECT a.account_id, a.currency, a.instalment_id, a.effective_date, a.amount_minor AS minor
FROM applications a
WHERE a.organization_id = $1 AND a.account_id = ANY($2::uuid[]) AND a.credit_memo_id IS NOT NULL
  AND a.effective_date > $3
UNION ALL
SELECT j.account_id, j.currency, j.instalment_id, j.effective_date, j.amount_minor
FROM instalments s JOIN adjustments j ON j.organization_id = $1 AND j.instalment_id = s.id AND j.state = 'posted'
  AND j.kind NOT IN ('void', 'source_correction', 'opening_settlement') AND j.effective_date > $3
WHERE s.organization_id = $1 AND s.account_id = ANY($2::uuid[])
"""
_CONCERNED = """
SELECT DISTINCT x.account_id FROM (
    SELECT account_id FROM payments WHERE organization_id = $1 AND id = ANY($2::uuid[])
    UNION ALL SELECT m.from_account_id FROM payment_movements m
    WHERE m.organization_id = $1 AND m.payment_id = ANY($2::uuid[])
    UNION ALL SELECT a.account_id FROM applications a WHERE a.organization_id = $1 AND a.group_id = ANY($3::uuid[])
    UNION ALL SELECT a.source_account_id FROM applications a
    WHERE a.organization_id = $1 AND a.group_id = ANY($3::uuid[])
    UNION ALL SELECT a.account_id FROM adjustments a WHERE a.organization_id = $1 AND a.id = ANY($4::uuid[])
    UNION ALL SELECT i.account_id FROM invoices i WHERE i.organization_id = $1 AND i.id = ANY($5::uuid[])
) x
WHERE EXISTS (SELECT FROM promises p WHERE p.organization_id = $1 AND p.account_id = x.account_id AND NOT p.withdrawn
              AND p.made_on >= $6)
   OR EXISTS (SELECT FROM payment_plans p WHERE p.organization_id = $1 AND p.account_id = x.account_id
              AND p.status IN ('active', 'completed', 'broken') AND p.activated_on >= $6)
"""
_OVERDUE = f"""
SELECT account_id FROM (
    SELECT account_id FROM promises WHERE organization_id = $1 AND {_UNDECIDED} AND kept_until < $2
    UNION SELECT account_id FROM payment_plans
    WHERE organization_id = $1 AND status = 'active' AND next_kept_until < $2
) x WHERE $3::uuid IS NULL OR account_id > $3 ORDER BY account_id LIMIT $4
"""


async def lock_accounts(session: WriteSession, account_ids: Iterable[UUID]) -> dict[UUID, asyncpg.Record]:
    """The accounts, locked by id: all that decides promises of an account is done one after the other."""
    rows = await session.driver.fetch(
        "SELECT id, collector_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
        " ORDER BY id FOR NO KEY UPDATE",
        session.organization_id,
        sorted(account_ids),
    )
    return {row["id"]: row for row in rows}


async def lock_account(session: WriteSession, account_id: UUID) -> asyncpg.Record:
    """One account, locked. Raises AccountUnknown."""
    found = (await lock_accounts(session, [account_id])).get(account_id)
    if found is None:
        raise AccountUnknown("no such account", pointer="/account_id")
    return found


async def check_contact(session: ReadSession, account_id: UUID, contact_id: UUID | None) -> None:
    """Raise ContactUnknown unless the contact is one of the account."""
    if contact_id is None:
        return
    sql = "SELECT true FROM contacts WHERE organization_id = $1 AND id = $2 AND account_id = $3"
    if not await session.driver.fetchval(sql, session.organization_id, contact_id, account_id):
        raise ContactUnknown("the account has no such contact", pointer="/contact_id")


async def open_instalments(session: ReadSession, account_ids: Collection[UUID]) -> Sequence[asyncpg.Record]:
    """Open instalments of the accounts, the oldest due first."""
    return list(await session.driver.fetch(_OPEN_INSTALMENTS, session.organization_id, list(account_ids)))


async def promised_by_instalment(
    session: ReadSession, account_ids: Collection[UUID], without: Collection[UUID] = ()
) -> dict[UUID, int]:
    """What open promises and active plans still expect of each instalment; those in `without` left out."""
    rows = await session.driver.fetch(_PROMISED, session.organization_id, list(account_ids), list(without))
    return {row["instalment_id"]: row["minor"] for row in rows}


async def promised_by_account(
    session: ReadSession, account_id: UUID, currency: str, without: Collection[UUID] = ()
) -> int:
    """What open promises for the account as a whole still expect, in minor units."""
    args = (session.organization_id, account_id, currency, list(without))
    return int(await session.driver.fetchval(_PROMISED_BY_ACCOUNT, *args))


async def disputed_minor(session: ReadSession, instalment_ids: Collection[UUID]) -> dict[UUID, int]:
    """The disputed part of each instalment, in minor units."""
    return await disputed_by_instalment(session, instalment_ids)


async def promises_to_judge(session: ReadSession, account_ids: Collection[UUID], since: date) -> list[asyncpg.Record]:
    """Promises of the accounts made on or after a date that nobody cancelled, decided ones too, oldest first."""
    return list(await session.driver.fetch(_PROMISES, session.organization_id, list(account_ids), since))


async def plans_to_judge(session: ReadSession, account_ids: Collection[UUID], since: date) -> list[asyncpg.Record]:
    """Plans of the accounts that were activated on or after a date and not cancelled."""
    return list(await session.driver.fetch(_PLANS, session.organization_id, list(account_ids), since))


async def receipts(session: ReadSession, account_ids: Collection[UUID], since: date) -> list[asyncpg.Record]:
    """Money of the accounts with a value date on or after `since` that stands: applied, or not yet applied."""
    return list(await session.driver.fetch(_RECEIPTS, session.organization_id, list(account_ids), since))


async def reliefs(session: ReadSession, account_ids: Collection[UUID], after: date) -> list[asyncpg.Record]:
    """Credit memos applied and amounts written off after a day (undone ones cancel out), by instalment.

    A voided or corrected invoice is no relief: that amount was never owed.
    """
    return list(await session.driver.fetch(_RELIEFS, session.organization_id, list(account_ids), after))


async def instalment_open_minor(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, int]:
    """The open amount of each instalment."""
    rows = await session.driver.fetch(
        "SELECT id, open_minor FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: row["open_minor"] for row in rows}


@dataclass(frozen=True, slots=True)
class Touched:
    """Rows that events name."""

    payments: Collection[UUID] = ()
    groups: Collection[UUID] = ()
    adjustments: Collection[UUID] = ()
    invoices: Collection[UUID] = ()


async def accounts_concerned(session: ReadSession, touched: Touched, since: date) -> list[UUID]:
    """Accounts with promises or plans (made since a date) whose money or debt the touched rows change."""
    rows = await session.driver.fetch(
        _CONCERNED,
        session.organization_id,
        list(touched.payments),
        list(touched.groups),
        list(touched.adjustments),
        list(touched.invoices),
        since,
    )
    return [row["account_id"] for row in rows]


async def accounts_past_deadline(session: ReadSession, today: date, after: UUID | None, limit: int) -> list[UUID]:
    """Accounts with an undecided promise or plan part whose last day of grace is before today, by id."""
    rows = await session.driver.fetch(_OVERDUE, session.organization_id, today, after, limit)
    return [row["account_id"] for row in rows]


async def get_promise(session: ReadSession, promise_id: UUID) -> Promise:
    """The promise as it is now. Raises PromiseNotFound."""
    found = await session.get(Promise, (session.organization_id, promise_id), populate_existing=True)
    if found is None:
        raise PromiseNotFound("no such promise")
    return found


async def get_plan(session: ReadSession, plan_id: UUID) -> PaymentPlan:
    """The plan as it is now. Raises PlanNotFound."""
    found = await session.get(PaymentPlan, (session.organization_id, plan_id), populate_existing=True)
    if found is None:
        raise PlanNotFound("no such payment plan")
    return found


async def plan_parts(session: ReadSession, plan_id: UUID) -> list[PaymentPlanPart]:
    """The parts of a plan, in order."""
    statement = (
        select(PaymentPlanPart)
        .where(PaymentPlanPart.organization_id == session.organization_id, PaymentPlanPart.plan_id == plan_id)
        .order_by(PaymentPlanPart.ordinal)
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(statement)).scalars())


async def items_of(session: ReadSession, table: str, owner_ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    """Items of promises (`promise_items`) or plans (`payment_plan_items`): instalment with its invoice's number."""
    owner, done = ("promise_id", "kept_minor") if table == "promise_items" else ("plan_id", "paid_minor")
    rows = await session.driver.fetch(
        f"SELECT t.{owner} AS owner_id, t.instalment_id, t.amount_minor, t.{done} AS done_minor, s.invoice_id,"
        f" v.number, s.due_date, s.open_minor FROM {table} t"
        " JOIN instalments s ON s.organization_id = $1 AND s.id = t.instalment_id"
        " JOIN invoices v ON v.organization_id = $1 AND v.id = s.invoice_id"
        f" WHERE t.organization_id = $1 AND t.{owner} = ANY($2::uuid[]) ORDER BY s.due_date, s.id",
        session.organization_id,
        list(owner_ids),
    )
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["owner_id"], []).append(row)
    return found


async def items_in_plans(session: ReadSession, instalment_ids: Collection[UUID]) -> set[UUID]:
    """Which of the instalments stand in a proposed or active plan."""
    rows = await session.driver.fetch(
        "SELECT DISTINCT t.instalment_id FROM payment_plan_items t"
        " JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.status IN ('proposed', 'active')"
        " WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[])",
        session.organization_id,
        list(instalment_ids),
    )
    return {row["instalment_id"] for row in rows}


async def rescheduled_of(session: ReadSession, promise_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these promises were rescheduled."""
    rows = await session.driver.fetch(
        "SELECT reschedules_id FROM promises WHERE organization_id = $1 AND reschedules_id = ANY($2::uuid[])",
        session.organization_id,
        list(promise_ids),
    )
    return {row["reschedules_id"] for row in rows}


async def find_successor(session: ReadSession, promise_id: UUID) -> UUID | None:
    """The promise that reschedules this one, or None."""
    found: UUID | None = await session.driver.fetchval(
        "SELECT id FROM promises WHERE organization_id = $1 AND reschedules_id = $2",
        session.organization_id,
        promise_id,
    )
    return found
