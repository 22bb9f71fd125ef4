"""Where the bytes of documents are: files of the data folder, or objects of an S3-compatible bucket."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from app.infra.files import FileStore
from app.infra.s3 import Bucket
from app.settings import Settings


class DocumentStore(Protocol):
    """Puts and gets whole documents by their hash."""

    kept_in: Literal["disk", "s3"]

    async def put(self, organization_id: UUID, sha256: str, content: bytes, media_type: str) -> None:
        """Keep the bytes, durably. Raises StoreUnavailable, BucketUnavailable."""

    async def get(self, organization_id: UUID, sha256: str) -> bytes:
        """The bytes. Raises FileMissing, ObjectMissing, BucketUnavailable."""

    async def remove(self, organization_id: UUID, sha256: str, written_before: datetime) -> None:
        """Delete the bytes, unless (on disk) they were written again since. Raises BucketUnavailable."""


class DiskStore:
    """One folder for each organization; see `infra/files.py`."""

    kept_in: Literal["disk", "s3"] = "disk"

    def __init__(self, files: FileStore) -> None:
        self._files = files

    async def put(self, organization_id: UUID, sha256: str, content: bytes, media_type: str) -> None:
        """Write the file whole, then under its name."""
        async with self._files.receive(organization_id, limit_bytes=len(content)) as receiving:
            await receiving.write(content)
            kept = await receiving.keep()
        assert kept.sha256 == sha256

    async def get(self, organization_id: UUID, sha256: str) -> bytes:
        """Read the file."""
        path = self._files.path(organization_id, sha256)
        return await asyncio.to_thread(path.read_bytes)

    async def remove(self, organization_id: UUID, sha256: str, written_before: datetime) -> None:
        """Delete the file."""
        await asyncio.to_thread(self._files.remove, organization_id, sha256, written_before)


class BucketStore:
    """Objects `<organization>/<hash>`."""

    kept_in: Literal["disk", "s3"] = "s3"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put(self, organization_id: UUID, sha256: str, content: bytes, media_type: str) -> None:
        """Write the object."""
        await self._bucket.put(f"{organization_id}/{sha256}", content, media_type)

    async def get(self, organization_id: UUID, sha256: str) -> bytes:
        """Read the object."""
        return await self._bucket.get(f"{organization_id}/{sha256}")

    async def remove(self, organization_id: UUID, sha256: str, written_before: datetime) -> None:
        """Delete the object."""
        await self._bucket.delete(f"{organization_id}/{sha256}")


def document_store(settings: Settings, kept_in: str | None = None) -> DocumentStore:
    """The store for new documents, or the one in which a document is kept.

    A bucket that was configured later does not take over what is on disk: each document says where it is.
    """
    bucketed = settings.bucket_name is not None if kept_in is None else kept_in == "s3"
    if not bucketed:
        return DiskStore(FileStore(settings.data_dir))
    secret = settings.bucket_secret_key.get_secret_value() if settings.bucket_secret_key else ""
    return BucketStore(
        Bucket(
            endpoint=settings.bucket_endpoint or "",
            name=settings.bucket_name or "",
            region=settings.bucket_region,
            access_key=settings.bucket_access_key or "",
            secret_key=secret,
        )
    )
