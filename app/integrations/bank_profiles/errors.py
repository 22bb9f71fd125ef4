"""Refusals of bank profiles."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class BankProfileNotFound(NotFound):
    """No such profile in this organization, or one that is not active."""

    code = "bank_profile.not_found"


class NameTaken(Conflict):
    """Another profile has this name, or a shipped one."""

    code = "bank_profile.name_taken"


class TooManyProfiles(Conflict):
    """An organization has a bounded number of profiles."""

    code = "bank_profile.too_many"


class SampleRefused(RuleViolation):
    """Nothing in the sample looks like the header of a bank statement."""

    code = "bank_profile.sample_refused"
