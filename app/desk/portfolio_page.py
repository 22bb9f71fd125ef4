"""The forecast on the page of the portfolio: reports and forecasts know nothing of each other, this room knows both.

Importing this module is enough.
"""

from __future__ import annotations

from datetime import date

from app.forecasting.outlook import OutlookWanted, coming_weeks
from app.infra.database import ReadSession
from app.reports.definitions import ReportRequest
from app.reports.performance.status import WEEKS, show_forecast


async def expected_weeks(session: ReadSession, request: ReportRequest) -> list[tuple[date, str, int, int, int]]:
    """(first day, currency, P10, P50, P90) of the coming weeks, as the page takes them."""
    wanted = OutlookWanted(
        request.as_of, request.known_at, request.account_id, request.legal_entity_id, request.currency
    )
    weeks = await coming_weeks(session, wanted)
    starts = sorted({week.starts_on for week in weeks})[:WEEKS]
    return [
        (week.starts_on, week.currency, week.p10_minor, week.p50_minor, week.p90_minor)
        for week in weeks
        if week.starts_on in starts
    ]


show_forecast(expected_weeks)
