"""Seeded draws of whole numbers: the same seed gives the same company on every machine.

Probabilities are per mille and weights are integers, so that no float decides anything.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Dice:
    """One stream of draws. `fork` gives independent streams, so that one part can change without the others."""

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed)
        self._random = Random(self._seed)  # noqa: S311  (sample data, no secret)

    def fork(self, name: str) -> Dice:
        """An independent stream named `name`, the same for the same seed."""
        return Dice(f"{self._seed}/{name}")

    def chance(self, permille: int) -> bool:
        """True in `permille` of 1,000 draws."""
        return self._random.randrange(1000) < permille

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self._random.randrange(len(options))]

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound - 1`."""
        return self._random.randrange(bound)

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in a drawn order."""
        result = list(options)
        self._random.shuffle(result)
        return result

    def digits(self, count: int) -> str:
        """`count` decimal digits, the first one not 0."""
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def letters(self, count: int) -> str:
        """`count` capital letters."""
        return "".join(self.pick("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(count))


class Wheel(Generic[T]):
    """A draw with integer weights, prepared once and spun often."""

    def __init__(self, slots: Sequence[tuple[T, int]]) -> None:
        self._options = [option for option, _ in slots]
        self._bounds = list(accumulate(weight for _, weight in slots))

    def spin(self, dice: Dice) -> T:
        """One option, as likely as its weight says."""
        return self._options[bisect_right(self._bounds, dice.below(self._bounds[-1]))]
