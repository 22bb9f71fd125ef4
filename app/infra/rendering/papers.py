"""Papers of several parts (statements, evidence files) as PDF: headings, texts, tables, an index with page numbers.

Nothing in a text is an instruction to the program: texts go in as data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from app.core.errors import TooLarge
from app.infra.rendering.letters import fonts
from app.infra.rendering.payment_slips import SLIP_TYPST, PaymentSlip, slip_facts
from app.infra.rendering.text_widths import column_widths, lines_of

CELLS_MAX = 60_000
CHARACTERS_MAX = 2_000_000
PAGE_POINTS = {False: 170 / 25.4 * 72, True: 257 / 25.4 * 72}
"""Width of a page between its margins, upright and flipped."""
BESIDE_GAP = 6 / 25.4 * 72
CELL_INSET = (3.0, 3.5)
"""Points left and right, above and below what stands in a cell."""
TAGGED_CHARACTERS_MAX = 100_000
"""Longer papers carry no tags for screen readers: they would make them several times as large and slow."""
_TYPST = (
    SLIP_TYPST
    + b"""
#let paper = json(bytes(sys.inputs.paper))
#set document(title: paper.title, author: paper.sender.at(0, default: ""))
#set page(paper: "a4", flipped: paper.landscape, margin: (left: 20mm, right: 20mm, top: 22mm, bottom: 22mm),
  footer: context [
    #set text(8pt, fill: luma(90))
    #let total = if paper.total > 0 { paper.total } else { counter(page).final().first() }
    #paper.footer #h(1fr) #counter(page).get().first() / #total
])
#set text(9.5pt, lang: paper.language)
#set par(leading: 0.6em, spacing: 1em)
#show heading.where(level: 1): it => block(above: 1.6em, below: 0.9em, text(13pt, it.body))
#show heading.where(level: 2): it => block(above: 1.2em, below: 0.7em, text(10.5pt, it.body))
#if paper.sender.len() > 0 { text(8pt, fill: luma(90), paper.sender.join(" \xc2\xb7 ")) }
#if paper.address.len() > 0 { block(height: 28mm, paper.address.map(line => line).join(linebreak())) }
#grid(columns: (1fr, auto), text(15pt, strong(paper.title)), align(right + bottom, paper.dated))
#v(2mm)
#let show-part(part) = {
  if part.kind == "heading" { heading(level: part.level, part.text) }
  else if part.kind == "text" { for lines in part.paragraphs { par(lines.map(line => line).join(linebreak())) } }
  else if part.kind == "break" { pagebreak(weak: true) }
  else if part.kind == "slip" { payment-slip(part) }
  else if part.kind == "contents" {
    outline(title: text(11pt, part.title), depth: 2)
    for row in part.more { block(above: 0.7em, below: 0.7em, grid(columns: (1fr, auto),
      [#row.at(0) #box(width: 1fr, repeat([.]))], [ #row.at(1)])) }
  } else if part.kind == "drawing" {
    block(above: 0.9em, below: 0.9em, breakable: false,
      image(bytes(part.svg), format: "svg", width: 100%, alt: part.alt))
  } else if part.kind == "tiles" {
    block(above: 0.9em, below: 0.9em, grid(columns: (1fr,) * part.columns, gutter: 5pt, ..part.tiles.map(tile =>
      block(width: 100%, inset: 6pt, stroke: 0.5pt + luma(190), radius: 2pt)[
        #text(7pt, fill: luma(90), tile.at(0)) \\
        #text(12.5pt, strong(tile.at(1))) \\
        #text(7pt, fill: luma(90), tile.at(2))
      ])))
  } else if part.kind == "beside" {
    grid(columns: part.widths.map(width => width * 1fr), column-gutter: 6mm,
      ..part.columns.map(parts => parts.map(show-part).join()))
  } else if part.kind == "table" {
    set text(part.size * 1pt)
    table(
      columns: if part.columns == none { part.widths.map(width => if width == 0 { auto } else { width * 1fr }) }
        else { part.columns.map(width => width * 1pt) },
      rows: if part.heights == none { auto } else { part.heights.map(height =>
        if height == none { auto } else { height * 1pt }) },
      inset: (x: 3pt, y: 3.5pt),
      stroke: (rest: none, bottom: 0.3pt + luma(190)),
      align: range(part.widths.len()).map(x => if part.right.contains(x) { right } else { left }),
      ..if part.header.len() > 0 { (table.header(..part.header.map(strong)), table.hline(y: 1, stroke: 0.7pt)) },
      ..part.rows.enumerate().map(((index, row)) => if part.bold.contains(index) { row.map(strong) } else { row })
        .flatten(),
    )
  }
}
#for part in paper.parts { show-part(part) }
"""
)
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
    size: float = 8


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
    made = _compile(_TYPST, "paper", _facts(paper), on, "pdf")
    assert isinstance(made, bytes)
    return made


def page_numbers_pdf(pages: Sequence[tuple[int, int, str]], on: date) -> bytes:
    """Empty pages with a number at the lower right, to be laid over others: width and height in points, text."""
    facts = [{"width": width, "height": height, "text": text} for width, height, text in pages]
    made = _compile(_NUMBERS, "pages", facts, on, "pdf")
    assert isinstance(made, bytes)
    return made


def _compile(source: bytes, name: str, facts: Any, on: date, form: Literal["pdf", "png"]) -> bytes | list[bytes]:
    import typst

    stamp = int(datetime.combine(on, time(), UTC).timestamp())
    inputs = {name: json.dumps(facts)}
    tagged = len(inputs[name]) <= TAGGED_CHARACTERS_MAX
    return typst.compile(
        source, format=form, font_paths=fonts(), ignore_system_fonts=True, sys_inputs=inputs, timestamp=stamp,
        pdf_tags=tagged,
    )  # fmt: skip


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
    if columns is not None:
        heights = []
        for index, row in enumerate(rows):
            lines = lines_of(row, columns, part.size, CELL_INSET[0], bold=index in bold)
            heights.append(
                None if lines is None else 2 * CELL_INSET[1] + part.size * (0.66 * lines + 0.6 * (lines - 1))
            )
    return {
        "kind": "table", "header": header, "rows": part.rows, "right": part.right, "bold": part.bold,
        "widths": widths, "columns": columns, "heights": heights, "size": part.size,
    }  # fmt: skip


def _paragraphs(text: str) -> list[list[str]]:
    parts = re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    return [part.split("\n") for part in parts if part.strip()]
