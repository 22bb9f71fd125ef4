"""The portfolio on one page: what is owed and how late, the key figures, who matters most, and what is to come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.core.aging import AgingBounds
from app.disputes.past import disputes_on_sql
from app.infra.database import ReadSession
from app.organizations.queries import organization_facts
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import Record, in_one_currency
from app.reports.portfolio.framing import bounds_of, framed, notes_of, number_option, scope_of
from app.reports.portfolio.measures import Converter, Wanted, positions
from app.reports.portfolio.rules import PERIOD_DAYS, PERIOD_DAYS_MAX, Position, month_ends, ratio
from app.reports.portfolio.top_lists import top_offenders
from app.reports.promises import promise_parts_sql
from app.reports.tables import Chart, Column, Report, ReportTable, Row

NAME = "portfolio-status"
OFFENDERS = 10
MONTHS = 6
WEEKS = 4
REASONS_MAX = 8
STATUS = (
    Column("currency"),
    Column("receivables_amount", "money", "Open"),
    Column("overdue_amount", "money", "Overdue"),
    Column("percent_current", "rate", "Percent current"),
    Column("dso", "days", "DSO", places=1),
    Column("best_possible_dso", "days", "Best-possible DSO", places=1),
    Column("cei", "ratio", "CEI", places=1),
    Column("disputed_amount", "money", "Disputed"),
    Column("promised_amount", "money", "Promised, still to come"),
    Column("credit_memos_amount", "money", "Open credit memos"),
    Column("unapplied_amount", "money", "Unapplied"),
    Column("unidentified_amount", "money", "Unidentified"),
    Column("net_amount", "money", "Net of credits and cash"),
)
_AGING = (Column("bucket"), Column("currency"), Column("amount", "money"), Column("share", "rate"))
_MONTHS = (Column("month_end", "date"), Column("currency"), Column("dso", "days", "DSO", places=1),
           Column("best_possible_dso", "days", "Best-possible DSO", places=1), Column("cei", "ratio", "CEI", places=1),
           Column("overdue_amount", "money", "Overdue"))  # fmt: skip
_PROMISES = (Column("due"), Column("currency"), Column("promises", "count"), Column("amount", "money"))
_DISPUTES = (Column("code", internal=True), Column("reason"), Column("currency"), Column("disputes", "count"),
             Column("disputed_amount", "money", "Disputed"))  # fmt: skip
_FORECAST = (Column("week_from", "date"), Column("currency"), Column("p10_amount", "money", "P10"),
             Column("p50_amount", "money", "P50"), Column("p90_amount", "money", "P90"))  # fmt: skip
# $1 organization, $2 as_of, $3 known_at, $4 account, $5 currency, $6 legal entity
_OPEN_PROMISES = """
SELECT CASE WHEN p.promised_date < $2 THEN -1 ELSE (p.promised_date - $2) / 7 END AS week, p.currency,
       count(*)::int AS promises, sum(p.amount_minor - p.kept_minor)::bigint AS minor
FROM ({promises}) p
WHERE p.status IN ('open', 'partly_kept') AND ($6::uuid IS NULL OR p.legal_entity_id = $6)
GROUP BY 1, 2
"""
_OF_PROMISES = "($4::uuid IS NULL OR p.account_id = $4) AND ($5::text IS NULL OR p.currency = $5)"
_ACTIVE_DISPUTES = """
SELECT r.code, r.label, d.currency, count(*)::int AS disputes, sum(d.disputed_minor)::bigint AS minor
FROM ({disputes}) d JOIN dispute_reasons r ON r.organization_id = $1 AND r.id = d.reason_id
WHERE d.resolved_on IS NULL
GROUP BY 1, 2, 3
"""
_OF_DISPUTES = """
($4::uuid IS NULL OR d.account_id = $4) AND ($5::text IS NULL OR d.currency = $5)
AND ($6::uuid IS NULL OR d.legal_entity_id = $6)
"""
Weeks = Sequence[tuple[date, str, int, int, int]]
Forecast = Callable[[ReadSession, ReportRequest], Awaitable[Weeks]]
"""(first day of the week, currency, P10, P50, P90 in minor units) of the coming weeks, in their order."""
_forecasts: list[Forecast] = []


def show_forecast(source: Forecast) -> None:
    """A room above says where forecasts are: this one knows nothing of them."""
    _forecasts[:] = [source]


@dataclass(frozen=True, slots=True)
class _Facts:
    now: list[Position]
    months: list[Position]
    promises: list[Record]
    disputes: list[Record]
    converter: Converter | None


async def portfolio_status(session: ReadSession, request: ReportRequest) -> Report:
    """Everything in the organization's currency (or `in_currency`); what has no rate stands in a row of its own.

    Raises ReportOptionInvalid, AgingBoundsInvalid.
    """
    base = request.in_currency or (await organization_facts(session)).base_currency
    request = replace(request, in_currency=base, group_by="organization", start=0, limit=None)
    days = number_option(request, "period_days", PERIOD_DAYS, 1, PERIOD_DAYS_MAX)
    bounds = await bounds_of(session, request)
    facts = await _facts(session, request, days, bounds)
    offenders = (await top_offenders(session, _for_offenders(request))).main
    tables = [
        ReportTable("status", "Portfolio status", STATUS, _status(facts, days)),
        ReportTable("aging", "Open by age", _AGING, _aging(facts.now, bounds),
                    chart=Chart("bar", "bucket", ("amount",), "Open by age", split_by="currency")),
        ReportTable("months", "By month", _MONTHS, _months(facts.months, days),
                    chart=Chart("line", "month_end", ("dso", "best_possible_dso"), "DSO", split_by="currency")),
        replace(offenders, title="Top offenders", chart=None, has_more=False),
        ReportTable("promises", "Promises to come", _PROMISES, _promises(facts.promises)),
        ReportTable("disputes", "Disputes by reason", _DISPUTES, _disputes(facts.disputes)),
    ]  # fmt: skip
    for source in _forecasts:
        weeks = await source(session, request)
        if weeks:
            tables.append(ReportTable(
                "forecast", f"Expected in the next {WEEKS} weeks", _FORECAST, list(weeks)[: WEEKS * 4],
                chart=Chart("bar", "week_from", ("p10_amount", "p50_amount", "p90_amount"), "Expected cash",
                            split_by="currency"),
            ))  # fmt: skip
    notes = [f"Key figures over {days} days. Promises and disputes are those that were open on the day.",
             *notes_of(request, facts.converter)]  # fmt: skip
    return framed(NAME, "Portfolio status", request, tables, notes, period_days=days)


def _for_offenders(request: ReportRequest) -> ReportRequest:
    return replace(request, group_by="account", options={**request.options, "top": str(OFFENDERS)})


async def _facts(session: ReadSession, request: ReportRequest, days: int, bounds: AgingBounds) -> _Facts:
    ends = [day for day in month_ends(request.as_of, MONTHS) if day < request.as_of]
    found, converter = await positions(
        session, scope_of(request), [*ends, request.as_of], days, bounds, Wanted(credits=True), request.in_currency
    )
    arguments = (session.organization_id, request.as_of, request.known_at, request.account_id, request.currency,
                 request.legal_entity_id)  # fmt: skip
    parts = promise_parts_sql("$2::date", "$3", _OF_PROMISES, by_entity=request.legal_entity_id is not None)
    promises = await session.driver.fetch(_OPEN_PROMISES.format(promises=parts), *arguments)
    active = disputes_on_sql("$2::date", "$3", _OF_DISPUTES)
    disputes = await session.driver.fetch(_ACTIVE_DISPUTES.format(disputes=active), *arguments)
    due, _ = await in_one_currency(session, request, promises, ("week",), ("promises",), ("minor",))
    disputed, _ = await in_one_currency(session, request, disputes, ("code",), ("disputes",), ("minor",))
    now = [one for one in found if one.at == request.as_of]
    now.sort(key=lambda one: (one.currency != request.in_currency, one.currency))
    return _Facts(now, [one for one in found if one.currency == request.in_currency], due, disputed, converter)


def _status(facts: _Facts, days: int) -> list[Row]:
    disputed, promised = _by_currency(facts.disputes), _by_currency(facts.promises)
    return [
        (
            one.currency, one.receivables, one.overdue, one.percent_current(), one.dso(days),
            one.best_possible_dso(days), one.cei(), disputed.get(one.currency, 0), promised.get(one.currency, 0),
            one.credit_memos, one.unapplied, one.unidentified,
            one.receivables - one.credit_memos - one.unapplied - one.unidentified,
        )
        for one in facts.now
    ]  # fmt: skip


def _by_currency(records: Sequence[Record]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for record in records:
        sums[record["currency"]] = sums.get(record["currency"], 0) + record["minor"]
    return sums


def _aging(now: Sequence[Position], bounds: AgingBounds) -> list[Row]:
    labels = ("Current", *(f"{label} days" for label in bounds.labels()[1:]))
    return [
        (label, one.currency, amount, ratio(amount, one.receivables))
        for one in now
        for label, amount in zip(labels, one.buckets, strict=True)
    ]


def _months(months: Sequence[Position], days: int) -> list[Row]:
    return [
        (one.at, one.currency, one.dso(days), one.best_possible_dso(days), one.cei(), one.overdue) for one in months
    ]


def _promises(found: Sequence[Record]) -> list[Row]:
    """Overdue ones, each of the next weeks, and what is later."""
    merged: dict[tuple[str, int], list[int]] = {}
    for row in found:
        entry = merged.setdefault((row["currency"], min(row["week"], WEEKS)), [0, 0])
        entry[0] += row["promises"]
        entry[1] += row["minor"]
    return [(_due(week), currency, count, minor) for (currency, week), (count, minor) in sorted(merged.items())]


def _due(week: int) -> str:
    if week < 0:
        return "Past its date"
    if week >= WEEKS:
        return f"After {WEEKS} weeks"
    return f"Day {week * 7} to {week * 7 + 6}"


def _disputes(found: Sequence[Record]) -> Sequence[Row]:
    ranked = sorted(found, key=lambda row: (row["currency"], -row["minor"], row["code"]))
    return [(row["code"], row["label"], row["currency"], row["disputes"], row["minor"]) for row in ranked][:REASONS_MAX]


DEFINITION = ReportDefinition(
    NAME, "Portfolio status", ("reports:read", "promises:read", "all-disputes:read"), ("organization",),
    portfolio_status,
)  # fmt: skip
