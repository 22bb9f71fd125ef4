"""SQL that writes exchange rates; reading them is in `queries.py`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from app.core.ids import new_id
from app.infra.database import WriteSession

_PUT_RATES = """
WITH wanted AS (
    SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::date[], $6::numeric[])
        AS w(id, from_currency, to_currency, rate_date, rate)
), present AS (
    SELECT w.id AS wanted_id, e.rate FROM wanted w JOIN exchange_rates e
      ON e.organization_id = $1 AND e.from_currency = w.from_currency AND e.to_currency = w.to_currency
         AND e.rate_date = w.rate_date
), put AS (
    INSERT INTO exchange_rates AS e (organization_id, id, from_currency, to_currency, rate_date, rate)
    SELECT $1, id, from_currency, to_currency, rate_date, rate FROM wanted
    ORDER BY from_currency, to_currency, rate_date
    ON CONFLICT (organization_id, from_currency, to_currency, rate_date)
    DO UPDATE SET rate = excluded.rate WHERE e.rate <> excluded.rate
    RETURNING e.id, e.from_currency, e.to_currency, e.rate_date, e.rate
)
SELECT put.*, present.rate AS before
FROM put JOIN wanted w USING (from_currency, to_currency, rate_date) LEFT JOIN present ON present.wanted_id = w.id
"""


async def put_rates(
    session: WriteSession,
    from_currencies: list[str],
    to_currencies: list[str],
    rate_dates: list[date],
    rates: list[Decimal],
) -> list[Any]:
    """Insert or update rates set-wise; the rows that are new or changed, each with the rate `before` (or None)."""
    ids = [new_id() for _ in rates]
    return list(
        await session.driver.fetch(
            _PUT_RATES, session.organization_id, ids, from_currencies, to_currencies, rate_dates, rates
        )
    )
