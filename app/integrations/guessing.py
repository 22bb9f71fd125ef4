"""Propose a mapping for a file that nobody has described: from its headers, and from what its cells look like. Pure.

Headers are compared with what English, German, French and Spanish programs call the fields; cells with dates, amounts
and currency codes. Every proposal has a confidence and its reasons; what is missing is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.money import CURRENCIES
from app.integrations.guess_words import KIND_WORDS, NOT_WORDS, VALUE_WORDS, WORDS
from app.integrations.import_fields import FIELDS, ROW_KINDS

ROWS_LOOKED_AT_MAX = 500
DATES = frozenset({"invoice_date", "accounting_date", "due_date", "payment_date", "applied_on", "expected_date"})
AMOUNTS = frozenset({
    "amount", "tax_amount", "open_amount", "credit_limit", "discount_amount", "write_off_amount", "balance",
})  # fmt: skip
_DATE_FORMS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
    "%Y/%m/%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y",
)  # fmt: skip
_TIME = re.compile(r"[ T][0-9:.]+( ?[AP]M)?Z?$", re.ASCII)
_NUMBER = re.compile(r"\(?[-+]?[$€£¥]? ?[0-9][0-9.,'\u2019 \u00a0\u202f]*-?\)?", re.ASCII)
_SEPARATED = re.compile(r"(?:[0-9]{1,3})(?:([.,'\u2019 \u00a0\u202f])[0-9]{3})+(?:([.,])[0-9]{1,5})?")
_PLAIN = re.compile(r"[0-9]+(?:([.,])[0-9]{1,5})?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """A column of the file and the field that it probably is; confidence from 0 to 100, with the reasons."""

    header: str
    field: str | None
    confidence: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposed mapping. `missing`: groups of needed fields that no column gives; `notes`: what to look at."""

    kind: str
    mapping: dict[str, Any]
    columns: tuple[ColumnGuess, ...]
    missing: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Looks:
    """What the cells of a column look like."""

    filled: int = 0
    distinct: int = 0
    dates: list[str] = field(default_factory=list)  # forms that fit every cell
    decimal: str = ""
    thousands: str = ""
    is_number: bool = False
    has_cents: bool = False
    negatives: int = 0
    is_currency: bool = False
    is_email: bool = False
    is_country: bool = False
    texts: tuple[str, ...] = ()


def guess(header: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str | None = None) -> Guess:
    """The mapping of these headers and rows; of the kind that fits best when none is given."""
    rows = rows[:ROWS_LOOKED_AT_MAX]
    looks = [look([row[index] for row in rows if index < len(row)]) for index in range(len(header))]
    if kind is not None:
        return _guess_kind(kind, header, looks)
    made = [_guess_kind(name, header, looks) for name in ROW_KINDS if name != "original_amounts"]
    words = " ".join(folded(title) for title in header)
    return max(made, key=lambda found: _fit(found, words))


def _fit(found: Guess, words: str) -> tuple[int, int]:
    """How well a kind explains the file: needed fields first, words that only this kind has, then confidence."""
    named = sum(1 for word in KIND_WORDS.get(found.kind, ()) if word in words)
    taken = [column for column in found.columns if column.field is not None]
    return 300 * -len(found.missing) + 80 * named + sum(column.confidence for column in taken), len(taken)


def folded(text: str) -> str:
    """Lower case, without accents, marks and doubled blanks: `Fällig am` → `fallig am`."""
    plain = "".join(ch for ch in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(ch))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain.replace("ß", "ss")).split())


def _guess_kind(kind: str, header: Sequence[str], looks: Sequence[Looks]) -> Guess:
    """Give every field the column that fits it best, the surest first."""
    names = [name for name in FIELDS[kind].names if _words_of(kind, name)]
    scored = sorted(
        (
            (score, -index, name, reasons)
            for index, title in enumerate(header)
            for name in names
            for score, reasons in [_score(kind, name, title, looks[index])]
            if score >= 40
        ),
        key=lambda found: (found[0], found[1]),
        reverse=True,
    )
    by_column: dict[int, ColumnGuess] = {}
    given: set[str] = set()
    for score, negative, name, reasons in scored:
        index = -negative
        if index not in by_column and name not in given:
            by_column[index] = ColumnGuess(header[index], name, min(score, 99), reasons)
            given.add(name)
    columns = tuple(
        by_column.get(index) or ColumnGuess(title, None, 0, ("no field has such a name or such values",))
        for index, title in enumerate(header)
    )
    missing = tuple(group for group in FIELDS[kind].needed if not given & set(group))
    return Guess(kind, *_mapping(kind, columns, looks), missing=missing, notes=_notes(columns, looks))


def _words_of(kind: str, name: str) -> tuple[str, ...]:
    """What programs call the field. The number of an account is what other files call the account."""
    if kind == "accounts" and name == "number":
        return WORDS["account_number"]
    return WORDS.get(name, ())


def _score(kind: str, name: str, title: str, looks: Looks) -> tuple[int, tuple[str, ...]]:
    """How sure it is that the column is the field: by its name, then by what stands in it."""
    words, reasons = folded(title), []
    score = 0
    if words == name.replace("_", " "):
        score, reasons = 90, ["the header is the field's name"]
    else:
        known_words = _words_of(kind, name)
        for place, known in enumerate(known_words):
            if words == known:
                score, reasons = 85 - min(place, 15), [f"headers such as {known!r} mean {name}"]
                break
        else:
            near = [known for known in known_words if len(known) > 3 and f" {known} " in f" {words} "]
            against = () if kind == "accounts" else NOT_WORDS.get(name, ())
            if near and not any(f" {word} " in f" {words} " for word in against):
                score, reasons = 45 + min(len(max(near, key=len)), 15), [f"the header holds {max(near, key=len)!r}"]
    if not score or not looks.filled:
        return score, tuple(reasons)
    return _weighed(kind, name, looks, score, reasons)


def _weighed(kind: str, name: str, looks: Looks, score: int, reasons: list[str]) -> tuple[int, tuple[str, ...]]:
    """The score after a look at the cells."""
    fits: bool | None = None
    what = ""
    if name in DATES:
        fits, what = bool(looks.dates), "dates" + (f" as {looks.dates[0]}" if looks.dates else "")
    elif name in AMOUNTS:
        fits, what = looks.is_number and not (looks.dates and not looks.has_cents), "amounts"
    elif name == "currency":
        fits, what = looks.is_currency, "currency codes of ISO 4217"
    elif name.endswith("email"):
        fits, what = looks.is_email, "e-mail addresses"
    elif name == "country":
        fits, what = looks.is_country, "codes of two letters"
    elif name == "kind" and kind == "invoices":
        known = [text for text in looks.texts if folded(text) in VALUE_WORDS]
        fits, what = len(known) == len(looks.texts), "kinds of documents"
    elif name in ("number", "external_id") and looks.filled > 3:
        fits = None if looks.distinct == looks.filled else False
        what = "keys without repetition"
    if fits is None:
        return score, tuple(reasons)
    reasons.append(f"its cells are {what}" if fits else f"its cells are not all {what}")
    return (score + 10, tuple(reasons)) if fits else (score - 35, tuple(reasons))


def look(cells: Sequence[str]) -> Looks:
    """What the cells of a column look like."""
    texts = [text.strip() for text in cells if text.strip() and text.strip() != "NULL"]
    looks = Looks(filled=len(texts), distinct=len(set(texts)))
    if not texts:
        return looks
    looks.dates = [form for form in _DATE_FORMS if all(_is_date(text, form) for text in texts)]
    looks.is_currency = all(text in CURRENCIES for text in texts)
    looks.is_email = all(_EMAIL.fullmatch(text) for text in texts)
    looks.is_country = all(len(text) == 2 and text.isalpha() for text in texts)
    looks.is_number = all(_NUMBER.fullmatch(text) for text in texts)
    looks.texts = tuple(dict.fromkeys(texts))[:20]
    if looks.is_number:
        _look_at_numbers(texts, looks)
    return looks


def _is_date(text: str, form: str) -> bool:
    plain = _TIME.sub("", text)
    if form == "%Y%m%d" and len(plain) != 8:
        return False
    try:
        return 1900 <= datetime.strptime(plain, form).year <= 2200  # noqa: DTZ007 - a day without a clock
    except ValueError:
        return False


def _look_at_numbers(texts: Sequence[str], looks: Looks) -> None:
    """Which signs stand before the decimals and between the thousands. Unclear ones say nothing."""
    for text in texts:
        negative = text[0] in "(-" or text[-1] in "-)"
        looks.negatives += negative
        plain = text.strip("()-+$€£¥ ")
        grouped = _SEPARATED.fullmatch(plain)
        if grouped is not None and (grouped[2] or plain.count(grouped[1]) > 1 or grouped[1] not in ".,"):
            looks.thousands = looks.thousands or grouped[1]
            looks.decimal = looks.decimal or grouped[2] or ("," if grouped[1] == "." else ".")
            looks.has_cents = looks.has_cents or bool(grouped[2])
            continue
        simple = _PLAIN.fullmatch(plain)
        if simple is not None and simple[1] and len(plain.rpartition(simple[1])[2]) != 3:
            looks.decimal, looks.has_cents = looks.decimal or simple[1], True


def _mapping(
    kind: str, columns: Sequence[ColumnGuess], looks: Sequence[Looks]
) -> tuple[dict[str, Any], tuple[ColumnGuess, ...]]:
    chosen = [(column, looks[index]) for index, column in enumerate(columns) if column.field is not None]
    form: dict[str, Any] = {"delimiter": "auto", "encoding": "auto"}
    numbers = [found for column, found in chosen if column.field in AMOUNTS and found.is_number]
    decimal = next((found.decimal for found in numbers if found.decimal), ".")
    form["decimal_separator"] = decimal
    thousands = next((found.thousands for found in numbers if found.thousands and found.thousands != decimal), "")
    if thousands:
        form["thousands_separator"] = thousands
    dates = _date_forms([found.dates for column, found in chosen if column.field in DATES and found.dates])
    form["date_formats"] = dates or ["%Y-%m-%d"]
    mapping: dict[str, Any] = {
        "kind": kind, "format": form, "columns": {column.field: column.header for column, _ in chosen},
    }  # fmt: skip
    values = {
        text: VALUE_WORDS[folded(text)]
        for column, found in chosen if column.field == "kind"
        for text in found.texts if folded(text) in VALUE_WORDS
    }  # fmt: skip
    if values:
        mapping["values"] = {"kind": values}
    negative = [column.field for column, found in chosen if column.field in AMOUNTS and found.negatives]
    if negative and (values or kind in ("payments", "applications")):
        mapping["absolute"] = negative
    mapping["options"] = {"currency": "base"} if "currency" not in mapping["columns"] else {}
    if kind in ("invoices", "payments"):
        mapping["options"]["on_missing_account"] = "create"
    return mapping, tuple(columns)


def _date_forms(forms: Sequence[Sequence[str]]) -> list[str]:
    """The form that fits all date columns, else the first of each."""
    common = [form for form in _DATE_FORMS if forms and all(form in found for found in forms)]
    return common[:1] or list(dict.fromkeys(found[0] for found in forms))


def _notes(columns: Sequence[ColumnGuess], looks: Sequence[Looks]) -> tuple[str, ...]:
    notes = []
    for index, column in enumerate(columns):
        found = looks[index]
        if column.field in DATES and {"%d/%m/%Y", "%m/%d/%Y"} <= set(found.dates):
            notes.append(f"{column.header!r}: day and month could be the other way round")
        if column.field in AMOUNTS and found.is_number and not found.decimal and found.filled:
            notes.append(f"{column.header!r}: no amount shows which sign stands before the decimals")
    return tuple(notes)


def shown(found: Guess) -> Mapping[str, Any]:
    """The mapping as a file, with a line about how it came to be."""
    return {"about": "Proposed from headers and values; look at it before it is used.", **found.mapping}
