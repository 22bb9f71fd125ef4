"""Refusals of the cash-application room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class RunNotFound(NotFound):
    """No such matching run in this organization."""

    code = "matching_run.not_found"


class ProposalNotFound(NotFound):
    """No such proposal in this organization."""

    code = "proposal.not_found"


class ProposalDecided(Conflict):
    """The proposal was decided, applied or replaced already."""

    code = "proposal.decided"


class ProposalEmpty(RuleViolation):
    """The proposal settles nothing: correct it, or put the payment on account."""

    code = "proposal.empty"


class SettingsInvalid(RuleViolation):
    """Thresholds or tolerances contradict each other."""

    code = "matching_settings.invalid"
