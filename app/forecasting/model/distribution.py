"""The distribution of each item's payment day on a grid of days, and what is read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.interface import NEVER, Days, Shares

GRID_DAYS = 98
"""Days after the first one that are computed one by one; beyond, the mean hazard of the last `TAIL_DAYS`."""
GRID_DAYS_MAX = 280
"""The same of items with the longest terms."""
TAIL_DAYS = 28
TAIL_MIN = 1e-4
REACH_DAYS = 3_650
"""Days after which a quantile is said not to come."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """P(paid by the end of day `start + k`), one line an item; each line has its own first day."""

    start: NDArray[np.int64]
    cdf: Shares
    """(items, days)."""
    tail: Shares
    """(items,): daily hazard past the grid."""

    def quantile(self, level: float | NDArray[np.float64]) -> Days:
        """First day by which the item is paid with that probability; `NEVER` past the reach."""
        levels = np.broadcast_to(np.asarray(level, np.float64), (len(self.cdf),))
        place = (self.cdf < levels[:, None]).sum(axis=1)
        days = self.cdf.shape[1]
        left = 1 - self.cdf[:, -1].astype(np.float64)
        wanted = np.maximum(1 - levels, 1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            further = np.ceil(np.log(np.minimum(wanted / np.maximum(left, 1e-12), 1)) / np.log1p(-self.tail))
        beyond = place >= days
        place = np.where(beyond, days - 1 + np.maximum(further, 1), place)
        return np.where(place > REACH_DAYS, NEVER, self.start + np.minimum(place, REACH_DAYS)).astype(np.int32)

    def by(self, day: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """P(paid by the end of that day)."""
        place = np.asarray(day, np.int64) - self.start
        days = self.cdf.shape[1]
        inside = self.cdf[np.arange(len(self.cdf)), np.clip(place, 0, days - 1)].astype(np.float64)
        beyond = np.maximum(place - days + 1, 0)
        value = 1 - (1 - inside) * (1 - self.tail.astype(np.float64)) ** beyond
        return np.where(place < 0, 0.0, value)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Distribution:
        """These items only."""
        return Distribution(self.start[rows], self.cdf[rows], self.tail[rows])


def from_hazards(start: NDArray[np.int64], hazard: NDArray[np.float32]) -> Distribution:
    """The distribution of daily hazards; the mean of the last weeks continues."""
    tail = np.maximum(hazard[:, -TAIL_DAYS:].mean(axis=1), TAIL_MIN).astype(np.float32)
    return Distribution(start, (1 - np.cumprod(1 - hazard, axis=1)).astype(np.float32), tail)
