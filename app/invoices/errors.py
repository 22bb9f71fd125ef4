"""Refusals of the invoices room, and what its database constraints mean to a person."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
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


class NumberTaken(Conflict):
    """The number is in use within legal entity, kind and source."""

    code = "invoice.number_taken"


class ExternalIdTaken(Conflict):
    """The source has another document with this external id."""

    code = "invoice.external_id_taken"


class InvoiceHasApplications(Conflict):
    """The document is paid in part or settled: undo the applications first."""

    code = "invoice.has_applications"


class InvoiceVoid(Conflict):
    """The document is void."""

    code = "invoice.void"


class EffectiveDateTooEarly(RuleViolation):
    """The effective date lies before the document's accounting date."""

    code = "invoice.effective_date_too_early"


class OverApplied(RuleViolation):
    """More would be taken off an instalment than is open."""

    code = "instalment.over_applied"


def _number_taken() -> NumberTaken:
    return NumberTaken("the number is taken within legal entity, kind and source", pointer="/number")


on_constraint("uq_invoices_number", _number_taken)
on_constraint(
    "uq_invoices_external", lambda: ExternalIdTaken("the source has a document with this external id already")
)
on_constraint("ck_instalments_never_over_applied", lambda: OverApplied("more than the instalment has open"))
