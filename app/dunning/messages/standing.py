"""Where messages meet their notices: is it still due, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from app.dunning.notices import NotDue, record_outcome, still_due
from app.infra.database import WriteSession


async def withheld_now(session: WriteSession, notice_ids: Sequence[UUID], now: datetime) -> dict[UUID, NotDue]:
    """Of these notices, those that must not go out any more, each with the reason: the facts as they are now.

    The others are `sending` from now on, taken under a lock: whoever withdraws one at this moment comes too late, or we
    do.
    """
    withheld = await still_due(session, notice_ids, now)
    wanted = [notice_id for notice_id in notice_ids if notice_id not in withheld]
    taken = await record_outcome(session, wanted, "sending", now)
    return withheld | {notice_id: NotDue("cancelled") for notice_id in wanted if notice_id not in taken}


async def mark_notices(
    session: WriteSession,
    notice_ids: Sequence[UUID],
    state: str,
    now: datetime,
    *,
    reason: str | None = None,
    until: date | None = None,
) -> None:
    """Write what became of the messages of these notices."""
    if notice_ids:
        await record_outcome(session, notice_ids, state, now, reason=reason, until=until)
