from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from app.cash_application.benchmark_unique import is_unique_by_nature
from app.cash_application.matching.subset_search import (
    SOLUTIONS_LIMIT,
    any_subsets,
    pairs,
    singles,
    triples,
    windows,
    windows_without,
)

AMOUNTS = st.lists(st.integers(-20, 60).filter(bool), min_size=1, max_size=9)
POSITIVE = st.lists(st.integers(1, 40), min_size=1, max_size=9)


def brute(amounts: list[int], target: int, sizes: range, slack: int = 0) -> set[tuple[int, ...]]:
    return {
        chosen
        for count in sizes
        for chosen in combinations(range(len(amounts)), count)
        if target <= sum(amounts[position] for position in chosen) <= target + slack
    }


def agrees(found, expected: set[tuple[int, ...]]) -> bool:
    if found.exhausted:
        return set(found.solutions) == expected
    return len(found.solutions) == SOLUTIONS_LIMIT and set(found.solutions) <= expected


@given(AMOUNTS, st.integers(-10, 120), st.integers(0, 3))
def test_searches_find_what_exists_and_nothing_else(amounts: list[int], target: int, slack: int) -> None:
    assert agrees(singles(amounts, target, target + slack), brute(amounts, target, range(1, 2), slack))
    assert agrees(pairs(amounts, target, target + slack), brute(amounts, target, range(2, 3), slack))
    assert agrees(triples(amounts, target, target + slack), brute(amounts, target, range(3, 4), slack))
    assert agrees(any_subsets(amounts, target), brute(amounts, target, range(1, len(amounts) + 1)))


@given(POSITIVE, st.integers(1, 120))
def test_windows_are_runs(amounts: list[int], target: int) -> None:
    expected = {
        tuple(range(start, end))
        for start in range(len(amounts))
        for end in range(start + 1, len(amounts) + 1)
        if sum(amounts[start:end]) == target
    }
    assert agrees(windows(amounts, target), expected)


@given(POSITIVE, st.integers(1, 120), st.sampled_from((1, 2)))
def test_windows_without_lack_inner_ones_only(amounts: list[int], target: int, missing: int) -> None:
    found = windows_without(amounts, target, missing, 100_000)
    for solution in found.solutions:
        assert sum(amounts[position] for position in solution) == target
        gaps = set(range(solution[0], solution[-1] + 1)) - set(solution)
        assert len(gaps) == missing


@given(POSITIVE, st.integers(1, 120))
def test_unique_by_nature_counts_sets(amounts: list[int], target: int) -> None:
    assert is_unique_by_nature(amounts, target) == (len(brute(amounts, target, range(1, len(amounts) + 1))) == 1)


def test_equal_amounts_end_the_search_early() -> None:
    found = pairs([100] * 5_000, 200, 200)
    assert not found.exhausted
    assert len(found.solutions) == SOLUTIONS_LIMIT
