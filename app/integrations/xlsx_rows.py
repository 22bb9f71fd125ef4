"""Rows of the first sheet of an Excel workbook (XLSX), for small files of people; hostile ones are refused unread.

Nothing in it is executed: formulas give the value that was saved beside them, links and macros are not looked at.
Before the library sees the archive every part is unpacked once under a bound, so that neither a compression bomb nor a
part that lies about its size gets through, and XML with a document type is refused.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.integrations.errors import ImportFileRefused
from app.integrations.row_source import COLUMNS_MAX, Row
from app.integrations.row_values import Fault

FILE_BYTES_MAX = 10_000_000
UNPACKED_BYTES_MAX = 60_000_000
PARTS_MAX = 500
ROWS_MAX = 20_000
CELL_CHARACTERS_MAX = 4_000
BLANK_ROWS_MAX = 200
_BLOCK_BYTES = 256 * 1024
_SIGNIFICANT_DIGITS = 15
_DOCUMENT_TYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def read_xlsx(path: Path, decimal_separator: str, *, instants: str | None = None) -> XlsxRows:
    """The rows of the first sheet; days lose their time, except in the column `instants`. Raises ImportFileRefused."""
    _check_archive(path)
    return XlsxRows(path, decimal_separator, instants)


class XlsxRows:
    """Rows of the first sheet, header first, each cell as text: amounts with the mapping's decimal separator, days as
    yyyy-mm-dd. A number is what Excel shows: its 15 significant digits.
    """

    def __init__(self, path: Path, decimal_separator: str, instants: str | None = None) -> None:
        self._decimal = decimal_separator
        self._rows = iter(_sheet(path))
        self.header = self._read_header()
        self._instants = self.header.index(instants) if instants in self.header else None

    byte_position = 0

    def scan(self) -> None:
        """Read to the end. Raises ImportFileRefused."""
        for _ in self:
            pass

    def _read_header(self) -> list[str]:
        for line, cells in self._numbered():
            header = [self._text(cell).strip() for cell in cells]
            while header and not header[-1]:
                header.pop()
            if header:
                self._line = line
                return header
        raise ImportFileRefused("import.header_missing", "the first sheet has no headers", line=1)

    def __iter__(self) -> Iterator[Row]:
        width, blank = len(self.header), 0
        for line, cells in self._numbered():
            faults = [fault for cell in cells if (fault := _cell_fault(cell)) is not None]
            texts = [self._text(cell) for cell in cells]
            at = self._instants
            if at is not None and at < len(cells) and isinstance(cells[at], datetime):
                texts[at] = cells[at].isoformat(" ")
            if not any(text.strip() for text in texts):
                blank += 1
                if blank > BLANK_ROWS_MAX:
                    return
                continue
            blank = 0
            if any(text.strip() for text in texts[width:]):
                faults.append(Fault(None, "import.row_malformed", f"more cells than the {width} headers"))
            yield Row(line, (texts + [""] * width)[:width], faults[0] if faults else None, suspicious=True)

    def _numbered(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        number = getattr(self, "_number", 0)
        while True:
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except ImportFileRefused:
                raise
            except Exception:  # the library raises whatever a damaged part leads to
                raise ImportFileRefused("import.workbook_damaged", "the workbook cannot be read") from None
            number += 1
            self._number = number
            if number > ROWS_MAX:
                raise ImportFileRefused("import.too_many_rows", f"more than {ROWS_MAX} rows", line=number)
            yield number, cells

    def _text(self, cell: Any) -> str:
        if cell is None:
            return ""
        if isinstance(cell, bool):
            return "true" if cell else "false"
        if isinstance(cell, datetime):
            return cell.date().isoformat()
        if isinstance(cell, date):
            return cell.isoformat()
        if isinstance(cell, int):
            return str(cell)
        if isinstance(cell, float):
            return _number_text(cell).replace(".", self._decimal)
        return str(cell)


def _number_text(cell: float) -> str:
    """The number as Excel shows it, without an exponent: 15 significant digits, the last kept one rounded."""
    shown = Decimal(f"{cell:.{_SIGNIFICANT_DIGITS}g}")
    if not shown.is_finite() or abs(shown) >= 10**30:
        return str(cell)
    text = f"{shown:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cell_fault(cell: Any) -> Fault | None:
    if isinstance(cell, str) and len(cell) > CELL_CHARACTERS_MAX:
        return Fault(None, "import.text_too_long", f"a cell is longer than {CELL_CHARACTERS_MAX} characters")
    return None


def _sheet(path: Path) -> Iterator[tuple[Any, ...]]:
    """The cells of the first sheet, row by row, of at most so many columns."""
    # Imported on first use: most processes never read a workbook.
    from openpyxl import load_workbook

    with path.open("rb") as stream:
        book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        try:
            if not book.worksheets:
                raise ImportFileRefused("import.header_missing", "the workbook has no sheet", line=1)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            yield from sheet.iter_rows(max_col=COLUMNS_MAX, values_only=True)
        finally:
            book.close()


def _check_archive(path: Path) -> None:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ImportFileRefused("import.file_too_large", f"a workbook is at most {FILE_BYTES_MAX} bytes")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS_MAX or len({part.filename for part in parts}) != len(parts):
                raise ImportFileRefused("import.workbook_damaged", "too many parts, or two of one name")
            left = UNPACKED_BYTES_MAX
            for part in parts:
                left -= _unpack(archive, part, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        raise ImportFileRefused("import.workbook_damaged", "the file is no workbook, or is encrypted") from None


def _unpack(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int) -> int:
    """Unpack a part to nowhere; its size. Reading to the end compares size and checksum with what the part claims."""
    size, tail = 0, b""
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK_BYTES):
            size += len(block)
            if size > limit:
                detail = f"the parts are larger than {UNPACKED_BYTES_MAX} bytes when unpacked"
                raise ImportFileRefused("import.file_too_large", detail)
            if _DOCUMENT_TYPE.search(tail + block) or (size == len(block) and b"\x00" in block[:64] and _is_xml(part)):
                raise ImportFileRefused("import.workbook_damaged", "XML with a document type is refused")
            tail = block[-16:]
    return size


def _is_xml(part: zipfile.ZipInfo) -> bool:
    return part.filename.lower().endswith((".xml", ".rels"))
