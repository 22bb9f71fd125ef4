"""Refusals of the dunning room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class PolicyNotFound(NotFound):
    """No such dunning policy in this organization."""

    code = "dunning_policy.not_found"


class PolicyCodeTaken(Conflict):
    """Another policy has this code."""

    code = "dunning_policy.code_taken"


class PolicyUnknown(RuleViolation):
    """The policy named does not exist, is not in use, or has no version in force."""

    code = "dunning_policy.unknown"


class VersionNotFound(NotFound):
    """The policy has no such version."""

    code = "dunning_policy.version_not_found"


class VersionNotDraft(Conflict):
    """Only a draft can be changed, activated or discarded."""

    code = "dunning_policy.not_draft"


class StepsInvalid(RuleViolation):
    """The steps do not make a policy: no time, days out of order, a template where none is sent."""

    code = "dunning_policy.steps_invalid"


class DateInPast(RuleViolation):
    """What is past stays as it was: the date is before today."""

    code = "dunning.date_in_past"


class AccountUnknown(RuleViolation):
    """The account does not exist here."""

    code = "dunning.account_unknown"


class InstalmentUnknown(RuleViolation):
    """The account has no instalment with this id."""

    code = "dunning.instalment_unknown"


class BlockNotFound(NotFound):
    """No such dunning block in this organization."""

    code = "dunning_block.not_found"


class BlockLifted(Conflict):
    """The block was lifted."""

    code = "dunning_block.lifted"


class AssignmentInvalid(RuleViolation):
    """An assignment names the account or segment of its scope, and nothing else."""

    code = "dunning_assignment.invalid"


class BlockInvalid(RuleViolation):
    """The dates do not make a block."""

    code = "dunning_block.invalid"


class RunNotFound(NotFound):
    """No such dunning run in this organization."""

    code = "dunning_run.not_found"


class RunOpen(Conflict):
    """Another run with another scope is under way; wait until it is done."""

    code = "dunning_run.open"


class RunDateInvalid(RuleViolation):
    """A run looks at today or a day before; only in a sandbox and in a simulation may it look ahead."""

    code = "dunning_run.date_invalid"


class NoticeNotFound(NotFound):
    """No such dunning notice in this organization."""

    code = "dunning_notice.not_found"


class NoticeState(Conflict):
    """The notice is in a state in which this cannot be done; `allowed_actions` says what can."""

    code = "dunning_notice.state"


class NoticeChargeRefused(Conflict):
    """The fee or interest of the notice could not be posted; `reason` is the code of what refused it."""

    code = "dunning_notice.charge_refused"


class ComparisonNotFound(NotFound):
    """No such comparison in this organization."""

    code = "dunning_comparison.not_found"


class ComparisonInvalid(RuleViolation):
    """The period is too long, lies in the future, or there is nothing to compare with."""

    code = "dunning_comparison.invalid"


on_constraint("uq_dunning_policies_organization_id_code", lambda: PolicyCodeTaken("another policy has this code"))
on_constraint("uq_dunning_runs_open", lambda: RunOpen("another dunning run is under way"))
