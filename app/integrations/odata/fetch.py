"""One page of a feed: a statement from the options, JSON made by PostgreSQL, and a token for the page behind it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.integrations.odata.feeds import Feed
from app.integrations.odata.rules import Property, QueryInvalid, parse_filter, parse_order, parse_select

PAGE_ROWS = 5_000
TOP_MAX = 10_000_000
TOKEN_LENGTH_MAX = 400
_FIRST = 5  # arguments $1 to $4 belong to every statement
# Types of the arguments that belong to every statement, whether its feed names them or not.
_SAID = "WITH said AS (SELECT $1::uuid, $2::date, $3::int[], $4::text[])"


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """What a caller asks of a feed; texts as they came."""

    select: str | None = None
    filter: str | None = None
    orderby: str | None = None
    top: int | None = None
    skip: int = 0
    count: bool = False
    skiptoken: str | None = None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Rows as JSON texts joined by commas, how many, all that there are (when asked), and the token of what follows."""

    rows: str
    rows_count: int
    total: int | None
    skiptoken: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: behind this key, or so many rows in; and how many rows the pages before it gave."""

    after: str | None
    offset: int
    given: int


async def fetch_page(session: ReadSession, feed: Feed, query: FeedQuery, today: date, bounds: AgingBounds) -> FeedPage:
    """The page. Without `$orderby` the pages go by the key, so that rows that come meanwhile disturb none.

    Raises QueryInvalid.
    """
    columns = parse_select(query.select, feed.properties) if query.select is not None else list(feed.columns)
    order = parse_order(query.orderby, feed.properties) if query.orderby is not None else []
    arguments: list[Any] = [session.organization_id, today, list(bounds.upper), list(bounds.labels())]
    where = ""
    if query.filter is not None:
        condition = parse_filter(query.filter, feed.properties, first=_FIRST)
        where, arguments = f" AND {condition.sql}", arguments + condition.arguments
    await session.driver.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    total = None
    if query.count:
        counting = f"{_SAID} SELECT count(*) FROM {feed.source}{where}"
        total = int(await session.driver.fetchval(counting, *arguments))
    place = _place(query, by_key=not order)
    wanted = PAGE_ROWS if query.top is None else min(PAGE_ROWS, query.top - place.given)
    if wanted <= 0:
        return FeedPage("", 0, total, None)
    statement = _statement(feed, columns, order, where, place, wanted + 1, arguments)
    rows = await session.driver.fetch(statement, *arguments)
    more = len(rows) > wanted
    rows = rows[:wanted]
    finished = query.top is not None and place.given + len(rows) >= query.top
    token = None if not more or finished else _token(place, rows, by_key=not order)
    return FeedPage(",".join(row[0] for row in rows), len(rows), total, token)


async def count_rows(
    session: ReadSession, feed: Feed, filter_text: str | None, today: date, bounds: AgingBounds
) -> int:
    """How many rows there are. Raises QueryInvalid."""
    page = await fetch_page(session, feed, FeedQuery(filter=filter_text, top=0, count=True), today, bounds)
    return page.total or 0


def _statement(
    feed: Feed,
    columns: Sequence[Property],
    order: Sequence[tuple[Property, bool]],
    where: str,
    place: _Place,
    limit: int,
    arguments: list[Any],
) -> str:
    """Rows of `(json, key)`. Nulls stand first in ascending order, as OData says."""
    listed = ", ".join(f'{column.sql} AS "{column.name}"' for column in columns)
    by = [f"{column.sql} {'DESC NULLS LAST' if down else 'ASC NULLS FIRST'}" for column, down in order]
    behind = ""
    if place.after is not None:
        kind = "uuid" if feed.properties[feed.key].type == "Edm.Guid" else "text"
        arguments.append(UUID(place.after) if kind == "uuid" else place.after)
        behind = f" AND {feed.unique_sql} > ${len(arguments)}::{kind}"
    arguments += [limit, place.offset]
    return (
        f"{_SAID} SELECT (SELECT row_to_json(r)::text FROM (SELECT {listed}) AS r), {feed.unique_sql}::text"
        f" FROM {feed.source}{where}{behind} ORDER BY {', '.join([*by, feed.unique_sql])}"
        f" LIMIT ${len(arguments) - 1} OFFSET ${len(arguments)}"
    )


def _place(query: FeedQuery, *, by_key: bool) -> _Place:
    """Raises QueryInvalid."""
    if query.skiptoken is None:
        return _Place(None, query.skip, 0)
    try:
        if len(query.skiptoken) > TOKEN_LENGTH_MAX:
            raise ValueError
        padded = query.skiptoken + "=" * (-len(query.skiptoken) % 4)
        after, offset, given = json.loads(base64.urlsafe_b64decode(padded))
        is_key = isinstance(after, str) and by_key and len(str(UUID(after))) == 36
        if not (is_key or (after is None and not by_key)) or type(offset) is not int or type(given) is not int:
            raise ValueError
        if not 0 <= offset <= TOP_MAX * 2 or not 0 <= given <= TOP_MAX * 2:
            raise ValueError
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise QueryInvalid("$skiptoken: not one of this feed", pointer="/query/$skiptoken") from None
    return _Place(after, offset, given)


def _token(place: _Place, rows: Sequence[Any], *, by_key: bool) -> str:
    given = place.given + len(rows)
    parts = [rows[-1][1], 0, given] if by_key else [None, place.offset + len(rows), given]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
