"""Words, dates and amounts of papers; binding of PDFs from elsewhere."""

from __future__ import annotations

import io
from datetime import date

import openpyxl
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from app.core.money import to_decimal
from app.desk.papers.bundle import Enclosure, Placed, bind
from app.infra.rendering.papers import Contents, Grid, Heading, Paper, PaperTooLarge, Prose, paper_pdf
from app.infra.rendering.workbooks import Sheet, workbook
from app.statements.texts import _WORDS, LANGUAGES, Words, grouped_identifier

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("language", "country", "day", "amount"),
    [
        ("de", "DE", "02.03.2026", "-1.234,50"),
        ("de", "CH", "02.03.2026", "-1’234.50"),
        ("en-US", None, "Mar 2, 2026", "-1,234.50"),
        ("en-GB", None, "2 Mar 2026", "-1,234.50"),
        ("es", "ES", "2 mar 2026", "-1.234,50"),
        ("nl", "XX", "Mar 2, 2026", "-1,234.50"),
        (None, None, "Mar 2, 2026", "-1,234.50"),
    ],
)
def test_dates_and_amounts_as_the_country_writes_them(
    language: str | None, country: str | None, day: str, amount: str
) -> None:
    words = Words(language, country)
    assert (words.day(DAY), words.amount(-123450, "EUR")) == (day, amount)


def test_places_are_those_of_the_currency() -> None:
    assert Words("en", "US").amount(1234, "JPY") == "1,234"
    assert Words("en", "US").amount(1234567, "KWD") == "1,234.567"


def test_every_word_stands_in_every_language_with_the_same_places() -> None:
    for name, texts in _WORDS.items():
        assert len(texts) == len(LANGUAGES), name
        assert len({text.count("{") for text in texts}) == 1, name


def test_an_iban_is_grouped_and_a_local_number_is_not() -> None:
    assert grouped_identifier("DE89370400440532013000") == "DE89 3704 0044 0532 0130 00"
    assert grouped_identifier("1234567890123456") == "1234567890123456"


def test_texts_are_data_and_never_instructions() -> None:
    text = '#panic("x") $x$ *b* <b> \\ `r` https://example.com @ref'
    made = paper_pdf(Paper("T", (Heading(text), Prose(text), Grid(("a",), ((text,),)))), DAY)
    shown = " ".join(PdfReader(io.BytesIO(made)).pages[0].extract_text().split())
    assert shown.count('#panic("x") $x$ *b*') == 3


def test_a_paper_has_a_bound() -> None:
    with pytest.raises(PaperTooLarge):
        paper_pdf(Paper("T", (Grid(("a", "b"), (("x", "y"),) * 40_000),)), DAY)


def _pdf(pages: int, *, script: bool = False, password: str | None = None) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(300, 200)
    if script:
        action = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert('x');")}
        opened = DictionaryObject({NameObject("/O"): DictionaryObject(action)})
        writer.pages[0][NameObject("/AA")] = opened
        note = {NameObject("/Subtype"): NameObject("/Link"), NameObject("/A"): DictionaryObject(action)}
        writer.pages[0][NameObject("/Annots")] = ArrayObject([DictionaryObject(note)])
        writer.add_attachment("evil.exe", b"MZ")
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_pages_from_elsewhere_are_numbered_and_bring_no_scripts() -> None:
    seen: list[tuple[tuple[Placed, ...], int]] = []

    def front(placed: tuple[Placed, ...], left_out: tuple[tuple[str, str], ...], total: int) -> bytes:
        seen.append((placed, total))
        more = tuple((place.title, str(place.first_page)) for place in placed)
        rows = tuple((f"row {number}",) for number in range(120))  # more than a page
        return paper_pdf(Paper("T", (Contents("C", more), Grid(("a",), rows)), total=total), DAY)

    wanted = [Enclosure("a", _pdf(2, script=True)), Enclosure("b", b"%PDF-1.7 nothing"),
              Enclosure("c", _pdf(1, password="secret")), Enclosure("d", _pdf(1))]  # fmt: skip
    made = bind(front, wanted, DAY, lambda number, name: f"{number}: {name}")
    assert made.left_out == (("b", "unreadable"), ("c", "encrypted"))
    own = made.pages - 3
    assert own > 1
    assert [(place.title, place.first_page, place.pages) for place in made.placed] == [
        ("1: a", own + 1, 2), ("2: d", own + 3, 1),
    ]  # fmt: skip
    assert seen[-1] == (made.placed, made.pages), "the front was rendered with the numbers that hold in the end"
    reader = PdfReader(io.BytesIO(made.content))
    assert [f"{own + n} / {made.pages}" in reader.pages[own + n - 1].extract_text() for n in (1, 2, 3)] == [True] * 3
    assert b"/JavaScript" not in made.content
    assert not reader.attachments


def test_a_workbook_holds_texts_as_texts_and_numbers_as_numbers() -> None:
    rows = [("=1+1", "https://example.com", to_decimal(-123450, "EUR"), DAY, 7, None)]
    made = workbook([Sheet("Items", ("a", "b", "c", "d", "e", "f"), rows)], title="T", on=DAY)
    sheet = openpyxl.load_workbook(io.BytesIO(made)).active
    assert sheet is not None
    cells = list(list(sheet.iter_rows())[1])
    assert [cell.data_type for cell in cells[:5]] == ["s", "s", "n", "d", "n"]
    assert [cell.value for cell in cells[:3]] == ["=1+1", "https://example.com", -1234.5]
    assert cells[1].hyperlink is None
    assert sheet.freeze_panes == "A2"
