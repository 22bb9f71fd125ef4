"""Columns and rows of tables measured beforehand: what is said to fit fits, and nothing is cut off."""

from __future__ import annotations

import io
from datetime import date

import pytest
from pypdf import PdfReader

from app.infra.rendering.papers import Grid, Paper, paper_pdf
from app.infra.rendering.text_widths import AIR_POINTS, breakable, column_widths, lines_of, text_em

DAY = date(2026, 3, 9)


def test_shares_get_what_the_texts_leave() -> None:
    widths = column_widths([("a", "1,234.56"), ("b", "9")], (1, 0), (), 8, 200, 3)
    assert widths is not None
    assert widths[1] == pytest.approx(text_em("1,234.56") * 8 + 6 + AIR_POINTS)
    assert sum(widths) == pytest.approx(200)


def test_what_does_not_fit_is_left_to_the_typesetter() -> None:
    assert column_widths([("x" * 200, "y")], (0, 1), (), 8, 200, 3) is None
    assert lines_of(("a rather long text that has to be broken",), (50.0,), 8, 3, bold=False) is None
    assert lines_of(("one\ntwo\nthree", "x"), (50.0, 20.0), 8, 3, bold=False) == 3


def test_bold_and_unknown_letters_take_more_room() -> None:
    assert text_em("Summe", bold=True) > text_em("Summe")
    assert text_em("é") == text_em("e")
    assert text_em("1") == text_em("8"), "figures stand below each other"
    assert text_em("Привет Αθήνα") < 8, "the font itself has them"
    assert text_em("請求書") > 3


@pytest.mark.parametrize("amount", ["1.234.567,89", "WWWWWWWWWWWW", "mmmmmmmmmm", "ÀÉÎÕÜ ÀÉÎÕÜ", "0000000000000000"])
def test_a_measured_cell_stays_on_one_line(amount: str) -> None:
    """A text wider than its column would be broken, and come back in two parts."""
    rows = tuple((f"row {number}", amount) for number in range(3))
    made = paper_pdf(Paper("Title", (Grid(("name", "amount"), rows, widths=(1, 0), right=(1,), bold=(1,)),)), DAY)
    text = PdfReader(io.BytesIO(made)).pages[0].extract_text()
    assert text.count(amount) == 3


def test_a_number_that_is_longer_than_its_column_is_broken() -> None:
    """It would be drawn over what stands beside it."""
    number = "RE" + "0123456789" * 6
    assert breakable("short", 10) == "short"
    assert breakable(f"of {number}", 10) == "of " + "\u200b".join(number)
    rows = ((number, "1,234.56"), ("RE-2", "9.99"))
    made = paper_pdf(Paper("Title", (Grid(("number", "a" * 60), rows, widths=(1, 0), right=(1,)),)), DAY)
    lines = PdfReader(io.BytesIO(made)).pages[0].extract_text().replace("\u200b", "").splitlines()
    assert not any(number in line for line in lines)
    assert number in "".join(line.partition(" ")[0] for line in lines)
