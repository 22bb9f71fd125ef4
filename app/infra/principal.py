"""Who is calling, for which organization, with which scopes; and the promise to find that out from a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.errors import Forbidden
from app.core.ids import OrganizationId
from app.infra.database import Actor


class ScopeMissing(Forbidden):
    """The token lacks the scope that the operation asks for."""

    code = "auth.scope_missing"


@dataclass(frozen=True, slots=True)
class Principal:
    """A known caller. `client` scopes idempotency keys: one for each user or API client."""

    organization_id: OrganizationId
    actor: Actor
    scopes: frozenset[str]

    @property
    def client(self) -> str:
        """A stable text for the caller."""
        return f"{self.actor.kind}:{self.actor.id}"

    def require(self, scope: str) -> None:
        """Raise ScopeMissing unless the caller holds the scope."""
        if scope not in self.scopes:
            raise ScopeMissing(f"the token lacks the scope {scope}", scope=scope)


class Authenticator(Protocol):
    """Turns a bearer token into a principal. Raises Unauthenticated for anything else."""

    async def principal(self, token: str) -> Principal:
        """The caller that this token stands for."""

    async def client(self, client_id: str, secret: str) -> Principal:
        """The API client with this id and secret."""
