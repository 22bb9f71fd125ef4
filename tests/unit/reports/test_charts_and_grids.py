"""What charts and papers make of a table: a line for each group, nothing for zeros, two grids for what is too wide."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.reports.output.cells import Reader
from app.reports.output.paper import blocks
from app.reports.output.plots import PlotRows
from app.reports.tables import Chart, Column, ReportTable, Row

JANUARY, MARCH = date(2026, 1, 31), date(2026, 3, 31)
COLUMNS = (Column("month_end", "date"), Column("code"), Column("name"), Column("currency"), Column("dso", "days"))
CHART = Chart("line", "month_end", ("dso",), "DSO", "currency", ("name", "code"))


def _table(*rows: Row, chart: Chart | None = CHART) -> ReportTable:
    return ReportTable("series", "DSO by month", COLUMNS, rows, chart=chart)


def test_each_group_has_a_line_over_the_same_months() -> None:
    table = _table(
        (JANUARY, "retail", None, "EUR", Decimal(30)), (JANUARY, "C-1", "Smith", "EUR", Decimal(40)),
        (MARCH, "retail", None, "EUR", Decimal(35)),
    )  # fmt: skip
    gathered = PlotRows(table)
    gathered.take(table.rows)
    (plot,) = gathered.plots()
    assert plot.categories == ("2026-01-31", "2026-03-31")
    assert [(one.name, one.values) for one in plot.series] == [
        ("retail", (Decimal(30), Decimal(35))), ("Smith", (Decimal(40), None))
    ]  # fmt: skip


def test_nothing_but_zeros_is_not_drawn() -> None:
    table = _table((JANUARY, "retail", None, "EUR", Decimal(0)))
    gathered = PlotRows(table)
    gathered.take(table.rows)
    assert gathered.plots() == []


def test_a_wide_table_stands_in_grids_that_each_name_the_row() -> None:
    figures = tuple(Column(f"f{n}", "count", f"A heading of {n:02} some length") for n in range(12))
    table = ReportTable("wide", "Wide", (Column("code"), Column("name"), *figures), [("A-1", None, *range(12))])
    found = blocks(table, Reader.of(table, internal=False), list(table.rows))
    assert len(found) == 2
    assert [one.columns[0].name for one in found] == ["code", "code"], "and the column without any name is left out"
    assert [column.name for one in found for column in one.columns[1:]] == [column.name for column in figures]


def test_a_table_that_fits_is_one_grid() -> None:
    table = _table((JANUARY, "retail", None, "EUR", Decimal(30)), chart=None)
    (found,) = blocks(table, Reader.of(table, internal=False), list(table.rows))
    assert [column.name for column in found.columns] == ["month_end", "code", "currency", "dso"]
