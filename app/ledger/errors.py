"""Refusals of the ledger."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class PeriodClosed(RuleViolation):
    """The date lies in a closed period of the legal entity."""

    code = "ledger.period_closed"
    title = "The period is closed"


class LegalEntityUnknown(NotFound):
    """The legal entity does not exist in this organization."""

    code = "legal_entity.not_found"


class PeriodClosedAlready(Conflict):
    """The periods are closed through that date, or a later one, already."""

    code = "ledger.period_closed_already"


class PeriodNotOver(RuleViolation):
    """A period can be closed when it has ended."""

    code = "ledger.period_not_over"


class PeriodOpenAlready(Conflict):
    """Nothing is closed after that date."""

    code = "ledger.period_open_already"


class KnownAtNotSettled(Conflict):
    """Something recorded before that instant may still appear: the report could not be repeated."""

    code = "known_at.not_settled"
    title = "The instant is not settled yet"
