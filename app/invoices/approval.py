"""Who may decide an amount alone."""

from __future__ import annotations

from datetime import date

from app.core.money import convert
from app.infra.database import WriteSession
from app.organizations.queries import find_rate, organization_facts


async def within_own_limit(session: WriteSession, amount_minor: int, currency: str, on: date) -> bool:
    """Whether the actor may decide this amount alone. Limits are in the organization's base currency.

    An actor without a limit may; an amount in another currency counts at the rate of that day, and without a known
    rate it is above every limit.
    """
    limit = session.actor.approval_limit_minor
    if limit is None:
        return True
    base = (await organization_facts(session)).base_currency
    if currency == base:
        return abs(amount_minor) <= limit
    rate = await find_rate(session, currency, base, on)
    return rate is not None and convert(abs(amount_minor), currency, base, rate) <= limit
