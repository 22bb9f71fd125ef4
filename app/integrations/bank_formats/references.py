"""Structured payment references: recognise, check, normalise, and find in free text. Pure.

| kind | form | check |
| --- | --- | --- |
| RF   | `RF` + 2 check digits + 1 to 21 letters or digits (ISO 11649, creditor reference) | mod 97-10 |
| QRR  | 27 digits (Swiss QR-bill reference; the ISR/ESR reference before it) | mod 10 recursive |
| OGM  | 12 digits, written `+++123/4567/89012+++` (Belgian structured communication) | mod 97 of ten |
| FI   | 4 to 20 digits (Finnish viitenumero) | weights 7, 3, 1 |
| KID  | 2 to 25 digits (Norwegian customer identification) | mod 10 (Luhn) or mod 11 |

FI and KID are plain numbers, in which one of ten passes by chance: they are checked on request, never searched for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_MAX_TEXT = 20_000
_RECURSIVE = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)
_RF = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}", re.ASCII)
_RF_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[Rr][Ff](?:[ ]?[0-9]){2}(?:[ ]?[0-9A-Za-z]){1,21}", re.ASCII)
_OGM_IN_TEXT = re.compile(
    r"(?<![0-9])(?:\+\+\+|\*\*\*)?[ ]?([0-9]{3})[ ]?/[ ]?([0-9]{4})[ ]?/[ ]?([0-9]{5})(?![0-9])", re.ASCII
)
_QRR_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ ]?[0-9]){26}(?![0-9A-Za-z])", re.ASCII)


class ReferenceKind(StrEnum):
    """The schemes that are known here."""

    RF = "RF"
    QRR = "QRR"
    OGM = "OGM"
    FI = "FI"
    KID = "KID"


@dataclass(frozen=True, slots=True)
class FoundReference:
    """A reference whose check digits are right, in its compact form, and where it stands in the text."""

    kind: ReferenceKind
    value: str
    start: int
    end: int


def normalize(kind: ReferenceKind, text: str) -> str | None:
    """The compact form of a valid reference of that kind (no spaces, slashes or marks), or None when it is none."""
    compact = re.sub(r"[\s/+*.\-]", "", text[:_MAX_TEXT]).upper()
    valid = {
        ReferenceKind.RF: is_rf,
        ReferenceKind.QRR: is_qrr,
        ReferenceKind.OGM: is_ogm,
        ReferenceKind.FI: is_finnish,
        ReferenceKind.KID: is_kid,
    }[kind](compact)
    return compact if valid else None


def recognize(text: str) -> FoundReference | None:
    """What a whole value is, when it is a reference that proves itself (RF, QRR, OGM), however it is spaced."""
    for kind in (ReferenceKind.RF, ReferenceKind.QRR, ReferenceKind.OGM):
        value = normalize(kind, text)
        if value is not None:
            return FoundReference(kind, value, 0, len(text))
    return None


def find_in_text(text: str) -> tuple[FoundReference, ...]:
    """Every self-proving reference in free text, in order, none inside another."""
    text = text[:_MAX_TEXT]
    found = sorted((*_find_rf(text), *_find_qrr(text), *_find_ogm(text)), key=lambda item: (item.start, -item.end))
    kept: list[FoundReference] = []
    for item in found:
        if not kept or item.start >= kept[-1].end:
            kept.append(item)
    return tuple(kept)


def _find_rf(text: str) -> Iterator[FoundReference]:
    place = 0
    while match := _RF_IN_TEXT.search(text, place):
        place = match.start() + 2
        # words after the reference may have been taken along: shorten at spaces until the check digits are right
        candidate = match[0]
        while candidate:
            end = match.start() + len(candidate)
            value = candidate.replace(" ", "").upper()
            boundary = end >= len(text) or not text[end].isalnum()
            if boundary and is_rf(value):
                yield FoundReference(ReferenceKind.RF, value, match.start(), end)
                place = end
                break
            candidate = candidate.rpartition(" ")[0].rstrip()


def _find_qrr(text: str) -> Iterator[FoundReference]:
    for match in _QRR_IN_TEXT.finditer(text):
        value = match[0].replace(" ", "")
        if is_qrr(value):
            yield FoundReference(ReferenceKind.QRR, value, match.start(), match.end())


def _find_ogm(text: str) -> Iterator[FoundReference]:
    for match in _OGM_IN_TEXT.finditer(text):
        value = "".join(match.groups())
        if is_ogm(value):
            yield FoundReference(ReferenceKind.OGM, value, match.start(), match.end())


def is_rf(compact: str) -> bool:
    """ISO 11649: the number of the reference moved behind its body, letters as 10 to 35, is 1 modulo 97."""
    return bool(_RF.fullmatch(compact)) and _mod97(compact[4:] + compact[:4]) == 1


def make_rf(body: str) -> str:
    """The creditor reference (ISO 11649) of a body of 1 to 21 letters and digits, for printing on an invoice.

    Raises ValueError for another body.
    """
    compact = body.upper()
    if not re.fullmatch(r"[0-9A-Z]{1,21}", compact, re.ASCII):
        raise ValueError("the body of a creditor reference is 1 to 21 letters and digits")
    return f"RF{98 - _mod97(compact + 'RF00'):02}{compact}"


def is_qrr(compact: str) -> bool:
    """Swiss QR reference: 27 digits, not all zero, the last by modulo 10 recursive (SIX, QR-bill guidelines)."""
    if not re.fullmatch(r"[0-9]{27}", compact, re.ASCII) or not compact.strip("0"):
        return False
    carry = 0
    for digit in compact[:-1]:
        carry = _RECURSIVE[(carry + int(digit)) % 10]
    return (10 - carry) % 10 == int(compact[-1])


def is_ogm(compact: str) -> bool:
    """Belgian structured communication: the first ten digits modulo 97 (97 for 0) are the last two."""
    if not re.fullmatch(r"[0-9]{12}", compact, re.ASCII) or not compact[:10].strip("0"):
        return False
    return (int(compact[:10]) % 97 or 97) == int(compact[10:])


def is_finnish(compact: str) -> bool:
    """Finnish reference number: weights 7, 3, 1 from the right, up to the next ten (Finance Finland)."""
    if not re.fullmatch(r"[0-9]{4,20}", compact, re.ASCII) or not compact.strip("0"):
        return False
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(compact[:-1])))
    return -total % 10 == int(compact[-1])


def is_kid(compact: str) -> bool:
    """Norwegian KID: last digit by Luhn, or by modulo 11 with weights 2 to 7 (`-` stands for 10 there)."""
    if not re.fullmatch(r"[0-9]{2,25}", compact, re.ASCII) or not compact.strip("0"):
        return False
    digits = [int(digit) for digit in compact]
    doubled = (digit * 2 if place % 2 else digit for place, digit in enumerate(reversed(digits)))
    if sum(value // 10 + value % 10 for value in doubled) % 10 == 0:
        return True
    weighted = sum(digit * (2 + place % 6) for place, digit in enumerate(reversed(digits[:-1])))
    return -weighted % 11 == digits[-1]


def _mod97(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97
