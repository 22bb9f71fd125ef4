"""Access tokens: our own (JWT, HS256) and those of an outside OpenID provider (by its JWKS).

A token only says who calls. Whether that user or API client is active, and what its roles allow, is read from the
database and kept for at most `KEPT_SECONDS`, so that deactivating somebody acts quickly.
"""

from __future__ import annotations

import hmac
import json
import time
import warnings
from base64 import urlsafe_b64decode
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from app.core.errors import Unauthenticated
from app.core.ids import OrganizationId, new_id
from app.infra.database import Actor, Database
from app.infra.principal import Principal
from app.organizations.data_scope import scope_of
from app.organizations.outside_keys import OutsideKeys
from app.organizations.queries import Caller, find_api_client_caller, find_credentials, find_user_caller
from app.organizations.rules import approval_limit_minor, parse_client_id, scopes_of
from app.organizations.usage import note_use
from app.settings import Settings

TOKEN_LENGTH_MAX = 8192
SECRET_BYTES_MIN = 32
KEPT_SECONDS = 30.0
KEPT_MAX = 10_000
USE_SECONDS = 3600.0
OUTSIDE_CLOCK_SKEW_SECONDS = 60
log = structlog.get_logger(__name__)
OWN_ALGORITHMS = ("HS256",)
OUTSIDE_ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA", "Ed25519")
_OUTSIDE_REGISTRY = JWSRegistry(algorithms=OUTSIDE_ALGORITHMS, strict_check_header=False)


class TokenInvalid(Unauthenticated):
    """Not a token of this service or its provider, damaged, or of somebody who may not act any more."""

    code = "auth.token_invalid"


class TokenExpired(Unauthenticated):
    """The token was good, but its time is over."""

    code = "auth.token_expired"


class TokenSettingsInvalid(ValueError):
    """The service must not start: the secret is missing or short, or the provider's settings are incomplete."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token of ours says. `scopes` None: all that the roles allow; `secret_id`: the secret that fetched it."""

    organization_id: UUID
    kind: str  # user | api_client
    subject_id: UUID
    scopes: frozenset[str] | None = None
    secret_id: UUID | None = None


class TokenKey:
    """Signs and reads the service's own tokens. Raises TokenSettingsInvalid: there is no default secret."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.token_secret.get_secret_value() if settings.token_secret else ""
        if len(secret.encode()) < SECRET_BYTES_MIN:
            raise TokenSettingsInvalid(
                f"DUECOURSE_TOKEN_SECRET must be set to at least {SECRET_BYTES_MIN} bytes, and be the same for every"
                " process; make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        self._key = OctKey.import_key(secret)
        self._read_by = [self._key]  # and what signed before, while a secret is exchanged
        if settings.token_secret_previous is not None:
            self._read_by.append(OctKey.import_key(settings.token_secret_previous.get_secret_value()))
        self.issuer, self._audience = settings.token_issuer, settings.token_audience

    def issue(self, grant: Grant, now: datetime, lifetime_seconds: int) -> str:
        """A signed token that ends `lifetime_seconds` after `now`."""
        issued = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": f"{grant.kind}:{grant.subject_id}",
            "org": str(grant.organization_id),
            "iat": issued,
            "exp": issued + lifetime_seconds,
            "jti": str(new_id()),
        }
        if grant.scopes is not None:
            claims["scope"] = " ".join(sorted(grant.scopes))
        if grant.secret_id is not None:
            claims["sid"] = str(grant.secret_id)
        return jwt.encode({"alg": OWN_ALGORITHMS[0]}, claims, self._key, algorithms=OWN_ALGORITHMS)

    def read(self, token: str) -> tuple[Grant, float]:
        """What the token says, and its end in seconds since 1970. Raises TokenInvalid, TokenExpired."""
        claims = self._claims(token)
        _check(claims, self.issuer, self._audience, leeway_seconds=0)
        try:
            kind, _, subject = claims["sub"].partition(":")
            scope, sid = claims.get("scope"), claims.get("sid")
            grant = Grant(
                organization_id=UUID(claims["org"]),
                kind=kind,
                subject_id=UUID(subject),
                scopes=None if scope is None else frozenset(scope.split()),
                secret_id=None if sid is None else UUID(sid),
            )
        except (KeyError, ValueError, TypeError, AttributeError):
            raise TokenInvalid("the token is not valid") from None
        return grant, float(claims["exp"])

    def _claims(self, token: str) -> dict[str, Any]:
        registry = JWSRegistry(algorithms=OWN_ALGORITHMS)
        for key in self._read_by[:-1]:
            with suppress(TokenInvalid):
                return _decode(token, key, registry)
        return _decode(token, self._read_by[-1], registry)


async def find_grant(
    database: Database, client_id: str, secret: str, wanted: frozenset[str], now: datetime
) -> tuple[Grant, int] | None:
    """What the client may have a token for, and the token's lifetime in seconds; None for unknown credentials.

    Without wanted scopes: all that the client has. Scopes that it lacks are left out (RFC 6749, section 3.3).
    """
    found = parse_client_id(client_id)
    if found is None:
        return None
    digest = sha256(secret.encode("utf-8", "replace")).digest()
    async with database.read(UUID(found.organization_hex)) as session:
        candidates = await find_credentials(session, UUID(found.client_hex), now)
    matching = [row for row in candidates if hmac.compare_digest(row["secret_sha256"], digest)]
    if not matching:
        return None
    row = matching[0]
    held = scopes_of(row["roles"], row["scopes"])
    scopes = held & wanted if wanted else held
    grant = Grant(UUID(found.organization_hex), "api_client", row["id"], scopes, row["secret_id"])
    return grant, int(row["token_lifetime_seconds"])


class AccessTokens:
    """The service's `Authenticator`. Raises TokenSettingsInvalid when it is made with settings that are not safe."""

    def __init__(
        self, settings: Settings, database: Database, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.key = TokenKey(settings)
        self._database = database
        self._kept: dict[bytes, tuple[float, Principal]] = {}
        self._noted: dict[UUID, float] = {}
        self._outside: OutsideKeys | None = None
        self._outside_issuer, self._outside_audience = settings.oidc_issuer, settings.oidc_audience
        self._organization_claim = settings.oidc_organization_claim
        if settings.oidc_issuer is not None:
            if settings.oidc_issuer == settings.token_issuer:
                raise TokenSettingsInvalid("DUECOURSE_OIDC_ISSUER must differ from DUECOURSE_TOKEN_ISSUER")
            if not settings.oidc_audience:
                raise TokenSettingsInvalid("DUECOURSE_OIDC_AUDIENCE must be set together with DUECOURSE_OIDC_ISSUER")
            self._outside = OutsideKeys(settings.oidc_issuer, settings.oidc_jwks_url, transport=transport)

    async def principal(self, token: str) -> Principal:
        """The caller that this token stands for. Raises TokenInvalid, TokenExpired, ProviderUnreachable."""
        digest = sha256(token.encode()).digest()
        kept = self._kept.get(digest)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenInvalid("the token is too long")
        issuer = _text(_unverified(token, 1).get("iss"))
        if issuer == self.key.issuer:
            principal, ends_at = await self._own(token)
        elif self._outside is not None and issuer == self._outside_issuer:
            principal, ends_at = await self._of_provider(token, self._outside)
        else:
            raise TokenInvalid("the token is not of an issuer that this service trusts")
        self._keep(digest, principal, ends_at)
        await self._note_use(principal)
        return principal

    async def client(self, client_id: str, secret: str) -> Principal:
        """The API client with this id and secret, for programs that cannot fetch a token. Raises TokenInvalid."""
        digest = sha256(f"client\0{client_id}\0{secret}".encode("utf-8", "replace")).digest()
        kept = self._kept.get(digest)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        now = time.time()
        found = await find_grant(self._database, client_id, secret, frozenset(), datetime.fromtimestamp(now, UTC))
        if found is None:
            raise TokenInvalid("client id or secret is wrong")
        grant, _ = found
        async with self._database.read(grant.organization_id) as session:
            caller = await find_api_client_caller(session, grant.subject_id, grant.secret_id)
        principal = _principal(grant.organization_id, caller, None)
        self._keep(digest, principal, now + KEPT_SECONDS)
        await self._note_use(principal)
        return principal

    def forget(self) -> None:
        """Look every caller up again at the next request (other processes follow within `KEPT_SECONDS`)."""
        self._kept.clear()

    async def _note_use(self, principal: Principal) -> None:
        """Note, once in USE_SECONDS, that this user or API client acts: access reviews ask who still does."""
        actor, now = principal.actor, time.monotonic()
        if actor.id is None or self._noted.get(actor.id, float("-inf")) > now - USE_SECONDS:
            return
        if len(self._noted) >= KEPT_MAX:
            self._noted.clear()
        self._noted[actor.id] = now
        try:
            async with self._database.write(principal.organization_id, actor) as session:
                await note_use(session, actor.kind, actor.id, USE_SECONDS)
        except Exception as error:  # nobody is kept out because this could not be noted
            log.warning("tokens.use_not_noted", error=type(error).__name__)

    def _keep(self, digest: bytes, principal: Principal, ends_at: float) -> None:
        now = time.monotonic()
        if len(self._kept) >= KEPT_MAX:
            self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
            for oldest in list(islice(self._kept, max(0, len(self._kept) - KEPT_MAX // 2))):
                del self._kept[oldest]
        self._kept[digest] = (now + min(KEPT_SECONDS, ends_at - time.time()), principal)

    async def _own(self, token: str) -> tuple[Principal, float]:
        grant, ends_at = self.key.read(token)
        async with self._database.read(grant.organization_id) as session:
            if grant.kind == "api_client":
                caller = await find_api_client_caller(session, grant.subject_id, grant.secret_id)
            elif grant.kind == "user":
                caller = await find_user_caller(session, user_id=grant.subject_id)
            else:
                caller = None
        return _principal(grant.organization_id, caller, grant.scopes), ends_at

    async def _of_provider(self, token: str, keys: OutsideKeys) -> tuple[Principal, float]:
        key = await keys.find(_text(_unverified(token, 0).get("kid")))
        if key is None:
            raise TokenInvalid("the token is signed with a key that its issuer does not publish")
        claims = _decode(token, key, _OUTSIDE_REGISTRY)
        _check(claims, self._outside_issuer, self._outside_audience, leeway_seconds=OUTSIDE_CLOCK_SKEW_SECONDS)
        try:
            organization_id = UUID(str(claims[self._organization_claim]))
        except (KeyError, ValueError):
            raise TokenInvalid("the token names no organization") from None
        async with self._database.read(organization_id) as session:
            caller = await find_user_caller(session, issuer=claims["iss"], subject=claims["sub"])
        return _principal(organization_id, caller, None), float(claims["exp"]) + OUTSIDE_CLOCK_SKEW_SECONDS


def _principal(organization_id: UUID, caller: Caller | None, narrowed: frozenset[str] | None) -> Principal:
    if caller is None:
        raise TokenInvalid("the token's user or API client does not exist or is not active")
    scopes = scopes_of(caller.roles, caller.scopes)
    if narrowed is not None:
        scopes &= narrowed
    data_scope = scope_of(caller.data_scope, caller.id)
    if data_scope is not None:
        scopes -= data_scope.withheld
    limit = approval_limit_minor(caller.approval_limits, caller.base_currency, scopes)
    actor = Actor(caller.kind, caller.id, caller.name, scopes=scopes, approval_limit_minor=limit)
    return Principal(OrganizationId(organization_id), actor, scopes, data_scope)


def _decode(token: str, key: Any, registry: JWSRegistry) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA, the older name of Ed25519, is still what is sent
            return jwt.decode(token, key, registry=registry).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenInvalid("the token is not valid") from None


def _check(claims: dict[str, Any], issuer: str | None, audience: str | None, *, leeway_seconds: int) -> None:
    registry = jwt.JWTClaimsRegistry(
        leeway=leeway_seconds,
        iss={"essential": True, "value": issuer or ""},
        aud={"essential": True, "value": audience or ""},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError:
        raise TokenExpired("the token has expired") from None
    except (JoseError, ValueError, TypeError, OverflowError):
        raise TokenInvalid("the token is not valid") from None


def _unverified(token: str, part: int) -> dict[str, Any]:
    """Header (0) or claims (1) before the signature is checked: they only choose whose key must verify it."""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        text = parts[part]
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise TokenInvalid("the token is not valid") from None
    if not isinstance(found, dict):
        raise TokenInvalid("the token is not valid")
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
