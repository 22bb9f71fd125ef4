"""Refusals of the ledger."""

from __future__ import annotations

from app.core.errors import NotFound, RuleViolation


class PeriodClosed(RuleViolation):
    """The date lies in a closed period of the legal entity."""

    code = "ledger.period_closed"
    title = "The period is closed"


class LegalEntityUnknown(NotFound):
    """The legal entity does not exist in this organization."""

    code = "legal_entity.not_found"
