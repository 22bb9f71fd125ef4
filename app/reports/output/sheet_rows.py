"""Rows of a long sheet, written as XML straight into the row file of a workbook in constant memory.

xlsxwriter checks and converts every cell by itself, which takes most of the time of a long workbook. Here a row is one
text: amounts are the decimal digits of their minor units, so that not even the way to the file goes through a binary
fraction. Texts are inline strings: no cell of them is ever a formula or a link.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.core.money import exponent
from app.reports.output.cells import Reader, day_number, number_format
from app.reports.tables import Cell, Column, Row

TEXT_LENGTH_MAX = 32_000
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile(r"[&<>\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@lru_cache(maxsize=4096)
def escaped(text: str) -> str:
    """The text as the content of an element, without characters that XML cannot hold."""
    text = text[:TEXT_LENGTH_MAX]
    if _SPECIAL.search(text) is None:
        return text
    text = _NOT_XML.sub("", text).replace("\r", "")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def column_letters(index: int) -> str:
    """The name of a column: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


Encode = Callable[[Row, int], str]
"""A cell of a row as XML, given the number of the row; empty where there is nothing."""


class FastRows:
    """Writes the rows behind the header of one sheet, in order."""

    def __init__(self, sheet: Any, reader: Reader, formats: Any, header_row: int) -> None:
        self._sheet = sheet
        self._formats = formats
        self._next = header_row + 2  # rows of the file are numbered from 1
        self._encoders = [
            self._encoder(column, position, currency, column_letters(place))
            for place, (column, position, currency) in enumerate(
                zip(reader.columns, reader.positions, reader.currencies, strict=True)
            )
        ]
        sheet._write_single_row(header_row)  # what is gathered of the header goes out before

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        if not rows or not self._encoders:
            return
        encoders = self._encoders
        texts: list[str] = []
        for number, row in enumerate(rows, start=self._next):
            cells = "".join([encode(row, number) for encode in encoders])
            texts.append(f'<row r="{number}">{cells}</row>')
        self._next += len(rows)
        self._sheet.row_data_fh.write("".join(texts))
        self._sheet._check_dimensions(self._next - 2, len(encoders) - 1)

    def _encoder(self, column: Column, position: int, currency: int | None, letters: str) -> Encode:
        """One function for each column, so that nothing is decided again in each cell."""
        if column.kind == "money":
            assert currency is not None
            return self._money(position, currency, letters)
        if column.kind == "text":
            return _text(position, letters)
        style = self._style(number_format(column.kind, column.places, None))
        if column.kind == "date":
            return _date(position, letters, style)
        return _number(position, letters, style)

    def _money(self, position: int, currency: int, letters: str) -> Encode:
        """The digits of the minor units with the point set: exact, whatever the amount."""
        known: dict[Cell, tuple[str, int]] = {}

        def encode(row: Row, number: int) -> str:
            minor, code = row[position], row[currency]
            if minor is None or code is None:
                return ""
            found = known.get(code)
            if found is None:
                style = self._style(number_format("money", 0, str(code)))
                found = known[code] = (style, exponent(str(code)))
            style, places = found
            digits = str(minor)
            if places:
                sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
                digits = digits.zfill(places + 1)
                digits = f"{sign}{digits[:-places]}.{digits[-places:]}"
            return f'<c r="{letters}{number}"{style}><v>{digits}</v></c>'

        return encode

    def _style(self, number: str) -> str:
        return f' s="{self._formats.of(number)._get_xf_index()}"' if number else ""


def _text(position: int, letters: str) -> Encode:
    def encode(row: Row, number: int) -> str:
        cell = row[position]
        if cell is None:
            return ""
        shown = f'<is><t xml:space="preserve">{escaped(str(cell))}</t></is>'
        return f'<c r="{letters}{number}" t="inlineStr">{shown}</c>'

    return encode


def _date(position: int, letters: str, style: str) -> Encode:
    def encode(row: Row, number: int) -> str:
        cell = row[position]
        return f'<c r="{letters}{number}"{style}><v>{day_number(cell)}</v></c>' if isinstance(cell, date) else ""

    return encode


def _number(position: int, letters: str, style: str) -> Encode:
    def encode(row: Row, number: int) -> str:
        cell = row[position]
        if cell is None or isinstance(cell, str | date):
            return ""
        digits = format(cell, "f") if isinstance(cell, Decimal) else cell
        return f'<c r="{letters}{number}"{style}><v>{digits}</v></c>'

    return encode
