"""Where uploaded and generated files live: on disk, by their hash, one folder for each organization.

A file is written to a temporary name and renamed when it is whole, so that a name always holds what it says. The same
content is kept once. The row in `stored_files` says who has which file; the bytes never enter the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from app.core.errors import NotFound, TooLarge, Unavailable
from app.core.ids import new_id
from app.infra.database import WriteSession

NAME_LENGTH_MAX = 200
_BUFFER_BYTES = 1024 * 1024
_INSERT = """
INSERT INTO stored_files (organization_id, id, sha256, size_bytes, media_type, name) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, sha256) DO NOTHING
"""


class FileTooLarge(TooLarge):
    """The file grew past its bound while it was received."""

    code = "file.too_large"


class FileMissing(NotFound):
    """The bytes of the file are not in the store."""

    code = "file.missing"


class StoreUnavailable(Unavailable):
    """The store cannot be written: full, or not permitted."""

    code = "file.store_unavailable"


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file in the store."""

    sha256: str
    size_bytes: int


class FileStore:
    """Files under one folder (`DUECOURSE_DATA_DIR/files`); API and workers must see the same one."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "files"

    def receive(self, organization_id: UUID, *, limit_bytes: int) -> Receiving:
        """Begin to receive a file; use as a context manager and `await keep()` when it is whole."""
        return Receiving(self._root / str(organization_id), limit_bytes)

    def path(self, organization_id: UUID, sha256: str) -> Path:
        """Where the bytes are. Raises FileMissing."""
        found = _place(self._root / str(organization_id), sha256)
        if not found.is_file():
            raise FileMissing("the file is not in the store")
        return found

    def remove(self, organization_id: UUID, sha256: str, written_before: datetime) -> None:
        """Delete the bytes, unless they were written again since that instant; nothing when they are gone."""
        found = _place(self._root / str(organization_id), sha256)
        with contextlib.suppress(FileNotFoundError):
            if found.stat().st_mtime < written_before.timestamp():
                found.unlink()

    def remove_abandoned(self, organization_id: UUID, written_before: datetime) -> None:
        """Delete what is left of uploads whose process was killed before that instant."""
        for part in (self._root / str(organization_id)).glob(".*.part"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < written_before.timestamp():
                    part.unlink()


class Receiving:
    """A file on its way in: bounded, hashed while it is written, gone unless `keep` is reached."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._temporary: Path | None = None
        self._stream: BinaryIO | None = None
        self.size_bytes = 0

    async def __aenter__(self) -> Receiving:
        self._temporary = self._folder / f".{secrets.token_hex(8)}.part"
        self._stream = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                self._temporary.unlink()

    async def write(self, data: bytes) -> None:
        """Take the next piece. Raises FileTooLarge, StoreUnavailable."""
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            raise FileTooLarge(f"the file is larger than {self._limit_bytes} bytes")
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await asyncio.to_thread(self._flush)

    async def keep(self) -> ReceivedFile:
        """Make the file part of the store, durably. Raises StoreUnavailable."""
        return await asyncio.to_thread(self._keep)

    def _open(self) -> BinaryIO:
        assert self._temporary is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self._temporary.open("xb", buffering=0)
        except OSError as error:
            raise StoreUnavailable(f"the file store cannot be written: {error.strerror}") from None

    def _flush(self) -> None:
        assert self._stream is not None
        data, self._buffer = bytes(self._buffer), bytearray()
        self._digest.update(data)
        try:
            view = memoryview(data)
            while view:
                view = view[self._stream.write(view) :]
        except OSError as error:
            raise StoreUnavailable(f"the file store cannot be written: {error.strerror}") from None

    def _keep(self) -> ReceivedFile:
        assert self._stream is not None
        assert self._temporary is not None
        self._flush()
        sha256 = self._digest.hexdigest()
        place = _place(self._folder, sha256)
        try:
            os.fsync(self._stream.fileno())
            self._stream.close()
            place.parent.mkdir(exist_ok=True, mode=0o700)
            self._temporary.replace(place)
            for folder in (place.parent, self._folder):
                _sync(folder)
        except OSError as error:
            raise StoreUnavailable(f"the file store cannot be written: {error.strerror}") from None
        return ReceivedFile(sha256, self.size_bytes)


def _place(folder: Path, sha256: str) -> Path:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise FileMissing("this is no name of a stored file")
    return folder / sha256[:2] / sha256


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def register_file(session: WriteSession, file: ReceivedFile, *, name: str, media_type: str) -> None:
    """Write down that the organization has this file (once for each content)."""
    await session.driver.execute(
        _INSERT,
        session.organization_id,
        new_id(),
        file.sha256,
        file.size_bytes,
        media_type,
        name[:NAME_LENGTH_MAX],
    )
