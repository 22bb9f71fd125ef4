"""Everything that one cut-off's totals are made of: open items and new business, with their distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.coming import Coming, coming_items
from app.forecasting.model.distribution import Distribution
from app.forecasting.model.features import Index
from app.forecasting.model.history import History
from app.forecasting.model.interface import Codes, Ledger, Scenario
from app.forecasting.model.learning import Learned, at_cutoff, distribution_of, open_items
from app.forecasting.model.simulation import Book, Dependence, Spread, Units, book_of, simulate, units_of

COMING_ITEMS_MAX = 60_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """The items of one cut-off and when they are paid."""

    cutoff: int
    weeks: int
    rows: Index
    """Open items: rows of the ledger."""
    found: Distribution
    coming: Coming | None
    units: Units
    books: Mapping[str, Book]
    """By layer, `open` and `new_business`."""
    row_units: Index
    """Unit of each open item."""
    source_units: tuple[Index, Index]
    """(rows of the ledger, units): a row that stands for each unit, to look up its groups."""


def outlook_of(
    learned: Learned,
    ledger: Ledger,
    cutoff: int,
    weeks: int,
    *,
    scenario: Scenario | None = None,
    new_business: bool = True,
    items_max: int = COMING_ITEMS_MAX,
    accounts: NDArray[np.bool_] | None = None,
    seed: int = 1,
    near: bool = False,
) -> Outlook:
    """Open items and new business of a cut-off: of some `accounts` only, `near`: computing no day past the horizon."""
    rng = np.random.default_rng(seed)
    history = History(ledger, cutoff)
    rows = open_items(ledger, cutoff)
    if accounts is not None:
        rows = rows[accounts[ledger.account[rows]]]
    until = cutoff + 7 * weeks
    found = distribution_of(learned, ledger, at_cutoff(rows, cutoff), history, scenario, until if near else None)
    open_ledger = ledger.take(rows)
    coming = None
    ledgers: tuple[Ledger, ...] = (open_ledger,)
    if new_business:
        basis = ledger if accounts is None else ledger.take(np.flatnonzero(accounts[ledger.account]))
        coming = coming_items(basis, cutoff, 7 * weeks, items_max, rng)
        ledgers = (open_ledger, coming.ledger)
    units, places = units_of(ledgers)
    amount = np.maximum(open_ledger.open_minor, 0).astype(np.float64)
    books = {"open": book_of(open_ledger, places[0], amount, found, cutoff, weeks)}
    sources = [rows]
    if coming is not None:
        issued = distribution_of(learned, coming.ledger, coming.landmarks(cutoff), history, scenario, until)
        books["new_business"] = book_of(
            coming.ledger, places[1], coming.amount, issued, cutoff, weeks, coming.block, coming.spread
        )
        origin = coming.source if accounts is None else np.flatnonzero(accounts[ledger.account])[coming.source]
        sources.append(origin)
    standing = np.zeros(len(units), np.int64)
    for place, source in zip(reversed(places), reversed(sources), strict=True):
        standing[place] = source
    return Outlook(cutoff, weeks, rows, found, coming, units, books, places[0], (standing, np.arange(len(units))))


def expected(outlook: Outlook, line: Codes, lines: int) -> dict[str, NDArray[np.float64]]:
    """Expected payments by layer: (lines, weeks), exact, not simulated."""
    result = {}
    for layer, book in outlook.books.items():
        flow = book.amount[:, None].astype(np.float64) * book.week_share
        sums = np.zeros((lines, outlook.weeks))
        np.add.at(sums, line[book.unit], flow)
        result[layer] = sums
    result["total"] = np.sum(list(result.values()), axis=0)
    return result


def spreads(
    outlook: Outlook, lines: Mapping[str, Codes], dependence: Dependence, simulations: int, seed: int
) -> dict[tuple[str, str], Spread]:
    """Simulated quantiles by (dimension, layer)."""
    return simulate(outlook.units, outlook.books, lines, dependence, simulations, seed)
