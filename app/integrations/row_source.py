"""Rows of a CSV or NDJSON file, read forwards in bounded memory, whatever the file holds.

Raises ImportFileRefused where the file as a whole cannot be read on; what concerns one row is a fault of the row.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, BinaryIO, Protocol

from app.integrations.errors import ImportFileRefused
from app.integrations.import_fields import KindFields
from app.integrations.import_mapping import AUTO, ImportMapping, TextFormat
from app.integrations.row_derivation import derivation, fitted
from app.integrations.row_values import Fault, instant_of
from app.integrations.text_forms import HEAD_BYTES, resolved

BLOCK_BYTES = 256 * 1024
ROW_CHARACTERS_MAX = 1_000_000
FIELD_CHARACTERS_MAX = 131_072
COLUMNS_MAX = 500
BLANK_LINES_MAX = 10_000
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive (or an Excel workbook)",
    b"PK\x05\x06": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"7z\xbc\xaf": "a 7-Zip archive",
}
# What a one-line text must not hold; a quote may hide a line break or delimiter that the look at the block misses.
_SUSPICIOUS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ud800-\udfff]")


@dataclass(slots=True)
class Row:
    """A row: its line in the file, its cells in the order of the header, and what was wrong with its form."""

    line: int
    cells: list[str]
    fault: Fault | None = None
    suspicious: bool = False  # look at every character of it


_RULE = re.compile(r"-+")
_ROWS_AFFECTED = re.compile(r"\(\d+ rows? affected\)", re.IGNORECASE)
"""What the command line of SQL Server writes below the headers, and below the rows."""


class RowSource(Protocol):
    """Where rows come from."""

    header: list[str]

    @property
    def byte_position(self) -> int:
        """About how far the file was read."""

    def __iter__(self) -> Iterator[Row]:
        """The rows in order."""

    def scan(self) -> None:
        """Read to the end without keeping anything: raises what would end the reading halfway."""


@dataclass(slots=True)
class _Lines:
    """Decoded lines of a stream, each with its line break, and whether odd characters were seen lately."""

    stream: BinaryIO
    form: TextFormat
    byte_position: int = 0
    suspicious: bool = False
    _decoder: Any = field(init=False)

    def __post_init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self.form.codec)(errors="strict")

    def __iter__(self) -> Iterator[str]:
        pending = ""
        self._look_at_beginning()
        while True:
            block = self.stream.read(BLOCK_BYTES)
            text = self._decode(block)
            text = pending + text
            self.suspicious = _SUSPICIOUS.search(text) is not None
            lines = text.split("\n")
            pending = lines.pop()
            if len(pending) > ROW_CHARACTERS_MAX:
                detail = f"a row is longer than {ROW_CHARACTERS_MAX} characters"
                raise ImportFileRefused("import.row_too_long", detail, byte=self.byte_position)
            for line in lines:
                yield line + "\n"
            if not block:
                break
        if pending:
            yield pending

    def _look_at_beginning(self) -> None:
        head = self.stream.read(8)
        self.stream.seek(0)
        if not head:
            raise ImportFileRefused("import.empty", "the file is empty")
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise ImportFileRefused("import.not_text", f"the file is {what}, not text")
        if self.form.codec == "utf-16" and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ImportFileRefused("import.encoding", "byte 0: no byte order mark of UTF-16", byte=0)

    def _decode(self, block: bytes) -> str:
        held = self._decoder.getstate()[0]
        try:
            text: str = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            at = self.byte_position - len(held) + error.start
            detail = f"byte {at}: this is not {self.form.encoding}; is the encoding another one?"
            raise ImportFileRefused("import.encoding", detail, byte=at) from None
        self.byte_position += len(block)
        return text


class CsvRows:
    """Rows of a CSV file (RFC 4180, any delimiter) with a header line."""

    def __init__(self, stream: BinaryIO, form: TextFormat) -> None:
        self._lines = _Lines(stream, form)
        csv.field_size_limit(FIELD_CHARACTERS_MAX)
        self._reader = csv.reader(iter(self._lines), delimiter=form.delimiter, strict=True)
        self._check_quoted = form.delimiter == "\t"
        self.header = self._read_header()

    @property
    def byte_position(self) -> int:
        """About how far the file was read."""
        return self._lines.byte_position

    def _read_header(self) -> list[str]:
        try:
            header = next(iter(self._reader), None)
        except csv.Error as error:
            raise ImportFileRefused("import.csv_malformed", f"line 1: {error}", line=1) from None
        if header is None or not any(cell.strip() for cell in header):
            raise ImportFileRefused("import.header_missing", "line 1 has no headers", line=1)
        if len(header) > COLUMNS_MAX:
            raise ImportFileRefused("import.too_many_columns", f"more than {COLUMNS_MAX} columns", line=1)
        return [cell.strip() for cell in header]

    def scan(self) -> None:
        """Read to the end. Raises ImportFileRefused."""
        for _ in self:
            pass

    def __iter__(self) -> Iterator[Row]:
        reader, lines, width = self._reader, self._lines, len(self.header)
        line, blank = reader.line_num, 0
        while True:
            fault = None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells = []
                fault = self._malformed(error, line + 1, reader.line_num)
            first, line = line + 1, reader.line_num
            if not cells and fault is None:
                blank += 1
                if blank > BLANK_LINES_MAX:
                    detail = f"more than {BLANK_LINES_MAX} empty lines one after another"
                    raise ImportFileRefused("import.too_many_blank_lines", detail, line=line)
                continue
            blank = 0
            if fault is None and _is_decoration(cells, width):
                continue
            if len(cells) != width and fault is None:
                detail = f"the row has {len(cells)} cells, the header {width}"
                fault = Fault(None, "import.cells_differ", detail)
            odd = lines.suspicious or line != first or self._check_quoted
            yield Row(first, cells, fault, odd)

    def _malformed(self, error: csv.Error, first: int, last: int) -> Fault:
        """The row's fault; a quote that swallowed further lines makes the rest of the file unreadable."""
        if last > first or "unexpected end" in str(error):
            detail = f"line {first}: a quote is not closed, or closed at the wrong place ({error})"
            raise ImportFileRefused("import.csv_malformed", detail, line=first)
        return Fault(None, "import.row_malformed", f"{error}"[:200])


def _is_decoration(cells: list[str], width: int) -> bool:
    """Lines of SQL Server's command line that are no rows."""
    first = cells[0]
    if first[:1] == "-":
        return len(cells) == width and all(_RULE.fullmatch(cell.strip()) for cell in cells) and len(first.strip()) > 1
    return first[:1] == "(" and not any(cells[1:]) and _ROWS_AFFECTED.fullmatch(first.strip()) is not None


class NdjsonRows:
    """Rows of a file with one JSON object a line; the header is the list of keys to look for."""

    def __init__(self, stream: BinaryIO, form: TextFormat, keys: list[str], *, closed: bool) -> None:
        """`closed`: keys that are not in `keys` are a fault of the row."""
        self._lines = _Lines(stream, form)
        self._closed = closed
        self.header = keys

    @property
    def byte_position(self) -> int:
        """About how far the file was read."""
        return self._lines.byte_position

    def scan(self) -> None:
        """Read to the end. Raises ImportFileRefused."""
        for _ in self._lines:
            pass

    def __iter__(self) -> Iterator[Row]:
        blank = 0
        for number, line in enumerate(self._lines, start=1):
            if not line.strip():
                blank += 1
                if blank > BLANK_LINES_MAX:
                    detail = f"more than {BLANK_LINES_MAX} empty lines one after another"
                    raise ImportFileRefused("import.too_many_blank_lines", detail, line=number)
                continue
            blank = 0
            yield self._row(number, line)

    def _row(self, number: int, line: str) -> Row:
        try:
            found = json.loads(line, parse_float=str, parse_int=str, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return Row(number, [], Fault(None, "import.row_malformed", f"this is no JSON object: {error}"[:200]))
        if not isinstance(found, dict):
            return Row(number, [], Fault(None, "import.row_malformed", "this is no JSON object"))
        if self._closed:
            unknown = found.keys() - set(self.header)
            if unknown:
                name = min(unknown)[:40].encode("ascii", "backslashreplace").decode()
                return Row(number, [], Fault(None, "import.field_unknown", f"{name!r} is not a field"))
        cells: list[str] = []
        for key in self.header:
            value = found.get(key)
            if value is None:
                cells.append("")
            elif isinstance(value, str):
                cells.append(value)
            elif isinstance(value, bool):
                cells.append("true" if value else "false")
            else:
                return Row(number, [], Fault(key, "import.value_invalid", "a value is a text, number or true/false"))
        return Row(number, cells, None, self._lines.suspicious or "\\" in line)


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is not JSON")


def read_rows(stream: BinaryIO, media_format: str, mapping: ImportMapping, known: KindFields) -> RowSource:
    """The rows of an open file. Raises ImportFileRefused."""
    form = mapping.format
    if media_format == "ndjson":
        if form.encoding == AUTO:
            form = replace(form, encoding="utf-8")
        columns = list(dict.fromkeys(mapping.columns.values())) or list(known.names)
        return NdjsonRows(stream, form, columns, closed=not mapping.columns)
    if AUTO in (form.encoding, form.delimiter):
        form = resolved(form, stream.read(HEAD_BYTES))
        stream.seek(0)
    return CsvRows(stream, form)


ANYTHING = "*"
"""In a table of values: what stands for every text that the table does not name, also for none."""


class RowShape:
    """Puts the cells of a row into the order of the fields, with constants, trimmed and translated."""

    def __init__(self, header: list[str], mapping: ImportMapping, known: KindFields) -> None:
        """Raises ImportFileRefused: a mapped header is missing or stands twice, a needed field has no column."""
        header = _renamed(header, mapping)
        mapping = fitted(header, mapping)
        own_names = {} if mapping.joined else {name: name for name in header}
        places = _places(header, mapping.columns or own_names, known)
        self.ignored = [name for index, name in enumerate(header) if index not in places.values()]
        if not mapping.columns and not mapping.joined and self.ignored:
            raise ImportFileRefused("import.header_unknown", f"{self.ignored[0][:60]!r} is not a field", line=1)
        given = self.given = frozenset({*places, *mapping.constants, *mapping.joined})
        for group in known.needed:
            if not given & set(group) and group != ("currency",):
                raise ImportFileRefused("import.header_missing", f"no column for {' or '.join(group)}", line=1)
        width = len(header)
        self._tail: list[str] = [""]
        order: list[int] = []
        for name in known.names:
            if name in places:
                order.append(places[name])
            elif name in mapping.constants:
                order.append(width + len(self._tail))
                self._tail.append(mapping.constants[name].strip())
            else:
                order.append(width)
        self._pick = itemgetter(*order)
        self._tables = [(known.names.index(name), table) for name, table in mapping.values.items()]
        self._derived = derivation(header, mapping, known)
        self._cell_values = [
            (header.index(name), table) for name, table in mapping.cell_values.items() if header.count(name) == 1
        ]
        found = mapping.changed_at
        self._changed_at = header.index(found) if found is not None and header.count(found) == 1 else None

    def changed_at(self, cells: list[str]) -> datetime | None:
        """When the source changed the row last, where it says so."""
        if self._changed_at is None:
            return None
        return instant_of(cells[self._changed_at].strip())

    def counts(self, cells: list[str]) -> bool:
        """Whether the row is one of those that the mapping asks for. Ask this first: it brings cells to their form."""
        for index, table in self._cell_values:
            text = cells[index].strip()
            cells[index] = table.get(text, text)
        return self._derived is None or self._derived.counts(cells)

    def texts(self, cells: list[str]) -> tuple[str, ...]:
        """One trimmed text for each field of the kind, in their order; `""` where there is nothing."""
        found: tuple[str, ...] = self._pick([*map(str.strip, cells), *self._tail])
        if not self._tables and self._derived is None:
            return found
        changed = list(found)
        if self._derived is not None:
            self._derived.derive(cells, changed)
        for index, table in self._tables:
            changed[index] = table.get(changed[index], table.get(ANYTHING, changed[index]))
        return tuple(changed)


def _renamed(header: list[str], mapping: ImportMapping) -> list[str]:
    """Headers by their first name, where the mapping knows other ones for them, or writes them in another case."""
    found = list(header)
    titles = {*mapping.columns.values(), *mapping.less.values(), *mapping.where, *mapping.cell_values}
    titles.update(mapping.other_headers)
    if mapping.changed_at is not None:
        titles.add(mapping.changed_at)
    for listed in (
        *mapping.blank_when.values(),
        *mapping.joined.values(),
        *mapping.add_days.values(),
        *mapping.fallback.values(),
    ):
        titles.update(listed)
    folded = [_folded(title) for title in found]
    for title in titles:
        if title.strip() not in found and folded.count(_folded(title)) == 1:
            found[folded.index(_folded(title))] = title.strip()
    for name, others in mapping.other_headers.items():
        if name not in found:
            known = (_folded(other) for other in others)
            place = next((folded.index(other) for other in known if folded.count(other) == 1), None)
            if place is not None and found[place] not in titles - {*others}:
                found[place] = name
    return found


def _folded(title: str) -> str:
    return "".join(title.casefold().split()).replace("_", "")


def _places(header: list[str], columns: Mapping[str, str], known: KindFields) -> dict[str, int]:
    """Where each field stands."""
    places: dict[str, int] = {}
    for name, title in columns.items():
        if name not in known.names:
            continue
        count = header.count(title.strip())
        if count == 0:
            detail = f"the file has no column {title[:60]!r}, which the mapping names for {name}"
            raise ImportFileRefused("import.header_unknown", detail, line=1)
        if count > 1:
            raise ImportFileRefused("import.header_repeated", f"the column {title[:60]!r} stands {count} times", line=1)
        places[name] = header.index(title.strip())
    return places
