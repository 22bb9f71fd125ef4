"""Creditor references with check digits: ISO 11649 (RF), Swiss QR and ESR, Belgian structured communication.

Finnish and Norwegian (KID) references are plain numbers with one check digit; they pass through as they are
and, where the last digit checks, also without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.core.payment_references import is_creditor_reference, modulo_10_recursive

_ZERO_RUN = re.compile(r"0{2,}")
_SQUEEZE = re.compile(r"[^0-9A-Z]")
REFERENCE_LENGTH_LIMIT = 60
ENDING_LENGTHS = range(5, 11)
_RF_IN_TEXT = re.compile(r"(?<![0-9A-Z])RF ?[0-9]{2}(?: ?[0-9A-Z]){1,21}(?![0-9A-Z])")
_QR_IN_TEXT = re.compile(r"(?<![0-9A-Z])[0-9](?: ?[0-9]){26}(?![0-9A-Z])")
_BELGIAN_IN_TEXT = re.compile(r"(?<![0-9A-Z])[0-9]{3} ?/ ?[0-9]{4} ?/ ?[0-9]{5}(?![0-9A-Z])")


def coded_numbers(reference: str) -> tuple[str, ...]:
    """The document numbers that a coded reference may carry, the most likely first; itself always among them."""
    squeezed = _SQUEEZE.sub("", reference[:REFERENCE_LENGTH_LIMIT].upper())
    if not squeezed:
        return ()
    found = [squeezed]
    if is_creditor_reference(squeezed):
        found.append(squeezed[4:].lstrip("0"))
    elif squeezed.isdigit():
        if is_belgian(squeezed):
            found.append(squeezed[:10].lstrip("0"))
        if len(squeezed) in (15, 16, 26, 27) and modulo_10_recursive(squeezed[:-1]) == int(squeezed[-1]):
            found.append(squeezed[:-1].lstrip("0"))
            found.extend(piece for piece in _ZERO_RUN.split(squeezed[:-1]) if len(piece) >= 4)
        elif 5 <= len(squeezed) <= 25 and (is_luhn(squeezed) or is_731(squeezed)):
            found.append(squeezed[:-1].lstrip("0"))
    return tuple(dict.fromkeys(number for number in found if number))


def coded_endings(reference: str) -> tuple[str, ...]:
    """Endings of a Swiss or Belgian reference whose check digits are right: the invoice's number often stands last."""
    digits = _SQUEEZE.sub("", reference[:REFERENCE_LENGTH_LIMIT].upper())
    if not digits.isdigit():
        return ()
    if len(digits) == 12 and is_belgian(digits):
        body = digits[:10]
    elif len(digits) in (15, 16, 26, 27) and modulo_10_recursive(digits[:-1]) == int(digits[-1]):
        body = digits[:-1]
    else:
        return ()
    endings = (body[-length:].lstrip("0") for length in ENDING_LENGTHS)
    return tuple(dict.fromkeys(ending for ending in endings if len(ending) >= ENDING_LENGTHS.start))


def coded_in_text(text: str) -> Iterator[tuple[str, int, int]]:
    """Coded references in an upper-case text whose check digits are right, with their places, however spaced."""
    for pattern in (_RF_IN_TEXT, _QR_IN_TEXT, _BELGIAN_IN_TEXT):
        for hit in pattern.finditer(text):
            written = hit.group()
            while written:  # a word behind the reference may have been taken along
                squeezed = _SQUEEZE.sub("", written)
                right = is_creditor_reference(squeezed) or (
                    squeezed.isdigit()
                    and (
                        (len(squeezed) == 12 and is_belgian(squeezed))
                        or (len(squeezed) == 27 and modulo_10_recursive(squeezed[:-1]) == int(squeezed[-1]))
                    )
                )
                if right:
                    yield squeezed, hit.start(), hit.start() + len(written)
                    break
                written = written.rpartition(" ")[0].rstrip()


def is_belgian(digits: str) -> bool:
    """+++ddd/dddd/ddddd+++: ten digits and their remainder modulo 97 (97 for 0)."""
    return len(digits) == 12 and (int(digits[:10]) % 97 or 97) == int(digits[10:])


def is_luhn(digits: str) -> bool:
    """Modulo 10 with doubling from the right (Norwegian KID, Swedish OCR)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_731(digits: str) -> bool:
    """Weights 7, 3, 1 from the right over all but the last digit (Finnish viitenumero)."""
    weights = (7, 3, 1)
    total = sum(int(digit) * weights[place % 3] for place, digit in enumerate(reversed(digits[:-1])))
    return (10 - total % 10) % 10 == int(digits[-1])
