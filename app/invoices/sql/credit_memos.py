"""SQL of credit memos."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from app.infra.database import ReadSession, WriteSession
from app.invoices.errors import CreditMemoNotFound
from app.invoices.models import CreditMemo
from app.invoices.queries import NO_KEY

_INSERT = """
INSERT INTO credit_memos (organization_id, id, number, number_key, digits_key, tail_key, source, external_id,
    legal_entity_id, account_id, currency, amount_minor, tax_minor, withdrawn_minor, credit_date, accounting_date,
    invoice_id, reason_code, reason, status)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::uuid[], $10::uuid[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::date[], $16::date[],
    $17::uuid[], $18::text[], $19::text[], $20::text[])
ON CONFLICT DO NOTHING RETURNING id
"""
_INSERT_MOVEMENTS = """
INSERT INTO credit_memo_movements (organization_id, id, credit_memo_id, kind, amount_minor, effective_date, reason,
    actor_name)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::date[], $7::text[], $8::text[])
"""
_WITHDRAW = """
UPDATE credit_memos SET withdrawn_minor = withdrawn_minor + $4,
    status = CASE WHEN $3 = 'void' THEN 'void'
                  WHEN open_minor > $4 THEN CASE WHEN applied_minor > 0 THEN 'partially_applied' ELSE 'open' END
                  WHEN $3 = 'refund' AND applied_minor = 0 THEN 'refunded' ELSE 'applied' END,
    reopened_on = CASE WHEN $4 < 0 THEN greatest(reopened_on, $5::date) ELSE reopened_on END,
    void_date = CASE WHEN $3 = 'void' THEN $5::date ELSE void_date END,
    void_reason = CASE WHEN $3 = 'void' THEN $6 ELSE void_reason END,
    voided_at = CASE WHEN $3 = 'void' THEN current_setting('app.recorded_at')::timestamptz ELSE voided_at END,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_TAKEN_NUMBERS = """
SELECT c.legal_entity_id, c.source, c.number
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS w(legal_entity_id, source, number)
CROSS JOIN LATERAL (
    SELECT c.legal_entity_id, c.source, c.number FROM credit_memos c
    WHERE c.organization_id = $1 AND c.legal_entity_id = w.legal_entity_id AND c.source = w.source
        AND c.number = w.number AND c.voided_at IS NULL LIMIT 1
) c
"""
_LIVE_REFERENCE = """
FROM unnest($2::text[], $3::text[]) AS w(source, external_id)
CROSS JOIN LATERAL (
    SELECT c.* FROM credit_memos c
    WHERE c.organization_id = $1 AND c.source = w.source AND c.external_id = w.external_id
        AND c.external_id IS NOT NULL AND c.voided_at IS NULL LIMIT 1
) c
"""
_TAKEN_EXTERNAL_IDS = f"SELECT c.source, c.external_id {_LIVE_REFERENCE}"
_FACTS = """
c.id, c.source, c.external_id, c.number, c.legal_entity_id, c.account_id, c.currency, c.amount_minor, c.tax_minor,
c.credit_date, c.accounting_date, c.invoice_id, c.reason_code, c.reason, c.open_minor, c.applied_minor, c.version,
coalesce((SELECT sum(m.amount_minor) FROM credit_memo_movements m
    WHERE m.organization_id = $1 AND m.credit_memo_id = c.id AND m.kind = 'refund'), 0)::bigint AS refunded_minor
"""
_BY_REFERENCE = f"SELECT {_FACTS} {_LIVE_REFERENCE}"
_DESCRIBE = """
UPDATE credit_memos SET invoice_id = $3, reason_code = $4, reason = $5, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""


class Numbered(Protocol):
    """What a document is known by."""

    @property
    def legal_entity_id(self) -> UUID:
        """Company code."""

    @property
    def source(self) -> str:
        """Where the document comes from."""

    @property
    def number(self) -> str:
        """The business number."""

    @property
    def external_id(self) -> str | None:
        """The source's own key."""


async def taken(session: ReadSession, commands: Sequence[Numbered]) -> tuple[set[Any], set[Any]]:
    """Numbers (legal entity, source, number) and external ids (source, id) in use among those of the commands."""
    rows = await session.driver.fetch(
        _TAKEN_NUMBERS,
        session.organization_id,
        [command.legal_entity_id for command in commands],
        [command.source for command in commands],
        [command.number for command in commands],
    )
    referenced = [command for command in commands if command.external_id is not None]
    external = await session.driver.fetch(
        _TAKEN_EXTERNAL_IDS,
        session.organization_id,
        [command.source for command in referenced],
        [command.external_id for command in referenced],
    )
    return {tuple(row) for row in rows}, {tuple(row) for row in external}


async def credited_invoices(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The legal entity of each of these invoices that exists."""
    rows = await session.driver.fetch(
        "SELECT id, legal_entity_id FROM invoices WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: row["legal_entity_id"] for row in rows}


async def memos_by_reference(session: ReadSession, references: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """What an upsert compares with, by (source, external id): credit memos that are not void."""
    rows = await session.driver.fetch(
        _BY_REFERENCE, session.organization_id, [source for source, _ in references], [id_ for _, id_ in references]
    )
    return {(row["source"], row["external_id"]): row for row in rows}


async def refunded_minor(session: ReadSession, credit_memo_id: UUID) -> int:
    """How much of a credit memo was paid back."""
    return int(
        await session.driver.fetchval(
            "SELECT coalesce(sum(amount_minor), 0) FROM credit_memo_movements"
            " WHERE organization_id = $1 AND credit_memo_id = $2 AND kind = 'refund'",
            session.organization_id,
            credit_memo_id,
        )
    )


async def update_descriptions(
    session: WriteSession, credit_memo_id: UUID, invoice_id: UUID | None, reason_code: str | None, reason: str | None
) -> None:
    """Write the credited invoice and the reason of a locked credit memo."""
    await session.driver.execute(_DESCRIBE, session.organization_id, credit_memo_id, invoice_id, reason_code, reason)


async def insert_credit_memos(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Insert documents, columns in the order of the statement; the ids of those whose number and reference were free.

    Waits for another writer that is just inserting the same ones.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    made = await session.driver.fetch(_INSERT, session.organization_id, *columns)
    return {row["id"] for row in made}


async def insert_movements(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert refunds, voids and opening settlements."""
    await _insert(session, _INSERT_MOVEMENTS, rows)


async def _insert(session: WriteSession, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(statement, session.organization_id, *columns)


async def withdraw(
    session: WriteSession, credit_memo_id: UUID, kind: str, amount_minor: int, on: date, reason: str | None
) -> None:
    """Take a refund or void off the open amount."""
    await session.driver.execute(_WITHDRAW, session.organization_id, credit_memo_id, kind, amount_minor, on, reason)


async def get_credit_memo(session: ReadSession, credit_memo_id: UUID) -> CreditMemo:
    """The credit memo as it is now. Raises CreditMemoNotFound."""
    key = (session.organization_id, credit_memo_id)
    found = await session.get(CreditMemo, key, populate_existing=True)
    if found is None:
        raise CreditMemoNotFound("no such credit memo")
    return found


async def lock_credit_memo(session: WriteSession, credit_memo_id: UUID) -> CreditMemo:
    """The credit memo, locked for a change. Raises CreditMemoNotFound."""
    key = (session.organization_id, credit_memo_id)
    found = await session.get(CreditMemo, key, with_for_update=NO_KEY, populate_existing=True)
    if found is None:
        raise CreditMemoNotFound("no such credit memo")
    return found
