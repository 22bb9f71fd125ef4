"""Letters as PDF and Word: whatever the text holds is text."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

import pytest
from docx import Document

from app.infra.rendering.letters import Letter, LetterTooLong, letter_docx, letter_pdf

DAY = date(2026, 4, 2)
LETTER = Letter(
    subject="Invoice RE-1 <& #panic() *not bold*",
    before='Dear Ada,\n\n#read("/etc/passwd") $x$ \\ "quoted"\nsecond line äöü €',
    dated="2 April 2026",
    sender=("Acme GmbH", "Street 1"),
    address=("Brandt GmbH", "#include", "12345 Town"),
    table=(("Number", "Open"), ("RE-1", "1.000,00"), ("RE-2", "<b>")),
    right=(1,),
    after="Yours",
    footer="Acme",
    language="de",
)


def test_a_pdf_is_made_and_is_the_same_again() -> None:
    made = letter_pdf(LETTER, DAY)
    assert made.startswith(b"%PDF-")
    assert made == letter_pdf(LETTER, DAY)
    assert made != letter_pdf(replace(LETTER, subject="Other"), DAY)


def test_a_word_document_holds_the_texts() -> None:
    made = Document(io.BytesIO(letter_docx(replace(LETTER, after="bad \x00\x0b\ud800 end"), DAY)))
    texts = [paragraph.text for paragraph in made.paragraphs]
    assert "Invoice RE-1 <& #panic() *not bold*" in texts
    assert any("second line äöü €" in text for text in texts)
    assert "bad  end" in texts
    assert [[cell.text for cell in row.cells] for row in made.tables[0].rows][2] == ["RE-2", "<b>"]


def test_empty_parts_and_odd_languages_are_no_fault() -> None:
    assert letter_pdf(Letter(subject="S", before="", dated="", language="x-klingon"), DAY).startswith(b"%PDF-")


def test_letters_are_bounded() -> None:
    for wrong in (replace(LETTER, before="x" * 60_000), replace(LETTER, table=(("a",),) * 2_001)):
        for make in (letter_pdf, letter_docx):
            with pytest.raises(LetterTooLong):
                make(wrong, DAY)
