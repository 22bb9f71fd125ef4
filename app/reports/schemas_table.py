"""What a report made of tables gives over HTTP: columns that say what they are, rows by the names of the columns."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field

from app.reports.output.cells import Reader, plain
from app.reports.tables import Kind, Report, ReportTable, Row

CellRead = str | int | None


class ReportColumnRead(BaseModel):
    """One column: the key of its cells, what kind they are, and its heading."""

    name: str
    title: str
    kind: Kind = Field(
        description="money: decimal text in the currency that the row names; rate: a share, `0.25` is 25 %; ratio: a "
        "plain number; days: days with decimals; count: a whole number"
    )


class ReportTableRead(BaseModel):
    """A table: each row holds one cell for each column, by its name. A figure that cannot be formed is null."""

    name: str
    title: str
    columns: list[ReportColumnRead]
    rows: list[dict[str, CellRead]]
    totals: list[dict[str, CellRead]] = Field(description="One for each currency, over all rows and not only the page")


class ReportRead(ReportTableRead):
    """A report of one snapshot: its main table in pages, further tables (months, inputs) whole."""

    as_of: date
    known_at: datetime | None = Field(description="The instant up to which recorded rows count; null: all there are")
    parameters: dict[str, str] = Field(description="What was asked for, defaults filled in")
    notes: list[str] = Field(description="What a reader must know: rates, attributes of today, what is left out")
    has_more: bool
    next_cursor: str | None
    tables: list[ReportTableRead] = Field(description="Further tables of the report")


def table_read(table: ReportTable) -> ReportTableRead:
    """One table as JSON."""
    reader = Reader.of(table, internal=True)
    columns = [ReportColumnRead(name=one.name, title=one.heading, kind=one.kind) for one in table.columns]
    return ReportTableRead(
        name=table.name,
        title=table.title,
        columns=columns,
        rows=[_row(reader, row) for row in table.rows],
        totals=[_row(reader, row) for row in table.totals],
    )


def report_read(report: Report, next_cursor: str | None = None) -> ReportRead:
    """The report as JSON; `next_cursor` leads to the next page of the main table."""
    main = table_read(report.main)
    return ReportRead(
        name=report.name,
        title=report.title,
        columns=main.columns,
        rows=main.rows,
        totals=main.totals,
        as_of=report.as_of,
        known_at=report.known_at,
        parameters=dict(report.parameters),
        notes=list(report.notes),
        has_more=report.main.has_more,
        next_cursor=next_cursor,
        tables=[table_read(table) for table in report.tables[1:]],
    )


def _row(reader: Reader, row: Row) -> dict[str, CellRead]:
    return {column.name: plain(column, cell, currency) for column, cell, currency in reader.cells(row)}
