"""What a payer kept back for a reason becomes a dispute, in the transaction that applies the rest of the payment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from app.cash_application.matching.types import Allocation
from app.disputes.opening import Deduction, open_from_deduction
from app.infra.database import WriteSession


def proposed_deductions(lines: Iterable[Mapping[str, Any]]) -> list[Deduction]:
    """The deductions of a proposal's stored lines."""
    return [
        Deduction(UUID(line["item_id"]), line["deduction_minor"], line.get("deduction_reason"))
        for line in lines
        if line["deduction_minor"] > 0 and not line["is_credit"]
    ]


def allocated_deductions(allocations: Iterable[Allocation]) -> list[Deduction]:
    """The deductions of what the engine has just allocated."""
    return [
        Deduction(UUID(part.item_id), part.deduction_minor, part.deduction_reason)
        for part in allocations
        if part.deduction_minor > 0
    ]


async def dispute_deductions(session: WriteSession, payment_id: UUID, deductions: list[Deduction]) -> list[UUID]:
    """Open the disputes of an applied payment; answers their ids. See `open_from_deduction`."""
    return await open_from_deduction(session, payment_id=payment_id, deductions=deductions) if deductions else []
