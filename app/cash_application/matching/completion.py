"""References of which only some are readable: the rest is found by amount among the payer's open items."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import combinations, islice, product

from app.cash_application.matching.amounts import accepted_range, relation
from app.cash_application.matching.hypotheses import Case, Hypothesis, any_set_log, build
from app.cash_application.matching.references import Token
from app.cash_application.matching.subset_search import pairs, triples
from app.cash_application.matching.text_evidence import overlap
from app.cash_application.matching.types import ItemKind, OpenItem

OPTIONAL_LIMIT = 7
READING_LIMIT = 40
READINGS_LIMIT = 24
FIXED_DROP_LIMIT = 9
HYPOTHESES_LIMIT = 48
MENTION_NATS_MINIMUM = 1.0
PAIRS_POOL_LIMIT = 400
TRIPLES_POOL_LIMIT = 90
CREDITS_LIMIT = 12
UNREADABLE_NATS = 2.0
Items = tuple[OpenItem, ...]


def references_completed(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """Sets of undamaged, repaired and unnamed items of one account that add up to the payment."""
    if not case.tokens:
        return
    case.repair(account_id)
    if not case.names_numbers:
        return
    fixed, optional = _mentioned(case, account_id)
    named = {item.id for item in (*fixed, *optional)}
    search = _Search(case, account_id, named)
    seen: set[tuple[str, ...]] = set()
    count = 0
    for base in _bases(case, fixed, optional):
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
    yield from search.wide(fixed, optional[:OPTIONAL_LIMIT])


def _mentioned(case: Case, account_id: str) -> tuple[list[OpenItem], list[OpenItem]]:
    """Items of the account's group named undamaged, and the best of the account's own named damaged."""
    fixed: list[OpenItem] = []
    optional: list[tuple[float, OpenItem]] = []
    for item, text in case.mentions.values():
        if case.index.remaining[item.id] <= 0 or not case.accounts.same_group(item.account_id, account_id):
            continue
        if text.exact:
            fixed.append(item)
        elif text.nats >= MENTION_NATS_MINIMUM and item.account_id == account_id:
            optional.append((text.nats, item))
    fixed.sort(key=lambda item: (item.due_date, item.id))
    optional.sort(key=lambda pair: (-pair[0], pair[1].id))
    return fixed, [item for _, item in optional[:READING_LIMIT]]


def _bases(case: Case, fixed: list[OpenItem], optional: list[OpenItem]) -> Iterator[Items]:
    """What the text may mean: every stretch read once; all undamaged ones (or all but one) with any damaged ones.

    Of a document with instalments its first ones, or any single one, may be meant.
    """
    cores = list(islice(_choices_of_parts(fixed), READINGS_LIMIT))
    for core in cores:
        for reading in _readings(case, optional):
            yield core + reading
    whole = cores[0]
    if 1 < len(whole) <= FIXED_DROP_LIMIT:
        cores += [tuple(item for item in whole if item is not dropped) for dropped in whole]
    elif len(whole) == 1:
        cores.append(())
    few = optional[:OPTIONAL_LIMIT]
    for core in cores:
        for mask in range(1 << len(few)):
            yield core + tuple(item for bit, item in enumerate(few) if mask >> bit & 1)


def _choices_of_parts(fixed: list[OpenItem]) -> Iterator[Items]:
    by_document: defaultdict[str, list[OpenItem]] = defaultdict(list)
    for item in fixed:
        by_document[item.document_id].append(item)
    options: list[list[Items]] = []
    for parts in by_document.values():
        first_ones = [tuple(parts[:count]) for count in range(len(parts), 0, -1)]
        options.append([*first_ones, *((part,) for part in parts[1:])])
    for choice in product(*options):
        yield tuple(item for part in choice for item in part)


def _readings(case: Case, optional: list[OpenItem]) -> Iterator[Items]:
    """Every damaged stretch of the text read as the best item that it may be, or as its second best."""
    candidates: dict[Token, list[OpenItem]] = {}
    for item in optional:
        token = case.mentions[item.id][1].mentions[0].token
        known = next((other for other in candidates if overlap(other, token)), token)
        candidates.setdefault(known, []).append(item)
    if len(candidates) < 2:
        return
    doubtful = sorted(candidates.values(), key=lambda found: (len(found) < 2, found[0].id))
    options = [found[:2] if place < 4 else found[:1] for place, found in enumerate(doubtful)]
    yield from (tuple(choice) for choice in product(*options))


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
        self.largest_discount = max((sum(case.discounts((i,))) for i in others if i.discount_minor), default=0)
        self.credits = [item for item in others if item.kind is ItemKind.CREDIT_MEMO][: CREDITS_LIMIT + 1]

    def completed(self, base: Items) -> Iterator[Items]:
        """The base itself, and the base with one unnamed item or netted credit memos, where the sum is in range."""
        if not base:
            return
        case = self.case
        total = sum(case.open_of(item) for item in base)
        extra = sum(case.discounts(base))
        if self.low <= total <= self.high + extra:
            yield base
        low, high = self.low - total, self.high - total + extra + self.largest_discount
        for position in range(bisect_left(self.amounts, low), bisect_right(self.amounts, high)):
            yield (*base, self.others[position])
        if high < 0 and 2 <= len(self.credits) <= CREDITS_LIMIT:
            sets = [*combinations(self.credits, 2), *([tuple(self.credits)] if len(self.credits) > 2 else [])]
            for credits in sets:
                if low <= sum(case.open_of(item) for item in credits) <= high:
                    yield base + credits

    def weigh(self, items: Items) -> Hypothesis | None:
        """The hypothesis of these items, where the amounts agree."""
        case = self.case
        taken, late = case.discounts(items)
        total = sum(case.open_of(item) for item in items)
        found = relation(case.payment, total, taken, late, case.settings)
        if found is None:
            return None
        structure = any_set_log(self.pool_size, len(items)) + self._unreadable(items)
        return build(case, "references_completed", self.account_id, items, found, structure)

    def _unreadable(self, items: Items) -> float:
        """As many unnamed items as there are numbers that nothing explains speak for each other."""
        named = [item for item in items if item.id in self.case.mentions]
        spent = [mention.token for item in named for mention in self.case.mentions[item.id][1].mentions]
        left = sum(1 for token in self.case.number_tokens() if not any(overlap(token, other) for other in spent))
        unnamed = len(items) - len(named)
        return UNREADABLE_NATS * min(left, unnamed) - 0.5 * max(0, left - unnamed)

    def wide(self, fixed: list[OpenItem], optional: list[OpenItem]) -> Iterator[Hypothesis]:
        """Two or three unnamed items, where as many numbers are unreadable or the text was cut."""
        tokens = len(self.case.number_tokens())
        firsts = {item.document_id: item for item in reversed(fixed)}
        bases = [tuple(fixed), tuple(item for item in fixed if firsts[item.document_id] is item)]
        bases += [(*fixed, item) for item in optional[:3]]
        for base in dict.fromkeys(bases):
            missing = tokens - len(base)
            if missing < 2 and not self.case.is_cut:
                continue
            total = sum(self.case.open_of(item) for item in base)
            low, high = self.low - total, self.high - total
            if high <= 0:
                continue
            solutions: list[tuple[int, ...]] = []
            if len(self.amounts) <= PAIRS_POOL_LIMIT:
                solutions += pairs(self.amounts, low, high).solutions
            if (missing >= 3 or self.case.is_cut) and len(self.amounts) <= TRIPLES_POOL_LIMIT:
                solutions += triples(self.amounts, low, high).solutions
            for solution in solutions:
                found = self.weigh((*base, *(self.others[position] for position in solution)))
                if found is not None:
                    yield found
