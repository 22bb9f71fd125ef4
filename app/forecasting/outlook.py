"""The coming weeks of a day, for a page about the portfolio: what the forecast in force on that day said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.forecasting.expected import AGE_DAYS_MAX
from app.forecasting.rules import week_of
from app.infra.database import ReadSession

# The current run of today; of a day in the past the newest run without a scenario whose model beat the naive rows.
_RUN = """
SELECT r.id, r.as_of, r.base_currency FROM forecast_runs r
JOIN forecast_models m ON m.organization_id = $1 AND m.id = r.model_id AND m.beats_naive AND m.state <> 'rejected'
WHERE r.organization_id = $1 AND r.state = 'done' AND r.kind <> 'what_if' AND r.as_of BETWEEN $2 AND $3
  AND ($4::timestamptz IS NULL OR r.known_at <= $4)
ORDER BY r.as_of DESC, r.current DESC, r.id DESC LIMIT 1
"""
_SERIES = """
SELECT currency, p10_minor, p50_minor, p90_minor FROM forecast_weeks
WHERE organization_id = $1 AND run_id = $2 AND layer = 'total' AND group_by = $3
  AND ($4::text IS NULL OR key = $4) AND ($5::text IS NULL OR currency = $5)
ORDER BY currency
"""


@dataclass(frozen=True, slots=True)
class OutlookWanted:
    """Of whom: all in base currency, or one account, legal entity or currency, each in its own currency.

    `known_at`: only a forecast that was made of what was known then.
    """

    as_of: date
    known_at: datetime | None = None
    account_id: UUID | None = None
    legal_entity_id: UUID | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class OutlookWeek:
    """Collections of one week: minor units."""

    starts_on: date
    ends_on: date
    currency: str
    p10_minor: int
    p50_minor: int
    p90_minor: int


async def coming_weeks(session: ReadSession, wanted: OutlookWanted) -> Sequence[OutlookWeek]:
    """Weeks that begin after the day, in their order; nothing without a fresh forecast of a model that is good enough.

    An account within one legal entity has no series of its own, and so none here.
    """
    if wanted.account_id is not None and wanted.legal_entity_id is not None:
        return []
    since = date.fromordinal(wanted.as_of.toordinal() - AGE_DAYS_MAX)
    run = await session.driver.fetchrow(_RUN, session.organization_id, since, wanted.as_of, wanted.known_at)
    if run is None:
        return []
    group, key = _group(wanted)
    rows = await session.driver.fetch(_SERIES, session.organization_id, run["id"], group, key, wanted.currency)
    weeks = []
    for row in rows:
        columns = zip(row["p10_minor"], row["p50_minor"], row["p90_minor"], strict=True)
        for number, (low, middle, high) in enumerate(columns, 1):
            first, last = week_of(run["as_of"], number)
            if first > wanted.as_of:
                weeks.append(OutlookWeek(first, last, row["currency"], low, middle, high))
    return sorted(weeks, key=lambda week: (week.starts_on, week.currency))


def _group(wanted: OutlookWanted) -> tuple[str, str | None]:
    if wanted.account_id is not None:
        return "account", str(wanted.account_id)
    if wanted.legal_entity_id is not None:
        return "legal_entity", str(wanted.legal_entity_id)
    return ("organization", None) if wanted.currency is None else ("currency", wanted.currency)
