"""Public keys of an outside OpenID provider (JWKS, RFC 7517): fetched, kept, renewed with a bounded rate.

An unknown key id asks the provider again, at most once in `RETRY_SECONDS`, however many forged tokens arrive. A
provider that is down changes nothing: the keys that are known stay in use.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from app.core.errors import Unavailable

FRESH_SECONDS = 3600.0
RETRY_SECONDS = 30.0
FETCH_TIMEOUT_SECONDS = 5.0
DOCUMENT_LIMIT_BYTES = 1_000_000
KEYS_MAX = 100
log = structlog.get_logger(__name__)


class ProviderUnreachable(Unavailable):
    """The provider's keys are needed and it does not give them."""

    code = "auth.provider_unreachable"


class OutsideKeys:
    """The key set of one issuer. `jwks_url` None means: as its discovery document says (OpenID Connect Discovery)."""

    def __init__(
        self,
        issuer: str,
        jwks_url: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._transport = transport
        self._clock = clock
        self._keys: dict[str | None, Key] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> Key | None:
        """The key of that id, or the only key when a token names none; None when the provider has no such key.

        Raises ProviderUnreachable when no key was ever fetched.
        """
        found = self._known(kid)
        if found is None or self._is_old():
            async with self._lock:
                if self._may_try() and (self._known(kid) is None or self._is_old()):
                    await self._refresh()
            found = self._known(kid)
        if found is None and self._fetched_at is None:
            raise ProviderUnreachable("the identity provider does not answer", retry_after_seconds=int(RETRY_SECONDS))
        return found

    def _known(self, kid: str | None) -> Key | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > FRESH_SECONDS

    def _may_try(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= RETRY_SECONDS

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            async with httpx.AsyncClient(
                timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=False, transport=self._transport
            ) as client:
                async with asyncio.timeout(2 * FETCH_TIMEOUT_SECONDS):
                    url = self._jwks_url or await self._discover(client)
                    keys = _usable_keys(await _fetch(client, url))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            log.warning("oidc.keys_not_fetched", issuer=self._issuer, reason=type(error).__name__)
            return
        self._keys, self._fetched_at = keys, self._clock()

    async def _discover(self, client: httpx.AsyncClient) -> str:
        document = await _fetch(client, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        url = document.get("jwks_uri")
        if document.get("issuer") != self._issuer or not isinstance(url, str):
            raise ValueError("the discovery document is not that of the issuer")
        return url


async def _fetch(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as response:
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"status {response.status_code}")
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > DOCUMENT_LIMIT_BYTES:
                raise ValueError("the document is too large")
    document = json.loads(bytes(body))
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document


def _usable_keys(document: dict[str, Any]) -> dict[str | None, Key]:
    """Public signature keys by id. Symmetric keys and keys that cannot be read are passed over."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("not a key set")
    found: dict[str | None, Key] = {}
    for item in listed[:KEYS_MAX]:
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            key = JWKRegistry.import_key(item)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            found[key.kid] = key
    if not found:
        raise ValueError("no usable key")
    return found
