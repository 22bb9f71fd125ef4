"""Requests per minute: bursts up to the limit, evenly refilled, each caller for itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.infra.http.rates import CALLERS_MAX, WINDOW_SECONDS, Limiter, Limits, RateExceeded


def test_a_burst_up_to_the_limit_then_one_each_pause() -> None:
    limiter = Limiter("client", 6)
    left = [rate.remaining for rate in (limiter.take("a", 100.0) for _ in range(6)) if rate is not None]
    assert left == [5, 4, 3, 2, 1, 0]
    with pytest.raises(RateExceeded) as refused:
        limiter.take("a", 100.0)
    assert refused.value.facts["retry_after_seconds"] == 10
    assert limiter.take("a", 110.0) is not None
    with pytest.raises(RateExceeded):
        limiter.take("a", 110.1)
    assert limiter.take("b", 110.1) is not None


def test_without_a_limit_there_is_nothing_to_tell() -> None:
    assert Limits.of(None, None).take("a", "o", 0.0) is None


def test_the_tighter_of_two_limits_is_told_and_holds() -> None:
    limits = Limits.of(10, 3)
    rates = [limits.take(f"user:{n}", "o", 0.0) for n in range(3)]
    assert [(rate.name, rate.remaining) for rate in rates if rate] == [
        ("organization", 2), ("organization", 1), ("organization", 0),
    ]  # fmt: skip
    with pytest.raises(RateExceeded, match="organization"):
        limits.take("user:9", "o", 0.0)
    assert limits.take("user:9", "another", 0.0) is not None


def test_headers() -> None:
    rate = Limiter("client", 60).take("a", 0.0)
    assert rate is not None
    assert rate.headers() == [(b"ratelimit-policy", b'"client";q=60;w=60'), (b"ratelimit", b'"client";r=59;t=0')]


def test_callers_are_bounded() -> None:
    limiter = Limiter("client", 1)
    for number in range(CALLERS_MAX + 10):
        limiter.take(str(number), 0.0)
    assert len(limiter._full_at) == CALLERS_MAX


@given(st.integers(1, 50), st.lists(st.floats(0, 20), max_size=80))
def test_no_window_lets_more_through_than_twice_the_limit(limit: int, pauses: list[float]) -> None:
    limiter, now, passed = Limiter("client", limit), 0.0, list[float]()
    for pause in pauses:
        now += pause
        try:
            limiter.take("a", now)
            passed.append(now)
        except RateExceeded:
            pass
    for start in passed:
        in_window = [at for at in passed if start <= at < start + WINDOW_SECONDS]
        assert len(in_window) <= 2 * limit, "a full burst, and what is refilled meanwhile"
