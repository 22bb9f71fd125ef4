"""What a run says while no model is in force: the best naive row, within the width of the model's interval.

Half of an item's weight lies on its naive day and half stays with the model, so that the naive day is its median and
the weeks still say how unsure that is. A total of a week is the naive row itself. Of a what-if the difference that the
model sees between the two scenarios is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.forecasting.making.naive import expected_days
from app.forecasting.model.interface import (
    NEVER,
    Codes,
    Days,
    InvoiceForecasts,
    Layer,
    Ledger,
    Minor,
    WeekTotals,
)
from app.forecasting.model.late import LATE_DAYS
from app.forecasting.rules import Fallback

NAIVE_WEIGHT = 0.5


def naive_days(name: str, ledger: Ledger, cutoff: int, rows: NDArray[Any]) -> Days:
    """The day of each row by a naive row; by its due date where nobody ever paid anything."""
    due, median = expected_days(ledger, cutoff, rows)
    return due if name == "due_date" or not (ledger.paid <= cutoff).any() else median


def with_naive_days(
    name: str, ledger: Ledger, cutoff: int, found: InvoiceForecasts, expected: InvoiceForecasts | None
) -> InvoiceForecasts:
    """The items with the naive day as their P50. `expected`: the same items without the scenario of a what-if."""
    days = naive_days(name, ledger, cutoff, found.row).astype(np.int64)
    if expected is not None:
        known = (found.p50 != NEVER) & (expected.p50 != NEVER)
        shift = np.where(known, found.p50.astype(np.int64) - expected.p50, 0)
        days = np.maximum(days + shift, cutoff + 1)
    weeks = found.week_probability.shape[1]
    mixed = found.week_probability * (1 - NAIVE_WEIGHT)
    week = (days - cutoff - 1) // 7
    inside = np.flatnonzero(week < weeks)
    mixed[inside, week[inside]] += NAIVE_WEIGHT
    late = days > ledger.due[found.row].astype(np.int64) + LATE_DAYS
    late_60 = found.late_60_probability * (1 - NAIVE_WEIGHT) + late * NAIVE_WEIGHT
    amount = ledger.open_minor[found.row]
    return replace(
        found,
        p10=np.minimum(found.p10, days).astype(np.int32),
        p50=days.astype(np.int32),
        p90=np.maximum(found.p90, days).astype(np.int32),
        week_probability=mixed.astype(np.float32),
        late_60_probability=late_60.astype(np.float32),
        expected_minor=np.rint(mixed * amount[:, None]).astype(np.int64),
    )


def fallen_back(
    fallback: Fallback,
    weeks: Callable[[str, str, Codes], Minor],
    totals: Sequence[WeekTotals],
    expected: Sequence[WeekTotals] | None,
) -> list[Minor]:
    """The mean of each of the totals, in their order: the naive rows where they take the model's place.

    `weeks` gives a naive row of groups of a dimension, `expected` the totals without the scenario of a what-if. Layers
    add up: a total without a row of its own is open and coming items; beside a total with one, the coming are what it
    leaves.
    """
    means = {(one.dimension, one.layer): one.mean_minor for one in totals}
    groups = {(one.dimension, one.layer): one.group for one in totals}
    for place, one in enumerate(totals):
        name = {Layer.OPEN: fallback.open_row, Layer.TOTAL: fallback.total_row}.get(one.layer)
        if name is not None:
            known = one if expected is None else expected[place]
            shift = one.mean_minor - _of_groups(known.mean_minor, known.group, one.group)
            means[one.dimension, one.layer] = np.maximum(weeks(name, one.dimension, one.group) + shift, 0)

    def part(layer: Layer, of: WeekTotals) -> Minor:
        slot = (of.dimension, layer)
        return _of_groups(means[slot], groups[slot], of.group) if slot in means else np.zeros_like(of.mean_minor)

    for one in totals:
        slot = (one.dimension, one.layer)
        if one.layer == Layer.TOTAL and fallback.total_row is None and fallback.open_row is not None:
            means[slot] = part(Layer.OPEN, one) + part(Layer.NEW_BUSINESS, one)
        elif one.layer == Layer.NEW_BUSINESS and fallback.total_row is not None:
            means[slot] = np.maximum(part(Layer.TOTAL, one) - part(Layer.OPEN, one), 0)
    return [means[one.dimension, one.layer] for one in totals]


def _of_groups(rows: Minor, present: Codes, wanted: Codes) -> Minor:
    """The rows of these groups; zeros for a group that has none."""
    if np.array_equal(present, wanted):
        return rows
    found = np.zeros((len(wanted), rows.shape[1]), np.int64)
    place = {code: line for line, code in enumerate(present.tolist())}
    for line, code in enumerate(wanted.tolist()):
        if code in place:
            found[line] = rows[place[code]]
    return found


def with_mean(totals: WeekTotals, mean: Minor) -> WeekTotals:
    """The totals with this mean; the model's intervals, widened where they do not hold it."""
    so_far = np.cumsum(mean, axis=1)
    return replace(
        totals,
        mean_minor=mean,
        p50_minor=mean,
        p10_minor=np.minimum(totals.p10_minor, mean),
        p90_minor=np.maximum(totals.p90_minor, mean),
        cumulative_p10_minor=np.minimum(totals.cumulative_p10_minor, so_far),
        cumulative_p90_minor=np.maximum(totals.cumulative_p90_minor, so_far),
    )
