"""How long each kind of data is kept, and from which instant back it goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

KINDS = ("contacts", "correspondence", "documents", "uploads", "exports", "reports")
"""Contacts of inactive accounts; letters and e-mails; stored files; files of imports; the log of exports; to whom
reports of schedules went."""
MONTHS_MAX = 600


def months_back(today: date, months: int) -> date:
    """The same day of the month so many months before `today`; the last day of a shorter month.

    What is dated before it is older than `months` months.
    """
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    day = today.day
    while True:
        try:
            return date(year, month + 1, day)
        except ValueError:  # 31 April, 29 February
            day -= 1


def horizons(today: date, months: Mapping[str, int | None]) -> dict[str, date]:
    """Kind of data → the day before which it goes; kinds that are kept for ever are left out."""
    found = ((kind, months.get(kind)) for kind in KINDS)
    return {kind: months_back(today, count) for kind, count in found if count is not None}
