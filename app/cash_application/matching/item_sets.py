"""Payments without readable references: sets of open items that make sense by themselves and have just this
sum.

The prior of each class of sets is its usual share among payments without references, spread evenly over the
sets of the class. A sum that matches is not a correct match, so a class with many members needs a rare
amount: what no class covers is weighed as chance (`confidence.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import comb, log

from app.cash_application.matching.amounts import accepted_range, relation
from app.cash_application.matching.hypotheses import Case, Hypothesis, any_set_log, build, text_shares
from app.cash_application.matching.subset_search import (
    Found,
    any_subsets,
    pairs,
    triples,
    windows,
    windows_without,
)
from app.cash_application.matching.types import OpenItem

BALANCE_LOG = log(0.10)
ALL_DUE_LOG = log(0.10)
DUE_DATES_LOG = log(0.08)
DUE_UNTIL_LOG = log(0.04)
MONTH_LOG = log(0.03)
WINDOW_LOG = log(0.03)
WINDOW_WITHOUT_ONE_LOG = log(0.02)
WINDOW_WITHOUT_TWO_LOG = log(0.01)
PAIR_LOG = log(0.04)
TRIPLE_LOG = log(0.02)
ANY_SUBSET_LOG = log(0.05)
NO_DISCOUNT_LOG = log(0.3)
SEARCHED = frozenset(
    ("neighbours", "neighbours_but_one", "neighbours_but_two", "invoice_month", "pair", "triple", "subset")
)
WEAKLY_NAMED_NATS = 4.0
POOL_LIMIT = 600
NUMBERED_POOL_LIMIT = 60
TEXT_NATS_MINIMUM = 4.0
PAIRS_POOL_LIMIT = 5_000
TRIPLES_POOL_LIMIT = 120
ANY_SUBSET_POOL_LIMIT = 20


def account_structures(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """The balance, everything due, one or several due dates, a month of invoices, a run of neighbours."""
    if _text_decides(case, account_id) and not case.is_cut:
        return
    pool = _ordered(case, account_id)
    if len(pool) < 2:
        return
    seen: set[tuple[str, ...]] = set()
    least, _ = accepted_range(case.payment, case.settings)
    for name, prior, items, total in _structures(case, pool):
        if len(items) < 2 or total < least:
            continue
        taken, late = case.discounts(tuple(items))
        found = relation(case.payment, total, taken, late, case.settings)
        if found is None:
            continue
        key = tuple(sorted(item.id for item in items))
        if key not in seen:
            seen.add(key)
            yield build(case, name, account_id, tuple(items), found, prior)
    if len(pool) <= (NUMBERED_POOL_LIMIT if case.names_numbers else POOL_LIMIT):
        yield from _neighbours(case, account_id, pool)


def _text_decides(case: Case, account_id: str) -> bool:
    """Whether the text names items of the account, so that a set it does not name is no answer."""
    return any(
        text.nats >= TEXT_NATS_MINIMUM and item.account_id == account_id for item, text in case.mentions.values()
    )


def _ordered(case: Case, account_id: str) -> list[OpenItem]:
    return sorted(case.pool(account_id), key=lambda item: (item.due_date, item.invoice_date, item.number, item.id))


def _structures(case: Case, pool: list[OpenItem]) -> Iterator[tuple[str, float, list[OpenItem], int]]:
    """Sets with a name, each with the logarithm of its prior and its sum."""
    amounts = {item.id: case.open_of(item) for item in pool}
    invoices = [item for item in pool if amounts[item.id] > 0]
    balance, billed = sum(amounts.values()), sum(amounts[item.id] for item in invoices)
    yield "account_balance", BALANCE_LOG, pool, balance
    if len(invoices) < len(pool):
        yield "account_balance", BALANCE_LOG - 1.0, invoices, billed
    due = [item for item in pool if item.due_date <= case.payment.value_date]
    yield "all_due", ALL_DUE_LOG, due, sum(amounts[item.id] for item in due)
    dates = [list(group) for _, group in groupby(invoices, key=lambda item: item.due_date)]
    until, end = 0, 0
    for count, group in enumerate(dates, 1):
        total = sum(amounts[item.id] for item in group)
        yield "due_date", DUE_DATES_LOG - log(len(dates)), group, total
        until, end = until + total, end + len(group)
        if 1 < count < len(dates) and until <= 2 * case.payment.amount_minor:
            yield "due_until", DUE_UNTIL_LOG - log(len(dates)), invoices[:end], until
    by_month = sorted(invoices, key=lambda item: (item.invoice_date, item.number, item.id))
    months = [list(g) for _, g in groupby(by_month, key=lambda i: (i.invoice_date.year, i.invoice_date.month))]
    for group in months:
        total = sum(amounts[item.id] for item in group)
        yield "invoice_month", MONTH_LOG - log(len(months)), group, total


def _neighbours(case: Case, account_id: str, pool: list[OpenItem]) -> Iterator[Hypothesis]:
    """Runs of neighbours by due date and by invoice date, whole or without one or two inner items."""
    target = case.payment.amount_minor
    invoices = [item for item in pool if case.open_of(item) > 0]
    by_invoice = sorted(invoices, key=lambda item: (item.invoice_date, item.number, item.id))
    size = len(invoices)
    if size < 2:
        return
    orders = [invoices] if by_invoice == invoices else [invoices, by_invoice]
    due_starts = _whole_dates([item.due_date for item in invoices])
    for ordered in orders:
        amounts = [_payable(case, item) for item in ordered]
        prior = WINDOW_LOG - log(size * size / 2) - log(len(orders))
        for solution in windows(amounts, target).solutions:
            whole = ordered is invoices and solution[0] in due_starts and solution[-1] + 1 in due_starts
            better = DUE_UNTIL_LOG - log(len(due_starts) ** 2 / 2) if whole else prior
            yield from _built(case, account_id, ordered, [solution], max(prior, better), "neighbours")
        steps = case.settings.search_steps_limit
        one = windows_without(amounts, target, 1, steps)
        prior = WINDOW_WITHOUT_ONE_LOG - log(max(1, comb(size, 3))) - log(len(orders))
        yield from _built(case, account_id, ordered, one.solutions, prior, "neighbours_but_one")
        two = windows_without(amounts, target, 2, steps)
        prior = WINDOW_WITHOUT_TWO_LOG - log(max(1, comb(size, 4))) - log(len(orders))
        yield from _built(case, account_id, ordered, two.solutions, prior, "neighbours_but_two")


def _whole_dates(dates: Sequence[object]) -> set[int]:
    """Positions where a new date begins, and the end."""
    starts = {position for position, date in enumerate(dates) if position == 0 or dates[position - 1] != date}
    return starts | {len(dates)}


def _payable(case: Case, item: OpenItem) -> int:
    """What settles the item today: open amount less the discount that may be taken."""
    return case.open_of(item) - case.discounts((item,))[0]


def _built(
    case: Case,
    account_id: str,
    ordered: Sequence[OpenItem],
    solutions: Iterable[tuple[int, ...]],
    prior: float,
    name: str,
) -> Iterator[Hypothesis]:
    for solution in solutions:
        items = tuple(ordered[position] for position in solution)
        if len(items) < 2:
            continue
        taken, late = case.discounts(items)
        total = sum(case.open_of(item) for item in items)
        found = relation(case.payment, total, taken, late, case.settings)
        if found is not None:
            yield build(case, name, account_id, items, found, prior)


def subset_search(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """Pairs, triples, and in small accounts any subset, of just this sum."""
    if _text_decides(case, account_id):
        return
    pool = _ordered(case, account_id)
    size = len(pool)
    if size < 2 or size > (NUMBERED_POOL_LIMIT if case.names_numbers else PAIRS_POOL_LIMIT):
        return
    for amounts, cost in _amounts_of(case, pool):
        yield from _subsets(case, account_id, pool, amounts, cost)


def _amounts_of(case: Case, pool: list[OpenItem]) -> Iterator[tuple[list[int], float]]:
    """What settles the items with every discount taken, and, where that differs, with none."""
    net = [_payable(case, item) for item in pool]
    yield net, 0.0
    gross = [case.open_of(item) for item in pool]
    if gross != net:
        yield gross, NO_DISCOUNT_LOG


def _subsets(
    case: Case, account_id: str, pool: list[OpenItem], amounts: list[int], cost: float
) -> Iterator[Hypothesis]:
    size, target = len(pool), case.payment.amount_minor
    found = pairs(amounts, target, target)
    yield from _spread(case, account_id, pool, found, PAIR_LOG + cost, 2, "pair")
    if 3 <= size <= TRIPLES_POOL_LIMIT:
        found = triples(amounts, target, target)
        yield from _spread(case, account_id, pool, found, TRIPLE_LOG + cost, 3, "triple")
    if 4 <= size <= ANY_SUBSET_POOL_LIMIT:
        for solution in any_subsets(amounts, target).solutions:
            prior = ANY_SUBSET_LOG + any_set_log(size, len(solution)) + cost
            yield from _built(case, account_id, pool, [solution], prior, "subset")


def _spread(
    case: Case, account_id: str, pool: list[OpenItem], found: Found, class_log: float, count: int, name: str
) -> Iterator[Hypothesis]:
    prior = class_log - log(comb(len(pool), count))
    yield from _built(case, account_id, pool, found.solutions, prior, name)


def twins_log(case: Case, hypothesis: Hypothesis) -> float | None:
    """Weight of the sets in which an item is exchanged for an unnamed one of the same amount; None without
    such.

    A set found by search alone is then one of two solutions, and its twin as good as itself.
    """
    if len(hypothesis.items) < 2 or hypothesis.relation.free or hypothesis.lines:
        return None
    shares = text_shares(case, hypothesis.items)
    if min(shares) > WEAKLY_NAMED_NATS:
        return None
    pool = case.pool(hypothesis.account_id)
    chosen = {item.id for item in hypothesis.items}
    outside: dict[int, int] = {}
    for item in pool:
        if item.id not in chosen:
            amount = case.open_of(item)
            outside[amount] = outside.get(amount, 0) + 1
    if hypothesis.text > 0:
        return _twins_of_unnamed(case, hypothesis, shares, outside)
    twins = sum(_strangers_as_large(case, item, chosen, outside) for item in hypothesis.items)
    if not twins:
        return None
    if hypothesis.strategy in SEARCHED:
        return hypothesis.weight
    count = len(hypothesis.items)
    prior = {2: PAIR_LOG, 3: TRIPLE_LOG}.get(count, ANY_SUBSET_LOG) - log(comb(len(pool), count))
    return hypothesis.weight - hypothesis.structure + prior + log(twins)


def _strangers_as_large(case: Case, item: OpenItem, chosen: set[str], outside: dict[int, int]) -> int:
    """How many items of this amount are not chosen, equal parts of the same document aside."""
    alike = case.index.exchangeable(item, case.payment)
    return max(0, outside.get(case.open_of(item), 0) - sum(part.id not in chosen for part in alike))


def _twins_of_unnamed(case: Case, hypothesis: Hypothesis, shares: list[float], outside: dict[int, int]) -> float | None:
    """The same for the items that the text does not name, or hardly: the twin lacks what the text says for them."""
    chosen = {item.id for item in hypothesis.items}
    weights = []
    for item, share in zip(hypothesis.items, shares, strict=True):
        if share <= WEAKLY_NAMED_NATS:
            twins = _strangers_as_large(case, item, chosen, outside)
            if twins:
                weights.append(hypothesis.weight - share + case.unnamed_nats + log(twins))
    return max(weights) + log(len(weights)) if weights else None
