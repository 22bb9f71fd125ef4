"""Totals by week, simulated by payer and payment run: items of one run come together, so totals vary more than items.

Each item's payment day is drawn from its own distribution by a normal score that it shares in part with the whole
organization, with its payer, and with its run (items of a payer that fall due within the same days): a Gaussian
copula whose loadings were measured on earlier forecasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from app.forecasting.model.distribution import Distribution
from app.forecasting.model.interface import Codes, Ledger

RUN_SPAN_DAYS = 3
"""Items of a payer due within this many days of one another may be paid in one run."""
CHUNK_ITEMS = 4_000
EXACT_GROUPS_MAX = 400
"""Dimensions with more groups are read within chunks of payers, and must not cut across payers."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Shares of variance that normal scores have in common (together at most 1), and the level of new business."""

    organization: float
    payer: float
    run: float
    level: float
    """Standard deviation of the logarithm of the level of billing."""


@dataclass(frozen=True, slots=True)
class Book:
    """Items with weekly thresholds, sorted by payer."""

    payer: NDArray[np.int64]
    unit: NDArray[np.int64]
    run: NDArray[np.int64]
    amount: NDArray[np.float32]
    threshold: NDArray[np.float32]
    """(items, weeks): normal score below which an item is paid by the end of that week."""
    week_share: NDArray[np.float32]
    """(items, weeks): probability of payment within the week."""
    block: NDArray[np.int64] | None = None
    spread: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """What totals are added up from: (payer, account, currency), numbered in the order of payers."""

    payer: NDArray[np.int64]
    account: NDArray[np.int64]
    currency: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.payer)


def units_of(ledgers: tuple[Ledger, ...]) -> tuple[Units, list[NDArray[np.int64]]]:
    """The units of several ledgers together, and the unit of each row of each."""
    columns = [np.stack([ledger.payer, ledger.account, ledger.currency], axis=1) for ledger in ledgers]
    every = np.concatenate(columns)
    cells, place = np.unique(every, axis=0, return_inverse=True)
    wide = cells.astype(np.int64)
    bounds = np.cumsum([len(part) for part in columns])[:-1]
    return Units(wide[:, 0], wide[:, 1], wide[:, 2]), np.split(place.ravel().astype(np.int64), bounds)


def book_of(
    ledger: Ledger,
    unit: NDArray[np.int64],
    amount: NDArray[np.float64],
    found: Distribution,
    cutoff: int,
    weeks: int,
    block: NDArray[np.int64] | None = None,
    spread: NDArray[np.float64] | None = None,
) -> Book:
    """Items in the order of their units, with the normal scores of their weekly probabilities."""
    order = np.lexsort((ledger.due, unit))
    ends = np.stack([found.by(cutoff + 7 * week) for week in range(1, weeks + 1)], axis=1)
    already = found.by(cutoff)[:, None]
    shares = np.diff(np.concatenate([already, ends], axis=1), axis=1)
    run = ledger.payer.astype(np.int64) * 65_536 + (ledger.due.astype(np.int64) // RUN_SPAN_DAYS) % 65_536
    return Book(
        payer=ledger.payer[order].astype(np.int64),
        unit=unit[order],
        run=run[order],
        amount=amount[order].astype(np.float32),
        threshold=ndtri(np.clip(ends, 1e-9, 1 - 1e-9))[order].astype(np.float32),
        week_share=shares[order].astype(np.float32),
        block=None if block is None else block[order],
        spread=None if spread is None else spread[order].astype(np.float32),
    )


def payer_chunks(units: Units, books: tuple[Book, ...]) -> Iterator[tuple[int, int]]:
    """Ranges of units that end between payers and hold a bounded number of items."""
    counts = sum(np.bincount(book.unit, minlength=len(units)) for book in books)
    sums = np.cumsum(counts)
    last_of_payer = np.append(units.payer[1:] != units.payer[:-1], True)
    begin, base = 0, 0
    for end in np.flatnonzero(last_of_payer):
        if sums[end] - base >= CHUNK_ITEMS or end == len(units) - 1:
            yield begin, int(end) + 1
            begin, base = int(end) + 1, int(sums[end])


def draw_chunk(
    book: Book, begin: int, end: int, shared: NDArray[np.float32], chunk: Scores, dependence: Dependence
) -> NDArray[np.float32]:
    """(units of the chunk, simulations, weeks): simulated payments of one layer."""
    low, high = np.searchsorted(book.unit, [begin, end])
    simulations, weeks = shared.shape[-1], book.threshold.shape[1]
    result = np.zeros((end - begin, simulations, weeks), np.float32)
    if low == high:
        return result
    part = slice(int(low), int(high))
    rest = max(1 - dependence.organization - dependence.payer - dependence.run, 0.0)
    score = chunk.normal(high - low) * np.float32(np.sqrt(rest))
    score += np.float32(np.sqrt(dependence.organization)) * shared[0]
    score += np.float32(np.sqrt(dependence.payer)) * chunk.of_payers(book.payer[part])
    _, run = np.unique(book.run[part], return_inverse=True)
    score += np.float32(np.sqrt(dependence.run)) * chunk.normal(int(run.max()) + 1)[run]
    amount: NDArray[np.float32] = np.broadcast_to(book.amount[part, None], score.shape)
    if book.block is not None and book.spread is not None:
        amount = (
            amount
            * chunk.factors(book.block[part], book.spread[part])
            * np.exp(np.float32(dependence.level) * shared[1] - np.float32(dependence.level**2 / 2))
        )
    unit = book.unit[part] - begin
    starts = np.flatnonzero(np.append(True, unit[1:] != unit[:-1]))
    before = np.zeros((len(starts), simulations), np.float32)
    for week in range(weeks):
        paid = np.where(score <= book.threshold[part, week, None], amount, np.float32(0))
        until = np.add.reduceat(paid, starts, axis=0)
        result[unit[starts], :, week] = until - before
        before = until
    return result


class Scores:
    """Random numbers of one chunk; a payer's score is the same in both layers."""

    def __init__(self, rng: np.random.Generator, simulations: int) -> None:
        self._rng = rng
        self._simulations = simulations
        self._payers: dict[int, NDArray[np.float32]] = {}

    def normal(self, lines: int) -> NDArray[np.float32]:
        """Standard normal scores."""
        return self._rng.standard_normal((int(lines), self._simulations), np.float32)

    def of_payers(self, payer: NDArray[np.int64]) -> NDArray[np.float32]:
        """One line an item: the score of its payer."""
        distinct, place = np.unique(payer, return_inverse=True)
        for code in distinct:
            if int(code) not in self._payers:
                self._payers[int(code)] = self._rng.standard_normal(self._simulations, np.float32)
        return np.stack([self._payers[int(code)] for code in distinct])[place]

    def factors(self, block: NDArray[np.int64], spread: NDArray[np.float32]) -> NDArray[np.float32]:
        """One line an item: the gamma factor of its block, mean 1, with the block's coefficient of variation."""
        _, first, place = np.unique(block, return_index=True, return_inverse=True)
        shape = 1 / np.square(np.maximum(spread[first], 0.02))
        drawn = self._rng.standard_gamma(shape[:, None], (len(first), self._simulations), np.float32)
        return (drawn / shape[:, None]).astype(np.float32)[place]


LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of one (dimension, layer): arrays of (lines, weeks); and of the running total."""

    weekly: NDArray[np.float64]
    """(levels, lines, weeks)."""
    running: NDArray[np.float64]


def simulate(
    units: Units,
    books: Mapping[str, Book],
    lines: Mapping[str, Codes],
    dependence: Dependence,
    simulations: int,
    seed: int,
) -> dict[tuple[str, str], Spread]:
    """Quantiles of weekly totals by (dimension, layer), `lines` being the line of each unit in each dimension.

    The layers are those of `books`, and `total`.
    """
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((2, 1, simulations), np.float32)
    weeks = next(iter(books.values())).threshold.shape[1]
    layers = (*books, "total")
    sizes = {name: int(line.max(initial=-1)) + 1 for name, line in lines.items()}
    whole = {
        (name, layer): np.zeros((size, simulations, weeks), np.float32)
        for name, size in sizes.items()
        if size <= EXACT_GROUPS_MAX
        for layer in layers
    }
    found: dict[tuple[str, str], Spread] = {
        (name, layer): Spread(np.zeros((3, size, weeks)), np.zeros((3, size, weeks)))
        for name, size in sizes.items()
        for layer in layers
    }
    for begin, end in payer_chunks(units, tuple(books.values())):
        scores = Scores(rng, simulations)
        drawn = {layer: draw_chunk(book, begin, end, shared, scores, dependence) for layer, book in books.items()}
        drawn["total"] = np.sum(list(drawn.values()), axis=0)
        for name, line in lines.items():
            part = line[begin:end]
            for layer, values in drawn.items():
                distinct, sums = _sums(part, values)
                if (name, layer) in whole:
                    whole[name, layer][distinct] += sums
                else:
                    _write(found[name, layer], distinct, sums)
    for key, sums in whole.items():
        _write(found[key], np.arange(len(sums)), sums)
    return found


def _sums(line: Codes, values: NDArray[np.float32]) -> tuple[Codes, NDArray[np.float32]]:
    """Distinct lines, and the sums of the units of each."""
    order = np.argsort(line, kind="stable")
    ordered = line[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return ordered[starts], np.add.reduceat(values[order], starts, axis=0)


def _write(found: Spread, lines: Codes | NDArray[np.int64], sums: NDArray[np.float32]) -> None:
    found.weekly[:, lines] = np.quantile(sums, LEVELS, axis=1)
    found.running[:, lines] = np.quantile(np.cumsum(sums, axis=2), LEVELS, axis=1)
