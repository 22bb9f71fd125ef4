"""The table inside a CSV statement: its lines, its header wherever it stands, its rows. Pure."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.integrations.bank_csv.errors import CsvRefused
from app.integrations.bank_csv.profile import Profile
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.line_text import MAX_LINE_CHARACTERS
from app.integrations.import_mapping import AUTO, TextFormat
from app.integrations.text_forms import DELIMITERS, encoding_of

COLUMNS_MAX = 500
HEADER_LOOKED_FOR = 60
ROWS_MAX = 250_000
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Table:
    """Header, where each known column stands, the line of the header, and what stood above it."""

    header: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    header_line: int
    above: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]
    form: TextFormat

    def rows(self, profile: Profile) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of every row behind the header, up to a footer. Raises CsvRefused."""
        width = len(self.header)
        for count, (line, cells) in enumerate(records(self.lines, self.header_line, self.form), start=1):
            if count > ROWS_MAX:
                raise CsvRefused("bank_file.too_large", f"more than {ROWS_MAX} rows", line=line)
            if profile.footer and cells[0].strip().startswith(profile.footer):
                return
            if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
                cells = cells[:width]
            if len(cells) != width:
                detail = f"the row has {len(cells)} cells, the header {width}"
                raise CsvRefused("bank_file.csv_row", detail, line=line, column=str(min(len(cells), width) + 1))
            yield line, cells


def folded(title: str) -> str:
    """A header as it is compared: without case, accents, blanks and marks."""
    plain = unicodedata.normalize("NFKD", title.casefold().replace("ß", "ss"))
    return "".join(ch for ch in plain if ch.isalnum())


def lines_of(data: bytes, form: TextFormat) -> tuple[tuple[str, ...], TextFormat]:
    """The lines of the file, and the form with its encoding found out.

    Raises CsvRefused for other encodings, NUL bytes and endless lines, each with its line.
    """
    if form.encoding == AUTO:
        form = replace(form, encoding=encoding_of(data))
    try:
        text = data.decode(form.codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        detail = f"byte {error.start} is not {form.encoding}; is the encoding another one?"
        raise CsvRefused("bank_file.encoding", detail, line=line, column=str(place)) from None
    except UnicodeError:
        raise CsvRefused("bank_file.encoding", f"the file is not {form.encoding}", line=1) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    at = text.find("\0")
    if at >= 0:
        line, place = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise CsvRefused("bank_file.csv_text", "a NUL byte; this is no text", line=line, column=str(place))
    lines = tuple(_CONTROLS.sub("", text).split("\n"))
    for number, found in enumerate(lines, start=1):
        if len(found) > MAX_LINE_CHARACTERS:
            columns = max(found.count(one) for one in (*DELIMITERS, form.delimiter)) + 1
            detail = f"longer than {MAX_LINE_CHARACTERS} characters ({columns} columns)"
            raise CsvRefused("bank_file.text_too_long", detail, line=number, column=str(columns))
    return lines, form


def find_table(data: bytes, profile: Profile) -> Table:
    """The header of the profile's columns and where they stand. Raises CsvRefused."""
    lines, form = lines_of(data, profile.form)
    if form.delimiter != AUTO:
        return _find(lines, form, profile)
    refusals: list[CsvRefused] = []
    for delimiter in DELIMITERS:  # what stands above the header may hold any of them
        try:
            return _find(lines, replace(form, delimiter=delimiter), profile)
        except CsvRefused as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _find(lines: tuple[str, ...], form: TextFormat, profile: Profile) -> Table:
    if profile.header_row == 0:
        first = next(iter(records(lines, 0, form)), None)
        if first is None:
            raise BankFileRefused("bank_file.empty", "the file is empty")
        header = tuple(str(number) for number in range(1, len(first[1]) + 1))
        return Table(header, _places(header, profile, 1), 0, (), lines, form)
    if profile.header_row is not None:
        cells = _cells(lines, profile.header_row, form)
        header = _checked(cells, profile.header_row)
        return Table(header, _places(header, profile, profile.header_row), profile.header_row, (), lines, form)
    above: list[tuple[str, ...]] = []
    wanted = _wanted(profile)
    for number in range(1, min(len(lines), HEADER_LOOKED_FOR) + 1):
        cells = _cells(lines, number, form)
        titles = {folded(cell) for cell in cells}
        if all(names & titles for names in wanted):
            header = _checked(cells, number)
            return Table(header, _places(header, profile, number), number, tuple(above), lines, form)
        above.append(tuple(cell.strip() for cell in cells))
    needed = ", ".join(repr(title) for name, titles in profile.columns.items() if name not in profile.optional
                       for title in titles)  # fmt: skip
    detail = f"none of the first {HEADER_LOOKED_FOR} lines has all the columns {needed[:600]}"
    raise CsvRefused("bank_file.csv_header", detail, line=1)


def _wanted(profile: Profile) -> list[set[str]]:
    """For every column that must be there, what it may be called."""
    return [
        {folded(known) for known in (title, *profile.other_headers.get(title, ()))}
        for name, titles in profile.columns.items() if name not in profile.optional
        for title in titles
    ]  # fmt: skip


def _places(header: tuple[str, ...], profile: Profile, line: int) -> dict[str, tuple[int, ...]]:
    """Where each field stands. Raises CsvRefused for a needed column that is missing, and for one that is twice."""
    titles = [folded(title) for title in header]
    made: dict[str, tuple[int, ...]] = {}
    for name, wanted in profile.columns.items():
        found: list[int] = []
        for title in wanted:
            places = [
                place
                for known in dict.fromkeys(map(folded, (title, *profile.other_headers.get(title, ()))))
                for place, there in enumerate(titles) if there == known
            ]  # fmt: skip
            if len(places) > 1:
                detail = f"this column, of {name}, stands {len(places)} times"
                raise CsvRefused("bank_file.csv_header", detail, line=line, column=title)
            if not places and name not in profile.optional:
                raise CsvRefused(
                    "bank_file.csv_header", f"there is no such column, for {name}", line=line, column=title
                )
            found += places
        if found:
            made[name] = tuple(found)
    return made


def _checked(cells: list[str], line: int) -> tuple[str, ...]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > COLUMNS_MAX:
        detail = f"{len(cells)} columns; at most {COLUMNS_MAX} are read"
        raise CsvRefused("bank_file.csv_header", detail, line=line, column=str(COLUMNS_MAX + 1))
    return tuple(cell.strip().strip("\ufeff") for cell in cells)


def _cells(lines: tuple[str, ...], number: int, form: TextFormat) -> list[str]:
    """The cells of one line, as far as it can be read by itself."""
    if number > len(lines):
        raise CsvRefused("bank_file.csv_header", f"the file has only {len(lines)} lines", line=len(lines))
    try:
        return next(csv.reader([lines[number - 1]], delimiter=form.delimiter), [])
    except csv.Error:
        return []


def records(lines: tuple[str, ...], behind: int, form: TextFormat) -> Iterator[tuple[int, list[str]]]:
    """First line and cells of every record behind a line; empty ones are left out. Raises CsvRefused."""
    reader = csv.reader((f"{line}\n" for line in lines[behind:]), delimiter=form.delimiter, strict=True)
    line = behind
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise CsvRefused("bank_file.csv_row", f"a quote is not closed, or stands wrong ({error})", line=line + 1) \
                from None  # fmt: skip
        first, line = line + 1, behind + reader.line_num
        if any(cell.strip() for cell in cells):
            yield first, cells
