"""What a payer kept back of an instalment that a payment settles in part: handed to the room above in the transaction.

The rooms above know disputes, this one does not: they say at import what is to be done with a deduction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.errors import RuleViolation
from app.core.money import to_text
from app.infra.database import WriteSession


class DeductionInvalid(RuleViolation):
    """More was kept back than is still open, or it was kept back of no payment."""

    code = "application.deduction_invalid"


@dataclass(frozen=True, slots=True)
class KeptBack:
    """So much of an instalment, in minor units of its currency, and why in the payer's words."""

    instalment_id: UUID
    amount_minor: int
    reason: str | None
    currency: str


Opener = Callable[[WriteSession, UUID, Sequence[KeptBack]], Awaitable[list[UUID]]]
_openers: list[Opener] = []


def open_deductions_with(opener: Opener) -> None:
    """Have this function called with the payment and what was kept back of it; it answers ids of what it opened."""
    _openers.append(opener)


async def keep_back(
    session: WriteSession, payment_id: UUID | None, kept: Sequence[KeptBack], open_minor: Mapping[UUID, int]
) -> list[UUID]:
    """Open what follows from deductions, after the payment was applied. `open_minor`: what instalments have open then.

    Answers ids of disputes. Raises DeductionInvalid.
    """
    if not kept:
        return []
    if payment_id is None:
        raise DeductionInvalid("something is kept back of a payment, not of a credit memo", pointer="/lines")
    for index, one in enumerate(kept):
        left = open_minor.get(one.instalment_id, 0)
        if one.amount_minor > left:
            shown = to_text(left, one.currency)
            detail = f"{shown} {one.currency} of the instalment are open afterwards, less than was kept back"
            raise DeductionInvalid(detail, pointer=f"/lines/{index}/deduction_amount", available=shown)
    made: list[UUID] = []
    for opener in _openers:
        made += await opener(session, payment_id, kept)
    return made
