"""A ledger with a history that can be learnt, written set-wise: payers with habits, some of them slow, in two segments.

Each account pays in runs on its own weekday, so many days after the due date as is its habit, give or take some.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.core.ids import new_id
from app.forecasting.making.child import InThread
from app.forecasting.making.orders import FitOrder
from app.forecasting.results import Fitted
from app.infra.database import WriteSession
from tests.factories import Tenant

_ACCOUNTS = """
INSERT INTO accounts (organization_id, id, number, name, currency, segment, country)
SELECT $1, r.id, r.number, 'Customer ' || r.number, 'EUR', r.segment, 'DE'
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS r(id, number, segment)
"""
_INVOICES = """
INSERT INTO invoices (organization_id, id, kind, number, number_key, legal_entity_id, account_id, currency,
    amount_minor, invoice_date, accounting_date)
SELECT $1, r.id, 'invoice', r.number, lower(r.number), $2, r.account_id, 'EUR', r.minor, r.issued, r.issued
FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::date[]) AS r(id, number, account_id, minor, issued)
"""
_INSTALMENTS = """
INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
    original_due_date, accounting_date, invoice_date, amount_minor, applied_minor, status)
SELECT $1, r.id, r.invoice_id, 1, r.account_id, $2, 'EUR', r.due, r.due, r.issued, r.issued, r.minor, r.applied,
    CASE WHEN r.applied = 0 THEN 'open' ELSE 'settled' END
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::date[], $7::date[], $8::bigint[], $9::bigint[])
    AS r(id, invoice_id, account_id, issued, due, minor, applied)
"""
_PAYMENTS = """
INSERT INTO payments (organization_id, id, legal_entity_id, account_id, original_account_id, currency, amount_minor,
    applied_minor, value_date, accounting_date, account_since, matching_state)
SELECT $1, r.id, $2, r.account_id, r.account_id, 'EUR', r.minor, r.minor, r.paid, r.paid, r.paid, 'done'
FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::date[]) AS r(id, account_id, minor, paid)
"""
_APPLICATIONS = """
INSERT INTO applications (organization_id, id, group_id, legal_entity_id, account_id, source_account_id, payment_id,
    instalment_id, currency, amount_minor, source_currency, source_amount_minor, effective_date, origin, actor_kind,
    actor_name)
SELECT $1, r.id, r.id, $2, r.account_id, r.account_id, r.payment_id, r.instalment_id, 'EUR', r.minor, 'EUR', r.minor,
    r.paid, 'manual', 'user', 'Ada Tester'
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[], $8::date[])
    AS r(id, account_id, payment_id, instalment_id, minor, paid)
"""


class Quick(InThread):
    """Fits a few trees, once for each day and number of items: the ledger of a seed is always the same."""

    kept: dict[tuple[date, int], Fitted] = {}
    trees = 10

    async def fit(self, order: FitOrder) -> Fitted:
        """See `calculation.fit_model`."""
        key = (order.book.as_of, len(order.book.ledger))
        if key not in self.kept:
            self.kept[key] = await super().fit(replace(order, trees_max=self.trees))
        return self.kept[key]


@dataclass(frozen=True, slots=True)
class Sold:
    """One invoice of the ledger; `paid` None: not by the last day."""

    instalment_id: UUID
    invoice_id: UUID
    account_id: UUID
    issued: date
    due: date
    paid: date | None
    minor: int


async def write_ledger(
    session: WriteSession, tenant: Tenant, *, until: date, days: int = 400, accounts: int = 12, each_days: int = 6,
    seed: int = 7,
) -> list[Sold]:  # fmt: skip
    """Write the ledger of these days, with everything paid that was paid through `until`."""
    chance = random.Random(seed)
    ids = [new_id() for _ in range(accounts)]
    segments = ["key" if number % 3 == 0 else "small" for number in range(accounts)]
    numbers = [f"F-{number}" for number in range(accounts)]
    key, entity = session.organization_id, tenant.legal_entity_id
    await session.driver.execute(_ACCOUNTS, key, ids, numbers, segments)
    sold: list[Sold] = []
    for number, account_id in enumerate(ids):
        habit, weekday = chance.choice([-3, 4, 12, 25, 40]), chance.randrange(5)
        day = until - timedelta(days=days) + timedelta(days=chance.randrange(each_days))
        while day <= until:
            due = day + timedelta(days=30)
            paid: date = due + timedelta(days=habit + chance.randrange(-3, 9))
            while paid.weekday() != weekday:
                paid += timedelta(days=1)
            minor = chance.randrange(200, 5_000) * 100 * (1 + number % 4)
            sold.append(
                Sold(new_id(), new_id(), account_id, day, due, paid if day < paid <= until else None, minor)
            )  # fmt: skip
            day += timedelta(days=chance.randrange(1, 2 * each_days))
    await session.driver.execute(
        _INVOICES, key, entity, [row.invoice_id for row in sold], [f"S-{at}" for at in range(len(sold))],
        [row.account_id for row in sold], [row.minor for row in sold], [row.issued for row in sold],
    )  # fmt: skip
    await session.driver.execute(
        _INSTALMENTS, key, entity, [row.instalment_id for row in sold], [row.invoice_id for row in sold],
        [row.account_id for row in sold], [row.issued for row in sold], [row.due for row in sold],
        [row.minor for row in sold], [row.minor if row.paid else 0 for row in sold],
    )  # fmt: skip
    await _pay(session, tenant, [row for row in sold if row.paid is not None])
    return sold


async def _pay(session: WriteSession, tenant: Tenant, paid: list[Sold]) -> None:
    payments = [new_id() for _ in paid]
    key, entity = session.organization_id, tenant.legal_entity_id
    accounts, minors, days = [row.account_id for row in paid], [row.minor for row in paid], [row.paid for row in paid]
    await session.driver.execute(_PAYMENTS, key, entity, payments, accounts, minors, days)
    await session.driver.execute(
        _APPLICATIONS, key, entity, [new_id() for _ in paid], accounts, payments,
        [row.instalment_id for row in paid], minors, days,
    )  # fmt: skip
