"""Sets of integers that add up to a target: exact, bounded, and with a count of solutions.

Everything works on positions of a list of signed amounts (credit memos negative) in an order that means
something (by due date). Each search stops after SOLUTIONS_LIMIT answers or its share of steps; `exhausted`
says whether all of its class was seen. Two answers in one class are a tie.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SOLUTIONS_LIMIT = 6


@dataclass(frozen=True, slots=True)
class Found:
    """Solutions as tuples of positions, ascending, and whether the class was searched to its end."""

    solutions: tuple[tuple[int, ...], ...]
    exhausted: bool


def _take(candidates: Iterator[tuple[int, ...]], limit: int = SOLUTIONS_LIMIT) -> Found:
    solutions: dict[tuple[int, ...], None] = {}
    for candidate in candidates:
        solutions[candidate] = None
        if len(solutions) >= limit:
            return Found(tuple(solutions), False)
    return Found(tuple(solutions), True)


def singles(amounts: Sequence[int], low: int, high: int) -> Found:
    """Positions whose amount lies in low..high."""
    return _take((position,) for position, amount in enumerate(amounts) if low <= amount <= high)


def pairs(amounts: Sequence[int], low: int, high: int) -> Found:
    """Pairs that add up to low..high; sorting and bisection, n log n."""
    return _take(_pairs(amounts, low, high))


def _pairs(amounts: Sequence[int], low: int, high: int) -> Iterator[tuple[int, ...]]:
    order = sorted(range(len(amounts)), key=lambda position: (amounts[position], position))
    values = [amounts[position] for position in order]
    for rank, value in enumerate(values):
        start = max(rank + 1, bisect_left(values, low - value))
        for other in range(start, bisect_right(values, high - value)):
            yield tuple(sorted((order[rank], order[other])))


def triples(amounts: Sequence[int], low: int, high: int) -> Found:
    """Triples that add up to low..high; n² log n, so the caller bounds n."""
    return _take(_triples(amounts, low, high))


def _triples(amounts: Sequence[int], low: int, high: int) -> Iterator[tuple[int, ...]]:
    order = sorted(range(len(amounts)), key=lambda position: (amounts[position], position))
    values = [amounts[position] for position in order]
    count = len(values)
    for first in range(count):
        for second in range(first + 1, count):
            need = low - values[first] - values[second]
            start = bisect_left(values, need, second + 1)
            if start == count:
                continue
            end = bisect_right(values, need + high - low, start)
            for third in range(start, end):
                yield tuple(sorted((order[first], order[second], order[third])))


def windows(amounts: Sequence[int], target: int) -> Found:
    """Runs of neighbours that add up to the target exactly; n steps by running totals."""
    return _take(_windows(amounts, target))


def _windows(amounts: Sequence[int], target: int) -> Iterator[tuple[int, ...]]:
    starts: defaultdict[int, list[int]] = defaultdict(list)
    total = 0
    for position, amount in enumerate(amounts):
        starts[total].append(position)
        total += amount
        for start in starts.get(total - target, ()):
            yield tuple(range(start, position + 1))


def windows_without(amounts: Sequence[int], target: int, missing: int, steps_limit: int) -> Found:
    """Runs of neighbours with one or two inner ones left out; the steps are bounded."""
    by_excess: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    if missing == 1:
        for position, amount in enumerate(amounts):
            by_excess[amount].append((position,))
    else:
        if len(amounts) * len(amounts) > 2 * steps_limit:
            return Found((), False)
        for first in range(len(amounts)):
            for second in range(first + 1, len(amounts)):
                by_excess[amounts[first] + amounts[second]].append((first, second))
    return _take(_windows_without(amounts, target, by_excess, steps_limit))


def _windows_without(
    amounts: Sequence[int], target: int, by_excess: dict[int, list[tuple[int, ...]]], steps_limit: int
) -> Iterator[tuple[int, ...]]:
    """Only inner positions may be left out: a run that lacks its end is another, shorter run."""
    steps = 0
    for start in range(len(amounts)):
        total = 0
        for end in range(start, len(amounts)):
            total += amounts[end]
            steps += 1
            if steps > steps_limit:
                return
            if total <= target:
                continue
            for left_out in by_excess.get(total - target, ()):
                if start < left_out[0] and left_out[-1] < end:
                    yield tuple(position for position in range(start, end + 1) if position not in left_out)


def any_subsets(amounts: Sequence[int], target: int, limit: int = SOLUTIONS_LIMIT) -> Found:
    """All subsets that add up to the target, by meeting in the middle; for at most about 24 amounts."""
    half = len(amounts) // 2
    left, right = amounts[:half], amounts[half:]
    by_sum: defaultdict[int, list[int]] = defaultdict(list)
    for mask, total in enumerate(_sums(left)):
        by_sum[total].append(mask)
    return _take(_meet(by_sum, _sums(right), target, half), limit)


def _sums(amounts: Sequence[int]) -> list[int]:
    sums = [0]
    for amount in amounts:
        sums += [total + amount for total in sums]
    return sums


def _meet(by_sum: dict[int, list[int]], sums: list[int], target: int, half: int) -> Iterator[tuple[int, ...]]:
    for mask, total in enumerate(sums):
        for other in by_sum.get(target - total, ()):
            joined = (mask << half) | other
            if joined:
                yield tuple(position for position in range(joined.bit_length()) if joined >> position & 1)
