"""Document numbers: the keys they are stored under, and the keys that a payment's texts may mean.

A database finds candidates by equality of keys alone: `document_keys` is indexed per document, `lookup_keys`
is asked per payment. What only a comparison can find (swapped, lost, doubled digits) is repaired later among
the open items of the payer (`repair.py`). A number inside a longer number is no reference: tokens are
maximal runs of letters and digits; a run of digits counts alone only where letters or nothing stand at its
sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from app.cash_application.matching.account_references import without_account_references
from app.cash_application.matching.coded_references import coded_endings, coded_in_text, coded_numbers
from app.cash_application.matching.types import PaymentFacts
from app.core.payment_references import account_signs_of
from app.core.reference_keys import (
    DIGITS,
    DIGITS_KEY_MINIMUM,
    KEY_LENGTH_LIMIT,
    KEY_LENGTH_MINIMUM,
    TOKEN,
    clean,
    digits_of,
    digits_repaired,
    fold,
    number_keys,
    squeeze,
)

TOKENS_LIMIT = 160
KEYS_LIMIT = 400
RANGE_LIMIT = 50
JOINED_TOKENS_LIMIT = 5
PREFIX_LENGTH_LIMIT = 6
TILED_LENGTH_MINIMUM = 16
TILE_LENGTHS = range(8, 13)
TILES_LIMIT = 20

_PREFIX_AND_DIGITS = re.compile(r"[A-Z|]{0,6}[0-9][0-9OQIL|]*")
_JOINER = re.compile(r"[ \-./_#:,+]{1,3}")
_DATE = re.compile(
    r"(?<![0-9A-Z])(?<![0-9][./-])(?:(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|1[0-2])[./-](?:19|20)?\d\d"
    r"|(?:19|20)\d\d[./-](?:0[1-9]|1[0-2])[./-](?:0[1-9]|[12]\d|3[01]))(?![0-9A-Z]|[./-][0-9])"
)
_AMOUNT = re.compile(
    r"(?<![0-9A-Z.,/-])(?:\d{1,3}(?:[., ']\d{3})+|\d{1,9})[.,]\d{2}(?![0-9A-Z]|[.,/-][0-9])"
    r"|(?<![0-9A-Z])(?:EUR|USD|CHF|GBP)\s?\d+(?:[.,]\d+)*(?![0-9A-Z])"
)
_PHONE_OR_BANK = re.compile(
    r"(?<![0-9A-Z])(?:TEL(?:EFON|EPHONE|EFOON)?|PHONE|FAX|MOB(?:IL|ILE)?|TFNO|HANDY|CELL|KTO|BLZ|IBAN|BIC|SORT CODE)"
    r"[.:]?(?: ?NR| ?NO)?[.:]? ?[+(]?[0-9A-Z]*[0-9][0-9 ()/.-]*"
    r"|(?<![0-9A-Z])[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{4}){3,7}(?: [0-9A-Z]{1,3})?(?![0-9A-Z])"
    r"|(?<![0-9A-Z])[+][0-9][0-9 ()/-]{7,}"
)
"""Telephone numbers and bank details: what a keyword, a plus or the groups of an IBAN give away."""

_RANGE_SIGN = re.compile(r" ?(?:-|\.\.+) ?| ?(?:BIS|TO|THRU|THROUGH|AL?|T/M|TOT|DO|ATE|HASTA) ")
_ATTACHED = re.compile(r"(?:[0-9A-Z]+[-/._])+$")
_LAST_OF_RANGE = re.compile(r"[0-9]{1,18}(?![0-9A-Z])")
_LIST_SIGN = re.compile(r"\s?(?:[/,;+&]|UND|AND|ET|Y|E)\s?")
_EMPTY_END_TO_END = frozenset({"NOTPROVIDED", "NOTAVAILABLE", "NONREF", "NONE", "UNKNOWN"})


@dataclass(slots=True, unsafe_hash=True)
class Token:
    """One number that a text may mean. `kind`: whole, joined, digits, expanded, tiled,
    structured, masked. Not frozen for the same reason as `OpenItem`."""

    key: str
    kind: str
    start: int
    end: int
    raw: str


def document_keys(number: str, references: Iterable[str] = ()) -> frozenset[str]:
    """The keys to store and index for one document: of its number and of every other reference."""
    keys: set[str] = set(number_keys(number))
    for reference in references:
        keys.update(number_keys(reference))
    return frozenset(keys)


def lookup_keys(payment: PaymentFacts) -> frozenset[str]:
    """Every key that the payment's texts and structured fields may mean; at most KEYS_LIMIT."""
    return frozenset(token.key for token in payment_tokens(payment))


def payment_tokens(payment: PaymentFacts) -> tuple[Token, ...]:
    """The numbers of all fields, structured ones first; each key once, in its strongest kind."""
    found: dict[str, Token] = {}
    for line in payment.referred_documents:
        for key in number_keys(line.number):
            found.setdefault(key, Token(key, "structured", -1, -1, line.number))
    for reference in payment.structured_references:
        if account_signs_of(reference) is not None:
            continue  # it says who pays
        for number in coded_numbers(reference):
            for key in number_keys(number):
                found.setdefault(key, Token(key, "structured", -1, -1, number))
        for ending in coded_endings(reference):
            found.setdefault(ending, Token(ending, "tiled", -1, -1, reference))
    for token in text_tokens(payment.remittance_text):
        _keep_stronger(found, token)
    if squeeze(payment.end_to_end_id) not in _EMPTY_END_TO_END and account_signs_of(payment.end_to_end_id) is None:
        for token in text_tokens(payment.end_to_end_id):
            _keep_stronger(found, token)
    return tuple(list(found.values())[:KEYS_LIMIT])


_STRENGTH = {"structured": 0, "whole": 1, "joined": 2, "digits": 3, "expanded": 4, "tiled": 5, "masked": 6}


def _keep_stronger(found: dict[str, Token], token: Token) -> None:
    known = found.get(token.key)
    if known is None:
        found[token.key] = token
        return
    strength, before = _STRENGTH[token.kind], _STRENGTH[known.kind]
    if strength < before or (strength == before and token.end - token.start < known.end - known.start):
        found[token.key] = token


@lru_cache(maxsize=16_384)
def text_tokens(text: str) -> tuple[Token, ...]:
    """Numbers of a free text: whole tokens, neighbours joined over separators, ranges and lists written out.

    Dates, amounts, telephone numbers and bank details are recognised and only kept as `masked`, the weakest kind.
    """
    cleaned = without_account_references(clean(text))
    masked = [hit.span() for pattern in (_DATE, _AMOUNT, _PHONE_OR_BANK) for hit in pattern.finditer(cleaned)]
    words = list(TOKEN.finditer(cleaned))[:TOKENS_LIMIT]
    found: dict[str, Token] = {}
    for index, word in enumerate(words):
        for token in _tokens_from(cleaned, words, index, _hidden(word, masked)):
            _keep_stronger(found, token)
    for reference, start, end in coded_in_text(cleaned):
        for number in coded_numbers(reference)[1:]:
            for key in number_keys(number):
                _keep_stronger(found, Token(key, "whole", start, end, number))
        for ending in coded_endings(reference):
            _keep_stronger(found, Token(ending, "tiled", start, end, reference))
    plain = [word for word in words if not word.group().isalpha() and not _hidden(word, masked)]
    for token in _expanded(cleaned, plain):
        _keep_stronger(found, token)
    return tuple(sorted(found.values(), key=lambda token: (token.start, token.end, token.key)))[:KEYS_LIMIT]


def _hidden(word: re.Match[str], masked: list[tuple[int, int]]) -> bool:
    return any(start < word.end() and word.start() < end for start, end in masked)


def _tokens_from(text: str, words: list[re.Match[str]], index: int, hidden: bool) -> Iterable[Token]:
    """The word at `index` alone, its runs of digits, and its joins with the words after it."""
    first = words[index]
    joined = first.group()
    kind = "masked" if hidden else "whole"
    yield from _keys_of(joined, kind, first.start(), first.end())
    if len(joined) >= TILED_LENGTH_MINIMUM and joined.isdigit():
        yield from _tiles(joined, first.start())
    if not joined.isdigit():
        for run in DIGITS.finditer(digits_repaired(joined)):
            digits = run.group().lstrip("0")
            if len(digits) >= DIGITS_KEY_MINIMUM:
                start = first.start() + run.start()
                yield Token(digits, "masked" if hidden else "digits", start, first.start() + run.end(), digits)
    if joined.isalpha() and len(joined) > PREFIX_LENGTH_LIMIT:
        return
    for following in range(index + 1, min(index + JOINED_TOKENS_LIMIT, len(words))):
        gap = text[words[following - 1].end() : words[following].start()]
        word = words[following].group()
        if word.isalpha() or not _JOINER.fullmatch(gap):
            return
        joined += word
        if len(joined) > KEY_LENGTH_LIMIT:
            return
        yield from _keys_of(joined, "masked" if hidden else "joined", first.start(), words[following].end())


def _tiles(digits: str, start: int) -> Iterable[Token]:
    """A long run of digits cut into numbers of one length, as when a bank drops what stood between them.

    This is not a number inside a longer one: the pieces use up the whole run.
    """
    for length in TILE_LENGTHS:
        if len(digits) % length == 0 and len(digits) >= 2 * length:
            for at in range(0, min(len(digits), TILES_LIMIT * length), length):
                tile = digits[at : at + length]
                yield Token(tile, "tiled", start + at, start + at + length, tile)


def _keys_of(squeezed: str, kind: str, start: int, end: int) -> Iterable[Token]:
    folded = fold(squeezed)
    if sum(char.isdigit() for char in folded) < KEY_LENGTH_MINIMUM:
        return
    if KEY_LENGTH_MINIMUM <= len(squeezed) <= KEY_LENGTH_LIMIT:
        yield Token(folded, kind, start, end, squeezed)
    if _PREFIX_AND_DIGITS.fullmatch(squeezed):
        digits = digits_of(squeezed)
        if len(digits) >= KEY_LENGTH_MINIMUM and digits != folded:
            yield Token(digits, "digits" if kind == "whole" else kind, start, end, squeezed)


def _expanded(text: str, words: list[re.Match[str]]) -> Iterable[Token]:
    """Ranges (`1001-1005`) and lists of endings (`1001/02/05`) written out as numbers of their own.

    An ending keeps its place in the text; what a range leaves unsaid has none.
    """
    for index, word in enumerate(words):
        head = re.fullmatch(r"([A-Z]*)([0-9]{3,18})", word.group())
        if head is None:
            continue
        letters, digits = head.groups()
        for number in _range(text, word, letters, digits):
            yield from _keys_of(number, "expanded", -1, -1)
        for number, start, end in _endings(text, words, index, digits):
            yield from _keys_of(letters + number, "expanded", start, end)


def _range(text: str, word: re.Match[str], letters: str, digits: str) -> list[str]:
    """Numbers from this one to one that follows a range sign, in full, with its prefix, or as an ending."""
    attached = _ATTACHED.search(text, 0, word.start())
    prefix = (attached.group() if attached else "") + letters
    follows = _RANGE_SIGN.match(text, word.end())
    if follows is None:
        return []
    at = follows.end()
    for skipped in (prefix, letters):
        if skipped and text.startswith(skipped, at):
            at += len(skipped)
            break
    written = _LAST_OF_RANGE.match(text, at)
    if written is None or len(last := written.group()) > len(digits):
        return []
    first, end = int(digits), int(digits[: len(digits) - len(last)] + last)
    if not first < end <= first + RANGE_LIMIT:
        return []
    plain = [letters + str(number).zfill(len(digits)) for number in range(first, end + 1)]
    before = squeeze(attached.group()) if attached else ""
    return [before + number for number in plain] + (plain if before else [])


def _endings(text: str, words: list[re.Match[str]], index: int, digits: str) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for position in range(index + 1, min(len(words), index + RANGE_LIMIT)):
        gap = text[words[position - 1].end() : words[position].start()]
        last = words[position].group()
        if not (_LIST_SIGN.fullmatch(gap) and last.isdigit() and len(last) < len(digits)):
            break
        found.append((digits[: len(digits) - len(last)] + last, words[position].start(), words[position].end()))
    return found
