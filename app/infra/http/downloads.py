"""Headers of a file that a caller takes away."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
"""The schema of a file's bytes in an operation's responses."""


def download_headers(name: str) -> dict[str, str]:
    """A download under this name (RFC 6266), never kept by a cache and never taken for another type."""
    plain = "".join(ch if ch.isascii() and (ch.isalnum() or ch in "-_.") else "_" for ch in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {
        "Content-Disposition": disposition,
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
