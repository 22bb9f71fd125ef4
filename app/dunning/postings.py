"""Fees, interest and compensation of notices: quoted while a notice waits, charged when it is approved, undone when it
does not go out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.dunning import writes
from app.dunning.charges.charging import ChargeRequest, FeeRule, charge_notices, quote, reverse_source
from app.dunning.charges.queries import find_posted
from app.infra.database import ReadSession, WriteSession, attempt

# Notices whose step charges something, with the items that are still in them.
_REQUESTS = """
SELECT n.id, n.account_id, n.legal_entity_id, n.currency, n.step_ordinal, s.fee_fixed, s.fee_basis_points, s.interest,
    s.compensation, array_agg(k.instalment_id ORDER BY k.instalment_id) AS items
FROM dunning_notices n
JOIN dunning_steps s ON s.organization_id = $1 AND s.id = n.step_id
    AND (s.fee_fixed <> '{}' OR s.fee_basis_points > 0 OR s.interest OR s.compensation)
JOIN dunning_notice_items k ON k.organization_id = $1 AND k.notice_id = n.id AND k.dropped IS NULL
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) GROUP BY n.organization_id, n.id, s.organization_id, s.id
"""


def source_key(notice_id: UUID) -> str:
    """What a charge of this notice is made for: charged once."""
    return f"notice:{notice_id}"


async def _requests(session: ReadSession, notice_ids: Sequence[UUID], on: date) -> list[tuple[UUID, ChargeRequest]]:
    rows = await session.driver.fetch(_REQUESTS, session.organization_id, list(notice_ids))
    return [(row["id"], _request(row, on)) for row in rows]


def _request(row: Any, on: date) -> ChargeRequest:
    fixed = int(row["fee_fixed"].get(row["currency"], 0))
    points = row["fee_basis_points"] or 0
    return ChargeRequest(
        source_key=source_key(row["id"]),
        account_id=row["account_id"],
        legal_entity_id=row["legal_entity_id"],
        currency=row["currency"],
        instalment_ids=tuple(row["items"]),
        as_of=on,
        fee=FeeRule(fixed, points) if fixed or points else None,
        step_ordinal=row["step_ordinal"],
        interest=row["interest"],
        compensation=row["compensation"],
    )


async def quote_notices(session: WriteSession, notice_ids: Sequence[UUID], on: date) -> None:
    """Write what these notices would charge on that day, for whoever is to approve them; nothing is charged."""
    requests = await _requests(session, notice_ids, on)
    if requests:
        quotes = await quote(session, [request for _, request in requests])
        rows = [
            (notice_id, found.fee_minor, found.interest_minor, found.compensation_minor, None)
            for (notice_id, _), found in zip(requests, quotes, strict=True)
        ]
        await writes.write_amounts(session, rows)
    await writes.write_earlier_charges(session, notice_ids)


async def charge(session: WriteSession, notice_ids: Sequence[UUID], on: date) -> dict[UUID, DomainError]:
    """Charge what the steps of these notices say, each once for ever; those that could not be charged, and why."""
    requests = await _requests(session, notice_ids, on)
    refused: dict[UUID, DomainError] = {}
    if requests:
        rows = []
        charged = await charge_notices(session, [request for _, request in requests])
        for (notice_id, _), found in zip(requests, charged, strict=True):
            if found.refusal is not None:
                refused[notice_id] = found.refusal
            amounts = (found.fee_minor, found.interest_minor, found.compensation_minor)
            rows.append((notice_id, *amounts, found.invoice_id))
        await writes.write_amounts(session, rows)
        await writes.write_item_charges(session, [notice_id for notice_id, _ in requests])
    await writes.write_earlier_charges(session, notice_ids)
    return refused


async def undo(session: WriteSession, notice_ids: Collection[UUID], on: date, reason: str) -> dict[UUID, DomainError]:
    """Take back what notices charged that did not go out. Answers why where it was paid already and stays.

    Most have charged nothing: only the others are gone through one by one.
    """
    keys = {source_key(notice_id): notice_id for notice_id in sorted(notice_ids)}
    standing = await find_posted(session, list(keys))
    kept: dict[UUID, DomainError] = {}
    for key, notice_id in keys.items():
        if key in standing:
            try:
                async with attempt(session):
                    await reverse_source(session, key, on=on, reason=reason)
            except DomainError as refusal:
                kept[notice_id] = refusal
    return kept
