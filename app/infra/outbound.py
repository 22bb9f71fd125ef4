"""HTTP to addresses that customers of the service chose: webhooks and gateways. Hostile until proven public.

A name is resolved once, every address it gives is checked, and the connection goes to a checked address under the
original name (TLS checks that name): a second answer of the name server cannot lead inside. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from app.core.errors import RuleViolation

URL_LENGTH_MAX = 2_000
CONNECT_SECONDS = 5.0
EXCERPT_BYTES_MAX = 2_000
CONNECTIONS_MAX = 256
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


def check_host(host: str, *, private_allowed: bool = False, pointer: str = "/host") -> None:
    """A host that may be called, as far as its name tells. Raises TargetRefused. Names are resolved at the call."""
    if not private_allowed and _is_local(host):
        raise TargetRefused("the host is not public", pointer=pointer)


def connect_public(host: str, port: int, *, private_allowed: bool, seconds: float) -> socket.socket:
    """A connection to a host whose every address is public, resolved once. Blocking. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not private_allowed and not all(is_public(str(entry[4][0])) for entry in found):
        raise OSError("the host has an address that is not public")
    failure: OSError = OSError("the host has no address")
    for _family, _kind, _protocol, _name, address in found:
        try:
            return socket.create_connection((str(address[0]), port), seconds)
        except OSError as error:
            failure = error
    raise failure


class _PublicResolver(AbstractResolver):
    """Resolves a name once; every address that it has must be one that may be called."""

    def __init__(self, *, private_allowed: bool) -> None:
        self._private_allowed = private_allowed
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the host. Raises OSError when one of them is not public."""
        found = await self._inner.resolve(host, port, family)
        if not self._private_allowed and not all(is_public(entry["host"]) for entry in found):
            raise OSError("the host has an address that is not public")
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


@dataclass(slots=True)
class OutboundHttp:
    """Connections to the outside, for one event loop. Make it there, close it at the end."""

    private_allowed: bool = False
    _session: aiohttp.ClientSession = field(init=False)

    def __post_init__(self) -> None:
        trusted = ssl.create_default_context(cafile=certifi.where())
        trusted.load_default_certs()
        connector = aiohttp.TCPConnector(
            resolver=_PublicResolver(private_allowed=self.private_allowed),
            use_dns_cache=False,
            ssl=trusted,
            limit=CONNECTIONS_MAX,
            keepalive_timeout=IDLE_SECONDS_MAX,
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, *, seconds: float) -> Response:
        """POST once, within so many seconds in all. Never raises for what a network or a receiver does."""
        began = time.monotonic()
        limits = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS)
        try:
            check_url(url, private_allowed=self.private_allowed)
            target = URL(url, encoded=True)
            async with self._session.post(
                target, headers=headers, data=content, timeout=limits, allow_redirects=False
            ) as response:
                excerpt = await _excerpt(response)
                after = response.headers.get("Retry-After", "")[:40] or None
                return Response(response.status, excerpt, time.monotonic() - began, retry_after=after)
        except TargetRefused as refusal:
            detail = refusal.detail
        except TimeoutError:
            detail = "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"[:300]
        return Response(None, "", time.monotonic() - began, error=detail)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _excerpt(response: aiohttp.ClientResponse) -> str:
    """The first bytes of the body as text without control characters; the rest is not read."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= EXCERPT_BYTES_MAX:
            response.close()  # the connection goes too: what a receiver still wants to say is of no interest
            break
    text = body[:EXCERPT_BYTES_MAX].decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
