"""A check of our own for schemathesis (loaded by SCHEMATHESIS_HOOKS): what fits its schema is never refused for form.
Also how it sends files of types that it does not know.

The rules of the trade may refuse a request that fits its schema (422 with a code of a room), but the form itself
(`request.invalid`) must be what the document says.
"""

from __future__ import annotations

from typing import Any

import schemathesis

FORM = "request.invalid"


@schemathesis.check
def form_is_as_documented(_context: Any, response: Any, case: Any) -> bool | None:
    """Positive data must not be refused with `request.invalid`."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return None
    body = response.json()
    if body.get("code") == FORM:
        raise AssertionError(f"fits its schema, but is refused: {body['errors'][:3]}")
    return None


@schemathesis.serializer(
    "application/edi-x12", "application/edifact", "application/mbox", "application/x-ndjson", "message/rfc822"
)
def file_as_it_is(_context: Any, value: Any) -> dict[str, Any]:
    """The bytes of a file, or the text that stands for them."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}
