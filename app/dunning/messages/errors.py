"""Refusals of dunning messages."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation, Unauthenticated
from app.infra.constraints import on_constraint


class DunningMessageNotFound(NotFound):
    """No such dunning message in this organization."""

    code = "dunning.message_not_found"


class DunningTemplateNotFound(NotFound):
    """No such template, neither shipped nor of this organization."""

    code = "dunning.template_not_found"


class DunningTemplateExists(Conflict):
    """Somebody has just added the template."""

    code = "dunning.template_exists"


class AddressMarkNotFound(NotFound):
    """No such mark on an address."""

    code = "dunning.address_mark_not_found"


class DunningMessageState(Conflict):
    """The message is not in a state for this; `state` says in which it is."""

    code = "dunning.message_state"


class TestSendInvalid(RuleViolation):
    """The template has no text for this, or the example is too large."""

    code = "dunning.test_send_invalid"


class MessageEventsRefused(Unauthenticated):
    """The signature is missing, wrong or too old."""

    code = "dunning.message_events_refused"


class UnsubscribeLinkInvalid(NotFound):
    """The link is damaged, or of a message that is not known."""

    code = "dunning.unsubscribe_link_invalid"


class CopyLinkInvalid(NotFound):
    """The link to a copy of an invoice is damaged, too old, or of a file that is gone."""

    code = "dunning.copy_link_invalid"


on_constraint(
    "uq_dunning_templates_organization_id_code_language",
    lambda: DunningTemplateExists("somebody has just added this template"),
)
