"""Links to copies of invoices that stand in reminders: signed, for a time, opened without a login. Pure.

A link names organization, document and its last day, and is signed with a key made of the service's secret: nobody can
make one, or change what it leads to. Whoever has the message can open it, as with a file that is attached.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

LINK_DAYS = 60
"""Longer than a customer takes to answer a reminder; whoever comes later asks for a copy."""
_SIGNATURE_BYTES = 20
_PURPOSE = b"duecourse invoice copy link v1"
TOKEN_LENGTH = 75
"""Two ids, a day, a signature: 56 bytes as base64url."""


@dataclass(frozen=True, slots=True)
class CopyLink:
    """What a link leads to, and its last day."""

    organization_id: UUID
    document_id: UUID
    last_day: date


def copy_token(secret: str, organization_id: UUID, document_id: UUID, today: date, *, days: int = LINK_DAYS) -> str:
    """The token of a link that can be opened until so many days from `today`."""
    last_day = today + timedelta(days=days)
    raw = organization_id.bytes + document_id.bytes + last_day.toordinal().to_bytes(4, "big")
    return base64.urlsafe_b64encode(raw + _signature(secret, raw)).decode().rstrip("=")


def read_copy_token(secrets: Sequence[str], token: str, today: date) -> CopyLink | None:
    """What the link leads to; None for one that is damaged, not ours or too old. Secrets: present and previous one."""
    try:
        signed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (ValueError, UnicodeEncodeError):
        return None
    if len(signed) != 36 + _SIGNATURE_BYTES:
        return None
    raw, given = signed[:36], signed[36:]
    if not any(hmac.compare_digest(_signature(secret, raw), given) for secret in secrets):
        return None
    found = CopyLink(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), date.fromordinal(int.from_bytes(raw[32:36], "big")))
    return found if today <= found.last_day else None


def _signature(secret: str, raw: bytes) -> bytes:
    key = hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)
    return hmac.digest(key, raw, hashlib.sha256)[:_SIGNATURE_BYTES]
