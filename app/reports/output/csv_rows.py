"""Rows of a long table as CSV: one function for each column, so that nothing is decided again in each cell.

Each cell has the text that `cells.plain` gives it. Only texts may look like a formula; numbers and days never do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from app.core.money import exponent
from app.infra.rendering.csv_text import safe_cell
from app.reports.output.cells import Reader
from app.reports.tables import Cell, Column, Row

Encode = Callable[[Row], str]


def csv_encoders(reader: Reader) -> list[Encode]:
    """The text of each column's cell in a row."""
    return [
        _encoder(column, position, currency)
        for column, position, currency in zip(reader.columns, reader.positions, reader.currencies, strict=True)
    ]


def _encoder(column: Column, position: int, currency: int | None) -> Encode:
    if column.kind == "money":
        assert currency is not None
        return _money(position, currency)
    return _text(position) if column.kind == "text" else _figure(position, column.places)


def _text(position: int) -> Encode:
    return lambda row: safe_cell(row[position])


def _figure(position: int, places: int) -> Encode:
    def encode(row: Row) -> str:
        cell = row[position]
        if cell is None:
            return ""
        if isinstance(cell, Decimal):
            return f"{cell:.{places}f}"
        return _day(cell) if isinstance(cell, date) else str(cell)

    return encode


@lru_cache(maxsize=4096)
def _day(day: date) -> str:
    return day.isoformat()


def _money(position: int, currency: int) -> Encode:
    known: dict[Cell, int] = {}

    def encode(row: Row) -> str:
        minor, code = row[position], row[currency]
        if minor is None or not isinstance(code, str):
            return ""
        places = known.get(code)
        if places is None:
            places = known[code] = exponent(code)
        digits = str(minor)
        if places:
            sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
            digits = digits.zfill(places + 1)
            digits = f"{sign}{digits[:-places]}.{digits[-places:]}"
        return digits

    return encode
