"""The verbs of the model: fit on what was known at a cut-off, forecast from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.archive import pack, unpack
from app.forecasting.model.book import Outlook, expected, outlook_of, spreads
from app.forecasting.model.calibration import SPANS, Calibration, calibrate, kind_of
from app.forecasting.model.coming import billing_start
from app.forecasting.model.distribution import Distribution
from app.forecasting.model.features import Index, Landmarks
from app.forecasting.model.history import History
from app.forecasting.model.interface import (
    Basis,
    Codes,
    Days,
    FitOptions,
    Forecast,
    ForecastOptions,
    Groups,
    InvoiceForecasts,
    Layer,
    Ledger,
    Minor,
    WeekTotals,
    day_of,
)
from app.forecasting.model.late import LATE_DAYS, is_past_due
from app.forecasting.model.learning import Learned, distribution_of, learn
from app.forecasting.model.simulation import Spread

OWN_EVENTS = 5
"""Payments of an account from which on its own history leads."""
SNAPSHOT_DAYS = 49
FAMILY = "hazard-1"


@dataclass(frozen=True)
class Model:
    """A fitted model: plain arrays and numbers."""

    version: str
    """Names the kind of model, its cut-off and a digest of its numbers."""
    cutoff: date
    facts: Mapping[str, Any]
    """What it was fitted on and how well it is calibrated; plain JSON values."""
    learned: Learned
    calibration: Calibration

    def to_bytes(self) -> bytes:
        """The model as a compressed archive of arrays and JSON; never code."""
        head = {"version": self.version, "cutoff": self.cutoff.isoformat(), "facts": dict(self.facts)}
        return pack(self.learned, self.calibration, head)

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Reads what `to_bytes` wrote. ValueError when it is damaged or of another release: fit anew then."""
        learned, calibration, head = unpack(data)
        try:
            cutoff = date.fromisoformat(head["cutoff"])
            return cls(str(head["version"]), cutoff, dict(head["facts"]), learned, calibration)
        except (KeyError, TypeError) as error:
            raise ValueError("the model is damaged") from error


def fit(
    ledger: Ledger, cutoff: date, options: FitOptions | None = None, snapshots: dict[int, Learned] | None = None
) -> Model:
    """Learns from what was known at the end of `cutoff`; what was open then is censored.

    A thin ledger is never refused: what it lacks is taken from the level above, down to the terms alone.
    `snapshots` keeps what was learnt from the same ledger at earlier cut-offs, by day, for the next fit to use.
    """
    options = options or FitOptions()
    now = day_of(cutoff)
    begin = calibration_start(ledger, now, options.calibration_weeks)
    learned = learn(ledger, now, options)
    # Widths come from models that had not seen the outcomes they are measured on.
    kept = {} if snapshots is None else snapshots
    earlier_options = replace(options, rows_max=options.rows_max // 2)
    for day in missing_snapshots([known for known in kept if begin <= known < now], begin, now):
        kept[day] = learn(ledger, day, earlier_options)
    earlier = [(day, kept[day]) for day in sorted(kept) if begin <= day < now]
    kept[now] = learned
    calibration = calibrate(earlier, ledger, now, options.seed)
    known = int((ledger.issued <= now).sum())
    dependence = calibration.dependence
    facts = {
        "items": known,
        "payments": learned.priors.events,
        "accounts": len(np.unique(ledger.account[ledger.issued <= now])),
        "calibrated_from_day": begin,
        "calibration_items": calibration.ranks,
        "calibration_cells": calibration.cells,
        "levels": calibration.levels.round(4).tolist(),
        "scales": calibration.scales.round(4).tolist(),
        "shared_by_organization": round(dependence.organization, 4),
        "shared_by_payer": round(dependence.payer, 4),
        "shared_by_run": round(dependence.run, 4),
        "late_60_events": calibration.late.events,
        "late_60_odds": calibration.late.numbers.round(4).tolist(),
        "own_weight": learned.priors.own_weight,
        "own_reach_days": learned.priors.own_reach,
        "dispute_ratio": round(learned.effects.dispute, 4),
        "legal_ratio": round(learned.effects.legal, 4),
        "promise_kept": round(learned.effects.kept, 4),
    }
    digest = hashlib.sha256(pack(learned, calibration, {}))
    return Model(f"{FAMILY}.{cutoff:%Y%m%d}.{digest.hexdigest()[:12]}", cutoff, facts, learned, calibration)


def missing_snapshots(known: list[int], begin: int, cutoff: int) -> list[int]:
    """Days at which to learn besides: the start of the span, and wherever a model would grow older than seven weeks."""
    days = sorted({begin, *known})
    missing = [] if begin in known else [begin]
    for day, following in pairwise([*days, cutoff]):
        steps = -(-(following - day) // SNAPSHOT_DAYS)
        missing += [day + (following - day) * step // steps for step in range(1, steps)]
    return missing


def calibration_start(ledger: Ledger, cutoff: int, weeks: int) -> int:
    """Day from which outcomes set the widths: `weeks` before the cut-off, but never more than half of the history.

    A third of today's payments must have been known: an ignorant model says nothing of a better one's errors.
    """
    paid = np.sort(ledger.paid[ledger.paid <= cutoff])
    learnt = int(paid[len(paid) // 3]) if len(paid) else cutoff
    half = (billing_start(ledger, cutoff) + cutoff) // 2
    return min(max(cutoff - 7 * weeks, half, learnt), cutoff - 7)


def forecast(
    model: Model,
    ledger: Ledger,
    cutoff: date,
    options: ForecastOptions | None = None,
    groups: Groups | None = None,
) -> Forecast:
    """Forecasts every item open at the end of `cutoff`, and the totals of the organization and of each dimension.

    `groups` gives a code to each *row* of the ledger; codes need not be dense, and must agree within an account.
    """
    options = options or ForecastOptions()
    now = day_of(cutoff)
    outlook = outlook_of(
        model.learned,
        ledger,
        now,
        options.horizon_weeks,
        scenario=options.scenario,
        new_business=options.new_business,
        seed=options.seed,
    )
    return Forecast(
        cutoff=cutoff,
        model_version=model.version,
        scenario=options.scenario,
        invoices=_invoices(model, ledger, outlook),
        totals=_totals(model, outlook, options, groups or {}),
    )


def at_issue_forecasts(
    model: Model, ledger: Ledger, landmarks: Landmarks, history: History
) -> tuple[Distribution, Days, Days, Days]:
    """Distribution, P10, P50 and P90 of items seen on any day after the model's cut-off."""
    found = distribution_of(model.learned, ledger, landmarks, history)
    kind = kind_of(found.start, ledger.issued[landmarks.item], ledger.due[landmarks.item])
    return found, *_quantiles(model, found, kind)


def late_60(model: Model, found: Distribution, due: Days) -> NDArray[np.float64]:
    """Calibrated probability of settling later than sixty days past due."""
    said = 1 - found.by(due.astype(np.int64) + LATE_DAYS)
    return model.calibration.late.apply(said, is_past_due(found.start, due))


def _quantiles(model: Model, found: Distribution, kind: Index) -> tuple[Days, Days, Days]:
    levels = model.calibration.levels[kind]
    middle = found.quantile(0.5)
    low, high = found.quantile(levels[:, 0]), found.quantile(levels[:, 1])
    return np.minimum(low, middle), middle, np.maximum(high, middle)


def _invoices(model: Model, ledger: Ledger, outlook: Outlook) -> InvoiceForecasts:
    rows, found = outlook.rows, outlook.found
    p10, p50, p90 = _quantiles(model, found, kind_of(found.start, ledger.issued[rows], ledger.due[rows]))
    ends = [found.by(outlook.cutoff + 7 * week) for week in range(outlook.weeks + 1)]
    shares = np.clip(np.diff(np.stack(ends, axis=1), axis=1), 0, 1)
    amount = np.maximum(ledger.open_minor[rows], 0)
    return InvoiceForecasts(
        row=rows,
        p10=p10,
        p50=p50,
        p90=p90,
        week_probability=shares.astype(np.float32),
        late_60_probability=late_60(model, found, ledger.due[rows]).astype(np.float32),
        expected_minor=_minor(amount[:, None] * shares),
        basis=basis_of(model.learned, ledger, rows, outlook.cutoff),
    )


def basis_of(learned: Learned, ledger: Ledger, rows: Index, cutoff: int) -> NDArray[np.int8]:
    """Whose history leads each item's forecast: the first level with enough payments."""
    paid = np.bincount(ledger.account[ledger.paid <= cutoff], minlength=len(ledger.accounts))
    segment = learned.priors.segment_events[learned.priors.segment_line(ledger.segment[rows])]
    enough = [paid[ledger.account[rows]] >= OWN_EVENTS, (segment >= OWN_EVENTS) & (len(ledger.segments) > 1)]
    fallback = Basis.ORGANIZATION if learned.priors.events >= OWN_EVENTS else Basis.TERMS
    return np.select(enough, [int(Basis.ACCOUNT), int(Basis.SEGMENT)], int(fallback)).astype(np.int8)


def _totals(model: Model, outlook: Outlook, options: ForecastOptions, groups: Groups) -> tuple[WeekTotals, ...]:
    """Lines are pairs of group and currency, since money of two currencies has no sum."""
    if not len(outlook.units):
        return ()
    rows = outlook.source_units[0]
    dimensions: dict[str, Codes] = {"organization": np.zeros(len(rows), np.int32)}
    dimensions |= {name: np.asarray(codes, np.int32)[rows] for name, codes in groups.items()}
    lines, keys = {}, {}
    for name, codes in dimensions.items():
        pair = np.stack([codes.astype(np.int64), outlook.units.currency], axis=1)
        keys[name], place = np.unique(pair, axis=0, return_inverse=True)
        lines[name] = place.ravel().astype(np.int32)
    found = spreads(outlook, lines, model.calibration.dependence, options.simulations, options.seed)
    totals = []
    for name, key in keys.items():
        means = expected(outlook, lines[name], len(key))
        for layer, mean in means.items():
            totals.append(_week_totals(model, name, Layer(layer), key, mean, found[name, layer]))
    return tuple(totals)


def _week_totals(
    model: Model, dimension: str, layer: Layer, key: NDArray[np.int64], mean: NDArray[np.float64], found: Spread
) -> WeekTotals:
    low, middle, high = calibrated(model, layer, found.weekly)
    run_low, _, run_high = calibrated(model, layer, found.running)
    return WeekTotals(
        dimension=dimension,
        layer=layer,
        group=key[:, 0].astype(np.int32),
        currency=key[:, 1].astype(np.int32),
        mean_minor=_minor(mean),
        p10_minor=_minor(low),
        p50_minor=_minor(middle),
        p90_minor=_minor(high),
        cumulative_p10_minor=_minor(run_low),
        cumulative_p90_minor=_minor(run_high),
    )


def calibrated(model: Model, layer: Layer, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simulated (P10, P50, P90) with half-widths scaled by what the rolling origins said of that week ahead."""
    low, middle, high = quantiles
    week = np.arange(1, middle.shape[1] + 1)
    span = np.minimum(np.searchsorted([last for _, last in SPANS], week), len(SPANS) - 1)
    below, above = model.calibration.scales[list(Layer).index(layer), span].T
    return np.stack([np.maximum(middle - below * (middle - low), 0), middle, middle + above * (high - middle)])


def _minor(values: NDArray[Any]) -> Minor:
    """The one place where an expectation becomes money: rounded half to even, to the minor unit."""
    rounded: Minor = np.rint(values).astype(np.int64)
    return rounded
