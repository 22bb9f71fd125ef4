"""Who owes most, who is worst, and how bad it is: top balances, top offenders, delinquency by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.core.aging import AgingBounds
from app.core.money import to_decimal, to_text
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import queries, risk_queries
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    bounds_of,
    framed,
    group_cells,
    lines_of,
    names_of,
    notes_of,
    number_option,
    page_of,
    scope_of,
    total_cells,
    word_option,
)
from app.reports.portfolio.measures import Converter, Wanted, added, positions
from app.reports.portfolio.rules import (
    MONTHS_MAX,
    TREND_DAYS,
    Position,
    ReportOptionInvalid,
    month_ends,
    offender_score,
    ratio,
    trend_factor,
)
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

TOP = 50
TOP_MAX = 1_000
ORDERS = ("receivables", "overdue", "net")
BY_ACCOUNT = ("account", "parent_group")


def bucket_columns(bounds: AgingBounds) -> tuple[Column, ...]:
    """A column of money for each bucket."""
    return tuple(Column(f"bucket_{index}_amount", "money", label) for index, label in enumerate(bounds.labels()))


async def top_balances(session: ReadSession, request: ReportRequest) -> Report:
    """The `top` accounts (or parent groups) of each currency by open, overdue or net amount, with running shares.

    Net is open less open credit memos and unapplied cash. Raises ReportOptionInvalid.
    """
    request = _by_account(request)
    top, by = number_option(request, "top", TOP, 1, TOP_MAX), word_option(request, "by", ORDERS)
    bounds = await bounds_of(session, request)
    wanted = Wanted(credits=True)
    found, converter = await positions(session, scope_of(request), [request.as_of], 0, bounds, wanted,
                                       request.in_currency)  # fmt: skip
    measure = {"receivables": lambda one: one.receivables, "overdue": lambda one: one.overdue, "net": _net}[by]
    rows: list[tuple[Position, tuple[Cell, ...]]] = []
    totals: dict[str, Position] = {}
    for currency, group in _by_currency(found).items():
        totals[currency] = _sum(group)
        whole, running = measure(totals[currency]), 0
        ranked = sorted((one for one in group if measure(one) > 0), key=lambda one: (-measure(one), one.key or ""))
        for rank, one in enumerate(ranked[:top], start=1):
            running += measure(one)
            rows.append((one, (rank, *_amounts(one), ratio(measure(one), whole), ratio(running, whole))))
    shown, more = page_of(rows, request)
    names = await names_of(session, request.group_by, [one.key for one, _ in shown])
    columns = (*GROUP_COLUMNS, Column("rank", "count"), *_amount_columns(bounds), Column("share", "rate"),
               Column("cumulative_share", "rate", "Cumulative share"))  # fmt: skip
    title = f"Top balances by {'open amount' if by == 'receivables' else by + ' amount'}"
    drawn = {"receivables": "receivables_amount", "overdue": "overdue_amount", "net": "net_amount"}[by]
    table = ReportTable(
        "top_balances", title, columns,
        [group_cells(one.key, one.currency, names) + cells for one, cells in shown],
        [(*total_cells(code), None, *_amounts(total), None, None) for code, total in sorted(totals.items())],
        Chart("bar", "name", (drawn,), title, split_by="currency"), more,
    )  # fmt: skip
    return framed("top-balances", title, request, [table], notes_of(request, converter), top=top, by=by)


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


def _by_account(request: ReportRequest) -> ReportRequest:
    if request.group_by == "organization":
        return replace(request, group_by="account")
    if request.group_by not in BY_ACCOUNT:
        raise ReportOptionInvalid("this report is by account or parent_group", pointer="/query/group_by")
    return request


def _by_currency(found: Sequence[Position]) -> dict[str, list[Position]]:
    groups: dict[str, list[Position]] = defaultdict(list)
    for one in found:
        groups[one.currency].append(one)
    return dict(sorted(groups.items()))


def _sum(group: Sequence[Position]) -> Position:
    total = replace(group[0], key=None)
    for one in group[1:]:
        total = added(total, one)
    return total


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
    request = _by_account(request)
    top, bounds = number_option(request, "top", TOP, 1, TOP_MAX), await bounds_of(session, request)
    before = request.as_of - timedelta(days=TREND_DAYS)
    found, converter = await positions(session, scope_of(request), [before, request.as_of], 0, bounds, Wanted(),
                                       request.in_currency)  # fmt: skip
    earlier = {(one.key, one.currency): one.overdue for one in found if one.at == before}
    rows: list[tuple[Position, tuple[Cell, ...]]] = []
    for currency, group in _by_currency([one for one in found if one.at == request.as_of]).items():
        ranked = [_scored(one, earlier.get((one.key, currency), 0)) for one in group if one.overdue > 0]
        ranked.sort(key=lambda item: (-item[1], item[0].key or ""))
        rows += [(one, (rank, score, *cells)) for rank, (one, score, cells) in enumerate(ranked[:top], start=1)]
    shown, more = page_of(rows, request)
    names = await names_of(session, request.group_by, [one.key for one, _ in shown])
    table = ReportTable(
        "top_offenders", "Top offenders", (*GROUP_COLUMNS, *_OFFENDER),
        [group_cells(one.key, one.currency, names) + cells for one, cells in shown],
        chart=Chart("bar", "name", ("score",), "Top offenders", split_by="currency"), has_more=more,
    )  # fmt: skip
    return framed("top-offenders", "Top offenders", request, [table], notes_of(request, converter), top=top)


def _scored(one: Position, before: int) -> tuple[Position, Decimal, tuple[Cell, ...]]:
    late = one.days_overdue() or Decimal(0)
    trend = trend_factor(one.overdue, before)
    score = offender_score(to_decimal(one.overdue, one.currency), late, trend)
    how = (
        f"{to_text(one.overdue, one.currency)} {one.currency} overdue × {late} days late ÷ 30 × trend {trend} "
        f"({to_text(before, one.currency)} overdue {TREND_DAYS} days before)"
    )
    return one, score, (one.overdue, late, before, trend, how)


_DELINQUENT = (
    Column("receivables_amount", "money", "Open"),
    Column("overdue_amount", "money", "Overdue"),
    Column("delinquency_rate", "rate", "Overdue share"),
    Column("days_overdue", "days", "Mean days late", places=2),
    Column("oldest_bucket_amount", "money", "In the oldest bucket"),
    Column("oldest_bucket_rate", "rate", "Share in the oldest bucket"),
    Column("accounts", "count", "Accounts that owe"),
    Column("overdue_accounts", "count", "Overdue accounts"),
    Column("largest_overdue_amount", "money", "Largest overdue account"),
    Column("largest_share", "rate", "Share of the largest"),
    Column("overdue_before_amount", "money", f"Overdue {TREND_DAYS} days before"),
    Column("change_rate", "rate", "Change"),
)


async def delinquency(session: ReadSession, request: ReportRequest) -> Report:
    """How much of each group is overdue, how late, how old, how many accounts, how concentrated, and the change.

    Raises ReportOptionInvalid.
    """
    if not 0 <= request.months <= MONTHS_MAX:
        raise ReportOptionInvalid(f"a series has up to {MONTHS_MAX} months", pointer="/query/months")
    bounds = await bounds_of(session, request)
    found, converter = await _delinquent(session, request, request.group_by, [request.as_of], bounds)
    whole = found
    if request.group_by not in ("organization", "currency"):
        whole, _ = await _delinquent(session, request, "organization", [request.as_of], bounds)
    found.sort(key=lambda item: (item[0].currency, -item[0].overdue, -item[0].receivables, item[0].key or ""))
    shown, more = page_of(found, request)
    names = await names_of(session, request.group_by, [one.key for one, _ in shown])
    columns = (*_DELINQUENT, *bucket_columns(bounds))
    labels = tuple(column.name for column in bucket_columns(bounds))[1:]
    tables = [ReportTable(
        "delinquency", "Delinquency", (*GROUP_COLUMNS, *columns),
        [group_cells(one.key, one.currency, names) + cells for one, cells in shown],
        [total_cells(one.currency) + cells for one, cells in whole],
        Chart("stacked_bar", "code", labels, "Overdue by age", split_by="currency"), more,
    )]  # fmt: skip
    if request.months:
        group_by = request.group_by if request.group_by not in BY_ACCOUNT or request.account_id else "organization"
        ends = month_ends(request.as_of, request.months)
        series, _ = await _delinquent(session, request, group_by, ends, bounds)
        names = await names_of(session, group_by, list({one.key for one, _ in series}))
        rows = [(one.at, *group_cells(one.key, one.currency, names), *cells) for one, cells in series]
        title = "Overdue share by month"
        chart = Chart("line", "month_end", ("delinquency_rate",), title, "currency", lines_of(group_by))
        heads = (Column("month_end", "date"), *GROUP_COLUMNS, *columns)
        tables.append(ReportTable("series", "Delinquency by month", heads, rows, chart=chart))
    return framed("delinquency", "Delinquency analysis", request, tables, notes_of(request, converter),
                  months=request.months or None)  # fmt: skip


async def _delinquent(
    session: ReadSession, request: ReportRequest, group_by: str, days: Sequence[date], bounds: AgingBounds
) -> tuple[list[tuple[Position, tuple[Cell, ...]]], Converter | None]:
    """Position and cells of each group and currency on each day."""
    before = {day: day - timedelta(days=TREND_DAYS) for day in days}
    scope = scope_of(request, group_by)
    found, converter = await positions(
        session, scope, sorted({*before, *before.values()}), 0, bounds, Wanted(), request.in_currency
    )
    conversion = None if converter is None else converter.conversion()
    counts: dict[Any, Any] = {}
    for row in await risk_queries.count_accounts(session, scope, days, conversion):
        counts[row["at"], row["key"], row["currency"]] = row
    overdue = {(one.at, one.key, one.currency): one.overdue for one in found}
    rows = []
    for one in found:
        if one.at in before and one.receivables:
            row = counts[one.at, one.key, one.currency]
            earlier = overdue.get((before[one.at], one.key, one.currency), 0)
            rows.append((one, _delinquent_cells(one, row, earlier)))
    return rows, converter


def _delinquent_cells(one: Position, counts: Any, before: int) -> tuple[Cell, ...]:
    oldest = one.buckets[-1]
    return (
        one.receivables, one.overdue, ratio(one.overdue, one.receivables), one.days_overdue(),
        oldest, ratio(oldest, one.receivables), counts["accounts"], counts["overdue_accounts"],
        counts["largest"], ratio(counts["largest"], one.overdue), before, ratio(one.overdue - before, before),
        *one.buckets,
    )  # fmt: skip


DELINQUENCY_DEFINITIONS = (
    ReportDefinition("top-balances", "Top balances", ("reports:read",), BY_ACCOUNT, top_balances),
    ReportDefinition("top-offenders", "Top offenders", ("reports:read",), BY_ACCOUNT, top_offenders),
    ReportDefinition("delinquency", "Delinquency analysis", ("reports:read",), queries.GROUPS, delinquency),
)
