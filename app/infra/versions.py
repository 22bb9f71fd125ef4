"""Row versions behind `ETag` and `If-Match`, and the recorded instant of the running transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.core.errors import StaleVersion

RECORDED_NOW: Any = text("current_setting('app.recorded_at')::timestamptz")


def check_version(expected: int | None, present: int) -> None:
    """Raise StaleVersion when the caller read another version than the present one."""
    if expected is not None and expected != present:
        raise StaleVersion(f"the present version is {present}, If-Match names {expected}", version=present)
