"""When the money comes, or the document goes, disputes follow: an instalment is never disputed for more than is open.

Called by a worker for each event that may have lowered an open amount. It looks at the rows as they are now, so that
it may be repeated, and that the order of events does not matter. A dispute that ends so does not come back when its
payment bounces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

from app.disputes import queries
from app.disputes.models import Dispute
from app.disputes.moves import move, parts_of, touch
from app.disputes.past import keep_lines
from app.disputes.rules import Line, reductions
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.reactions import Event
from app.infra.versions import RECORDED_NOW
from app.payments.writes import lock_instalments

Cause = Literal["paid", "credited"]
EVENTS = frozenset(
    {"application.created", "adjustment.posted", "invoice.voided", "invoice.corrected", "organization.created"}
)
_ENDS: Mapping[Cause, str] = {"paid": "resolved_paid", "credited": "resolved_credited"}


async def causes_of(session: WriteSession, events: Sequence[Event]) -> dict[UUID, Cause]:
    """By which kind of event each instalment may have lost open amount last: money, or something that the seller gave
    (credit memo, write-off, void, correction)."""
    causes: dict[UUID, Cause] = {}
    invoices: dict[UUID, Cause] = {}
    for event in events:
        if event.type == "application.created":
            cause: Cause = "paid" if "payment_id" in event.after else "credited"
            for line in event.after.get("lines", ()):
                causes[UUID(line["instalment_id"])] = cause
        elif event.type == "adjustment.posted":
            causes[UUID(event.after["instalment_id"])] = "credited"
        elif event.entity_type == "invoice":
            invoices[event.entity_id] = "credited"
    if invoices:
        rows = await session.driver.fetch(
            "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = ANY($2::uuid[])",
            session.organization_id,
            list(invoices),
        )
        for row in rows:
            causes.setdefault(row["id"], "credited")
    return causes


async def follow_open_amounts(session: WriteSession, causes: Mapping[UUID, Cause], today: date) -> int:
    """Lower or end the disputes of these instalments; returns how many disputes changed.

    Locks the instalments in the order of their ids, then the disputes.
    """
    disputed = {row["instalment_id"] for row in await queries.active_lines(session, list(causes))}
    if not disputed:
        return 0
    instalments = await lock_instalments(session, disputed)
    rows = await queries.active_lines(session, list(disputed))
    open_minor = {instalment_id: facts.balance.left_minor for instalment_id, facts in instalments.items()}
    taken = reductions([Line(**dict(row)) for row in rows], open_minor)
    if not taken:
        return 0
    of_dispute: defaultdict[UUID, dict[UUID, int]] = defaultdict(dict)
    last: dict[UUID, Cause] = {}
    for row in rows:
        if row["id"] in taken:
            of_dispute[row["dispute_id"]][row["id"]] = taken[row["id"]]
            last[row["dispute_id"]] = causes[row["instalment_id"]]
    disputes = await queries.lock_disputes(session, list(of_dispute))
    for dispute_id, dispute in disputes.items():
        await _lower(session, dispute, of_dispute[dispute_id], causes, last[dispute_id], today)
    return len(disputes)


async def _lower(
    session: WriteSession,
    dispute: Dispute,
    taken: Mapping[UUID, int],
    causes: Mapping[UUID, Cause],
    last: Cause,
    today: date,
) -> None:
    before = dispute.disputed_minor
    for line in (await queries.lines_of(session, [dispute.id]))[dispute.id]:
        less = min(taken.get(line.id, 0), line.disputed_minor)
        line.disputed_minor -= less
        dispute.disputed_minor -= less
        if causes.get(line.instalment_id) == "paid":
            dispute.paid_minor += less
        else:
            dispute.credited_minor += less
    if dispute.disputed_minor:
        touch(dispute)
        await session.flush()
        await keep_lines(session, dispute, today)
        facts = {"disputed_minor": dispute.disputed_minor, "currency": dispute.currency, "parts": parts_of(dispute)}
        change = ChangeRow("dispute", dispute.id, "dispute.reduced", {"disputed_minor": before}, facts, today)
        record_change(session, change)
        return
    await _drop_pending_credit(session, dispute)
    facts = {"paid_minor": dispute.paid_minor, "credited_minor": dispute.credited_minor}
    note = "nothing of it is open any more"
    await move(session, dispute, _ENDS[last], today, note=note, facts=facts)


async def _drop_pending_credit(session: WriteSession, dispute: Dispute) -> None:
    """A credit that waits for approval falls away with what it was to settle."""
    credit = await queries.pending_credit(session, dispute.id)
    if credit is None:
        return
    credit.state, credit.decision_note = "rejected", "nothing of it is open any more"
    credit.decided_by, credit.decided_at = session.actor.name, RECORDED_NOW
    credit.version += 1
    credit.updated_at = RECORDED_NOW
    await session.flush()
