"""Creditor references with check digits: ISO 11649 (RF), Swiss QR and ESR, Belgian structured communication.

Finnish and Norwegian (KID) references are plain numbers with one check digit; they pass through as they are
and, where the last digit checks, also without it.
"""

from __future__ import annotations

import re

_ZERO_RUN = re.compile(r"0{2,}")
_MOD10_TABLE = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)
_SQUEEZE = re.compile(r"[^0-9A-Z]")
REFERENCE_LENGTH_LIMIT = 60


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


def is_creditor_reference(squeezed: str) -> bool:
    """ISO 11649: RF, two check digits, up to 21 characters; the whole is 1 modulo 97 (ISO 7064)."""
    if not re.fullmatch(r"RF[0-9]{2}[0-9A-Z]{1,21}", squeezed):
        return False
    turned = squeezed[4:] + squeezed[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def is_belgian(digits: str) -> bool:
    """+++ddd/dddd/ddddd+++: ten digits and their remainder modulo 97 (97 for 0)."""
    return len(digits) == 12 and (int(digits[:10]) % 97 or 97) == int(digits[10:])


def modulo_10_recursive(digits: str) -> int:
    """The check digit of Swiss QR and ESR references."""
    carry = 0
    for digit in digits:
        carry = _MOD10_TABLE[(carry + int(digit)) % 10]
    return (10 - carry) % 10


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
