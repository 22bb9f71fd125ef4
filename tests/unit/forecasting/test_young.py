"""Young ledgers: of long terms nobody has paid anything when the first bills are issued."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from app.forecasting.model.baselines import PlainBoosting
from app.forecasting.model.history import History
from app.forecasting.model.interface import HistoryItem, Ledger, day_of


def test_the_plain_baseline_learns_although_nobody_had_paid_before() -> None:
    first = date(2026, 1, 5)
    items = [
        HistoryItem(
            f"A{number % 2}", first + timedelta(days=number), first + timedelta(days=number + 90), 100_00, "EUR",
            first + timedelta(days=number + 95),
        )
        for number in range(40)
    ]  # fmt: skip
    ledger = Ledger.from_items(items)
    cutoff = day_of(first + timedelta(days=140))
    said = PlainBoosting(ledger, cutoff, 1).predict(ledger, np.arange(40), History(ledger, cutoff))
    assert np.abs(said - 5).max() < 0.5
