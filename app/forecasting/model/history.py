"""How each account paid before a given day: counts by days late, by age and by payment run, as of any landmark.

A *state* is an (account, day) pair; its counts hold only payments dated on or before that day, so a feature made of
them is known at that day. Cumulative sums over the account's payments in order make a state the difference of two
rows, whatever the number of payments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.interface import NEVER, Codes, Days, Ledger

LATE_MIN, LATE_MAX = -30, 75
LATE_BINS = LATE_MAX - LATE_MIN + 1
AGE_MAX = 75
AGE_BINS = AGE_MAX + 1
RECENT_DAYS = 60
RUN_DAYS = 91
CHUNK_EVENTS = 150_000
DIRECT_SHARE = 8
"""Times an event may be read, on average, before sums over all events are cheaper than counting."""
KEY_SPAN = 1 << 17
"""Larger than any span of days; composes account and day into one sortable number."""

Counts = NDArray[np.float32]


def late_bin(days_late: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bin of days late; the outermost bins take all that is beyond."""
    return np.clip(days_late, LATE_MIN, LATE_MAX) - LATE_MIN


def age_bin(age_days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bin of days since issue; the last takes all older ones."""
    return np.clip(age_days, 0, AGE_MAX)


@dataclass(frozen=True, slots=True)
class States:
    """Facts of (account, day) pairs, one line each."""

    late: Counts
    """(states, LATE_BINS): payments by days late, all time."""
    late_recent: Counts
    """The same of the last `RECENT_DAYS`."""
    age: Counts
    """(states, AGE_BINS): payments by days since issue, all time."""
    run_weekday: Counts
    """(states, 7): days with a payment by weekday, within `RUN_DAYS`."""
    run_weeks: Counts
    """(states,): weeks that `run_weekday` could observe."""
    run_phase: Counts
    """(states, 3): payment days in the first, second and last third of the month, within `RUN_DAYS`."""
    paid_count: Counts
    open_count: Counts
    log_amount: Counts
    """Mean log of the amounts paid."""
    late_mean: Counts
    late_last: Counts
    """Mean days late of the newest payment run."""
    since_run_days: Counts
    run_gap_days: Counts
    """Mean days between payment runs, within `RUN_DAYS`."""


class History:
    """The ledger's payments, ordered for questions as of any day up to `cutoff`."""

    def __init__(self, ledger: Ledger, cutoff: int) -> None:
        known = ledger.issued <= cutoff
        account, issued = ledger.account[known], ledger.issued[known]
        ended = np.minimum(ledger.paid[known], ledger.closed[known])
        self.base = int(issued.min(initial=cutoff)) - 400
        self.accounts = len(ledger.accounts)
        self._issued_keys = np.sort(self._key(account, issued))
        gone = ended <= cutoff
        self._ended_keys = np.sort(self._key(account[gone], np.maximum(ended[gone], issued[gone])))
        paid = ledger.paid[known]
        events = np.flatnonzero(paid <= cutoff)
        keys = self._key(account[events], np.maximum(paid[events], issued[events]))
        order = np.argsort(keys, kind="stable")
        events = events[order]
        self.keys = keys[order]
        self.account = account[events].astype(np.int64)
        self.paid = np.maximum(paid[events], issued[events]).astype(np.int64)
        self.late = self.paid - ledger.due[known][events]
        self.age = self.paid - issued[events]
        self.log_amount = np.log1p(np.abs(ledger.amount_minor[known][events]).astype(np.float64))
        first = np.ones(len(events), bool)
        first[1:] = self.keys[1:] != self.keys[:-1]
        self.runs = np.flatnonzero(first)
        """Positions of the first payment of each (account, day): the payment runs."""
        self.run_keys = self.keys[self.runs]

    def _key(self, account: Codes, day: Days | NDArray[np.int64]) -> NDArray[np.int64]:
        return account.astype(np.int64) * KEY_SPAN + (np.asarray(day, np.int64) - self.base)

    def states(self, account: Codes, day: Days) -> States:
        """The facts of each pair; pairs should be distinct and sorted by account (they need not)."""
        floor = account.astype(np.int64) * KEY_SPAN
        now = self._key(account, day)
        low = np.searchsorted(self.keys, floor)
        high = np.searchsorted(self.keys, now, "right")
        recent = np.maximum(np.searchsorted(self.keys, now - RECENT_DAYS, "right"), low)
        run_now = np.searchsorted(self.run_keys, now, "right")
        run_floor = np.searchsorted(self.run_keys, floor)
        run_low = np.maximum(np.searchsorted(self.run_keys, now - RUN_DAYS, "right"), run_floor)
        late, late_recent = self._histogram(late_bin(self.late), LATE_BINS, low, high, recent)
        age, _ = self._histogram(age_bin(self.age), AGE_BINS, low, high, recent)
        run_days = self.paid[self.runs]
        run_weekday, _ = _differences((run_days + 3) % 7, 7, run_low, run_now, run_low)
        run_phase, _ = _differences(_third_of_month(run_days), 3, run_low, run_now, run_low)
        count = (high - low).astype(np.float32)
        has_run = run_now > run_floor
        last_run = np.where(has_run, run_now - 1, 0)
        last_day = run_days[last_run] if len(run_days) else np.zeros(len(now), np.int64)
        oldest = run_days[np.where(run_now > run_low, run_low, 0)] if len(run_days) else last_day
        runs = run_now - run_low
        start = self._first_day(floor, low, high)
        observed = np.clip(np.asarray(day, np.int64) - start + 1, 7, RUN_DAYS) / 7
        first_of_last = np.where(has_run, self.runs[last_run] if len(self.runs) else 0, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(runs > 1, (last_day - oldest) / np.maximum(runs - 1, 1), np.nan)
        return States(
            late=late,
            late_recent=late_recent,
            age=age,
            run_weekday=run_weekday,
            run_weeks=observed.astype(np.float32),
            run_phase=run_phase,
            paid_count=count,
            open_count=(
                np.searchsorted(self._issued_keys, now, "right")
                - np.searchsorted(self._issued_keys, floor)
                - np.searchsorted(self._ended_keys, now, "right")
                + np.searchsorted(self._ended_keys, floor)
            ).astype(np.float32),
            log_amount=_means(self.log_amount, low, high),
            late_mean=_means(self.late, low, high),
            late_last=_means(self.late, np.minimum(first_of_last, high), high),
            since_run_days=np.where(has_run, np.asarray(day, np.int64) - last_day, np.nan).astype(np.float32),
            run_gap_days=gap.astype(np.float32),
        )

    def _first_day(
        self, floor: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """First day on which anything of the account is known: its first payment, or never (a far future day)."""
        if not len(self.paid):
            return np.full(len(floor), NEVER, np.int64)
        return np.where(high > low, self.paid[np.minimum(low, len(self.paid) - 1)], NEVER)

    def _histogram(
        self,
        bins: NDArray[np.int64],
        size: int,
        low: NDArray[np.int64],
        high: NDArray[np.int64],
        recent: NDArray[np.int64],
    ) -> tuple[Counts, Counts]:
        """Counts by bin of the payments in [low, high) and in [recent, high), a bounded block of payments at a time."""
        total = np.zeros((len(low), size), np.float32)
        newer = np.zeros((len(low), size), np.float32)
        order = np.argsort(low, kind="stable")
        place = 0
        while place < len(order):
            begin = int(low[order[place]])
            stop = int(np.searchsorted(low[order], begin + CHUNK_EVENTS, "right"))
            stop = max(stop, place + 1)
            block = order[place:stop]
            end = int(high[block].max(initial=begin))
            total[block], newer[block] = _differences(
                bins[begin:end], size, low[block] - begin, high[block] - begin, recent[block] - begin
            )
            place = stop
        return total, newer


def _third_of_month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    stamps = days.astype("datetime64[D]")
    first = stamps.astype("datetime64[M]").astype("datetime64[D]")
    third: NDArray[np.int64] = np.minimum((stamps - first).astype(np.int64) // 10, 2)
    return third


def _counted(bins: NDArray[np.int64], size: int, low: NDArray[np.int64], width: NDArray[np.int64]) -> Counts:
    """Counts by bin of each range, event by event."""
    line = np.repeat(np.arange(len(low)), width)
    place = np.arange(len(line)) + np.repeat(low - (np.cumsum(width) - width), width)
    return np.bincount(line * size + bins[place], minlength=len(low) * size).reshape(-1, size).astype(np.float32)


def _differences(
    bins: NDArray[np.int64],
    size: int,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    recent: NDArray[np.int64],
) -> tuple[Counts, Counts]:
    width = high - low
    if int(width.sum()) <= DIRECT_SHARE * len(bins):
        return _counted(bins, size, low, width), _counted(bins, size, recent, high - recent)
    sums = np.zeros((len(bins) + 1, size), np.int32)
    sums[np.arange(1, len(bins) + 1), bins] = 1
    np.cumsum(sums, axis=0, out=sums)
    top = sums[high]
    return (top - sums[low]).astype(np.float32), (top - sums[recent]).astype(np.float32)


def _means(values: NDArray[np.float64] | NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> Counts:
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(high > low, (sums[high] - sums[low]) / (high - low), np.nan).astype(np.float32)
