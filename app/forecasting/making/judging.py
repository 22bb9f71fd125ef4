"""How a model would have done: fitted on what was known some weeks ago, compared with what came in since.

Leak-free: the model of the comparison is fitted at the first origin, and a forecast at an origin reads only what was
known then. The naive rows are computed from the same ledger at the same origins.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.forecasting.making.naive import expected_days, mean_of_weeks, weekly
from app.forecasting.model.engine import fit, forecast
from app.forecasting.model.interface import (
    NEVER,
    FitOptions,
    Forecast,
    ForecastOptions,
    Layer,
    Ledger,
    WeekTotals,
    date_of,
    day_of,
)
from app.forecasting.model.learning import Learned

ORIGINS_DAYS_AGO = (91, 63, 35)
WEEKS = 4
LEARNT_ITEMS_MIN = 30
SIMULATIONS = 200
CALIBRATION_WEEKS = 7
"""The widths of the model of the comparison come from one earlier model, which takes a fraction of the time."""
ROWS_MAX = 250_000
"""Of larger ledgers the accounts are drawn: both the model and the naive rows are tried on the same ones."""


@dataclass
class _Tally:
    """Errors gathered over the origins."""

    days: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    cash: dict[str, list[float]] = field(default_factory=dict)
    inside_items: list[bool] = field(default_factory=list)
    inside_weeks: list[bool] = field(default_factory=list)

    def add_days(self, name: str, errors: NDArray[Any]) -> None:
        self.days.setdefault(name, []).append(np.abs(errors))

    def add_cash(self, name: str, expected: int, actual: int) -> None:
        self.cash.setdefault(name, []).append(abs(expected - actual) / actual)


def score(
    ledger: Ledger, cutoff: date, options: FitOptions, snapshots: dict[int, Learned] | None = None
) -> dict[str, Any]:
    """Days of error of invoices that were open at an origin and are paid by now, and the error of four weeks' cash.

    Figures are texts of decimals. `scored_items` is 0 where the ledger is too young to be judged. `snapshots` takes
    what is learnt here of the whole ledger, for the fit at the cut-off to use.
    """
    whole = _drawn(ledger, options.seed)
    if whole is not ledger:
        snapshots = None
    origins = [day_of(cutoff) - ago for ago in ORIGINS_DAYS_AGO]
    if int((whole.paid <= origins[0]).sum()) < LEARNT_ITEMS_MIN:
        return {"scored_items": 0, "origins": []}
    first = date_of(origins[0])
    assert first is not None
    quick = replace(options, rows_max=options.rows_max // 2, calibration_weeks=CALIBRATION_WEEKS)
    model = fit(whole, first, quick, snapshots)
    tally = _Tally()
    for origin in origins:
        made = forecast(
            model, whole, first + timedelta(days=origin - origins[0]),
            ForecastOptions(horizon_weeks=WEEKS, simulations=SIMULATIONS, seed=options.seed),
        )  # fmt: skip
        _score_items(tally, whole, made, origin, day_of(cutoff))
        _score_cash(tally, whole, made, origin)
    scored = sum(len(part) for part in tally.days.get("model", []))
    return {
        "scored_items": scored,
        "origins": [(first + timedelta(days=origin - origins[0])).isoformat() for origin in origins],
        "mae_days": {name: _text(np.concatenate(parts).mean(), 2) for name, parts in tally.days.items()}
        if scored
        else {},
        "error_4_weeks": {name: _text(np.mean(errors), 4) for name, errors in tally.cash.items()},
        "coverage_invoice": _text(np.mean(tally.inside_items), 3) if tally.inside_items else None,
        "coverage_week": _text(np.mean(tally.inside_weeks), 3) if tally.inside_weeks else None,
    }


def _drawn(ledger: Ledger, seed: int) -> Ledger:
    """At most about ROWS_MAX rows, of whole payers."""
    if len(ledger) <= ROWS_MAX:
        return ledger
    kept = np.random.default_rng(seed).random(len(ledger.payers)) < ROWS_MAX / len(ledger)
    return ledger.take(np.flatnonzero(kept[ledger.payer]))


def _score_items(tally: _Tally, ledger: Ledger, made: Forecast, origin: int, cutoff: int) -> None:
    found = made.invoices
    paid = ledger.paid[found.row]
    settled = np.flatnonzero((paid != NEVER) & (paid <= cutoff))
    if len(settled) == 0:
        return
    paid, rows = paid[settled].astype(np.int64), found.row[settled]
    due, median = expected_days(ledger, origin, rows)
    tally.add_days("model", _bounded(found.p50[settled], origin) - paid)
    tally.add_days("due_date", _bounded(due, origin) - paid)
    tally.add_days("customer_median", _bounded(median, origin) - paid)
    inside = (found.p10[settled] <= paid) & (found.p90[settled] >= paid)
    tally.inside_items.extend(inside.tolist())


def _bounded(days: NDArray[Any], origin: int) -> NDArray[np.int64]:
    """A day past half a year counts as half a year: what will never be paid must not decide a mean."""
    return np.minimum(days.astype(np.int64), origin + 183)


def _score_cash(tally: _Tally, ledger: Ledger, made: Forecast, origin: int) -> None:
    coming = (ledger.paid > origin) & (ledger.paid <= origin + 7 * WEEKS)
    codes = np.zeros(len(ledger), np.int32)
    actual = weekly(ledger.paid[coming], ledger.amount_minor[coming], codes[coming], 1, origin)[0, :WEEKS]
    total = int(actual.sum())
    if total <= 0:
        return
    line = _organization(made)
    tally.add_cash("model", int(line.mean_minor.sum(axis=0)[:WEEKS].sum()), total)
    rows = made.invoices.row
    due, median = expected_days(ledger, origin, rows)
    for name, days in (("due_date", due), ("customer_median", median)):
        tally.add_cash(name, int(weekly(days, ledger.open_minor[rows], codes[rows], 1, origin)[0, :WEEKS].sum()), total)
    mean = mean_of_weeks(ledger, ledger.amount_minor, codes, 1, origin)[0, :WEEKS]
    tally.add_cash("mean_13", int(mean.sum()), total)
    if len(line.group) == 1:
        low, high = line.p10_minor[0, :WEEKS], line.p90_minor[0, :WEEKS]
        tally.inside_weeks.extend(((actual >= low) & (actual <= high)).tolist())


def _organization(made: Forecast) -> WeekTotals:
    return next(t for t in made.totals if t.dimension == "organization" and t.layer == Layer.TOTAL)


def _text(value: Any, places: int) -> str:
    return f"{float(value):.{places}f}"
