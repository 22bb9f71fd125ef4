"""Objects in an S3-compatible bucket, over plain HTTP requests signed with AWS Signature Version 4.

Addressed by path (`endpoint/bucket/key`), which MinIO, Ceph, Garage and AWS all understand.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

import httpx

from app.core.clock import utc_now
from app.core.errors import NotFound, Unavailable

TIMEOUT_SECONDS = 30.0
_ALGORITHM = "AWS4-HMAC-SHA256"


class ObjectMissing(NotFound):
    """The bucket has no object of this name."""

    code = "file.missing"


class BucketUnavailable(Unavailable):
    """The bucket does not answer, or refuses."""

    code = "file.store_unavailable"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects are, and with which key requests are signed."""

    endpoint: str
    name: str
    region: str
    access_key: str
    secret_key: str
    transport: httpx.AsyncBaseTransport | None = None

    async def put(self, key: str, content: bytes, media_type: str) -> None:
        """Write an object; the server checks the hash of what arrives. Raises BucketUnavailable."""
        response = await self._send("PUT", key, content, {"content-type": media_type})
        if response.status_code not in (200, 201, 204):
            raise BucketUnavailable(f"the bucket answered {response.status_code}")

    async def get(self, key: str) -> bytes:
        """The content of an object. Raises ObjectMissing, BucketUnavailable."""
        response = await self._send("GET", key, b"", {})
        if response.status_code == 404:
            raise ObjectMissing("the file is not in the store")
        if response.status_code != 200:
            raise BucketUnavailable(f"the bucket answered {response.status_code}")
        return response.content

    async def delete(self, key: str) -> None:
        """Delete an object; nothing when it is gone. Raises BucketUnavailable."""
        response = await self._send("DELETE", key, b"", {})
        if response.status_code not in (200, 202, 204, 404):
            raise BucketUnavailable(f"the bucket answered {response.status_code}")

    async def _send(self, method: str, key: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        path = f"/{quote(self.name, safe='')}/{quote(key, safe='/-_.~')}"
        host = urlsplit(self.endpoint).netloc
        signed = signature_headers(
            method, host, path, content, headers, region=self.region, access_key=self.access_key,
            secret_key=self.secret_key, now=utc_now(),
        )  # fmt: skip
        try:
            async with httpx.AsyncClient(
                timeout=TIMEOUT_SECONDS, transport=self.transport, follow_redirects=False
            ) as client:
                return await client.request(
                    method, f"{self.endpoint.rstrip('/')}{path}", headers=signed, content=content
                )
        except httpx.HTTPError as error:
            raise BucketUnavailable(f"the bucket does not answer: {type(error).__name__}") from None


def signature_headers(
    method: str,
    host: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    *,
    region: str,
    access_key: str,
    secret_key: str,
    now: datetime,
) -> dict[str, str]:
    """The headers of a signed request without a query (AWS, "Signature Version 4 signing process" for S3)."""
    digest = hashlib.sha256(content).hexdigest()
    instant = now.strftime("%Y%m%dT%H%M%SZ")
    every = {**headers, "host": host, "x-amz-content-sha256": digest, "x-amz-date": instant}
    names = ";".join(sorted(every))
    lines = "".join(f"{name}:{every[name].strip()}\n" for name in sorted(every))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{instant[:8]}/{region}/s3/aws4_request"
    to_sign = f"{_ALGORITHM}\n{instant}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for part in (instant[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    every["authorization"] = (
        f"{_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return every
