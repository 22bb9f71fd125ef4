"""Payments that nothing decides one by one, tried together: two to four that settle one item between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, log

from app.cash_application.matching.amounts import (
    PARTIAL_LOG,
    Relation,
    accepted_range,
    part_payment,
    relation,
)
from app.cash_application.matching.confidence import RAW_LIMIT, Calibration, Family, log_sum
from app.cash_application.matching.decide import Verdict, likely_accounts
from app.cash_application.matching.doubts import is_stranger
from app.cash_application.matching.hypotheses import Hypothesis, any_set_log, build
from app.cash_application.matching.index import ItemIndex
from app.cash_application.matching.types import ItemKind, OpenItem

PAIRS_LIMIT = 60
TRIPLES_LIMIT = 16
FOURS_LIMIT = 10
SPAN_DAYS_LIMIT = 120
CANDIDATES_LIMIT = 300
EQUAL_ITEMS_LIMIT = 40
Answer = tuple[Verdict, Hypothesis, float]


@dataclass(slots=True)
class _Together:
    """Some payments for one item; `gain` is their joint weight over what each weighs by itself."""

    verdicts: tuple[Verdict, ...]
    item: OpenItem
    relation: Relation
    account_id: str
    gain: float

    @property
    def payment_ids(self) -> set[str]:
        return {verdict.case.payment.id for verdict in self.verdicts}


def joint_answers(verdicts: Sequence[Verdict], index: ItemIndex, calibration: Calibration) -> list[list[Answer]]:
    """Groups of answers to be granted together, the surest first; each payment and item at most once."""
    by_account: defaultdict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        payment = verdict.case.payment
        for account_id in likely_accounts(verdict.case)[:2]:
            by_account[account_id, payment.legal_entity_id, payment.currency].append(verdict)
    found: list[_Together] = []
    for (account_id, _, _), members in sorted(by_account.items()):
        of_account = list(_together(account_id, members, index))
        of_account.sort(key=_strongest_first)
        found.extend(of_account[:CANDIDATES_LIMIT])
    found.sort(key=_strongest_first)
    return list(_surest(found, index, calibration))


def _strongest_first(candidate: _Together) -> tuple[float, list[str], str]:
    return (-candidate.gain, sorted(candidate.payment_ids), candidate.item.id)


def _surest(found: list[_Together], index: ItemIndex, calibration: Calibration) -> Iterator[list[Answer]]:
    """Those that outweigh all that share a payment or the item with them, each payment and item once."""
    sharing: defaultdict[str, list[_Together]] = defaultdict(list)
    for candidate in found:
        for key in (*candidate.payment_ids, candidate.item.id):
            sharing[key].append(candidate)
    used: set[str] = set()
    for candidate in found:
        keys = {*candidate.payment_ids, candidate.item.id}
        rivals = {id(other): other.gain for key in keys for other in sharing[key] if other is not candidate}
        odds = candidate.gain - log_sum([0.0, *sorted(rivals.values())])
        raw = max(-RAW_LIMIT, min(RAW_LIMIT, odds))
        sure = calibration.confidence(raw, Family.NAMED) >= index.settings.automatic_confidence
        if sure and not used & keys:
            used |= keys
            yield _answers(candidate, index, raw)


def _together(account_id: str, members: list[Verdict], index: ItemIndex) -> Iterator[_Together]:
    """Sets of payments of one account, near in time, whose sum is what one item has left."""
    members = [verdict for verdict in members if not is_stranger(verdict.case, account_id)]
    if len(members) < 2:
        return
    members.sort(key=lambda verdict: (verdict.case.payment.value_date, verdict.case.payment.id))
    items = [item for item in index.pool(account_id, members[-1].case.payment) if item.kind is ItemKind.INVOICE]
    items.sort(key=lambda item: (index.remaining[item.id], item.id))
    amounts = [index.remaining[item.id] for item in items]
    for verdict in members:
        verdict.case.repair(account_id)
    for position, first in enumerate(members):
        latest = first.case.payment.value_date.toordinal() + SPAN_DAYS_LIMIT
        near = [
            other
            for other in members[position + 1 : position + 1 + PAIRS_LIMIT]
            if other.case.payment.value_date.toordinal() <= latest
        ]
        for count, limit in ((2, PAIRS_LIMIT), (3, TRIPLES_LIMIT), (4, FOURS_LIMIT)):
            if len(near) <= limit:
                for others in combinations(near, count - 1):
                    yield from _fitting(account_id, (first, *others), items, amounts, len(near) + 1, index)


def _fitting(
    account_id: str,
    chosen: tuple[Verdict, ...],
    items: list[OpenItem],
    amounts: list[int],
    count: int,
    index: ItemIndex,
) -> Iterator[_Together]:
    first = chosen[0].case
    whole = replace(first.payment, amount_minor=sum(v.case.payment.amount_minor for v in chosen))
    low, high = accepted_range(whole, first.settings)
    positions: Sequence[int] = range(bisect_left(amounts, low), bisect_right(amounts, high))
    if len(positions) > EQUAL_ITEMS_LIMIT:  # too many of one amount: only what the texts name can be meant
        positions = [p for p in positions if any(items[p].id in verdict.case.mentions for verdict in chosen)]
    for position in positions:
        item = items[position]
        found = relation(whole, amounts[position], 0, 0, first.settings)
        if found is None or any(not index.is_open_for(item, verdict.case.payment) for verdict in chosen):
            continue
        gain = _gain(account_id, chosen, item, found, (len(items), count, amounts[position]))
        yield _Together(chosen, item, found, account_id, gain)


def _gain(
    account_id: str, chosen: tuple[Verdict, ...], item: OpenItem, found: Relation, sizes: tuple[int, int, int]
) -> float:
    """One free amount fewer than payments: the last one is what the others left."""
    pool_size, count, total = sizes
    gain = PARTIAL_LOG + found.log_probability - (len(chosen) - 1) * log(max(2, total))
    gain += any_set_log(pool_size, 1) - log(comb(count, len(chosen)))
    for verdict in chosen:
        case = verdict.case
        case.look_closely([item])
        gain += case.text_nats(item) + case.payer_nats(account_id) - verdict.total
    return gain


def _answers(candidate: _Together, index: ItemIndex, raw: float) -> list[Answer]:
    """The earlier payments pay in part, the last one the rest."""
    ordered = sorted(candidate.verdicts, key=lambda v: (v.case.payment.value_date, v.case.payment.id))
    total = index.remaining[candidate.item.id]
    answers: list[Answer] = []
    for verdict in ordered:
        last = verdict is ordered[-1]
        how = candidate.relation if last else part_payment(verdict.case.payment, total)
        hypothesis = build(verdict.case, "several_payments", candidate.account_id, (candidate.item,), how, 0.0)
        answers.append((verdict, hypothesis, raw))
    return answers
