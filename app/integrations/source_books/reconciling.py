"""What each account owes: said by the source, added up over its documents, and here. In the currency of its books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.integrations import queries

Verdict = Literal["agrees", "source_differs", "differs_here", "unknown_account"]
# Documents in another currency count with their share of the functional amount; the stated open amount is exact.
_HERE = """
WITH items AS (
    SELECT i.account_id, i.currency, i.source, i.external_id, sum(n.open_minor)::bigint AS open_minor
    FROM instalments n JOIN invoices i ON i.organization_id = $1 AND i.id = n.invoice_id
    WHERE n.organization_id = $1 AND n.account_id = ANY($2::uuid[]) AND n.open_minor <> 0
    GROUP BY i.id, i.account_id, i.currency, i.source, i.external_id
    UNION ALL
    SELECT c.account_id, c.currency, c.source, c.external_id, -c.open_minor FROM credit_memos c
    WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.open_minor <> 0
    UNION ALL
    SELECT p.account_id, p.currency, p.source, p.external_id, -p.unapplied_minor FROM payments p
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.unapplied_minor <> 0
)
SELECT items.account_id, sum(CASE
        WHEN items.currency = $3 THEN items.open_minor
        WHEN d.functional_currency IS DISTINCT FROM $3 OR coalesce(d.original_minor, 0) = 0 THEN 0
        WHEN abs(items.open_minor) = d.original_open_minor THEN sign(items.open_minor) * d.functional_open_minor
        ELSE round(items.open_minor::numeric * d.functional_minor / d.original_minor)
    END)::bigint AS minor
FROM items LEFT JOIN source_documents d ON d.organization_id = $1 AND d.source = items.source
    AND d.external_id = items.external_id
GROUP BY items.account_id
"""
_DOCUMENTS = """
SELECT account_key, sum(sign * functional_open_minor)::bigint AS minor FROM source_documents
WHERE organization_id = $1 AND source = $2 AND account_key = ANY($3::text[]) AND NOT voided
    AND functional_currency = $4 AND functional_open_minor IS NOT NULL
GROUP BY account_key
"""
_INSERT = """
INSERT INTO source_balances (organization_id, id, import_id, account_id, account_key, currency, stated_minor,
    documents_minor, here_minor, verdict)
SELECT $1, r.id, $2, r.account_id, r.account_key, r.currency, r.stated, r.documents, r.here, r.verdict
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[])
    AS r(id, account_id, account_key, currency, stated, documents, here, verdict)
ON CONFLICT DO NOTHING
"""
_NOT_STATED = """
SELECT d.account_key, d.functional_currency AS currency, sum(d.sign * d.functional_open_minor)::bigint AS minor
FROM source_documents d
WHERE d.organization_id = $1 AND d.source = $2 AND NOT d.voided AND d.functional_open_minor IS NOT NULL
    AND NOT EXISTS (SELECT FROM source_balances b WHERE b.organization_id = $1 AND b.import_id = $3
        AND b.account_key = d.account_key AND b.currency = d.functional_currency)
GROUP BY 1, 2 HAVING sum(d.sign * d.functional_open_minor) <> 0 ORDER BY 1 LIMIT 10000
"""
_SUMMARY = """
SELECT verdict, currency, count(*) AS accounts, coalesce(sum(stated_minor), 0)::bigint AS stated,
    sum(documents_minor)::bigint AS documents, sum(here_minor)::bigint AS here
FROM source_balances WHERE organization_id = $1 AND import_id = $2 GROUP BY 1, 2 ORDER BY 2, 1
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One account and currency; minor units. `stated_minor` None: the source named no balance of it."""

    account_id: UUID | None
    account_key: str
    currency: str
    stated_minor: int | None
    documents_minor: int | None
    here_minor: int

    @property
    def verdict(self) -> Verdict:
        """What stands against what: a difference here counts more than one within the source."""
        stated = self.stated_minor or 0
        if self.account_id is None and (stated or self.documents_minor):
            return "unknown_account"
        if self.here_minor != stated:
            return "differs_here"
        if self.documents_minor is not None and self.documents_minor != stated:
            return "source_differs"
        return "agrees"


async def owed_here(session: ReadSession, account_ids: Iterable[UUID], currency: str) -> dict[UUID, int]:
    """Open documents less open credit memos and unapplied cash of each account, in the currency of the books."""
    rows: Sequence[Any] = await session.driver.fetch(_HERE, session.organization_id, list(account_ids), currency)
    return {row["account_id"]: row["minor"] for row in rows}


async def documents_of(session: ReadSession, source: str, keys: Iterable[str], currency: str) -> dict[str, int]:
    """The sum of signed open amounts that the source states for the documents of each account."""
    rows = await session.driver.fetch(_DOCUMENTS, session.organization_id, source, list(keys), currency)
    return {row["account_key"]: row["minor"] for row in rows}


async def keep_lines(session: WriteSession, import_id: UUID, lines: Sequence[Line]) -> None:
    """Write the lines; one that stands already stays as it is."""
    if not lines:
        return
    await session.driver.execute(
        _INSERT,
        session.organization_id,
        import_id,
        [new_id() for _ in lines],
        [line.account_id for line in lines],
        [line.account_key for line in lines],
        [line.currency for line in lines],
        [line.stated_minor for line in lines],
        [line.documents_minor for line in lines],
        [line.here_minor for line in lines],
        [line.verdict for line in lines],
    )


async def keep_unstated(session: WriteSession, import_id: UUID, source: str) -> int:
    """Add a line for every account whose documents are open at the source, but which the balances do not name."""
    rows = await session.driver.fetch(_NOT_STATED, session.organization_id, source, import_id)
    if not rows:
        return 0
    keys = [(source, row["account_key"]) for row in rows]
    by_reference = await queries.account_ids_by_reference(session, keys)
    by_number = await queries.account_ids(session, [key for _, key in keys])
    lines: list[Line] = []
    for row in rows:
        key = row["account_key"]
        account_id = by_reference.get((source, key)) or by_number.get(key)
        here = await owed_here(session, [account_id], row["currency"]) if account_id is not None else {}
        owed = here.get(account_id, 0) if account_id is not None else 0
        lines.append(Line(account_id, key, row["currency"], None, row["minor"], owed))
    await keep_lines(session, import_id, lines)
    return len(lines)


async def summary_of(session: ReadSession, import_id: UUID) -> list[Any]:
    """Accounts and sums by verdict and currency."""
    return list(await session.driver.fetch(_SUMMARY, session.organization_id, import_id))
