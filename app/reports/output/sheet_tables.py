"""Tables of a workbook: a name, a range and its headings, so that a pivot table or a query starts from the name.

xlsxwriter makes none in constant memory, because its own way writes the cells once more. The rows are on their sheet
already; what is missing is the part that names them, and that grows with the columns only. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from app.reports.output.sheet_rows import column_letters

STYLE = "TableStyleLight1"
NAME_LENGTH_MAX = 60
_NOT_NAME = re.compile(r"[^A-Za-z0-9_]")
_CELL_LIKE = re.compile(r"[A-Za-z]{1,3}[0-9]+|[rRcC]|[rR][0-9]*[cC][0-9]*")
"""What a spreadsheet takes for a cell: A1, R, R1C1. No table is called so."""


class TableNames:
    """Names of tables, each once in a workbook, whatever the case of their letters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, wanted: str) -> str:
        """A name like the wanted one that a workbook accepts and that is still free."""
        base = _NOT_NAME.sub("_", wanted)[:NAME_LENGTH_MAX] or "rows"
        if not base[0].isalpha() or _CELL_LIKE.fullmatch(base):
            base = f"table_{base}"
        name, number = base, 2
        while name.lower() in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name.lower())
        return name


def unique_headings(headings: Sequence[str]) -> list[str]:
    """Headings as a table wants them: none empty, none twice, in one line."""
    taken: set[str] = set()
    found = []
    for heading in headings:
        base = " ".join(heading.split()) or "Column"
        name, number = base, 2
        while name.lower() in taken:
            name, number = f"{base} {number}", number + 1
        taken.add(name.lower())
        found.append(name)
    return found


def table_part(name: str, headings: Sequence[str], rows: int) -> dict[str, Any]:
    """What the writer of the workbook keeps of a table: header in the first row of the sheet, `rows` below it."""
    reach = f"A1:{column_letters(len(headings) - 1)}{rows + 1}"
    return {
        "name": name,
        "range": reach,
        "autofilter": reach,
        "header_row_count": 1,
        "totals_row_shown": False,
        "style": STYLE,
        "show_first_col": False,
        "show_last_col": False,
        "show_row_stripes": True,
        "show_col_stripes": False,
        "columns": [{"id": number, "name": heading} for number, heading in enumerate(headings, start=1)],
    }
