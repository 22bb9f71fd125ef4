"""The facts behind the worklist, set-wise for many accounts: money, habit, what asks for work. All SQL of the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.collections.portfolio.assignment import covers_on
from app.core.money import convert
from app.desk.dunned import dunned
from app.desk.rules import NEEDS_SOMEBODY, AccountFacts, Dunned, Signal, shrunk_share
from app.desk.signals import SIGNAL_QUERIES
from app.forecasting.expected import expected_cash
from app.infra.database import ReadSession
from app.organizations.queries import Rates, organization_facts, rates_among

HABIT_DAYS = 395
HABIT_WINDOW_DAYS = 30
# Parts of instalments, by instalment; $1 organization, $2 accounts.
DISPUTED = """
SELECT l.instalment_id, sum(l.disputed_minor)::bigint AS minor
FROM disputes x JOIN dispute_lines l ON l.organization_id = $1 AND l.dispute_id = x.id AND l.disputed_minor > 0
WHERE x.organization_id = $1 AND x.account_id = ANY($2::uuid[]) GROUP BY 1
"""
HELD = """
SELECT instalment_id, sum(minor)::bigint AS minor FROM (
    SELECT t.instalment_id, t.amount_minor - t.kept_minor AS minor
    FROM promises p JOIN promise_items t ON t.organization_id = $1 AND t.promise_id = p.id
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.status IN ('open', 'partly_kept')
      AND p.scope = 'instalments'
    UNION ALL
    SELECT t.instalment_id, t.amount_minor - t.paid_minor
    FROM payment_plans p JOIN payment_plan_items t ON t.organization_id = $1 AND t.plan_id = p.id
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.status = 'active'
) x WHERE minor > 0 GROUP BY 1
"""
IN_CASES = """
SELECT t.instalment_id FROM legal_cases c
JOIN legal_case_items t ON t.organization_id = $1 AND t.case_id = c.id AND t.active
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) GROUP BY 1
"""
_PARTS = {"disputed": DISPUTED, "held": HELD, "in_cases": IN_CASES}
# A promise for the account as a whole holds what it names of no instalment.
_HELD_WHOLE = """
SELECT account_id, currency, sum(amount_minor - kept_minor)::bigint AS minor FROM promises
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status IN ('open', 'partly_kept') AND scope = 'account'
GROUP BY 1, 2
"""
_MONEY = f"""
SELECT m.account_id, m.currency, m.open_minor, m.overdue_minor, m.collectable_minor, m.days_late,
    least(m.collectable_minor, m.held_minor + coalesce(w.minor, 0))::bigint AS held_minor
FROM (
    SELECT s.account_id, s.currency, sum(s.open_minor)::bigint AS open_minor,
        coalesce(sum(s.open_minor) FILTER (WHERE s.due_date < $3::date), 0)::bigint AS overdue_minor,
        coalesce(sum(greatest(0, s.open_minor - coalesce(d.minor, 0)))
            FILTER (WHERE k.instalment_id IS NULL), 0)::bigint AS collectable_minor,
        coalesce(sum(least(s.open_minor, coalesce(h.minor, 0))) FILTER (WHERE k.instalment_id IS NULL), 0)::bigint
            AS held_minor,
        greatest(0, max($3::date - s.due_date)) AS days_late
    FROM instalments s
    LEFT JOIN ({DISPUTED}) d ON d.instalment_id = s.id
    LEFT JOIN ({HELD}) h ON h.instalment_id = s.id
    LEFT JOIN ({IN_CASES}) k ON k.instalment_id = s.id
    WHERE s.organization_id = $1 AND s.account_id = ANY($2::uuid[]) AND s.open_minor <> 0
    GROUP BY 1, 2
) m LEFT JOIN ({_HELD_WHOLE}) w ON w.account_id = m.account_id AND w.currency = m.currency
"""
_HABIT = """
SELECT s.account_id, count(*) AS items, avg(least(1, coalesce(a.paid, 0)::numeric / s.amount_minor)) AS share
FROM invoices i
JOIN instalments s ON s.organization_id = $1 AND s.invoice_id = i.id
LEFT JOIN LATERAL (
    SELECT sum(x.amount_minor + x.discount_minor) AS paid FROM applications x
    WHERE x.organization_id = $1 AND x.instalment_id = s.id AND x.effective_date <= s.due_date + $5::int
) a ON true
WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.voided_at IS NULL
  AND s.due_date BETWEEN $3 AND $4
GROUP BY 1
"""
_ACCOUNTS = """
SELECT a.id, a.collector_id, a.risk_class, a.credit_status,
    (SELECT c.score FROM credit_scores c WHERE c.organization_id = $1 AND c.account_id = a.id
     ORDER BY c.month DESC LIMIT 1) AS score,
    (SELECT max(x.done_on) FROM collection_actions x WHERE x.organization_id = $1 AND x.account_id = a.id
     AND x.status = 'done' AND x.contact_made) AS last_contact_on
FROM accounts a
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[]) AND a.status <> 'merged'
"""
_MERGED = """
SELECT merged_id, survivor_id FROM account_merges
WHERE organization_id = $1 AND state = 'merged' AND survivor_id = ANY($2::uuid[])
"""
_SURVIVORS = """
SELECT DISTINCT survivor_id FROM account_merges
WHERE organization_id = $1 AND state = 'merged' AND merged_id = ANY($2::uuid[])
"""
_NEXT_ACCOUNTS = """
SELECT id FROM accounts WHERE organization_id = $1 AND id > $2 AND status <> 'merged' ORDER BY id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account with its facts, and who works on it."""

    account_id: UUID
    collector_id: UUID | None
    facts: AccountFacts


async def next_accounts(session: ReadSession, after: UUID, limit: int) -> list[UUID]:
    """Ids of accounts behind `after`, in order of ids."""
    rows = await session.driver.fetch(_NEXT_ACCOUNTS, session.organization_id, after, limit)
    return [row["id"] for row in rows]


async def survivors_of(session: ReadSession, account_ids: Sequence[UUID]) -> list[UUID]:
    """The accounts into which these were merged, where they were."""
    rows = await session.driver.fetch(_SURVIVORS, session.organization_id, list(account_ids))
    return [row["survivor_id"] for row in rows]


async def load_candidates(
    session: ReadSession, account_ids: Sequence[UUID], today: date
) -> tuple[str, list[Candidate]]:
    """The base currency, and the facts of these accounts on `today` in it.

    Amounts in a currency without a known rate are counted at par: they stay on the list, where they can be seen.
    """
    organization = await organization_facts(session)
    base = organization.base_currency
    key = session.organization_id
    accounts = await session.driver.fetch(_ACCOUNTS, key, list(account_ids))
    stands_for = {
        row["merged_id"]: row["survivor_id"] for row in await session.driver.fetch(_MERGED, key, list(account_ids))
    }
    ids = [*account_ids, *stands_for]
    money = await session.driver.fetch(_MONEY, key, ids, today)
    signals = [(kind, row) for kind, sql in SIGNAL_QUERIES.items()
               for row in await session.driver.fetch(sql, key, ids, today)]  # fmt: skip
    currencies = (
        {row["currency"] for row in money} | {row["currency"] for _, row in signals if row["currency"]} | {base}
    )
    rates = await rates_among(session, currencies, today)
    habits = await _habits(session, ids, today)
    forecasts = await _forecast_shares(session, ids, stands_for, today, base, rates)
    facts = {row["id"]: AccountFacts(risk_class=row["risk_class"], credit_status=row["credit_status"],
                                     score=row["score"], last_contact_on=row["last_contact_on"],
                                     share_permille=habits.get(row["id"], shrunk_share(0, 0)),
                                     forecast_permille=forecasts.get(row["id"]))
             for row in accounts}  # fmt: skip
    for row in money:
        account_id = stands_for.get(row["account_id"], row["account_id"])
        if account_id in facts:
            facts[account_id] = _with_money(facts[account_id], row, base, rates)
    for kind, row in signals:
        account_id = stands_for.get(row["account_id"], row["account_id"])
        if account_id in facts:
            amount = _in_base(row["amount_minor"] or 0, row["currency"] or base, base, rates)
            known = facts[account_id]
            signal = Signal(kind, row["count"], row["on_date"], amount)
            facts[account_id] = replace(known, signals=(*known.signals, signal))
    for account_id, standing in (await dunned(session, account_ids, today, _PARTS)).items():
        if account_id in facts:
            facts[account_id] = _with_dunning(facts[account_id], standing)
    covers = await covers_on(session, today)
    return base, [
        Candidate(row["id"], covers.get(row["collector_id"], row["collector_id"]), facts[row["id"]]) for row in accounts
    ]


def _with_dunning(facts: AccountFacts, standing: Dunned) -> AccountFacts:
    signals, notice = facts.signals, standing.notice
    if notice is not None and notice.state in NEEDS_SOMEBODY and facts.open_minor > 0:
        signals = (*signals, Signal("notice_failed", 1, notice.on))
    return replace(facts, dunned=standing, signals=signals)


def _with_money(facts: AccountFacts, row: Any, base: str, rates: Rates) -> AccountFacts:
    amounts = {
        name: getattr(facts, name) + _in_base(row[name], row["currency"], base, rates)
        for name in ("open_minor", "overdue_minor", "collectable_minor", "held_minor")
    }
    return replace(facts, **amounts, days_late=max(facts.days_late, row["days_late"]))


def _in_base(minor: int, currency: str, base: str, rates: Rates) -> int:
    rate = rates.rate(currency, base)
    return minor if rate is None or currency == base else convert(minor, currency, base, rate)


async def _forecast_shares(
    session: ReadSession, account_ids: Sequence[UUID], stands_for: Mapping[UUID, UUID], today: date, base: str,
    rates: Rates,
) -> dict[UUID, int]:  # fmt: skip
    """What the current forecast expects of each account within 30 days, of 1,000; accounts it knows nothing of lack."""
    sums: dict[UUID, tuple[int, int]] = {}
    for (account_id, currency), found in (await expected_cash(session, account_ids, today)).items():
        account = stands_for.get(account_id, account_id)
        expected, owed = sums.get(account, (0, 0))
        expected += _in_base(found.expected_minor, currency, base, rates)
        sums[account] = (expected, owed + _in_base(found.open_minor, currency, base, rates))
    return {account: min(1000, expected * 1000 // owed) for account, (expected, owed) in sums.items() if owed > 0}


async def _habits(session: ReadSession, account_ids: Sequence[UUID], today: date) -> dict[UUID, int]:
    """Share of each account's instalments collected within 30 days of the due date, of 1,000."""
    rows = await session.driver.fetch(
        _HABIT,
        session.organization_id,
        list(account_ids),
        today - timedelta(days=HABIT_DAYS),
        today - timedelta(days=HABIT_WINDOW_DAYS + 1),
        HABIT_WINDOW_DAYS,
    )
    return {row["account_id"]: shrunk_share(row["items"], int(row["share"] * 1000)) for row in rows}
