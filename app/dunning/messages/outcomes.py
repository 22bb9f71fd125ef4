"""What became of messages is told: events of the message, the state of its notice, the change log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.dunning.messages import writing
from app.dunning.messages.standing import mark_notices
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession

_TOLD = frozenset({"sent", "failed", "unknown"})


async def record_states(
    session: WriteSession, changed: Sequence[tuple[Any, str, str | None]], now: datetime, *, source: str = "smtp"
) -> None:
    """Messages (id, notice and account in a row), the state that each has now, and a detail or reason.

    A message that waits for another try (`approved`) puts its notice back to `approved`.
    """
    if not changed:
        return
    notices: defaultdict[tuple[str, str | None], list[UUID]] = defaultdict(list)
    events = []
    for row, state, detail in changed:
        reason = detail if state == "suppressed" else None
        notices[state, reason].append(row["notice_id"])
        if state in _TOLD:
            events.append((row["id"], state, source, now, detail, None))
        if state == "approved":
            continue
        facts = {"notice_id": row["notice_id"], "account_id": row["account_id"], "state": state}
        if reason is not None:
            facts["reason"] = reason
        record_change(session, ChangeRow("dunning_message", row["id"], f"dunning_message.{state}", None, facts))
    await writing.insert_events(session, events)
    for (state, reason), ids in notices.items():
        await mark_notices(session, ids, state, now, reason=reason)
