"""Rows of a long sheet, written as XML straight into the row file of a workbook in constant memory.

xlsxwriter checks and converts every cell by itself, which takes most of the time of a long workbook. Here a row is one
text: amounts are the decimal digits of their minor units, so that not even the way to the file goes through a binary
fraction. Texts are inline strings: no cell of them is ever a formula or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.reports.output.cells import Reader, number_format, number_text
from app.reports.tables import Row

TEXT_LENGTH_MAX = 32_000
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile(r"[&<>\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


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


class FastRows:
    """Writes the rows behind the header of one sheet, in order."""

    def __init__(self, sheet: Any, reader: Reader, formats: Any, header_row: int) -> None:
        self._sheet = sheet
        self._reader = reader
        self._formats = formats
        self._next = header_row + 2  # rows of the file are numbered from 1
        self._letters = [column_letters(place) for place in range(len(reader.columns))]
        self._styles: dict[str, str] = {}
        sheet._write_single_row(header_row)  # what is gathered of the header goes out before

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows."""
        texts: list[str] = []
        for row in rows:
            number = self._next
            cells: list[str] = []
            for letters, (column, cell, currency) in zip(self._letters, self._reader.cells(row), strict=True):
                if cell is None:
                    continue
                if isinstance(cell, str):
                    shown = f'<is><t xml:space="preserve">{escaped(cell)}</t></is>'
                    cells.append(f'<c r="{letters}{number}" t="inlineStr">{shown}</c>')
                    continue
                digits = number_text(column, cell, currency)
                if digits is not None:
                    style = self._style(number_format(column.kind, column.places, currency))
                    cells.append(f'<c r="{letters}{number}"{style}><v>{digits}</v></c>')
            texts.append(f'<row r="{number}">{"".join(cells)}</row>')
            self._next += 1
        self._sheet.row_data_fh.write("".join(texts))
        if self._letters and texts:
            self._sheet._check_dimensions(self._next - 2, len(self._letters) - 1)

    def _style(self, number: str) -> str:
        kept = self._styles.get(number)
        if kept is None:
            kept = self._styles[number] = f' s="{self._formats.of(number)._get_xf_index()}"'
        return kept
