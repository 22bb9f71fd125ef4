"""What a mapping makes of a row before its fields are read: which rows count, joined keys, signs, days to add. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from app.integrations.errors import ImportFileRefused
from app.integrations.import_fields import KindFields
from app.integrations.import_mapping import JOIN, ImportMapping

_DAYS = re.compile(r"-?[0-9]{1,5}(\.0+)?", re.ASCII)
_TIME = re.compile(r"[ T][0-9:.]+( ?[AP]M)?$", re.ASCII)
Test = Callable[[str], bool]


@dataclass(slots=True)
class Derivation:
    """The derived parts of a mapping, by place in the row."""

    tests: list[tuple[int, list[Test]]] = field(default_factory=list)
    joined: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # field, columns
    absolute: list[int] = field(default_factory=list)
    add_days: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # field, columns of the days
    fallback: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # field, columns
    less: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # field, column of what is taken off
    empty: frozenset[str] = frozenset()
    formats: tuple[str, ...] = ()
    blank_when: list[tuple[int, list[tuple[int, list[Test]]]]] = field(default_factory=list)

    def counts(self, cells: list[str]) -> bool:
        """Whether every column has a text that is asked for."""
        return all(any(test(self._cell(cells, column)) for test in tests) for column, tests in self.tests)

    def _cell(self, cells: list[str], column: int) -> str:
        """The trimmed text of a cell; nothing where the text means nothing."""
        text = cells[column].strip()
        return "" if text in self.empty else text

    def derive(self, cells: list[str], fields: list[str]) -> None:
        """Change the fields in place."""
        for index, columns in self.joined:
            parts = [self._cell(cells, column) for column in columns]
            fields[index] = JOIN.join(parts) if any(parts) else ""
        if self.empty:
            for index, text in enumerate(fields):
                if text in self.empty or (text and _TIME.sub("", text) in self.empty):
                    fields[index] = ""
        for index, conditions in self.blank_when:
            if any(any(test(self._cell(cells, column)) for test in tests) for column, tests in conditions):
                fields[index] = ""
        for index, columns in self.less:
            for column in columns:
                fields[index] = _less(fields[index], self._cell(cells, column))
        for index in self.absolute:
            fields[index] = _without_sign(fields[index])
        for index, columns in self.fallback:
            if not fields[index]:
                fields[index] = next((text for column in columns if (text := self._cell(cells, column))), "")
        for index, columns in self.add_days:
            days = (self._cell(cells, column) for column in columns)
            fields[index] = self._later(fields[index], next((text for text in days if _sign(text)), "0"))

    def _later(self, text: str, days: str) -> str:
        """The day so many days later, in the first of the file's forms; the text itself when it is none."""
        if not text or not _DAYS.fullmatch(days):
            return text
        plain = _TIME.sub("", text)
        for form in self.formats:
            try:
                found = datetime.strptime(plain, form).date()  # noqa: DTZ007 - a day without a clock
                return _shown(found + timedelta(days=int(days.partition(".")[0])), form)
            except (ValueError, OverflowError):
                continue
        return text


def derivation(header: list[str], mapping: ImportMapping, known: KindFields) -> Derivation | None:
    """The derived parts, or None where the mapping has none. Raises ImportFileRefused for a header that is missing."""
    given = (mapping.joined, mapping.where, mapping.empty, mapping.absolute, mapping.add_days, mapping.blank_when)
    if not any(given) and not mapping.fallback and not mapping.less:
        return None
    return Derivation(
        tests=_tests(header, mapping.where),
        joined=_places(header, mapping.joined, known),
        absolute=[known.names.index(name) for name in mapping.absolute],
        add_days=_places(header, mapping.add_days, known),
        fallback=_places(header, mapping.fallback, known),
        less=_places(header, {name: (title,) for name, title in mapping.less.items()}, known),
        empty=mapping.empty,
        formats=mapping.format.date_formats,
        blank_when=[(known.names.index(name), _tests(header, texts)) for name, texts in mapping.blank_when.items()],
    )


def fitted(header: list[str], mapping: ImportMapping) -> ImportMapping:
    """The mapping without what names columns that the file lacks, where it says that they are optional."""
    if not mapping.optional_columns:
        return mapping
    there = {title.strip() for title in header}
    return replace(
        mapping,
        columns={name: title for name, title in mapping.columns.items() if title.strip() in there},
        where={title: texts for title, texts in mapping.where.items() if title.strip() in there},
        add_days=_present(mapping.add_days, there),
        fallback=_present(mapping.fallback, there),
        less={name: title for name, title in mapping.less.items() if title.strip() in there},
        blank_when={
            name: {title: texts for title, texts in conditions.items() if title.strip() in there}
            for name, conditions in mapping.blank_when.items()
        },
    )


def _present(columns: Mapping[str, tuple[str, ...]], there: set[str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(title for title in titles if title.strip() in there) for name, titles in columns.items()}


def _tests(header: list[str], wanted: Mapping[str, tuple[str, ...]]) -> list[tuple[int, list[Test]]]:
    return [(_column(header, name), [_test(text) for text in texts]) for name, texts in wanted.items()]


def _places(
    header: list[str], joined: Mapping[str, tuple[str, ...]], known: KindFields
) -> list[tuple[int, tuple[int, ...]]]:
    return [
        (known.names.index(name), tuple(_column(header, title) for title in titles)) for name, titles in joined.items()
    ]


def _column(header: list[str], title: str) -> int:
    if header.count(title.strip()) != 1:
        detail = f"the file has no column {title[:60]!r}, or several, which the mapping names"
        raise ImportFileRefused("import.header_unknown", detail, line=1)
    return header.index(title.strip())


def _test(text: str) -> Test:
    """`<0`, `>0`, `=0` compare numbers; `!text` is anything else; otherwise the text itself."""
    if text in ("<0", ">0", "=0"):
        sign = {"<0": -1, ">0": 1, "=0": 0}[text]
        return lambda found: _sign(found) == sign
    if text.startswith("!"):
        return lambda found: found != text[1:]
    return lambda found: found == text


def _without_sign(text: str) -> str:
    """The number without its minus, before it or (as SAP writes it) behind it, or in brackets."""
    if text[:1] == "(" and text[-1:] == ")":
        return text[1:-1]
    return text[1:] if text[:1] == "-" else text[:-1] if text[-1:] == "-" else text


def _less(text: str, other: str) -> str:
    """The plain number less another one; the text itself where one of them is none."""
    try:
        return str(Decimal(text) - Decimal(other)) if text and other else text
    except InvalidOperation:
        return text


def _sign(text: str) -> int | None:
    plain = _without_sign(text)
    plain = ("" if plain == text else "-") + plain.lstrip("$€£¥ ").replace(",", "")
    try:
        number = Decimal(plain or "0")
    except InvalidOperation:
        return None
    return None if number.is_nan() else (number > 0) - (number < 0)


def _shown(day: date, form: str) -> str:
    """The day in this form; years before 1000 keep their zeros."""
    return (
        form.replace("%Y", f"{day.year:04}")
        .replace("%m", f"{day.month:02}")
        .replace("%d", f"{day.day:02}")
        .replace("%y", f"{day.year % 100:02}")
    )
