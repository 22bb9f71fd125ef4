"""SQL of electronic invoices: who sells, who buys, and what is on record under a number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession

NAMES_READ_MAX = 500
_SELLERS = """
SELECT e.id, e.code, e.name, array(SELECT b.identifier FROM bank_accounts b
    WHERE b.organization_id = $1 AND b.legal_entity_id = e.id) AS identifiers
FROM legal_entities e WHERE e.organization_id = $1 ORDER BY e.code
"""
_BY_NUMBER = """
SELECT number, id FROM accounts WHERE organization_id = $1 AND status <> 'merged'
    AND (number = ANY($2::text[]) OR external_id = ANY($2::text[]))
"""
_BY_ID = "SELECT id, number, name FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_LIKE = """
SELECT id, number, name, legal_name FROM accounts WHERE organization_id = $1 AND status = 'active'
    AND (name ILIKE $2 OR legal_name ILIKE $2) ORDER BY id LIMIT $3
"""
_INVOICES = """
SELECT i.id, i.source, i.external_id, i.account_id, i.currency, i.amount_minor + i.corrected_minor AS amount_minor
FROM invoices i WHERE i.organization_id = $1 AND i.legal_entity_id = $2 AND i.number = $3 AND i.voided_at IS NULL
    AND i.kind = $4
"""
_CREDIT_MEMOS = """
SELECT c.id, c.source, c.external_id, c.account_id, c.currency, c.amount_minor
FROM credit_memos c WHERE c.organization_id = $1 AND c.legal_entity_id = $2 AND c.number = $3 AND c.voided_at IS NULL
    AND $4 = 'credit_memo'
"""
_CREDITED = """
SELECT id FROM invoices WHERE organization_id = $1 AND legal_entity_id = $2 AND account_id = $3
    AND number = ANY($4::text[]) AND voided_at IS NULL
"""


async def sellers(session: ReadSession) -> list[Any]:
    """Legal entities with the identifiers of their own bank accounts."""
    return list(await session.driver.fetch(_SELLERS, session.organization_id))


async def accounts_by_number(session: ReadSession, numbers: Iterable[str]) -> set[UUID]:
    """Accounts that have one of these as number or as key of their source."""
    rows = await session.driver.fetch(_BY_NUMBER, session.organization_id, list(numbers))
    return {row["id"] for row in rows}


async def accounts_named(session: ReadSession, ids: Iterable[UUID]) -> list[Any]:
    """id, number and name of these accounts."""
    return list(await session.driver.fetch(_BY_ID, session.organization_id, list(ids)))


async def accounts_like(session: ReadSession, name: str) -> list[Any]:
    """Active accounts whose name has the longest word of this one, at most NAMES_READ_MAX."""
    word = max(re.findall(r"\w+", name), key=len, default="")
    if len(word) < 3:
        return []
    return list(await session.driver.fetch(_LIKE, session.organization_id, f"%{word}%", NAMES_READ_MAX))


async def documents_of_number(session: ReadSession, legal_entity_id: UUID, kind: str, number: str) -> list[Any]:
    """Documents on record under that number, of any source."""
    statement = _CREDIT_MEMOS if kind == "credit_memo" else _INVOICES
    return list(await session.driver.fetch(statement, session.organization_id, legal_entity_id, number, kind))


async def credited_invoice(
    session: ReadSession, legal_entity_id: UUID, account_id: UUID, numbers: Iterable[str]
) -> UUID | None:
    """The one invoice of the account that a credit note refers to."""
    rows = await session.driver.fetch(_CREDITED, session.organization_id, legal_entity_id, account_id, list(numbers))
    return rows[0]["id"] if len(rows) == 1 else None
