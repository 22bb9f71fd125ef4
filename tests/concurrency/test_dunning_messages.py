"""Several workers at once: each reminder is made once and handed over once, also when a payment comes in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from app.core.clock import utc_now
from app.dunning.messages.compose import plan_messages
from app.dunning.messages.delivery import Delivery, Outgoing
from app.infra.database import Database
from app.infra.mail.smtp import Sent
from app.infra.rendering.sandbox import renderer
from app.settings import Settings
from tests.benchmarks.dunning_data import reminders

COUNT = 40


class Line:
    """Takes every message, and takes its time."""

    def __init__(self) -> None:
        self.taken: Counter[UUID] = Counter()

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """Nothing to build."""

    async def send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        """Take it."""
        await asyncio.sleep(0.002)
        self.taken[message.id] += 1
        return Sent("sent")


async def test_three_workers_send_each_reminder_once(committed: Database, tmp_path: Path) -> None:
    tenant = await reminders(committed, COUNT)
    organization_id, settings = tenant.organization_id, Settings(data_dir=tmp_path)
    ready = await asyncio.gather(
        *(plan_messages(committed, settings, organization_id, None, utc_now()) for _ in range(3))
    )
    assert max(ready) == COUNT
    line = Line()
    await asyncio.gather(*(Delivery(committed, organization_id, "email", line, 20.0, utc_now).run() for _ in range(3)))
    await renderer().close()
    assert (len(line.taken), set(line.taken.values())) == (COUNT, {1})
    async with committed.read(organization_id) as session:
        rows = await session.driver.fetch(
            "SELECT m.state, n.state AS notice, count(*) AS n FROM dunning_messages m JOIN dunning_notices n"
            " ON n.organization_id = $1 AND n.id = m.notice_id WHERE m.organization_id = $1 GROUP BY 1, 2",
            organization_id,
        )
    assert [tuple(row) for row in rows] == [("sent", "sent", COUNT)]
