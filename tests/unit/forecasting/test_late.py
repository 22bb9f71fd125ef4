"""Probabilities of very late payments: calibrated with few positives, what is certain stays."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from app.forecasting.model.calibration import GROUP_WEIGHT, weight_of_kind
from app.forecasting.model.interface import NEVER, Ledger
from app.forecasting.model.late import SLOPE, LateOdds, base_rates, regression

BASE = float(logit(0.02))


def test_probabilities_that_are_too_extreme_are_pulled_in() -> None:
    rng = np.random.default_rng(1)
    true = expit(BASE + rng.normal(0, 1.5, 40_000))
    said = expit(BASE + 2 * (logit(true) - BASE))
    shift, slope = regression(said, rng.random(len(true)) < true, np.ones(len(true)), BASE)
    odds = LateOdds(np.array([[BASE, shift, slope]] * 2), 1)
    calibrated = odds.apply(said, np.zeros(len(said), bool))
    assert abs(slope - 0.5) < 0.06
    high = calibrated > 0.3
    assert abs(calibrated[high].mean() - true[high].mean()) < 0.05
    assert (np.argsort(said, kind="stable") == np.argsort(calibrated, kind="stable")).all(), "the order stays"


def test_without_positives_the_prior_stands_and_certainty_stays() -> None:
    shift, slope = regression(np.full(5, 0.02), np.zeros(5, bool), np.ones(5), BASE)
    assert abs(slope - SLOPE) < 0.05
    assert abs(shift) < 0.05
    odds = LateOdds(np.array([[BASE, shift, slope]] * 2), 0)
    said = odds.apply(np.array([0.0, 1.0]), np.array([False, True]))
    assert said[1] == 1
    assert 0 <= said[0] < 1e-4


def test_the_base_rate_counts_only_what_is_decided() -> None:
    paid = [20, 100, NEVER, NEVER]
    ledger = Ledger.from_columns(
        account=["a"] * 4, issued=[0, 0, 0, 80], due=[10, 10, 10, 90], amount_minor=[1] * 4, currency=["EUR"] * 4,
        paid=paid,
    )  # fmt: skip
    whole, overdue = base_rates(ledger, 99)
    assert abs(expit(whole) - (2 + 1) / (3 + 40)) < 1e-12
    assert abs(expit(overdue) - (2 + 1) / (3 + 40)) < 1e-12


def test_a_small_kind_is_filled_up_and_a_large_one_is_not() -> None:
    mine = np.arange(1_000) < 900
    settled = np.arange(1_000) % 2 == 0
    weight = weight_of_kind(mine, settled)
    assert weight[mine].sum() == 450, "what time has not settled is left out"
    assert weight[~mine].sum() == 0
    few = weight_of_kind(np.arange(1_000) < 50, settled)
    assert few[:50].sum() == 50
    assert abs(few[50:].sum() - (GROUP_WEIGHT - 50)) < 1e-6
