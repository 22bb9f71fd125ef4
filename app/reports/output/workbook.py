"""A report as a workbook: a summary with charts, a sheet of detail for each table that a pivot table can start from.

Detail sheets are tables of the workbook (named, filtered), with their header in the first row, frozen, one record a
row, real dates and real numbers; totals stand in the summary only. Rows go to a temporary file as they come: memory
does not grow with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.core.errors import TooLarge
from app.reports.output.cells import Reader, number_format, number_text
from app.reports.output.plots import Plot, PlotRows
from app.reports.output.sheet_rows import TEXT_LENGTH_MAX, FastRows
from app.reports.output.sheet_tables import TableNames, table_part, unique_headings
from app.reports.tables import Cell, Column, Report, ReportTable, Row

ROWS_MAX = 1_048_000
WIDTHS = {"money": 16, "count": 10, "rate": 10, "ratio": 10, "days": 10, "date": 12}
TEXT_WIDTH_MAX, TEXT_WIDTH_MIN = 44, 10
SUMMARY_ROWS_MAX = 25
CHARTS_MAX = 6
CHART_WIDTH, CHART_HEIGHT, ROW_HEIGHT = 620, 320, 20
PALETTE = ("#1F5F8B", "#D98E04", "#4C9F70", "#A23B3B", "#6B5B95", "#5B8E9F", "#8C6D46", "#7A7A7A")
_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")


class WorkbookTooLong(TooLarge):
    """More rows than a sheet can hold: narrow the report, or take it as CSV."""

    code = "report.workbook_too_long"


@dataclass(frozen=True, slots=True)
class Masthead:
    """What stands above every report on paper: whose it is, and when it was made (local time)."""

    organization: str
    made_at: datetime


_STYLES: dict[str, dict[str, Any]] = {
    "": {},
    "bold": {"bold": True},
    "title": {"bold": True, "font_size": 16},
    "faint": {"font_color": "#666666"},
    "head": {"bold": True, "bg_color": "#E8EEF3", "bottom": 1, "text_wrap": True, "valign": "vcenter"},
    "section": {"bold": True, "font_size": 12},
}


class _Formats:
    """The formats of cells, made once each."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[str, str], Any] = {}

    def of(self, number: str, style: str = "") -> Any:
        key = (number, style)
        if key not in self._made:
            numbered = {"num_format": number} if number else {}
            wanted: dict[str, Any] = {**numbered, **_STYLES[style]}
            self._made[key] = self._book.add_format(wanted)
        return self._made[key]


class TableSheet:
    """The sheet of one table while its rows come."""

    def __init__(self, sheet: Any, table: ReportTable, formats: _Formats, name: str) -> None:
        self.table = table
        self._name = name
        self.plots = PlotRows(table)
        self.rows = 0
        self.first: list[Row] = []
        self._reader = Reader.of(table, internal=False)
        self._sheet = sheet
        self._headings = unique_headings([column.heading for column in self._reader.columns])
        self._widths = [len(heading) for heading in self._headings]
        for place, heading in enumerate(self._headings):
            sheet.write_string(0, place, heading, formats.of("", "head"))
        self._fast = FastRows(sheet, self._reader, formats, 0)
        sheet.freeze_panes(1, 0)

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows. Raises WorkbookTooLong."""
        if self.rows + len(rows) > ROWS_MAX:
            raise WorkbookTooLong(f"a sheet holds at most {ROWS_MAX} rows; narrow the report or take it as CSV")
        if len(self.first) <= SUMMARY_ROWS_MAX:
            self.first += rows[: SUMMARY_ROWS_MAX + 1 - len(self.first)]
            for row in rows[:200]:
                for place, cell in enumerate(row[position] for position in self._reader.positions):
                    if isinstance(cell, str):
                        self._widths[place] = max(self._widths[place], len(cell))
        self._fast.write(rows)
        self.plots.take(rows)
        self.rows += len(rows)

    def finish(self) -> None:
        """The table around all rows, with its filter, and widths; once all rows are written."""
        columns = self._reader.columns
        if self.rows and columns:
            self._sheet.tables.append(table_part(self._name, self._headings, self.rows))
        for place, column in enumerate(columns):
            width = max(WIDTHS.get(column.kind, 0), min(max(self._widths[place], TEXT_WIDTH_MIN), TEXT_WIDTH_MAX))
            self._sheet.set_column(place, place, width + 2)
        self._sheet.repeat_rows(0)
        self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)


class ReportBook:
    """A workbook on its way to `path`: `sheet` for each table, rows, then `close`."""

    def __init__(self, path: Path, report: Report, masthead: Masthead) -> None:
        import xlsxwriter

        self._report = report
        self._masthead = masthead
        options = {
            "constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False,
        }  # fmt: skip
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.set_properties({"title": report.title[:250], "created": masthead.made_at.replace(tzinfo=None)})
        self._formats = _Formats(self._book)
        self._names: set[str] = set()
        self._tables = TableNames()
        self._summary = self._book.add_worksheet(self._name("Summary"))
        self._sheets: list[TableSheet] = []

    def sheet(self, table: ReportTable) -> TableSheet:
        """Begin the sheet of a table."""
        made = TableSheet(self._book.add_worksheet(self._name(table.title)), table, self._formats,
                          self._tables.of(table.name))  # fmt: skip
        self._sheets.append(made)
        return made

    def close(self) -> None:
        """Write summary and charts, and the file."""
        for sheet in self._sheets:
            sheet.finish()
        plots = [plot for sheet in self._sheets for plot in sheet.plots.plots()][:CHARTS_MAX]
        next_row = _Summary(self._summary, self._formats).write(self._report, self._masthead, self._sheets)
        if plots:
            self._charts(plots, next_row)
        self._summary.activate()
        self._book.close()

    def abandon(self) -> None:
        """Remove what a workbook in constant memory left in its folder."""
        for sheet in self._book.worksheets():
            if not sheet.row_data_fh_closed and sheet.row_data_fh is not None:
                sheet.row_data_fh.close()
            Path(sheet.row_data_filename).unlink(missing_ok=True)
        self._book.fileclosed = True

    def _name(self, title: str) -> str:
        base = _SHEET_NAME.sub(" ", title).strip()[:28] or "Table"
        name, number = base, 2
        while name.lower() in self._names or name.lower() == "history":
            name, number = f"{base} {number}", number + 1
        self._names.add(name.lower())
        return name

    def _charts(self, plots: list[Plot], row: int) -> None:
        """The numbers of the charts stand in a sheet of their own, the charts in the summary."""
        name = self._name("Chart data")
        data = self._book.add_worksheet(name)
        data.set_column(0, 0, 30)
        line = 0
        for plot in plots:
            data.write_string(line, 0, plot.title, self._formats.of("", "section"))
            for place, series in enumerate(plot.series, start=1):
                data.write_string(line + 1, place, series.name, self._formats.of("", "head"))
            for index, category in enumerate(plot.categories):
                data.write_string(line + 2 + index, 0, category)
                for place, series in enumerate(plot.series, start=1):
                    if (value := series.values[index]) is not None:
                        data.write_number(line + 2 + index, place, value)
            self._summary.insert_chart(row, 0, self._chart(plot, name, line + 1))
            row += CHART_HEIGHT // ROW_HEIGHT + 2
            line += len(plot.categories) + 4

    def _chart(self, plot: Plot, name: str, header: int) -> Any:
        stacked = {"subtype": "stacked"} if plot.kind == "stacked_bar" else {}
        flat = plot.kind != "line" and (len(plot.categories) > 6 or any(len(one) > 12 for one in plot.categories))
        chart = self._book.add_chart(
            {"type": "line" if plot.kind == "line" else "bar" if flat else "column", **stacked}
        )
        last = header + len(plot.categories)
        for place, series in enumerate(plot.series, start=1):
            colour = PALETTE[(place - 1) % len(PALETTE)]
            look = {"line": {"color": colour, "width": 2}} if plot.kind == "line" else {"fill": {"color": colour}}
            chart.add_series(
                {
                    "name": [name, header, place],
                    "categories": [name, header + 1, 0, last, 0],
                    "values": [name, header + 1, place, last, place],
                    "categories_data": list(plot.categories),
                    "values_data": ["" if value is None else f"{value:f}" for value in series.values],
                    "gap": 60,
                    **look,
                }
            )
        chart.set_title({"name": plot.title, "name_font": {"size": 12}, "overlay": False})
        chart.set_size({"width": CHART_WIDTH, "height": CHART_HEIGHT})
        chart.set_legend({"position": "bottom"} if len(plot.series) > 1 else {"none": True})
        numbers = {"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}}
        if plot.unit:
            numbers["name"] = plot.unit
        if flat:
            chart.set_y_axis({"reverse": True})
            chart.set_x_axis(numbers)
        else:
            chart.set_y_axis(numbers)
        return chart


class _Summary:
    """The first sheet, written from top to bottom."""

    def __init__(self, sheet: Any, formats: _Formats) -> None:
        self._sheet = sheet
        self._formats = formats
        self._row = 0

    def write(self, report: Report, masthead: Masthead, sheets: Sequence[TableSheet]) -> int:
        """Everything but the charts; the row at which these begin."""
        self._sheet.hide_gridlines(2)
        self._sheet.set_column(0, 0, 30)
        self._sheet.set_column(1, 12, 17)
        self._line((report.title, "title"))
        self._line((masthead.organization, "bold"))
        known = "all that is known" if report.known_at is None else f"known at {report.known_at:%Y-%m-%d %H:%M:%S} UTC"
        self._line((f"As of {report.as_of.isoformat()}, {known}", "faint"))
        self._line((f"Made {masthead.made_at:%Y-%m-%d %H:%M} {masthead.made_at.tzname() or ''}".rstrip(), "faint"))
        self._row += 1
        for name, value in report.parameters.items():
            self._line((name.replace("_", " ").capitalize(), "faint"), (str(value), ""))
        for sheet in sheets:
            rows = self._rows_of(sheet)
            if rows:
                self._row += 1
                self._line((sheet.table.title, "section"))
                self._table(sheet.table, rows)
        self._row += 1
        for sheet in sheets:
            self._line((f"{sheet.table.title}: {sheet.rows:,} rows", "faint"))
        for note in report.notes:
            self._line((note, "faint"))
        self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)
        return self._row + 1

    @staticmethod
    def _rows_of(sheet: TableSheet) -> Iterable[Row]:
        """Totals where a table has them, else the table itself when it is short."""
        if sheet.table.totals:
            return sheet.table.totals
        return sheet.first if sheet.rows <= SUMMARY_ROWS_MAX else ()

    def _line(self, *cells: tuple[str, str]) -> None:
        for place, (text, style) in enumerate(cells):
            self._sheet.write_string(self._row, place, text[:TEXT_LENGTH_MAX], self._formats.of("", style))
        self._row += 1

    def _table(self, table: ReportTable, rows: Iterable[Row]) -> None:
        lines = [Reader.of(table, internal=False).cells(row) for row in rows]
        # Columns that say nothing in any of these rows (the group of a total) are left out.
        shown = [place for place in range(len(lines[0])) if any(line[place][1] is not None for line in lines)]
        for place, column in enumerate(shown):
            self._sheet.write_string(self._row, place, lines[0][column][0].heading, self._formats.of("", "head"))
        self._row += 1
        for line in lines:
            for place, column in enumerate(shown):
                self._cell(place, *line[column])
            self._row += 1

    def _cell(self, place: int, column: Column, cell: Cell, currency: str | None) -> None:
        if isinstance(cell, str):
            self._sheet.write_string(self._row, place, cell[:TEXT_LENGTH_MAX])
            return
        digits = number_text(column, cell, currency)
        if digits is not None:
            form = self._formats.of(number_format(column.kind, column.places, currency))
            self._sheet.write_number(self._row, place, Decimal(digits), form)
