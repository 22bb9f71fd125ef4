"""SQL of adjustments: locks, what stands of them, and taking off an instalment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.infra.database import ReadSession, WriteSession
from app.invoices.errors import AdjustmentNotFound
from app.invoices.models import Adjustment
from app.invoices.rules import REQUESTABLE

_TAKE_OFF = """
UPDATE instalments SET adjusted_minor = adjusted_minor + $3, corrected_minor = corrected_minor + $5,
    status = CASE WHEN open_minor = $3 THEN CASE WHEN $4 = 'write_off' THEN 'written_off' ELSE 'settled' END
                  WHEN open_minor - $3 = amount_minor + corrected_minor + $5 THEN 'open' ELSE 'partially_applied' END,
    reopened_on = CASE WHEN $3 < 0 THEN greatest(reopened_on, $6::date) ELSE reopened_on END,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_INSERT_POSTED = """
INSERT INTO adjustments (organization_id, id, instalment_id, legal_entity_id, account_id, currency, kind, reason_code,
    reason, amount_minor, tax_minor, state, effective_date, requested_by, requested_by_id, posted_at)
SELECT $1, r.id, r.instalment_id, r.legal_entity_id, r.account_id, r.currency, r.kind, r.reason_code, r.reason,
    r.amount_minor, r.tax_minor, 'posted', r.effective_date, r.requested_by, r.requested_by_id,
    current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::bigint[], $11::bigint[], $12::date[], $13::text[], $14::uuid[])
    AS r(id, instalment_id, legal_entity_id, account_id, currency, kind, reason_code, reason, amount_minor, tax_minor,
         effective_date, requested_by, requested_by_id)
"""
_STANDING = """
SELECT coalesce(sum(a.amount_minor) FILTER (WHERE a.kind = ANY($3::text[])), 0)::bigint AS adjusted_minor,
    coalesce(sum(a.amount_minor) FILTER (WHERE a.kind = 'write_off' AND a.tax_minor <> 0), 0)::bigint AS taxed_minor,
    coalesce(sum(a.tax_minor) FILTER (WHERE a.kind = 'write_off'), 0)::bigint AS tax_minor
FROM instalments p JOIN adjustments a ON a.organization_id = p.organization_id AND a.instalment_id = p.id
WHERE p.organization_id = $1 AND p.invoice_id = $2 AND a.state = 'posted'
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What people adjusted on a document and did not undo: all of it, and the write-offs that took tax with them."""

    adjusted_minor: int
    taxed_minor: int
    tax_minor: int


async def standing_adjustments(session: ReadSession, invoice_id: UUID) -> Standing:
    """Sums over the document's posted adjustments."""
    row = await session.driver.fetchrow(_STANDING, session.organization_id, invoice_id, list(REQUESTABLE))
    assert row is not None
    return Standing(**dict(row))


async def insert_posted_adjustments(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert adjustments that are posted at once (opening settlements, voids), columns as in the statement."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_INSERT_POSTED, session.organization_id, *columns)


async def take_off(session: WriteSession, instalment_id: UUID, amount_minor: int, kind: str, on: date) -> None:
    """Lower (negative: raise) what a locked instalment has open; the caller has checked that it is enough."""
    corrected_minor = -amount_minor if kind == "source_correction" else 0
    await session.driver.execute(
        _TAKE_OFF, session.organization_id, instalment_id, amount_minor, kind, corrected_minor, on
    )


async def lock_adjustment(session: WriteSession, adjustment_id: UUID) -> Adjustment:
    """One adjustment, locked for a change. Raises AdjustmentNotFound."""
    key = (session.organization_id, adjustment_id)
    found = await session.get(Adjustment, key, with_for_update={"key_share": True}, populate_existing=True)
    if found is None:
        raise AdjustmentNotFound("no such adjustment")
    return found


async def get_adjustment(session: ReadSession, adjustment_id: UUID) -> Adjustment:
    """One adjustment as it is now. Raises AdjustmentNotFound."""
    found = await session.get(Adjustment, (session.organization_id, adjustment_id), populate_existing=True)
    if found is None:
        raise AdjustmentNotFound("no such adjustment")
    return found


async def undone_by(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The adjustment that undid each of these, where one did."""
    statement = select(Adjustment.reverses_id, Adjustment.id).where(
        Adjustment.organization_id == session.organization_id, Adjustment.reverses_id.in_(list(ids))
    )
    found = (await session.execute(statement)).all()
    return {original: undo for original, undo in found if original is not None}
