"""What an organization's document numbers look like, learned from the numbers themselves.

A format is a shape (letters stand, digits vary), a length, and the beginning that all its numbers share. Only
what varies tells one document from another: of `INV100000000022749` the last six digits, if all begin
`INV100000000`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from app.core.reference_keys import fold, squeeze

SAMPLE_MINIMUM = 20
INFORMATION_LIMIT = 9
RUNNING_LENGTH_MINIMUM = 5
DIGITS_SHARED = 2
_LETTERS = re.compile(r"^[A-Z]*")
_DIGIT = re.compile(r"[0-9]")
_RUN = re.compile(r"[0-9]+")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """`shape` with 9 for any digit, the shared beginning of its numbers, how many were seen, the shared ending."""

    shape: str
    prefix: str
    count: int
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """The formats of one organization; `information` says how many characters of a number tell it apart."""

    by_shape: dict[str, NumberFormat]
    lengths: frozenset[int]

    def information(self, number: str) -> int:
        """Characters of the number that vary within its format, 1 to INFORMATION_LIMIT."""
        squeezed = squeeze(number)
        known = self.by_shape.get(_shape(squeezed))
        letters = _LETTERS.match(squeezed)
        fixed = len(letters.group()) if letters else 0
        if known is not None and known.count >= SAMPLE_MINIMUM:
            fixed = max(fixed, len(known.prefix)) + len(known.suffix)
        return max(1, min(INFORMATION_LIMIT, len(squeezed) - fixed))

    def shared_ending(self, number: str) -> int:
        """How many characters at the end all numbers of this format share: the year of `17/2024`."""
        known = self.by_shape.get(_shape(squeeze(number)))
        return len(known.suffix) if known is not None and known.count >= SAMPLE_MINIMUM else 0

    def has_shape_of(self, text: str, number: str) -> bool:
        """Whether a text is written like this number (letters, length, shared beginning) without being it.

        Its running part with all leading zeros (`001234` of `RE-2026-001234`) is enough.
        """
        squeezed, model = squeeze(text), squeeze(number)
        if squeezed.isdigit() and len(squeezed) >= RUNNING_LENGTH_MINIMUM and not model.isdigit():
            runs: list[str] = _RUN.findall(number)
            running = max(reversed(runs), key=len) if runs else ""
            if len(running) == len(squeezed):
                return running != squeezed
        known = self.by_shape.get(_shape(model))
        if known is not None and known.count >= SAMPLE_MINIMUM and len(known.suffix) > 1 and squeezed.isdigit():
            counting = len(squeezed) - len(known.suffix)  # `7/2024` is as much a number as `1033/2024`
            if 0 < counting <= len(model) and squeezed.endswith(known.suffix) and model.isdigit():
                return squeezed != model
        if squeezed == model or _shape(squeezed) != _shape(model):
            return False
        if not model.isdigit() or known is None or known.count < SAMPLE_MINIMUM:
            return True
        return squeezed.startswith(known.prefix[:DIGITS_SHARED])  # older numbers share less than all open ones do

    def looks_like_number(self, key: str) -> bool:
        """Whether a token has about the length of the organization's numbers and at least five digits."""
        if sum(char.isdigit() for char in key) < 5:
            return False
        return any(abs(len(key) - length) <= 1 for length in self.lengths)


def learn_formats(numbers: Iterable[str]) -> NumberFormats:
    """Formats of the given document numbers and references; the order of the numbers does not matter."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for number in numbers:
        squeezed = squeeze(number)
        if squeezed:
            groups[_shape(squeezed)].append(squeezed)
    formats = {
        shape: NumberFormat(shape, shared_beginning(min(members), max(members)), len(members), _shared_ending(members))
        for shape, members in groups.items()
    }
    return NumberFormats(formats, frozenset(len(fold(shape)) for shape in formats))


@lru_cache(maxsize=65_536)
def running_number(number: str) -> str:
    """What counts up in a number, without leading zeros: the longest run of digits, the last of equals, no year.

    `123` of `RE-2026-000123`, `1035` of `P5-1035-C`; empty where nothing does.
    """
    runs: list[str] = _RUN.findall(number)
    counting = [run for run in runs if not _YEAR.fullmatch(run)] or runs
    return max(reversed(counting), key=len).lstrip("0") if counting else ""


def _shared_ending(members: list[str]) -> str:
    turned = [member[::-1] for member in members]
    ending = shared_beginning(min(turned), max(turned))[::-1]
    return ending if len(ending) < len(members[0]) else ""


def _shape(squeezed: str) -> str:
    return _DIGIT.sub("9", squeezed)


def shared_beginning(first: str, last: str) -> str:
    """Of the first and the last of a sorted list, hence of all between them."""
    length = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]
