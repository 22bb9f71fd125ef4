"""Amounts of money that a payer writes into the text: beside a document's number, or what was kept back and why.

`RE-1001 1.250,00, RE-1002 99,50` says how the payment is split as a remittance advice would. Only digits count:
`1.250,00`, `1,250.00`, `1 250.00` and `125000` minor units are the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

from app.core.reference_keys import clean

_AMOUNT = re.compile(
    r"(?<![0-9A-Z.,/-])(?:[A-Z]{3} ?)?((?:[0-9]{1,3}(?:[., '][0-9]{3})+|[0-9]{1,9})[.,][0-9]{2,3}|[0-9]{2,9})"
    r"(?: ?(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK))?(?![0-9A-Z]|[.,/-][0-9])"
)
_NOT_DIGIT = re.compile(r"[^0-9]")
AMOUNTS_LIMIT = 80
_DEDUCTION = re.compile(
    r"\b(?:DEDUCT(?:ION|ED)?|DAMAGED?|DEFECT(?:IVE)?|SHORTAGE|SHORT (?:SHIP(?:PED|MENT)?|DELIVER(?:Y|ED))|CLAIM|"
    r"RETURN(?:S|ED)?|REBATE|BONUS|COMPLAINT|QUALITY|PRICE DIFFERENCE|PRICING|PROMOTION|ADVERTISING|PENALTY|FREIGHT|"
    r"ABZUG|ABZGL|ABZUGLICH|KURZUNG|MANGEL|REKLAMATION|RETOURE|FEHLMENGE|PREISDIFFERENZ|WKZ|LITIGE|RETENUE|RETOUR|"
    r"AVARIE|RECLAM[OA]|RECLAMACION|DEDUCCION|DETRATTO|TRATTENUTA|KORTING|POTRACENIE|AVDRAG)\b"
)


@lru_cache(maxsize=16_384)
def amounts_in(text: str) -> tuple[tuple[int, int, int, bool], ...]:
    """Start, end, digits as a number, and whether decimals were written, of everything that may be an amount."""
    found = []
    for hit in _AMOUNT.finditer(clean(text)):
        written = hit.group(1)
        digits = int(_NOT_DIGIT.sub("", written))
        decimals = not written.isdigit()
        if digits:
            found.append((hit.start(), hit.end(), digits, decimals))
        if len(found) >= AMOUNTS_LIMIT:
            break
    return tuple(found)


def names_amount(text: str, minor: int) -> bool:
    """Whether the text gives this amount: with its decimals, or without where they are zero."""
    return any(
        digits == minor or (not decimals and minor == digits * 100) for _, _, digits, decimals in amounts_in(text)
    )


def deduction_word(text: str) -> str | None:
    """The first word of the text that speaks of something kept back, in small letters; None without one."""
    found = _DEDUCTION.search(clean(text))
    return found.group().lower() if found else None
