"""The last step of every format: the account's currency, control totals, and a bound on the list of problems."""

from __future__ import annotations

from dataclasses import replace

from app.core.money import CURRENCIES
from app.integrations.bank_formats.control import totals_problem
from app.integrations.bank_formats.records import Effect, Problem, Statement

MAX_PROBLEMS_PER_STATEMENT = 1_000
NO_CURRENCY = "XXX"  # ISO 4217: no currency involved


def finish_statement(statement: Statement, *, default_currency: str | None) -> Statement:
    """The statement with its currency settled, and with what its totals show among its problems.

    The currency is what the account says, else its balances, its entries, the caller's default; `XXX` when nothing
    does (a report without entries).
    """
    problems = list(statement.problems)
    stated = statement.account_currency
    if stated and stated not in CURRENCIES:
        problems.append(Problem("statement", "statement.currency_unknown", f"{stated[:12]!r} is no currency"))
        stated = ""
    currency = stated or _implied_currency(statement) or default_currency
    if not currency:
        currency = NO_CURRENCY
        problems.append(Problem("statement", "statement.currency_missing", "no currency is named anywhere"))
    statement = replace(statement, account_currency=currency)
    for name, balance in (("opening", statement.opening), ("closing", statement.closing)):
        if balance is not None and balance.currency != currency:
            detail = f"the {name} balance is in {balance.currency}, the account in {currency}"
            problems.append(Problem(f"balance {balance.kind}", "balance.currency_differs", detail))
    for entry in statement.entries:
        if entry.currency != currency:
            detail = f"the entry is in {entry.currency}, the account in {currency}"
            problems.append(Problem(f"entry {entry.ordinal}", "entry.currency_differs", detail))
    difference = totals_problem(statement)
    if difference is not None:
        problems.append(difference)
    return replace(statement, problems=_bounded(problems))


def _implied_currency(statement: Statement) -> str | None:
    if statement.opening is not None:
        return statement.opening.currency
    if statement.closing is not None:
        return statement.closing.currency
    return statement.entries[0].currency if statement.entries else None


def _bounded(problems: list[Problem]) -> tuple[Problem, ...]:
    """Refused and held entries first in the bound: they are never among what is left out, unless they exceed it."""
    if len(problems) <= MAX_PROBLEMS_PER_STATEMENT:
        return tuple(problems)
    notes_last = sorted(problems, key=lambda problem: problem.effect is Effect.NOTE)
    left_out = len(problems) - MAX_PROBLEMS_PER_STATEMENT
    more = Problem("statement", "statement.more_problems", f"{left_out} further problems are not listed")
    return (*notes_last[:MAX_PROBLEMS_PER_STATEMENT], more)
