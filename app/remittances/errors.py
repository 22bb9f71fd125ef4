"""Refusals of the remittances room that come from its tables."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class RemittanceAdviceNotFound(NotFound):
    """No such remittance advice in this organization."""

    code = "remittance_advice.not_found"


class DuplicateAdvice(Conflict):
    """The same advice is on record; its id is in the facts."""

    code = "remittance_advice.duplicate"


class DuplicateExternalId(Conflict):
    """The source has another advice with this external id."""

    code = "remittance_advice.external_id_taken"


class AdviceNotOpen(Conflict):
    """The advice is settled or cancelled."""

    code = "remittance_advice.not_open"


class AccountUnknown(RuleViolation):
    """The account does not exist here."""

    code = "remittance_advice.account_unknown"


class LegalEntityUnknown(RuleViolation):
    """The legal entity does not exist here."""

    code = "remittance_advice.legal_entity_unknown"


class TextUnreadable(RuleViolation):
    """No line of the text could be read as a document with its amount, or its currency is not known."""

    code = "remittance_advice.text_unreadable"


on_constraint("uq_remittance_advices_content", lambda: DuplicateAdvice("the same advice is on record"))
on_constraint("uq_remittance_advices_external", lambda: DuplicateExternalId("the source has this external id already"))
