"""Refusals of the desk."""

from __future__ import annotations

from app.core.errors import NotFound, RuleViolation


class WorklistEntryNotFound(NotFound):
    """The account is not on the worklist."""

    code = "worklist.not_found"


class SnoozeInvalid(RuleViolation):
    """An account is snoozed until a day after today, at most SNOOZE_DAYS_LIMIT ahead."""

    code = "worklist.snooze_invalid"
