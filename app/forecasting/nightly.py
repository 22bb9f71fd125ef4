"""The forecast of a night: of the day that is over, where there is anything to learn from."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from app.forecasting.rules import SCORED_ITEMS_MIN
from app.forecasting.runs import start_nightly
from app.infra.database import WriteSession

_ENOUGH = """
SELECT count(*) FROM (
    SELECT FROM applications WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date <= $2 LIMIT $3
) x
"""


async def owe_nightly(session: WriteSession, business_date: date) -> UUID | None:
    """Owe the forecast of the day before; None when it is there already, or hardly anything was ever paid."""
    as_of = business_date - timedelta(days=1)
    paid = await session.driver.fetchval(_ENOUGH, session.organization_id, as_of, SCORED_ITEMS_MIN)
    return None if paid < SCORED_ITEMS_MIN else await start_nightly(session, as_of)
