"""Refusals of the invoices room, and what its database constraints mean to a person."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class InvoiceNotFound(NotFound):
    """No such invoice in this organization."""

    code = "invoice.not_found"


class InstalmentNotFound(NotFound):
    """No such instalment in this organization."""

    code = "instalment.not_found"


class AccountUnknown(RuleViolation):
    """The account that the document names does not exist here."""

    code = "invoice.account_unknown"


class PaymentTermsUnknown(RuleViolation):
    """The payment terms that the document names do not exist here."""

    code = "invoice.payment_terms_unknown"


class NumberTaken(Conflict):
    """The number is in use within legal entity, kind and source."""

    code = "invoice.number_taken"


class ExternalIdTaken(Conflict):
    """The source has another document with this external id."""

    code = "invoice.external_id_taken"


class InvoiceHasApplications(Conflict):
    """The document is paid in part or settled: undo the applications first."""

    code = "invoice.has_applications"


class InvoiceHasAdjustments(Conflict):
    """Part of the document was written off or waived here: reverse that first."""

    code = "invoice.has_adjustments"


class InvoiceVoid(Conflict):
    """The document is void."""

    code = "invoice.void"


class EffectiveDateTooEarly(RuleViolation):
    """The effective date lies before the document's accounting date."""

    code = "invoice.effective_date_too_early"


class OverApplied(RuleViolation):
    """More would be taken off an instalment than is open."""

    code = "instalment.over_applied"


class AdjustmentNotFound(NotFound):
    """No such adjustment in this organization."""

    code = "adjustment.not_found"


class AdjustmentInvalid(RuleViolation):
    """The kind cannot be asked for, or the amount is not positive."""

    code = "adjustment.invalid"


class AdjustmentNotReversible(Conflict):
    """It is itself a reversal, or was posted by the document's source or with its void."""

    code = "adjustment.not_reversible"


class AdjustmentDecided(Conflict):
    """The adjustment is decided, posted or undone already."""

    code = "adjustment.decided"


class ApprovalByRequester(Forbidden):
    """Nobody decides on their own request."""

    code = "approval.by_requester"


class ApprovalLimitExceeded(Forbidden):
    """The amount is above the approval limit of the person who decides."""

    code = "approval.limit_exceeded"


class CreditMemoNotFound(NotFound):
    """No such credit memo in this organization."""

    code = "credit_memo.not_found"


class CreditMemoVoid(Conflict):
    """The credit memo is void."""

    code = "credit_memo.void"


class CreditMemoHasApplications(Conflict):
    """The credit memo is applied or refunded in part: undo that first."""

    code = "credit_memo.has_applications"


class CreditedInvoiceUnknown(RuleViolation):
    """The invoice that is credited does not exist in this organization and legal entity."""

    code = "credit_memo.invoice_unknown"


class CreditMemoOverApplied(RuleViolation):
    """More than the credit memo has open."""

    code = "credit_memo.over_applied"


class CorrectionBelowSettled(Conflict):
    """The source lowers the amount below what is settled here already."""

    code = "invoice.correction_below_settled"


def _number_taken() -> NumberTaken:
    return NumberTaken("the number is taken within legal entity, kind and source", pointer="/number")


class DeliveryOfVoid(Conflict):
    """A void invoice is not on its way to anybody."""

    code = "invoice.delivery_of_void"


class DeliveryOutOfOrder(Conflict):
    """This delivery state cannot follow the present one."""

    code = "invoice.delivery_out_of_order"


on_constraint("uq_invoices_number", _number_taken)
on_constraint(
    "uq_invoices_external", lambda: ExternalIdTaken("the source has a document with this external id already")
)
on_constraint("uq_credit_memos_number", _number_taken)
on_constraint(
    "uq_credit_memos_external", lambda: ExternalIdTaken("the source has a document with this external id already")
)
on_constraint("ck_credit_memos_never_over_applied", lambda: CreditMemoOverApplied("more than the credit memo has open"))
on_constraint(
    "uq_adjustments_organization_id_reverses_id", lambda: AdjustmentDecided("the adjustment is undone already")
)
on_constraint("ck_instalments_never_over_applied", lambda: OverApplied("more than the instalment has open"))
