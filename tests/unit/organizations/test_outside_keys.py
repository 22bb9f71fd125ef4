"""Keys of the outside provider: kept, renewed with a bounded rate, never symmetric, not lost when it is down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from app.organizations.outside_keys import DOCUMENT_LIMIT_BYTES, FRESH_SECONDS, OutsideKeys, ProviderUnreachable

ISSUER = "https://id.example"
JWKS = f"{ISSUER}/keys"


def _key(kid: str) -> dict[str, Any]:
    return dict(ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}).as_dict(private=False))


class Provider:
    """A stand-in for the provider's web server."""

    def __init__(self, *kids: str) -> None:
        self.keys = [_key(kid) for kid in kids]
        self.requests: list[str] = []
        self.answer: Callable[[], httpx.Response] | None = None
        self.now = 1000.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(str(request.url))
        if self.answer is not None:
            return self.answer()
        if request.url.path.startswith("/.well-known"):
            return httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": JWKS})
        return httpx.Response(200, json={"keys": self.keys})

    def client(self, jwks_url: str | None = JWKS) -> OutsideKeys:
        return OutsideKeys(ISSUER, jwks_url, transport=httpx.MockTransport(self), clock=lambda: self.now)


async def _kid(keys: OutsideKeys, kid: str | None) -> str | None:
    found = await keys.find(kid)
    return None if found is None else found.kid


async def test_keys_are_fetched_once_by_many_at_the_same_time() -> None:
    provider = Provider("a", "b")
    keys = provider.client()
    assert await asyncio.gather(*(_kid(keys, kid) for kid in "abab")) == ["a", "b", "a", "b"]
    assert provider.requests == [JWKS]


async def test_discovery_finds_the_keys() -> None:
    provider = Provider("a")
    assert await _kid(provider.client(None), "a") == "a"
    assert provider.requests == [f"{ISSUER}/.well-known/openid-configuration", JWKS]


async def test_the_discovery_document_of_another_issuer_is_not_taken() -> None:
    provider = Provider("a")
    provider.answer = lambda: httpx.Response(200, json={"issuer": "https://evil.example", "jwks_uri": JWKS})
    with pytest.raises(ProviderUnreachable):
        await provider.client(None).find("a")


async def test_unknown_ids_ask_again_at_a_bounded_rate_and_find_rotated_keys() -> None:
    provider = Provider("a")
    keys = provider.client()
    assert await _kid(keys, "a") == "a"
    for number in range(50):
        assert await keys.find(f"forged-{number}") is None
    assert len(provider.requests) == 1
    provider.keys.append(_key("new"))
    provider.now += 31
    assert await _kid(keys, "new") == "new"
    assert len(provider.requests) == 2


async def test_known_keys_outlive_a_provider_that_is_down() -> None:
    provider = Provider("a")
    keys = provider.client()
    await keys.find("a")

    def down() -> httpx.Response:
        raise httpx.ConnectError("down")

    provider.answer = down
    provider.now += FRESH_SECONDS * 10
    assert await _kid(keys, "a") == "a"
    assert await keys.find("b") is None
    assert len(provider.requests) == 2


async def test_a_withdrawn_key_is_gone_after_the_next_renewal() -> None:
    provider = Provider("a", "b")
    keys = provider.client()
    assert await _kid(keys, "a") == "a"
    provider.keys = provider.keys[1:]
    provider.now += FRESH_SECONDS + 1
    assert await _kid(keys, "a") is None
    assert await _kid(keys, "b") == "b"


async def test_a_token_without_key_id_takes_the_only_key() -> None:
    assert await _kid(Provider("a").client(), None) == "a"
    assert await _kid(Provider("a", "b").client(), None) is None


async def test_symmetric_encryption_and_damaged_keys_are_passed_over() -> None:
    provider = Provider("a")
    secret = dict(OctKey.generate_key(256, {"kid": "oct"}).as_dict(private=True))
    provider.keys += [secret, {**_key("enc"), "use": "enc"}, {"kty": "EC", "kid": "bad", "crv": "P-256"}, {"kid": "x"}]
    keys = provider.client()
    assert [await _kid(keys, kid) for kid in ("a", "oct", "enc", "bad", "x")] == ["a", None, None, None, None]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "https://evil.example/keys"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["keys"]),
        httpx.Response(200, json={"keys": {}}),
        httpx.Response(200, json={"keys": []}),
        httpx.Response(200, content=b" " * (DOCUMENT_LIMIT_BYTES + 1)),
    ],
)
async def test_what_is_not_a_key_set_is_refused(answer: httpx.Response) -> None:
    provider = Provider("a")
    provider.answer = lambda: answer
    keys = provider.client()
    with pytest.raises(ProviderUnreachable):
        await keys.find("a")
    assert len(provider.requests) == 1
