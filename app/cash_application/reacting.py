"""What this room does about applications that were made or undone outside it: it learns, unlearns, and judges."""

from __future__ import annotations

from collections.abc import Sequence

from app.cash_application.learning import teach_manual
from app.cash_application.precision import after_undo
from app.infra.database import WriteSession
from app.infra.reactions import Event, Subscriber

CREATED, REVERSED = "application.created", "application.reversed"


async def on_applications(session: WriteSession, events: Sequence[Event]) -> None:
    """Sealed events in their order; an application made and undone within them teaches nothing."""
    made = [e.entity_id for e in events if e.type == CREATED and _by_hand(e)]
    if made:
        await teach_manual(session, made)
    undone = [e.entity_id for e in events if e.type == REVERSED]
    if undone:
        await after_undo(session, undone, events[-1].recorded_at)


def _by_hand(event: Event) -> bool:
    return event.after.get("origin") == "manual" and "payment_id" in event.after


SUBSCRIBER = Subscriber("cash_application", frozenset({CREATED, REVERSED}), on_applications)
