"""One cell in each of its forms: for programs (JSON, CSV), for people (paper), and how a workbook formats it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from app.core.money import exponent, to_text
from app.reports.tables import Cell, Column, ReportTable, Row

RIGHT = frozenset({"money", "count", "rate", "ratio", "days"})
"""Kinds that are aligned to the right."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The columns of a table with the place of their currency, found once."""

    table: ReportTable
    columns: tuple[Column, ...]
    positions: tuple[int, ...]
    currencies: tuple[int | None, ...]

    @classmethod
    def of(cls, table: ReportTable, *, internal: bool) -> Reader:
        """All columns, or only those that people are shown."""
        shown = [(place, column) for place, column in enumerate(table.columns) if internal or not column.internal]
        return cls(
            table,
            tuple(column for _, column in shown),
            tuple(place for place, _ in shown),
            tuple(table.column(column.currency_column) if column.kind == "money" else None for _, column in shown),
        )

    def cells(self, row: Row) -> list[tuple[Column, Cell, str | None]]:
        """The cells of a row, each with its column and, for money, the currency."""
        return [
            (column, row[place], None if currency is None else _code(row[currency]))
            for column, place, currency in zip(self.columns, self.positions, self.currencies, strict=True)
        ]


def _code(cell: Cell) -> str | None:
    return cell if isinstance(cell, str) else None


def plain(column: Column, cell: Cell, currency: str | None) -> str | int | None:
    """For programs: amounts, shares and days as decimal text, counts as numbers, dates as ISO."""
    if cell is None:
        return None
    if column.kind == "money":
        assert isinstance(cell, int)
        # An amount without a currency is a sum over nothing: a row that names none has no amounts.
        return None if currency is None else to_text(cell, currency)
    if isinstance(cell, Decimal):
        return f"{cell:.{column.places}f}"
    if isinstance(cell, date):
        return cell.isoformat()
    return cell


def shown(column: Column, cell: Cell, currency: str | None) -> str:
    """For people: thousands are set off, a share is a percentage; nothing where there is no figure."""
    if cell is None:
        return ""
    if column.kind == "money":
        assert isinstance(cell, int)
        return "" if currency is None else f"{Decimal(to_text(cell, currency)):,}"
    if column.kind == "rate":
        assert isinstance(cell, Decimal)
        return f"{cell * 100:,.{max(column.places - 2, 0)}f} %"
    if isinstance(cell, Decimal):
        return f"{cell:,.{column.places}f}"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell


@lru_cache(maxsize=256)
def number_format(kind: str, places: int, currency: str | None) -> str:
    """The number format of a workbook's cell; the places of money are those of its currency."""
    if kind == "money":
        decimals = 2 if currency is None else exponent(currency)
        return "#,##0" + ("." + "0" * decimals if decimals else "")
    if kind == "rate":
        decimals = max(places - 2, 0)
        return "0" + ("." + "0" * decimals if decimals else "") + "%"
    if kind in ("ratio", "days"):
        return "#,##0" + ("." + "0" * places if places else "")
    if kind == "count":
        return "#,##0"
    if kind == "date":
        return "yyyy-mm-dd"
    return ""


_EPOCH = date(1899, 12, 30).toordinal()  # day 0 of a workbook's calendar, as it counts from March 1900 on


def day_number(day: date) -> int:
    """The number under which a workbook keeps a day."""
    return day.toordinal() - _EPOCH


def number_text(column: Column, cell: Cell, currency: str | None) -> str | None:
    """The digits of a number or date as a workbook keeps them, exact to the last place; None for texts and nothing."""
    if cell is None or isinstance(cell, str):
        return None
    if column.kind == "money":
        assert isinstance(cell, int)
        return None if currency is None else to_text(cell, currency)
    if isinstance(cell, date):
        return str(day_number(cell))
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)
