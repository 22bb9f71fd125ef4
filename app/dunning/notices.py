"""What becomes of notices: taken for sending, sent, bounced, failed … and whether they are still due just before.

A reminder counts when it has gone out. What did not go out gives its keys back and is charged for no longer: the step
is not done, and shown as such.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.dunning import postings
from app.dunning.facts import load_facts
from app.dunning.planning import Account, Item, Policy, covered_by_credit, withholds
from app.dunning.policy.in_force import load_versions
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.organizations.queries import local_today

CHANGED = "changed"
SETTLED = "settled"
MERGED = "merged"
_STANDING = ("pending_approval", "approved", "sending")
_LINES = """
SELECT n.id, n.state, n.account_id, n.step_id, s.version_id, k.instalment_id, k.step_ordinal, k.open_minor,
    k.eligible_minor, i.open_minor AS open_now, a.status = 'merged' AS merged
FROM dunning_notices n
JOIN accounts a ON a.organization_id = $1 AND a.id = n.account_id
JOIN dunning_steps s ON s.organization_id = $1 AND s.id = n.step_id
JOIN dunning_notice_items k ON k.organization_id = $1 AND k.notice_id = n.id AND k.dropped IS NULL
JOIN instalments i ON i.organization_id = $1 AND i.id = k.instalment_id
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) ORDER BY n.id, k.due_date, k.id
"""
# A state may be told late: a notice that was resolved meanwhile keeps it as the one that it had before.
_MOVE = """
UPDATE dunning_notices n SET
    state = CASE WHEN state = 'resolved' THEN state ELSE $3 END,
    state_before = CASE WHEN state = 'resolved' THEN $3 END,
    reason = $5, reason_note = coalesce($6, reason_note), hold_until = $7,
    done_on = CASE WHEN $8::date IS NULL THEN done_on ELSE coalesce(done_on, $8) END,
    done_at = CASE WHEN $8::date IS NULL THEN done_at ELSE coalesce(done_at, clock_timestamp()) END,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND coalesce(state_before, state) = ANY($4::text[])
RETURNING id, account_id, step_ordinal, channel, charge_invoice_id
"""
_DONE = """
UPDATE dunning_notice_items SET done_on = coalesce(done_on, $3)
WHERE organization_id = $1 AND notice_id = ANY($2::uuid[]) AND live
"""
_GIVE_BACK = """
UPDATE dunning_notice_items SET live = false, done_on = NULL
WHERE organization_id = $1 AND notice_id = ANY($2::uuid[]) AND live
"""
_FREE_AGAIN = """
SELECT n.id FROM dunning_notices n
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) AND n.state = 'failed' AND NOT EXISTS (
    SELECT FROM dunning_notice_items k JOIN dunning_notice_items o ON o.organization_id = $1 AND o.live
        AND o.instalment_id = k.instalment_id AND o.step_ordinal >= k.step_ordinal
    WHERE k.organization_id = $1 AND k.notice_id = n.id AND k.dropped IS NULL)
FOR NO KEY UPDATE
"""
_TAKE_KEYS = """
UPDATE dunning_notice_items SET live = true
WHERE organization_id = $1 AND notice_id = ANY($2::uuid[]) AND NOT live AND dropped IS NULL
"""


@dataclass(frozen=True, slots=True)
class NotDue:
    """Why a notice that was planned may not go out now: the reason, of which instalment, until when."""

    reason: str
    instalment_id: UUID | None = None
    until: date | None = None


async def still_due(session: ReadSession, notice_ids: Collection[UUID], now: datetime) -> dict[UUID, NotDue]:
    """Those of these notices that may not go out any more, by the facts of this moment; the others are absent.

    Looked at are payments, unapplied cash, disputes, promises and plans, blocks, legal cases and who may be contacted.
    A notice goes out as it was written or not at all: where one item is settled, held or has changed, the notice is
    not due (`settled`, the reason of the hold, `changed`), and what is left of it is planned anew; also where its
    account was merged away (`merged`): then the surviving account is written to.
    """
    rows = await session.driver.fetch(_LINES, session.organization_id, list(notice_ids))
    with_items = {row["id"] for row in rows}
    found = {notice_id: NotDue(SETTLED) for notice_id in notice_ids if notice_id not in with_items}
    today = await local_today(session, now)
    versions = await load_versions(session, list({row["version_id"] for row in rows}))
    policies = {row["account_id"]: versions[row["version_id"]] for row in rows}
    facts: dict[UUID, Account] = {}
    if rows:
        channels = {step.channel for version in versions.values() for step in version.steps}
        ids = {row["instalment_id"] for row in rows}
        loaded = await load_facts(session, policies, today, instalment_ids=ids, channels=channels)
        facts = {account.account_id: account for account in loaded.accounts}
    covered = {
        account_id: covered_by_credit(account, policies[account_id], today) for account_id, account in facts.items()
    }
    for row in rows:
        account_id = row["account_id"]
        reason = _judge(row, facts.get(account_id), versions[row["version_id"]], covered.get(account_id, {}), today)
        if reason is not None:
            found.setdefault(row["id"], reason)
    return found


def _judge(row: Any, facts: Account | None, policy: Policy, covered: Mapping[UUID, str], today: date) -> NotDue | None:
    instalment_id = row["instalment_id"]
    item = None if facts is None else _item(facts, instalment_id)
    if row["state"] not in _STANDING:
        return NotDue(row["state"])
    if row["open_now"] == 0:
        return NotDue(SETTLED, instalment_id)
    if row["merged"]:
        return NotDue(MERGED, instalment_id)
    if facts is None or item is None:  # asked for with another item, or by another account
        return NotDue(CHANGED, instalment_id)
    step = next(step for step in policy.steps if step.id == row["step_id"])
    hold = withholds(facts, item, step, covered, today)
    if hold is not None:
        return NotDue(hold.reason, instalment_id, hold.until)
    if (item.open_minor, item.eligible_minor) != (row["open_minor"], row["eligible_minor"]):
        return NotDue(CHANGED, instalment_id)
    return None


def _item(facts: Account, instalment_id: UUID) -> Item | None:
    return next((item for item in facts.items if item.instalment_id == instalment_id), None)


async def record_outcome(
    session: WriteSession,
    notice_ids: Iterable[UUID],
    state: str,
    now: datetime,
    *,
    reason: str | None = None,
    until: date | None = None,
) -> set[UUID]:
    """What became of the messages of these notices, by the state of the message; the notices that it changed.

    States: sending, approved (back, to be tried later), sent, delivered, bounced, failed, unknown, suppressed.
    Raises ValueError for any other.
    """
    on = await local_today(session, now)
    match state:
        case "sending":
            return await take_for_sending(session, notice_ids)
        case "approved":
            return await put_back(session, notice_ids, on)
        case "sent":
            return await mark_sent(session, notice_ids, on)
        case "delivered":
            return await mark_delivered(session, notice_ids, on)
        case "bounced":
            return await mark_bounced(session, notice_ids, on, reason or "bounced")
        case "failed":
            return await mark_failed(session, notice_ids, on, reason or "failed")
        case "unknown":
            return await mark_unknown(session, notice_ids)
        case "suppressed":
            return await mark_suppressed(session, notice_ids, on, reason or "suppressed", until)
    raise ValueError(f"{state} is no outcome of a message")


async def take_for_sending(session: WriteSession, notice_ids: Iterable[UUID]) -> set[UUID]:
    """Approved notices become `sending`; those that did. What was cancelled meanwhile must not go out."""
    return await _move(session, notice_ids, "sending", ("approved",))


async def put_back(session: WriteSession, notice_ids: Iterable[UUID], on: date) -> set[UUID]:
    """Nothing went out, for now: `approved` again, to be tried later.

    A failed one takes its keys again, where no other notice has them (or a higher step) by now; else it stays failed.
    """
    ids = sorted(set(notice_ids))
    moved = await _move(session, ids, "approved", ("sending", "unknown"))
    rows = await session.driver.fetch(_FREE_AGAIN, session.organization_id, ids)
    again = await _move(session, [row["id"] for row in rows], "approved", ("failed",))
    if again:
        await session.driver.execute(_TAKE_KEYS, session.organization_id, list(again))
        await postings.charge(session, sorted(again), on)
    return moved | again


async def mark_sent(session: WriteSession, notice_ids: Iterable[UUID], on: date) -> set[UUID]:
    """They went out on that business date: their steps count from it on."""
    moved = await _move(session, notice_ids, "sent", ("approved", "sending", "unknown"), event="sent", done_on=on)
    await session.driver.execute(_DONE, session.organization_id, list(moved), on)
    return moved


async def mark_delivered(session: WriteSession, notice_ids: Iterable[UUID], on: date) -> set[UUID]:
    """The provider says that they arrived."""
    moved = await _move(session, notice_ids, "delivered", ("sending", "sent", "unknown"), event="delivered", done_on=on)
    await session.driver.execute(_DONE, session.organization_id, list(moved), on)
    return moved


async def mark_unknown(session: WriteSession, notice_ids: Iterable[UUID]) -> set[UUID]:
    """Nobody knows whether they went out: the chain stands still until somebody says."""
    return await _move(session, notice_ids, "unknown", ("sending",), event="outcome_unknown")


async def mark_failed(session: WriteSession, notice_ids: Iterable[UUID], on: date, reason: str) -> set[UUID]:
    """They will never go out: the step is not done. Planned again when the contact changes or somebody says so."""
    return await give_back(session, notice_ids, "failed", on, reason, ("approved", "sending", "unknown"))


async def mark_bounced(session: WriteSession, notice_ids: Iterable[UUID], on: date, reason: str) -> set[UUID]:
    """They came back: the step is not done. It is planned again when the contact changes or somebody says so."""
    before = ("sending", "sent", "delivered", "unknown")
    return await give_back(session, notice_ids, "bounced", on, reason, before)


async def mark_suppressed(
    session: WriteSession, notice_ids: Iterable[UUID], on: date, reason: str, until: date | None = None
) -> set[UUID]:
    """The facts have changed since they were planned: they do not go out, and later runs look again."""
    return await give_back(session, notice_ids, "suppressed", on, reason, ("approved", "sending"), until)


async def give_back(
    session: WriteSession,
    notice_ids: Iterable[UUID],
    state: str,
    on: date,
    reason: str,
    before: Sequence[str],
    until: date | None = None,
    note: str | None = None,
) -> set[UUID]:
    """End notices that did not go out: their keys are free again, what they charged is taken back."""
    moved = await _move(session, notice_ids, state, before, event=state, reason=reason, until=until, note=note)
    if moved:
        await session.driver.execute(_GIVE_BACK, session.organization_id, list(moved))
        kept = await postings.undo(session, moved, on, f"notice {state}: {reason}")
        for notice_id, refusal in kept.items():
            facts = {"reason": refusal.code}
            record_change(session, ChangeRow("dunning_notice", notice_id, "dunning_notice.charge_kept", None, facts))
    return moved


async def _move(
    session: WriteSession,
    notice_ids: Iterable[UUID],
    state: str,
    before: Sequence[str],
    *,
    event: str | None = None,
    reason: str | None = None,
    note: str | None = None,
    until: date | None = None,
    done_on: date | None = None,
) -> set[UUID]:
    """Notices in one of the states `before` get another; those that did. Each change is an event where one is named."""
    ids = sorted(set(notice_ids))
    if not ids:
        return set()
    await session.flush()
    rows = await session.driver.fetch(
        _MOVE, session.organization_id, ids, state, list(before), reason, note, until, done_on
    )
    if event is not None:
        for row in rows:
            after = {"account_id": row["account_id"], "step": row["step_ordinal"], "channel": row["channel"]}
            after |= {"state": state, "reason": reason}
            change = ChangeRow("dunning_notice", row["id"], f"dunning_notice.{event}", None, after, done_on, note)
            record_change(session, change)
    return {row["id"] for row in rows}
