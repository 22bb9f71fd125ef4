"""Measures of forecasts against what came: plain functions on arrays; null (None) where there is nothing to measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from app.core.aging import AgingBounds

RELIABILITY_EDGES = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BOOTSTRAPS = 2_000

Values = NDArray[np.float64]


def mean(values: NDArray[np.generic]) -> float | None:
    """Mean, or None of nothing."""
    return float(np.mean(values.astype(np.float64))) if len(values) else None


def wape(forecast: Values, actual: Values) -> float | None:
    """Σ|forecast − actual| ÷ Σ actual."""
    total = float(np.abs(actual).sum())
    return float(np.abs(forecast - actual).sum()) / total if total else None


def bias(forecast: Values, actual: Values) -> float | None:
    """Σ(forecast − actual) ÷ Σ actual: above 0 where too much was expected."""
    total = float(np.abs(actual).sum())
    return float((forecast - actual).sum()) / total if total else None


def coverage(low: Values, high: Values, actual: Values) -> float | None:
    """Share of outcomes within [low, high], both ends included."""
    return mean((actual >= low) & (actual <= high))


def days_to_cover(low: Values, high: Values, actual: Values, wanted: float) -> float | None:
    """Days by which both ends must move outwards (below 0: inwards) for that share of outcomes to lie inside."""
    finite = np.isfinite(actual)
    if not finite.any():
        return None
    outside = np.sort(np.where(finite, np.maximum(low - actual, actual - high), np.inf))
    place = min(max(int(np.ceil(wanted * len(outside))) - 1, 0), len(outside) - 1)
    return float(outside[place]) if np.isfinite(outside[place]) else None


def pinball(quantile: Values, actual: Values, level: float) -> float | None:
    """Mean pinball loss of a quantile forecast; smaller is better."""
    error = actual - quantile
    return mean(np.maximum(level * error, (level - 1) * error))


def lift_of_average_precision(score: Values, happened: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """(area under precision and recall ÷ base rate, base rate); no area when nothing or everything happened."""
    rate = mean(happened)
    if rate is None or rate in (0.0, 1.0):
        return None, rate
    return float(average_precision_score(happened, score)) / rate, rate


def reliability(probability: Values, happened: NDArray[np.bool_]) -> list[dict[str, float | int]]:
    """Bins of predicted probability: how many, mean predicted, share that happened. Empty bins are left out."""
    place = np.clip(np.searchsorted(RELIABILITY_EDGES, probability, "right") - 1, 0, len(RELIABILITY_EDGES) - 2)
    table: list[dict[str, float | int]] = []
    for line in range(len(RELIABILITY_EDGES) - 1):
        inside = place == line
        if inside.any():
            table.append(
                {
                    "from": RELIABILITY_EDGES[line],
                    "to": RELIABILITY_EDGES[line + 1],
                    "count": int(inside.sum()),
                    "predicted": float(probability[inside].mean()),
                    "observed": float(happened[inside].mean()),
                }
            )
    return table


def macro_recall(predicted_late: Values, actual_late: Values) -> float | None:
    """Mean over aging buckets that occurred of the share of their items predicted into them."""
    bounds = np.asarray(AgingBounds().upper)
    predicted, actual = np.searchsorted(bounds, np.rint(predicted_late)), np.searchsorted(bounds, actual_late)
    recalls = [float((predicted[actual == bucket] == bucket).mean()) for bucket in np.unique(actual)]
    return float(np.mean(recalls)) if recalls else None


def block_bootstrap(forecast: Values, actual: Values, block: int, seed: int) -> tuple[float, float] | None:
    """P10 and P90 of the WAPE over origins drawn in blocks (overlapping horizons depend on each other)."""
    size = len(actual)
    if size < 2 or not np.abs(actual).sum():
        return None
    rng = np.random.default_rng(seed)
    block = min(block, size)
    starts = rng.integers(0, size - block + 1, (BOOTSTRAPS, -(-size // block)))
    drawn = (starts[:, :, None] + np.arange(block)).reshape(BOOTSTRAPS, -1)[:, :size]
    error, total = np.abs(forecast - actual)[drawn].sum(axis=1), np.abs(actual)[drawn].sum(axis=1)
    low, high = np.quantile(error / np.maximum(total, 1), (0.1, 0.9))
    return float(low), float(high)
