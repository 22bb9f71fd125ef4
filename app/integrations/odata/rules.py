"""The query language of OData v4, as far as spreadsheets and reporting programs use it: `$filter` to SQL. Pure.

Source: OData Version 4.01, Part 2: URL Conventions, section 5.1.1. What is not here is refused by name.
The one library on the package index is a source archive whose own parser generator must be built at installation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from app.core.errors import RuleViolation

EdmType = Literal["Edm.String", "Edm.Guid", "Edm.Date", "Edm.DateTimeOffset", "Edm.Decimal", "Edm.Int64", "Edm.Boolean"]
FILTER_LENGTH_MAX = 4_000
DEPTH_MAX = 32
TERMS_MAX = 200
ORDER_MAX = 5
_CASTS: dict[str, str] = {
    "Edm.String": "text", "Edm.Guid": "uuid", "Edm.Date": "date", "Edm.DateTimeOffset": "timestamptz",
    "Edm.Decimal": "numeric", "Edm.Int64": "bigint", "Edm.Boolean": "boolean",
}  # fmt: skip
_COMPARE = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d{1,30}(?:\.\d{1,12})?)(?![\w.])"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]{0,63})"
    r"|(?P<mark>[(),]))",
    re.ASCII,
)
_TEXT_FUNCTIONS = {"contains": "strpos({0}, {1}) > 0", "startswith": "starts_with({0}, {1})",
                   "endswith": "right({0}, length({1})) = {1}"}  # fmt: skip
_CASES = {"tolower": "lower({0})", "toupper": "upper({0})", "trim": "btrim({0})"}
_PARTS = {"year": "year", "month": "month", "day": "day"}


class QueryInvalid(RuleViolation):
    """A query option of OData that is malformed, or not supported."""

    code = "odata.query_invalid"


@dataclass(frozen=True, slots=True)
class Property:
    """A column of a feed: its name, type, and the SQL expression behind it."""

    name: str
    type: EdmType
    sql: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Operand:
    """SQL of one side of a comparison. `type` None: null."""

    sql: str
    type: EdmType | None
    is_literal: bool = False


@dataclass(slots=True)
class Filter:
    """A condition in SQL, and its arguments from number `first` on."""

    sql: str
    arguments: list[Any]


@dataclass(slots=True)
class _Token:
    kind: str
    text: str


@dataclass(slots=True)
class _Parser:
    tokens: list[_Token]
    properties: Mapping[str, Property]
    first: int
    arguments: list[Any] = field(default_factory=list)
    at: int = 0
    depth: int = 0
    terms: int = 0

    def peek(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].text == text

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            raise _refuse(f"{text!r} is expected{self.where()}")

    def where(self) -> str:
        return f" before {self.tokens[self.at].text[:40]!r}" if self.at < len(self.tokens) else " at the end"

    def condition(self) -> str:
        parts = [self.conjunction()]
        while self.take("or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"

    def conjunction(self) -> str:
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else "(" + " AND ".join(parts) + ")"

    def negation(self) -> str:
        with _deeper(self):
            if self.take("not"):
                return f"(NOT coalesce({self.negation()}, false))"
            return self.term()

    def term(self) -> str:
        self.terms += 1
        if self.terms > TERMS_MAX:
            raise _refuse(f"more than {TERMS_MAX} terms")
        if self.take("("):
            with _deeper(self):
                found = self.condition()
            self.need(")")
            return found
        if self.at < len(self.tokens) and self.tokens[self.at].text in _TEXT_FUNCTIONS:
            return self.text_function()
        left = self.operand()
        if left.type == "Edm.Boolean" and not (self.at < len(self.tokens) and self.tokens[self.at].text in _COMPARE):
            return left.sql
        if self.take("in"):
            return self.membership(left)
        if self.at >= len(self.tokens) or self.tokens[self.at].text not in _COMPARE:
            raise _refuse(f"a comparison (eq, ne, gt, ge, lt, le, in) is expected{self.where()}")
        operator = self.tokens[self.at].text
        self.at += 1
        return _compare(left, operator, self.operand(like=left))

    def text_function(self) -> str:
        name = self.tokens[self.at].text
        self.at += 1
        self.need("(")
        first = self.operand()
        self.need(",")
        second = self.operand()
        self.need(")")
        if first.type != "Edm.String" or second.type != "Edm.String":
            raise _refuse(f"{name} takes two texts")
        found = _TEXT_FUNCTIONS[name].format(first.sql, second.sql)
        if self.at + 1 < len(self.tokens) and self.peek("eq") and self.tokens[self.at + 1].text in ("true", "false"):
            wanted = self.tokens[self.at + 1].text
            self.at += 2
            return f"(({found}) = {wanted})"
        return f"({found})"

    def membership(self, left: Operand) -> str:
        self.need("(")
        choices = [self.operand(like=left)]
        while self.take(","):
            choices.append(self.operand(like=left))
            if len(choices) > TERMS_MAX:
                raise _refuse(f"more than {TERMS_MAX} values")
        self.need(")")
        return "(" + " OR ".join(_compare(left, "eq", choice) for choice in choices) + ")"

    def operand(self, like: Operand | None = None) -> Operand:
        if self.at >= len(self.tokens):
            raise _refuse("the filter ends too early")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "word":
            return self.named(token.text)
        if token.kind == "mark":
            raise _refuse(f"a property or a value is expected before {token.text!r}")
        return self.literal(token, like)

    def named(self, name: str) -> Operand:
        if name == "null":
            return Operand("NULL", None, is_literal=True)
        if name in ("true", "false"):
            return Operand(name, "Edm.Boolean", is_literal=True)
        if name in _CASES or name in _PARTS:
            with _deeper(self):
                self.need("(")
                inner = self.operand()
                self.need(")")
            return _applied(name, inner)
        found = self.properties.get(name)
        if found is None:
            raise _refuse(f"{name[:64]!r} is not a property of this feed, or a function that is not supported")
        return Operand(found.sql, found.type)

    def literal(self, token: _Token, like: Operand | None) -> Operand:
        kind, value = _value(token, None if like is None else like.type)
        self.arguments.append(value)
        number = self.first + len(self.arguments) - 1
        return Operand(f"${number}::{_CASTS[kind]}", kind, is_literal=True)


class _deeper:  # noqa: N801 - reads as a statement
    def __init__(self, parser: _Parser) -> None:
        self._parser = parser

    def __enter__(self) -> None:
        self._parser.depth += 1
        if self._parser.depth > DEPTH_MAX:
            raise _refuse(f"more than {DEPTH_MAX} levels")

    def __exit__(self, *_: object) -> None:
        self._parser.depth -= 1


def parse_filter(text: str, properties: Mapping[str, Property], *, first: int) -> Filter:
    """The condition of `$filter`; arguments are numbered from `first`. Raises QueryInvalid."""
    if len(text) > FILTER_LENGTH_MAX:
        raise _refuse(f"longer than {FILTER_LENGTH_MAX} characters")
    parser = _Parser(list(_tokens(text)), properties, first)
    if not parser.tokens:
        raise _refuse("the filter is empty")
    sql = parser.condition()
    if parser.at != len(parser.tokens):
        raise _refuse(f"the filter does not end{parser.where()}")
    return Filter(sql, parser.arguments)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if not text[at:].strip():
            return
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _refuse(f"{text[at : at + 20]!r} cannot be read")
        yield _Token(found.lastgroup, found.group(found.lastgroup))
        at = found.end()


def _value(token: _Token, wanted: EdmType | None) -> tuple[EdmType, Any]:
    text = token.text
    try:
        if token.kind == "string":
            plain = text[1:-1].replace("''", "'")
            if "\x00" in plain or any("\ud800" <= c <= "\udfff" for c in plain):
                raise ValueError
            return "Edm.String", plain
        if token.kind == "guid":
            return "Edm.Guid", UUID(text)
        if token.kind == "instant":
            # Of seven digits, as some programs write them, six are kept.
            return "Edm.DateTimeOffset", datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).astimezone(UTC)
        if token.kind == "date":
            day = date.fromisoformat(text)
            if wanted == "Edm.DateTimeOffset":
                return wanted, datetime(day.year, day.month, day.day, tzinfo=UTC)
            return "Edm.Date", day
        if wanted == "Edm.Int64" and "." not in text and abs(int(text)) < 2**63:
            return wanted, int(text)
        return "Edm.Decimal", Decimal(text)
    except (ValueError, OverflowError):
        raise _refuse(f"{text[:40]!r} is not a value") from None


def _applied(name: str, inner: Operand) -> Operand:
    if name in _CASES:
        if inner.type != "Edm.String":
            raise _refuse(f"{name} takes a text")
        return Operand(_CASES[name].format(inner.sql), "Edm.String")
    if inner.type not in ("Edm.Date", "Edm.DateTimeOffset"):
        raise _refuse(f"{name} takes a date")
    at = f"({inner.sql}) AT TIME ZONE 'UTC'" if inner.type == "Edm.DateTimeOffset" else inner.sql
    return Operand(f"extract({name} FROM {at})::bigint", "Edm.Int64")


def _compare(left: Operand, operator: str, right: Operand) -> str:
    if left.type is None and right.type is not None:
        left, right = right, left
    if right.type is None:
        if operator not in ("eq", "ne") or left.type is None:
            raise _refuse("null is compared by eq and ne")
        return f"({left.sql} IS {'NOT ' if operator == 'ne' else ''}NULL)"
    if not _fit(left.type, right.type):
        raise _refuse(f"a value of {left.type} is not compared with one of {right.type}")
    if operator == "ne":
        return f"({left.sql} IS DISTINCT FROM {right.sql})"
    return f"({left.sql} {_COMPARE[operator]} {right.sql})"


def _fit(left: EdmType | None, right: EdmType | None) -> bool:
    numbers, days = {"Edm.Decimal", "Edm.Int64"}, {"Edm.Date", "Edm.DateTimeOffset"}
    return left == right or {left, right} <= numbers or {left, right} <= days


def parse_order(text: str, properties: Mapping[str, Property]) -> list[tuple[Property, bool]]:
    """Properties of `$orderby`, each with whether it is descending. Raises QueryInvalid."""
    found: list[tuple[Property, bool]] = []
    for part in text.split(","):
        words = part.split()
        if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise QueryInvalid(f"$orderby: {part.strip()[:64]!r} is not a property with asc or desc",
                               pointer="/query/$orderby")  # fmt: skip
        found.append((named_property(words[0], properties, "$orderby"), words[-1] == "desc"))
    if len(found) > ORDER_MAX:
        raise QueryInvalid(f"$orderby: at most {ORDER_MAX} properties", pointer="/query/$orderby")
    return found


def parse_select(text: str, properties: Mapping[str, Property]) -> list[Property]:
    """Properties of `$select` in the order of the feed. Raises QueryInvalid."""
    names = {part.strip() for part in text.split(",")}
    if "*" in names:
        return list(properties.values())
    for name in sorted(names):
        named_property(name, properties, "$select")
    return [found for name, found in properties.items() if name in names]


def named_property(name: str, properties: Mapping[str, Property], option: str) -> Property:
    """The property of that name. Raises QueryInvalid."""
    found = properties.get(name)
    if found is None:
        raise QueryInvalid(f"{option}: {name[:64]!r} is not a property of this feed", pointer=f"/query/{option}")
    return found


def _refuse(detail: str) -> QueryInvalid:
    return QueryInvalid(f"$filter: {detail}", pointer="/query/$filter")
