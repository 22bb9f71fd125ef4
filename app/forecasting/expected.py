"""Expected cash of accounts, by the current forecast: what the rooms above ask for. Falls silent when it is too old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.infra.database import ReadSession

AGE_DAYS_MAX = 10
"""An older forecast says nothing of the next 30 days any more."""
_EXPECTED = """
SELECT s.account_id, s.currency, r.id AS run_id, r.as_of, sum(s.open_minor)::bigint AS open_minor,
    sum(s.open_minor * f.permyriad_30 / 10000)::bigint AS expected_minor, max(f.p50_date) AS p50_date
FROM forecast_runs r
JOIN forecast_invoices f ON f.organization_id = $1 AND f.run_id = r.id AND f.account_id = ANY($2::uuid[])
JOIN instalments s ON s.organization_id = $1 AND s.id = f.instalment_id AND s.open_minor > 0
WHERE r.organization_id = $1 AND r.current AND r.as_of >= $3
GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class ExpectedCash:
    """What an account still owes of the forecast's items in one currency, and what of it is expected within 30 days.

    `p50_date` is the day by which the last of them is probably paid, None when that is past the model's reach.
    """

    run_id: UUID
    as_of: date
    open_minor: int
    expected_minor: int
    p50_date: date | None

    @property
    def permille(self) -> int:
        """The expected share, of 1,000."""
        return self.expected_minor * 1000 // self.open_minor


async def expected_cash(
    session: ReadSession, account_ids: Sequence[UUID], today: date
) -> dict[tuple[UUID, str], ExpectedCash]:
    """Expected cash by account and currency, of what is open now and was open when the current forecast was made.

    Empty without a current forecast, or when it is older than AGE_DAYS_MAX: callers fall back to their own measure.
    """
    since = date.fromordinal(today.toordinal() - AGE_DAYS_MAX)
    rows = await session.driver.fetch(_EXPECTED, session.organization_id, list(account_ids), since)
    return {
        (row["account_id"], row["currency"]): ExpectedCash(
            row["run_id"], row["as_of"], row["open_minor"], row["expected_minor"], row["p50_date"]
        )
        for row in rows
    }
