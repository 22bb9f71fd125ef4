"""Refusals of the cash-application room."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, RuleViolation


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


class ProposalWithoutLines(RuleViolation):
    """A correction or split names nothing to settle."""

    code = "proposal.nothing_to_settle"


class ActionNotPossible(Conflict):
    """The proposal's kind or state does not allow this action."""

    code = "proposal.action_not_possible"


class SplitTwoRests(RuleViolation):
    """Parts of one payment can stay on account of one account only."""

    code = "proposal.split_two_rests"


class SwitchForbidden(Forbidden):
    """Automatic application that its precision switched off is switched on by whoever may approve it."""

    code = "matching_settings.switch_forbidden"


class ReasonMissing(RuleViolation):
    """Switching automatic application on again needs a reason."""

    code = "matching_settings.reason_missing"


class RuleNotFound(NotFound):
    """No such rule of the matcher."""

    code = "matching_rule.not_found"


class AccountSettingsNotFound(NotFound):
    """The account has no matching settings of its own."""

    code = "account_matching_settings.not_found"


class LessonNotFound(NotFound):
    """No such lesson in this organization."""

    code = "lesson.not_found"


class LessonEnded(Conflict):
    """The lesson does not count any more."""

    code = "lesson.ended"


class ReversalUnclear(RuleViolation):
    """No payment, or more than one, fits what the bank takes back."""

    code = "reversal.unclear"
