"""The paper of the portfolio status: one page with key figures, charts and the tables that a manager looks at."""

from __future__ import annotations

from dataclasses import replace

from app.infra.rendering.papers import Beside, Grid, Heading, Paper, Part, Prose, Tiles
from app.reports.output.cells import Reader, shown
from app.reports.output.files import own_paper
from app.reports.output.paper import drawing_of, facts_line, table_grid
from app.reports.output.plots import Plot, PlotRows
from app.reports.output.workbook import Masthead
from app.reports.performance.status import NAME
from app.reports.tables import Cell, Report, ReportTable, Row

HALF = 340
ROWS_MAX = 10
NAME_LENGTH_MAX = 48
_TILES = (
    ("receivables_amount", ""), ("overdue_amount", ""), ("percent_current", "not due"), ("dso", "days"),
    ("cei", "of 100"), ("disputed_amount", ""), ("promised_amount", ""), ("unapplied_amount", ""),
    ("best_possible_dso", "days"), ("net_amount", ""),
)  # fmt: skip


def status_paper(report: Report, masthead: Masthead) -> Paper:
    """One page (A4 portrait). Figures are those of the report's currency; others stand in a table at the end."""
    tables = {table.name: table for table in report.tables}
    parts: list[Part] = [Prose(facts_line(report))]
    status = tables["status"]
    if status.rows:
        parts.append(_tiles(status, status.rows[0]))
    drawn = [plot for name in ("aging", "months", "forecast") if name in tables for plot in _plots(tables[name])[:1]]
    if len(drawn) == 1:
        parts.append(drawing_of(drawn[0], 2 * HALF, 170))
    elif drawn:
        parts.append(Beside(tuple((drawing_of(plot, HALF, 200),) for plot in drawn[:2]), (1, 1)))
    parts.append(Heading("Top offenders", 2))
    parts.append(_offenders(tables["top_offenders"]))
    left: tuple[Part, ...] = (Heading("Promises to come", 2), _small(tables["promises"]))
    right: tuple[Part, ...] = (Heading("Disputes by reason", 2), _small(tables["disputes"]))
    columns = [left, right]
    if "forecast" in tables:
        columns.append((Heading(tables["forecast"].title, 2), _small(tables["forecast"])))
    parts.append(Beside(tuple(columns), (1,) * len(columns)))
    if len(status.rows) > 1:
        parts += [Heading("Other currencies", 2), _small(replace(status, rows=status.rows[1:]))]
    parts.append(Prose(" ".join(report.notes)))
    return Paper(
        title=report.title,
        parts=tuple(parts),
        dated=f"As of {report.as_of.isoformat()}",
        sender=(masthead.organization,),
        footer=f"{masthead.organization} · {report.title} · made {masthead.made_at:%Y-%m-%d %H:%M}",
    )


def _tiles(table: ReportTable, row: Row) -> Tiles:
    cells = {column.name: (column.heading, shown(column, cell, code), code) for column, cell, code in
             Reader.of(table, internal=False).cells(row)}  # fmt: skip
    return Tiles(
        tuple((cells[name][0], cells[name][1] or "–", unit or cells[name][2] or "") for name, unit in _TILES), 5
    )


def _plots(table: ReportTable) -> list[Plot]:
    gathered = PlotRows(table)
    gathered.take(table.rows)
    return gathered.plots()


def _offenders(table: ReportTable) -> Grid:
    """Rank, account, overdue, days late, trend: the explanation stands in the workbook."""
    wanted = ("rank", "code", "name", "currency", "overdue_amount", "days_overdue", "trend", "score")
    return _small(_only(table, wanted))


def _only(table: ReportTable, names: tuple[str, ...]) -> ReportTable:
    places = [table.column(name) for name in names]
    rows = [tuple(_short(row[place]) for place in places) for row in table.rows]
    return replace(table, columns=tuple(table.columns[place] for place in places), rows=rows, totals=(), chart=None)


def _short(cell: Cell) -> Cell:
    return cell[: NAME_LENGTH_MAX - 1] + "…" if isinstance(cell, str) and len(cell) > NAME_LENGTH_MAX else cell


def _small(table: ReportTable) -> Grid:
    return table_grid(table, Reader.of(table, internal=False), list(table.rows[:ROWS_MAX]), 7.5)


own_paper(NAME, status_paper)
