"""Rows of files: quotes, lines, encodings, and what JSON may hold."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.errors import ImportFileRefused
from app.integrations.import_fields import ACCOUNTS
from app.integrations.import_mapping import ImportMapping, TextFormat
from app.integrations.row_source import BLOCK_BYTES, CsvRows, NdjsonRows, RowShape

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS).filter(lambda row: any(row)), max_size=20), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    found = list(CsvRows(io.BytesIO(buffer.getvalue().encode()), TextFormat(delimiter=delimiter)))
    assert [tuple(row.cells) for row in found] == rows
    assert all(row.fault is None for row in found)
    assert all(row.suspicious for row in found if any("\n" in cell for cell in row.cells))


def test_lines_are_numbered_as_an_editor_shows_them() -> None:
    content = 'a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n3\r\n'
    rows = list(CsvRows(io.BytesIO(content.encode()), TextFormat()))
    assert [(row.line, row.fault and row.fault.code) for row in rows] == [
        (2, None), (5, None), (6, "import.cells_differ"),
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "latin-1"])
def test_characters_that_a_block_cuts_are_whole(encoding: str) -> None:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    content = "name\n" + "\n".join(["ü" * 9] * 60_000)
    rows = list(CsvRows(io.BytesIO(content.encode(codec)), TextFormat(encoding=encoding)))
    assert {row.cells[0] for row in rows} == {"ü" * 9}
    assert len(rows) == 60_000


def test_the_byte_of_a_wrong_character_is_counted_across_blocks() -> None:
    good = b"name\n" + b"abc\n" * BLOCK_BYTES
    with pytest.raises(ImportFileRefused) as refused:
        CsvRows(io.BytesIO(good + b"\xff"), TextFormat()).scan()
    assert refused.value.facts["byte"] == len(good)
    cut = b"name\n" + "ü".encode()[:1]
    with pytest.raises(ImportFileRefused) as refused:
        CsvRows(io.BytesIO(cut), TextFormat()).scan()
    assert refused.value.facts["byte"] == 5


def test_odd_characters_make_a_row_suspicious_also_when_its_line_began_in_the_block_before() -> None:
    filler = "\n".join(["x" * 15] * (BLOCK_BYTES // 16 - 1))
    content = f"name\n{filler}\nab\x07{'c' * 40}\nlast\n"
    assert content.index("\x07") < BLOCK_BYTES < content.index("last")
    rows = list(CsvRows(io.BytesIO(content.encode()), TextFormat()))
    assert next(row for row in rows if "\x07" in row.cells[0]).suspicious


def test_json_numbers_keep_their_digits() -> None:
    lines = b'{"number": 1.10, "name": true, "currency": null}\n{"number": 123456789012345678901234567890}\n'
    rows = list(NdjsonRows(io.BytesIO(lines), TextFormat(), ["number", "name", "currency"], closed=True))
    assert [row.cells for row in rows] == [["1.10", "true", ""], ["123456789012345678901234567890", "", ""]]


def test_fields_are_picked_trimmed_and_translated() -> None:
    mapping = ImportMapping(
        columns={"number": "No", "name": "Label"}, constants={"currency": "EUR"}, values={"name": {"x": "Example"}}
    )
    shape = RowShape(["Other", "No", "Label"], mapping, ACCOUNTS)
    texts = dict(zip(ACCOUNTS.names, shape.texts(["?", " 7 ", "x"]), strict=True))
    assert (texts["number"], texts["name"], texts["currency"], texts["country"]) == ("7", "Example", "EUR", "")
    assert shape.given == {"number", "name", "currency"}
