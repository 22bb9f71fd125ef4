"""Kept promises by group, as of a day and as known at an instant: what stood open, was kept or broken on that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from app.infra.database import ReadSession
from app.promises.past import promises_on_sql
from app.reports.definitions import ReportRequest
from app.reports.grouping import accounts_of, key_sql
from app.reports.performance.framing import Record, in_one_currency, totals_of
from app.reports.portfolio.framing import names_of
from app.reports.portfolio.measures import Converter
from app.reports.portfolio.queries import PLANNER

PromiseGroup = Literal[
    "organization", "collector", "account", "month", "legal_entity", "parent_group", "segment", "country",
    "risk_class", "currency",
]  # fmt: skip
COUNTS = ("kept", "broken", "undecided", "cancelled")
AMOUNTS = ("kept_minor", "broken_minor", "undecided_minor", "received_minor")
# A promise for instalments of several legal entities is one of each, with its part of the amount; the money that came
# is shared in proportion. One for the account as a whole has no legal entity.
_BY_ENTITY = """
SELECT q.id, q.account_id, q.collector_id, q.currency, q.made_on, q.promised_date, q.status, s.legal_entity_id,
       coalesce(s.minor, q.amount_minor) AS amount_minor,
       CASE WHEN s.minor IS NULL THEN q.kept_minor
            ELSE div(q.kept_minor * s.upto, s.whole) - div(q.kept_minor * (s.upto - s.minor), s.whole)
       END::bigint AS kept_minor
FROM ({promises}) q LEFT JOIN (
    SELECT t.promise_id, i.legal_entity_id, sum(t.amount_minor) AS minor,
           sum(sum(t.amount_minor)) OVER (PARTITION BY t.promise_id ORDER BY i.legal_entity_id) AS upto,
           sum(sum(t.amount_minor)) OVER (PARTITION BY t.promise_id) AS whole
    FROM promise_items t JOIN instalments i ON i.organization_id = $1 AND i.id = t.instalment_id
    WHERE t.organization_id = $1 GROUP BY 1, 2
) s ON s.promise_id = q.id
"""
# $1 organization, $2 as_of, $3 known_at, $4 and $5 promised dates from and to, $6 account, $7 collector, $8 currency,
# $9 legal entity
_WHERE = """
p.promised_date BETWEEN $4 AND $5 AND ($6::uuid IS NULL OR p.account_id = $6)
AND ($7::uuid IS NULL OR p.collector_id = $7) AND ($8::text IS NULL OR p.currency = $8)
"""
_REPORT = """
SELECT {key} AS key, p.currency, count(*) FILTER (WHERE p.status = 'kept')::int AS kept,
    count(*) FILTER (WHERE p.status = 'broken')::int AS broken,
    count(*) FILTER (WHERE p.status IN ('open', 'partly_kept'))::int AS undecided,
    count(*) FILTER (WHERE p.status = 'cancelled')::int AS cancelled,
    coalesce(sum(p.amount_minor) FILTER (WHERE p.status = 'kept'), 0)::bigint AS kept_minor,
    coalesce(sum(p.amount_minor) FILTER (WHERE p.status = 'broken'), 0)::bigint AS broken_minor,
    coalesce(sum(p.amount_minor) FILTER (WHERE p.status IN ('open', 'partly_kept')), 0)::bigint AS undecided_minor,
    coalesce(sum(p.kept_minor) FILTER (WHERE p.status <> 'cancelled'), 0)::bigint AS received_minor
FROM ({promises}) p JOIN {accounts} a ON a.organization_id = $1 AND a.id = p.account_id
WHERE $9::uuid IS NULL OR p.legal_entity_id = $9 GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class PromiseRows:
    """Rows by group and currency, in their order, the totals of each currency, and the names of groups by key."""

    rows: list[Record]
    totals: list[Record]
    names: dict[str, tuple[str, str]]
    converter: Converter | None


def promise_parts_sql(day: str, known_at: str, where: str, *, by_entity: bool) -> str:
    """A statement of `promises_on_sql` with `legal_entity_id`: filled, and promises split, only with `by_entity`."""
    promises = promises_on_sql(day, known_at, where)
    if by_entity:
        return _BY_ENTITY.format(promises=promises)
    return f"SELECT q.*, NULL::uuid AS legal_entity_id FROM ({promises}) q"


def promise_key(group_by: str) -> str:
    """The key of a promise's group. It counts for whoever had the account when it was made."""
    return {"month": "to_char(p.promised_date, 'YYYY-MM')", "collector": "p.collector_id::text"}.get(
        group_by, key_sql(group_by, "p")
    )


async def promise_report(
    session: ReadSession, request: ReportRequest, start: date, end: date, collector_id: UUID | None
) -> PromiseRows:
    """Promises with a promised date from `start` to `end`, as they were on the day of the request."""
    by_entity = request.group_by == "legal_entity" or request.legal_entity_id is not None
    statement = _REPORT.format(
        key=promise_key(request.group_by), accounts=accounts_of(request.group_by),
        promises=promise_parts_sql("$2::date", "$3", _WHERE, by_entity=by_entity),
    )  # fmt: skip
    await session.driver.execute(PLANNER)
    found: list[Any] = await session.driver.fetch(
        statement, session.organization_id, request.as_of, request.known_at, start, end, request.account_id,
        collector_id, request.currency, request.legal_entity_id,
    )  # fmt: skip
    records, converter = await in_one_currency(session, request, found, ("key",), COUNTS, AMOUNTS)
    records.sort(key=lambda row: (row["key"] is not None, row["key"] or "", row["currency"]))
    names = await names_of(session, request.group_by, [row["key"] for row in records])
    return PromiseRows(records, totals_of(records, (*COUNTS, *AMOUNTS)), dict(names), converter)
