"""Letters as PDF and as Word documents, from plain texts. Nothing in a text is an instruction to either program."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict, dataclass
from datetime import date, datetime, time

from app.core.errors import RuleViolation
from app.infra.rendering.text_widths import breakable
from app.infra.rendering.typesetting import TEXT_FONT, typeset

BODY_CHARACTERS_MAX = 50_000
TABLE_ROWS_MAX = 2_000
CELL_EM_MAX = 18.0
"""A word of a table that is longer may be broken: a third of the page."""
PDF, DOCX = "application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TYPST = b"""
#let letter = json(bytes(sys.inputs.letter))
#set document(title: letter.subject, author: letter.sender.at(0, default: ""))
#set page(paper: "a4", margin: (left: 25mm, right: 20mm, top: 27mm, bottom: 25mm), footer: context [
  #set text(7.5pt, fill: luma(90))
  #letter.footer #h(1fr) #if counter(page).final().first() > 1 [#counter(page).display("1 / 1", both: true)]
])
#set text(10pt, lang: letter.language, font: ("%s",) + others)
#set par(leading: 0.65em, spacing: 1.1em)
#if letter.sender.len() > 0 { text(7.5pt, fill: luma(90), letter.sender.join(" \xc2\xb7 ")) }
#block(height: 32mm, letter.address.map(line => line).join(linebreak()))
#align(right, letter.dated)
#v(6mm)
#strong(letter.subject)
#v(3mm)
#for paragraph in letter.before { par(paragraph.map(line => line).join(linebreak())) }
#if letter.table.len() > 0 {
  set text(8.5pt)
  table(
    columns: letter.table.at(0).len(),
    stroke: (x, y) => if y == 0 { (bottom: 0.7pt) } else { (bottom: 0.3pt + luma(180)) },
    align: (x, y) => if letter.right.contains(x) { right } else { left },
    table.header(..letter.table.at(0).map(cell => strong(cell))),
    ..letter.table.slice(1).flatten().map(cell => [#cell]),
  )
}
#for paragraph in letter.after { par(paragraph.map(line => line).join(linebreak())) }
""".replace(b"%s", TEXT_FONT.encode())


class LetterTooLong(RuleViolation):
    """The text or table of a letter is past its bound."""

    code = "letter.too_long"


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands in a letter. `dated` is the date as it is shown; `table` has its header first, `right` names the
    columns that are aligned to the right. `before` and `after` are texts whose paragraphs are parted by blank lines.
    """

    subject: str
    before: str
    dated: str
    sender: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    after: str = ""
    table: tuple[tuple[str, ...], ...] = ()
    right: tuple[int, ...] = ()
    footer: str = ""
    language: str = "en"


def _checked(letter: Letter) -> Letter:
    if len(letter.before) + len(letter.after) > BODY_CHARACTERS_MAX or len(letter.table) > TABLE_ROWS_MAX:
        raise LetterTooLong(f"a letter has at most {BODY_CHARACTERS_MAX} characters and {TABLE_ROWS_MAX} rows")
    return letter


def _paragraphs(text: str) -> list[list[str]]:
    parts = re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    return [part.split("\n") for part in parts if part.strip()]


def letter_pdf(letter: Letter, on: date) -> bytes:
    """The letter as PDF (A4). The same letter of the same day gives the same bytes. Raises LetterTooLong.

    Takes some hundredths of a second of the processor: call it in a thread.
    """
    facts = asdict(_checked(letter))
    language = letter.language[:2].lower()
    facts.update(
        before=_paragraphs(letter.before),
        after=_paragraphs(letter.after),
        table=[[breakable(text, CELL_EM_MAX) for text in row] for row in letter.table],
        language=language if re.fullmatch(r"[a-z]{2}", language) else "en",
    )
    return typeset(_TYPST, {"letter": json.dumps(facts, ensure_ascii=False)}, on)


def letter_docx(letter: Letter, on: date) -> bytes:
    """The letter as a Word document, to be edited by a person. Raises LetterTooLong."""
    from docx import Document
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    _checked(letter)
    made = Document()
    properties = made.core_properties
    properties.author, properties.title = _xml(letter.sender[0] if letter.sender else ""), _xml(letter.subject)[:250]
    properties.created = properties.modified = datetime.combine(on, time())
    made.styles["Normal"].font.size = Pt(10.5)
    if letter.sender:
        made.add_paragraph().add_run(_xml(" · ".join(letter.sender))).font.size = Pt(8)
    made.add_paragraph(_xml("\n".join(letter.address)))
    made.add_paragraph(_xml(letter.dated)).alignment = WD_ALIGN_PARAGRAPH.RIGHT
    made.add_paragraph().add_run(_xml(letter.subject)).bold = True
    for paragraph in _paragraphs(letter.before):
        made.add_paragraph(_xml("\n".join(paragraph)))
    if letter.table:
        table = made.add_table(rows=0, cols=len(letter.table[0]))
        table.style = "Light List"
        for row in letter.table:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = _xml(text)
    for paragraph in _paragraphs(letter.after):
        made.add_paragraph(_xml("\n".join(paragraph)))
    if letter.footer:
        made.sections[0].footer.paragraphs[0].text = _xml(letter.footer)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)
