"""Promises are decided by money: at once by its events, and in the night after the last day of grace."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.core.clock import utc_now
from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today
from app.promises.evaluation import evaluate_past_deadline, evaluate_touched
from app.promises.queries import Touched

NIGHT = "promises.night"
STEPS_MAX = 10_000
EVENTS = frozenset(
    {
        "application.created", "application.reversed", "payment.recorded", "payment.reversed", "payment.refunded",
        "payment.marked_not_receivable", "payment.identified", "payment.moved", "payment.unidentified",
        "adjustment.posted", "invoice.voided", "invoice.corrected",
    }
)  # fmt: skip


async def react(session: WriteSession, events: Sequence[Event]) -> None:
    """Decide anew the promises and plans whose money or debt these events change."""
    await evaluate_touched(session, touched_by(events), await local_today(session, utc_now()))


def touched_by(events: Sequence[Event]) -> Touched:
    """The rows that these events name."""
    by_type: dict[str, set[UUID]] = {}
    for event in events:
        by_type.setdefault(event.entity_type, set()).add(event.entity_id)
        if (payment_id := event.after.get("payment_id")) is not None:
            by_type.setdefault("payment", set()).add(UUID(str(payment_id)))
    return Touched(
        payments=by_type.get("payment", ()),
        groups=by_type.get("application", ()),
        adjustments=by_type.get("adjustment", ()),
        invoices=by_type.get("invoice", ()),
    )


SUBSCRIBER = Subscriber("promises", EVENTS, react)


async def handle_night(job: JobContext) -> None:
    """Decide what waited until yesterday, in bounded steps; the key is the business date."""
    today = business_date_of(job)
    after: UUID | None = None
    for _ in range(STEPS_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            after = await evaluate_past_deadline(session, today, after)
        if after is None:
            return
