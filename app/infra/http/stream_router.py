"""HTTP of the stream of events: what happens, as it happens, to screens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from app.infra.database import Database
from app.infra.events import list_events, visible_events
from app.infra.http.events_router import EVENTS_LIST, EventType, event_read, position_of
from app.infra.http.paging import CURSOR_LENGTH_LIMIT, PageRequest
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.http.streams import MEDIA_TYPE, EventStream, Message, StreamCaller, Streams, not_asked_for
from app.infra.principal import Principal

router = APIRouter(tags=["events"])
EVERYTHING = "events:read"
BATCH = 100
STREAM_RESPONSE: dict[str, Any] = {
    "description": "Messages, until one of the ends",
    "content": {
        MEDIA_TYPE: {
            "schema": {"type": "string"},
            "examples": {
                "event": {
                    "summary": "Of the events",
                    "value": "event: invoice.issued\nid: eyJzIjo0NzEyfQ\n"
                    'data: {"position":4711,"type":"invoice.issued"}\n\n',
                },
                "progress": {
                    "summary": "Of long work",
                    "value": 'event: progress\ndata: {"state":"running","done":4000,"total":10000,"ended":false}\n\n',
                },
            },
        }
    },
}


@router.get(
    "/events/stream",
    operation_id="streamEvents",
    summary="Events as they happen (server-sent events)",
    response_class=Response,
    responses={200: STREAM_RESPONSE, **problems(406)},
)
async def stream_events(
    request: Request,
    caller: Annotated[Principal, callers()],
    after: Annotated[
        str | None,
        Query(
            max_length=CURSOR_LENGTH_LIMIT, description="A cursor of `GET /v1/events`; without: what happens from now"
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=CURSOR_LENGTH_LIMIT, description="The last `id`; goes before `after`"),
    ] = None,
    types: Annotated[
        list[EventType] | None, Query(max_length=50, description="Only these types; may be repeated")
    ] = None,
) -> Response:
    """The events of `GET /v1/events`, each as one message: `event` is its type, `id` the cursor behind it.

    Send `Accept: text/event-stream`. With the scope `events:read` all events come; otherwise those of records that the
    caller may read, which is what badges and lists of a screen need. A message `end` says why the stream ends:
    `token_ended`, `service_stops`, `lifetime` (an hour) or `fault`; come back with `Last-Event-ID`, nothing is missed.
    """
    refusal = not_asked_for(request)
    if refusal is not None:
        return refusal
    start = PageRequest(BATCH, last_event_id or after, None, EVENTS_LIST)
    streams: Streams = request.app.state.streams
    database: Database = request.app.state.read_database

    async def messages(reader: StreamCaller) -> AsyncIterator[Message]:
        organization_id = caller.organization_id
        async with streams.watching(organization_id, database) as watched:
            position = position_of(start) if start.cursor is not None else await _newest(database, organization_id)
            yield Message(id=_cursor(start, position))
            while True:
                principal = await reader.now()
                changed = watched.changed
                async with database.read(organization_id) as session:
                    found = await list_events(session, position, BATCH, types)
                    rows = await visible_events(session, principal.actor, principal.scopes, found.rows)
                for row in rows:
                    if _may_see(streams.event_scopes, principal.scopes, row["entity_type"]):
                        read = event_read(row).model_dump(mode="json")
                        yield Message(read, row["event"], _cursor(start, row["position"]))
                moved, position = found.position > position, found.position
                if found.has_more:
                    continue
                if moved:
                    yield Message(id=_cursor(start, position))
                await streams.pause(streams.beat_seconds, until=changed)
                if not changed.is_set():
                    yield Message()

    if start.cursor is not None:
        position_of(start)  # refuses a damaged cursor while there still is a status to say it with
    return EventStream(request, caller, messages)


async def _newest(database: Database, organization_id: Any) -> int:
    found = await database.look_up("SELECT position FROM change_heads WHERE organization_id = $1", organization_id)
    return int(found[0]["position"]) if found else 0


def _cursor(page: PageRequest, position: int) -> str:
    return page.next_cursor([position], "position")


def _may_see(needed: Mapping[str, str], scopes: frozenset[str], entity_type: str) -> bool:
    return EVERYTHING in scopes or needed.get(entity_type, EVERYTHING) in scopes
