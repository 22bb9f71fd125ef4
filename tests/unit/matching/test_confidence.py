from hypothesis import given
from hypothesis import strategies as st

from app.cash_application.matching.confidence import (
    SHIPPED,
    UNCALIBRATED,
    Calibration,
    Family,
    Precision,
    fit_points,
)

OUTCOMES = st.lists(st.tuples(st.floats(-20, 20), st.booleans()), min_size=1, max_size=400)


@given(OUTCOMES)
def test_fitted_points_rise(outcomes: list[tuple[float, bool]]) -> None:
    points = fit_points(outcomes)
    assert [raw for raw, _ in points] == sorted(raw for raw, _ in points)
    assert [share for _, share in points] == sorted(share for _, share in points)
    assert all(0 <= share < 1 for _, share in points)


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_confidence_rises_with_the_odds(one: float, other: float) -> None:
    for calibration in (SHIPPED, UNCALIBRATED):
        for family in Family:
            low, high = sorted((one, other))
            assert calibration.confidence(low, family) <= calibration.confidence(high, family) + 1e-12


def test_confidence_between_points_stays_between() -> None:
    calibration = Calibration({"set": ((0.0, 0.5), (4.0, 0.99))})
    assert calibration.confidence(-3.0, Family.SET) == 0.5
    assert 0.5 < calibration.confidence(2.0, Family.SET) < 0.99
    assert calibration.confidence(9.0, Family.SET) == 0.99


def test_a_fit_recovers_the_share() -> None:
    outcomes = [(1.0, n % 10 != 0) for n in range(1_000)] + [(5.0, True) for _ in range(1_000)]
    points = fit_points(outcomes)
    calibration = Calibration({"named": points})
    assert abs(calibration.confidence(1.0, Family.NAMED) - 0.9) < 0.02
    assert calibration.confidence(5.0, Family.NAMED) > 0.99


def test_automatic_application_ends_once_low_precision_is_credible() -> None:
    assert not Precision(right=0, wrong=0).is_credibly_below(0.99)
    assert not Precision(right=1_000, wrong=1).is_credibly_below(0.99)
    assert Precision(right=100, wrong=12).is_credibly_below(0.99)
    assert Precision(right=999, wrong=1).mean > 0.998
