"""Whether events really come from the provider: Standard Webhooks, HMAC-SHA256 over id, time and body. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""An older message, or one from so far ahead, is not believed: it may be a replay."""


def secrets_of(configured: str) -> list[bytes]:
    """Up to two secrets with a comma between, while they are changed; `whsec_` and base64, or any other text."""
    return [_secret(part.strip()) for part in configured.split(",")[:2] if part.strip()]


def _secret(text: str) -> bytes:
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return text.encode()


def is_signed(
    secrets: Sequence[bytes], message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime
) -> bool:
    """Whether one of the signatures (`v1,<base64>`, blanks between) is of one of the secrets, and the time is near."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12) or not message_id:
        return False
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    wanted = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)) for secret in secrets]
    given = [part.partition(",")[2].encode() for part in signatures.split(" ")[:5] if part.startswith("v1,")]
    return any(hmac.compare_digest(one, other) for one in given for other in wanted)
