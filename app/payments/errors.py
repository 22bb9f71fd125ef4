"""Refusals of the payments room that come from its tables, and what its constraints mean to a person."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint
from app.payments.refusals import SourceOverApplied


class PaymentNotFound(NotFound):
    """No such payment in this organization."""

    code = "payment.not_found"


class CreditMemoNotFound(NotFound):
    """No such credit memo in this organization."""

    code = "credit_memo.not_found"


class InstalmentUnknown(RuleViolation):
    """A line names an instalment that does not exist here."""

    code = "application.instalment_unknown"


class ApplicationNotFound(NotFound):
    """No such group of applications in this organization."""

    code = "application.not_found"


class ApplicationReversed(Conflict):
    """The group was undone already, or is itself an undo."""

    code = "application.already_reversed"


class AccountUnknown(RuleViolation):
    """The account does not exist here."""

    code = "payment.account_unknown"


class BankAccountUnknown(RuleViolation):
    """The own bank account does not exist here, or belongs to another legal entity."""

    code = "payment.bank_account_unknown"


class LegalEntityMissing(RuleViolation):
    """Neither legal entity nor own bank account was given, or the legal entity does not exist here."""

    code = "payment.legal_entity_unknown"


class DuplicateBankEntry(Conflict):
    """The bank entry was read before."""

    code = "payment.duplicate_bank_entry"


class DuplicateExternalId(Conflict):
    """The source has another payment with this external id."""

    code = "payment.external_id_taken"


class RecordDiffers(Conflict):
    """The source has sent this payment before, with other facts."""

    code = "payment.record_differs"


class PaymentApplied(Conflict):
    """The payment is applied: undo the applications first."""

    code = "payment.has_applications"


class PaymentWithdrawn(Conflict):
    """Part of the payment was refunded, reversed or set aside already."""

    code = "payment.withdrawn"


class SameAccount(Conflict):
    """The payment stands on that account already."""

    code = "payment.same_account"


on_constraint("uq_payments_bank_entry", lambda: DuplicateBankEntry("the bank entry was read before"))
on_constraint("uq_payments_external", lambda: DuplicateExternalId("the source has this external id already"))
on_constraint("ck_payments_never_over_applied", lambda: SourceOverApplied("more than the payment has left"))
on_constraint("uq_applications_organization_id_reverses_id", lambda: ApplicationReversed("undone already"))
