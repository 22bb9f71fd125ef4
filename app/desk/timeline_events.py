"""Which events stand on the timeline, under which kind, and where the account of a subject is found."""

from __future__ import annotations

from typing import Literal, get_args

TimelineKind = Literal[
    "account", "contact", "invoice", "credit_memo", "payment", "application", "adjustment", "dispute", "promise",
    "action", "correspondence", "escalation", "legal", "credit", "dunning", "document",
]  # fmt: skip
KINDS: tuple[TimelineKind, ...] = get_args(TimelineKind)

KIND_OF_PREFIX: dict[str, TimelineKind] = {
    "account": "account",
    "payer_identity": "account",
    "contact": "contact",
    "invoice": "invoice",
    "credit_memo": "credit_memo",
    "payment": "payment",
    "application": "application",
    "adjustment": "adjustment",
    "dispute": "dispute",
    "promise": "promise",
    "payment_plan": "promise",
    "collection_action": "action",
    "escalation": "escalation",
    "legal_case": "legal",
    "correspondence": "correspondence",
    "inquiry": "correspondence",
    "credit_hold": "credit",
    "credit_status": "credit",
    "credit_review": "credit",
    "credit_decision": "credit",
    "dunning_notice": "dunning",
}
"""First part of an event's type → kind of entry."""

ACCOUNT_TABLES: dict[str, str] = {
    "payment": "payments",
    "invoice": "invoices",
    "credit_memo": "credit_memos",
    "contact": "contacts",
    "payer_identity": "payer_identities",
    "dispute": "disputes",
    "promise": "promises",
    "payment_plan": "payment_plans",
    "collection_action": "collection_actions",
    "escalation": "escalations",
    "credit_hold": "credit_holds",
    "credit_review": "credit_reviews",
    "credit_decision": "credit_decisions",
}
"""Type of a subject → table with its `account_id`, where the event itself does not name the account."""

TIMELINE_EVENTS: tuple[str, ...] = (
    "account.created",
    "account.updated",
    "account.assigned",
    "account.merged",
    "account.merge_undone",
    "account.credit_status_changed",
    "payer_identity.added",
    "payer_identity.deactivated",
    "payer_identity.unlearned",
    "contact.created",
    "contact.updated",
    "contact.erased",
    "invoice.corrected",
    "invoice.due_date_changed",
    "invoice.tax_corrected",
    "invoice.updated",
    "invoice.voided",
    "credit_memo.issued",
    "credit_memo.refunded",
    "credit_memo.settled_by_source",
    "credit_memo.updated",
    "credit_memo.voided",
    "payment.identified",
    "payment.marked_not_receivable",
    "payment.moved",
    "payment.recorded",
    "payment.refunded",
    "payment.reversed",
    "payment.unidentified",
    "application.created",
    "application.reversed",
    "adjustment.posted",
    "adjustment.rejected",
    "adjustment.requested",
    "dispute.opened",
    "dispute.assigned",
    "dispute.commented",
    "dispute.changed",
    "dispute.credit_requested",
    "dispute.credit_rejected",
    "dispute.reduced",
    "dispute.reopened",
    "dispute.sla_breached",
    "dispute.in_review",
    "dispute.awaiting_customer",
    "dispute.resolved_credited",
    "dispute.resolved_rejected",
    "dispute.resolved_paid",
    "dispute.withdrawn",
    "collection_action.planned",
    "collection_action.completed",
    "collection_action.cancelled",
    "escalation.raised",
    "escalation.closed",
    "legal_case.prepared",
    "invoice.sent",
    "invoice.delivered",
    "invoice.confirmed",
    "invoice.not_received",
    "promise.made",
    "promise.rescheduled",
    "promise.cancelled",
    "promise.partly_kept",
    "promise.kept",
    "promise.broken",
    "promise.reopened",
    "payment_plan.proposed",
    "payment_plan.activated",
    "payment_plan.cancelled",
    "payment_plan.completed",
    "payment_plan.broken",
    "payment_plan.reopened",
    "credit_hold.placed",
    "credit_hold.released",
    "credit_decision.made",
    "credit_decision.answered",
    "credit_review.opened",
    "credit_review.changed",
    "credit_review.recommended",
    "credit_review.approved",
    "credit_review.rejected",
)
"""Every event that stands on a timeline."""
NOT_SHOWN: dict[str, str] = {
    "invoice.issued": "the list of invoices shows them; a million of an import would bury the rest",
    "invoice.opening_settlement": "part of the issue of a document that its source settled",
    "credit_memo.opening_settlement": "part of the issue of a document that its source settled",
}
"""Events of these subjects that the timeline leaves out, each with the reason."""


def kind_of(event: str) -> TimelineKind:
    """The kind under which an event stands. Raises KeyError for one that does not belong on a timeline."""
    return KIND_OF_PREFIX[event.split(".", 1)[0]]


WORKLIST_EVENTS = frozenset(TIMELINE_EVENTS) - {"account.created"}
"""Events after which the accounts concerned are ranked anew. A new account owes nothing."""
