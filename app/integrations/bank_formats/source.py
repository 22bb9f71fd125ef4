"""The bytes of a bank file, read once and forwards, never past a bound."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from app.integrations.bank_formats.errors import BankFileRefused

CHUNK_BYTES = 64 * 1024


class ByteSource:
    """Bytes or a binary stream with a look at its beginning and a bound on its length."""

    def __init__(self, data: bytes | BinaryIO, *, max_bytes: int) -> None:
        self._stream: BinaryIO = BytesIO(data) if isinstance(data, bytes | bytearray | memoryview) else data
        self._max_bytes = max_bytes
        self._head = b""
        self._read_bytes = 0

    def head(self, size: int = CHUNK_BYTES) -> bytes:
        """The first bytes, at most `size`, without consuming them."""
        while len(self._head) < size:
            chunk = self._read(size - len(self._head))
            if not chunk:
                break
            self._head += chunk
        return self._head[:size]

    def chunks(self) -> Iterator[bytes]:
        """All bytes in pieces. Raises BankFileRefused (`bank_file.too_large`) past the bound."""
        head, self._head = self._head, b""
        if head:
            yield head
        while chunk := self._read(CHUNK_BYTES):
            yield chunk

    def read_all(self, *, max_bytes: int) -> bytes:
        """All bytes at once, for the line formats. Raises BankFileRefused past `max_bytes`."""
        self._max_bytes = min(self._max_bytes, max_bytes)
        pieces: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > self._max_bytes:
                raise self._too_large()
            pieces.append(chunk)
        return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._read_bytes += len(chunk)
        if self._read_bytes > self._max_bytes:
            raise self._too_large()
        return chunk

    def _too_large(self) -> BankFileRefused:
        return BankFileRefused("bank_file.too_large", f"the file is larger than {self._max_bytes} bytes")
