"""SQL that writes charges, set-wise: locks, inserts, and what became of documents that were voided elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.dunning.charges.assessing import ItemPlan, average_percent
from app.dunning.charges.queries import voided_charges
from app.infra.database import WriteSession

_LOCK = """
SELECT id FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_RELEASE = """
WITH gone AS (
    UPDATE charges SET state = 'reversed', reversed_on = $3, reversed_by = $4, reverse_reason = $5,
        version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
    WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND state = 'posted' RETURNING id
)
UPDATE charge_items SET live = false WHERE organization_id = $1 AND charge_id IN (SELECT id FROM gone)
"""
_CHARGES = """
INSERT INTO charges (organization_id, posted_by, id, account_id, legal_entity_id, currency, source_key, as_of,
    fee_minor, interest_minor, compensation_minor, corrected_minor, invoice_id)
SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::date[], $9::bigint[],
    $10::bigint[], $11::bigint[], $12::bigint[], $13::uuid[])
"""
_ITEMS = """
INSERT INTO charge_items (organization_id, id, charge_id, kind, instalment_id, debt_invoice_id, step_ordinal,
    amount_minor, principal_minor, percent, period_from, period_to, adjustment_id)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::int[], $8::bigint[],
    $9::bigint[], $10::numeric[], $11::date[], $12::date[], $13::uuid[])
"""
_PIECES = """
INSERT INTO interest_pieces (organization_id, id, charge_item_id, instalment_id, day_from, day_to, principal_minor,
    percent)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::date[], $6::date[], $7::bigint[], $8::numeric[])
"""
_OPEN_CHARGES = """
SELECT p.id, p.open_minor, p.account_id, p.legal_entity_id, p.currency, p.accounting_date, p.reopened_on
FROM charges c
JOIN instalments p ON p.organization_id = $1 AND p.invoice_id = c.invoice_id AND p.open_minor > 0
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.state = 'posted'
ORDER BY p.id FOR NO KEY UPDATE OF p
"""


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A charge with its items; an adjustment for each item that one gives back."""

    id: UUID
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    source_key: str
    as_of: date
    step_ordinal: int | None
    items: tuple[ItemPlan, ...]
    adjustments: tuple[UUID | None, ...]
    invoice_id: UUID | None

    def total(self, kind: str) -> int:
        """The sum of what is charged of a kind."""
        return sum(item.amount_minor for item in self.items if item.kind == kind and item.amount_minor > 0)

    @property
    def corrected_minor(self) -> int:
        """What is given back, as a positive sum."""
        return -sum(item.amount_minor for item in self.items if item.amount_minor < 0)


@dataclass(slots=True)
class OpenCharge:
    """What is open of a finance charge: from it interest can be given back."""

    instalment_id: UUID
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    open_minor: int
    not_before: date


async def lock_debts(session: WriteSession, ids: Collection[UUID]) -> None:
    """Lock instalments in the order of their ids: two that charge the same days wait for each other."""
    await session.driver.fetch(_LOCK, session.organization_id, list(set(ids)))


async def release_voided(session: WriteSession, account_ids: Collection[UUID], on: date) -> None:
    """Charges whose document somebody voided count as reversed: their days, fees and compensations are free again."""
    gone = await voided_charges(session, account_ids)
    if gone:
        await release(session, gone, on, "its document was voided")


async def charges_of_documents(session: WriteSession, invoice_ids: Collection[UUID]) -> list[Any]:
    """(id, account_id, source_key) of the posted charges of these documents."""
    return await session.driver.fetch(
        "SELECT id, account_id, source_key FROM charges"
        " WHERE organization_id = $1 AND invoice_id = ANY($2::uuid[]) AND state = 'posted'",
        session.organization_id, list(invoice_ids),
    )  # fmt: skip


async def release(session: WriteSession, charge_ids: Collection[UUID], on: date, reason: str) -> None:
    """Mark charges as reversed."""
    actor = session.actor.name
    await session.driver.execute(_RELEASE, session.organization_id, list(charge_ids), on, actor, reason)


async def open_charges(session: WriteSession, account_ids: Collection[UUID]) -> list[OpenCharge]:
    """Finance charges of these accounts that are not paid yet, locked."""
    rows = await session.driver.fetch(_OPEN_CHARGES, session.organization_id, list(account_ids))
    return [
        OpenCharge(
            row["id"], row["account_id"], row["legal_entity_id"], row["currency"], row["open_minor"],
            max(filter(None, (row["accounting_date"], row["reopened_on"]))),
        )
        for row in rows
    ]  # fmt: skip


async def insert_charges(session: WriteSession, rows: Sequence[ChargeRow]) -> None:
    """Write charges, their items and the days that are charged now."""
    columns = [
        (r.id, r.account_id, r.legal_entity_id, r.currency, r.source_key, r.as_of, r.total("fee"), r.total("interest"),
         r.total("compensation"), r.corrected_minor, r.invoice_id)
        for r in rows
    ]  # fmt: skip
    actor = session.actor.name
    await session.driver.execute(_CHARGES, session.organization_id, actor, *map(list, zip(*columns, strict=True)))
    items, pieces = [], []
    for row in rows:
        for item, adjustment_id in zip(row.items, row.adjustments, strict=True):
            item_id = new_id()
            first = min((piece.first for piece in item.pieces), default=None)
            last = max((piece.last for piece in item.pieces), default=None)
            step = row.step_ordinal if item.kind == "fee" else None
            items.append((item_id, row.id, item.kind, item.debt.id, item.debt.invoice_id, step, item.amount_minor,
                          item.principal_minor, average_percent(item.pieces), first, last, adjustment_id))  # fmt: skip
            pieces += [(new_id(), item_id, item.debt.id, p.first, p.last, p.principal_minor, p.percent)
                       for p in item.pieces]  # fmt: skip
    if items:
        await session.driver.execute(_ITEMS, session.organization_id, *map(list, zip(*items, strict=True)))
    if pieces:
        await session.driver.execute(_PIECES, session.organization_id, *map(list, zip(*pieces, strict=True)))
