"""Texts in every script stand on the paper as they were written: no boxes, no other letters."""

from __future__ import annotations

import io
from datetime import date

import pytest
from pypdf import PdfReader

from app.infra.rendering.letters import Letter, letter_pdf
from app.infra.rendering.papers import Grid, Paper, Prose, paper_pdf
from app.infra.rendering.typesetting import fonts_of_all_scripts

DAY = date(2026, 3, 9)
NAMES = {
    "Chinese": ("上海示例贸易有限公司", "NotoSansCJKsc"),
    "Japanese": ("株式会社サンプル", "NotoSansCJKjp"),
    "Korean": ("주식회사예시", "NotoSansCJKkr"),
    "Arabic": ("شركة المثال", "NotoSansArabic"),
    "Hebrew": ("דוגמה", "NotoSansHebrew"),
    "Hindi": ("उदाहरण", "NotoSansDevanagari"),
    "Thai": ("บริษัท", "NotoSansThai"),
    "Armenian": ("Ձեռնարկություն", "NotoSansArmenian"),
    "Georgian": ("საქართველო", "NotoSansGeorgian"),
}
USUAL = ("ООО «Пример» Київ", "Παράδειγμα ΑΕ", "Łódź Žluťoučký Ğırçı Ñandú Œuvre Straße")


def fonts_in(made: bytes) -> set[str]:
    """The fonts of a PDF without the mark of their subset."""
    pages = PdfReader(io.BytesIO(made)).pages
    return {
        str(font.get_object()["/BaseFont"]).partition("+")[2].partition("-")[0]
        for page in pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }


def paper(name: str) -> bytes:
    return paper_pdf(Paper(name, (Prose(name), Grid(("Name",), ((name,),)))), DAY)


@pytest.mark.parametrize("script", NAMES)
def test_a_name_in_another_script_is_set_in_a_font_that_has_it(script: str) -> None:
    name, font = NAMES[script]
    for made in (paper(name), letter_pdf(Letter(name, name, "9 March", address=(name,)), DAY)):
        assert any(found.startswith(font) for found in fonts_in(made)), fonts_in(made)
        assert len(fonts_in(made)) <= 3


@pytest.mark.parametrize("name", USUAL)
def test_usual_scripts_need_no_other_font(name: str) -> None:
    assert fonts_in(paper(name)) == {"LiberationSans"}


def test_chinese_is_read_back_as_it_was_written() -> None:
    text = PdfReader(io.BytesIO(paper(NAMES["Chinese"][0]))).pages[0].extract_text()
    assert text.count(NAMES["Chinese"][0]) == 3


def test_half_a_letter_is_no_fault() -> None:
    assert paper("damaged \ud800 name").startswith(b"%PDF-")


def test_the_fonts_are_there() -> None:
    families = set(fonts_of_all_scripts().families())
    assert families >= {"Liberation Sans", "Noto Sans Arabic", "Noto Sans CJK SC", "Noto Sans CJK JP"}
