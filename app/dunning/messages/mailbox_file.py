"""A mailbox file (mbox, RFC 4155) or a single message, as the raw messages in it. Pure."""

from __future__ import annotations

import re

MESSAGES_MAX = 2_000
_START = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\r\n]{1,300}\r?\n")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def split_mailbox(raw: bytes) -> list[bytes]:
    """The messages in their order, at most MESSAGES_MAX; what does not begin with a `From ` line is one message."""
    starts = [(found.start(), found.end()) for found in _START.finditer(raw)]
    if not starts or starts[0][0] != 0:
        return [raw] if raw.strip() else []
    ends = [start for start, _ in starts[1:]] + [len(raw)]
    parts = [raw[head:end] for (_, head), end in zip(starts, ends, strict=True)]
    return [_QUOTED.sub(rb"\1", part) for part in parts if part.strip()][:MESSAGES_MAX]
