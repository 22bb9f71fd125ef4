"""All rooms' routes behind one look at the first segment of the path.

FastAPI asks every included router in turn and matches each of its routes, and the chosen one once more. With some
thirty rooms that took longer than the rest of a request. Here the first segment chooses, and only its routes are asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Receive, Scope, Send

API_PREFIX = "/v1"


class Rooms(BaseRoute):
    """The routes of all rooms under `API_PREFIX`, by the first segment after it."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self.routes = [_under_prefix(route) for router in routers for route in router.routes]
        self._by_head: dict[str, list[APIRoute]] = {}
        for route in self.routes:
            self._by_head.setdefault(_head(route.path), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first route that serves path and method, else the first that serves the path, else none."""
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX + "/"):
            return Match.NONE, {}
        partial: tuple[Match, Scope] = (Match.NONE, {})
        for route in self._by_head.get(_head(scope["path"]), ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, child
            if match is Match.PARTIAL and partial[0] is Match.NONE:
                partial = match, child
        return partial

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the route that matched: it stands in the scope."""
        route: APIRoute = scope["route"]
        await route.handle(scope, receive, send)


def _head(path: str) -> str:
    return path[len(API_PREFIX) + 1 :].split("/", 1)[0]


def _under_prefix(route: BaseRoute) -> APIRoute:
    """A copy of a room's route under the prefix; the room's own stays as it is, for another application."""
    if not isinstance(route, APIRoute):
        raise ValueError("a router inside a room's router would never be asked: name each of them in ROUTERS")
    made = copy(route)
    made.path = API_PREFIX + route.path
    made.path_regex, made.path_format, made.param_convertors = compile_path(made.path)
    return made
