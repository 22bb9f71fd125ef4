"""Lists by cursor: stable order, `limit` ≤ 200, a cursor that only fits the list and filters it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, Select, and_, or_

from app.core.errors import RuleViolation
from app.infra.database import ReadSession

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
CURSOR_LENGTH_LIMIT = 1024
Item = TypeVar("Item")


class CursorInvalid(RuleViolation):
    """The cursor is damaged, or belongs to another list, order or filter."""

    code = "cursor_invalid"


class SortInvalid(RuleViolation):
    """The list cannot be sorted by that field."""

    code = "sort_invalid"


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    data: list[Item]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the caller asked of a list."""

    limit: int
    cursor: str | None
    sort: str | None
    scope: str  # path and filters: a cursor of another list does not fit

    def after(self, keys: int, sort: str) -> list[Any] | None:
        """The sort values behind which this page starts, or None for the first page. Raises CursorInvalid."""
        if self.cursor is None:
            return None
        try:
            raw = json.loads(base64.urlsafe_b64decode(self.cursor.encode("ascii") + b"=" * (-len(self.cursor) % 4)))
            scope, values = raw["s"], raw["v"]
        except (ValueError, KeyError, TypeError, UnicodeEncodeError, binascii.Error):
            raise CursorInvalid("the cursor is damaged", pointer="/query/cursor") from None
        if scope != self._digest(sort) or not isinstance(values, list) or len(values) != keys:
            raise CursorInvalid("the cursor belongs to another list, order or filter", pointer="/query/cursor")
        return values

    def next_cursor(self, values: Sequence[object], sort: str) -> str:
        """The cursor behind these sort values."""
        raw = json.dumps({"s": self._digest(sort), "v": [_plain(value) for value in values]}, separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    def _digest(self, sort: str) -> str:
        return hashlib.sha256(f"{self.scope}|{sort}".encode()).hexdigest()[:16]


def page_request(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Rows on a page")] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=CURSOR_LENGTH_LIMIT, description="`next_cursor` of a page")] = None,
    sort: Annotated[str | None, Query(max_length=64, description="A field, with `-` in front for descending")] = None,
) -> PageRequest:
    """Dependency of every list."""
    filters = sorted((k, v) for k, v in request.query_params.multi_items() if k not in ("limit", "cursor", "sort"))
    return PageRequest(limit, cursor, sort, f"{request.url.path}?{filters}")


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column of the order, how to read its value from a cursor, and the direction."""

    column: Any  # a mapped attribute or column expression
    parse: Callable[[Any], Any]
    descending: bool = False


def choose_sort(
    page: PageRequest, allowed: Mapping[str, tuple[SortKey, ...]], default: str
) -> tuple[str, Sequence[SortKey]]:
    """The sort keys for `?sort=`: `allowed` names ascending orders; `-name` turns every key. Raises SortInvalid."""
    wanted = page.sort or default
    keys = allowed.get(wanted.removeprefix("-"))
    if keys is None:
        names = ", ".join(sorted(allowed))
        raise SortInvalid(f"sort by one of {names}, with - in front for descending", pointer="/query/sort")
    if wanted.startswith("-"):
        keys = tuple(SortKey(key.column, key.parse, not key.descending) for key in keys)
    return wanted, keys


async def fetch_page(
    session: ReadSession, statement: Select[Any], page: PageRequest, keys: Sequence[SortKey], sort: str = ""
) -> tuple[list[Row[Any]], str | None]:
    """Rows of this page in the order of `keys` (the last must be unique), and the next cursor or None.

    The statement must select the key columns last, in order, labelled freely: their values make the cursor.
    """
    after = page.after(len(keys), sort)
    if after is not None:
        statement = statement.where(_behind(keys, after))
    order = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    statement = statement.add_columns(*[key.column for key in keys]).order_by(*order).limit(page.limit + 1)
    rows = list((await session.execute(statement)).all())
    if len(rows) <= page.limit:
        return rows, None
    last = rows[page.limit - 1]
    return rows[: page.limit], page.next_cursor(list(last[-len(keys) :]), sort)


def _behind(keys: Sequence[SortKey], values: list[Any]) -> ColumnElement[bool]:
    try:
        parsed = [key.parse(value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError, AttributeError):
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor") from None
    branches = []
    for index, key in enumerate(keys):
        equal = [other.column == parsed[i] for i, other in enumerate(keys[:index])]
        past = key.column < parsed[index] if key.descending else key.column > parsed[index]
        branches.append(and_(*equal, past))
    return or_(*branches)


def _plain(value: object) -> object:
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value
