"""The facts of a case for its evidence file: what is claimed, what was said, promised, disputed and paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.collections import queries
from app.collections.legal.cases import entries_of, items_of_cases
from app.collections.models import LegalCase, LegalCaseEntry
from app.infra.database import ReadSession

ROWS_LIMIT = 1_000
"""Rows of each kind: a file is read by people."""
_ACCOUNT = """
SELECT a.number, a.name, a.legal_name, a.country, a.risk_class, a.credit_status FROM accounts a
WHERE a.organization_id = $1 AND a.id = $2
"""
_ACTIONS = """
SELECT c.type, c.done_on, c.subject, c.outcome_code, c.outcome_note, c.done_by FROM collection_actions c
WHERE c.organization_id = $1 AND c.account_id = $2 AND c.status = 'done' AND (
    NOT EXISTS (SELECT FROM collection_action_items t WHERE t.organization_id = $1 AND t.action_id = c.id)
    OR EXISTS (SELECT FROM collection_action_items t WHERE t.organization_id = $1 AND t.action_id = c.id
               AND t.instalment_id = ANY($3::uuid[])))
ORDER BY c.done_on, c.id LIMIT $4
"""
_PROMISES = """
SELECT p.made_on, p.promised_date, p.amount_minor, p.kept_minor, p.currency, p.status, p.decided_on FROM promises p
WHERE p.organization_id = $1 AND p.account_id = $2 AND p.currency = $5 AND (p.scope = 'account' OR EXISTS (
    SELECT FROM promise_items t WHERE t.organization_id = $1 AND t.promise_id = p.id
    AND t.instalment_id = ANY($3::uuid[])))
ORDER BY p.id LIMIT $4
"""
_PAYMENTS = """
SELECT a.instalment_id, a.effective_date, p.value_date, a.amount_minor, a.currency, a.reverses_id IS NOT NULL AS undone
FROM applications a JOIN payments p ON p.organization_id = $1 AND p.id = a.payment_id
WHERE a.organization_id = $1 AND a.instalment_id = ANY($2::uuid[]) ORDER BY a.id LIMIT $3
"""
_DISPUTES = """
SELECT DISTINCT d.id, d.number, d.state, d.opened_on, d.resolved_on, d.amount_minor, d.currency, d.description
FROM disputes d JOIN dispute_lines l ON l.organization_id = $1 AND l.dispute_id = d.id
WHERE d.organization_id = $1 AND l.instalment_id = ANY($2::uuid[]) ORDER BY d.id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that speaks for a claim, in the order of time."""

    case: LegalCase
    account: Any
    items: list[Any]
    actions: list[Any]
    promises: list[Any]
    payments: list[Any]
    disputes: list[Any]
    entries: list[LegalCaseEntry]


async def case_evidence(session: ReadSession, case_id: UUID) -> Evidence:
    """The facts of a case. Raises CaseNotFound."""
    case = await queries.get_case(session, case_id)
    key, driver = session.organization_id, session.driver
    items = (await items_of_cases(session, [case_id])).get(case_id, [])
    ids = [item["instalment_id"] for item in items]
    return Evidence(
        case=case,
        account=await driver.fetchrow(_ACCOUNT, key, case.account_id),
        items=list(items),
        actions=list(await driver.fetch(_ACTIONS, key, case.account_id, ids, ROWS_LIMIT)),
        promises=list(await driver.fetch(_PROMISES, key, case.account_id, ids, ROWS_LIMIT, case.currency)),
        payments=list(await driver.fetch(_PAYMENTS, key, ids, ROWS_LIMIT)),
        disputes=list(await driver.fetch(_DISPUTES, key, ids, ROWS_LIMIT)),
        entries=await entries_of(session, case_id),
    )
