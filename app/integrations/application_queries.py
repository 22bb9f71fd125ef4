"""Reads of the loaders of applications and balances: parties by their keys in the source, what is settled, balances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from app.infra.database import ReadSession

Pair = tuple[str, str, str]
_SOURCES = """
SELECT 'payment' AS kind, p.id, p.source, p.external_id, p.account_since AS not_before, p.currency, p.reopened_on
FROM payments p
WHERE p.organization_id = $1 AND (p.source, p.external_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
UNION ALL
SELECT 'credit_memo', c.id, c.source, c.external_id, c.accounting_date, c.currency, c.reopened_on FROM credit_memos c
WHERE c.organization_id = $1 AND (c.source, c.external_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
  AND c.status <> 'void'
UNION ALL
SELECT 'payment', p.id, r.target, r.external_id, p.account_since, p.currency, p.reopened_on
FROM export_rows r JOIN payments p ON p.organization_id = $1 AND p.id = r.subject_id
WHERE r.organization_id = $1 AND r.kind = 'receipt' AND r.state <> 'rejected'
  AND (r.target, r.external_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
"""
_DOCUMENTS = """
SELECT i.id, i.source, i.external_id, i.currency, i.legal_entity_id, i.accounting_date,
    (SELECT max(n.reopened_on) FROM instalments n WHERE n.organization_id = $1 AND n.invoice_id = i.id) AS reopened_on
FROM invoices i
WHERE i.organization_id = $1 AND i.voided_at IS NULL
  AND (i.source, i.external_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
"""
_SETTLED = """
SELECT coalesce(a.payment_id, a.credit_memo_id) AS source_id, n.invoice_id,
       sum(a.amount_minor + a.discount_minor + a.write_off_minor)::bigint AS minor
FROM applications a JOIN instalments n ON n.organization_id = $1 AND n.id = a.instalment_id
WHERE a.organization_id = $1 AND n.invoice_id = ANY($2::uuid[])
  AND coalesce(a.payment_id, a.credit_memo_id) = ANY($3::uuid[])
GROUP BY 1, 2
"""
_PARTS = """
SELECT id, open_minor FROM instalments WHERE organization_id = $1 AND invoice_id = $2 AND open_minor > 0
ORDER BY due_date, ordinal
"""
_BALANCES = """
SELECT account_id, currency, sum(minor)::bigint AS minor FROM (
    SELECT account_id, currency, open_minor AS minor FROM instalments
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0
    UNION ALL
    SELECT account_id, currency, -open_minor FROM credit_memos
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0
    UNION ALL
    SELECT account_id, currency, -unapplied_minor FROM payments
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND unapplied_minor <> 0
) AS parts GROUP BY account_id, currency
"""


@dataclass(frozen=True, slots=True)
class Party:
    """Both sides of an application; it may not be dated before `not_before`."""

    kind: Literal["payment", "credit_memo"]
    source_id: UUID
    invoice_id: UUID
    currency: str
    legal_entity_id: UUID
    not_before: date
    source_currency: str
    reopened_on: date | None


async def parties(session: ReadSession, pairs: Sequence[Pair]) -> dict[Pair, Party]:
    """Both sides of each pair that is on record."""
    names, froms, tos = [p[0] for p in pairs], [p[1] for p in pairs], [p[2] for p in pairs]
    sources = await session.driver.fetch(_SOURCES, session.organization_id, names, froms)
    documents = await session.driver.fetch(_DOCUMENTS, session.organization_id, names, tos)
    by_from = {(row["source"], row["external_id"]): row for row in sources}
    by_to = {(row["source"], row["external_id"]): row for row in documents}
    found: dict[Pair, Party] = {}
    for pair in pairs:
        payer, document = by_from.get((pair[0], pair[1])), by_to.get((pair[0], pair[2]))
        if payer is not None and document is not None:
            not_before = max(payer["not_before"], document["accounting_date"])
            found[pair] = Party(
                payer["kind"], payer["id"], document["id"], document["currency"], document["legal_entity_id"],
                not_before, payer["currency"],
                max((on for on in (payer["reopened_on"], document["reopened_on"]) if on is not None), default=None),
            )  # fmt: skip
    return found


async def settled(session: ReadSession, found: Mapping[Pair, Party]) -> dict[Pair, int]:
    """What is applied of each pair already, reversals taken off, in minor units of the document."""
    rows = await session.driver.fetch(
        _SETTLED,
        session.organization_id,
        [party.invoice_id for party in found.values()],
        [party.source_id for party in found.values()],
    )
    by_ids = {(row["source_id"], row["invoice_id"]): row["minor"] for row in rows}
    return {pair: by_ids.get((party.source_id, party.invoice_id), 0) for pair, party in found.items()}


async def open_parts(session: ReadSession, invoice_id: UUID) -> list[tuple[UUID, int]]:
    """Open instalments of a document with what is open, by due date."""
    rows = await session.driver.fetch(_PARTS, session.organization_id, invoice_id)
    return [(row["id"], row["open_minor"]) for row in rows]


async def account_balances(session: ReadSession, account_ids: Iterable[UUID]) -> dict[tuple[UUID, str], int]:
    """What each account owes by currency: open documents less open credit memos and unapplied cash."""
    rows: Sequence[Any] = await session.driver.fetch(_BALANCES, session.organization_id, list(account_ids))
    return {(row["account_id"], row["currency"]): row["minor"] for row in rows}
