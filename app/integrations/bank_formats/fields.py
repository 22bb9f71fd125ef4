"""Single values of bank files: amounts, dates, references that mean "none", accounts."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from app.core.errors import RuleViolation
from app.core.money import Money, to_minor

_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,24}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})", re.ASCII)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*|Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}", re.ASCII)
_NONE_WORDS = frozenset(
    {
        "NOTPROVIDED",
        "NOT PROVIDED",
        "NOTAVAILABLE",
        "NOT AVAILABLE",
        "NONREF",
        "NON REF",
        "NOREF",
        "NO REF",
        "NOREFERENCE",
        "NO REFERENCE",
        "NONE",
        "N/A",
        "NULL",
        "UNKNOWN",
        "NICHT ANGEGEBEN",
    }
)
EARLIEST = date(1970, 1, 1)  # earlier dates in bank files are defaults of programs, not dates
LATEST = date(2199, 12, 31)


class FieldRefused(Exception):
    """A value that cannot be used: stable code and sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def read_money(text: str | None, currency: str | None) -> Money:
    """An amount of xs:decimal and its currency; surplus decimals pass only when zero.

    Raises FieldRefused: missing, not a number, decimals that the currency lacks, unknown currency, out of range.
    """
    if text is None or not text.strip():
        raise FieldRefused("amount_missing", "the amount is missing")
    if currency is None:
        raise FieldRefused("currency_missing", "the amount has no currency")
    plain = text.strip()
    if not _DECIMAL.fullmatch(plain):
        raise FieldRefused("amount_invalid", f"{plain[:40]!r} is not an amount")
    try:
        return Money(to_minor(Decimal(plain), currency), currency)
    except RuleViolation as error:
        raise FieldRefused("amount_invalid", error.detail) from None


def read_date(text: str | None) -> date | None:
    """The calendar date at the start of an ISO date or date-time, as written (no time zone arithmetic).

    None when absent. Raises FieldRefused for what is no date, or is before 1970 or after 2199.
    """
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    if match is None:
        raise FieldRefused("date_invalid", f"{text[:40]!r} is not a date")
    return calendar_date(int(match[1]), int(match[2]), int(match[3]))


def calendar_date(year: int, month: int, day: int) -> date:
    """A plausible calendar date. Raises FieldRefused (2023-02-30, 0001-01-01)."""
    try:
        found = date(year, month, day)
    except ValueError:
        raise FieldRefused("date_invalid", f"{year:04}-{month:02}-{day:02} is not a date") from None
    if not EARLIEST <= found <= LATEST:
        raise FieldRefused("date_invalid", f"{found} is not a plausible date")
    return found


def given(reference: str | None) -> str | None:
    """A reference, or None when the text only says that there is none (`NOTPROVIDED`, `NONREF`, zeros)."""
    if reference is None:
        return None
    trimmed = reference.strip()
    if trimmed.upper() in _NONE_WORDS or not trimmed.strip("0-/. "):
        return None
    return trimmed


def read_account(text: str | None) -> tuple[str | None, bool]:
    """An account identifier without spaces, and whether it is a valid IBAN (ISO 13616, mod 97)."""
    if text is None or not text.strip():
        return None, False
    squeezed = "".join(text.split()).upper()
    if is_iban(squeezed):
        return squeezed, True
    return " ".join(text.split()), False


def is_iban(text: str) -> bool:
    """Shape and check digits of an IBAN in its compact form."""
    if not _IBAN.fullmatch(text):
        return False
    digits = "".join(str(int(character, 36)) for character in text[4:] + text[:4])
    return int(digits) % 97 == 1
