"""The quick way to a line of CSV gives the same texts as the plain one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.infra.rendering.csv_text import safe_cell
from app.reports.output.cells import Reader, plain
from app.reports.output.csv_rows import csv_encoders
from app.reports.tables import Column, ReportTable, Row

COLUMNS = (
    Column("name"), Column("amount", "money"), Column("currency"), Column("items", "count"), Column("share", "rate"),
    Column("late", "days", places=2), Column("day", "date"), Column("score", "ratio", places=1),
)  # fmt: skip
ROWS: tuple[Row, ...] = (
    ("=1+1", 5, "EUR", 3, Decimal("0.25"), Decimal("-3.5"), date(2026, 2, 28), Decimal("12")),
    ("-12.50", -5, "EUR", 0, Decimal("-0.12345"), 17, date(1999, 12, 31), Decimal("-0.04")),
    ("-x", -123456, "JPY", -1, None, None, None, None),
    ("+49", 123456789, "KWD", None, Decimal(1), 0, date(2026, 1, 1), Decimal("1E+3")),
    (None, 7, None, 1, Decimal(0), 1, None, None),
    ('a, "b"', None, "EUR", 1, Decimal(0), 1, None, None),
)


def test_every_kind_of_cell() -> None:
    reader = Reader.of(ReportTable("t", "T", COLUMNS), internal=True)
    encoders = csv_encoders(reader)
    for row in ROWS:
        assert [encode(row) for encode in encoders] == [safe_cell(plain(*cell)) for cell in reader.cells(row)]
