"""Conformal calibration: earlier forecasts, made with what was known then, set how wide today's intervals are.

Per item the *rank* of the outcome in its distribution is collected (censored outcomes as censored ranks); the levels
below which a tenth and nine tenths of the ranks fell replace 0.1 and 0.9. Per total the distance of the outcome from
the median is measured in half-widths; of each side the 90 % quantile of those ratios scales it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from app.forecasting.model.book import outlook_of, spreads
from app.forecasting.model.coming import level_spread
from app.forecasting.model.distribution import Distribution
from app.forecasting.model.features import Index, Landmarks
from app.forecasting.model.history import History
from app.forecasting.model.interface import Codes, Days, Ledger
from app.forecasting.model.late import LateOdds, late_odds
from app.forecasting.model.learning import Learned, at_cutoff, at_issue, distribution_of, open_items
from app.forecasting.model.simulation import RUN_SPAN_DAYS, Dependence

TARGET = 0.8
ITEM_TARGET = 0.78
"""What levels of items aim at: they are measured on models with less history than the one that reads them has."""
ITEMS_MAX = 9_000
SAMPLE_ITEMS = 5_000
GROUP_WEIGHT = 300
"""Ranks from which on a kind of items is read by itself; a smaller one is filled up with the others."""
DECIDED_DAYS = 28
"""Items seen later than so long ago are mostly open still: they are left out where enough others are there."""
CELLS_WEIGHT = 40.0
"""Cells whose scale weighs as much as no correction."""
SPAN_WEIGHT = 150.0
"""Cells of a span of weeks ahead whose scale weighs as much as the scale of all."""
PRIOR_RANKS, PRIOR_POINTS = 40.0, 200
"""Weight of the ranks that are taken from the model itself, and their number."""
RANK_WEEKS = 4
"""Weeks after which the rank of an item weighs half."""
CELL_WEEKS = 3
"""Weeks after which a total weighs half: billing and payers change, and widths must follow."""
SIMULATIONS = 200
PARTS = 3
"""Parts by account in which totals are measured where a ledger has no segments."""
SPANS = ((1, 1), (2, 4), (5, 13))
"""Weeks ahead that share one scale."""
Snapshots = Sequence[tuple[int, Learned]]
"""What was learnt at earlier cut-offs, oldest first."""
LAYERS = ("open", "new_business", "total")
KINDS = 3
"""Items at issue, open before the due date, and past due."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the rolling origins said."""

    levels: NDArray[np.float64]
    """(KINDS, 2): levels to read instead of 0.1 and 0.9."""
    dependence: Dependence
    scales: NDArray[np.float64]
    """(layers, spans, sides): factors of the half-widths of simulated totals, below and above the median."""
    late: LateOdds
    ranks: int
    cells: int


def newest(snapshots: Snapshots, day: int) -> Learned:
    """What had been learnt by that day (the first, if nothing)."""
    known = [learned for learnt_on, learned in snapshots if learnt_on <= day]
    return known[-1] if known else snapshots[0][1]


def recency(age_days: NDArray[np.int32] | int, half_weeks: int) -> NDArray[np.float64]:
    """Weight of the outcome of a forecast that is so many days old."""
    weight: NDArray[np.float64] = 0.5 ** (np.asarray(age_days, np.float64) / 7 / half_weeks)
    return weight


def kind_of(start: NDArray[np.int64], issued: Days, due: Days) -> NDArray[np.int64]:
    """0: seen at issue; 1: not yet due; 2: past due, on the first forecast day."""
    return np.where(start <= issued, 0, np.where(start <= due, 1, 2))


def ranks_of(found: Distribution, paid: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P(paid before that day) and P(paid by that day): the step that the outcome took."""
    return found.by(paid - 1), found.by(paid)


def censored_quantile(
    value: NDArray[np.float64], known: NDArray[np.bool_], weight: NDArray[np.float64], level: float
) -> float:
    """Quantile of values of which some are only known to be larger (Kaplan and Meier)."""
    counted = weight > 0
    value, known, weight = value[counted], known[counted], weight[counted]
    order = np.lexsort((~known, value))
    value, known, weight = value[order], known[order], weight[order]
    at_risk = np.cumsum(weight[::-1])[::-1]
    survival = np.cumprod(np.where(known, 1 - weight / at_risk, 1.0))
    place = np.flatnonzero(survival <= 1 - level + 1e-12)
    return float(value[place[0]]) if len(place) else 1.0


def believed_quantile(
    value: NDArray[np.float64], known: NDArray[np.bool_], weight: NDArray[np.float64], level: float
) -> float:
    """The same with some outcomes as the model says them (even ranks): they decide where too few items tell."""
    even = (np.arange(PRIOR_POINTS) + 0.5) / PRIOR_POINTS
    return censored_quantile(
        np.concatenate([value, even]),
        np.concatenate([known, np.ones(PRIOR_POINTS, bool)]),
        np.concatenate([weight, np.full(PRIOR_POINTS, PRIOR_RANKS / PRIOR_POINTS)]),
        level,
    )


def seen_items(snapshots: Snapshots, ledger: Ledger, cutoff: int, seed: int) -> list[tuple[Learned, Landmarks]]:
    """Items issued since the first snapshot, and those open every fortnight, with what had been learnt by then."""
    begin = snapshots[0][0]
    rng = np.random.default_rng(seed)
    fresh = np.flatnonzero((ledger.issued > begin) & (ledger.issued <= cutoff))
    if len(fresh) > ITEMS_MAX:
        fresh = np.sort(rng.choice(fresh, ITEMS_MAX, replace=False))
    seen_by = np.searchsorted([day for day, _ in snapshots], ledger.issued[fresh] - 1, "right") - 1
    parts = [(learned, at_issue(ledger, fresh[seen_by == place])) for place, (_, learned) in enumerate(snapshots)]
    for origin in range(begin, cutoff - 6, 14):
        rows = open_items(ledger, origin)
        if len(rows) > ITEMS_MAX // 4:
            rows = np.sort(rng.choice(rows, ITEMS_MAX // 4, replace=False))
        parts.append((newest(snapshots, origin), at_cutoff(rows, origin)))
    return parts


def item_levels(
    parts: Sequence[tuple[Learned, Landmarks]], ledger: Ledger, cutoff: int
) -> tuple[NDArray[np.float64], int]:
    """(KINDS, 2) levels from items seen between the first snapshot and `cutoff`, and how many they were."""
    history = History(ledger, cutoff)
    collected = []
    for learned, landmarks in parts:
        if not len(landmarks):
            continue
        item = landmarks.item
        paid = np.maximum(ledger.paid[item], ledger.issued[item])
        known = (paid <= cutoff) & (paid <= ledger.closed[item])
        left = np.minimum(np.minimum(paid, ledger.closed[item]), cutoff).astype(np.int64)
        outcome = np.where(known, paid, left + 1).astype(np.int64)
        found = distribution_of(learned, ledger, landmarks, history, until=outcome)
        low, high = ranks_of(found, outcome)
        # A censored item lies beyond what it has outlived.
        high = np.where(known, high, low)
        kind = kind_of(found.start, ledger.issued[item], ledger.due[item])
        age = cutoff - landmarks.seen
        collected.append((kind, low, high, known, age > DECIDED_DAYS, recency(age, RANK_WEEKS)))
    if not collected:
        return np.tile([0.1, 0.9], (KINDS, 1)), 0
    kind, low, high, known, settled, recent = (np.concatenate(column) for column in zip(*collected, strict=True))
    levels = np.empty((KINDS, 2))
    for group in range(KINDS):
        weight = recent * weight_of_kind(kind == group, settled)
        levels[group] = (
            believed_quantile(high, known, weight, (1 - ITEM_TARGET) / 2),
            believed_quantile(low, known, weight, (1 + ITEM_TARGET) / 2),
        )
    return np.clip(levels, [0.005, 0.5], [0.5, 0.995]), len(kind)


def weight_of_kind(mine: NDArray[np.bool_], settled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Items of a kind, those that time has settled where they are enough; others fill up to `GROUP_WEIGHT`."""
    enough = int((mine & settled).sum()) >= GROUP_WEIGHT
    own = mine & settled if enough else mine
    others = max(GROUP_WEIGHT - int(own.sum()), 0) / max(int((~mine).sum()), 1)
    return np.where(own, 1.0, np.where(mine, 0.0, min(others, 1.0)))


def origins(begin: int, cutoff: int, step_days: int) -> Iterator[int]:
    """Days from `begin` on whose following week had ended by the cut-off."""
    yield from range(cutoff - 7 - (cutoff - 7 - begin) // step_days * step_days, cutoff - 6, step_days)


def measure_dependence(snapshots: Snapshots, ledger: Ledger, cutoff: int, level: float) -> Dependence:
    """Shares of variance that normal scores of open items had in common within the organization, a payer, a run."""
    history = History(ledger, cutoff)
    sums = np.zeros((3, 2))
    spread = np.zeros(2)
    for origin in range(snapshots[0][0], cutoff - 20, 14):
        rows = open_items(ledger, origin)
        if len(rows) > SAMPLE_ITEMS:
            chosen = np.random.default_rng(origin).permutation(len(ledger.payers))[: len(ledger.payers) // 4 + 1]
            rows = rows[np.isin(ledger.payer[rows], chosen)][: 4 * SAMPLE_ITEMS]
        if len(rows) < 3:
            continue
        paid = np.minimum(ledger.paid[rows].astype(np.int64), cutoff + 1)
        found = distribution_of(newest(snapshots, origin), ledger, at_cutoff(rows, origin), history, until=paid)
        low, high = ranks_of(found, paid)
        middle = np.where(ledger.paid[rows] <= cutoff, (low + high) / 2, (1 + low) / 2)
        score = ndtri(np.clip(middle, 0.005, 0.995))
        weight = np.sqrt(np.maximum(ledger.open_minor[rows], 0).astype(np.float64))
        payer = ledger.payer[rows].astype(np.int64)
        run = payer * 65_536 + (ledger.due[rows] // RUN_SPAN_DAYS) % 65_536
        spread += ((weight * score**2).sum(), weight.sum())
        run_sum, run_weight, run_payer, run_pair = _means(run, score, weight, payer)
        payer_sum, payer_weight, _, payer_pair = _means(run_payer, run_sum, run_weight, run_payer)
        sums[0] += run_pair
        sums[1] += payer_pair
        sums[2] += _pairs(payer_sum, payer_weight)
    variance = max(spread[0] / max(spread[1], 1e-9), 0.2)
    prior = np.array([0.5, 0.3, 0.05]) * variance
    weights = np.array([1.0, 1.0, 1.0]) * max(spread[1], 1.0) * 0.05
    shared = (sums[:, 0] + weights * prior) / (sums[:, 1] + weights) / variance
    in_run = float(np.clip(shared[0], 0.05, 0.95))
    in_payer = float(np.clip(shared[1], 0.02, in_run))
    in_all = float(np.clip(shared[2], 0.0, min(in_payer, 0.25)))
    return Dependence(in_all, in_payer - in_all, in_run - in_payer, level)


def _means(
    group: Index, score: NDArray[np.float64], weight: NDArray[np.float64], above: Index
) -> tuple[NDArray[np.float64], NDArray[np.float64], Index, NDArray[np.float64]]:
    """Mean score and weight of each group, its group above, and (Σ weight × mean product of pairs, Σ weight)."""
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    count = np.bincount(place)
    total, square = np.bincount(place, score), np.bincount(place, score**2)
    heavy = np.bincount(place, weight)
    several = count > 1
    pairs = (total**2 - square)[several] / (count * (count - 1))[several]
    found = np.array([(pairs * heavy[several]).sum(), heavy[several].sum()])
    return total / count, heavy.astype(np.float64), above[first], found


def _pairs(score: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """(Σ over pairs of w·w'·s·s', Σ over pairs of w·w'), scaled to the sum of weights."""
    heavy = weight.sum()
    crossed = heavy**2 - (weight**2).sum()
    if crossed <= 0:
        return np.zeros(2)
    return np.array([((weight * score).sum() ** 2 - ((weight * score) ** 2).sum()) / crossed * heavy, heavy])


def total_scales(
    snapshots: Snapshots, ledger: Ledger, cutoff: int, dependence: Dependence, seed: int, step_days: int = 7
) -> tuple[NDArray[np.float64], int]:
    """(layers, spans, sides) factors from the totals of rolling origins, and the number of cells behind them."""
    accounts = sampled_accounts(ledger, cutoff, seed)
    parts = ledger.segment if len(np.unique(ledger.segment)) > 1 else ledger.account % PARTS
    ratios: list[list[list[NDArray[np.float64]]]] = [[[] for _ in SPANS] for _ in LAYERS]
    weights: list[list[list[NDArray[np.float64]]]] = [[[] for _ in SPANS] for _ in LAYERS]
    for origin in origins(snapshots[0][0], cutoff, step_days):
        weeks = min((cutoff - origin) // 7, SPANS[-1][1])
        outlook = outlook_of(
            newest(snapshots, origin),
            ledger,
            origin,
            weeks,
            items_max=SAMPLE_ITEMS,
            accounts=accounts,
            seed=seed,
            near=True,
        )
        if not len(outlook.units):
            continue
        codes, line = np.unique(parts[outlook.source_units[0]], return_inverse=True)
        found = spreads(outlook, {"part": line.ravel().astype(np.int32)}, dependence, SIMULATIONS, seed)
        came = actual(ledger, origin, weeks, accounts, parts)
        for layer, name in enumerate(LAYERS):
            ratio = half_widths(found["part", name].weekly, came(name, codes))
            for span, (first, last) in enumerate(SPANS):
                cells = ratio[:, :, first - 1 : last].reshape(2, -1)
                ratios[layer][span].append(cells)
                weights[layer][span].append(np.full(cells.shape[1], float(recency(cutoff - origin, CELL_WEEKS))))
    scales = np.ones((len(LAYERS), len(SPANS), 2))
    count = 0
    for layer in range(len(LAYERS)):
        joined = [np.concatenate([*lists, np.zeros((2, 0))], axis=1) for lists in ratios[layer]]
        heavy = [np.concatenate([*lists, np.zeros(0)]) for lists in weights[layer]]
        count = max(count, sum(cells.shape[1] for cells in joined))
        for side in range(2):
            whole = shrunk_scale(np.concatenate(joined, axis=1)[side], np.concatenate(heavy), 1.0, CELLS_WEIGHT)
            scales[layer, :, side] = [
                shrunk_scale(cells[side], weight, whole, SPAN_WEIGHT)
                for cells, weight in zip(joined, heavy, strict=True)
            ]
    return scales, count


def half_widths(quantiles: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sides, lines, weeks): how far the outcome lies below, and above, the median, in half-widths of that side."""
    low, middle, high = quantiles
    below = (middle - truth) / np.maximum(middle - low, 1.0)
    return np.stack([below, (truth - middle) / np.maximum(high - middle, 1.0)])


def shrunk_scale(
    ratios: NDArray[np.float64], weight: NDArray[np.float64], towards: float, towards_weight: float
) -> float:
    """The conformal quantile of the weighted ratios, pulled to a given scale while cells are few."""
    if not len(ratios):
        return towards
    cells = float(weight.sum() ** 2 / np.square(weight).sum())
    level = min(1.0, (1 + TARGET) / 2 * (cells + 1) / cells)
    order = np.argsort(ratios)
    reached = np.searchsorted(np.cumsum(weight[order]), level * weight.sum() * (1 - 1e-9))
    own = float(np.clip(ratios[order][min(reached, len(order) - 1)], 0.3, 4.0))
    share = cells / (cells + towards_weight)
    return float(np.exp(share * np.log(own) + (1 - share) * np.log(towards)))


def sampled_accounts(ledger: Ledger, cutoff: int, seed: int) -> NDArray[np.bool_] | None:
    """Accounts whose open items and recent billing fit the bound of work; None when all do."""
    recent = (ledger.issued > cutoff - 91) & (ledger.issued <= cutoff)
    count = int(recent.sum())
    if count <= 4 * SAMPLE_ITEMS:
        return None
    return np.random.default_rng(seed).random(len(ledger.accounts)) < 4 * SAMPLE_ITEMS / count


class actual:  # noqa: N801 - called like a function
    """What came in after an origin, by layer, line and week."""

    def __init__(
        self,
        ledger: Ledger,
        origin: int,
        weeks: int,
        accounts: NDArray[np.bool_] | None = None,
        parts: Codes | None = None,
    ) -> None:
        paid = (ledger.paid > origin) & (ledger.paid <= origin + 7 * weeks) & (ledger.paid <= ledger.closed)
        if accounts is not None:
            paid &= accounts[ledger.account]
        self._rows = np.flatnonzero(paid)
        self._ledger, self._origin, self._weeks = ledger, origin, weeks
        self._parts = ledger.segment if parts is None else parts

    def __call__(self, layer: str, segments: NDArray[np.int32] | None) -> NDArray[np.float64]:
        """(lines, weeks): minor units paid, of one line or one a segment."""
        ledger, rows = self._ledger, self._rows
        if layer != "total":
            rows = rows[(ledger.issued[rows] <= self._origin) == (layer == "open")]
        week = (ledger.paid[rows].astype(np.int64) - self._origin - 1) // 7
        amount = ledger.amount_minor[rows].astype(np.float64)
        size = 1 if segments is None else len(segments)
        line = np.zeros(len(rows), np.int64)
        if segments is not None:
            part = self._parts[rows]
            line = np.searchsorted(segments, part)
            fits = (line < size) & (segments[np.minimum(line, size - 1)] == part)
            line, week, amount = line[fits], week[fits], amount[fits]
        cells = np.bincount(line * self._weeks + week, amount, minlength=size * self._weeks)
        return cells.reshape(size, self._weeks).astype(np.float64)


def calibrate(snapshots: Snapshots, ledger: Ledger, cutoff: int, seed: int) -> Calibration:
    """Everything that the span from the first snapshot to `cutoff` says; each origin asks the newest snapshot by it."""
    parts = seen_items(snapshots, ledger, cutoff, seed)
    levels, ranks = item_levels(parts, ledger, cutoff)
    late = late_odds(parts, ledger, cutoff, seed)
    dependence = measure_dependence(snapshots, ledger, cutoff, level_spread(ledger, cutoff))
    scales, cells = total_scales(snapshots, ledger, cutoff, dependence, seed)
    return Calibration(levels, dependence, scales, late, ranks, cells)
