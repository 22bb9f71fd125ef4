"""Workbooks (XLSX) with real dates and numbers. No text becomes a formula or a link, whatever it begins with."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

ROWS_MAX = 1_048_000
TEXT_LENGTH_MAX = 32_000
COLUMN_WIDTH_MAX = 48
Cell = str | int | Decimal | date | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its header stays in sight. Amounts are Decimals with the places of their currency.

    `bold` names rows that are set off, by their index. Rows past what a sheet can hold are refused by ValueError.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    bold: frozenset[int] = frozenset()


def workbook(sheets: Sequence[Sheet], *, title: str, on: date) -> bytes:
    """The file. Takes the processor for a second each 100,000 cells or so: call it in a thread."""
    import xlsxwriter

    stream = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd",
    }  # fmt: skip
    with xlsxwriter.Workbook(stream, options) as book:
        book.set_properties({"title": title[:250], "created": datetime.combine(on, time())})
        formats = _Formats(book)
        for sheet in sheets:
            _write(book.add_worksheet(sheet.name[:31]), sheet, formats)
    return stream.getvalue()


class _Formats:
    """The formats of cells, made once each."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[str, bool], Any] = {}

    def of(self, number_format: str, bold: bool) -> Any:
        key = (number_format, bold)
        if key not in self._made:
            wanted: dict[str, Any] = {"num_format": number_format} if number_format else {}
            self._made[key] = self._book.add_format(wanted | ({"bold": True} if bold else {}))
        return self._made[key]


def _write(target: Any, sheet: Sheet, formats: _Formats) -> None:
    if len(sheet.rows) > ROWS_MAX:
        raise ValueError(f"a sheet holds at most {ROWS_MAX} rows")
    widths = [len(name) for name in sheet.header]
    for column, name in enumerate(sheet.header):
        target.write_string(0, column, name, formats.of("", True))
    for index, row in enumerate(sheet.rows):
        for column, cell in enumerate(row):
            widths[column] = max(
                widths[column], _write_cell(target, index + 1, column, cell, formats, index in sheet.bold)
            )
    target.freeze_panes(1, 0)
    if sheet.rows and sheet.header:
        target.autofilter(0, 0, len(sheet.rows), len(sheet.header) - 1)
    for column, width in enumerate(widths):
        target.set_column(column, column, min(width, COLUMN_WIDTH_MAX) + 2)


def _write_cell(target: Any, row: int, column: int, cell: Cell, formats: _Formats, bold: bool) -> int:
    """Write one cell; returns about how wide it is."""
    if cell is None:
        return 0
    if isinstance(cell, str):
        target.write_string(row, column, cell[:TEXT_LENGTH_MAX], formats.of("", bold))
        return len(cell)
    if isinstance(cell, date):
        target.write_datetime(row, column, datetime.combine(cell, time()), formats.of("yyyy-mm-dd", bold))
        return 10
    places = max(0, -int(cell.as_tuple().exponent)) if isinstance(cell, Decimal) else 0
    shown = "#,##0" + ("." + "0" * places if places else "") if isinstance(cell, Decimal) else "0"
    target.write_number(row, column, cell, formats.of(shown, bold))
    return len(str(cell)) + 3
