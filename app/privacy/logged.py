"""What the change log says about an account: whose rows are meant, and what of their words goes. Chosen by shape.

The facts of a row are amounts, dates, ids, states and numbers of documents; they stay. Reasons go, and so does whatever
stands under a name that means a person, has blanks, or has an `@`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from app.infra.change_log_erasure import Words, erase_words
from app.infra.database import ReadSession, WriteSession

PERSONAL = frozenset((
    "address", "author", "body", "bounce_detail", "city", "comment", "customer_reference", "description", "detail",
    "email", "file_name", "html", "legal_name", "location", "message", "name", "note", "outcome_note",
    "payer_bank_identifier", "payer_name", "phone", "postal_code", "question", "reason", "recipient", "recipients",
    "region", "remittance", "remittance_text", "resolution_note", "sender", "street", "subject", "text", "title",
    "value",
))  # fmt: skip
"""Names of facts that are words about people."""
OWN_NAMES = frozenset(("name", "legal_name"))
NUMBERS = frozenset(("number", "external_id", "source", "bank_reference"))
"""Names of facts by which the ledger's records are found; they stay whatever they look like."""
_GONE = object()
_OWN = "organization_id = $1 AND account_id = ANY($2::uuid[])"
_TABLES = {
    "account_matching_settings": "account_matching_settings", "account_statement": "account_statements",
    "adjustment": "adjustments", "charge": "charges",
    "collection_action": "collection_actions", "contact": "contacts", "contact_attempt": "contact_attempts",
    "correspondence": "correspondences", "bureau_score": "credit_bureau_scores",
    "credit_decision": "credit_decisions", "credit_hold": "credit_holds", "credit_memo": "credit_memos",
    "credit_order": "credit_orders", "credit_remark": "credit_remarks", "credit_review": "credit_reviews",
    "credit_security": "credit_securities", "financial_statement": "credit_statements", "data_finding": "data_findings",
    "dispute": "disputes", "dunning_address_mark": "dunning_address_marks", "dunning_assignment": "dunning_assignments",
    "dunning_block": "dunning_blocks", "dunning_message": "dunning_messages", "dunning_notice": "dunning_notices",
    "escalation": "escalations", "inquiry": "inquiries", "interest_agreement": "interest_agreements",
    "invoice": "invoices", "legal_case": "legal_cases", "lesson": "lessons", "meeting": "meetings",
    "payer_identity": "payer_identities", "payment": "payments", "payment_plan": "payment_plans",
    "promise": "promises", "proposal": "proposals", "remittance_advice": "remittance_advices",
    "statement_schedule": "statement_schedules",
}  # fmt: skip
_OTHERS = {
    "account": "SELECT unnest($2::uuid[]) AS id WHERE $1::uuid IS NOT NULL",
    "worklist_entry": "SELECT unnest($2::uuid[]) AS id WHERE $1::uuid IS NOT NULL",
    "account_duplicate": "SELECT id FROM account_duplicates WHERE organization_id = $1"
    " AND (account_id = ANY($2::uuid[]) OR other_id = ANY($2::uuid[]))",
    "application": f"SELECT DISTINCT group_id AS id FROM applications WHERE {_OWN}",
    "charge_waiver": "SELECT w.id FROM charge_waivers w JOIN charges c ON c.organization_id = $1 AND c.id = w.charge_id"
    " WHERE w.organization_id = $1 AND c.account_id = ANY($2::uuid[])",
    "evidence_file": "SELECT f.id FROM evidence_files f JOIN legal_cases c ON c.organization_id = $1"
    " AND c.id = f.case_id WHERE f.organization_id = $1 AND c.account_id = ANY($2::uuid[])",
}
SUBJECTS: Mapping[str, str] = {
    **{kind: f"SELECT id FROM {table} WHERE {_OWN}" for kind, table in _TABLES.items()}, **_OTHERS,
}  # fmt: skip
"""Type of a subject in the log → the ids that belong to these accounts ($1 organization, $2 accounts)."""

NOT_OF_AN_ACCOUNT: Mapping[str, str] = {
    "document": "the file is given up with its name; the log has types, sizes and links",
    "outgoing_email": "the log has purpose and subject's id only",
    **dict.fromkeys(
        ("action_outcome", "assignment_run", "bank_account", "bank_profile", "bank_statement", "change_log",
         "charge_settings", "charging_run", "collection_rules", "collector_cover", "collector_target",
         "compensation_schedule", "correspondence_settings", "correspondence_template", "credit_policy",
         "dispute_reason", "dispute_team", "dunning_comparison", "dunning_message_settings", "dunning_policy",
         "dunning_policy_version", "dunning_run", "dunning_template", "exchange_rate", "export", "export_batch",
         "forecast_model", "forecast_run", "import", "interest_rate",
         "interest_rate_table", "legal_entity", "mailbox", "matching_rule", "matching_run", "matching_settings",
         "organization", "payment_terms", "playbook", "provision_run", "report_delivery", "report_run",
         "report_schedule", "retention", "webhook_endpoint"),
        "of the organization: its catalogues, settings and runs",
    ),
    **dict.fromkeys(("api_client", "user"), "who works here: the log says who did what"),
}  # fmt: skip
"""Subjects whose rows an erasure of an account leaves alone, with the reason."""


def redacted(words: Words, *, own_name: bool) -> Words:
    """What stays of a row's words. `own_name` also takes the account's own name. Idempotent."""
    kept = NUMBERS if own_name or words.entity_type != "account" else NUMBERS | OWN_NAMES
    return replace(words, reason=None, before=_facts(words.before, kept), after=_facts(words.after, kept))


def _facts(facts: dict[str, Any] | None, kept: frozenset[str]) -> dict[str, Any] | None:
    """The facts without words, at any depth; an empty name of a person says nothing and stays."""
    if facts is None:
        return None
    left = {name: value if name in kept else _left(value, kept) for name, value in facts.items()}
    return {
        name: value
        for name, value in left.items()
        if value is not _GONE and (name in kept or name not in PERSONAL or value is None)
    }


def _left(value: Any, kept: frozenset[str]) -> Any:
    """A value without words: blanks or an `@` make a text one."""
    if isinstance(value, str):
        return _GONE if "@" in value or any(sign.isspace() for sign in value) else value
    if isinstance(value, dict):
        return _facts(value, kept)
    if isinstance(value, list):
        return [left for inner in value if (left := _left(inner, kept)) is not _GONE]
    return value


async def logged_subjects(session: ReadSession, account_ids: Collection[UUID]) -> dict[str, list[UUID]]:
    """The subjects of the log that belong to these accounts, by type. Ask before rows are deleted."""
    subjects: dict[str, list[UUID]] = {}
    for kind, statement in SUBJECTS.items():
        rows = await session.driver.fetch(statement, session.organization_id, list(account_ids))
        subjects[kind] = [row["id"] for row in rows]
    return subjects


async def forget_logged(
    session: WriteSession, subjects: Mapping[str, Collection[UUID]], *, own_name: bool = True
) -> int:
    """Take the words about these subjects out of the change log; of how many rows. Raises ChangeLogDamaged.

    Do it last: the sealer waits until the transaction has ended.
    """
    return await erase_words(session, subjects, lambda words: redacted(words, own_name=own_name))
