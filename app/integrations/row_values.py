"""Cells of a row to values: amounts, dates, texts, choices. Pure, and quick: an import reads millions of them.

A cell that cannot be read adds a fault to the row's list and yields None; so all faults of a row are found in one go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from app.core.errors import DomainError
from app.core.money import CURRENCIES, round_to_minor, to_minor
from app.integrations.import_mapping import ImportOptions, TextFormat

DATE_MIN, DATE_MAX = date(1900, 1, 1), date(2200, 12, 31)
_DATES_KEPT_MAX = 20_000
_SHOWN = 60
_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
_BLANK_ENDS = re.compile(r"^[\u200b-\u200f\u2028-\u202e\ufeff]|[\u200b-\u200f\u2028-\u202e\ufeff]$")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MIDNIGHT = re.compile(r"[ T](00:00(:00(\.0+)?)?|12:00(:00)? ?AM)$", re.ASCII)
_FRACTION = re.compile(r"\.([0-9]{1,9})(Z|[+-][0-9:]+)?$", re.ASCII)
_SIGNS = re.compile(r"(?<=^[(-])[$€£¥] ?|^[$€£¥] ?")
_YES, _NO = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, or (severity `note`) was changed on its way in."""

    field: str | None
    code: str
    detail: str
    severity: str = "refused"


class CellReader:
    """Reads cells as the mapping's format and the options say."""

    def __init__(self, form: TextFormat, options: ImportOptions) -> None:
        self._decimal = form.decimal_separator
        self._thousands = form.thousands_separator
        self._plain = form.decimal_separator == "." and not form.thousands_separator
        groups, point = re.escape(form.thousands_separator), re.escape(form.decimal_separator)
        self._grouped = re.compile(rf"-?[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+(?:{point}[0-9]+)?", re.ASCII)
        self._formats = form.date_formats
        self._dates: dict[str, date | None] = {}
        self._round = options.rounding == "half_up"

    def amount(self, text: str, currency: str, field: str, faults: list[Fault]) -> int | None:
        """Minor units of the currency; None for nothing. Surplus decimals are refused, or rounded with a note."""
        if not text:
            return None
        plain = text if self._plain else self._normal(text)
        if plain is None:
            detail = f"{text[:_SHOWN]!r} is not an amount with {self._thousands!r} and {self._decimal!r}"
            faults.append(Fault(field, "money.amount_invalid", detail))
            return None
        try:
            return to_minor(plain, currency)
        except DomainError as refusal:
            if self._round and refusal.code == "money.amount_invalid":
                return self._rounded(plain, text, currency, field, faults, refusal)
            faults.append(Fault(field, refusal.code, refusal.detail))
        return None

    def _normal(self, text: str) -> str | None:
        """The plain decimal form, or None when thousands are not grouped by three. Signs of currencies are let go."""
        text = _SIGNS.sub("", text) if text[:1] in "($€£¥-" else text
        if text[:1] == "(" and text[-1:] == ")":  # negative, as accountants write it
            text = "-" + text[1:-1]
        if self._thousands and self._thousands in text:
            if not self._grouped.fullmatch(text):
                return None
            text = text.replace(self._thousands, "")
        if self._decimal == ",":
            if "." in text:
                return None
            text = text.replace(",", ".", 1)
        return text

    def _rounded(
        self, plain: str, text: str, currency: str, field: str, faults: list[Fault], refusal: DomainError
    ) -> int | None:
        try:
            if not re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,40}", plain, re.ASCII):
                raise InvalidOperation
            minor = round_to_minor(Decimal(plain), currency)
        except (DomainError, InvalidOperation):
            faults.append(Fault(field, refusal.code, refusal.detail))
            return None
        faults.append(Fault(field, "import.rounded", f"{text[:_SHOWN]} was rounded to {minor} minor units", "note"))
        return minor

    def day(self, text: str, field: str, faults: list[Fault]) -> date | None:
        """A day in one of the formats; None for nothing."""
        if not text:
            return None
        found = self._dates.get(text)
        if found is not None:
            return found
        found = self._parse_date(text)
        if found is None:
            detail = f"{text[:_SHOWN]!r} is not a day of the calendar in the form {' or '.join(self._formats)}"
            faults.append(Fault(field, "import.date_invalid", detail))
        elif not DATE_MIN <= found <= DATE_MAX:
            faults.append(Fault(field, "import.date_invalid", f"{found} is not between 1900-01-01 and 2200-12-31"))
            return None
        elif len(self._dates) < _DATES_KEPT_MAX:
            self._dates[text] = found
        return found

    def _parse_date(self, text: str) -> date | None:
        text = _MIDNIGHT.sub("", text)  # databases write days as instants
        for form in self._formats:
            try:
                if form == "%Y-%m-%d":
                    if _ISO.fullmatch(text):
                        return date.fromisoformat(text)
                elif text.isascii():
                    return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day without a clock
            except ValueError:
                continue
        return None


_AMERICAN = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")


def instant_of(text: str) -> datetime | None:
    """An instant as databases write it (UTC where no zone stands behind it); None for anything else."""
    if not text:
        return None
    fraction = _FRACTION.search(text)  # SQL Server writes up to seven digits
    plain = (
        text if fraction is None else f"{text[: fraction.start()]}.{fraction[1][:6].ljust(6, '0')}{fraction[2] or ''}"
    )
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        for form in _AMERICAN:
            try:
                found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
                break
            except ValueError:
                continue
        else:
            return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def currency_of(text: str, faults: list[Fault]) -> str:
    """A currency of ISO 4217; the text itself, with a fault, when it is none."""
    if text not in CURRENCIES:
        detail = f"{text[:12]!r} is not a currency of ISO 4217" if text else "the currency is missing"
        faults.append(Fault("currency", "money.currency_unknown", detail))
    return text


def flag(text: str, field: str, faults: list[Fault]) -> bool | None:
    """true/yes/1 or false/no/0; None for nothing."""
    lowered = text.lower()
    if not lowered:
        return None
    if lowered in _YES or lowered in _NO:
        return lowered in _YES
    faults.append(Fault(field, "import.value_invalid", f"{text[:_SHOWN]!r} is neither true nor false"))
    return None


def check_texts(names: tuple[str, ...], texts: tuple[str, ...], multiline: frozenset[str], faults: list[Fault]) -> None:
    """Faults for control characters, lone surrogates, and invisible characters at the ends.

    Only called for rows of blocks in which such characters were seen.
    """
    for name, text in zip(names, texts, strict=True):
        lines = text.split("\n") if name in multiline else (text,)
        if not all(_ONE_LINE.fullmatch(line.rstrip("\r")) for line in lines):
            detail = "control characters, line breaks, NUL bytes and lone surrogates cannot stand here"
            faults.append(Fault(name, "import.text_invalid", detail))
        elif _BLANK_ENDS.search(text):
            faults.append(Fault(name, "import.text_invalid", "an invisible character stands at an end of the text"))


def check_lengths(
    names: tuple[str, ...], texts: tuple[str, ...], lengths: tuple[int, ...], faults: list[Fault]
) -> None:
    """Faults for texts that are longer than their field."""
    for name, text, length in zip(names, texts, lengths, strict=True):
        if len(text) > length:
            faults.append(Fault(name, "import.text_too_long", f"longer than {length} characters"))
