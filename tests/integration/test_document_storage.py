"""Documents in an S3-compatible bucket: signed as AWS publishes it, and moved by nothing but the settings."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.core.ids import new_id
from app.documents.service import keep_content
from app.documents.storage import BucketStore, document_store
from app.infra.files import FileMissing
from app.infra.s3 import Bucket, BucketUnavailable, ObjectMissing, signature_headers
from app.settings import Settings
from tests.unit.documents.test_rules import PDF

ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_requests_are_signed_as_in_the_published_example() -> None:
    """AWS, "Authenticating Requests: Using the Authorization Header", example GET Object."""
    signed = signature_headers(
        "GET", "examplebucket.s3.amazonaws.com", "/test.txt", b"", {"range": "bytes=0-9"}, region="us-east-1",
        access_key=ACCESS, secret_key=SECRET, now=datetime(2013, 5, 24, tzinfo=UTC),
    )  # fmt: skip
    assert signed["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


class FakeBucket(httpx.AsyncBaseTransport):
    """Objects in memory; refuses what is not signed as it would sign it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        said = request.headers["authorization"]
        named = said.split("SignedHeaders=")[1].split(",")[0].split(";")
        headers = {
            name: request.headers[name] for name in named if name not in ("host", "x-amz-date", "x-amz-content-sha256")
        }
        now = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        path = request.url.raw_path.decode()
        expected = signature_headers(
            request.method, request.headers["host"], path, content, headers, region="eu", access_key=ACCESS,
            secret_key=SECRET, now=now,
        )  # fmt: skip
        if expected["authorization"] != said:
            return httpx.Response(403)
        if request.method == "PUT":
            self.objects[path] = content
            return httpx.Response(200)
        return httpx.Response(200, content=self.objects[path]) if path in self.objects else httpx.Response(404)


async def test_a_bucket_keeps_documents() -> None:
    transport = FakeBucket()
    bucket = Bucket("https://s3.example:9000", "papers", "eu", ACCESS, SECRET, transport)
    store, organization_id = BucketStore(bucket), new_id()
    kept = await keep_content(store, organization_id, PDF, "a.pdf")
    assert (kept.kept_in, kept.sha256) == ("s3", hashlib.sha256(PDF).hexdigest())
    assert list(transport.objects) == [f"/papers/{organization_id}/{kept.sha256}"]
    assert await store.get(organization_id, kept.sha256) == PDF
    with pytest.raises(ObjectMissing):
        await store.get(organization_id, "0" * 64)
    wrong = BucketStore(Bucket("https://s3.example:9000", "papers", "eu", ACCESS, "other", transport))
    with pytest.raises(BucketUnavailable):
        await wrong.put(organization_id, kept.sha256, PDF, "application/pdf")
    closed = Bucket("http://127.0.0.1:9", "papers", "eu", ACCESS, SECRET)
    with pytest.raises(BucketUnavailable):
        await closed.get("x")


async def test_settings_choose_the_store(tmp_path: Path) -> None:
    on_disk = Settings(data_dir=tmp_path)
    store, organization_id = document_store(on_disk), new_id()
    kept = await keep_content(store, organization_id, PDF, "a.pdf")
    assert kept.kept_in == "disk"
    assert await store.get(organization_id, kept.sha256) == PDF
    with pytest.raises(FileMissing):
        await store.get(organization_id, "0" * 64)
    bucketed = Settings(
        data_dir=tmp_path,
        bucket_endpoint="https://s3.example",
        bucket_name="papers",
        bucket_access_key="a",
        bucket_secret_key="b",
    )
    assert document_store(bucketed).kept_in == "s3"
    assert await document_store(bucketed, "disk").get(organization_id, kept.sha256) == PDF
    with pytest.raises(ValueError, match="belong together"):
        Settings(bucket_name="papers")
