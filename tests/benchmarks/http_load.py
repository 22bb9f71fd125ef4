"""A light HTTP/1.1 load client on raw streams, so that the client is not what is measured.

Sends one request at a time on each of `clients` kept-alive connections and notes the latency of each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of requests took."""

    requests: int
    seconds: float
    latencies_ms: list[float]
    statuses: dict[int, int]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency below which that share of the requests stayed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median_ms(self) -> float:
        """The median latency."""
        return median(self.latencies_ms)


def request_bytes(method: str, path: str, *, token: str | None = None, body: bytes = b"", headers: str = "") -> bytes:
    """One HTTP/1.1 request."""
    auth = f"Authorization: Bearer {token}\r\n" if token else ""
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{auth}{kind}{headers}\r\n".encode() + body


async def run_load(host: str, port: int, requests: Iterator[bytes], *, clients: int, seconds: float = 1e9) -> Load:
    """Send the requests over `clients` connections until they end or the time is over."""
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    started = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            for request in requests:
                if time.perf_counter() - started > seconds:
                    return
                begun = time.perf_counter()
                writer.write(request)
                status = await _response(reader)
                latencies.append((time.perf_counter() - begun) * 1000)
                statuses[status] = statuses.get(status, 0) + 1
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(len(latencies), time.perf_counter() - started, latencies, statuses)


async def _response(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        length = int(lower[at + 15 : lower.index(b"\r\n", at)])
        await reader.readexactly(length)
    return status
