"""Refusals of the disputes room, and what its database constraints mean to a person."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class DisputeNotFound(NotFound):
    """No such dispute in this organization, or none that the caller works on."""

    code = "dispute.not_found"


class DisputeReasonNotFound(NotFound):
    """No such reason in this organization."""

    code = "dispute_reason.not_found"


class DisputeTeamNotFound(NotFound):
    """No such team in this organization."""

    code = "dispute_team.not_found"


class DisputeReasonUnknown(RuleViolation):
    """The reason is not in the catalogue, or not in use any more."""

    code = "dispute.reason_unknown"


class DisputeTeamUnknown(RuleViolation):
    """The team is not in the catalogue, or not in use any more."""

    code = "dispute.team_unknown"


class AssigneeUnknown(RuleViolation):
    """The assignee is no active user of the organization."""

    code = "dispute.assignee_unknown"


class CodeTaken(Conflict):
    """A reason or team with this code exists."""

    code = "dispute.code_taken"


class DisputedInstalmentUnknown(RuleViolation):
    """The instalment does not exist here."""

    code = "dispute.instalment_unknown"


class DisputedInstalmentNotOpen(RuleViolation):
    """Nothing of the instalment is open: it is settled or void."""

    code = "dispute.instalment_not_open"


class CreditPending(Conflict):
    """A credit waits for approval: it is decided first."""

    code = "dispute.credit_pending"


class NoCreditPending(Conflict):
    """No credit waits for approval."""

    code = "dispute.no_credit_pending"


class CreditByOther(Forbidden):
    """Somebody else asked for the credit: it can be refused, not taken back."""

    code = "dispute.credit_by_other"


class CreditByRequester(Forbidden):
    """Nobody approves the credit that they asked for."""

    code = "dispute.approval_by_requester"


class CreditLimitExceeded(Forbidden):
    """The credit is above the approver's own limit."""

    code = "dispute.approval_limit_exceeded"


class NotPaid(RuleViolation):
    """What is disputed is still open: name the payment that settles it."""

    code = "dispute.not_paid"


on_constraint("uq_dispute_reasons_organization_id_code", lambda: CodeTaken("the code is in use", pointer="/code"))
on_constraint("uq_dispute_teams_organization_id_code", lambda: CodeTaken("the code is in use", pointer="/code"))
on_constraint(
    "uq_dispute_credits_pending", lambda: CreditPending("a credit of this dispute waits for approval already")
)
