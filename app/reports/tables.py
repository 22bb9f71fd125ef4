"""What a report looks like, whatever it is about: tables of typed cells that JSON, CSV, XLSX and PDF all are made from.

Pure: a service builds a `Report`, a writer renders it. A cell's Python type follows from the kind of its column:

| kind | cell | shown |
| --- | --- | --- |
| text | str | as it is |
| money | int, minor units of the currency in the row's `currency_column` | `"1250.00"`; a real number in XLSX |
| count | int | 1,234 |
| rate | Decimal, a share: 0.25 is 25 % | JSON `"0.2500"`; 25.00 % on paper |
| ratio | Decimal, a plain number: turnover 4.2, CEI 87.5 | `"4.20"` |
| days | Decimal or int, days | `"45.2"` |
| date | date | ISO in JSON; a real date in XLSX |

Every cell may be None: a figure whose denominator is zero, a group without a name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, overload

Kind = Literal["text", "money", "count", "rate", "ratio", "days", "date"]
Cell = str | int | Decimal | date | None
Row = tuple[Cell, ...]
Chunks = AsyncIterator[Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `name` is its key in JSON, `title` its heading; `places` decimals of a rate, ratio or days.

    `internal` columns (ids) are in JSON and CSV and not on paper.
    """

    name: str
    kind: Kind = "text"
    title: str = ""
    places: int = 4
    currency_column: str = "currency"
    internal: bool = False

    @property
    def heading(self) -> str:
        """The title, or the name in words."""
        return self.title or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Chart:
    """A hint how to draw a table: one mark for each row and series, rows named by the column `category`.

    With `split_by`, one chart for each value of that column, as currencies are never drawn on one scale. With
    `lines_by` (columns, the first that is filled names the line), each group has a line of the first series in it.
    """

    kind: Literal["bar", "stacked_bar", "line"]
    category: str
    series: tuple[str, ...]
    title: str = ""
    split_by: str | None = None
    lines_by: tuple[str, ...] = ()


class LazyRows(Sequence[Row]):
    """Rows that are made when they are looked at, of things that take less memory: a long table is read piece by piece.

    `make` gives the row of one thing, always the same.
    """

    __slots__ = ("_make", "_things")

    def __init__(self, things: Sequence[Any], make: Callable[[Any], Row]) -> None:
        self._things = things
        self._make = make

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._make(thing) for thing in self._things[index]]
        return self._make(self._things[index])

    def __iter__(self) -> Iterator[Row]:
        return map(self._make, self._things)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows in their order, each a tuple in the order of `columns`; `totals` in the same shape (one for each currency).

    `has_more` says that `rows` is one page and more follow. A table too long for memory has no `rows` and a `stream`:
    called, it opens a snapshot of its own and yields pieces of some hundred rows.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Row] = ()
    totals: Sequence[Row] = ()
    chart: Chart | None = None
    has_more: bool = False
    stream: Callable[[], Chunks] | None = None

    def column(self, name: str) -> int:
        """The position of a column. Raises KeyError."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Report:
    """A report of one snapshot: the first table is the report itself, further ones explain it (series, inputs, detail).

    `parameters` is what was asked for, in words, in the order to be shown. `notes` are sentences a reader must know:
    which attributes are those of today, which currencies had no rate.
    """

    name: str  # as in its address: "dso", "roll-rates"
    title: str
    as_of: date
    known_at: datetime | None
    parameters: Mapping[str, str]
    tables: tuple[ReportTable, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def main(self) -> ReportTable:
        """The table that is paged in JSON and that CSV holds."""
        return self.tables[0]
