"""Papers of several parts (statements, evidence files) as PDF: headings, texts, tables, an index with page numbers.

Nothing in a text is an instruction to the program: texts go in as data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.errors import TooLarge
from app.infra.rendering.paper_sources import paper_source
from app.infra.rendering.payment_slips import PaymentSlip, slip_facts
from app.infra.rendering.text_widths import breakable, column_widths, lines_of
from app.infra.rendering.typesetting import typeset

CELLS_MAX = 60_000
CHARACTERS_MAX = 2_000_000
PAGE_POINTS = {False: 170 / 25.4 * 72, True: 257 / 25.4 * 72}
"""Width of a page between its margins, upright and flipped."""
BESIDE_GAP = 6 / 25.4 * 72
CELL_INSET = (3.0, 3.5)
"""Points left and right, above and below what stands in a cell."""
TAGGED_CHARACTERS_MAX = 100_000
"""Longer papers carry no tags for screen readers: they would make them several times as large and slow."""
_NUMBERS = b"""
#let pages = json(bytes(sys.inputs.pages))
#for number in pages {
  page(width: number.width * 1pt, height: number.height * 1pt, margin: 0pt, fill: none,
    place(bottom + right, dx: -8mm, dy: -4mm, box(fill: white, inset: 1.5pt, text(7.5pt, fill: luma(70), number.text))))
}
"""


class PaperTooLarge(TooLarge):
    """The paper has more rows or text than anybody reads: narrow it, or take it as a workbook."""

    code = "paper.too_large"


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of a part, in the index."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Prose:
    """A text; blank lines part its paragraphs."""

    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `widths`: 0 is as wide as its text, else a share of what is left. `right`, `bold`: columns and rows."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    bold: tuple[int, ...] = ()
    size: float = 7.5


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing as SVG that the service itself made, as wide as the page; `alt` says in words what it shows."""

    svg: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Key figures side by side: label, figure, and what stands below it in small."""

    tiles: tuple[tuple[str, str, str], ...]
    columns: int = 4


@dataclass(frozen=True, slots=True)
class Beside:
    """Columns of parts side by side; `widths` are shares of the page."""

    columns: tuple[tuple[Part, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows begins on a new page."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The index: every heading with its page, and `more` lines (text, page) of what follows the paper itself."""

    title: str
    more: tuple[tuple[str, str], ...] = ()


Part = Heading | Prose | Grid | Drawing | Tiles | Beside | PageBreak | Contents | PaymentSlip


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper. `total` pages stand in the footer when more follow than the paper itself has (0: its own)."""

    title: str
    parts: tuple[Part, ...]
    dated: str = ""
    sender: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    footer: str = ""
    language: str = "en"
    landscape: bool = False
    total: int = 0


def paper_pdf(paper: Paper, on: date) -> bytes:
    """The paper as PDF (A4); the same paper of the same day gives the same bytes. Raises PaperTooLarge.

    Takes the processor for up to some seconds: call it in a thread.
    """
    facts = _facts(paper)
    kinds = {part["kind"] for part in _all(facts["parts"])}
    inputs = {"paper": json.dumps(facts, ensure_ascii=False)}
    return typeset(paper_source(kinds), inputs, on, tagged=len(inputs["paper"]) <= TAGGED_CHARACTERS_MAX)


def _all(parts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for part in parts:
        yield part
        if part["kind"] == "beside":
            for column in part["columns"]:
                yield from _all(column)


def page_numbers_pdf(pages: Sequence[tuple[int, int, str]], on: date) -> bytes:
    """Empty pages with a number at the lower right, to be laid over others: width and height in points, text."""
    facts = [{"width": width, "height": height, "text": text} for width, height, text in pages]
    return typeset(_NUMBERS, {"pages": json.dumps(facts, ensure_ascii=False)}, on)


def _facts(paper: Paper) -> dict[str, Any]:
    parts = list(_flat(paper.parts))
    tables = [part for part in parts if isinstance(part, Grid)]
    cells = sum(len(part.header) * (len(part.rows) + 1) for part in tables)
    characters = sum(len(part.text) for part in parts if isinstance(part, Prose))
    characters += sum(len(value) for part in tables for row in part.rows for value in row)
    if cells > CELLS_MAX or characters > CHARACTERS_MAX:
        raise PaperTooLarge(f"a paper has at most {CELLS_MAX} cells and {CHARACTERS_MAX} characters")
    language = paper.language[:2].lower()
    return {
        "title": paper.title, "dated": paper.dated, "sender": paper.sender, "address": paper.address,
        "footer": paper.footer, "landscape": paper.landscape, "total": paper.total,
        "language": language if re.fullmatch(r"[a-z]{2}", language) else "en",
        "parts": [_part(part, PAGE_POINTS[paper.landscape]) for part in paper.parts],
    }  # fmt: skip


def _flat(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        if isinstance(part, Beside):
            for column in part.columns:
                yield from _flat(column)


def _part(part: Part, room: float) -> dict[str, Any]:
    """What the typesetter needs; `room` is the width in points that the part has."""
    if isinstance(part, Heading):
        return {"kind": "heading", "text": part.text, "level": part.level}
    if isinstance(part, Prose):
        return {"kind": "text", "paragraphs": _paragraphs(part.text)}
    if isinstance(part, Contents):
        return {"kind": "contents", "title": part.title, "more": part.more}
    if isinstance(part, PageBreak):
        return {"kind": "break"}
    if isinstance(part, PaymentSlip):
        return slip_facts(part)
    if isinstance(part, Drawing):
        return {"kind": "drawing", "svg": part.svg, "alt": part.alt}
    if isinstance(part, Tiles):
        return {"kind": "tiles", "tiles": part.tiles, "columns": part.columns}
    if isinstance(part, Beside):
        free = room - BESIDE_GAP * (len(part.columns) - 1)
        shares = [free * width / sum(part.widths) for width in part.widths]
        columns = [[_part(one, share) for one in column] for column, share in zip(part.columns, shares, strict=True)]
        return {"kind": "beside", "columns": columns, "widths": part.widths}
    return _table(part, room)


def _table(part: Grid, room: float) -> dict[str, Any]:
    """A table with its columns and rows measured, where that can be done beforehand: it takes half the time."""
    widths = part.widths or (1,) * len(part.header)
    header = part.header if any(part.header) else ()
    rows = (header, *part.rows) if header else part.rows
    bold = {index + bool(header) for index in part.bold} | ({0} if header else set())
    columns = column_widths(rows, widths, bold, part.size, room, CELL_INSET[0])
    heights: list[float | None] | None = None
    shown: Sequence[Sequence[str]] = part.rows
    if columns is not None:
        counts = [
            lines_of(row, columns, part.size, CELL_INSET[0], bold=index in bold) for index, row in enumerate(rows)
        ]
        heights = [
            None if lines is None else 2 * CELL_INSET[1] + part.size * (0.66 * lines + 0.6 * (lines - 1))
            for lines in counts
        ]
        room_em = [(width - 2 * CELL_INSET[0]) / part.size for width in columns]
        shown = [
            row if lines is not None else [breakable(text, most) for text, most in zip(row, room_em, strict=True)]
            for row, lines in zip(part.rows, counts[bool(header) :], strict=True)
        ]
    return {
        "kind": "table", "header": header, "rows": shown, "right": part.right, "bold": part.bold,
        "widths": widths, "columns": columns, "heights": heights, "size": part.size,
    }  # fmt: skip


def _paragraphs(text: str) -> list[list[str]]:
    parts = re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    return [part.split("\n") for part in parts if part.strip()]
