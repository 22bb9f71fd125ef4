"""The account statement: what is open on a day, with what is contested, promised and credited. All its SQL.

Open amounts are those of the business date: rows dated up to `as_of` count, as in the aging report. What is disputed
or promised is shown as it stands now, never more than is open. Accounts merged into this one belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import get_account
from app.core.aging import AgingBounds, days_past_due
from app.core.errors import TooLarge
from app.infra.database import ReadSession
from app.organizations.queries import organization_facts

ITEMS_MAX = 20_000
CREDITS_MAX = 20_000
_FAMILY = """
SELECT merged_id AS id FROM account_merges
WHERE organization_id = $1 AND state = 'merged' AND survivor_id = $2 LIMIT 500
"""
# Open on a date; what is settled now was open then only if something was dated later. $5: something may be.
_ITEMS = """
SELECT s.id AS instalment_id, s.invoice_id, s.ordinal, v.number, v.kind, v.purchase_order, s.invoice_date, s.currency,
    s.legal_entity_id, s.amount_minor, coalesce(d.due_date, s.original_due_date) AS due_date,
    (s.amount_minor - coalesce(a.taken, 0) - coalesce(j.taken, 0))::bigint AS open_minor,
    coalesce(x.disputed, 0)::bigint AS disputed_minor, coalesce(h.promised, 0)::bigint AS promised_minor,
    (SELECT count(*) FROM instalments o
     WHERE o.organization_id = $1 AND o.invoice_id = s.invoice_id)::int AS instalments
FROM instalments s
JOIN invoices v ON v.organization_id = $1 AND v.id = s.invoice_id
LEFT JOIN LATERAL (
    SELECT sum(amount_minor + discount_minor + write_off_minor) AS taken FROM applications
    WHERE organization_id = $1 AND instalment_id = s.id AND effective_date <= $3
) a ON true
LEFT JOIN LATERAL (
    SELECT sum(amount_minor) AS taken FROM adjustments
    WHERE organization_id = $1 AND instalment_id = s.id AND state = 'posted' AND effective_date <= $3
) j ON true
LEFT JOIN LATERAL (
    SELECT due_date FROM instalment_changes WHERE organization_id = $1 AND instalment_id = s.id AND effective_date <= $3
    ORDER BY effective_date DESC, recorded_at DESC, id DESC LIMIT 1
) d ON true
LEFT JOIN LATERAL (
    SELECT sum(l.disputed_minor) AS disputed FROM dispute_lines l
    JOIN disputes c ON c.organization_id = $1 AND c.id = l.dispute_id AND c.opened_on <= $3
    WHERE l.organization_id = $1 AND l.instalment_id = s.id AND l.disputed_minor > 0
) x ON true
LEFT JOIN LATERAL (
    SELECT sum(minor) AS promised FROM (
        SELECT t.amount_minor - t.kept_minor AS minor FROM promise_items t
        JOIN promises p ON p.organization_id = $1 AND p.id = t.promise_id AND p.made_on <= $3
            AND p.status IN ('open', 'partly_kept')
        WHERE t.organization_id = $1 AND t.instalment_id = s.id
        UNION ALL
        SELECT t.amount_minor - t.paid_minor FROM payment_plan_items t
        JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.status = 'active'
            AND p.activated_on <= $3
        WHERE t.organization_id = $1 AND t.instalment_id = s.id
    ) parts WHERE minor > 0
) h ON true
WHERE s.organization_id = $1 AND s.account_id = ANY($2::uuid[]) AND s.accounting_date <= $3
  AND (s.open_minor <> 0
       OR EXISTS (SELECT FROM applications WHERE organization_id = $1 AND instalment_id = s.id AND effective_date > $3)
       OR EXISTS (SELECT FROM adjustments WHERE organization_id = $1 AND instalment_id = s.id AND effective_date > $3))
  AND s.amount_minor <> coalesce(a.taken, 0) + coalesce(j.taken, 0)
ORDER BY s.currency, due_date, s.invoice_date, v.number, s.ordinal LIMIT $4
"""
_CREDITS = """
SELECT * FROM (
    SELECT 'credit_memo' AS kind, c.id, c.number AS reference, c.credit_date AS on_date, c.currency, c.legal_entity_id,
        c.amount_minor, (c.amount_minor
        - coalesce((SELECT sum(source_amount_minor) FROM applications
                    WHERE organization_id = $1 AND credit_memo_id = c.id AND effective_date <= $3), 0)
        - coalesce((SELECT sum(amount_minor) FROM credit_memo_movements
                    WHERE organization_id = $1 AND credit_memo_id = c.id AND effective_date <= $3), 0))::bigint
        AS left_minor
    FROM credit_memos c
    WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.accounting_date <= $3
      AND (c.open_minor <> 0 OR $5)
    UNION ALL
    SELECT 'payment', p.id, coalesce(p.bank_reference, p.end_to_end_id, ''), p.value_date, p.currency,
        p.legal_entity_id,
        p.amount_minor, (p.amount_minor
        - coalesce((SELECT sum(source_amount_minor) FROM applications
                    WHERE organization_id = $1 AND payment_id = p.id AND effective_date <= $3), 0)
        - coalesce((SELECT sum(amount_minor) FROM payment_movements WHERE organization_id = $1 AND payment_id = p.id
                    AND kind <> 'account_change' AND effective_date <= $3), 0))::bigint
    FROM payments p
    LEFT JOIN LATERAL (
        SELECT true AS moved, to_account_id FROM payment_movements
        WHERE organization_id = $1 AND payment_id = p.id AND kind = 'account_change' AND effective_date <= $3
        ORDER BY effective_date DESC, recorded_at DESC, id DESC LIMIT 1
    ) w ON true
    WHERE p.organization_id = $1 AND p.accounting_date <= $3 AND (p.unapplied_minor <> 0 OR $5)
      AND (p.id IN (SELECT id FROM payments WHERE organization_id = $1 AND account_id = ANY($2::uuid[]))
           OR $5 AND p.id IN (SELECT payment_id FROM payment_movements WHERE organization_id = $1
                       AND kind = 'account_change' AND from_account_id = ANY($2::uuid[])))
      AND (CASE WHEN w.moved THEN w.to_account_id ELSE p.original_account_id END) = ANY($2::uuid[])
) x WHERE left_minor <> 0 ORDER BY currency, on_date, reference, id LIMIT $4
"""
_LATER = """
SELECT EXISTS (SELECT FROM applications WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT FROM payment_movements WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT FROM credit_memo_movements WHERE organization_id = $1 AND effective_date > $2)
"""
_PROMISES = """
SELECT promised_date, currency, amount_minor, kept_minor FROM promises
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND scope = 'account' AND made_on <= $3
  AND status IN ('open', 'partly_kept') ORDER BY promised_date, id LIMIT 200
"""
_BANKS = """
SELECT e.id AS legal_entity_id, e.name AS legal_entity, e.country, b.name, b.identifier, b.bic, b.currency
FROM legal_entities e LEFT JOIN bank_accounts b ON b.organization_id = $1 AND b.legal_entity_id = e.id
WHERE e.organization_id = $1 AND (e.id = ANY($2::uuid[]) OR cardinality($2::uuid[]) = 0)
ORDER BY e.code, b.currency, b.name, b.id LIMIT 200
"""


class StatementTooLarge(TooLarge):
    """More open items than a statement holds: take the list of instalments instead."""

    code = "statement.too_large"


@dataclass(slots=True)
class Totals:
    """The sums of one currency, in minor units. `balance` is open less credits and money not yet applied."""

    currency: str
    buckets: list[int]
    items: int = 0
    open_minor: int = 0
    overdue_minor: int = 0
    disputed_minor: int = 0
    promised_minor: int = 0
    credits_minor: int = 0
    unapplied_minor: int = 0

    @property
    def balance_minor(self) -> int:
        """Open less credits and unapplied cash; negative when the customer is owed."""
        return self.open_minor - self.credits_minor - self.unapplied_minor


@dataclass(frozen=True, slots=True)
class Item:
    """An open instalment; disputed and promised are parts of what is open and may overlap."""

    row: Any
    days_late: int
    bucket: int
    disputed_minor: int
    promised_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that stands on a statement."""

    account: Any
    organization: str
    as_of: date
    labels: tuple[str, ...]
    items: list[Item]
    credits: list[Any]
    promises: list[Any]
    banks: list[Any]
    totals: list[Totals] = field(default_factory=list)


async def account_family(session: ReadSession, account_id: UUID) -> list[UUID]:
    """The account, and those that were merged into it."""
    rows = await session.driver.fetch(_FAMILY, session.organization_id, account_id)
    return [account_id, *(row["id"] for row in rows)]


async def account_statement(session: ReadSession, account_id: UUID, as_of: date) -> Statement:
    """The statement on a business date; read it in one snapshot. Raises AccountNotFound, StatementTooLarge."""
    account = await get_account(session, account_id)
    facts = await organization_facts(session)
    family = await account_family(session, account_id)
    key, driver = session.organization_id, session.driver
    # Compiling the statement takes longer than running it for one account.
    await driver.execute("SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan")
    rows = await driver.fetch(_ITEMS, key, family, as_of, ITEMS_MAX + 1)
    later = bool(await driver.fetchval(_LATER, key, as_of))
    credits = await driver.fetch(_CREDITS, key, family, as_of, CREDITS_MAX + 1, later)
    if len(rows) > ITEMS_MAX or len(credits) > CREDITS_MAX:
        raise StatementTooLarge(f"a statement holds at most {ITEMS_MAX} open items and {CREDITS_MAX} credits")
    items = [_item(row, as_of, facts.aging) for row in rows]
    entities = sorted({row["legal_entity_id"] for row in (*rows, *credits)})
    return Statement(
        account=account,
        organization=facts.name,
        as_of=as_of,
        labels=tuple(facts.aging.labels()),
        items=items,
        credits=list(credits),
        promises=list(await driver.fetch(_PROMISES, key, family, as_of)),
        banks=list(await driver.fetch(_BANKS, key, entities)),
        totals=totals_of(items, credits, facts.aging.bucket_count),
    )


def _item(row: Any, as_of: date, bounds: AgingBounds) -> Item:
    late = days_past_due(as_of, row["due_date"])
    disputed, promised = (min(row["open_minor"], row[f"{name}_minor"]) for name in ("disputed", "promised"))
    return Item(row, max(0, late), bounds.bucket_index(late), disputed, promised)


def totals_of(items: list[Item], credits: list[Any], buckets: int) -> list[Totals]:
    """The sums by currency, in the order of their codes."""
    found: dict[str, Totals] = {}
    for item in items:
        sums = found.setdefault(item.row["currency"], Totals(item.row["currency"], [0] * buckets))
        open_minor = item.row["open_minor"]
        sums.items += 1
        sums.open_minor += open_minor
        sums.buckets[item.bucket] += open_minor
        sums.overdue_minor += open_minor if item.days_late > 0 else 0
        sums.disputed_minor += item.disputed_minor
        sums.promised_minor += item.promised_minor
    for row in credits:
        sums = found.setdefault(row["currency"], Totals(row["currency"], [0] * buckets))
        if row["kind"] == "payment":
            sums.unapplied_minor += row["left_minor"]
        else:
            sums.credits_minor += row["left_minor"]
    return [found[currency] for currency in sorted(found)]
