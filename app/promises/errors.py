"""Refusals of the promises room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class PromiseNotFound(NotFound):
    """No such promise in this organization."""

    code = "promise.not_found"


class PromiseClosed(Conflict):
    """The promise is decided or cancelled; this cannot be done with it any more."""

    code = "promise.closed"


class PromiseInvalid(RuleViolation):
    """Dates, amounts or items do not make a promise."""

    code = "promise.invalid"


class OverPromised(RuleViolation):
    """More would be promised than is open, undisputed and not yet promised."""

    code = "promise.over_promised"


class AccountUnknown(RuleViolation):
    """The account does not exist here."""

    code = "promise.account_unknown"


class InstalmentUnknown(RuleViolation):
    """An instalment does not exist, or belongs to another account or currency."""

    code = "promise.instalment_unknown"


class ContactUnknown(RuleViolation):
    """The contact does not exist, or belongs to another account."""

    code = "promise.contact_unknown"


class PlanNotFound(NotFound):
    """No such payment plan in this organization."""

    code = "payment_plan.not_found"


class PlanClosed(Conflict):
    """The payment plan is in a state in which this cannot be done."""

    code = "payment_plan.closed"
