"""The night: once a day for each organization, after 02:00 of its local time, every kind in `NIGHTLY` is owed.

A room adds one line here, `"kind": module.handler`. The job's key is the business date (`business_date_of(job)`); the
handler must be repeatable, and bounded in one transaction: large work is cut into steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import structlog

from app.core.clock import utc_now
from app.infra.database import SYSTEM
from app.infra.jobs import Handler
from app.infra.nightly import latest_night, owe_night
from workers import (
    cash_learning,
    collections,
    correspondence,
    credit,
    customer_data,
    desk,
    disputes,
    dunning,
    dunning_charges,
    forecasting,
    mailbox,
    privacy,
    promises,
    remittances,
    reports,
    secret_keys,
    statements,
    webhooks,
)
from workers.runner import Services

NIGHTLY: dict[str, Handler] = {
    "customer_data": customer_data.handle,
    cash_learning.NIGHT: cash_learning.night,
    credit.KIND: credit.night,
    "disputes.sla": disputes.check_clocks,
    dunning_charges.NIGHT: dunning_charges.handle_night,
    dunning.NIGHT: dunning.handle_night,
    "worklist": desk.handle,
    collections.NIGHT: collections.handle_night,
    privacy.NIGHT: privacy.handle_night,
    promises.NIGHT: promises.handle_night,
    "remittances.nightly": remittances.handle,
    statements.KIND: statements.night,
    reports.NIGHT: reports.handle_night,
    forecasting.NIGHT: forecasting.night,
    "invoice_receipt": correspondence.ask_for_receipt,
    "mailbox.start": mailbox.start,
    secret_keys.NIGHT: secret_keys.handle_night,
    webhooks.NIGHT: webhooks.handle_night,
}
"""Kind of work → handler. `workers/registry.py` makes them known to the workers."""

LOOK_SECONDS = 30.0
ORGANIZATIONS_LIMIT = 200
"""Organizations for which one look owes the night; the others follow at the next look."""
log = structlog.get_logger(__name__)


class Nightly:
    """Owes the nights. It remembers only to spare the database: what is owed stands in rows."""

    def __init__(self, services: Services, kinds: Sequence[str] | None = None) -> None:
        self._services = services
        self._kinds = sorted(NIGHTLY) if kinds is None else sorted(kinds)
        self._owed: dict[UUID, date] = {}
        self._next_look = 0.0

    async def look(self) -> None:
        """`owe_due`, at most every LOOK_SECONDS."""
        if self._kinds and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            if await self.owe_due(utc_now()) >= ORGANIZATIONS_LIMIT:
                self._next_look = 0.0

    async def owe_due(self, now: datetime) -> int:
        """Owe the latest night of each organization that this process has not seen to; returns how many it saw to."""
        async with self._services.claims.across() as driver:
            rows = await driver.fetch("SELECT id, time_zone FROM organizations ORDER BY id")
        seen = 0
        for row in rows:
            if seen >= ORGANIZATIONS_LIMIT:
                break
            try:
                night = latest_night(now, row["time_zone"])
                if self._owed.get(row["id"], date.min) >= night:
                    continue
                async with self._services.database.write(row["id"], SYSTEM) as session:
                    await owe_night(session, self._kinds, night)
                self._owed[row["id"]] = night
            except Exception as error:  # one organization must not keep the others from their night
                log.warning("nightly.not_owed", organization_id=str(row["id"]), error=type(error).__name__)
            seen += 1
        return seen
