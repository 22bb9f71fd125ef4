"""How far an account's own history is believed, and items with terms longer than the usual grid of days."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from app.forecasting.model.engine import fit, forecast
from app.forecasting.model.features import smoothed
from app.forecasting.model.history import History
from app.forecasting.model.interface import FitOptions, ForecastOptions, HistoryItem, Ledger, date_of, day_of
from app.forecasting.model.leaning import WEIGHTS, likelihood, with_leaning
from app.forecasting.model.learning import weekday_habit
from app.forecasting.model.priors import OWN_WEIGHT, learn_priors
from tests.unit.forecasting.synthetic import START, made_ledger


def test_counts_are_spread_and_none_is_lost() -> None:
    counts = np.zeros((2, 9), np.float32)
    counts[0, 4], counts[1, 0] = 4, 9
    spread = smoothed(counts, 1)
    assert spread[0].tolist() == [0, 0, 0, 1, 2, 1, 0, 0, 0]
    assert spread.sum(axis=1) == pytest.approx([4, 9])
    assert smoothed(counts, 0) is counts


def test_a_hazard_that_foretells_the_day_is_likelier() -> None:
    good, bad = np.full((1, 106), 0.01, np.float32), np.full((1, 106), 0.01, np.float32)
    good[0, 40], bad[0, 30] = 0.9, 0.9
    first, last, paid = np.array([10]), np.array([40]), np.array([True])
    assert likelihood(good, first, last, paid) > likelihood(bad, first, last, paid)
    open_still = np.array([False])
    assert likelihood(good, first, last, open_still) > likelihood(bad, first, last, open_still)


def test_where_customers_keep_their_habits_a_few_payments_count_for_more() -> None:
    """Twenty accounts pay each on its own day past due, weeks apart from one another."""
    items = []
    for account in range(20):
        for number in range(8):
            issued = START + timedelta(days=20 * number + account)
            paid = issued + timedelta(days=30 + 3 * account)
            items.append(HistoryItem(f"A{account}", issued, issued + timedelta(days=30), 10_000, "EUR", paid))
    ledger = Ledger.from_items(items)
    cutoff = day_of(START) + 220
    history = History(ledger, cutoff)
    priors = learn_priors(ledger, cutoff, weekday_habit(history, cutoff).astype(np.float64))
    chosen = with_leaning(priors, ledger, history, cutoff, np.random.default_rng(1))
    assert (priors.own_weight, chosen.own_weight) == (OWN_WEIGHT, min(WEIGHTS))


def test_items_with_long_terms_are_seen_to_their_due_date() -> None:
    ledger = made_ledger(accounts=6, weeks=50)
    longer = Ledger.from_columns(
        account=[ledger.accounts[code] for code in ledger.account],
        issued=ledger.issued - 106, due=ledger.due, amount_minor=ledger.amount_minor,
        currency=["EUR"] * len(ledger), paid=ledger.paid,
    )  # fmt: skip
    cutoff = date_of(day_of(START) + 7 * 40)
    assert cutoff is not None
    made = forecast(
        fit(longer, cutoff, FitOptions(rows_max=20_000, trees_max=20)), longer, cutoff,
        ForecastOptions(horizon_weeks=20, simulations=20, new_business=False),
    )  # fmt: skip
    rows = made.invoices.row
    far = longer.due[rows] > day_of(cutoff) + 98
    assert not far.any() or (np.abs(made.invoices.p50[far] - longer.due[rows][far]) < 40).all()
    missed = np.abs(made.invoices.p50.astype(np.int64) - longer.paid[rows])
    assert np.median(missed) <= 7
