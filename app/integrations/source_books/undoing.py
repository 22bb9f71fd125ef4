"""What was undone at its source is undone here: applications of a document, of a pair, receipts as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from app.infra.database import ReadSession, WriteSession
from app.integrations import queries as imports
from app.payments import queries, writes
from app.payments.undo import undo_locked
from app.payments.withdraw import ReversalReason, ReversePayment, reverse_payment

REASON = "undone at its source"
_LIVE = """
SELECT a.id, a.group_id FROM applications a
WHERE a.organization_id = $1 AND a.reverses_id IS NULL AND {} AND NOT EXISTS (
    SELECT FROM applications r WHERE r.organization_id = a.organization_id AND r.reverses_id = a.id)
ORDER BY a.group_id, a.id
"""
_OF_INVOICE = _LIVE.format(
    "a.instalment_id IN (SELECT n.id FROM instalments n JOIN invoices i ON i.organization_id = $1"
    " AND i.id = n.invoice_id WHERE n.organization_id = $1 AND i.source = $2 AND i.external_id = $3)"
)
_OF_MEMO = _LIVE.format(
    "a.credit_memo_id IN (SELECT c.id FROM credit_memos c"
    " WHERE c.organization_id = $1 AND c.source = $2 AND c.external_id = $3)"
)
_OF_PAIR = _LIVE.format(
    "coalesce(a.payment_id, a.credit_memo_id) = $2"
    " AND a.instalment_id IN (SELECT n.id FROM instalments n WHERE n.organization_id = $1 AND n.invoice_id = $3)"
)
_STANDING_INVOICES = """
SELECT i.source, i.external_id FROM invoices i JOIN unnest($2::text[], $3::text[]) AS w(source, external_id)
    USING (source, external_id)
WHERE i.organization_id = $1 AND i.voided_at IS NULL
"""
_STANDING_MEMOS = """
SELECT c.source, c.external_id FROM credit_memos c JOIN unnest($2::text[], $3::text[]) AS w(source, external_id)
    USING (source, external_id)
WHERE c.organization_id = $1 AND c.voided_at IS NULL
"""
_REVERSIBLE = """
SELECT p.legal_entity_id, p.withdrawn_minor, p.withdrawn_as,
    greatest(p.account_since, p.reopened_on, (SELECT max(a.effective_date) FROM applications a
        WHERE a.organization_id = $1 AND a.payment_id = p.id)) AS not_before
FROM payments p WHERE p.organization_id = $1 AND p.id = $2
"""


async def standing(
    session: ReadSession, keys: Iterable[tuple[str, str]], kind: Literal["invoice", "credit_memo"]
) -> set[tuple[str, str]]:
    """Those of the documents (source, external id) that are here and not void."""
    wanted = list(keys)
    if not wanted:
        return set()
    statement = _STANDING_INVOICES if kind == "invoice" else _STANDING_MEMOS
    rows = await session.driver.fetch(
        statement, session.organization_id, [key[0] for key in wanted], [key[1] for key in wanted]
    )
    return {(row["source"], row["external_id"]) for row in rows}


async def undo_all_of(session: WriteSession, source: str, external_id: str, *, is_memo: bool, today: date) -> int:
    """Undo all that is applied to the invoice, or from the credit memo; how many applications that were."""
    statement = _OF_MEMO if is_memo else _OF_INVOICE
    rows = await session.driver.fetch(statement, session.organization_id, source, external_id)
    return await _undo(session, rows, today)


async def undo_pair(session: WriteSession, source_id: UUID, invoice_id: UUID, *, today: date) -> int:
    """Undo all that a payment or credit memo pays of an invoice; how many applications that were."""
    rows = await session.driver.fetch(_OF_PAIR, session.organization_id, source_id, invoice_id)
    return await _undo(session, rows, today)


async def _undo(session: WriteSession, rows: Sequence[Any], today: date) -> int:
    groups: dict[UUID, set[UUID]] = {}
    for row in rows:
        groups.setdefault(row["group_id"], set()).add(row["id"])
    first_open = await imports.first_open_days(session) if groups else {}
    for group_id, ids in groups.items():
        originals = [stored for stored in await queries.group_rows(session, group_id) if stored.row.id in ids]
        sources, _ = await writes.lock_sources(session, {stored.row.source for stored in originals})
        (source,) = sources.values()  # a group has one source
        on = max([today, *(stored.effective_date for stored in originals)])
        await undo_locked(session, source, originals, max(on, first_open.get(source.legal_entity_id, on)), REASON)
    return len(rows)


async def reverse_voided(session: WriteSession, payment_id: UUID, *, today: date, bounced: bool) -> bool:
    """Reverse a receipt that its source voided, with its applications; False when it is reversed already.

    Raises PaymentWithdrawn when it was refunded or set aside here.
    """
    row = await session.driver.fetchrow(_REVERSIBLE, session.organization_id, payment_id)
    if row is None or row["withdrawn_as"] == "reversed":
        return False
    on = max([today, *([row["not_before"]] if row["not_before"] else [])])
    on = max(on, (await imports.first_open_days(session)).get(row["legal_entity_id"], on))
    code: ReversalReason = "bounced" if bounced else "entered_in_error"
    await reverse_payment(session, ReversePayment(payment_id, on, code, "voided at its source"))
    return True
