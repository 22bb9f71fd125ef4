"""HTTP of the change log: events by cursor for programs, audit entries for people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import and_, select

from app.core.ids import lowest_id_at
from app.infra.database import ReadSession
from app.infra.events import list_events, visible_events
from app.infra.http.fields import Instant, resource_response, visible
from app.infra.http.paging import (
    CURSOR_LENGTH_LIMIT,
    LIMIT_DEFAULT,
    LIMIT_MAX,
    CursorInvalid,
    Page,
    PageRequest,
    SortKey,
    choose_sort,
    fetch_page,
    page_request,
)
from app.infra.http.problems import problems
from app.infra.http.requests import callers, reads
from app.infra.models import Change, ChangeSeal
from app.infra.principal import Principal

router = APIRouter()
EVENTS_LIST = "/v1/events"
_POSITION_LIMIT = 2**62
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_CLOCK_SLACK = timedelta(days=1)  # ids carry the clock of the process, `recorded_at` that of the database
_SORTS = {"recorded": (SortKey(Change.id, UUID),)}
EventType = Annotated[str, visible(100)]


class Entity(BaseModel):
    """What was changed."""

    type: str = Field(examples=["invoice"])
    id: UUID


class ActorRead(BaseModel):
    """Who changed it."""

    kind: Literal["user", "api_client", "system"]
    id: UUID | None
    name: str


class EventData(BaseModel):
    """The fields that changed, before and after."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None


class EventRead(BaseModel):
    """One committed change at its place in the order of the organization."""

    id: UUID
    position: int = Field(description="1, 2, 3 … without gaps, in the order of commits")
    type: str = Field(examples=["invoice.issued"])
    occurred: datetime = Field(description="When it was recorded")
    effective_date: date | None = Field(description="The business date on which it counts")
    entity: Entity
    actor: ActorRead
    reason: str | None
    data: EventData


class EventPageRead(BaseModel):
    """Events in order. Keep `next_cursor`: it is there on the last page too, to ask for what comes later."""

    data: list[EventRead]
    has_more: bool
    next_cursor: str


class AuditEntryRead(BaseModel):
    """Who changed what, when, why, from what to what; and its seal."""

    id: UUID
    recorded_at: datetime
    event: str
    entity: Entity
    actor: ActorRead
    request_id: str | None
    effective_date: date | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    position: int | None = Field(description="The place in the sealed order; null until it is sealed")
    sha256: str | None = Field(description="The chained hash, as hexadecimal digits; null until it is sealed")


@router.get(
    "/events",
    operation_id="listEvents",
    summary="Events by cursor, in the order of commits",
    tags=["events"],
    response_model=EventPageRead,
    responses=problems(),
)
async def get_events(
    read: Annotated[ReadSession, reads("events:read")],
    caller: Annotated[Principal, callers("events:read")],
    after: Annotated[
        str | None, Query(max_length=CURSOR_LENGTH_LIMIT, description="`next_cursor` of an earlier page")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Events on a page")] = LIMIT_DEFAULT,
    types: Annotated[
        list[EventType] | None, Query(max_length=50, description="Only these types; may be repeated")
    ] = None,
) -> Response:
    """Every committed change exactly once, without gaps. A filtered page may be empty although `has_more` is true.

    Who works on some disputes only sees the events of those, and of what else they may read.
    """
    paging = PageRequest(limit, after, None, EVENTS_LIST)
    found = await list_events(read, position_of(paging), limit, types)
    data = [event_read(row) for row in await visible_events(read, caller.actor, caller.scopes, found.rows)]
    cursor = paging.next_cursor([found.position], "position")
    return resource_response(EventPageRead(data=data, has_more=found.has_more, next_cursor=cursor))


def event_read(row: Any) -> EventRead:
    """An event of the change log as it is told outside."""
    return EventRead(
        id=row["id"],
        position=row["position"],
        type=row["event"],
        occurred=row["recorded_at"],
        effective_date=row["effective_date"],
        entity=Entity(type=row["entity_type"], id=row["entity_id"]),
        actor=ActorRead(kind=row["actor_kind"], id=row["actor_id"], name=row["actor_name"]),
        reason=row["reason"],
        data=EventData(before=row["before"], after=row["after"]),
    )


def position_of(page: PageRequest) -> int:
    """The position in the cursor. Raises CursorInvalid."""
    try:
        values = page.after(1, "position")
    except CursorInvalid as error:
        raise CursorInvalid(error.detail, pointer="/query/after") from None
    if values is None:
        return 0
    position = values[0]
    if type(position) is not int or not 0 <= position <= _POSITION_LIMIT:
        raise CursorInvalid("the cursor is damaged", pointer="/query/after")
    return position


@router.get(
    "/audit-entries",
    operation_id="listAuditEntries",
    summary="Who changed what, when and why",
    tags=["audit"],
    response_model=Page[AuditEntryRead],
    responses=problems(),
)
async def get_audit_entries(
    read: Annotated[ReadSession, reads("audit:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    entity_type: Annotated[str | None, visible(64)] = None,
    entity_id: UUID | None = None,
    event: Annotated[str | None, visible(100)] = None,
    actor_id: UUID | None = None,
    recorded_from: Annotated[Instant | None, Query(alias="from", description="Recorded then or later")] = None,
    recorded_to: Annotated[Instant | None, Query(alias="to", description="Recorded before then")] = None,
) -> Response:
    """The change log by filter, newest first (`sort=recorded` for oldest first), sealed or not."""
    sort, keys = choose_sort(page, _SORTS, "-recorded")
    sealed = and_(ChangeSeal.organization_id == Change.organization_id, ChangeSeal.id == Change.id)
    statement: Any = (
        select(Change, ChangeSeal.position, ChangeSeal.sha256)
        .outerjoin(ChangeSeal, sealed)
        .where(Change.organization_id == read.organization_id)
    )
    if entity_type is not None:
        statement = statement.where(Change.entity_type == entity_type)
    if entity_id is not None:
        statement = statement.where(Change.entity_id == entity_id)
    if event is not None:
        statement = statement.where(Change.event == event)
    if actor_id is not None:
        statement = statement.where(Change.actor_id == actor_id)
    if recorded_from is not None:  # the bound on the id leaves out whole partitions
        start = min(max(recorded_from, _EARLIEST), _LATEST)
        statement = statement.where(Change.recorded_at >= start, Change.id >= lowest_id_at(start - _CLOCK_SLACK))
    if recorded_to is not None:
        end = min(max(recorded_to, _EARLIEST), _LATEST)
        statement = statement.where(Change.recorded_at < end, Change.id < lowest_id_at(end + _CLOCK_SLACK))
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [_audit_entry(change, position, sha256) for change, position, sha256, *_ in map(tuple, rows)]
    return resource_response(Page[AuditEntryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


def _audit_entry(change: Change, position: int | None, sha256: bytes | None) -> AuditEntryRead:
    return AuditEntryRead(
        id=change.id,
        recorded_at=change.recorded_at,
        event=change.event,
        entity=Entity(type=change.entity_type, id=change.entity_id),
        actor=ActorRead.model_validate({"kind": change.actor_kind, "id": change.actor_id, "name": change.actor_name}),
        request_id=change.request_id,
        effective_date=change.effective_date,
        reason=change.reason,
        before=change.before,
        after=change.after,
        position=position,
        sha256=sha256.hex() if sha256 is not None else None,
    )
