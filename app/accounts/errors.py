"""Refusals of the accounts room, and what its database constraints mean to a person."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class AccountNotFound(NotFound):
    """No such account in this organization."""

    code = "account.not_found"


class ContactNotFound(NotFound):
    """The account has no such contact."""

    code = "contact.not_found"


class PayerIdentityNotFound(NotFound):
    """The account has no such payer identity."""

    code = "payer_identity.not_found"


class PaymentTermsNotFound(NotFound):
    """No such payment terms in this organization."""

    code = "payment_terms.not_found"


class NumberTaken(Conflict):
    """Another account has the number."""

    code = "account.number_taken"


class ExternalIdTaken(Conflict):
    """Another account has this reference of its source."""

    code = "account.external_id_taken"


class AccountMerged(Conflict):
    """The account was merged into another one and takes no more changes."""

    code = "account.merged"


class ParentUnknown(RuleViolation):
    """The parent account does not exist here."""

    code = "account.parent_unknown"


class ParentCycle(RuleViolation):
    """The account would become its own ancestor."""

    code = "account.parent_cycle"


class PaymentTermsUnknown(RuleViolation):
    """The payment terms do not exist here."""

    code = "account.payment_terms_unknown"


class CollectorUnknown(RuleViolation):
    """No active user is this collector."""

    code = "account.collector_unknown"


class CreditLimitOfOtherCurrency(RuleViolation):
    """The currency changes while the credit limit is in the old one."""

    code = "account.credit_limit_currency"


class BatchRefused(RuleViolation):
    """An item of an all-or-nothing batch was refused; nothing was written."""

    code = "batch.refused"


class PayerIdentityTaken(Conflict):
    """The account has this payer identity already."""

    code = "payer_identity.taken"


class PaymentTermsCodeTaken(Conflict):
    """Other payment terms have the code."""

    code = "payment_terms.code_taken"


on_constraint(
    "uq_accounts_organization_id_number",
    lambda: NumberTaken("another account has this number", pointer="/number"),
)
on_constraint(
    "uq_accounts_external",
    lambda: ExternalIdTaken("another account has this reference of its source", pointer="/external_ref"),
)
on_constraint(
    "uq_payment_terms_organization_id_code",
    lambda: PaymentTermsCodeTaken("other payment terms have this code", pointer="/code"),
)
