"""Refusals of the credit room."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class PolicyNotFound(NotFound):
    """No such version of the credit policy."""

    code = "credit_policy.not_found"


class ReviewDemanded(Conflict):
    """The credit policy has limit, payment terms and risk class changed by an approved review only."""

    code = "account.review_demanded"


class ChangeNeedsCredit(Forbidden):
    """Who changes payment terms or the risk class of an account decides about credit."""

    code = "account.credit_right_needed"


class PolicyNotDraft(Conflict):
    """Only a draft of the credit policy can be changed or activated."""

    code = "credit_policy.not_draft"


class PolicyDateTaken(Conflict):
    """Another activated version of the credit policy begins on this date."""

    code = "credit_policy.date_taken"


class DecisionNotFound(NotFound):
    """No such credit decision."""

    code = "credit_decision.not_found"


class DecisionNotReferred(Conflict):
    """The decision was not referred to a person, or is answered already."""

    code = "credit_decision.not_referred"


class HoldNotFound(NotFound):
    """No such hold of an account in this organization."""

    code = "credit_hold.not_found"


class HoldReleased(Conflict):
    """The hold is released already."""

    code = "credit_hold.released"


class HoldInvalid(RuleViolation):
    """The hold's level or dates contradict each other."""

    code = "credit_hold.invalid"


class OrderInvalid(RuleViolation):
    """An order or an amount of the credit file contradicts itself."""

    code = "credit_order.invalid"


class AccountUnknown(RuleViolation):
    """No account has this id, number or reference."""

    code = "credit.account_unknown"


class SecurityNotFound(NotFound):
    """No such security of an account in this organization."""

    code = "credit_security.not_found"


class SecurityCancelled(Conflict):
    """The security is cancelled already."""

    code = "credit_security.cancelled"


class SecurityInvalid(RuleViolation):
    """The security ends before it begins, or covers nothing."""

    code = "credit_security.invalid"


class FiguresInvalid(RuleViolation):
    """A bureau score lies outside its scale, or a statement holds no figure."""

    code = "credit_file.invalid"


class ReviewNotFound(NotFound):
    """No such credit review."""

    code = "credit_review.not_found"


class ReviewDecided(Conflict):
    """The state of the review does not allow this."""

    code = "credit_review.state"


class ReviewOpen(Conflict):
    """The account has another review that is not decided."""

    code = "credit_review.open"


class ReviewInvalid(RuleViolation):
    """The review proposes what cannot be."""

    code = "credit_review.invalid"


class ApprovalByProposer(Forbidden):
    """Whoever asked or proposed does not decide."""

    code = "credit.own_approval"


class ApprovalLimitExceeded(Forbidden):
    """The amount is above the approver's limit."""

    code = "credit.approval_limit"


on_constraint(
    "uq_credit_policies_active_from",
    lambda: PolicyDateTaken("another activated version begins on this date", pointer="/valid_from"),
)
on_constraint(
    "uq_credit_reviews_open",
    lambda: ReviewOpen("the account has another review that is not decided", pointer="/account_id"),
)
on_constraint(
    "uq_credit_decisions_organization_id_answers_id",
    lambda: DecisionNotReferred("the decision is answered already"),
)
