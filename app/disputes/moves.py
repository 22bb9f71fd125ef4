"""What every step of a dispute shares: state, history, version, change log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.core.ids import new_id
from app.disputes.models import Dispute, DisputeTransition
from app.disputes.past import keep_lines
from app.disputes.rules import RESOLVED, check_move, sla_after_pause
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW
from app.organizations.queries import organization_facts


async def move(
    session: WriteSession,
    dispute: Dispute,
    to_state: str,
    on: date,
    *,
    note: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Take a locked dispute to its next state: history, clock, end. Raises DisputeStateInvalid."""
    check_move(dispute.state, to_state)
    before = dispute.state
    if before == "awaiting_customer" and dispute.awaiting_since is not None:
        calendar = (await organization_facts(session)).calendar
        dispute.sla_due_on = sla_after_pause(calendar, dispute.sla_due_on, dispute.awaiting_since, on)
        dispute.awaiting_since = None
    if to_state == "awaiting_customer":
        dispute.awaiting_since = on
    if to_state in RESOLVED:
        dispute.resolved_on, dispute.resolved_at = max(on, dispute.opened_on), RECORDED_NOW
        dispute.resolved_by, dispute.resolution_note = session.actor.name, note
        dispute.disputed_minor = 0
    dispute.state = to_state
    touch(dispute)
    add_transition(session, dispute, before, on, note)
    await session.flush()
    await keep_lines(session, dispute, on)
    after = {"state": to_state, "account_id": dispute.account_id, "currency": dispute.currency, **(facts or {})}
    after["parts"] = parts_of(dispute)
    event = "dispute.reopened" if to_state == "open" else f"dispute.{to_state}"
    record_change(session, ChangeRow("dispute", dispute.id, event, {"state": before}, after, on, note))


def parts_of(dispute: Dispute) -> dict[str, int]:
    """What has become of the disputed amount by now: for the log, from which reports of past days are made."""
    return {"credited": dispute.credited_minor, "paid": dispute.paid_minor, "released": dispute.released_minor}


def add_transition(session: WriteSession, dispute: Dispute, before: str | None, on: date, note: str | None) -> None:
    """Write one step into the history."""
    session.add(
        DisputeTransition(
            organization_id=session.organization_id,
            id=new_id(),
            dispute_id=dispute.id,
            from_state=before,
            to_state=dispute.state,
            effective_date=on,
            note=note,
            actor_name=session.actor.name,
            actor_id=session.actor.id,
        )
    )


def touch(dispute: Dispute) -> None:
    """Raise the version: whoever read the dispute before must read it again."""
    dispute.version += 1
    dispute.updated_at = RECORDED_NOW
