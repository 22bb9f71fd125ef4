"""The calendar of a span of days as arrays: what is known of every future day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.interface import EPOCH, Days

MARGIN_DAYS = 40
"""Days before and after the span for which neighbours are needed."""


@dataclass(frozen=True, slots=True)
class DayCalendar:
    """Columns by day, from `first` on. A day outside the span is an error of the caller."""

    first: int
    weekday: NDArray[np.int8]
    day_of_month: NDArray[np.int8]
    days_to_month_end: NDArray[np.int8]
    open: NDArray[np.bool_]
    """Banks book: neither weekend nor holiday."""
    closed_before: NDArray[np.int8]
    """Closed days in a row just before this one: their payments arrive now."""
    open_index: NDArray[np.int32]
    """Number of open days up to and including this one, from the start of the span."""

    @classmethod
    def over(cls, first: int, last: int, holidays: Iterable[date] = ()) -> DayCalendar:
        """The calendar of `first … last` (day numbers), with a margin on both sides."""
        first, last = first - MARGIN_DAYS, last + MARGIN_DAYS
        days = np.arange(first, last + 1)
        stamps = days.astype("datetime64[D]")
        months = stamps.astype("datetime64[M]")
        next_month = (months + 1).astype("datetime64[D]")
        weekday = (days + 3) % 7
        is_open = weekday < 5
        closed = np.array([(holiday - EPOCH).days - first for holiday in holidays], np.int64)
        is_open[closed[(closed >= 0) & (closed < len(days))]] = False
        run = np.zeros(len(days), np.int8)
        for index in range(1, len(days)):
            run[index] = 0 if is_open[index - 1] else min(run[index - 1] + 1, 9)
        return cls(
            first=first,
            weekday=weekday.astype(np.int8),
            day_of_month=((stamps - months.astype("datetime64[D]")).astype(np.int64) + 1).astype(np.int8),
            days_to_month_end=((next_month - stamps).astype(np.int64) - 1).astype(np.int8),
            open=is_open,
            closed_before=run,
            open_index=np.cumsum(is_open).astype(np.int32),
        )

    def at(self, days: Days | NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of day numbers in the columns."""
        return np.asarray(days, np.int64) - self.first
