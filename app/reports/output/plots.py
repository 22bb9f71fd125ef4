"""What a chart shows, before anybody draws it: categories, series and their numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.core.money import to_decimal
from app.reports.tables import Cell, Chart, Column, ReportTable, Row

MARKS_MAX = 36
"""Categories of one chart: more cannot be read."""
BARS_MAX = 15
LINES_MAX = 8
PLOTS_MAX = 4
"""Charts of one table: one for each value of `split_by`."""
LABEL_LENGTH_MAX = 28
NAMELESS = "–"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: a number for each category, None where there is none."""

    name: str
    values: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart. `unit` is a currency, "%" or nothing; shares are given in percent. `cut` says that rows are left out.

    Bars show the first rows of a table (the largest), a line shows its last ones (the latest).
    """

    title: str
    kind: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    cut: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw: no number, or nothing but zeros."""
        return not any(value for series in self.series for value in series.values)


@dataclass(slots=True)
class PlotRows:
    """Gathers, while a table is written, the rows that its charts need; never more than a few dozen."""

    table: ReportTable
    _kept: dict[Cell, list[Row]] = field(default_factory=dict)
    _cut: set[Cell] = field(default_factory=set)

    def take(self, rows: Iterable[Row]) -> None:
        """Look at further rows."""
        chart = self.table.chart
        if chart is None:
            return
        split = None if chart.split_by is None else self.table.column(chart.split_by)
        limit = MARKS_MAX * (LINES_MAX if chart.lines_by else 1) if chart.kind == "line" else BARS_MAX
        for row in rows:
            key = None if split is None else row[split]
            kept = self._kept.get(key)
            if kept is None:
                if len(self._kept) >= PLOTS_MAX:
                    continue
                kept = self._kept[key] = []
            if len(kept) < limit:
                kept.append(row)
            else:
                self._cut.add(key)
                if chart.kind == "line":
                    del kept[0]
                    kept.append(row)

    def plots(self) -> list[Plot]:
        """The charts of the table, those without any number left out."""
        chart = self.table.chart
        if chart is None:
            return []
        found = [self._plot(chart, key, rows) for key, rows in self._kept.items()]
        return [plot for plot in found if not plot.empty]

    def _plot(self, chart: Chart, key: Cell, rows: list[Row]) -> Plot:
        table = self.table
        category = table.column(chart.category)
        if chart.lines_by:
            return self._lines(chart, key, rows)
        columns = [(table.column(name), table.columns[table.column(name)]) for name in chart.series]
        series = tuple(
            Series(column.heading, tuple(_number(table, column, row, place) for row in rows))
            for place, column in columns
        )
        name = "" if key is None or chart.split_by is None else str(key)
        title = chart.title or table.title
        return Plot(
            title=f"{title} – {name}" if name else title,
            kind=chart.kind,
            categories=tuple(_label(row[category]) for row in rows),
            series=series,
            unit=_unit(table, columns[0][1] if columns else None, rows),
            cut=key in self._cut,
        )

    def _lines(self, chart: Chart, key: Cell, rows: list[Row]) -> Plot:
        """A line for each group, over all categories in their order; the groups that come first, LINES_MAX of them."""
        table = self.table
        category, place = table.column(chart.category), table.column(chart.series[0])
        column, names = table.columns[place], [table.column(name) for name in chart.lines_by]
        marks = list(dict.fromkeys(row[category] for row in rows))[-MARKS_MAX:]
        lines: dict[str, dict[Cell, Decimal | None]] = {}
        for row in rows:
            lines.setdefault(_named(row, names), {})[row[category]] = _number(table, column, row, place)
        shown = list(lines.items())[:LINES_MAX]
        title = f"{chart.title or table.title}: {column.heading}"
        return Plot(
            title=title if key is None or chart.split_by is None else f"{title} – {key}",
            kind=chart.kind,
            categories=tuple(_label(mark) for mark in marks),
            series=tuple(Series(name, tuple(values.get(mark) for mark in marks)) for name, values in shown),
            unit=_unit(table, column, rows),
            cut=key in self._cut or len(shown) < len(lines),
        )


def _named(row: Row, places: Iterable[int]) -> str:
    return next((_label(row[place]) for place in places if row[place] is not None), NAMELESS)


def _number(table: ReportTable, column: Column, row: Row, place: int) -> Decimal | None:
    cell = row[place]
    if cell is None or isinstance(cell, str | date):
        return None
    if column.kind == "money":
        currency = row[table.column(column.currency_column)]
        return to_decimal(int(cell), currency) if isinstance(currency, str) else None
    return Decimal(cell) * 100 if column.kind == "rate" else Decimal(cell)


def _unit(table: ReportTable, column: Column | None, rows: list[Row]) -> str:
    if column is None:
        return ""
    if column.kind == "money":
        currencies = {row[table.column(column.currency_column)] for row in rows}
        return str(currencies.pop()) if len(currencies) == 1 else ""
    return {"rate": "%", "days": "days"}.get(column.kind, "")


def _label(cell: Cell) -> str:
    if cell is None:
        return NAMELESS
    text = cell.isoformat() if isinstance(cell, date) else str(cell)
    return text if len(text) <= LABEL_LENGTH_MAX else text[: LABEL_LENGTH_MAX - 1] + "…"
