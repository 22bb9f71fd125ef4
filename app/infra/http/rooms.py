"""A room's router behind a look at the first segment of the path.

FastAPI asks every included router in turn and matches each of its routes, and the chosen one once more. With some
twenty rooms that took longer than the rest of a request; a set of first segments answers for the others at once.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.routing import Match, Route
from starlette.types import Scope

API_PREFIX = "/v1"


class Room(APIRouter):
    """Wraps the router of a room, to be included under `API_PREFIX`."""

    def __init__(self, router: APIRouter) -> None:
        super().__init__()
        if not all(isinstance(route, Route) for route in router.routes):
            raise ValueError("a router inside a room's router would never be asked: name each of them in ROUTERS")
        self.include_router(router)
        self._heads = {route.path.split("/")[1] for route in router.routes if isinstance(route, Route)}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """No match unless the path's first segment is one of the room's; the room's own answer otherwise."""
        path: str = scope["path"]
        if path.startswith(API_PREFIX) and path[len(API_PREFIX) + 1 :].split("/", 1)[0] not in self._heads:
            return Match.NONE, {}
        return super().matches(scope)
