"""A report as a file: JSON, CSV, workbook or paper, written to disk piece by piece.

Call it while the snapshot of the report is open: long tables are read while they are written, and none of them is ever
whole in memory. What takes the processor runs in a thread.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.infra.rendering.csv_text import safe_cell
from app.infra.rendering.papers import Paper, paper_pdf
from app.reports.output.cells import Reader, plain
from app.reports.output.csv_rows import csv_encoders
from app.reports.output.paper import report_paper, rows_on_paper
from app.reports.output.workbook import Masthead, ReportBook
from app.reports.tables import Report, ReportTable, Row

CHUNK_ROWS = 500
MEDIA_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
Progress = Callable[[int], Awaitable[None]]
"""Is told how many rows are written so far, after each piece."""
PaperMaker = Callable[[Report, Masthead], Paper]
_own_papers: dict[str, PaperMaker] = {}


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A finished file. `rows` are those of the main table."""

    path: Path
    name: str
    media_type: str
    rows: int


def own_paper(name: str, maker: PaperMaker) -> None:
    """A report of that name has a paper of its own, whose tables are all in memory."""
    _own_papers[name] = maker


async def make_file(
    report: Report, form: str, folder: Path, masthead: Masthead, progress: Progress | None = None
) -> MadeFile:
    """Write the report into `folder`. Raises WorkbookTooLong, PaperTooLarge."""
    path = folder / f"report.{form}"
    making = {"json": _json, "csv": _csv, "xlsx": _workbook, "pdf": _paper}[form]
    rows = await making(report, path, masthead, progress or _nobody)
    return MadeFile(path, f"{report.name}-{report.as_of.isoformat()}.{form}", MEDIA_TYPES[form], rows)


async def _nobody(_: int) -> None:
    """Nobody waits for the progress."""


async def pieces(table: ReportTable) -> AsyncIterator[Sequence[Row]]:
    """The rows of a table, some hundred at a time."""
    if table.stream is not None:
        async for piece in table.stream():
            yield piece
        return
    for start in range(0, len(table.rows), CHUNK_ROWS):
        yield table.rows[start : start + CHUNK_ROWS]


async def _csv(report: Report, path: Path, _: Masthead, progress: Progress) -> int:
    """The main table, with ids; UTF-8 with a byte order mark, so that spreadsheets read it right."""
    table = report.main
    encoders = csv_encoders(Reader.of(table, internal=True))
    rows = 0
    with path.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target, lineterminator="\r\n")
        writer.writerow([safe_cell(column.name) for column in table.columns])
        async for piece in pieces(table):
            lines = [[encode(row) for encode in encoders] for row in piece]
            await asyncio.to_thread(writer.writerows, lines)
            rows += len(piece)
            await progress(rows)
    return rows


async def _json(report: Report, path: Path, _: Masthead, progress: Progress) -> int:
    """Every table whole: `{…, "tables": [{"name", "columns", "totals", "rows"}]}`."""
    head = {
        "name": report.name, "title": report.title, "as_of": report.as_of.isoformat(),
        "known_at": None if report.known_at is None else report.known_at.isoformat(),
        "parameters": dict(report.parameters), "notes": list(report.notes),
    }  # fmt: skip
    counts: list[int] = []
    with path.open("w", encoding="utf-8") as target:
        target.write(json.dumps(head)[:-1] + ', "tables": [')
        for index, table in enumerate(report.tables):
            reader = Reader.of(table, internal=True)
            columns = [{"name": one.name, "title": one.heading, "kind": one.kind} for one in table.columns]
            facts = {"name": table.name, "title": table.title, "columns": columns,
                     "totals": [_record(reader, row) for row in table.totals]}  # fmt: skip
            target.write((", " if index else "") + json.dumps(facts)[:-1] + ', "rows": [')
            counts.append(0)
            async for piece in pieces(table):
                text = ",\n".join(json.dumps(_record(reader, row)) for row in piece)
                target.write((",\n" if counts[-1] and piece else "") + text)
                counts[-1] += len(piece)
                await progress(sum(counts))
            target.write("]}")
        target.write("]}")
    return counts[0]


def _record(reader: Reader, row: Row) -> dict[str, object]:
    return {column.name: plain(column, cell, currency) for column, cell, currency in reader.cells(row)}


async def _workbook(report: Report, path: Path, masthead: Masthead, progress: Progress) -> int:
    book = ReportBook(path, report, masthead)
    counts: list[int] = []
    try:
        for table in report.tables:
            sheet = book.sheet(table)
            async for piece in pieces(table):
                await asyncio.to_thread(sheet.write, piece)
                await progress(sum(counts) + sheet.rows)
            counts.append(sheet.rows)
        await asyncio.to_thread(book.close)
    except BaseException:
        book.abandon()
        raise
    return counts[0]


async def _paper(report: Report, path: Path, masthead: Masthead, progress: Progress) -> int:
    kept: dict[str, list[Row]] = {}
    counts: dict[str, int] = {}
    for table in report.tables:
        limit = rows_on_paper(table)
        rows = kept[table.name] = []
        counts[table.name] = 0
        async for piece in pieces(table):
            rows += piece[: max(0, limit - len(rows))]
            counts[table.name] += len(piece)
            await progress(sum(counts.values()))
    maker = _own_papers.get(report.name)
    paper = report_paper(report, masthead, kept, counts) if maker is None else maker(report, masthead)
    content = await asyncio.to_thread(paper_pdf, paper, report.as_of)
    await asyncio.to_thread(path.write_bytes, content)
    return counts[report.main.name]
