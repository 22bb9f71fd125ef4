"""Who owes most and who is worst: the top accounts of the organization, or of each legal entity, collector, segment …

By `account` (or `organization`, `currency`) there is one list, by `parent_group` one of whole groups. By anything else
each group has a list of its own, with ranks and shares within it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.core.aging import AgingBounds
from app.core.money import to_decimal, to_text
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import queries
from app.reports.portfolio.delinquency import bucket_columns
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    bounds_of,
    framed,
    group_cells,
    names_of,
    notes_of,
    number_option,
    page_of,
    scope_of,
    total_cells,
    word_option,
)
from app.reports.portfolio.measures import Converter, Wanted, positions, total_of
from app.reports.portfolio.rules import TREND_DAYS, Position, offender_score, ratio, trend_factor
from app.reports.tables import Cell, Chart, Column, Report, ReportTable, Row

TOP = 50
TOP_MAX = 1_000
ORDERS = ("receivables", "overdue", "net")
ONE_LIST = ("account", "parent_group", "organization", "currency")
GROUPS = (*ONE_LIST[:2], *(group for group in queries.GROUPS if group not in ("account", "parent_group")))
_WITHIN: Mapping[str, str] = {
    "collector": "collector_id",
    "segment": "segment",
    "country": "country",
    "risk_class": "risk_class",
}


@dataclass(frozen=True, slots=True)
class _Lists:
    """Positions of accounts (or parent groups), apart by the key of the group in which they are ranked."""

    request: ReportRequest
    parts: Sequence[tuple[str | None, list[Position]]]
    converter: Converter | None

    @property
    def apart(self) -> bool:
        return self.request.group_by not in ONE_LIST

    @property
    def kind(self) -> str:
        """What is ranked."""
        return "parent_group" if self.request.group_by == "parent_group" else "account"

    def columns(self, *own: Column) -> tuple[Column, ...]:
        """Those of a group, its name before them when lists stand apart, and the report's own."""
        title = self.request.group_by.replace("_", " ").capitalize()
        group = (Column("group_key", internal=True), Column("group", title=title)) if self.apart else ()
        return (*group, *GROUP_COLUMNS, *own)

    async def rows(
        self, session: ReadSession, ranked: Sequence[tuple[str | None, Position, Row]]
    ) -> tuple[Sequence[Row], bool]:
        """The page of (key of the list, position, cells of the report)."""
        shown, more = page_of(ranked, self.request)
        names = await names_of(session, self.kind, list(dict.fromkeys(one.key for _, one, _ in shown)))
        cells = [(group, (*group_cells(one.key, one.currency, names), *own)) for group, one, own in shown]
        if not self.apart:
            return [row for _, row in cells], more
        known = await names_of(session, self.request.group_by, list(dict.fromkeys(group for group, _ in cells)))
        return [(group, _shown(group, known), *row) for group, row in cells], more

    def chart(self, drawn: str, title: str) -> Chart:
        return Chart("bar", "name", (drawn,), title, split_by="group" if self.apart else "currency")


def _shown(key: str | None, names: Mapping[Any, tuple[str, str]]) -> str | None:
    return names[key][1] if key in names else key


async def _lists(
    session: ReadSession, request: ReportRequest, days: Sequence[date], bounds: AgingBounds, wanted: Wanted
) -> _Lists:
    """The positions on the days. Legal entities are read one by one: an account may owe several of them."""
    group_by = "parent_group" if request.group_by == "parent_group" else "account"
    scope = scope_of(request, group_by)
    if request.group_by != "legal_entity":
        found, converter = await positions(session, scope, days, 0, bounds, wanted, request.in_currency)
        parts: dict[str | None, list[Position]] = defaultdict(list)
        keys = await _attributes(session, request.group_by) if request.group_by in _WITHIN else {}
        for one in found:
            parts[keys.get(one.key)].append(one)
        return _Lists(request, sorted(parts.items(), key=lambda item: (item[0] is None, item[0] or "")), converter)
    listed = []
    last: Converter | None = None
    for key in await _legal_entities(session, request):
        found, converter = await positions(
            session, replace(scope, legal_entity_id=key), days, 0, bounds, wanted, request.in_currency
        )
        if converter is not None and last is not None:
            converter.missing |= last.missing
        last = converter
        if found:
            listed.append((str(key), found))
    return _Lists(request, listed, last)


async def _attributes(session: ReadSession, group_by: str) -> dict[str | None, str | None]:
    """The group of each account, by its attributes of today."""
    rows = await session.driver.fetch(
        f"SELECT id::text AS id, {_WITHIN[group_by]}::text AS key FROM accounts WHERE organization_id = $1",
        session.organization_id,
    )
    return {row["id"]: row["key"] for row in rows}


async def _legal_entities(session: ReadSession, request: ReportRequest) -> list[Any]:
    if request.legal_entity_id is not None:
        return [request.legal_entity_id]
    rows = await session.driver.fetch(
        "SELECT id FROM legal_entities WHERE organization_id = $1 ORDER BY code", session.organization_id
    )
    return [row["id"] for row in rows]


async def top_balances(session: ReadSession, request: ReportRequest) -> Report:
    """The `top` accounts (or parent groups) of each currency by open, overdue or net amount, with running shares.

    Net is open less open credit memos and unapplied cash. Raises ReportOptionInvalid.
    """
    top, by = number_option(request, "top", TOP, 1, TOP_MAX), word_option(request, "by", ORDERS)
    bounds = await bounds_of(session, request)
    lists = await _lists(session, request, [request.as_of], bounds, Wanted(credits=True))
    measures: Mapping[str, Callable[[Position], int]] = {
        "receivables": lambda one: one.receivables, "overdue": lambda one: one.overdue, "net": _net,
    }  # fmt: skip
    measure = measures[by]
    ranked: list[tuple[str | None, Position, Row]] = []
    every: dict[str, list[Position]] = defaultdict(list)
    for key, found in lists.parts:
        for currency, group in _by_currency(found).items():
            total = total_of(group)
            every[currency].append(total)
            whole, running = measure(total), 0
            owing = sorted((one for one in group if measure(one) > 0), key=lambda one: (-measure(one), one.key or ""))
            for rank, one in enumerate(owing[:top], start=1):
                running += measure(one)
                shares = (ratio(measure(one), whole), ratio(running, whole))
                ranked.append((key, one, (rank, *_amounts(one), *shares)))
    rows, more = await lists.rows(session, ranked)
    own = (Column("rank", "count"), *_amount_columns(bounds), Column("share", "rate"),
           Column("cumulative_share", "rate", "Cumulative share"))  # fmt: skip
    title = f"Top balances by {'open amount' if by == 'receivables' else by + ' amount'}"
    blank: tuple[Cell, ...] = (None, None) if lists.apart else ()
    totals: list[Row] = [
        (*blank, *total_cells(code), None, *_amounts(total_of(parts)), None, None)
        for code, parts in sorted(every.items())
    ]
    table = ReportTable("top_balances", title, lists.columns(*own), rows, totals,
                        lists.chart(f"{by}_amount", title), more)  # fmt: skip
    return framed("top-balances", title, request, [table], notes_of(request, lists.converter), top=top, by=by)


def _amount_columns(bounds: AgingBounds) -> tuple[Column, ...]:
    return (
        Column("receivables_amount", "money", "Open"),
        Column("overdue_amount", "money", "Overdue"),
        Column("credits_amount", "money", "Credit memos and unapplied cash"),
        Column("net_amount", "money", "Net"),
        *bucket_columns(bounds),
    )


def _amounts(one: Position) -> tuple[Cell, ...]:
    return (one.receivables, one.overdue, _credits(one), _net(one), *one.buckets)


def _credits(one: Position) -> int:
    return one.credit_memos + one.unapplied + one.unidentified


def _net(one: Position) -> int:
    return one.receivables - _credits(one)


def _by_currency(found: Sequence[Position]) -> dict[str, list[Position]]:
    groups: dict[str, list[Position]] = defaultdict(list)
    for one in found:
        groups[one.currency].append(one)
    return dict(sorted(groups.items()))


_OFFENDER = (
    Column("rank", "count"),
    Column("score", "ratio", places=2),
    Column("overdue_amount", "money", "Overdue"),
    Column("days_overdue", "days", "Mean days late", places=2),
    Column("overdue_before_amount", "money", f"Overdue {TREND_DAYS} days before"),
    Column("trend", "ratio", places=2),
    Column("explanation"),
)


async def top_offenders(session: ReadSession, request: ReportRequest) -> Report:
    """The `top` accounts (or parent groups) by overdue amount × lateness × trend; each row says how it came about.

    Lateness is the mean of days past due by amount, in units of 30 days; the trend is overdue now ÷ 30 days before,
    within 0.5 and 2. Raises ReportOptionInvalid.
    """
    top, bounds = number_option(request, "top", TOP, 1, TOP_MAX), await bounds_of(session, request)
    before = request.as_of - timedelta(days=TREND_DAYS)
    lists = await _lists(session, request, [before, request.as_of], bounds, Wanted())
    ranked: list[tuple[str | None, Position, Row]] = []
    for key, found in lists.parts:
        earlier = {(one.key, one.currency): one.overdue for one in found if one.at == before}
        for currency, group in _by_currency([one for one in found if one.at == request.as_of]).items():
            scored = [_scored(one, earlier.get((one.key, currency), 0)) for one in group if one.overdue > 0]
            scored.sort(key=lambda one: (-one.score, one.position.key or ""))
            ranked += [(key, one.position, (rank, *one.cells())) for rank, one in enumerate(scored[:top], start=1)]
    rows, more = await lists.rows(session, ranked)
    title = "Top offenders"
    table = ReportTable("top_offenders", title, lists.columns(*_OFFENDER), rows, chart=lists.chart("score", title),
                        has_more=more)  # fmt: skip
    return framed("top-offenders", title, request, [table], notes_of(request, lists.converter), top=top)


@dataclass(frozen=True, slots=True)
class _Scored:
    """How bad a position is, and why."""

    position: Position
    score: Decimal
    late: Decimal
    before: int
    trend: Decimal

    def cells(self) -> Row:
        one, currency = self.position, self.position.currency
        how = (
            f"{to_text(one.overdue, currency)} {currency} overdue × {self.late} days late ÷ 30 × trend {self.trend} "
            f"({to_text(self.before, currency)} overdue {TREND_DAYS} days before)"
        )
        return (self.score, one.overdue, self.late, self.before, self.trend, how)


def _scored(one: Position, before: int) -> _Scored:
    late = one.days_overdue() or Decimal(0)
    trend = trend_factor(one.overdue, before)
    return _Scored(one, offender_score(to_decimal(one.overdue, one.currency), late, trend), late, before, trend)


TOP_DEFINITIONS = (
    ReportDefinition("top-balances", "Top balances", ("reports:read",), GROUPS, top_balances),
    ReportDefinition("top-offenders", "Top offenders", ("reports:read",), GROUPS, top_offenders),
)
