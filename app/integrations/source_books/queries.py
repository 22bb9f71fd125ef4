"""SQL of what a source says of its own books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.integrations.source_books.models import SourceBalance, SourceWatermark

_STATE = """
INSERT INTO source_documents AS d (organization_id, id, source, external_id, account_key, sign, functional_currency,
    functional_minor, functional_open_minor, voided, import_id)
SELECT $1, r.id, r.source, r.external_id, r.account_key, r.sign, r.currency, r.minor, r.open_minor, r.voided, $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[], $9::bigint[], $10::bigint[],
    $11::bool[]) AS r(id, source, external_id, account_key, sign, currency, minor, open_minor, voided)
ON CONFLICT (organization_id, source, external_id) DO UPDATE SET account_key = excluded.account_key,
    sign = excluded.sign, functional_currency = excluded.functional_currency,
    functional_minor = excluded.functional_minor, functional_open_minor = excluded.functional_open_minor,
    voided = excluded.voided, import_id = excluded.import_id
WHERE (d.account_key, d.sign, d.functional_currency, d.functional_minor, d.functional_open_minor, d.voided)
    IS DISTINCT FROM (excluded.account_key, excluded.sign, excluded.functional_currency, excluded.functional_minor,
    excluded.functional_open_minor, excluded.voided)
"""
_ORIGINALS = """
INSERT INTO source_documents AS d (organization_id, id, source, external_id, original_currency, original_minor,
    original_open_minor, original_tax_minor, import_id)
SELECT $1, r.id, r.source, r.external_id, r.currency, r.minor, r.open_minor, r.tax_minor, $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[])
    AS r(id, source, external_id, currency, minor, open_minor, tax_minor)
ON CONFLICT (organization_id, source, external_id) DO UPDATE SET original_currency = excluded.original_currency,
    original_minor = excluded.original_minor, original_open_minor = excluded.original_open_minor,
    original_tax_minor = excluded.original_tax_minor
"""
_READ = """
SELECT d.source, d.external_id, d.original_currency, d.original_minor, d.original_open_minor, d.original_tax_minor
FROM source_documents d JOIN unnest($2::text[], $3::text[]) AS w(source, external_id) USING (source, external_id)
WHERE d.organization_id = $1 AND d.original_minor IS NOT NULL
"""
_ADVANCE = """
INSERT INTO source_watermarks AS w (organization_id, id, source, source_table, kind, changed_at, held_back, import_id,
    updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, current_setting('app.recorded_at')::timestamptz)
ON CONFLICT (organization_id, source, source_table, kind) DO UPDATE SET
    changed_at = greatest(w.changed_at, excluded.changed_at), held_back = excluded.held_back,
    import_id = excluded.import_id, updated_at = excluded.updated_at
"""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a source says of a document in the currency of its books; amounts in minor units, without sign."""

    source: str
    external_id: str
    account_key: str
    sign: int
    currency: str
    amount_minor: int
    open_minor: int | None
    voided: bool = False


@dataclass(frozen=True, slots=True)
class Original:
    """What a source says of a document in the document's own currency, in minor units."""

    currency: str
    amount_minor: int
    open_minor: int | None
    tax_minor: int | None


async def state_documents(session: WriteSession, import_id: UUID, stated: Sequence[Stated]) -> None:
    """Keep what the source says; the last word counts."""
    latest = {(s.source, s.external_id): s for s in stated}
    rows = [latest[key] for key in sorted(latest)]
    if not rows:
        return
    await session.driver.execute(
        _STATE,
        session.organization_id,
        import_id,
        [new_id() for _ in rows],
        [row.source for row in rows],
        [row.external_id for row in rows],
        [row.account_key for row in rows],
        [row.sign for row in rows],
        [row.currency for row in rows],
        [row.amount_minor for row in rows],
        [row.open_minor for row in rows],
        [row.voided for row in rows],
    )


async def state_originals(
    session: WriteSession, import_id: UUID, originals: dict[tuple[str, str], Original]
) -> dict[tuple[str, str], Original]:
    """Keep amounts in the currency of the documents; what was on record before."""
    keys = sorted(originals)
    before = await originals_of(session, keys)
    rows = [(key, originals[key]) for key in keys if before.get(key) != originals[key]]
    if rows:
        await session.driver.execute(
            _ORIGINALS,
            session.organization_id,
            import_id,
            [new_id() for _ in rows],
            [key[0] for key, _ in rows],
            [key[1] for key, _ in rows],
            [row.currency for _, row in rows],
            [row.amount_minor for _, row in rows],
            [row.open_minor for _, row in rows],
            [row.tax_minor for _, row in rows],
        )
    return before


async def originals_of(session: ReadSession, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Original]:
    """Amounts in the currency of the documents by (source, external id), where they are known."""
    wanted = list(keys)
    rows = await session.driver.fetch(
        _READ, session.organization_id, [key[0] for key in wanted], [key[1] for key in wanted]
    )
    return {
        (row["source"], row["external_id"]): Original(
            row["original_currency"], row["original_minor"], row["original_open_minor"], row["original_tax_minor"]
        )
        for row in rows
    }


async def find_watermark(session: ReadSession, source: str, table: str, kind: str) -> datetime | None:
    """How far the table was read for this kind of rows."""
    found: datetime | None = await session.driver.fetchval(
        "SELECT changed_at FROM source_watermarks"
        " WHERE organization_id = $1 AND source = $2 AND source_table = $3 AND kind = $4",
        session.organization_id,
        source,
        table,
        kind,
    )
    return found


async def advance_watermark(
    session: WriteSession, import_id: UUID, source: str, table: str, kind: str, changed_at: datetime, *, held: bool
) -> None:
    """Move the watermark forwards, never back. `held`: a refused row keeps it from going further."""
    await session.driver.execute(
        _ADVANCE, session.organization_id, new_id(), source, table, kind, changed_at, held, import_id
    )


def watermarks_statement(organization_id: UUID, source: str | None) -> Select[Any]:
    """All watermarks, or those of one source."""
    statement = select(SourceWatermark).where(SourceWatermark.organization_id == organization_id)
    return statement if source is None else statement.where(SourceWatermark.source == source)


def balances_statement(organization_id: UUID, import_id: UUID, verdict: str | None) -> Select[Any]:
    """The lines of a reconciliation."""
    statement = select(SourceBalance).where(
        SourceBalance.organization_id == organization_id, SourceBalance.import_id == import_id
    )
    return statement if verdict is None else statement.where(SourceBalance.verdict == verdict)
