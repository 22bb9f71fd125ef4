"""Words of dunning that tables, rules and schemas share. What is due and what is withheld is in `planning.py`."""

from __future__ import annotations

MESSAGE_CHANNELS = ("email", "letter", "sms")
WORK_CHANNELS = ("call_task", "escalate", "credit_hold", "legal_referral")
CHANNELS = (*MESSAGE_CHANNELS, *WORK_CHANNELS)
GROUPINGS = ("per_step", "highest")
VERSION_STATES = ("draft", "active", "discarded")
SCOPES = ("organization", "segment", "account")
RUN_KINDS = ("nightly", "on_demand", "simulation")
RUN_STATES = ("waiting", "running", "done", "failed")
CC = ("collector", "sales")
ATTACHMENTS = ("statement", "invoice_copies", "invoice_links")
NOTICE_STATES = (
    "simulated", "pending_approval", "approved", "sending", "sent", "delivered", "done", "bounced", "failed", "unknown",
    "suppressed", "rejected", "cancelled", "resolved",
)  # fmt: skip
"""A notice of a message: pending_approval → approved → sending → sent → delivered | bounced; or failed, unknown,
suppressed. A notice of work (a call task, an escalation …): approved → done. `resolved`: all of it is settled."""
WITHHELD_REASONS = (
    "disputed", "promise", "payment_plan", "blocked", "legal_case", "unapplied_cash", "open_credit", "below_minimum",
    "no_contact", "do_not_contact", "no_consent", "delivery_failed", "outcome_unknown", "rejected", "merged",
)  # fmt: skip
STEPS_LIMIT = 20
OFFSET_DAYS_MIN, OFFSET_DAYS_MAX = -60, 3_650
CONTACT_ROLE_ORDER = ("dunning", "accounts_payable", "management", "other", "sales", "legal")


def notice_actions(state: str) -> list[str]:
    """What a person may do with a notice in this state. What became of an unknown one is told to its message."""
    if state == "pending_approval":
        return ["approve", "reject"]
    if state == "approved":
        return ["cancel"]
    if state in ("failed", "bounced"):
        return ["try_again", "count_as_done"]
    if state == "rejected":
        return ["try_again"]
    return []


def run_actions(kind: str, state: str, pending: int) -> list[str]:
    """What a person may do with a run."""
    return ["approve"] if kind != "simulation" and state in ("done", "failed", "running") and pending else []


def version_actions(state: str) -> list[str]:
    """What a person may do with a version of a policy: only a draft can change."""
    return ["update", "activate", "discard"] if state == "draft" else []
