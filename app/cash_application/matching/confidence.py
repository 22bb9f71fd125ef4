"""From weights to probabilities: competition of all answers, calibration, and what corrections teach.

The raw confidence of an answer is its share of the weight of all answers found, of answers that were not
looked for (chance sums of larger sets), and of "something else altogether" (on account, an invoice unknown
here). A shipped table, fitted by isotonic regression on labelled outcomes, then says how often such a share
was right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt

from app.cash_application.matching.amounts import log_density
from app.cash_application.matching.calibration_table import SHIPPED_POINTS
from app.cash_application.matching.hypotheses import Case, Hypothesis
from app.cash_application.matching.text_evidence import overlap

SOMETHING_ELSE_LOG = log(0.10)
NAMED_IN_PART_LOG = log(0.0002)
NAMED_AND_MORE_LOG = log(0.03)
NAMED_AND_UNREAD_LOG = log(0.0008)
OTHER_INCOME_NATS = 5.0
RAW_LIMIT = 25.0
TIE_NATS = 0.4
SECOND_SOLUTION_NATS = 6.0
BIN_MINIMUM = 60
BIN_GROWTH = 1.4


def something_else_log(case: Case, exact_sums: Iterable[tuple[str, int, float]]) -> float:
    """Weight of all that was not looked for. `exact_sums`: per account the sum and text weight of what is
    named.

    Where documents are named undamaged, they may be part of it: less likely when they already exceed the
    payment.
    """
    payer = max([evidence.nats for evidence in case.payers.values()] or [0.0])
    chance = chance_log(case)
    weights = [payer + SOMETHING_ELSE_LOG + chance + (OTHER_INCOME_NATS if case.is_other_income else 0.0)]
    for account_id, total, text in exact_sums:
        rest = case.payment.amount_minor - total
        prior = NAMED_IN_PART_LOG
        if rest > 0:
            prior = NAMED_AND_UNREAD_LOG if _is_all_read(case) else NAMED_AND_MORE_LOG
        weights.append(case.payer_nats(account_id) + text + prior + log_density(case.payment.amount_minor))
    return log_sum(weights)


def _is_all_read(case: Case) -> bool:
    """Whether the text is whole and every number in it is understood: then it hides no further document."""
    if case.is_cut:
        return False
    read = [m.token for _, text in case.mentions.values() if text.exact for m in text.mentions]
    own = case.payers.keys()
    return all(
        any(overlap(token, other) for other in read) or not own.isdisjoint(case.accounts.by_number(token.key))
        for token in case.tokens
        if token.kind in ("structured", "whole", "digits", "expanded") and len(token.key) > 1
    )


def chance_log(case: Case) -> float:
    """How likely an unrelated amount is just this one: by its size, or by how many other items have the same."""
    payment = case.payment
    same = len(case.index.by_amount.get((payment.legal_entity_id, payment.currency, payment.amount_minor), ())) - 1
    if same <= 0:
        return log_density(payment.amount_minor)
    return max(log_density(payment.amount_minor), log(same / len(case.index.items)))


def log_sum(weights: Sequence[float]) -> float:
    """Logarithm of the sum of exponentials, without overflow."""
    top = max(weights)
    return top + log(sum(exp(weight - top) for weight in weights))


def strongest_first(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """One hypothesis per answer (its best), the weightiest first; equal weights in an order of content."""
    best: dict[tuple[str, ...], Hypothesis] = {}
    for hypothesis in hypotheses:
        known = best.get(hypothesis.key)
        if known is None or _is_better(hypothesis, known):
            best[hypothesis.key] = hypothesis
    return sorted(best.values(), key=lambda hypothesis: (-hypothesis.weight, hypothesis.key))


def _is_better(one: Hypothesis, other: Hypothesis) -> bool:
    """More weight; for the same weight the account that owns the items, then the smaller id."""
    if one.weight != other.weight:
        return one.weight > other.weight
    owned, owned_before = (sum(i.account_id == h.account_id for i in h.items) for h in (one, other))
    return (-owned, one.account_id) < (-owned_before, other.account_id)


def raw_odds(best: Hypothesis, others: Sequence[Hypothesis], something_else: float) -> float:
    """Logarithm of the odds of the best answer against all others together, within ±RAW_LIMIT."""
    against = [something_else, *(other.weight + log(other.multiplicity) for other in others)]
    if best.multiplicity > 1:
        against.append(best.weight + log(best.multiplicity - 1))
    return max(-RAW_LIMIT, min(RAW_LIMIT, best.weight - log_sum(against)))


def is_tie(ranked: Sequence[Hypothesis]) -> bool:
    """Whether the two best answers are as good as each other."""
    if not ranked:
        return False
    if ranked[0].multiplicity > 1:
        return True
    return len(ranked) > 1 and ranked[0].weight - ranked[1].weight < TIE_NATS


def is_second_solution(best: Hypothesis, other: Hypothesis) -> bool:
    """Whether another set of items has exactly the payment's sum as well, and no text speaks for the best one."""
    if best.text > 0 or len(best.items) < 2 or other.relation.free or other.relation.difference_minor:
        return False
    return best.weight - other.weight < SECOND_SOLUTION_NATS


class Family(StrEnum):
    """What an answer rests on; each family has its own calibration."""

    NAMED = "named"
    ITEM = "item"
    SET = "set"
    DOUBTFUL = "doubtful"


def family_of(hypothesis: Hypothesis) -> Family:
    """What has a second reading; else named by the text; else one item of this amount; else a set of this sum."""
    if hypothesis.never_automatic:
        return Family.DOUBTFUL
    if hypothesis.text > 0 or hypothesis.lines:
        return Family.NAMED
    return Family.ITEM if len(hypothesis.items) == 1 else Family.SET


Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per family rising points (raw log-odds, share that was right); between them linear in the
    log-odds, outside constant.

    A family without points has the raw share itself.
    """

    points: Mapping[str, Points]

    def confidence(self, raw: float, family: Family) -> float:
        """The share of answers of this family and raw odds that were right."""
        points = self.points.get(family)
        if not points:
            return 1 / (1 + exp(-raw))
        position = bisect_right(points, raw, key=lambda point: point[0])
        if position == 0:
            return points[0][1]
        if position == len(points):
            return points[-1][1]
        (left, low), (right, high) = points[position - 1], points[position]
        low, high = _log_odds(low), _log_odds(high)
        return 1 / (1 + exp(-(low + (high - low) * (raw - left) / (right - left))))


SHIPPED = Calibration(SHIPPED_POINTS)
UNCALIBRATED = Calibration({})


def _log_odds(share: float) -> float:
    share = min(1 - 1e-6, max(1e-6, share))
    return log(share / (1 - share))


def fit_points(outcomes: Iterable[tuple[float, bool]]) -> Points:
    """Isotonic regression (pool adjacent violators) of right or wrong on raw odds, half a failure added to each bin.

    Bins grow from BIN_MINIMUM upwards with the odds: where nearly all are right it takes many to see how nearly.
    """
    ordered = sorted(outcomes)
    pooled: list[tuple[float, float, float]] = []  # sum of raw, right, count
    size, start = float(BIN_MINIMUM), 0
    while start < len(ordered):
        end = start + int(size)
        while end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1  # equal odds are one point
        if len(ordered) - end < size:
            end = len(ordered)
        chunk = ordered[start:end]
        pooled.append((sum(raw for raw, _ in chunk), float(sum(right for _, right in chunk)), float(len(chunk))))
        while len(pooled) > 1 and pooled[-2][1] * pooled[-1][2] > pooled[-1][1] * pooled[-2][2]:
            last, before = pooled.pop(), pooled.pop()
            pooled.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
        start, size = end, size * BIN_GROWTH
    points = tuple((total / count, right / (count + 0.5)) for total, right, count in pooled)
    return tuple(_rising(points))


def _rising(points: Sequence[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    highest = 0.0
    for raw, share in points:
        highest = max(highest, share)
        yield round(raw, 4), round(highest, 6)


@dataclass(frozen=True, slots=True)
class Precision:
    """What corrections say about automatic applications: Beta(right + a, wrong + b) of the shipped prior.

    The prior is worth `PRIOR_COUNT` applications at the shipped precision.
    """

    right: int
    wrong: int
    prior_right: float = 99.8
    prior_wrong: float = 0.2

    @property
    def mean(self) -> float:
        """Posterior mean of the precision, 0..1."""
        total = self.right + self.wrong + self.prior_right + self.prior_wrong
        return (self.right + self.prior_right) / total

    def is_credibly_below(self, target: float, deviations: float = 2.0) -> bool:
        """Whether the precision lies below the target by more than `deviations` posterior standard
        deviations.

        From then on automatic application is to be switched off, with a notice.
        """
        alpha, beta = self.right + self.prior_right, self.wrong + self.prior_wrong
        total = alpha + beta
        deviation = sqrt(alpha * beta / (total * total * (total + 1)))
        return self.mean + deviations * deviation < target
