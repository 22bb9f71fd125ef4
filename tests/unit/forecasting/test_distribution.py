from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.forecasting.model.calibration import censored_quantile
from app.forecasting.model.distribution import from_hazards
from app.forecasting.model.effects import Effects, late_shift, ratio, with_promises, with_ratio
from app.forecasting.model.interface import NEVER, Ledger, Scenario

hazards = st.lists(st.floats(0.001, 0.6), min_size=30, max_size=30)


@given(hazards, st.floats(0.01, 0.99))
def test_a_quantile_is_the_first_day_that_reaches_its_level(hazard: list[float], level: float) -> None:
    found = from_hazards(np.array([100]), np.array([hazard], np.float32))
    day = int(found.quantile(level)[0])
    assert found.by(day)[0] >= level - 1e-4
    assert found.by(day - 1)[0] < level + 1e-4


@given(hazards)
def test_probability_rises_from_nothing_to_one(hazard: list[float]) -> None:
    found = from_hazards(np.array([100]), np.array([hazard], np.float32))
    said = [float(found.by(day)[0]) for day in range(95, 3_000, 5)]
    assert said[0] == 0
    assert all(later >= earlier for earlier, later in pairwise(said))
    assert said[-1] > 0.9


def test_a_quantile_that_hardly_comes_is_never() -> None:
    found = from_hazards(np.array([100]), np.zeros((1, 40), np.float32))
    assert found.quantile(0.9)[0] == NEVER


def promised(**facts: list[int]) -> Ledger:
    return Ledger.from_columns(account=["a"], issued=[90], due=[104], amount_minor=[1_000], currency=["EUR"], **facts)


def test_a_promise_draws_the_day_to_it_and_an_ended_one_does_not() -> None:
    effects = Effects(0.3, 0.2, 0.75, np.array([0.75]))
    item, seen, start = np.array([0]), np.array([99]), np.array([100])
    plain = from_hazards(start, np.full((1, 60), 0.01, np.float32)).cdf
    standing, ended = plain.copy(), plain.copy()
    with_promises(standing, promised(promise_made_on=[98], promised_on=[110]), item, seen, start, effects)
    with_promises(
        ended, promised(promise_made_on=[90], promised_on=[110], promise_ended_on=[95]), item, seen, start, effects
    )
    assert standing[0, 13] > 0.75
    assert standing[0, 5] < plain[0, 5]
    assert (np.diff(standing[0]) >= -1e-6).all()
    assert (ended == plain).all()


def test_what_was_promised_after_the_forecast_is_not_known() -> None:
    effects = Effects(0.3, 0.2, 0.75, np.array([0.75]))
    cdf = np.full((1, 30), 0.5, np.float32)
    with_promises(
        cdf, promised(promise_made_on=[100], promised_on=[110]), np.array([0]), np.array([99]), np.array([100]), effects
    )
    assert (cdf == 0.5).all()


def test_a_ratio_lowers_the_odds_of_its_rows_only() -> None:
    hazard = np.full((2, 3), 0.5, np.float32)
    with_ratio(hazard, np.array([True, False]), 0.25)
    assert np.allclose(hazard[0], 0.2)
    assert np.allclose(hazard[1], 0.5)


def test_a_ratio_without_data_is_its_prior() -> None:
    assert ratio(0, 0, 0.35) == 0.35
    assert ratio(100, 100, 0.35) > 0.8


def test_a_shock_moves_every_day() -> None:
    cdf = np.array([[0.1, 0.4, 0.9, 1.0]], np.float32)
    assert np.allclose(late_shift(cdf, Scenario(late_days=2)), [[0, 0, 0.1, 0.4]])
    assert late_shift(cdf, Scenario(late_days=9)).sum() == 0


def test_a_censored_value_pushes_the_quantile_up() -> None:
    value, weight = np.array([0.1, 0.2, 0.3, 0.4]), np.ones(4)
    everything = np.ones(4, bool)
    assert censored_quantile(value, everything, weight, 0.5) == 0.2
    assert censored_quantile(value, np.array([False, True, True, True]), weight, 0.5) == 0.3
    assert censored_quantile(value, ~everything, weight, 0.5) == 1.0
