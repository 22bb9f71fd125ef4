"""References of which only some are readable: the rest is found by amount among the payer's open items."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import timedelta

from app.cash_application.matching.amounts import accepted_range, relation
from app.cash_application.matching.hypotheses import Case, Hypothesis, any_set_log, build
from app.cash_application.matching.subset_search import pairs, triples
from app.cash_application.matching.text_evidence import overlap
from app.cash_application.matching.types import OpenItem

OPTIONAL_LIMIT = 7
FIXED_DROP_LIMIT = 9
HYPOTHESES_LIMIT = 48
MENTION_NATS_MINIMUM = 1.0
PAIRS_POOL_LIMIT = 400
TRIPLES_POOL_LIMIT = 90
UNREADABLE_NATS = 2.0
TRUNCATED_LENGTHS = (27, 35, 54, 70, 105, 108, 140)


def references_completed(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """Sets of undamaged, repaired and unnamed items of one account that add up to the payment."""
    if not case.names_numbers:
        return
    case.repair(account_id)
    fixed, optional = _mentioned(case, account_id)
    named = {item.id for item in (*fixed, *optional)}
    search = _Search(case, account_id, named)
    seen: set[tuple[str, ...]] = set()
    count = 0
    for base in _bases(fixed, optional):
        for items in search.completed(base):
            key = tuple(sorted(item.id for item in items))
            if key in seen or not items:
                continue
            seen.add(key)
            hypothesis = search.weigh(items)
            if hypothesis is not None:
                yield hypothesis
                count += 1
            if count >= HYPOTHESES_LIMIT:
                return
    yield from search.wide(fixed, optional)


def _mentioned(case: Case, account_id: str) -> tuple[list[OpenItem], list[OpenItem]]:
    """Items named undamaged, and the best of those named damaged."""
    fixed: list[OpenItem] = []
    optional: list[tuple[float, OpenItem]] = []
    for item, text in case.mentions.values():
        if item.account_id != account_id or case.index.remaining[item.id] <= 0:
            continue
        if text.exact:
            fixed.append(item)
        elif text.nats >= MENTION_NATS_MINIMUM:
            optional.append((text.nats, item))
    fixed.sort(key=lambda item: item.id)
    optional.sort(key=lambda pair: (-pair[0], pair[1].id))
    return fixed, [item for _, item in optional[:OPTIONAL_LIMIT]]


def _bases(fixed: list[OpenItem], optional: list[OpenItem]) -> Iterator[tuple[OpenItem, ...]]:
    """All undamaged ones (or all but one) with any of the damaged ones."""
    cores = [tuple(fixed)]
    if 1 < len(fixed) <= FIXED_DROP_LIMIT:
        cores += [tuple(item for item in fixed if item is not dropped) for dropped in fixed]
    elif len(fixed) == 1:
        cores.append(())
    for core in cores:
        for mask in range(1 << len(optional)):
            yield core + tuple(item for bit, item in enumerate(optional) if mask >> bit & 1)


class _Search:
    """Completes a set of mentioned items with unnamed ones of the account."""

    def __init__(self, case: Case, account_id: str, named: set[str]) -> None:
        self.case, self.account_id, self.pool_size = case, account_id, len(case.pool(account_id))
        latest = case.payment.value_date + timedelta(days=case.settings.future_days)
        sizes, ordered = case.index.by_size(account_id, case.payment)
        chosen = [p for p, item in enumerate(ordered) if item.invoice_date <= latest and item.id not in named]
        others = self.others = [ordered[position] for position in chosen]
        self.amounts = [sizes[position] for position in chosen]
        self.low, self.high = accepted_range(case.payment, case.settings)
        self.largest_discount = max((case.discounts((item,))[0] for item in others if item.discount_minor), default=0)
        text = case.payment.remittance_text
        self.truncated = len(text.rstrip()) in TRUNCATED_LENGTHS or len(text) >= 140

    def completed(self, base: tuple[OpenItem, ...]) -> Iterator[tuple[OpenItem, ...]]:
        """The base itself, and the base with one unnamed item, where the sum is in range."""
        total = sum(self.case.open_of(item) for item in base)
        extra = self.case.discounts(base)[0] if base else 0
        if self.low <= total <= self.high + extra:
            yield base
        low, high = self.low - total, self.high - total + extra + self.largest_discount
        if high <= 0 or not base:
            return
        for position in range(bisect_left(self.amounts, low), bisect_right(self.amounts, high)):
            yield (*base, self.others[position])

    def weigh(self, items: tuple[OpenItem, ...]) -> Hypothesis | None:
        """The hypothesis of these items, where the amounts agree."""
        case = self.case
        taken, late = case.discounts(items)
        total = sum(case.open_of(item) for item in items)
        found = relation(case.payment, total, taken, late, case.settings)
        if found is None:
            return None
        structure = any_set_log(self.pool_size, len(items)) + self._unreadable(items)
        return build(case, "references_completed", self.account_id, items, found, structure)

    def _unreadable(self, items: tuple[OpenItem, ...]) -> float:
        """As many unnamed items as there are numbers that nothing explains speak for each other."""
        named = [item for item in items if item.id in self.case.mentions]
        spent = [mention.token for item in named for mention in self.case.mentions[item.id][1].mentions]
        left = sum(1 for token in self.case.number_tokens() if not any(overlap(token, other) for other in spent))
        unnamed = len(items) - len(named)
        return UNREADABLE_NATS * min(left, unnamed) - 0.5 * max(0, left - unnamed)

    def wide(self, fixed: list[OpenItem], optional: list[OpenItem]) -> Iterator[Hypothesis]:
        """Two or three unnamed items, where as many numbers are unreadable or the text was cut."""
        tokens = len(self.case.number_tokens())
        bases = [tuple(fixed)]
        bases += [(*fixed, item) for item in optional[:3]]
        for base in dict.fromkeys(bases):
            missing = tokens - len(base)
            if missing < 2 and not self.truncated:
                continue
            total = sum(self.case.open_of(item) for item in base)
            low, high = self.low - total, self.high - total
            if high <= 0:
                continue
            solutions: list[tuple[int, ...]] = []
            if len(self.amounts) <= PAIRS_POOL_LIMIT:
                solutions += pairs(self.amounts, low, high).solutions
            if (missing >= 3 or self.truncated) and len(self.amounts) <= TRIPLES_POOL_LIMIT:
                solutions += triples(self.amounts, low, high).solutions
            for solution in solutions:
                found = self.weigh((*base, *(self.others[position] for position in solution)))
                if found is not None:
                    yield found
