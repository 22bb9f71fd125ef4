"""What the rules of applying refuse. Pure, so that `rules.py` can raise them; `errors.py` adds those of the tables."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, RuleViolation


class PaymentInvalid(RuleViolation):
    """Amounts or dates of the payment contradict each other."""

    code = "payment.invalid"


class ApplicationInvalid(RuleViolation):
    """The application contradicts itself."""

    code = "application.invalid"


class SourceOverApplied(RuleViolation):
    """More was asked than the payment or credit memo has left."""

    code = "payment.over_applied"
    title = "The source has less left"


class InstalmentOverApplied(RuleViolation):
    """More was asked than the instalment has open."""

    code = "instalment.over_applied"
    title = "The instalment has less open"


class Unidentified(RuleViolation):
    """The payment's account is unknown: identify it first."""

    code = "payment.unidentified"


class OtherLegalEntity(RuleViolation):
    """Source and instalment belong to two legal entities."""

    code = "application.other_legal_entity"


class OtherAccount(RuleViolation):
    """The instalment's account is outside the payer's parent group."""

    code = "application.other_account"


class CurrencyDiffers(RuleViolation):
    """The caller took the document for one of another currency."""

    code = "application.currency_differs"


class DateTooEarly(RuleViolation):
    """The effective date lies before what it refers to."""

    code = "payment.effective_date_too_early"


class DiscountNotEarned(RuleViolation):
    """The discount is more than is offered to money of that value date, or the instalment is not settled."""

    code = "application.discount_not_earned"


class WriteOffTooLarge(Forbidden):
    """The difference is above the caller's limit."""

    code = "application.write_off_too_large"


class RateMissing(RuleViolation):
    """No exchange rate is known for a needed day."""

    code = "exchange_rate.missing"


class RateInconsistent(RuleViolation):
    """Amounts and rate do not fit together."""

    code = "application.rate_inconsistent"


class AlreadyIdentified(Conflict):
    """The payment has an account already: move it instead."""

    code = "payment.already_identified"


class AlreadyDecided(Conflict):
    """The payment has nothing left that this could act on."""

    code = "payment.nothing_left"


class LateDiscountForbidden(Forbidden):
    """Only who may approve grants a discount that was not earned."""

    code = "application.late_discount_forbidden"
