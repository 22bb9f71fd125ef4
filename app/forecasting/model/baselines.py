"""The naive rows beside every forecast: due date, customer median, own spread, mean of 13 weeks, plain boosting."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from app.forecasting.model.coming import billing_start
from app.forecasting.model.features import Index
from app.forecasting.model.history import History
from app.forecasting.model.interface import NEVER, Ledger

MEAN_WEEKS = 13
OWN_MIN = 5
"""Payments under which an account has no spread of its own, and the organization's is used."""
PLAIN_EVENTS_MIN = 30

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OwnHistory:
    """What an account's own payments, known before an item was issued, say of it. Days past due unless told."""

    median: Values
    median_to_pay: Values
    """Days from issue."""
    low: Values
    high: Values
    """Empirical tenth and ninetieth percentile."""
    terms: Values
    """Days from issue to due date."""


class _Sorted:
    """Values in order, with the quantiles of the empirical distribution."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def add(self, value: int) -> None:
        insort(self.values, value)

    def median(self) -> float:
        size = len(self.values)
        return (self.values[(size - 1) // 2] + self.values[size // 2]) / 2

    def quantile(self, tenths: int) -> int:
        """Smallest value with at least that share at or below it."""
        return self.values[max(-(-len(self.values) * tenths // 10) - 1, 0)]


def own_history(ledger: Ledger, rows: Index) -> OwnHistory:
    """Medians and spread as of the day before each row's issue; the organization's where the account has none."""
    paid = np.flatnonzero(ledger.paid < NEVER)
    paid = paid[np.argsort(ledger.paid[paid], kind="stable")]
    paid_days = ledger.paid[paid].tolist()
    late, age = (ledger.paid - ledger.due.astype(np.int64)), (ledger.paid - ledger.issued.astype(np.int64))
    whole, whole_age = _Sorted(), _Sorted()
    own: dict[int, tuple[_Sorted, _Sorted]] = {}
    result = np.zeros((5, len(rows)))
    done = 0
    for place in np.argsort(ledger.issued[rows], kind="stable"):
        row = rows[place]
        until = bisect_left(paid_days, int(ledger.issued[row]))
        for event in paid[done:until]:
            mine = own.setdefault(int(ledger.account[event]), (_Sorted(), _Sorted()))
            for values, value in ((mine[0], late), (whole, late), (mine[1], age), (whole_age, age)):
                values.add(int(value[event]))
        done = max(done, until)
        terms = int(ledger.due[row]) - int(ledger.issued[row])
        mine = own.get(int(ledger.account[row]), (whole, whole_age))
        if not whole.values:
            result[:, place] = (0, terms, 0, 0, terms)
            continue
        spread = mine[0] if len(mine[0].values) >= OWN_MIN else whole
        result[:, place] = (mine[0].median(), mine[1].median(), spread.quantile(1), spread.quantile(9), terms)
    return OwnHistory(*result)


def mean_of_weeks(ledger: Ledger, cutoff: int, weeks: int = MEAN_WEEKS) -> float:
    """Mean weekly payments of the weeks before (all that are known, if fewer), in minor units."""
    known = max(min(weeks, (cutoff - billing_start(ledger, cutoff) + 1) // 7), 1)
    paid = (ledger.paid > cutoff - 7 * known) & (ledger.paid <= cutoff)
    return float(ledger.amount_minor[paid].astype(np.float64).sum()) / known


class PlainBoosting:
    """Boosting of days past due on a plain baseline's features: terms, amount, calendar, the account's mean and count.

    Trained on what was paid by the cut-off, as is usual; open items are left out.
    """

    def __init__(self, ledger: Ledger, cutoff: int, seed: int) -> None:
        rows = np.flatnonzero((ledger.paid <= cutoff) & (ledger.issued <= cutoff))
        self._model: HistGradientBoostingRegressor | None = None
        if len(rows) < PLAIN_EVENTS_MIN:
            return
        late = (ledger.paid[rows] - ledger.due[rows]).astype(np.float64)
        matrix = self._matrix(ledger, rows, History(ledger, cutoff))
        matrix[:, np.isnan(matrix).all(axis=0)] = 0  # nobody had paid before: a column without a value cannot be binned
        self._model = HistGradientBoostingRegressor(loss="absolute_error", random_state=seed)
        with threadpool_limits(1, "openmp"):
            self._model.fit(matrix, late)

    def predict(self, ledger: Ledger, rows: Index, history: History) -> Values:
        """Days past due; 0 where nothing could be learnt."""
        if self._model is None or not len(rows):
            return np.zeros(len(rows))
        with threadpool_limits(1, "openmp"):
            predicted: Values = self._model.predict(self._matrix(ledger, rows, history))
        return predicted

    @staticmethod
    def _matrix(ledger: Ledger, rows: Index, history: History) -> Values:
        known = (ledger.issued[rows] - 1).astype(np.int32)
        states = history.states(ledger.account[rows], known)
        due = ledger.due[rows].astype(np.int64)
        stamps = due.astype("datetime64[D]")
        day_of_month = (stamps - stamps.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
        return np.stack(
            [
                due - ledger.issued[rows],
                np.log1p(np.abs(ledger.amount_minor[rows]).astype(np.float64)),
                (ledger.issued[rows].astype(np.int64) + 3) % 7,
                (due + 3) % 7,
                day_of_month,
                states.late_mean.astype(np.float64),
                states.paid_count.astype(np.float64),
            ],
            axis=1,
        ).astype(np.float64)
