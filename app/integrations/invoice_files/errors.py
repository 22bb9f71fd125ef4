"""Refusals of electronic invoices that come from what is on record here."""

from __future__ import annotations

from app.core.errors import RuleViolation


class BuyerUnknown(RuleViolation):
    """No account is known for the buyer. `proposed_accounts` have a similar name: repeat with the right one."""

    code = "invoice_file.buyer_unknown"


class BuyerAmbiguous(RuleViolation):
    """Several accounts fit the buyer, or its identifiers name different ones: repeat with the right `account_id`."""

    code = "invoice_file.buyer_ambiguous"


class SellerUnknown(RuleViolation):
    """Which legal entity sells cannot be told: name it with `legal_entity`."""

    code = "invoice_file.seller_unknown"


class NotOurClaim(RuleViolation):
    """The file is an invoice to this organization, not one of its own."""

    code = "invoice_file.not_our_claim"


class ContradictsRecord(RuleViolation):
    """Another source has a document of this number, and the file says something else about it."""

    code = "invoice_file.contradicts_record"
