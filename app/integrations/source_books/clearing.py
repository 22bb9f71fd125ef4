"""What a source cleared without a payment that is here: against a credit memo, a residual item, a missing receipt.

The document is settled by its source, with the clearing document as the reason, so that balances agree. A clearing that
the source took back (the item is open again, or cleared by another document) is taken back here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession, attempt
from app.integrations.source_books.undoing import undo_pair
from app.invoices.adjustments import RequestAdjustment, post_system_adjustment
from app.invoices.credit_memos import earliest_withdrawal, settle_by_source
from app.invoices.sql.credit_memos import lock_credit_memo

KIND, REASON_CODE = "opening_settlement", "source_clearing"
_DOCUMENTS = """
SELECT i.source, i.external_id, i.id, i.currency, i.legal_entity_id, false AS is_memo FROM invoices i
WHERE i.organization_id = $1 AND i.source = $2 AND i.external_id = ANY($3::text[]) AND i.voided_at IS NULL
UNION ALL
SELECT c.source, c.external_id, c.id, c.currency, c.legal_entity_id, true FROM credit_memos c
WHERE c.organization_id = $1 AND c.source = $2 AND c.external_id = ANY($3::text[]) AND c.voided_at IS NULL
"""
_BY_CLEARING = """
SELECT n.invoice_id AS id, a.instalment_id, a.reason, sum(a.amount_minor)::bigint AS minor
FROM adjustments a JOIN instalments n ON n.organization_id = $1 AND n.id = a.instalment_id
WHERE a.organization_id = $1 AND n.invoice_id = ANY($2::uuid[]) AND a.kind = 'opening_settlement'
    AND a.reason_code = 'source_clearing' AND a.state = 'posted'
GROUP BY 1, 2, 3
"""
_OF_MEMOS = """
SELECT m.credit_memo_id AS id, NULL::uuid AS instalment_id, m.reason, sum(m.amount_minor)::bigint AS minor
FROM credit_memo_movements m
WHERE m.organization_id = $1 AND m.credit_memo_id = ANY($2::uuid[]) AND m.kind = 'opening_settlement'
    AND m.reason LIKE 'cleared by %'
GROUP BY 1, 3
"""
_PARTS = """
SELECT id, open_minor, greatest(accounting_date, reopened_on) AS not_before FROM instalments
WHERE organization_id = $1 AND invoice_id = $2 AND open_minor > 0 ORDER BY due_date, ordinal FOR UPDATE
"""
_LEFT = """
SELECT unapplied_minor AS minor FROM payments WHERE organization_id = $1 AND id = $2
UNION ALL SELECT open_minor FROM credit_memos WHERE organization_id = $1 AND id = $2
"""
_OTHERS = """
SELECT a.from_external_id, a.to_external_id FROM source_applications a
WHERE a.organization_id = $1 AND a.source = $2 AND a.to_external_id = ANY($3::text[])
    AND (a.source_table = ANY($4::text[])) = $5
"""
_FORGET = """
DELETE FROM source_applications
WHERE organization_id = $1 AND source = $2 AND from_external_id = $3 AND to_external_id = $4
"""
_PARTIES = """
SELECT p.id FROM payments p WHERE p.organization_id = $1 AND p.source = $2 AND p.external_id = $3
UNION ALL SELECT c.id FROM credit_memos c WHERE c.organization_id = $1 AND c.source = $2 AND c.external_id = $3
"""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A document of the source that can be settled by it."""

    id: UUID
    currency: str
    legal_entity_id: UUID
    is_memo: bool


def reason_of(clearing: str) -> str:
    """What the settlement says: by which document the source cleared."""
    return f"cleared by {clearing} at its source"[:500]


async def documents_to_clear(session: ReadSession, source: str, keys: Sequence[str]) -> dict[str, Cleared]:
    """Invoices and credit memos of the source that stand, by their keys there."""
    rows = await session.driver.fetch(_DOCUMENTS, session.organization_id, source, list(keys))
    return {
        row["external_id"]: Cleared(row["id"], row["currency"], row["legal_entity_id"], row["is_memo"]) for row in rows
    }


async def cleared_before(session: ReadSession, documents: Sequence[Cleared]) -> dict[tuple[UUID, str], int]:
    """What each document was settled by each clearing already, in minor units, by id and reason."""
    made: dict[tuple[UUID, str], int] = {}
    for row in await _settlements(session, documents):
        made[row["id"], row["reason"]] = made.get((row["id"], row["reason"]), 0) + row["minor"]
    return made


async def _settlements(session: ReadSession, documents: Sequence[Cleared]) -> list[Any]:
    rows: list[Any] = []
    for statement, is_memo in ((_BY_CLEARING, False), (_OF_MEMOS, True)):
        ids = [document.id for document in documents if document.is_memo == is_memo]
        if ids:
            rows += await session.driver.fetch(statement, session.organization_id, ids)
    return rows


async def left_of(session: ReadSession, source_id: UUID) -> int:
    """What a payment or credit memo has left to apply."""
    return int(await session.driver.fetchval(_LEFT, session.organization_id, source_id) or 0)


async def settle_cleared(
    session: WriteSession, document: Cleared, amount_minor: int, on: date, clearing: str, first_open: date | None
) -> int:
    """Settle up to `amount_minor` of what is open; how much it was. Raises PeriodClosed, EffectiveDateTooEarly."""
    reason = reason_of(clearing)
    if document.is_memo:
        memo = await lock_credit_memo(session, document.id)
        take = min(amount_minor, memo.open_minor)
        if take > 0:
            day = max(on, earliest_withdrawal(memo), first_open or on)
            await settle_by_source(session, memo, memo.open_minor - take, day, reason)
        return max(take, 0)
    done = 0
    for part in await session.driver.fetch(_PARTS, session.organization_id, document.id):
        take = min(amount_minor - done, part["open_minor"])
        if take <= 0:
            break
        day = max(on, part["not_before"], first_open or on)
        command = RequestAdjustment(part["id"], KIND, take, day, REASON_CODE, reason)
        await post_system_adjustment(session, command)
        done += take
    return done


async def undo_clearings(
    session: WriteSession, source: str, to: str, document: Cleared | None, other_than: str | None,
    tables: Sequence[str], *, today: date, first_open: date | None, own_tables: bool,
) -> int:  # fmt: skip
    """Take back what cleared a document, but for the clearing `other_than`; how many things were taken back.

    `own_tables`: only what `tables` said of it (a cleared item has one clearing); else only what other tables said.
    """
    rows = await session.driver.fetch(_OTHERS, session.organization_id, source, [to], list(tables), own_tables)
    count = 0
    for row in rows:
        if row["from_external_id"] == other_than:
            continue
        count += await _undo_one(session, source, row["from_external_id"], to, document, today)
    if document is None:
        return count
    keep = None if other_than is None else reason_of(other_than)
    on = max(today, first_open or today)
    for row in await _settlements(session, [document]):
        if row["minor"] <= 0 or row["reason"] == keep:
            continue
        if document.is_memo:
            memo = await lock_credit_memo(session, document.id)
            await settle_by_source(session, memo, memo.open_minor + row["minor"], on, row["reason"])
        else:
            command = RequestAdjustment(row["instalment_id"], KIND, -row["minor"], on, REASON_CODE, row["reason"])
            await post_system_adjustment(session, command)
        count += 1
    return count


async def _undo_one(
    session: WriteSession, source: str, clearing: str, to: str, document: Cleared | None, today: date
) -> int:
    """The applications of one clearing document to this one, and what is remembered of them."""
    count = 0
    if document is not None and not document.is_memo:
        for row in await session.driver.fetch(_PARTIES, session.organization_id, source, clearing):
            try:
                async with attempt(session):
                    count += await undo_pair(session, row["id"], document.id, today=today)
            except DomainError:
                return count  # the balances will show it
    await session.driver.execute(_FORGET, session.organization_id, source, clearing, to)
    return count
