"""A report as a paper that is fit to print: charts first, then the tables, with page numbers and repeated headings."""

from __future__ import annotations

from app.infra.rendering.papers import Drawing, Grid, Heading, Paper, Part, Prose
from app.reports.output.cells import RIGHT, Reader, shown
from app.reports.output.drawing import chart_svg, height_for
from app.reports.output.plots import Plot, PlotRows
from app.reports.output.workbook import Masthead
from app.reports.tables import Report, ReportTable, Row

ROWS_MAX = 1_000
"""Rows of one table on paper; who needs more takes the workbook."""
CHARTS_MAX = 4
PORTRAIT_COLUMNS_MAX = 7
CELLS_MAX = 40_000
LINE_LETTERS = 185
"""What fits beside each other on a paper that lies, about; wider tables stand in two grids."""
BROKEN_LETTERS = 26
NAMES_MAX = 4
"""Columns that name a row and are repeated in its second grid."""


def report_paper(report: Report, masthead: Masthead, rows: dict[str, list[Row]], counts: dict[str, int]) -> Paper:
    """The paper of a report. `rows` are the first rows of each table by its name, `counts` how many there are."""
    readers = [Reader.of(table, internal=False) for table in report.tables]
    landscape = any(len(reader.columns) > PORTRAIT_COLUMNS_MAX for reader in readers)
    parts: list[Part] = [Prose(facts_line(report)), *_charts(report, rows, 960 if landscape else 680)]
    for table, reader in zip(report.tables, readers, strict=True):
        if len(report.tables) > 1:
            parts.append(Heading(table.title))
        parts += [table_grid(table, block, rows[table.name]) for block in blocks(table, reader, rows[table.name])]
        if counts[table.name] > len(rows[table.name]):
            parts.append(
                Prose(f"The first {len(rows[table.name]):,} of {counts[table.name]:,} rows; the workbook has all.")
            )
    if report.notes:
        parts.append(Prose("\n".join(report.notes)))
    return Paper(
        title=report.title,
        parts=tuple(parts),
        dated=f"As of {report.as_of.isoformat()}",
        sender=(masthead.organization,),
        footer=f"{masthead.organization} · {report.title} · made {masthead.made_at:%Y-%m-%d %H:%M}",
        landscape=landscape,
    )


def facts_line(report: Report) -> str:
    """What was asked for, in one paragraph."""
    known = [] if report.known_at is None else [f"known at {report.known_at:%Y-%m-%d %H:%M:%S} UTC"]
    return " · ".join([*(f"{words(name)}: {value}" for name, value in report.parameters.items()), *known])


def words(name: str) -> str:
    """The name of a parameter as a person reads it."""
    return name.replace("_", " ").capitalize()


def rows_on_paper(table: ReportTable) -> int:
    """How many rows of a table are printed."""
    columns = max(1, sum(not column.internal for column in table.columns))
    return min(ROWS_MAX, CELLS_MAX // columns)


def _charts(report: Report, rows: dict[str, list[Row]], width: int) -> list[Part]:
    plots: list[Plot] = []
    for table in report.tables:
        gathered = PlotRows(table)
        gathered.take(rows[table.name])
        plots += gathered.plots()
    return [drawing_of(plot, width) for plot in plots[:CHARTS_MAX]]


def drawing_of(plot: Plot, width: int = 680, height: int | None = None) -> Drawing:
    """The chart, drawn, with what it shows in words for who cannot see it."""
    figures = ", ".join(
        f"{category} {value:f}"
        for series in plot.series[:1]
        for category, value in zip(plot.categories, series.values, strict=True)
        if value is not None
    )
    return Drawing(chart_svg(plot, width, height or height_for(plot)), f"{plot.title}: {figures}"[:500])


def blocks(table: ReportTable, reader: Reader, rows: list[Row]) -> list[Reader]:
    """The columns that hold anything, in as many grids as fit the paper; each begins with the texts that name a row."""
    every = (*rows, *table.totals)
    kept = [
        place for place, (column, position) in enumerate(zip(reader.columns, reader.positions, strict=True))
        if column.kind != "text" or not every or any(row[position] not in (None, "") for row in every)
    ]  # fmt: skip
    widths = {place: _letters(reader, place, every) for place in kept}
    if every and sum(widths.values()) > LINE_LETTERS:
        kept = [place for place in kept if any(row[reader.positions[place]] is not None for row in every)]
        widths = {place: widths[place] for place in kept}
    named = next((n for n, place in enumerate(kept) if reader.columns[place].kind not in ("text", "date")), 0)
    if sum(widths.values()) <= LINE_LETTERS or not 0 < named <= NAMES_MAX:
        return [_some(reader, kept)]  # a list of documents is no use without its texts beside each other
    head = kept[:named]
    grids: list[list[int]] = [[]]
    room = free = LINE_LETTERS - sum(widths[place] for place in head)
    for place in kept[named:]:
        if widths[place] > room and grids[-1]:
            grids.append([])
            room = free
        grids[-1].append(place)
        room -= widths[place]
    return [_some(reader, [*head, *grid]) for grid in grids]


def _letters(reader: Reader, place: int, rows: tuple[Row, ...]) -> int:
    """About how many letters wide a column is; long texts are broken."""
    part = _some(reader, [place])
    longest = max((len(shown(*part.cells(row)[0])) for row in rows[:50]), default=0)
    return max(len(reader.columns[place].heading), min(longest, BROKEN_LETTERS)) + 2


def _some(reader: Reader, places: list[int]) -> Reader:
    return Reader(
        reader.table,
        tuple(reader.columns[place] for place in places),
        tuple(reader.positions[place] for place in places),
        tuple(reader.currencies[place] for place in places),
    )


def table_grid(table: ReportTable, reader: Reader, rows: list[Row], size: float = 0) -> Grid:
    """The table with its totals below it, set off."""
    columns = reader.columns
    lines = [tuple(shown(*cell) for cell in reader.cells(row)) for row in (*rows, *table.totals)]
    total = [place for place in range(len(lines)) if place >= len(rows)]
    first = next((place for place, column in enumerate(columns) if column.kind == "text"), None)
    if first is not None:
        for place in total:
            if not lines[place][first]:
                lines[place] = (*lines[place][:first], "Total", *lines[place][first + 1 :])
    texts = [place for place, column in enumerate(columns) if column.kind == "text"]
    return Grid(
        header=tuple(column.heading for column in columns),
        rows=tuple(lines),
        widths=tuple(_width(place, texts, lines) for place in range(len(columns))),
        right=tuple(place for place, column in enumerate(columns) if column.kind in RIGHT),
        bold=tuple(total),
        size=size or (8 if len(columns) <= 12 else 7),
    )


def _width(place: int, texts: list[int], lines: list[tuple[str, ...]]) -> int:
    """Long texts share what is left of the line; everything else is as wide as it is."""
    if place in texts and any(len(line[place]) > 14 for line in lines[:200]):
        return 1
    return 0
