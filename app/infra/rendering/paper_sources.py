"""What the typesetter is told to draw a paper: a head, and for each kind of part that the paper has its piece.

A source is read anew for every paper, so that it holds nothing that the paper has no use for.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from app.infra.rendering.payment_slips import SLIP_TYPST
from app.infra.rendering.typesetting import TEXT_FONT

_HEAD = """
#let paper = json(bytes(sys.inputs.paper))
#set document(title: paper.title, author: paper.sender.at(0, default: ""))
#set page(paper: "a4", flipped: paper.landscape, margin: (left: 20mm, right: 20mm, top: 22mm, bottom: 22mm),
footer: context {
set text(7.5pt, fill: luma(90))
[#paper.footer #h(1fr) #counter(page).get().first() / ]
str(if paper.total > 0 { paper.total } else { counter(page).final().first() })
})
#set text(9pt, lang: paper.language, font: ("TEXT-FONT",) + others)
#set par(leading: 0.6em, spacing: 1em)
#if paper.sender.len() > 0 { text(7.5pt, fill: luma(90), paper.sender.join(" \u00b7 ")) }
#if paper.address.len() > 0 { block(height: 28mm, paper.address.join(linebreak())) }
#grid(columns: (1fr, auto), text(14pt, strong(paper.title)), align(right + bottom, paper.dated))
#v(2mm)
#let bold = text.with(weight: "bold")
""".replace("TEXT-FONT", TEXT_FONT)
_HEADINGS = """
#show heading.where(level: 1): it => block(above: 1.6em, below: 0.9em, text(12pt, it.body))
#show heading.where(level: 2): it => block(above: 1.2em, below: 0.7em, text(10pt, it.body))
"""
_PIECES = {
    "heading": "heading(level: part.level, part.text)",
    "text": "for lines in part.paragraphs { par(lines.join(linebreak())) }",
    "break": "pagebreak(weak: true)",
    "slip": "payment-slip(part)",
    "contents": """
outline(title: text(11pt, part.title), depth: 2)
for row in part.more { block(above: 0.7em, below: 0.7em, grid(columns: (1fr, auto),
[#row.at(0) #box(width: 1fr, repeat([.]))], [ #row.at(1)])) }
""",
    "drawing": """
block(above: 0.9em, below: 0.9em, breakable: false, image(bytes(part.svg), format: "svg", width: 100%, alt: part.alt))
""",
    "tiles": """
block(above: 0.9em, below: 0.9em, grid(columns: (1fr,) * part.columns, gutter: 5pt, ..part.tiles.map(tile =>
block(width: 100%, inset: 6pt, stroke: 0.5pt + luma(190), radius: 2pt)[
#text(7pt, fill: luma(90), tile.at(0)) \\
#text(12pt, strong(tile.at(1))) \\
#text(7pt, fill: luma(90), tile.at(2))
])))
""",
    "beside": """
grid(columns: part.widths.map(width => width * 1fr), column-gutter: 6mm,
..part.columns.map(parts => parts.map(show-part).join()))
""",
    "table": """
set text(part.size * 1pt)
table(
columns: if part.columns == none { part.widths.map(width => if width == 0 { auto } else { width * 1fr }) }
else { part.columns.map(width => width * 1pt) },
rows: if part.heights == none { auto } else { part.heights.map(height =>
if height == none { auto } else { height * 1pt }) },
inset: (x: 3pt, y: 3.5pt),
stroke: none,
align: range(part.widths.len()).map(x => if part.right.contains(x) { right } else { left }),
..if part.header.len() > 0 { (table.header(..part.header.map(bold)),) },
..range(part.rows.len() + calc.min(1, part.header.len())).map(y =>
table.hline(y: y + 1, stroke: if y == 0 and part.header.len() > 0 { 0.7pt } else { 0.3pt + luma(190) })),
..part.rows.enumerate().map(((index, row)) => if part.bold.contains(index) { row.map(bold) } else { row }).flatten(),
)
""",
}


def paper_source(kinds: Collection[str]) -> bytes:
    """The source of a paper that has parts of these kinds."""
    return _source(frozenset(kinds))


@lru_cache(maxsize=200)
def _source(kinds: frozenset[str]) -> bytes:
    branches = " else ".join(
        f'if part.kind == "{kind}" {{\n{piece.strip()}\n}}' for kind, piece in _PIECES.items() if kind in kinds
    )
    pieces = [
        SLIP_TYPST if "slip" in kinds else "",
        _HEAD,
        _HEADINGS if "heading" in kinds else "",
        f"#let show-part(part) = {{\n{branches}\n}}\n#for part in paper.parts {{ show-part(part) }}\n",
    ]
    return "".join(pieces).encode()
