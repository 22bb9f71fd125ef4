"""Cells of a CSV statement to values. What could be read in two ways is refused, never chosen. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from app.core.errors import RuleViolation
from app.core.money import exponent, to_minor
from app.integrations.bank_formats.fields import FieldRefused, calendar_date
from app.integrations.import_mapping import TextFormat

_SHOWN = 40
_DATES_KEPT_MAX = 20_000
_TIME = re.compile(r"[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AP]M)?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?$")
_FORCED_TEXT = re.compile(r'="([^"]*)"')
_FORMULA = re.compile(r"=|[@+-]\s*[A-Za-z_.]+[0-9]*\s*[(|!]|[@+-].*\|.*!", re.DOTALL)
_SYMBOLS = {"€": "EUR", "£": "GBP", "$": "", "¥": ""}  # a dollar is of many currencies
_CODE = re.compile(r"^([A-Z]{3}) ?(?=[-+(0-9])|(?<=[-+)0-9]) ?([A-Z]{3})$", re.ASCII)
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2212": "-"})
_SUFFIX = re.compile(r"(.*?)\s*([A-Za-z+-]{1,10})\.?", re.ASCII | re.DOTALL)
_SWAPPED = str.maketrans({"d": "m", "m": "d"})


def plain_text(cell: str) -> str:
    """The text of a cell, without what forces a spreadsheet to take it as text (`="00123"`).

    Raises FieldRefused for what a spreadsheet would run as a formula.
    """
    text = cell.strip().strip("\u200b\ufeff")
    if text[:1] in "=@+-" and text:
        forced = _FORCED_TEXT.fullmatch(text)
        if forced is not None:
            return forced[1].strip()
        if _FORMULA.match(text):
            raise FieldRefused("csv_formula", f"{text[:_SHOWN]!r} is a formula, not a text of a bank")
    return text


class AmountReader:
    """Amounts as the profile says they are written."""

    def __init__(self, form: TextFormat) -> None:
        self._point, self._group = form.decimal_separator, form.thousands_separator
        groups, point = re.escape(self._group), re.escape(self._point)
        whole = rf"[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+|[0-9]{{1,18}}" if self._group else r"[0-9]{1,18}"
        self._number = re.compile(rf"({whole})(?:{point}([0-9]{{0,12}}))?|{point}([0-9]{{1,12}})", re.ASCII)

    def minor(self, cell: str, currency: str) -> int | None:
        """Signed minor units, or None for an empty cell. `(1.00)`, `1.00-` and `-1.00` are negative.

        Raises FieldRefused: no amount in this notation, `1.250` that may be thousands, decimals that the currency
        lacks, a sign of another currency.
        """
        text = cell.translate(_BLANKS).strip()
        if not text:
            return None
        text, negative = _without_sign(_without_currency(text, currency))
        group = " " if self._group in ("\u00a0", "\u202f") else self._group
        if group == " ":
            text = text.replace(" ", self._group)
        found = self._number.fullmatch(text)
        if found is None:
            detail = f"{cell.strip()[:_SHOWN]!r} is no amount with {self._point!r} before the decimals"
            detail += f" and {self._group!r} between thousands" if self._group else " and nothing between thousands"
            raise FieldRefused("csv_amount", detail)
        whole, decimals = found[1] or "0", found[2] or found[3] or ""
        grouped = bool(self._group) and self._group in whole
        if len(decimals) == 3 and not grouped and len(whole) <= 3 and exponent(currency) < 3 and whole.strip("0"):
            detail = f"{cell.strip()[:_SHOWN]!r} may mean thousands or decimals"
            raise FieldRefused("csv_amount_ambiguous", detail)
        digits = whole.replace(self._group, "") if self._group else whole
        try:
            minor = to_minor(Decimal(f"{digits}.{decimals or '0'}"), currency)
        except RuleViolation as refusal:
            raise FieldRefused("csv_amount", refusal.detail) from None
        return -minor if negative else minor


def _without_currency(text: str, currency: str) -> str:
    """Without the sign or code of the currency. Raises FieldRefused when it is another one's."""
    for symbol, code in _SYMBOLS.items():
        if symbol in text:
            if code and code != currency:
                raise FieldRefused("csv_currency", f"{text[:_SHOWN]!r} is not in {currency}")
            return text.replace(symbol, "", 1).strip()
    found = _CODE.search(text)
    if found is None:
        return text
    code = found[1] or found[2]
    if code != currency:
        raise FieldRefused("csv_currency", f"{text[:_SHOWN]!r} is not in {currency}")
    return (text[: found.start()] + text[found.end() :]).strip()


def _without_sign(text: str) -> tuple[str, bool]:
    """The number and whether it is negative; one sign only, else nothing is taken off."""
    if text[:1] == "(" and text[-1:] == ")":
        return text[1:-1].strip(), True
    if text[:1] in ("-", "+"):
        return text[1:].strip(), text[0] == "-"
    if text[-1:] in ("-", "+"):
        return text[:-1].strip(), text[-1] == "-"
    return text, False


def split_suffix(cell: str) -> tuple[str, str]:
    """The amount of a cell and the word behind it (`12.00 CR` → `12.00`, `cr`); the word is empty where none is."""
    found = _SUFFIX.fullmatch(cell.strip())
    return (found[1], found[2].casefold()) if found is not None else (cell, "")


class DateReader:
    """Days as the profile says they are written."""

    def __init__(self, forms: tuple[str, ...]) -> None:
        self._forms = forms
        self._known: dict[str, date] = {}

    def day(self, cell: str) -> date | None:
        """The day of a cell (a time behind it is not looked at), or None for an empty one.

        Raises FieldRefused for what is no day in any of the forms, and for what is two days in two of them.
        """
        text = cell.strip()
        if not text:
            return None
        found = self._known.get(text)
        if found is not None:
            return found
        days = {day for form in self._forms if (day := day_in(text, form)) is not None}
        if not days:
            shown = " or ".join(self._forms)
            raise FieldRefused("csv_date", f"{text[:_SHOWN]!r} is not a day in the form {shown}")
        if len(days) > 1:
            shown = " or ".join(str(day) for day in sorted(days))
            raise FieldRefused("csv_date_ambiguous", f"{text[:_SHOWN]!r} may be {shown}")
        day = days.pop()
        try:
            calendar_date(day.year, day.month, day.day)
        except FieldRefused as refusal:
            raise FieldRefused("csv_date", refusal.detail) from None
        if len(self._known) < _DATES_KEPT_MAX:
            self._known[text] = day
        return day


def day_in(text: str, form: str) -> date | None:
    """The day of a text in one form, whatever time stands behind it; None when it is none."""
    plain = _TIME.sub("", text)
    if not plain.isascii() or (form == "%Y%m%d" and len(plain) != 8):
        return None
    try:
        return datetime.strptime(plain, form).date()  # noqa: DTZ007 - a day without a clock
    except ValueError:
        return None


def swapped(form: str) -> str | None:
    """The form with day and month the other way round, where both are numbers that could be meant; None else."""
    return form.translate(_SWAPPED) if form[:2] in ("%d", "%m") and "%b" not in form else None
