"""Names and headings that a spreadsheet accepts of a table."""

from __future__ import annotations

import pytest

from app.reports.output.sheet_tables import TableNames, table_part, unique_headings


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("items", "items"), ("top-offenders", "top_offenders"), ("r", "table_r"), ("R1C1", "table_R1C1"),
        ("b12", "table_b12"), ("2026", "table_2026"), ("", "rows"), ("größe", "gr__e"),
    ],
)  # fmt: skip
def test_a_name_is_no_cell(wanted: str, name: str) -> None:
    assert TableNames().of(wanted) == name


def test_a_name_is_given_once() -> None:
    names = TableNames()
    assert [names.of("series"), names.of("Series"), names.of("series")] == ["series", "Series_2", "series_3"]


def test_headings_are_unique_and_of_one_line() -> None:
    assert unique_headings(["Open", "open", "", "Days\n late", "OPEN"]) == ["Open", "open 2", "Column", "Days late",
                                                                           "OPEN 3"]  # fmt: skip


def test_the_range_holds_header_and_rows() -> None:
    part = table_part("items", [f"c{index}" for index in range(28)], 41)
    assert (part["range"], part["autofilter"], len(part["columns"])) == ("A1:AB42", "A1:AB42", 28)
