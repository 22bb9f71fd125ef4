"""Exposure of accounts and parent groups, in one query; other currencies at the dated rates of the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.money import convert
from app.credit.rules import Cover, Exposure
from app.infra.database import ReadSession
from app.organizations.queries import Rates, rates_among

GROUP_DEPTH_MAX = 32
GROUP_MEMBERS_MAX = 10_000

_OF_GROUP = f"""
WITH RECURSIVE up AS (
    SELECT id, parent_id, 0 AS depth FROM accounts WHERE organization_id = $1 AND id = $5::uuid
    UNION ALL
    SELECT a.id, a.parent_id, up.depth + 1 FROM up
    JOIN accounts a ON a.organization_id = $1 AND a.id = up.parent_id WHERE up.depth < {GROUP_DEPTH_MAX}
), tree AS (
    SELECT id, 0 AS depth FROM (SELECT id FROM up ORDER BY depth DESC LIMIT 1) AS top
    UNION
    SELECT a.id, tree.depth + 1 FROM tree
    JOIN accounts a ON a.organization_id = $1 AND a.parent_id = tree.id WHERE tree.depth < {GROUP_DEPTH_MAX}
), members AS (SELECT id FROM tree LIMIT {GROUP_MEMBERS_MAX}),
"""
_OF_ACCOUNTS = "WITH members AS (SELECT unnest($5::uuid[]) AS id),\n"
# $1 organization, $2 today, $3 source and $4 external id of an order that is left out
_SUMS = """
parts AS (
    SELECT i.account_id, i.currency, 0 AS cover_bp, i.open_minor,
           CASE WHEN i.due_date < $2 THEN i.open_minor ELSE 0 END AS overdue_minor,
           least(coalesce(d.disputed_minor, 0), i.open_minor) AS disputed_minor,
           CASE WHEN i.due_date < $2 AND i.open_minor > coalesce(d.disputed_minor, 0) THEN $2 - i.due_date ELSE 0 END
               AS days_late,
           0::bigint AS credits_minor, 0::bigint AS unapplied_minor, 0::bigint AS orders_minor,
           0::bigint AS cover_minor
    FROM members m JOIN instalments i ON i.organization_id = $1 AND i.account_id = m.id AND i.open_minor <> 0
    LEFT JOIN LATERAL (
        SELECT sum(l.disputed_minor)::bigint AS disputed_minor FROM dispute_lines l
        WHERE l.organization_id = $1 AND l.instalment_id = i.id AND l.disputed_minor > 0
    ) d ON true
    UNION ALL
    SELECT c.account_id, c.currency, 0, 0, 0, 0, 0, c.open_minor, 0, 0, 0
    FROM members m JOIN credit_memos c ON c.organization_id = $1 AND c.account_id = m.id AND c.open_minor <> 0
    UNION ALL
    SELECT p.account_id, p.currency, 0, 0, 0, 0, 0, 0, p.unapplied_minor, 0, 0
    FROM members m JOIN payments p ON p.organization_id = $1 AND p.account_id = m.id AND p.unapplied_minor <> 0
    UNION ALL
    SELECT o.account_id, o.currency, 0, 0, 0, 0, 0, 0, 0, o.open_minor, 0
    FROM members m JOIN credit_orders o ON o.organization_id = $1 AND o.account_id = m.id AND o.open_minor <> 0
    WHERE NOT coalesce(o.source = $3::text AND o.external_id = $4::text, false)
      AND (o.reserved_until IS NULL OR o.reserved_until >= $2)
    UNION ALL
    SELECT s.account_id, s.currency, s.cover_bp, 0, 0, 0, 0, 0, 0, 0, s.amount_minor
    FROM members m JOIN credit_securities s ON s.organization_id = $1 AND s.account_id = m.id
    WHERE s.cancelled_on IS NULL AND s.valid_from <= $2 AND (s.valid_until IS NULL OR s.valid_until >= $2)
)
SELECT account_id, currency, cover_bp, sum(open_minor)::bigint AS open_minor,
       sum(overdue_minor)::bigint AS overdue_minor, sum(disputed_minor)::bigint AS disputed_minor,
       sum(credits_minor)::bigint AS credits_minor, sum(unapplied_minor)::bigint AS unapplied_minor,
       sum(orders_minor)::bigint AS orders_minor, sum(cover_minor)::bigint AS cover_minor,
       max(days_late)::int AS days_late
FROM parts GROUP BY account_id, currency, cover_bp
"""
_MEASURES = (
    "open_minor", "overdue_minor", "disputed_minor", "credits_minor", "unapplied_minor", "orders_minor",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExposureRows:
    """Sums by account and currency, and the rates of the day among their currencies."""

    rows: Sequence[Mapping[str, Any]]
    rates: Rates

    def exposure(self, currency: str, account_ids: Iterable[UUID] | None = None) -> Exposure:
        """The exposure of these accounts together (of all rows without them), in one currency."""
        wanted = None if account_ids is None else set(account_ids)
        return _sum((row for row in self.rows if wanted is None or row["account_id"] in wanted), currency, self.rates)

    def by_account(self, currencies: Mapping[UUID, str]) -> dict[UUID, Exposure]:
        """The exposure of each account in its own currency."""
        grouped: dict[UUID, list[Mapping[str, Any]]] = {account_id: [] for account_id in currencies}
        for row in self.rows:
            grouped[row["account_id"]].append(row)
        return {
            account_id: _sum(rows, currencies[account_id], self.rates) if rows else Exposure(currencies[account_id])
            for account_id, rows in grouped.items()
        }


def _sum(rows: Iterable[Mapping[str, Any]], currency: str, rates: Rates) -> Exposure:
    sums = dict.fromkeys(_MEASURES, 0)
    covers: list[Cover] = []
    missing: set[str] = set()
    days_late = 0
    for row in rows:
        days_late = max(days_late, row["days_late"])
        rate = rates.rate(row["currency"], currency)
        if rate is None:
            missing.add(row["currency"])
            continue
        for name in _MEASURES:
            if row[name]:
                sums[name] += convert(row[name], row["currency"], currency, rate)
        if row["cover_bp"]:
            covers.append(Cover(convert(row["cover_minor"], row["currency"], currency, rate), row["cover_bp"]))
    return Exposure(
        currency=currency,
        open_minor=sums["open_minor"],
        overdue_minor=sums["overdue_minor"],
        disputed_minor=sums["disputed_minor"],
        credits_minor=sums["credits_minor"],
        unapplied_minor=sums["unapplied_minor"],
        orders_minor=sums["orders_minor"],
        days_late=days_late,
        covers=tuple(covers),
        unconverted=tuple(sorted(missing)),
    )


async def group_exposure(
    session: ReadSession,
    account_id: UUID,
    today: date,
    currencies: Iterable[str],
    *,
    without_order: tuple[str, str] | None = None,
) -> ExposureRows:
    """Sums of every member of the account's parent group (itself among them); one order may be left out.

    `currencies` are those into which amounts will be converted.
    """
    source, external_id = without_order or (None, None)
    statement = _OF_GROUP + _SUMS
    rows = await session.driver.fetch(statement, session.organization_id, today, source, external_id, account_id)
    return await _with_rates(session, rows, currencies, today)


async def accounts_exposure(session: ReadSession, currencies: Mapping[UUID, str], today: date) -> dict[UUID, Exposure]:
    """The exposure of each of these accounts for itself, in the currency given for it."""
    statement = _OF_ACCOUNTS + _SUMS
    rows = await session.driver.fetch(statement, session.organization_id, today, None, None, list(currencies))
    return (await _with_rates(session, rows, currencies.values(), today)).by_account(currencies)


async def _with_rates(
    session: ReadSession, rows: Sequence[Any], currencies: Iterable[str], today: date
) -> ExposureRows:
    wanted = {*currencies, *(row["currency"] for row in rows)}
    return ExposureRows(rows, await rates_among(session, wanted, today))
