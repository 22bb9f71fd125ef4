"""Keys of document numbers: what is stored with a document, so that a payer's text finds it by equality alone.

A number is kept as letters and digits only, with look-alikes folded (O as 0, I and L as 1); besides the whole, its
digits alone and its last run of digits are keys, because payers leave prefixes and leading zeros out. Which of the
documents found is meant is decided by the matcher, never by a key.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TEXT_LENGTH_LIMIT = 4_000
KEY_LENGTH_MINIMUM = 3
KEY_LENGTH_LIMIT = 40
DIGITS_KEY_MINIMUM = 4

_CONFUSABLE = str.maketrans("OQIL|", "00111")
TOKEN = re.compile(r"[0-9A-Z|]+")
DIGITS = re.compile(r"[0-9]+")
_LETTERS_THEN_DIGITS = re.compile(r"[A-Z|]*([0-9]+)")
_LOOKALIKE = re.compile(r"(?<=\d)[OQIL|](?=\d|$)")
_DROPPED = {code: None for code in range(128) if not TOKEN.match(chr(code))}
_ZEROS = re.compile(r"0{3,}(?=[1-9])")


def clean(text: str) -> str:
    """Upper case, one kind of dash, no accents, one blank for any white space, at most TEXT_LENGTH_LIMIT long."""
    text = text[:TEXT_LENGTH_LIMIT]
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        kept = (c for c in text if not unicodedata.combining(c))
        text = "".join("-" if unicodedata.category(c) == "Pd" else c for c in kept)
    return " ".join(text.upper().split())


@lru_cache(maxsize=131_072)
def squeeze(number: str) -> str:
    """A number without everything that is not a letter or digit, upper-cased."""
    return _squeeze(number)


def _squeeze(number: str) -> str:
    if number.isascii():  # most are: one pass instead of a search
        return number[:TEXT_LENGTH_LIMIT].upper().translate(_DROPPED)
    return "".join(TOKEN.findall(clean(number)))


def fold(squeezed: str) -> str:
    """O and Q as 0, I and L as 1: what eyes and scanners confuse. Applied to both sides, so it never decides alone."""
    return squeezed.translate(_CONFUSABLE)


def digits_repaired(squeezed: str) -> str:
    """A letter between or behind digits that looks like a digit, as that digit."""
    return _LOOKALIKE.sub(lambda hit: hit.group().translate(_CONFUSABLE), squeezed)


def digits_of(squeezed: str) -> str:
    """The digits alone, without leading zeros; a letter between digits counts as the digit it looks like."""
    return "".join(DIGITS.findall(digits_repaired(squeezed))).lstrip("0")


def tail_of(squeezed: str) -> str:
    """The last run of digits without leading zeros and without what stands before a run of three zeros."""
    runs = DIGITS.findall(squeezed)
    if not runs:
        return ""
    return str(_ZEROS.split(runs[-1])[-1]).lstrip("0")


@lru_cache(maxsize=131_072)
def number_keys(number: str) -> tuple[str, ...]:
    """Keys of one number, the strongest first: the whole, its digits, its last run of digits. Empty without a digit."""
    return _keys_of(squeeze(number))


def _keys_of(squeezed: str) -> tuple[str, ...]:
    plain = _LETTERS_THEN_DIGITS.fullmatch(squeezed)
    if len(squeezed) < KEY_LENGTH_MINIMUM or not (plain or DIGITS.search(squeezed)):
        return ()
    found: tuple[str, ...]
    if plain and "000" not in (only := plain[1].lstrip("0")):
        found = (only,)  # nearly every number: both keys are the same digits
    else:
        found = digits_of(squeezed), tail_of(squeezed)
    keys = [fold(squeezed)[:KEY_LENGTH_LIMIT]]
    for digits in found:
        if len(digits) >= DIGITS_KEY_MINIMUM and digits not in keys:
            keys.append(digits[:KEY_LENGTH_LIMIT])
    return tuple(keys)


def stored_keys(number: str) -> tuple[str, str | None, str | None]:
    """The three key columns of a document: the whole (never empty), the digits, the last run of digits.

    Not remembered: documents are written once, and a hundred thousand of them would push out what is asked again.
    """
    squeezed = _squeeze(number)
    keys = _keys_of(squeezed)
    if not keys:
        return fold(squeezed)[:KEY_LENGTH_LIMIT] or "-", None, None
    padded = (*keys, None, None)
    return keys[0], padded[1], padded[2]


def reference_key(number: str) -> str:
    """The key of the whole number, as stored in `number_key`."""
    return fold(_squeeze(number))[:KEY_LENGTH_LIMIT] or "-"
