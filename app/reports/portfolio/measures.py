"""Positions of groups as of many days: the amounts of `queries.py` put together, and converted when asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from operator import attrgetter
from typing import Any

from app.core.aging import AgingBounds
from app.core.money import convert, exponent
from app.infra.database import ReadSession
from app.organizations.queries import Rates, rates_among
from app.reports.portfolio import queries, wide_queries
from app.reports.portfolio.queries import Conversion, Scope
from app.reports.portfolio.rules import Countback, Position

Slot = tuple[date, str | None, str]
_AMOUNTS = ("beginning", "sales", "lost", "credit_memos", "unapplied", "unidentified", "receipts", "paid",
            "paid_x_days", "paid_x_late", "overdue_x_days")  # fmt: skip
_EXACT = Context(prec=40)
MANY = ("account", "parent_group")
"""Groups of which there may be as many as accounts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which figures are asked for: each family costs a statement. Positions (open, sales, losses) are always read."""

    credits: bool = False
    paid: bool = False
    countback: bool = False


class Converter:
    """Amounts in one currency by the newest rate on or before each day; `missing` are (day, currency) without one."""

    def __init__(self, currency: str, rates: dict[date, Rates], currencies: Collection[str]) -> None:
        self.currency = currency
        self.rates = rates
        self.currencies = sorted(currencies)
        self.missing: set[tuple[date, str]] = set()

    @classmethod
    async def load(
        cls, session: ReadSession, currency: str, days: Iterable[date], currencies: Collection[str]
    ) -> Converter:
        """The rates of these days among these currencies."""
        known = {*currencies, currency}
        return cls(currency, {day: await rates_among(session, known, day) for day in days}, currencies)

    def rate(self, day: date, currency: str) -> Decimal | None:
        """Units of the target for one of `currency` on the day, or None, which is remembered as missing."""
        found = self.rates[day].rate(currency, self.currency)
        if found is None:
            self.missing.add((day, currency))
        return found

    def conversion(self) -> Conversion:
        """The factors from minor units to minor units, for SQL."""
        found = []
        for day in self.rates:
            for code in self.currencies:
                rate = self.rate(day, code)
                if rate is not None:
                    shift = exponent(self.currency) - exponent(code)
                    found.append((day, code, _EXACT.scaleb(rate, shift)))
        return Conversion(self.currency, found)

    def position(self, found: Position) -> Position:
        """The position in the target currency: each amount converted by itself; as it was without a rate."""
        rate = self.rate(found.at, found.currency)
        if rate is None or found.currency == self.currency:
            return found
        code = found.currency
        values: dict[str, Any] = {name: self._amount(getattr(found, name), code, rate) for name in _AMOUNTS}
        buckets = [self._amount(minor, code, rate) for minor in found.buckets]
        return Position(found.at, found.key, self.currency, buckets, **values)

    def _amount(self, minor: int, currency: str, rate: Decimal) -> int:
        return convert(minor, currency, self.currency, rate) if minor else 0


async def positions(
    session: ReadSession,
    scope: Scope,
    days: Sequence[date],
    period_days: int,
    bounds: AgingBounds,
    wanted: Wanted,
    in_currency: str | None = None,
) -> tuple[list[Position], Converter | None]:
    """The position of each group and currency over the `period_days` up to each day, by day, currency and key.

    Groups of which nothing is known on a day are left out. With `in_currency` the currencies of a group are added up in
    it; those without a rate on that day stay by themselves, and the converter names them.
    """
    begins = {day: day - timedelta(days=period_days) for day in days}
    many = scope.group_by in MANY and len({*begins, *begins.values()}) <= wide_queries.DAYS_MAX
    found = await (_of_many if many else _of_instalments)(session, scope, begins, bounds)
    empty = [0] * bounds.bucket_count

    def at(row: Any) -> Position:
        slot = (row["at"], row["key"], row["currency"])
        return found.setdefault(slot, Position(*slot, list(empty)))

    if wanted.credits:
        await _add_credits(session, scope, begins, at)
    if wanted.paid:
        for row in await queries.sum_paid(session, scope, days, period_days):
            position = at(row)
            position.paid = row["paid"]
            position.paid_x_days, position.paid_x_late = int(row["paid_x_days"]), int(row["paid_x_late"])
    converter = None
    currencies = {currency for _, _, currency in found}
    if in_currency is not None:
        converter = await Converter.load(session, in_currency, days, currencies)
        found = _merged(converter.position(position) for position in found.values())
    if wanted.countback:
        conversion = None if converter is None else converter.conversion()
        for row in await queries.sum_countback(session, scope, days, conversion):
            at(row).countback = Countback(row["full_days"], row["part"], row["billed"], row["month_days"])
    return sorted(found.values(), key=lambda one: (one.at, one.currency, one.key is not None, one.key or "")), converter


async def _of_instalments(
    session: ReadSession, scope: Scope, begins: dict[date, date], bounds: AgingBounds
) -> dict[Slot, Position]:
    """Open by bucket, sales and losses: what stood from the beginning up to a day less what stood before the period."""
    names = [f"b{index}" for index in range(bounds.bucket_count)]
    rows = await queries.sum_positions(session, scope, [*begins, *begins.values()], bounds)
    totals = {
        (row["at"], row["key"], row["currency"]): (
            [row[name] for name in names],
            row["billed"],
            row["lost"],
            int(row["overdue_x_days"]),
        )
        for row in rows
    }
    found: dict[Slot, Position] = {}
    for (at, key, currency), (buckets, billed, lost, overdue_x_days) in totals.items():
        if at in begins:
            before, billed_before, lost_before, _ = totals.get((begins[at], key, currency), ([], 0, 0, 0))
            found[at, key, currency] = Position(
                at,
                key,
                currency,
                list(buckets),
                sum(before),
                billed - billed_before,
                lost - lost_before,
                overdue_x_days=overdue_x_days,
            )
    return found


async def _of_many(
    session: ReadSession, scope: Scope, begins: dict[date, date], bounds: AgingBounds
) -> dict[Slot, Position]:
    """The same of very many groups on few days."""
    records, ended, begun = await wide_queries.fetch_wide_positions(
        session, scope, list(begins), list(begins.values()), bounds
    )
    places = [(day, ended[day], begun[begin]) for day, begin in begins.items()]
    last = 3 + bounds.bucket_count
    found: dict[Slot, Position] = {}
    for record in records:
        key, currency = record[0], record[1]
        for at, end, begin in places:
            billed, lost, overdue_x_days, *buckets = record[end : end + last]
            before, billed_before, lost_before = record[begin : begin + 3]
            if billed or lost or before or any(buckets):
                found[at, key, currency] = Position(
                    at, key, currency, buckets, before, billed - billed_before, lost - lost_before,
                    overdue_x_days=overdue_x_days,
                )  # fmt: skip
    return found


async def _add_credits(session: ReadSession, scope: Scope, begins: dict[date, date], at: Any) -> None:
    rows = await queries.sum_credits(session, scope, [*begins, *begins.values()])
    for row in rows:
        if row["at"] in begins:
            position = at(row)
            position.credit_memos = row["credit_memos"]
            position.unapplied, position.unidentified = row["unapplied"], row["unidentified"]
            position.receipts += row["receipts"]
    # Money that found its account since leaves a group that may hold nothing any more: it has no row on the last day.
    for row in rows:
        for day, begin in begins.items():
            if begin == row["at"] and row["receipts"]:
                at({"at": day, "key": row["key"], "currency": row["currency"]}).receipts -= row["receipts"]


def _merged(parts: Iterable[Position]) -> dict[Slot, Position]:
    """Positions of the same day, group and currency added up."""
    found: dict[Slot, Position] = {}
    for part in parts:
        slot = (part.at, part.key, part.currency)
        known = found.get(slot)
        found[slot] = part if known is None else added(known, part)
    return found


def total_of(group: Sequence[Position]) -> Position:
    """Positions of one day and currency, one at least, as one of no group; without countback."""
    values: dict[str, Any] = {name: sum(map(attrgetter(name), group)) for name in _AMOUNTS}
    buckets = [sum(column) for column in zip(*map(attrgetter("buckets"), group), strict=True)]
    return Position(group[0].at, None, group[0].currency, buckets, **values)


def added(one: Position, other: Position) -> Position:
    """Two positions of one day and currency as one, under the key of the first; without countback."""
    values: dict[str, Any] = {name: getattr(one, name) + getattr(other, name) for name in _AMOUNTS}
    buckets = [a + b for a, b in zip(one.buckets, other.buckets, strict=True)]
    return Position(one.at, one.key, one.currency, buckets, **values)
