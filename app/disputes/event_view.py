"""Which events somebody sees who works on some disputes only: of what they may read, and of disputes theirs.

Whoever reads all disputes, or none, is not limited here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.disputes.models import Dispute
from app.disputes.queries import ALL, READ, visible_to
from app.infra.database import Actor, ReadSession

_SCOPES: Mapping[str, frozenset[str]] = {
    "organizations:read": frozenset({"organization", "legal_entity", "bank_account", "exchange_rate"}),
    "accounts:read": frozenset({"account", "contact", "payer_identity", "payment_terms", "account_duplicate"}),
    "invoices:read": frozenset({"invoice", "credit_memo", "adjustment"}),
    "payments:read": frozenset({"payment", "application"}),
    "documents:read": frozenset({"document"}),
    "correspondence:read": frozenset(
        {"correspondence", "inquiry", "meeting", "contact_attempt", "correspondence_template", "account_statement"}
    ),
    READ: frozenset({"dispute", "dispute_reason", "dispute_team"}),
}
"""Scope → kinds of records whose events it lets somebody see."""


async def limit_to_own_work(
    session: ReadSession, actor: Actor, scopes: frozenset[str], rows: Sequence[Any]
) -> list[Any]:
    """The events that are left for somebody who reads disputes but not all of them; all of them for others."""
    if READ not in scopes or ALL in scopes:
        return list(rows)
    allowed = frozenset[str]().union(*(kinds for scope, kinds in _SCOPES.items() if scope in scopes))
    found = [row for row in rows if row["entity_type"] in allowed]
    named = {dispute for row in found for dispute in _disputes_of(row)}
    limited = Actor(actor.kind, actor.id, actor.name, scopes)
    statement = select(Dispute.id).where(visible_to(session.organization_id, limited), Dispute.id.in_(named))
    own = set((await session.scalars(statement)).all()) if named else set()
    return [row for row in found if own.issuperset(_disputes_of(row))]


def _disputes_of(row: Any) -> list[UUID]:
    """The disputes that an event is about: itself, or as what a document belongs to."""
    if row["entity_type"] == "dispute":
        return [row["entity_id"]]
    facts = row["after"] or row["before"] or {}
    if facts.get("subject_kind") == "dispute" and facts.get("subject_id"):
        return [UUID(str(facts["subject_id"]))]
    return []
