"""Rooms are found by the first segment of the path, and nothing else changes: 404, 405, described operations."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from app.infra.http import openapi
from app.infra.http.rooms import Rooms


def application() -> FastAPI:
    first, second = APIRouter(prefix="/things", tags=["things"]), APIRouter(tags=["others"])

    @first.get("/{thing_id}/parts", operation_id="listParts")
    async def list_parts(thing_id: int) -> int:
        return thing_id

    @second.post("/things/{thing_id}/parts")
    async def add_part(thing_id: int) -> int:
        return -thing_id

    @second.get("/others")
    async def others() -> str:
        return "others"

    app = FastAPI()
    rooms = Rooms([first, second])
    app.router.routes.append(rooms)
    openapi.install(app, {}, rooms.routes)
    return app


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/v1/things/7/parts", 200, 7),
        ("POST", "/v1/things/7/parts", 200, -7),
        ("GET", "/v1/others", 200, "others"),
        ("DELETE", "/v1/others", 405, None),
        ("GET", "/v1/nothing", 404, None),
        ("GET", "/v1/things", 404, None),
        ("GET", "/v1", 404, None),
        ("GET", "/others", 404, None),
        ("GET", "/v2/others", 404, None),
        ("GET", "/v1things/7/parts", 404, None),
    ],
)
async def test_paths_find_their_room(method: str, path: str, status: int, body: object) -> None:
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert body is None or answer.json() == body


def test_the_operations_are_all_described() -> None:
    paths = application().openapi()["paths"]
    assert set(paths) == {"/v1/things/{thing_id}/parts", "/v1/others"}
    assert set(paths["/v1/things/{thing_id}/parts"]) == {"get", "post"}
    assert paths["/v1/things/{thing_id}/parts"]["get"]["tags"] == ["things"]


def test_a_router_inside_a_rooms_router_is_refused() -> None:
    """Its paths would stand in the document and answer 404."""
    outer, inner = APIRouter(), APIRouter()

    @inner.get("/inner")
    async def read() -> str:
        return "inner"

    outer.include_router(inner)
    with pytest.raises(ValueError, match="ROUTERS"):
        Rooms([outer])
