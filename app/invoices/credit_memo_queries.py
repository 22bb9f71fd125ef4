"""SQL of credit memos."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from app.infra.database import ReadSession, WriteSession
from app.invoices.errors import CreditMemoNotFound
from app.invoices.models import CreditMemo

_INSERT = """
INSERT INTO credit_memos (organization_id, id, number, number_key, digits_key, tail_key, source, external_id,
    legal_entity_id, account_id, currency, amount_minor, tax_minor, withdrawn_minor, credit_date, accounting_date,
    invoice_id, reason_code, reason, status)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::uuid[], $10::uuid[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::date[], $16::date[],
    $17::uuid[], $18::text[], $19::text[], $20::text[])
"""
_INSERT_MOVEMENTS = """
INSERT INTO credit_memo_movements (organization_id, id, credit_memo_id, kind, amount_minor, effective_date, reason,
    actor_name)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::date[], $7::text[], $8::text[])
"""
_WITHDRAW = """
UPDATE credit_memos SET withdrawn_minor = withdrawn_minor + $4,
    status = CASE WHEN $3 = 'void' THEN 'void' WHEN open_minor > $4 THEN 'partially_applied'
                  WHEN applied_minor = 0 THEN 'refunded' ELSE 'applied' END,
    void_date = CASE WHEN $3 = 'void' THEN $5::date ELSE void_date END,
    void_reason = CASE WHEN $3 = 'void' THEN $6 ELSE void_reason END,
    voided_at = CASE WHEN $3 = 'void' THEN current_setting('app.recorded_at')::timestamptz ELSE voided_at END,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_TAKEN_NUMBERS = """
SELECT c.legal_entity_id, c.source, c.number FROM credit_memos c
JOIN unnest($2::uuid[], $3::text[], $4::text[]) AS w(legal_entity_id, source, number)
  USING (legal_entity_id, source, number)
WHERE c.organization_id = $1 AND c.voided_at IS NULL
"""
_TAKEN_EXTERNAL_IDS = """
SELECT c.source, c.external_id FROM credit_memos c
JOIN unnest($2::text[], $3::text[]) AS w(source, external_id) USING (source, external_id)
WHERE c.organization_id = $1 AND c.voided_at IS NULL
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


async def insert_credit_memos(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert documents, columns in the order of the statement."""
    await _insert(session, _INSERT, rows)


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
    found = await session.get(CreditMemo, key, with_for_update=True, populate_existing=True)
    if found is None:
        raise CreditMemoNotFound("no such credit memo")
    return found
