"""Small ledgers with known habits: accounts that pay in weekly runs, each with its own lateness."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from app.forecasting.model.interface import NEVER, Ledger, day_of

START = date(2025, 1, 6)
"""A Monday."""


def made_ledger(
    accounts: int = 12, weeks: int = 40, per_week: int = 2, seed: int = 3, until: int | None = None
) -> Ledger:
    """Accounts issued `per_week` items a week on 14 days; each pays in the first run on its weekday after its delay."""
    rng = np.random.default_rng(seed)
    account, issued, paid, amount = [], [], [], []
    for code in range(accounts):
        weekday, delay = code % 5, int(rng.integers(-4, 12))
        for week in range(weeks):
            for _ in range(per_week):
                day = day_of(START) + 7 * week + int(rng.integers(0, 5))
                ready = day + 14 + delay + int(rng.integers(0, 3))
                run = ready + (weekday - (ready + 3)) % 7
                account.append(f"A{code}")
                issued.append(day)
                paid.append(run if rng.random() > 0.02 else run + 90)
                amount.append(int(rng.integers(1_000, 900_000)))
    ends = np.array(paid)
    if until is not None:
        ends = np.where(ends <= until, ends, NEVER)
    return Ledger.from_columns(
        account=account,
        issued=issued,
        due=[day + 14 for day in issued],
        amount_minor=amount,
        currency=["EUR"] * len(account),
        paid=ends,
        segment=["large" if int(name[1:]) < accounts // 2 else "small" for name in account],
    )


def cutoff_after(weeks: int) -> date:
    """The Sunday after so many weeks."""
    return START + timedelta(days=7 * weeks - 1)
