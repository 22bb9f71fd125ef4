"""Refusals of the correspondence room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation, TooLarge, Unavailable
from app.infra.constraints import on_constraint


class CorrespondenceNotFound(NotFound):
    """No such thread in this organization."""

    code = "correspondence.not_found"


class MessageNotFound(NotFound):
    """No such message in this organization."""

    code = "correspondence.message_not_found"


class TemplateNotFound(NotFound):
    """No such template in this organization."""

    code = "correspondence.template_not_found"


class InquiryNotFound(NotFound):
    """No such inquiry in this organization."""

    code = "inquiry.not_found"


class MeetingNotFound(NotFound):
    """No such meeting in this organization."""

    code = "meeting.not_found"


class MailboxNotFound(NotFound):
    """The organization has no mailbox of its own."""

    code = "mailbox.not_found"


class MailboxInvalid(RuleViolation):
    """A mailbox that cannot be used: no password for a new server, a folder with signs that cannot be sent."""

    code = "mailbox.invalid"


class MailboxSecretsNotConfigured(Unavailable):
    """Passwords are kept encrypted, and this installation has no key for that."""

    code = "mailbox.secrets_not_configured"


class TemplateExists(Conflict):
    """There is a template of that code in that language."""

    code = "correspondence.template_exists"


class MessageNotPlanned(Conflict):
    """The message has left, or will never leave."""

    code = "correspondence.message_not_planned"


class CorrespondenceAssigned(Conflict):
    """The thread belongs to an account already."""

    code = "correspondence.assigned"


class InquiryState(Conflict):
    """The inquiry is not in a state for this."""

    code = "inquiry.state"


class MeetingOver(Conflict):
    """The meeting was cancelled."""

    code = "meeting.cancelled"


class ContactRefused(RuleViolation):
    """The rules of contact forbid it; `reason` says which."""

    code = "contact.refused"


class MessageInvalid(RuleViolation):
    """The message lacks a recipient, a text or what its template needs."""

    code = "correspondence.invalid"


class InvoiceCopyMissing(RuleViolation):
    """No copy of the invoice is stored, so that none can be sent."""

    code = "correspondence.invoice_copy_missing"


class InboundTooLarge(TooLarge):
    """The raw message is larger than what is taken in."""

    code = "inbound_email.too_large"


class InboundRefused(RuleViolation):
    """The message cannot be read within its bounds."""

    code = "inbound_email.refused"


on_constraint(
    "uq_correspondence_templates_organization_id_code_language",
    lambda: TemplateExists("there is a template of that code in that language"),
)
