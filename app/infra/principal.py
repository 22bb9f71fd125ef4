"""Who is calling, for which organization, with which scopes; and the promise to find that out from a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.errors import Forbidden
from app.core.ids import OrganizationId
from app.infra.data_scope import DataScope
from app.infra.database import Actor


class ScopeMissing(Forbidden):
    """The token lacks the scope that the operation asks for."""

    code = "auth.scope_missing"


class BeyondDataScope(Forbidden):
    """The operation tells of the whole organization, or acts on it; the caller's data scope is a part of it."""

    code = "auth.beyond_data_scope"


@dataclass(frozen=True, slots=True)
class Principal:
    """A known caller. `client` scopes idempotency keys: one for each user or API client.

    With a `data_scope` the caller sees a part of the organization only.
    """

    organization_id: OrganizationId
    actor: Actor
    scopes: frozenset[str]
    data_scope: DataScope | None = None

    @property
    def client(self) -> str:
        """A stable text for the caller."""
        return f"{self.actor.kind}:{self.actor.id}"

    def require(self, scope: str) -> None:
        """Raise ScopeMissing, or BeyondDataScope, unless the caller holds the scope."""
        if self.data_scope is not None and scope in self.data_scope.withheld:
            raise BeyondDataScope(f"{scope} is of the whole organization; your data scope is a part of it", scope=scope)
        if scope not in self.scopes:
            raise ScopeMissing(f"the token lacks the scope {scope}", scope=scope)


class Authenticator(Protocol):
    """Turns a bearer token into a principal. Raises Unauthenticated for anything else."""

    async def principal(self, token: str) -> Principal:
        """The caller that this token stands for."""

    async def client(self, client_id: str, secret: str) -> Principal:
        """The API client with this id and secret."""
