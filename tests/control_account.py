"""The books of a tenant, recomputed from rows: what documents say against what the journal says, and the columns."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.infra.database import ReadSession, WriteSession
from tests.receivables import flush

_JOURNAL = """
SELECT currency, sum(minor)::bigint AS minor FROM (
    SELECT currency, amount_minor AS minor FROM transfers
    WHERE organization_id = $1 AND debit_account = 'receivables' AND effective_date <= $2
    UNION ALL
    SELECT currency, -amount_minor FROM transfers
    WHERE organization_id = $1 AND credit_account = 'receivables' AND effective_date <= $2
) t GROUP BY currency HAVING sum(minor) <> 0
"""
_DOCUMENTS = """
SELECT currency, sum(minor)::bigint AS minor FROM (
    SELECT currency, amount_minor AS minor FROM instalments WHERE organization_id = $1 AND accounting_date <= $2
    UNION ALL
    SELECT currency, -amount_minor FROM adjustments
    WHERE organization_id = $1 AND state = 'posted' AND effective_date <= $2
    UNION ALL
    SELECT currency, -amount_minor - discount_minor - write_off_minor FROM applications
    WHERE organization_id = $1 AND effective_date <= $2
    UNION ALL
    SELECT currency, -amount_minor FROM credit_memos WHERE organization_id = $1 AND accounting_date <= $2
    UNION ALL
    SELECT c.currency, m.amount_minor FROM credit_memo_movements m
    JOIN credit_memos c ON c.organization_id = m.organization_id AND c.id = m.credit_memo_id
    WHERE m.organization_id = $1 AND m.effective_date <= $2
    UNION ALL
    SELECT source_currency, source_amount_minor FROM applications
    WHERE organization_id = $1 AND credit_memo_id IS NOT NULL AND effective_date <= $2
) d GROUP BY currency HAVING sum(minor) <> 0
"""
_COLUMNS = """
SELECT currency, sum(minor)::bigint AS minor FROM (
    SELECT currency, open_minor AS minor FROM instalments WHERE organization_id = $1
    UNION ALL
    SELECT currency, -open_minor FROM credit_memos WHERE organization_id = $1
) o GROUP BY currency HAVING sum(minor) <> 0
"""
_WRONG = """
SELECT 'instalment' AS what, i.id FROM instalments i WHERE i.organization_id = $1 AND (
    i.adjusted_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM adjustments a
        WHERE a.organization_id = $1 AND a.instalment_id = i.id AND a.state = 'posted')
    OR i.corrected_minor <> (SELECT -coalesce(sum(amount_minor), 0) FROM adjustments a
        WHERE a.organization_id = $1 AND a.instalment_id = i.id AND a.kind = 'source_correction')
    OR (i.status IN ('settled', 'written_off', 'void')) <> (i.open_minor = 0))
UNION ALL
SELECT 'invoice', i.id FROM invoices i WHERE i.organization_id = $1
    AND i.amount_minor + i.corrected_minor <> (SELECT sum(amount_minor + corrected_minor) FROM instalments p
        WHERE p.organization_id = $1 AND p.invoice_id = i.id)
UNION ALL
SELECT 'credit memo', c.id FROM credit_memos c WHERE c.organization_id = $1
    AND c.withdrawn_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM credit_memo_movements m
        WHERE m.organization_id = $1 AND m.credit_memo_id = c.id)
"""
_FOREVER = date(9999, 12, 31)


async def receivables(session: ReadSession, as_of: date = _FOREVER) -> dict[str, int]:
    """The balance of the receivables control account by currency; zeros are left out."""
    return await _by_currency(session, _JOURNAL, as_of)


async def assert_books_agree(session: WriteSession, *days: date) -> dict[str, int]:
    """Journal = documents on each day and in the end; columns = rows. Answers the balance of the control account."""
    await flush(session)
    for day in (*days, _FOREVER):
        assert await receivables(session, day) == await _by_currency(session, _DOCUMENTS, day), day
    rows = await session.driver.fetch(_COLUMNS, session.organization_id)
    balance = await receivables(session)
    assert {row["currency"]: row["minor"] for row in rows} == balance
    wrong = await session.driver.fetch(_WRONG, session.organization_id)
    assert [tuple(row) for row in wrong] == []
    return balance


async def _by_currency(session: ReadSession, statement: str, *arguments: Any) -> dict[str, int]:
    rows = await session.driver.fetch(statement, session.organization_id, *arguments)
    return {row["currency"]: row["minor"] for row in rows}
