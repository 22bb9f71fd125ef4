"""Remittance advices: join them with payments, whichever came first, and see which are settled."""

from __future__ import annotations

from collections.abc import Sequence

from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext
from app.infra.reactions import Event, Subscriber
from app.remittances.join import join_open, settle_joined


async def handle(job: JobContext) -> None:
    """Join what is open with what came in; a matching run is owed where a payment found its advice."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await settle_joined(session)
        await join_open(session)


async def _settle(session: WriteSession, events: Sequence[Event]) -> None:
    """Money was applied, or a bank took some back: advices are settled, or open again."""
    await settle_joined(session)


SUBSCRIBER = Subscriber("remittances", frozenset({"matching_run.completed", "payment.reversed"}), _settle)
