"""A message put together by hand where its parts are plain: what the library does in milliseconds, in a tenth of them.

Only for what needs no grammar: bodies, and files whose names are short plain ASCII. `message.py` checks every header
before, and leaves all else to the library.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Sequence

LINE_OCTETS_MAX = 990
"""A line of a body as it is; longer ones are encoded (RFC 5322 allows 998)."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._ ()+-]{1,60}")


def is_plain_name(name: str) -> bool:
    """Whether a file name can stand in a header as it is."""
    return _PLAIN_NAME.fullmatch(name) is not None


def assemble(
    head: Sequence[tuple[str, str]], text: str, html: str | None, files: Sequence[tuple[str, str, bytes]]
) -> bytes:
    """The bytes of a message: checked headers that are folded already, bodies, files (name, media type, content)."""
    body = _text_part("plain", text)
    if html is not None:
        body = _multipart("alternative", [body, _text_part("html", html)])
    if files:
        body = _multipart("mixed", [body, *(_file_part(*one) for one in files)])
    lines = [f"{name}: {value}".encode("ascii") for name, value in head]
    return b"\r\n".join([*lines, b"MIME-Version: 1.0", body])


def _text_part(subtype: str, text: str) -> bytes:
    """A text with its headers: as it is where it is plain, else quoted or, where that is shorter, as base64."""
    body = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    if not body.endswith("\r\n"):
        body += "\r\n"
    raw = body.encode("utf-8")
    head = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: ' % subtype.encode()
    if body.isascii() and max(map(len, raw.split(b"\r\n"))) <= LINE_OCTETS_MAX:
        return head + b"7bit\r\n\r\n" + raw
    quoted = binascii.b2a_qp(raw, istext=True)
    if len(quoted) * 3 <= len(raw) * 4:
        return head + b"quoted-printable\r\n\r\n" + quoted
    return head + b"base64\r\n\r\n" + _base64(raw)


def _file_part(name: str, media_type: str, content: bytes) -> bytes:
    head = (
        f"Content-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    return head.encode("ascii") + _base64(content)


def _multipart(kind: str, parts: Sequence[bytes]) -> bytes:
    boundary = f"=_{secrets.token_hex(16)}".encode()  # nobody can know it who wrote a part
    made = [b'Content-Type: multipart/%s; boundary="%s"\r\n' % (kind.encode(), boundary)]
    made += [b"--" + boundary + b"\r\n" + part for part in parts]
    return b"\r\n".join([*made, b"--" + boundary + b"--\r\n"])


def _base64(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")
