"""What is left of a payment once it is applied, and what a payment is worth in the organization's own currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.cash_application.sql.policy import base_currency
from app.core.money import MAX_MINOR, AmountInvalid, convert
from app.infra.database import ReadSession, WriteSession
from app.organizations.queries import find_rate
from app.payments.withdraw import MarkNotReceivable, mark_not_receivable

SURPLUS_REASON = "small surplus"


async def take_small_surplus(
    session: WriteSession, payment_id: UUID, residual_minor: int, limit_minor: int, on: date
) -> bool:
    """Book a residual within the small-difference limit as other income; answers whether it was. Refusals as there."""
    if not 0 < residual_minor <= limit_minor:
        return False
    await mark_not_receivable(
        session, MarkNotReceivable(payment_id, on, "other", amount_minor=residual_minor, reason=SURPLUS_REASON)
    )
    return True


async def queue_values(session: ReadSession, amounts: Sequence[tuple[str, int]], on: date) -> list[int]:
    """Amounts (currency, minor units) in minor units of the organization's currency, at the rate of that day.

    Only the order of the review queue follows from it: without a rate an amount counts as if it were at par.
    """
    base = await base_currency(session)
    foreign = {currency for currency, _ in amounts} - {base}
    rates = {currency: await find_rate(session, currency, base, on) for currency in foreign}
    values = []
    for currency, minor in amounts:
        rate = rates.get(currency)
        try:
            values.append(minor if currency == base else convert(minor, currency, base, rate or Decimal(1)))
        except AmountInvalid:  # past 64 bits: nothing is larger
            values.append(MAX_MINOR)
    return values
