"""What is done once a night for each organization: owed for its latest local date, once, whoever looks.

A run is a row of `nightly_runs`, inserted together with its job: of several sweepers one wins. After a stop only the
latest date is owed; what a night does must therefore not depend on the nights before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.core.clock import zone
from app.core.ids import new_id
from app.infra.database import WriteSession
from app.infra.jobs import GiveUp, JobContext, owe

NIGHT_HOUR = 2
"""Local hour after which the night of a date is due."""
RUNS_KEPT_DAYS = 400
_INSERT = """
INSERT INTO nightly_runs (organization_id, id, kind, business_date)
SELECT $1, r.id, r.kind, $4 FROM unnest($2::uuid[], $3::text[]) AS r(id, kind)
WHERE NOT EXISTS (SELECT FROM nightly_runs n WHERE n.organization_id = $1 AND n.kind = r.kind AND n.business_date > $4)
ON CONFLICT (organization_id, kind, business_date) DO NOTHING RETURNING kind
"""


def latest_night(now: datetime, time_zone: str) -> date:
    """The latest local date whose 02:00 has passed at `now`. Raises TimeZoneUnknown, ValueError for a naive instant."""
    if now.tzinfo is None:
        raise ValueError("an instant has a time zone")
    local = now.astimezone(zone(time_zone))
    return local.date() if local.hour >= NIGHT_HOUR else local.date() - timedelta(days=1)


async def owe_night(session: WriteSession, kinds: Sequence[str], business_date: date) -> list[str]:
    """Owe these kinds of work for the date, with the date as key; returns those that were not owed for it before.

    A date before the latest one that was owed is never owed any more (a clock that went back, a moved time zone).
    """
    rows = await session.driver.fetch(
        _INSERT, session.organization_id, [new_id() for _ in kinds], list(kinds), business_date
    )
    fresh = sorted(row["kind"] for row in rows)
    for kind in fresh:
        owe(session, kind, business_date.isoformat())
    if fresh:
        await session.driver.execute(
            "DELETE FROM nightly_runs WHERE organization_id = $1 AND business_date < $2",
            session.organization_id,
            business_date - timedelta(days=RUNS_KEPT_DAYS),
        )
    return fresh


def business_date_of(job: JobContext) -> date:
    """The business date of a nightly run: its key. Raises GiveUp for any other key."""
    try:
        return date.fromisoformat(job.key)
    except ValueError:
        raise GiveUp(f"{job.kind}: the key is no date") from None
