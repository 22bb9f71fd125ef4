"""A file that comes in over HTTP: streamed into the file store piece by piece, never held in memory.

Either `multipart/form-data` with a part `file` and small text parts, or the file itself as the body with everything
else as query parameters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.infra.files import NAME_LENGTH_MAX, FileStore, ReceivedFile, Receiving
from app.integrations.errors import UploadInvalid

TEXT_PART_BYTES_MAX = 256 * 1024
PARTS_MAX = 10
HEADER_BYTES_MAX = 4 * 1024
FIELDS = ("kind", "preset", "mapping", "options", "dry_run", "file_name")
_JSON_DEPTH_MAX = 16


@dataclass(slots=True)
class Said:
    """What came beside the file: its name and type, and texts."""

    file_name: str
    media_type: str
    texts: dict[str, str] = field(default_factory=dict)

    def content(self, name: str) -> Mapping[str, Any]:
        """A JSON object among the texts; an empty one when it is missing. Raises UploadInvalid."""
        text = self.texts.get(name)
        if not text:
            return {}
        try:
            found = json.loads(text)
            json.dumps(found).encode()
        except (ValueError, RecursionError):
            raise UploadInvalid(f"{name} is not JSON", pointer=f"/{name}") from None
        if not isinstance(found, dict):
            raise UploadInvalid(f"{name} is not a JSON object", pointer=f"/{name}")
        if "\\u0000" in json.dumps(found) or _has_surrogate(text, found) or _depth(found) > _JSON_DEPTH_MAX:
            detail = f"{name} holds NUL bytes, lone surrogates or too many levels"
            raise UploadInvalid(detail, pointer=f"/{name}")
        return found

    def flag(self, name: str) -> bool:
        """True or false among the texts; false when it is missing. Raises UploadInvalid."""
        text = self.texts.get(name, "").strip().lower()
        if text not in ("", "true", "false", "1", "0"):
            raise UploadInvalid(f"{name} is true or false", pointer=f"/{name}")
        return text in ("true", "1")


def _has_surrogate(text: str, found: Any) -> bool:
    if "\\ud" not in text.lower():
        return False
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _depth(found: Any) -> int:
    if isinstance(found, dict):
        return 1 + max(map(_depth, found.values()), default=0)
    if isinstance(found, list):
        return 1 + max(map(_depth, found), default=0)
    return 0


async def receive_upload(
    request: Request,
    store: FileStore,
    organization_id: UUID,
    *,
    limit_bytes: int,
    query: Mapping[str, str | None],
    check: Callable[[Said], None],
) -> tuple[ReceivedFile, Said]:
    """Stream the body into the store; the file is only kept when `check` does not raise.

    Raises UploadInvalid, FileTooLarge, StoreUnavailable.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    texts = {name: value for name, value in query.items() if value is not None}
    async with store.receive(organization_id, limit_bytes=limit_bytes) as receiving:
        if media_type == b"multipart/form-data":
            boundary = options.get(b"boundary", b"")
            form = await _read_form(request, receiving, boundary)
            texts.update(form.texts)
            name, kind = form.file_name, form.media_type
        else:
            async for piece in request.stream():
                await receiving.write(piece)
            name, kind = texts.get("file_name", "upload"), media_type.decode("latin-1")
        if receiving.size_bytes == 0:
            raise UploadInvalid("the file is missing or empty", pointer="/file")
        said = Said(_clean_name(name), kind[:100] or "application/octet-stream", texts)
        check(said)
        return await receiving.keep(), said


def _clean_name(name: str) -> str:
    """The last part of a path, without characters that cannot be shown."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(ch for ch in last if ch.isprintable() and not "\ud800" <= ch <= "\udfff").strip()
    return kept[:NAME_LENGTH_MAX] or "upload"


class _Form:
    """Takes the events of the parser: text parts are kept, the pieces of the file wait to be written."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.file_name = "upload"
        self.media_type = ""
        self.pieces: list[bytes] = []
        self.has_file = False
        self.ended = False
        self._parts = 0
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._in_file = False
        self._text = bytearray()

    def callbacks(self) -> Any:
        """The parser's table of callbacks."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header_part(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._header_part(1, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise UploadInvalid(f"more than {PARTS_MAX} parts")
        self._headers, self._text = {}, bytearray()

    def _header_part(self, which: int, data: bytes) -> None:
        self._header[which].extend(data)
        if len(self._header[which]) > HEADER_BYTES_MAX:
            raise UploadInvalid("the header of a part is too long")

    def _header_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = self._name == "file"
        if self._in_file:
            if self.has_file:
                raise UploadInvalid("more than one file", pointer="/file")
            self.has_file = True
            self.file_name = options.get(b"filename", b"upload").decode("utf-8", "replace")
            self.media_type = parse_options_header(self._headers.get(b"content-type", b""))[0].decode("latin-1")
        elif self._name not in FIELDS:
            shown = self._name[:40].encode("ascii", "backslashreplace").decode()
            raise UploadInvalid(f"{shown!r} is not a part; parts are file, {', '.join(FIELDS)}")

    def _data(self, data: bytes) -> None:
        if self._in_file:
            self.pieces.append(data)
            return
        self._text.extend(data)
        if len(self._text) > TEXT_PART_BYTES_MAX:
            raise UploadInvalid(f"longer than {TEXT_PART_BYTES_MAX} bytes", pointer=f"/{self._name}")

    def _end(self) -> None:
        if not self._in_file:
            try:
                self.texts[self._name] = self._text.decode()
            except UnicodeDecodeError:
                raise UploadInvalid("this is not UTF-8", pointer=f"/{self._name}") from None

    def _finish(self) -> None:
        self.ended = True


async def _read_form(request: Request, receiving: Receiving, boundary: bytes) -> _Form:
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for piece in request.stream():
            parser.write(piece)
            for data in form.pieces:
                await receiving.write(data)
            form.pieces.clear()
        parser.finalize()
    except FormParserError as error:
        raise UploadInvalid(f"the form cannot be read: {error}"[:200]) from None
    if not form.ended or not form.has_file:
        raise UploadInvalid("the form ends too early, or has no part `file`", pointer="/file")
    return form
