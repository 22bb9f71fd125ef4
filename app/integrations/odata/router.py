"""OData v4, read-only: flat feeds for Excel, Power BI and other reporting programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession
from app.infra.http.problems import problems
from app.infra.http.requests import reports_to
from app.integrations.odata.feeds import FEEDS, Feed
from app.integrations.odata.fetch import TOP_MAX, FeedQuery, count_rows, fetch_page
from app.integrations.odata.metadata import metadata_xml, service_document
from app.integrations.odata.rules import FILTER_LENGTH_MAX, QueryInvalid
from app.organizations.queries import local_today, organization_facts

ROOT = "/odata/v4"
JSON = "application/json;odata.metadata=minimal;odata.streaming=true"
_HEADERS = {"OData-Version": "4.0", "Cache-Control": "no-store"}
_TAGS: list[str | Enum] = ["odata"]
_KNOWN = {"$select", "$filter", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format"}
_ROW: dict[str, Any] = {"type": "object", "additionalProperties": True}
_PAGE: dict[str, Any] = {
    "type": "object",
    "required": ["@odata.context", "value"],
    "properties": {
        "@odata.context": {"type": "string"},
        "@odata.count": {"type": "integer"},
        "@odata.nextLink": {"type": "string"},
        "value": {"type": "array", "items": _ROW},
    },
}
_SAMPLES: dict[str, Any] = {
    "Edm.String": "RE-2026-000123",
    "Edm.Guid": "01981d8e-6a00-7000-8000-000000000042",
    "Edm.Date": "2026-03-31",
    "Edm.DateTimeOffset": "2026-03-31T09:30:00Z",
    "Edm.Decimal": 1250.0,
    "Edm.Int64": 7,
    "Edm.Boolean": True,
}
_SERVICE = {
    "@odata.context": "https://ar.example.com/v1/odata/v4/$metadata",
    "value": [{"name": "Accounts", "kind": "EntitySet", "url": "Accounts", "title": "Customer accounts"}],
}
_METADATA = {
    "schema": {"type": "string"},
    "example": '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">…</edmx:Edmx>',
}
_NUMBER = {"schema": {"type": "string"}, "example": "42"}
router = APIRouter()


@router.get(
    ROOT,
    operation_id="getOdataService",
    summary="List the feeds",
    tags=_TAGS,
    responses={200: {"content": {JSON: {"schema": _PAGE, "example": _SERVICE}}}, **problems()},
    response_class=Response,
)
async def get_service(read: Annotated[ReadSession, reports_to("reports:read")], request: Request) -> Response:
    """The OData service document. Programs also take id and secret of an API client as HTTP Basic."""
    return Response(json.dumps(service_document(_root(request), FEEDS)), media_type=JSON, headers=_HEADERS)


@router.get(
    ROOT + "/$metadata",
    operation_id="getOdataMetadata",
    summary="The feeds as an entity model",
    tags=_TAGS,
    responses={200: {"content": {"application/xml": _METADATA}}, **problems()},
    response_class=Response,
)
async def get_metadata(read: Annotated[ReadSession, reports_to("reports:read")]) -> Response:
    """CSDL in XML: entity types, their properties and keys."""
    return Response(metadata_xml(), media_type="application/xml", headers=_HEADERS)


def _root(request: Request) -> str:
    """The address of the service as the caller sees it."""
    public: str | None = request.app.state.settings.public_url
    base = public.rstrip("/") if public else f"{request.url.scheme}://{request.url.netloc}"
    return f"{base}/v1{ROOT}"


def _refuse_others(request: Request) -> None:
    """Options of OData that are not supported are refused: ignored, they would give another answer than asked for."""
    for name in request.query_params:
        if name.startswith("$") and name not in _KNOWN:
            raise QueryInvalid(f"{name[:40]} is not supported", pointer=f"/query/{name[:40]}")


def _feed(feed: Feed) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def get_feed(
        read: ReadSession,
        request: Request,
        select: Annotated[str | None, Query(alias="$select", max_length=1_000)] = None,
        filter_text: Annotated[str | None, Query(alias="$filter", max_length=FILTER_LENGTH_MAX)] = None,
        orderby: Annotated[str | None, Query(alias="$orderby", max_length=400)] = None,
        top: Annotated[int | None, Query(alias="$top", ge=0, le=TOP_MAX)] = None,
        skip: Annotated[int, Query(alias="$skip", ge=0, le=TOP_MAX)] = 0,
        count: Annotated[bool, Query(alias="$count")] = False,
        skiptoken: Annotated[str | None, Query(alias="$skiptoken", max_length=400)] = None,
        format_: Annotated[str | None, Query(alias="$format", max_length=100)] = None,
    ) -> Response:
        _refuse_others(request)
        if format_ is not None and not format_.startswith(("json", "application/json")):
            raise QueryInvalid("$format: json", pointer="/query/$format")
        facts = await organization_facts(read)
        query = FeedQuery(select, filter_text, orderby, top, skip, count, skiptoken)
        page = await fetch_page(read, feed, query, await local_today(read, utc_now()), facts.aging)
        head: dict[str, Any] = {"@odata.context": f"{_root(request)}/$metadata#{feed.name}"}
        if page.total is not None:
            head["@odata.count"] = page.total
        if page.skiptoken is not None:
            left = request.url.remove_query_params("$skip").include_query_params(**{"$skiptoken": page.skiptoken})
            head["@odata.nextLink"] = f"{_root(request)}/{feed.name}?{left.query}"
        return Response(f'{json.dumps(head)[:-1]}, "value": [{page.rows}]}}', media_type=JSON, headers=_HEADERS)

    get_feed.__annotations__["read"] = Annotated[ReadSession, reports_to(feed.scope)]  # a name of this call only
    get_feed.__doc__ = (
        f"{feed.summary}. Pages of 5,000 rows: follow `@odata.nextLink`. `$filter` takes comparisons, `in`, `and`,"
        " `or`, `not`, contains, startswith, endswith, tolower, toupper, trim, year, month, day."
    )
    return get_feed


def _count(feed: Feed) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def get_count(
        read: ReadSession,
        request: Request,
        filter_text: Annotated[str | None, Query(alias="$filter", max_length=FILTER_LENGTH_MAX)] = None,
    ) -> Response:
        _refuse_others(request)
        facts = await organization_facts(read)
        found = await count_rows(read, feed, filter_text, await local_today(read, utc_now()), facts.aging)
        return Response(str(found), media_type="text/plain", headers=_HEADERS)

    get_count.__annotations__["read"] = Annotated[ReadSession, reports_to(feed.scope)]
    get_count.__doc__ = f"How many rows there are in the feed: {feed.summary.lower()}."
    return get_count


def _page_of(feed: Feed) -> dict[str, Any]:
    """What a page of the feed looks like, for its document."""
    row = {one.name: "EUR" if one.name.endswith("Currency") else _SAMPLES[one.type] for one in feed.columns}
    return {"@odata.context": f"https://ar.example.com/v1/odata/v4/$metadata#{feed.name}", "value": [row]}


for _each in FEEDS:
    router.add_api_route(
        f"{ROOT}/{_each.name}/$count",
        _count(_each),
        operation_id=f"countOdata{_each.name}",
        summary=f"Count the rows of the feed {_each.name}",
        tags=_TAGS,
        responses={200: {"content": {"text/plain": _NUMBER}}, **problems()},
        response_class=Response,
    )
    router.add_api_route(
        f"{ROOT}/{_each.name}",
        _feed(_each),
        operation_id=f"listOdata{_each.name}",
        summary=f"The feed {_each.name}",
        tags=_TAGS,
        responses={200: {"content": {JSON: {"schema": _PAGE, "example": _page_of(_each)}}}, **problems()},
        response_class=Response,
    )
