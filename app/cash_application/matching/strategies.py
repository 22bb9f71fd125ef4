"""The strategies: each a function of one signature that yields possible answers for one payment and one
account.

They do not decide. Every answer is weighed by the same rules, and all answers of all strategies compete; a
strategy only knows where to look. The order is that of cost: later ones are asked when the earlier ones left
a doubt.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import combinations
from math import log

from app.cash_application.matching.amounts import Relation, part_payment, relation, surplus
from app.cash_application.matching.completion import references_completed
from app.cash_application.matching.hypotheses import Case, Hypothesis, any_set_log, build
from app.cash_application.matching.item_sets import account_structures, subset_search
from app.cash_application.matching.types import Difference, OpenItem, RemittanceLine
from app.core.reference_keys import number_keys

Strategy = Callable[[Case, str], Iterable[Hypothesis]]

REFERENCE_SUBSETS_LIMIT = 12
SINGLES_LIMIT = 8
DISCOUNT_SHARE_LIMIT = 25
PARTS_LIMIT = 6
PART_NATS_MINIMUM = 5.0
SINGLE_LOG = log(0.45)
LINES_LOG = log(0.9)


def remittance_lines(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """Lines that name documents with amounts, and add up to the payment: the payer said it all."""
    lines = case.payment.referred_documents
    if not lines or any(line.amount_minor is None for line in lines):
        return
    if sum(line.amount_minor or 0 for line in lines) != case.payment.amount_minor:
        return
    items: list[OpenItem] = []
    for line in lines:
        item = _item_of_line(case, account_id, line)
        if item is None or item in items:
            return
        items.append(item)
    total = sum(case.open_of(item) for item in items)
    lacking = total - case.payment.amount_minor
    kind = Difference.NONE if lacking == 0 else Difference.PARTIAL
    found = build(case, "remittance_lines", account_id, tuple(items), Relation(kind, LINES_LOG, 0, lacking), -1.0)
    found.lines = lines
    yield found


def _item_of_line(case: Case, account_id: str, line: RemittanceLine) -> OpenItem | None:
    """The one open item of the account that the line names and that has room for what it says."""
    taken = abs(line.amount_minor or 0) + line.discount_minor
    for key in number_keys(line.number)[:2]:
        fitting = {
            hit[0].id: hit[0]
            for hit in case.index.find(key, case.payment)
            if case.accounts.same_group(hit[0].account_id, account_id)
            and taken <= case.index.remaining[hit[0].id]
            and (line.amount_minor or 0) * case.open_of(hit[0]) >= 0
        }
        if len(fitting) == 1:
            return next(iter(fitting.values()))
        if fitting:
            same = [item for item in fitting.values() if case.open_of(item) == line.amount_minor]
            return same[0] if len(same) == 1 else None
    return None


def references(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """Documents that the text names undamaged: all of them, some of them, one in part, or with a surplus."""
    named = exactly_named(case, account_id)
    if not named:
        return
    pool_size = len(case.pool(account_id))
    total = sum(case.open_of(item) for item in named)
    taken, late = case.discounts(named)
    whole = relation(case.payment, total, taken, late, case.settings)
    structure = any_set_log(pool_size, len(named))
    if whole is not None:
        yield build(case, "references", account_id, named, whole, structure)
    if len(named) > 1:
        yield from _some_of(case, account_id, named, pool_size)
    lacking = total - case.payment.amount_minor
    if lacking > 0 and all(case.open_of(item) > 0 for item in named):
        ordered = tuple(sorted(named, key=lambda item: (item.due_date, item.number, item.id)))
        if len(ordered) == 1 or lacking < case.open_of(ordered[-1]):
            relation_part = part_payment(case.payment, total)
            found = build(case, "references_part", account_id, ordered, relation_part, structure)
            # Of several documents nobody but the payer knows which one was cut short.
            found.never_automatic = len(ordered) > 1
            yield found
    elif lacking < 0 < total and whole is None:
        yield build(case, "references_surplus", account_id, named, surplus(case.payment, total), structure)


def exactly_named(case: Case, account_id: str) -> tuple[OpenItem, ...]:
    """Items of the account (or its group) with an undamaged mention, by due date."""
    named = [
        item
        for item, text in case.mentions.values()
        if text.exact
        and (item.account_id == account_id or case.accounts.same_group(item.account_id, account_id))
        and case.index.remaining[item.id] > 0
    ]
    return tuple(sorted(named, key=lambda item: (item.due_date, item.number, item.id)))


def _some_of(case: Case, account_id: str, named: tuple[OpenItem, ...], pool_size: int) -> Iterable[Hypothesis]:
    """Some of the named items settle the payment: the text also names what is not paid, or hits another by
    chance.
    """
    if len(named) > REFERENCE_SUBSETS_LIMIT:
        return
    amounts = [case.open_of(item) for item in named]
    for count in range(1, len(named)):
        for chosen in combinations(range(len(named)), count):
            items = tuple(named[position] for position in chosen)
            taken, late = case.discounts(items)
            total = sum(amounts[position] for position in chosen)
            fitting = relation(case.payment, total, taken, late, case.settings)
            if fitting is not None:
                structure = any_set_log(pool_size, count)
                yield build(case, "references_some", account_id, items, fitting, structure)


def one_item(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """One item with just this open amount, whether the text names it or not."""
    pool = case.pool(account_id)
    if not pool:
        return
    amount = case.payment.amount_minor
    tolerance = case.settings.tolerance
    low = amount - tolerance.over(amount)
    margin = max(tolerance.under(2 * amount), case.settings.bank_charge_minor, case.payment.charges_minor)
    high = amount + max(margin, amount * DISCOUNT_SHARE_LIMIT // 100)
    sizes, ordered = case.index.by_size(account_id, case.payment)
    fitting: list[tuple[OpenItem, Relation]] = []
    for position in range(bisect_left(sizes, max(1, low)), bisect_right(sizes, high)):
        item, size = ordered[position], sizes[position]
        if size > amount + margin + item.discount_minor or not case.index.is_open_for(item, case.payment):
            continue
        taken, late = case.discounts((item,))
        found = relation(case.payment, size, taken, late, case.settings)
        if found is not None:
            fitting.append((item, found))
    if fitting and case.names_numbers:
        several = len(fitting) > 1
        case.look_closely([item for item, _ in fitting[: 4 * SINGLES_LIMIT] if several or item.id not in case.mentions])
    structure = SINGLE_LOG - log(len(pool))
    built = [build(case, "one_item", account_id, (item,), found, structure) for item, found in fitting]
    built.sort(key=lambda hypothesis: (-hypothesis.weight, hypothesis.items[0].id))
    if len(built) > SINGLES_LIMIT:
        built[SINGLES_LIMIT - 1].multiplicity = len(built) - SINGLES_LIMIT + 1
    yield from built[:SINGLES_LIMIT]


def damaged_part(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """A part payment of one item whose number stands damaged in the text."""
    case.repair(account_id)
    pool_size = len(case.pool(account_id))
    mentioned = sorted(
        (
            (text.nats, item)
            for item, text in case.mentions.values()
            if text.nats >= PART_NATS_MINIMUM
            and item.account_id == account_id
            and case.index.remaining[item.id] > case.payment.amount_minor
            and case.open_of(item) > 0
        ),
        key=lambda pair: (-pair[0], pair[1].id),
    )
    for _, item in mentioned[:PARTS_LIMIT]:
        part = part_payment(case.payment, case.index.remaining[item.id])
        yield build(case, "part_payment", account_id, (item,), part, any_set_log(pool_size, 1))


STRATEGIES: tuple[tuple[str, Strategy], ...] = (
    ("remittance_lines", remittance_lines),
    ("references", references),
    ("one_item", one_item),
    ("references_completed", references_completed),
    ("part_payment", damaged_part),
    ("account_structures", account_structures),
    ("subset_search", subset_search),
)
"""In the order of cost. The engine asks them one after the other and stops where no later one could matter."""
