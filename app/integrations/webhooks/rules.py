"""Pure rules of webhooks: the signature of Standard Webhooks, when to try again, which events an endpoint wants.

Format: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.errors import RuleViolation

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
EVENT_TYPES_MAX = 100
TEST_EVENT = "webhook_endpoint.tested"
RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Pauses before the second and each further try: a little over three days together."""
PAUSE_FIRST_SECONDS, PAUSE_MAX_SECONDS = 5, 300
OVERLAP_HOURS_MAX = 168
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?|\*", re.ASCII)


class EventTypesInvalid(RuleViolation):
    """Not names of events such as `invoice.issued` or `invoice.*`."""

    code = "webhook_endpoint.event_types_invalid"


@dataclass(frozen=True, slots=True)
class Message:
    """One event as it is sent: its id (the same in every try), and the body."""

    id: str
    body: bytes


def check_event_types(types: Iterable[str]) -> list[str]:
    """Types without repeats, sorted; empty means every event. `invoice.*` means all of the invoice.

    Raises EventTypesInvalid.
    """
    found = sorted(set(types))
    if len(found) > EVENT_TYPES_MAX:
        raise EventTypesInvalid(f"at most {EVENT_TYPES_MAX} types", pointer="/event_types")
    for name in found:
        if len(name) > 100 or not _TYPE.fullmatch(name):
            raise EventTypesInvalid(f"{name[:40]!r} is not a type such as invoice.issued or invoice.*",
                                    pointer="/event_types")  # fmt: skip
    return [] if "*" in found else found


def wants(types: Sequence[str], event_type: str) -> bool:
    """Whether an endpoint with these types wants that event."""
    if not types or event_type in types:
        return True
    parts = event_type.split(".")
    return any(".".join([*parts[:length], "*"]) in types for length in range(1, len(parts)))


def message(event: Mapping[str, Any]) -> Message:
    """The message of an event of the change log: `type`, `timestamp` and `data`, as GET /v1/events shows it."""
    body = {
        "type": event["event"],
        "timestamp": _instant(event["recorded_at"]),
        "data": {
            "event_id": str(event["id"]),
            "position": event["position"],
            "entity": {"type": event["entity_type"], "id": str(event["entity_id"])},
            "actor": {
                "kind": event["actor_kind"],
                "id": None if event["actor_id"] is None else str(event["actor_id"]),
                "name": event["actor_name"],
            },
            "effective_date": None if event["effective_date"] is None else event["effective_date"].isoformat(),
            "reason": event["reason"],
            "before": event["before"],
            "after": event["after"],
        },
    }
    return Message(message_id(event["id"]), json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def message_id(event_id: UUID) -> str:
    """`webhook-id`: a receiver that has seen it throws the repeat away."""
    return f"evt_{event_id.hex}"


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def new_secret(random_bytes: bytes) -> str:
    """The secret as its owner gets it. Raises ValueError when it is too short to be one."""
    if len(random_bytes) < 24:
        raise ValueError("a secret has at least 24 bytes")
    return SECRET_PREFIX + base64.b64encode(random_bytes).decode()


def secret_bytes(secret: str) -> bytes:
    """The key of a secret."""
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))


def signed_headers(keys: Sequence[bytes], sent: Message, at: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks; one signature for each key, so that both sides may rotate."""
    timestamp = str(int(at.timestamp()))
    signed = f"{sent.id}.{timestamp}.".encode() + sent.body
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": sent.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def next_try(attempts: int, now: datetime, seed: int, retry_after: str | None = None) -> datetime | None:
    """When to try again after so many failed tries, up to a tenth later by the seed; None: no more.

    `retry_after` in seconds, as the receiver gave it, may make it later, to a day at most.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    pause = RETRY_DELAYS[attempts - 1] * (1 + (seed % 1000) / 10_000)
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        pause = max(pause, timedelta(seconds=min(int(retry_after[:6]), 86_400)))
    return now + pause


def pause_seconds(failures: int) -> int:
    """How long an endpoint rests that failed so many times in a row: 5 seconds, doubling up to 5 minutes."""
    return int(min(PAUSE_MAX_SECONDS, PAUSE_FIRST_SECONDS * 2 ** min(max(failures - 1, 0), 10)))
