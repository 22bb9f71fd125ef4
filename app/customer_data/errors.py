"""Refusals of customer data care."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class DuplicateNotFound(NotFound):
    """No such pair in this organization."""

    code = "account_duplicate.not_found"


class DuplicateDecided(Conflict):
    """The pair was merged; undo the merge instead."""

    code = "account_duplicate.decided"


class MergeNotFound(NotFound):
    """No such merge in this organization."""

    code = "account_merge.not_found"


class MergeInvalid(RuleViolation):
    """An account cannot be merged into itself, nor into one of another currency that limits it."""

    code = "account_merge.invalid"


class MergeConflict(Conflict):
    """One of the accounts is merged already, or the merge was undone, or something was built upon it."""

    code = "account_merge.conflict"


class FindingNotFound(NotFound):
    """No such finding in this organization."""

    code = "data_finding.not_found"


class FindingClosed(Conflict):
    """The finding is mended already."""

    code = "data_finding.closed"
