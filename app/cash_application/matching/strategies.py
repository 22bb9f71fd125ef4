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

from app.cash_application.matching.amounts import Relation, named_deduction, part_payment, relation, surplus
from app.cash_application.matching.completion import references_completed
from app.cash_application.matching.doubts import offered_discount
from app.cash_application.matching.hypotheses import Case, Hypothesis, any_set_log, build
from app.cash_application.matching.item_sets import account_structures, subset_search
from app.cash_application.matching.lines import remittance_lines, text_lines
from app.cash_application.matching.subset_search import any_subsets
from app.cash_application.matching.text_amounts import deduction_word
from app.cash_application.matching.text_evidence import overlap
from app.cash_application.matching.types import OpenItem

Strategy = Callable[[Case, str], Iterable[Hypothesis]]

REFERENCE_SUBSETS_LIMIT = 12
REFERENCE_SEARCH_LIMIT = 24
SINGLES_LIMIT = 8
SURPLUS_SHARE = 4
"""A surplus above a quarter of what is named is for a person: something else may be meant."""

DISCOUNT_SHARE_LIMIT = 25
PARTS_LIMIT = 6
PART_NATS_MINIMUM = 5.0
OTHER_NATS_MINIMUM = 3.0
SINGLE_LOG = log(0.45)


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
        yield from _in_part(case, account_id, named, structure)
    elif lacking < 0 < total and whole is None:
        found = build(case, "references_surplus", account_id, named, surplus(case.payment, total), structure)
        found.never_automatic = (
            -lacking * SURPLUS_SHARE > total
            or offered_discount(case, named) > 0
            or deduction_word(case.payment.remittance_text) is not None
            or _names_more(case, account_id, named)
        )
        yield found


def _in_part(case: Case, account_id: str, named: tuple[OpenItem, ...], structure: float) -> Iterable[Hypothesis]:
    """A part payment of what is named: the earliest due first, the last one in part.

    Of several documents nobody but the payer knows which one was cut short; instalments of one follow their order.
    """
    left = case.payment.amount_minor
    several = len({item.document_id for item in named}) > 1
    chosen: list[OpenItem] = []
    for item in sorted(named, key=lambda item: (item.due_date, item.number, item.id)):
        if left <= 0:
            break
        chosen.append(item)
        left -= case.open_of(item)
    if several and len(chosen) < len(named):
        return
    total = sum(case.open_of(item) for item in chosen)
    if total == case.payment.amount_minor:
        return
    items = tuple(chosen)
    how = named_deduction(case.payment, total) if len(items) == 1 else None
    found = build(case, "references_part", account_id, items, how or part_payment(case.payment, total), structure)
    found.never_automatic = several or _names_more(case, account_id, items)
    yield found


def _names_more(case: Case, account_id: str, items: tuple[OpenItem, ...]) -> bool:
    """Whether a stretch of text that these items do not use fits another open item of the account."""
    case.repair(account_id)
    chosen = {item.id for item in items}
    spent = [m.token for item in items if item.id in case.mentions for m in case.mentions[item.id][1].mentions]
    return any(
        item.id not in chosen
        and case.accounts.same_group(item.account_id, account_id)
        and text.nats >= OTHER_NATS_MINIMUM
        and not any(overlap(text.mentions[0].token, token) for token in spent)
        for item, text in case.mentions.values()
        if text.mentions
    )


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
    amounts = [case.open_of(item) for item in named]
    chosen: Iterable[tuple[int, ...]]
    if len(named) <= REFERENCE_SUBSETS_LIMIT:
        chosen = _fitting_subsets(case, named, amounts)
    elif len(named) <= REFERENCE_SEARCH_LIMIT:
        chosen = any_subsets(amounts, case.payment.amount_minor).solutions
    else:
        return
    for positions in chosen:
        items = tuple(named[position] for position in positions)
        taken, late = case.discounts(items)
        total = sum(amounts[position] for position in positions)
        fitting = relation(case.payment, total, taken, late, case.settings)
        if fitting is not None:
            structure = any_set_log(pool_size, len(items))
            yield build(case, "references_some", account_id, items, fitting, structure)


def _fitting_subsets(case: Case, named: tuple[OpenItem, ...], amounts: list[int]) -> Iterable[tuple[int, ...]]:
    """Real subsets whose sum can stand in any relation to the payment, small ones first."""
    amount, tolerance = case.payment.amount_minor, case.settings.tolerance
    least = amount - tolerance.over(amount)
    margin = max(tolerance.under(2 * amount), case.settings.bank_charge_minor, case.payment.charges_minor)
    discounts = [item.discount_minor for item in named]
    for count in range(1, len(named)):
        for positions in combinations(range(len(named)), count):
            total = sum(amounts[position] for position in positions)
            if least <= total <= amount + margin + sum(discounts[position] for position in positions):
                yield positions


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
            and text.mentions[0].token.kind != "masked"
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
    ("text_lines", text_lines),
    ("references", references),
    ("one_item", one_item),
    ("references_completed", references_completed),
    ("part_payment", damaged_part),
    ("account_structures", account_structures),
    ("subset_search", subset_search),
)
"""In the order of cost. The engine asks them one after the other and stops where no later one could matter."""
