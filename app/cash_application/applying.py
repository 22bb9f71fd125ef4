"""From a proposal to applications: cash lines from the payment, and credit memos netted against the same invoices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.payments.types import Apply, ApplyLine, Origin, Source


@dataclass(frozen=True, slots=True)
class ProposedLine:
    """One line of a proposal: an instalment (cash, discount, write-off) or a credit memo (negative cash)."""

    item_id: UUID
    is_credit: bool
    amount_minor: int
    discount_minor: int
    write_off_minor: int
    accounting_date: date

    @classmethod
    def of(cls, stored: dict[str, Any]) -> ProposedLine:
        """From the stored JSON of a proposal."""
        return cls(
            item_id=UUID(stored["item_id"]),
            is_credit=stored["is_credit"],
            amount_minor=stored["amount_minor"],
            discount_minor=stored["discount_minor"],
            write_off_minor=stored["write_off_minor"],
            accounting_date=date.fromisoformat(stored["accounting_date"]),
        )


def effective_date(payment_date: date, lines: Sequence[ProposedLine], closed_through: date | None) -> date:
    """The first day on which all of it may be applied: no earlier than payment and documents, in the open period."""
    earliest = max([payment_date, *(line.accounting_date for line in lines)])
    if closed_through is not None and earliest <= closed_through:
        return closed_through + timedelta(days=1)
    return earliest


def commands(
    payment_id: UUID,
    lines: Sequence[ProposedLine],
    on: date,
    *,
    origin: Origin,
    proposal_id: UUID,
    allow_other_account: bool = False,
) -> list[Apply]:
    """The applications of a proposal: credit memos first, each against the invoices in order; then the payment.

    The parts of every invoice sum to its line, and each credit memo gives what its line says.
    """
    owed = [line for line in lines if not line.is_credit]
    rest = [line.amount_minor for line in owed]
    made: list[Apply] = []
    for credit in (line for line in lines if line.is_credit):
        left = -credit.amount_minor
        parts: list[ApplyLine] = []
        for index, line in enumerate(owed):
            take = min(left, rest[index])
            if take > 0:
                parts.append(ApplyLine(line.item_id, take))
                rest[index] -= take
                left -= take
        source = Source("credit_memo", credit.item_id)
        made.append(Apply(source, tuple(parts), on, origin, proposal_id, allow_other_account=allow_other_account))
    cash = tuple(
        ApplyLine(line.item_id, amount, line.discount_minor, line.write_off_minor)
        for line, amount in zip(owed, rest, strict=True)
        if amount or line.discount_minor or line.write_off_minor
    )
    if cash:
        payment = Source("payment", payment_id)
        made.append(
            Apply(payment, cash, on, origin, proposal_id, allow_other_account=allow_other_account, identify=True)
        )
    return made
