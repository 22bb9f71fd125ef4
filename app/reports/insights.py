"""Monthly insights: which terms, reasons, steps and accounts cost most cash, and what a change would bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.core.money import convert
from app.infra.database import ReadSession
from app.organizations.queries import Rates, organization_facts, rates_among
from app.reports.insights_queries import InsightFacts, account_names, insight_facts
from app.reports.insights_rules import (
    Cost,
    Insight,
    ReasonCost,
    Step,
    cost_insights,
    dispute_insights,
    step_insights,
)


@dataclass(frozen=True, slots=True)
class MonthlyInsights:
    """The insights of a month in the organization's currency; `at_par`: currencies without a rate, counted at par."""

    first: date
    last: date
    currency: str
    at_par: tuple[str, ...]
    insights: list[Insight] = field(default_factory=list)


async def monthly_insights(session: ReadSession, month: date, today: date) -> MonthlyInsights:
    """The insights of the month that begins on `month`, up to `today`; read them in one snapshot."""
    first = month.replace(day=1)
    last = min((first + timedelta(days=31)).replace(day=1) - timedelta(days=1), today)
    base = (await organization_facts(session)).base_currency
    facts = await insight_facts(session, first, last)
    currencies = {row["currency"] for rows in (facts.paid, facts.overdue, facts.disputes) for row in rows}
    money = _Money(base, await rates_among(session, currencies, last))
    terms, accounts = _costs(facts, money)
    names = await account_names(session, list(accounts))
    labels = {str(key): f"{number} {name}" for key, (number, name) in names.items()}
    days = (last - first).days + 1
    promises = facts.promises
    steps = [Step(row["type"], row["outcome"], row["actions"], row["contacts"], row["followed_by_money"])
             for row in facts.steps]  # fmt: skip
    found = [
        *cost_insights("terms", terms, {}, days),
        *dispute_insights(_reasons(facts.disputes, money)),
        *step_insights(steps, promises["kept"], promises["decided"]),
        *cost_insights("accounts", {str(key): cost for key, cost in accounts.items()}, labels, days),
    ]
    at_par = tuple(sorted(name for name in currencies if money.rates.rate(name, base) is None))
    return MonthlyInsights(first, last, base, at_par, found)


@dataclass(frozen=True, slots=True)
class _Money:
    """Amounts in the base currency."""

    base: str
    rates: Rates

    def minor(self, value: int | Decimal | None, currency: str) -> int:
        whole = int(value or 0)
        rate = self.rates.rate(currency, self.base)
        return whole if rate is None or currency == self.base else convert(whole, currency, self.base, rate)


def _costs(facts: InsightFacts, money: _Money) -> tuple[dict[str, Cost], dict[Any, Cost]]:
    """What each terms and each account cost."""
    terms: dict[str, Cost] = {}
    accounts: dict[Any, Cost] = {}
    for row in facts.paid:
        for cost in (terms.setdefault(row["terms"], Cost()), accounts.setdefault(row["account_id"], Cost())):
            cost.items += row["items"]
            cost.paid_minor += money.minor(row["paid_minor"], row["currency"])
            cost.late_minor_days += money.minor(row["late_minor_days"], row["currency"])
    for row in facts.overdue:
        for cost in (terms.setdefault(row["terms"], Cost()), accounts.setdefault(row["account_id"], Cost())):
            cost.overdue_items += row["items"]
            cost.overdue_minor += money.minor(row["overdue_minor"], row["currency"])
            cost.overdue_minor_days += money.minor(row["minor_days"], row["currency"])
    dearest = sorted(accounts, key=lambda key: (-accounts[key].total_minor_days, str(key)))[:50]
    return terms, {key: accounts[key] for key in dearest}


def _reasons(rows: list[Any], money: _Money) -> Mapping[str, ReasonCost]:
    reasons: dict[str, ReasonCost] = {}
    for row in rows:
        cost = reasons.setdefault(row["code"], ReasonCost(row["label"]))
        cost.disputes += row["disputes"]
        cost.open_days += row["open_days"]
        for name in ("amount_minor", "credited_minor", "decided_minor"):
            setattr(cost, name, getattr(cost, name) + money.minor(row[name], row["currency"]))
        cost.minor_days += money.minor(row["minor_days"], row["currency"])
    return reasons
