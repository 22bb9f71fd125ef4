"""The only places where time is read. Rules and services take `today` or `now` as arguments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.errors import RuleViolation


class TimeZoneUnknown(RuleViolation):
    """The name is not in the IANA time zone database."""

    code = "clock.time_zone_unknown"


def utc_now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises TimeZoneUnknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeZoneUnknown(f"{name[:64]!r} is not an IANA time zone", pointer="/time_zone") from None


def business_date(instant: datetime, time_zone: str) -> date:
    """The organization's local date at that instant: its "today". Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        # Python would read it in the time zone of the machine.
        raise ValueError("an instant has a time zone")
    return instant.astimezone(zone(time_zone)).date()
