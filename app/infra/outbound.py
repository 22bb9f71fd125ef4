"""HTTP to addresses that customers of the service chose: webhooks and gateways. Hostile until proven public.

A name is resolved once, every address it gives is checked, and the connection goes to a checked address under the
original name (TLS checks that name): a second answer of the name server cannot lead inside. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi
import httpcore

from app.core.errors import RuleViolation

URL_LENGTH_MAX = 2_000
CONNECT_SECONDS = 5.0
EXCERPT_BYTES_MAX = 2_000
CONNECTIONS_MAX = 256
IDLE_CONNECTIONS_MAX = 64
IDLE_SECONDS_MAX = 15.0
# What `is_global` of older Pythons lets pass: ways to reach an IPv4 address through an IPv6 one, and documentation.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0/96", "::/96", "3fff::/20",
                 "192.88.99.0/24", "fec0::/10")
)  # fmt: skip


class TargetRefused(RuleViolation):
    """The address may not be called: not http(s), with credentials, or not public."""

    code = "outbound.target_refused"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: status, the first bytes of the body as text, seconds. `error` instead of a status when none."""

    status: int | None
    excerpt: str
    seconds: float
    error: str | None = None
    retry_after: str | None = None

    @property
    def succeeded(self) -> bool:
        """A status of 2xx."""
        return self.status is not None and 200 <= self.status < 300


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet: global, not multicast, no tunnel into IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if any(parsed.version == network.version and parsed in network for network in _NEVER):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved and not parsed.is_unspecified


def check_url(url: str, *, private_allowed: bool = False, pointer: str = "/url") -> SplitResult:
    """The parts of a URL that may be called. Raises TargetRefused, naming the reason. Names are resolved at the call.

    Plain http is for private addresses only, i.e. for developers.
    """
    if len(url) > URL_LENGTH_MAX or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise TargetRefused("a URL of at most 2,000 printable ASCII characters without blanks", pointer=pointer)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetRefused("not a URL", pointer=pointer) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and private_allowed):
        raise TargetRefused("the URL begins with https://", pointer=pointer)
    if not host or parts.username is not None or parts.password is not None or port == 0:
        raise TargetRefused("a URL with a host, without user name and password", pointer=pointer)
    if parts.fragment:
        raise TargetRefused("a URL without a fragment (#)", pointer=pointer)
    if not private_allowed and _is_local(host):
        raise TargetRefused("the host is not public", pointer=pointer)
    return parts


def _is_local(host: str) -> bool:
    """Refused before any name server is asked: addresses that are not public, and names that cannot be."""
    literal = host.strip("[]").rstrip(".")
    try:
        ipaddress.ip_address(literal.partition("%")[0])
    except ValueError:
        suffixes = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".arpa", ".onion")
        if "." not in literal or literal.lower().endswith(suffixes):
            return True
        # Forms such as 127.1 or 0x7f.0.0.1, which resolvers take for addresses.
        return literal.rpartition(".")[2].isdigit() or literal.rpartition(".")[2].lower().startswith("0x")
    return not is_public(literal)


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects only to checked addresses."""

    def __init__(self, *, private_allowed: bool) -> None:
        self._private_allowed = private_allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A stream to the first address of the host that may be called. Raises httpcore.ConnectError."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name does not resolve") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in addresses if self._private_allowed or is_public(address)]
        if not allowed or len(allowed) != len(addresses):
            raise httpcore.ConnectError("the host has an address that is not public")
        last: Exception = httpcore.ConnectError("no address")
        for address in allowed[:3]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, None)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(self, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise httpcore.ConnectError("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


@dataclass(slots=True)
class OutboundHttp:
    """A pool of connections to the outside, for one event loop. Close it at the end."""

    private_allowed: bool = False
    _pool: httpcore.AsyncConnectionPool = field(init=False)

    def __post_init__(self) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(cafile=certifi.where()),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=IDLE_CONNECTIONS_MAX,
            keepalive_expiry=IDLE_SECONDS_MAX,
            network_backend=_GuardedNetwork(private_allowed=self.private_allowed),
        )

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, *, seconds: float) -> Response:
        """POST once, within so many seconds in all. Never raises for what a network or a receiver does."""
        began = time.monotonic()
        timeouts = {"connect": CONNECT_SECONDS, "read": seconds, "write": seconds, "pool": seconds}
        sent = {"Host": urlsplit(url).netloc.rpartition("@")[2], **headers, "Content-Length": str(len(content))}
        try:
            async with (
                asyncio.timeout(seconds),
                self._pool.stream(
                    "POST", url, headers=list(sent.items()), content=content, extensions={"timeout": timeouts}
                ) as response,
            ):
                excerpt = await _excerpt(response)
                after = dict(response.headers).get(b"retry-after", b"").decode("latin-1")[:40] or None
                return Response(response.status, excerpt, time.monotonic() - began, retry_after=after)
        except TimeoutError:
            detail = "no answer in time"
        except httpcore.TimeoutException:
            detail = "no answer in time"
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"[:300]
        return Response(None, "", time.monotonic() - began, error=detail)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


async def _excerpt(response: httpcore.Response) -> str:
    """The first bytes of the body as text without control characters; the rest is not read."""
    body = b""
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) >= EXCERPT_BYTES_MAX:
            break
    text = body[:EXCERPT_BYTES_MAX].decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
