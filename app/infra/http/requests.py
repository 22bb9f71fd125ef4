"""One way to read and one way to write over HTTP.

A route takes `read: Annotated[ReadSession, reads("invoices:read")]`, or
`write: Annotated[Write, writes("invoices:write")]` and returns `await write.run(work)`. `run` opens the transaction,
claims the idempotency key, runs the work, stores the answer, commits, and only then is there a response: a commit that
fails can never have answered 201. A deadlock runs the work again.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Request, Response, Security
from fastapi.openapi.models import OAuth2 as OAuth2Model
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from pydantic import BaseModel

from app.core.clock import utc_now
from app.core.errors import DomainError, RuleViolation, Unauthenticated, VersionRequired
from app.infra import idempotency
from app.infra.constraints import is_transient, refusal_of
from app.infra.data_scope import act_within
from app.infra.database import Database, Lookup, ReadSession, WriteSession
from app.infra.http.rates import Limits
from app.infra.principal import Authenticator, BeyondDataScope, Principal

ATTEMPTS_PER_WRITE = 4
TOKEN_LENGTH_MAX = 8192
IF_MATCH_PATTERN = r'^(\*|"[0-9]{1,18}")$'


class IfMatchInvalid(RuleViolation):
    """`If-Match` is not an entity tag of this service."""

    code = "if_match_invalid"


class Caller(SecurityBase):
    """The bearer token as one dependency: security scheme of the document and authentication in one step."""

    scheme_name = "oauth2"

    def __init__(self) -> None:
        self.model = OAuth2Model(
            flows=OAuthFlows(clientCredentials=OAuthFlowClientCredentials(tokenUrl="/v1/oauth/token", scopes={}))
        )

    async def __call__(self, request: Request, scopes: SecurityScopes) -> Principal:
        """The caller of this request, with every scope that the operation asks for. Raises Unauthenticated."""
        return await authenticate(request, scopes.scopes)


class ReportCaller(Caller):
    """The same, or HTTP Basic with id and secret of an API client: spreadsheets cannot fetch tokens."""

    async def __call__(self, request: Request, scopes: SecurityScopes) -> Principal:
        """The caller of this request, with every scope that the operation asks for. Raises Unauthenticated."""
        request.scope.setdefault("state", {})["challenge"] = 'Basic realm="duecourse", charset="UTF-8", Bearer'
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return await super().__call__(request, scopes)
        try:
            name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except ValueError:
            raise Unauthenticated("the Authorization header is not HTTP Basic") from None
        if len(encoded) > TOKEN_LENGTH_MAX or not secret:
            raise Unauthenticated("id and secret of an API client are required")
        authenticator: Authenticator = request.app.state.authenticator
        return _allow(request, await authenticator.client(name, secret), scopes.scopes)


class LookupCaller(Caller):
    """The same, and gives what reads with one statement."""

    async def __call__(self, request: Request, scopes: SecurityScopes) -> Lookup:  # type: ignore[override]
        """A `Lookup` of the caller's organization."""
        principal = await authenticate(request, scopes.scopes)
        return Lookup(request.app.state.read_database, principal.organization_id)


async def authenticate(request: Request, scopes: Iterable[str]) -> Principal:
    """The caller of this request, with every one of the scopes. Raises Unauthenticated, Forbidden."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token or len(token) > TOKEN_LENGTH_MAX:
        raise Unauthenticated("a bearer token is required")
    authenticator: Authenticator = request.app.state.authenticator
    return _allow(request, await authenticator.principal(token.strip()), scopes)


def _allow(request: Request, principal: Principal, scopes: Iterable[str]) -> Principal:
    state = request.scope.setdefault("state", {})
    state["principal"] = principal
    limits: Limits = request.app.state.limits
    state["rate"] = limits.take(principal.client, str(principal.organization_id), time.monotonic())
    for scope in scopes:
        principal.require(scope)
    act_within(principal.data_scope)
    if principal.data_scope is not None and _operation(request) in request.app.state.whole_organization:
        raise BeyondDataScope("this tells of the whole organization, or acts on it; your data scope is a part of it")
    return principal


def _operation(request: Request) -> str | None:
    return getattr(request.scope.get("route"), "operation_id", None)


_caller = Caller()
_lookup_caller = LookupCaller()
_report_caller = ReportCaller()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a piece of work answers: body, status, the version behind `ETag`, where the created thing lives.

    `replay_body` is what a replay may show when the body holds a secret.
    """

    body: BaseModel | None
    status: int = 200
    version: int | None = None
    location: str | None = None
    replay_body: BaseModel | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def head(self) -> dict[str, str]:
        """Response headers."""
        made = dict(self.headers)
        if self.version is not None:
            made["ETag"] = etag(self.version)
        if self.location is not None:
            made["Location"] = self.location
        return made


type_json = "application/json"


def etag(version: int) -> str:
    """The entity tag of a row version."""
    return f'"{version}"'


def created(body: BaseModel, *, version: int | None = None, location: str | None = None) -> Answer:
    """201 with the created resource."""
    return Answer(body, 201, version, location)


def answer(body: BaseModel, *, version: int | None = None, status: int = 200) -> Answer:
    """200 (or another success) with a resource."""
    return Answer(body, status, version)


@dataclass(slots=True)
class Write:
    """A write request before its transaction."""

    principal: Principal
    database: Database
    request: Request
    idempotency_key: str | None
    if_match: str | None
    now: datetime
    fingerprint: bytes | None = None
    """Stands for the request under its idempotency key where the body was streamed and is gone."""

    async def run(
        self, work: Callable[[WriteSession], Awaitable[Answer]], *, exclusive_period: bool = False
    ) -> Response:
        """Run the work in one transaction, committed before the response exists; see the module's text.

        With `exclusive_period` no other writer of the organization is under way meanwhile (see `Database.write`).
        """
        for attempt in range(1, ATTEMPTS_PER_WRITE + 1):
            try:
                return await self._once(work, exclusive_period)
            except DomainError:
                raise
            except Exception as error:
                if is_transient(error) and attempt < ATTEMPTS_PER_WRITE:
                    await asyncio.sleep(0.01 * attempt)
                    continue
                refusal = refusal_of(error)
                if refusal is not None:
                    raise refusal from error
                raise
        raise AssertionError("unreachable")

    async def _once(self, work: Callable[[WriteSession], Awaitable[Answer]], exclusive_period: bool) -> Response:
        request_id = self.request.scope.get("state", {}).get("request_id")
        principal = self.principal
        async with self.database.write(
            principal.organization_id, principal.actor, request_id=request_id, exclusive_period=exclusive_period
        ) as session:
            claim: idempotency.Claim | None = None
            if self.idempotency_key is not None:
                claim = await idempotency.claim(
                    session,
                    principal.client,
                    self._route(),
                    self.idempotency_key,
                    await self._fingerprint(),
                )
                if claim.stored is not None:
                    stored = claim.stored
                    headers = {**stored.headers, "Idempotency-Replayed": "true"}
                    return Response(stored.body, stored.status, headers=headers, media_type=type_json)
            made = await work(session)
            body = made.body.model_dump_json().encode() if made.body is not None else b""
            if claim is not None:
                kept = made.replay_body.model_dump_json().encode() if made.replay_body is not None else body
                await idempotency.store(session, claim, made.status, made.head(), kept)
        return Response(body, made.status, headers=made.head(), media_type=type_json if body else None)

    def expected_version(self, *, required: bool = True) -> int | None:
        """The version in `If-Match`. Raises VersionRequired when it is missing but required, IfMatchInvalid."""
        if self.if_match is None:
            if required:
                raise VersionRequired("send If-Match with the ETag that you read", pointer="/header/If-Match")
            return None
        text = self.if_match.strip()
        if text == "*":
            return None
        if not (text.startswith('"') and text.endswith('"') and text[1:-1].isascii() and text[1:-1].isdigit()):
            raise IfMatchInvalid("If-Match is not an ETag of this service", pointer="/header/If-Match")
        return int(text[1:-1][:18])

    def _route(self) -> str:
        route = self.request.scope.get("route")
        return f"{self.request.method} {getattr(route, 'path', self.request.url.path)}"

    async def _fingerprint(self) -> bytes:
        if self.fingerprint is not None:
            return self.fingerprint
        digest = hashlib.sha256(f"{self.request.method} {self.request.url.path}?{self.request.url.query}\n".encode())
        digest.update(await self.request.body())
        return digest.digest()


async def _write(
    request: Request,
    principal: Annotated[Principal, Security(_caller)],
    idempotency_key: Annotated[
        str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
    ] = None,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=64,
            description="The `ETag` that was read, or `*`",
            json_schema_extra={"pattern": IF_MATCH_PATTERN},  # documents; `expected_version` refuses with its own code
        ),
    ] = None,
) -> Write:
    return Write(principal, request.app.state.database, request, idempotency_key, if_match, utc_now())


@asynccontextmanager
async def _reading(database: Database, principal: Principal) -> AsyncIterator[ReadSession]:
    try:
        async with database.read(principal.organization_id) as session:
            yield session
    except DomainError:
        raise
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is not None:
            raise refusal from error
        raise


async def _read(request: Request, principal: Annotated[Principal, Security(_caller)]) -> AsyncIterator[ReadSession]:
    async with _reading(request.app.state.read_database, principal) as session:
        yield session


async def _read_as_report(
    request: Request, principal: Annotated[Principal, Security(_report_caller)]
) -> AsyncIterator[ReadSession]:
    async with _reading(request.app.state.report_database, principal) as session:
        yield session


def reads(*scopes: str) -> Any:
    """Dependency: a read-only session of the caller's organization; the caller holds these scopes."""
    return _with_scopes(_read, scopes)


def reports_to(*scopes: str) -> Any:
    """Dependency: a read-only session on the replica for reports, if there is one.

    The caller may also send id and secret of an API client as HTTP Basic.
    """
    return _with_scopes(_read_as_report, scopes)


def looks_up(*scopes: str) -> Any:
    """Dependency: a `Lookup`, for a read that is one statement and must be quick; the caller holds these scopes."""
    return _with_scopes(_lookup_caller, scopes)


def writes(*scopes: str) -> Any:
    """Dependency: a `Write` of the caller, who holds these scopes."""
    return _with_scopes(_write, scopes)


def callers(*scopes: str) -> Any:
    """Dependency: only the principal."""
    return Security(_caller, scopes=scopes)


def _with_scopes(dependency: Any, scopes: tuple[str, ...]) -> Any:
    return Security(dependency, scopes=scopes)
