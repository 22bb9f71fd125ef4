"""Propose a profile for a CSV statement that nobody has described, and prove it where the file has balances. Pure.

The header is looked for among the first lines, columns are found by their names and by what stands in them. The
proposal is then tried on the sample: balances that follow prove amounts and signs. What stays open is said, and what
could be read in two ways is proposed so that a load refuses it until a person has chosen.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.errors import DomainError
from app.core.money import CURRENCIES, to_text
from app.integrations.bank_csv.balances import chain
from app.integrations.bank_csv.errors import CsvRefused
from app.integrations.bank_csv.profile import INDICATOR, SIGNED, SUFFIX, TWO_COLUMNS, read_profile
from app.integrations.bank_csv.rows import RowRead, RowReader
from app.integrations.bank_csv.statement import parse_csv
from app.integrations.bank_csv.table import HEADER_LOOKED_FOR, find_table, lines_of, records
from app.integrations.bank_csv.words import CREDIT_WORDS, CURRENCY_SIGNS, DEBIT_WORDS, WORDS
from app.integrations.bank_formats.records import StatementFile
from app.integrations.bank_formats.source import ByteSource
from app.integrations.guessing import ColumnGuess, Looks, folded, look
from app.integrations.import_mapping import AUTO, TextFormat
from app.integrations.text_forms import DELIMITERS

SAMPLE_BYTES_MAX = 1024 * 1024
ROWS_LOOKED_AT_MAX = 500
ENTRIES_SHOWN = 5
STAND_IN = "sample"
"""Whose account the sample is of, where it does not say so: nothing is kept of it."""
_DATES, _AMOUNTS = ("booking_date", "value_date"), ("amount", "debit", "credit", "balance", "fee")
_SURE, _NEAR = 90, 55


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed profile with how it came to be and how it reads the sample."""

    definition: dict[str, Any]
    columns: tuple[ColumnGuess, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    proven: bool
    refused: str | None
    fitting: tuple[str, ...]
    file: StatementFile | None

    def as_document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "definition": self.definition,
            "columns": [
                {"header": c.header, "field": c.field, "confidence": c.confidence, "reasons": list(c.reasons)}
                for c in self.columns
            ],
            "missing": list(self.missing),
            "notes": list(self.notes),
            "proven": self.proven,
            "refused": self.refused,
            "fitting": list(self.fitting),
            "entries": self._entries(),
        }

    def _entries(self) -> list[dict[str, Any]]:
        pairs = [] if self.file is None else [pair for s in self.file.statements for pair in s.transactions()]
        return [
            {
                "booking_date": entry.booking_date and str(entry.booking_date),
                "value_date": entry.value_date and str(entry.value_date),
                "amount": to_text(found.amount_minor, found.currency),
                "currency": found.currency,
                "is_credit": found.is_credit,
                "counterparty_name": (found.payer if found.is_credit else found.payee).name,
                "text": found.remittance_text,
            }
            for entry, found in pairs[:ENTRIES_SHOWN]
        ]


def propose(sample: bytes, known: Mapping[str, Mapping[str, Any]]) -> Proposal:
    """The profile of a sample (the file or its beginning). `known`: definitions of profiles by name.

    Raises CsvRefused when the sample is no text, or nothing in it looks like a header.
    """
    whole = sample if len(sample) < SAMPLE_BYTES_MAX else sample[: sample.rfind(b"\n") + 1]
    lines, form = lines_of(whole, TextFormat(delimiter=AUTO, encoding=AUTO))
    header_line, form, header = _header(lines, form)
    cells = _cells(lines, header_line, form, len(header))
    looks = [look([row[place] for row in cells]) for place in range(len(header))]
    columns = _columns(header, looks)
    made, notes = _definition(columns, looks, form)
    footer = _footer(lines, header_line, form, len(header))
    if footer:
        made["footer"] = footer
    missing = _missing(made)
    fitting = tuple(name for name, content in known.items() if _fits(whole, content))
    if missing:
        return Proposal(made, columns, missing, tuple(notes), False, None, fitting, None)
    file, proven, refused = _try(whole, made)
    if refused is not None and refused.reason_code == "bank_file.csv_sign_contradicted":
        turned = _turned(made)
        if turned is not None:
            again = _try(whole, turned)
            if again[2] is None:
                made, (file, proven, refused) = turned, again
                notes.append("the balances say that positive is money out")
    return Proposal(
        made, columns, (), tuple(notes), proven, None if refused is None else refused.detail, fitting, file
    )  # fmt: skip


def profile_needed(sample: bytes, known: Mapping[str, Mapping[str, Any]]) -> CsvRefused | None:
    """The refusal of a CSV statement that came without a profile, with those that fit; None when it is no such file."""
    try:
        found = propose(sample, known)
    except DomainError:
        return None
    fits = f"; {', '.join(found.fitting)} would read it" if found.fitting else "; none that is known here reads it"
    detail = f"this is a CSV statement: name its bank profile as preset{fits}"
    return CsvRefused("bank_file.profile_needed", detail)


def _header(lines: Sequence[str], form: TextFormat) -> tuple[int, TextFormat, list[str]]:
    """The line that has the most words of banks in it. Raises CsvRefused."""
    best: tuple[int, int, TextFormat, list[str]] | None = None
    for number, line in enumerate(lines[:HEADER_LOOKED_FOR], start=1):
        for delimiter in DELIMITERS:
            try:
                cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
            except csv.Error:
                continue
            hits = sum(1 for cell in cells if any(_points(name, cell) for name in WORDS))
            if hits >= 2 and (best is None or hits > best[0]):
                best = (hits, number, replace(form, delimiter=delimiter), cells)
    if best is None:
        detail = f"none of the first {HEADER_LOOKED_FOR} lines looks like the header of a bank statement"
        raise CsvRefused("bank_file.csv_header", detail, line=1)
    while best[3] and not best[3][-1]:
        best[3].pop()
    return best[1], best[2], best[3]


def _cells(lines: Sequence[str], behind: int, form: TextFormat, width: int) -> list[list[str]]:
    """The first rows that have all cells; lines below the table are not looked at."""
    found: list[list[str]] = []
    for _, cells in records(tuple(lines), behind, form):
        if len(cells) >= width and sum(1 for cell in cells if cell.strip()) > 1:
            found.append(cells[:width])
        if len(found) == ROWS_LOOKED_AT_MAX:
            break
    return found


def _footer(lines: Sequence[str], behind: int, form: TextFormat, width: int) -> list[str]:
    """How lines below the table begin: those that lack cells."""
    short = [cells[0].strip() for _, cells in records(tuple(lines), behind, form) if len(cells) < width]
    return list(dict.fromkeys(text for text in short if text and text.isprintable()))[:10]


def _points(name: str, header: str) -> int:
    """How sure the header's words say that the column is the field."""
    words = folded(header)
    for place, known in enumerate(WORDS[name]):
        if words == known:
            return _SURE - min(place, 15)
    near = [known for known in WORDS[name] if len(known) > 3 and f" {known} " in f" {words} "]
    return _NEAR + min(len(max(near, key=len)), 15) if near else 0


def _columns(header: Sequence[str], looks: Sequence[Looks]) -> tuple[ColumnGuess, ...]:
    """Every field gets the column that fits it best, the surest first; `text` takes all that fit."""
    scored = sorted(
        (
            (points, -place, name)
            for place, title in enumerate(header) for name in WORDS
            if (points := _weighed(name, _points(name, title), looks[place])) >= 40
        ),
        reverse=True,
    )  # fmt: skip
    by_place: dict[int, ColumnGuess] = {}
    given: set[str] = set()
    for points, negative, name in scored:
        place = -negative
        if place in by_place or (name in given and name != "text"):
            continue
        what = _what(name, looks[place])
        by_place[place] = ColumnGuess(header[place], name, min(points, 99), ("headers like this one mean it", *what))
        given.add(name)
    none = ("no field has such a name or such values; it is kept as additional information",)
    return tuple(by_place.get(place) or ColumnGuess(title, None, 0, none) for place, title in enumerate(header))


def _weighed(name: str, points: int, looks: Looks) -> int:
    """The points after a look at the cells; an empty column is taken by its name."""
    if not points or not looks.filled:
        return points
    if name in _DATES:
        return points + 8 if looks.dates else 0
    if name in _AMOUNTS:
        fits = looks.is_number or (name == "amount" and _suffixes(looks))
        return points + 8 if fits and not (looks.dates and not looks.has_cents and name != "amount") else 0
    if name == "currency":
        return points + 8 if all(text.upper() in CURRENCIES for text in looks.texts) else 0
    if name == "indicator":
        words = {text.casefold() for text in looks.texts}
        return points + 8 if words <= CREDIT_WORDS | DEBIT_WORDS else 0
    if looks.is_number and looks.has_cents and name in ("text", "type", "counterparty_name"):
        return 0
    return points


def _what(name: str, looks: Looks) -> tuple[str, ...]:
    if name in _DATES and looks.dates:
        return (f"its cells are dates as {' or '.join(looks.dates)}",)
    if name in _AMOUNTS and looks.is_number:
        return ("its cells are amounts",)
    return ()


def _suffixes(looks: Looks) -> bool:
    """Whether every amount has a word for its direction behind it."""
    words = {text.rpartition(" ")[2].lstrip("0123456789.,").casefold() for text in looks.texts}
    return bool(words) and words <= (CREDIT_WORDS | DEBIT_WORDS) - {"+", "-"}


def _definition(
    columns: Sequence[ColumnGuess], looks: Sequence[Looks], form: TextFormat
) -> tuple[dict[str, Any], list[str]]:
    chosen = {column.field: looks[place] for place, column in enumerate(columns) if column.field is not None}
    headers: dict[str, Any] = {}
    for column in columns:
        if column.field == "text":
            headers.setdefault("text", []).append(column.header)
        elif column.field is not None:
            headers[column.field] = column.header
    sign, notes = _sign(chosen)
    for name in {"amount", "debit", "credit", "indicator"} - set(_columns_of(sign["kind"])):
        headers.pop(name, None)
    numbers = [chosen[name] for name in _AMOUNTS if name in headers]
    decimal = next((found.decimal for found in numbers if found.decimal), ".")
    thousands = next((found.thousands for found in numbers if found.thousands and found.thousands != decimal), "")
    if not any(found.decimal for found in numbers):
        notes.append("no amount shows which sign stands before the decimals")
    forms, more = _date_forms([chosen[name] for name in _DATES if name in headers])
    made: dict[str, Any] = {
        "format": {"delimiter": form.delimiter, "encoding": form.encoding, "decimal_separator": decimal,
                   "thousands_separator": thousands or ("," if decimal == "." else "."), "date_formats": forms},
        "columns": headers,
        "sign": sign,
    }  # fmt: skip
    if "currency" not in headers:
        currency = _currency_in(columns)
        if currency:
            made["currency"] = currency
        else:
            notes.append("no currency: that of the own bank account counts, or the option currency")
    if "account" not in headers:
        notes.append("whose account it is stands nowhere: name it as `account`, or by the option bank_account")
    return made, notes + more


def _columns_of(kind: str) -> tuple[str, ...]:
    return {TWO_COLUMNS: ("debit", "credit"), INDICATOR: ("amount", "indicator")}.get(kind, ("amount",))


def _sign(chosen: Mapping[str, Looks]) -> tuple[dict[str, Any], list[str]]:
    """Which way money goes, by the columns that are there and the signs in them."""
    if {"debit", "credit"} <= chosen.keys():
        debit = chosen["debit"]
        negative = debit.filled > 0 and debit.negatives > 0
        return {"kind": TWO_COLUMNS, "debit_is": "negative" if negative else "positive"}, []
    if {"amount", "indicator"} <= chosen.keys() and not chosen["amount"].negatives:
        words = chosen["indicator"].texts
        return _worded(INDICATOR, words)
    if "amount" in chosen and not chosen["amount"].is_number and _suffixes(chosen["amount"]):
        words = tuple(text.rpartition(" ")[2].lstrip("0123456789.,") for text in chosen["amount"].texts)
        return _worded(SUFFIX, tuple(dict.fromkeys(words)))
    notes = []
    if "amount" in chosen and not chosen["amount"].negatives:
        notes.append("no amount is negative: all of them count as money in")
    return {"kind": SIGNED, "positive_is": "credit"}, notes


def _worded(kind: str, words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    credit = [word for word in words if word.casefold() in CREDIT_WORDS]
    debit = [word for word in words if word.casefold() in DEBIT_WORDS]
    notes = [
        f"no row shows how {name} is written" for name, found in (("credit", credit), ("debit", debit)) if not found
    ]
    opposite = {"c": "D", "cr": "DR", "credit": "Debit", "h": "S", "haben": "Soll", "crdt": "DBIT", "bij": "Af"}
    back = {value.casefold(): name.upper() for name, value in opposite.items()}
    credit = credit or [back.get(debit[0].casefold(), "CR")]
    debit = debit or [opposite.get(credit[0].casefold(), "DR")]
    return {"kind": kind, "credit": credit, "debit": debit}, notes


def _date_forms(found: Sequence[Looks]) -> tuple[list[str], list[str]]:
    """The one form that all columns of days have; with several the load refuses what they read differently."""
    lists = [looks.dates for looks in found if looks.dates]
    if not lists:
        return ["%Y-%m-%d"], []
    common = [form for form in lists[0] if all(form in others for others in lists[1:])] or lists[0][:1]
    if len(common) > 1:
        note = f"days may be {' or '.join(common)}: both are proposed, and days that differ are refused; keep one"
        return common, [note]
    return common, []


def _currency_in(columns: Sequence[ColumnGuess]) -> str | None:
    """A currency that the header of an amount names (`Betrag (EUR)`, `Débit euros`)."""
    for column in columns:
        if column.field in _AMOUNTS:
            words = [word.strip("()[]") for word in column.header.split()]
            found = [word for word in words if word in CURRENCIES]
            found += [code for word, code in CURRENCY_SIGNS.items() if word in column.header.casefold()]
            if found:
                return found[0]
    return None


def _missing(made: Mapping[str, Any]) -> tuple[str, ...]:
    columns = made["columns"]
    missing = [] if {"booking_date", "value_date"} & columns.keys() else ["booking_date"]
    return (*missing, *(name for name in _columns_of(made["sign"]["kind"]) if name not in columns))


def _turned(made: Mapping[str, Any]) -> dict[str, Any] | None:
    if made["sign"]["kind"] != SIGNED:
        return None
    return {**made, "sign": {"kind": SIGNED, "positive_is": "debit"}}


def _try(sample: bytes, made: Mapping[str, Any]) -> tuple[StatementFile | None, bool, CsvRefused | None]:
    """How the proposal reads the sample: entries, whether balances prove it, why it is refused."""
    profile = read_profile(made)
    source = ByteSource(sample, max_bytes=SAMPLE_BYTES_MAX)
    try:
        file = parse_csv(source, profile, account=None if "account" in made["columns"] else STAND_IN, currency="EUR")
    except CsvRefused as refusal:
        return None, False, refusal
    except DomainError:
        return None, False, None
    table = find_table(sample, profile)
    reader = RowReader(profile, table, lambda _: "EUR", STAND_IN)
    groups: dict[str, list[RowRead]] = {}
    for line, cells in table.rows(profile):
        row = reader.read(line, cells)
        if row is not None:
            groups.setdefault(row.currency, []).append(row)
    return file, bool(groups) and all(chain(rows).links > 0 for rows in groups.values()), None


def _fits(sample: bytes, content: Mapping[str, Any]) -> bool:
    """Whether a profile reads the whole sample without a fault."""
    try:
        parse_csv(
            ByteSource(sample, max_bytes=SAMPLE_BYTES_MAX), read_profile(content), account=STAND_IN, currency="EUR"
        )
    except DomainError:
        return False
    return True
