"""SQL that writes verdicts, set-wise: one statement a batch."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.infra.database import WriteSession
from app.promises.rules import PartFacts, PlanVerdict, Verdict

_PROMISES = """
UPDATE promises p SET status = r.status, kept_minor = r.kept_minor, decided_on = r.decided_on,
    decided_at = CASE WHEN r.status IN ('open', 'partly_kept') THEN NULL
                      WHEN p.status = r.status THEN p.decided_at
                      ELSE current_setting('app.recorded_at')::timestamptz END,
    reason = CASE WHEN r.status = 'cancelled' THEN 'nothing_owed' ELSE NULL END,
    version = p.version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::date[]) AS r(id, status, kept_minor, decided_on)
WHERE p.organization_id = $1 AND p.id = r.id
"""
_ITEMS = """
UPDATE {table} t SET {column} = coalesce((
    SELECT r.minor FROM unnest($3::uuid[], $4::uuid[], $5::bigint[]) AS r(owner_id, instalment_id, minor)
    WHERE r.owner_id = t.{owner} AND r.instalment_id = t.instalment_id), 0)
WHERE t.organization_id = $1 AND t.{owner} = ANY($2::uuid[])
"""
_PLANS = """
UPDATE payment_plans p SET status = r.status, paid_minor = r.paid_minor, decided_on = r.decided_on,
    next_due_on = r.next_due_on, next_kept_until = r.next_kept_until, version = p.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::date[], $6::date[], $7::date[])
     AS r(id, status, paid_minor, decided_on, next_due_on, next_kept_until)
WHERE p.organization_id = $1 AND p.id = r.id
"""
_PARTS = """
UPDATE payment_plan_parts t SET status = r.status, paid_minor = r.paid_minor
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::bigint[]) AS r(plan_id, ordinal, status, paid_minor)
WHERE t.organization_id = $1 AND t.plan_id = r.plan_id AND t.ordinal = r.ordinal
"""


async def write_verdicts(session: WriteSession, changed: Sequence[tuple[UUID, Verdict]]) -> None:
    """Write what promises have become, and how much came for each of their instalments."""
    if not changed:
        return
    verdicts = [verdict for _, verdict in changed]
    ids = [promise_id for promise_id, _ in changed]
    await session.driver.execute(
        _PROMISES,
        session.organization_id,
        ids,
        [verdict.status for verdict in verdicts],
        [verdict.kept_minor for verdict in verdicts],
        [verdict.decided_on for verdict in verdicts],
    )
    rows = [(owner, *item) for owner, verdict in changed for item in verdict.kept_by_instalment.items()]
    await _write_items(session, "promise_items", "promise_id", "kept_minor", ids, rows)


async def write_plan_verdicts(
    session: WriteSession, changed: Sequence[tuple[UUID, PlanVerdict, PartFacts | None]]
) -> None:
    """Write what plans and their parts have become; the third is the next part that waits for money."""
    if not changed:
        return
    ids = [plan_id for plan_id, _, _ in changed]
    await session.driver.execute(
        _PLANS,
        session.organization_id,
        ids,
        [verdict.status for _, verdict, _ in changed],
        [verdict.paid_minor for _, verdict, _ in changed],
        [verdict.decided_on for _, verdict, _ in changed],
        [part.due_date if part else None for _, _, part in changed],
        [part.kept_until if part else None for _, _, part in changed],
    )
    parts = [(plan_id, part) for plan_id, verdict, _ in changed for part in verdict.parts]
    await session.driver.execute(
        _PARTS,
        session.organization_id,
        [plan_id for plan_id, _ in parts],
        [part.ordinal for _, part in parts],
        [part.status for _, part in parts],
        [part.paid_minor for _, part in parts],
    )
    rows = [(owner, *item) for owner, verdict, _ in changed for item in verdict.paid_by_instalment.items()]
    await _write_items(session, "payment_plan_items", "plan_id", "paid_minor", ids, rows)


async def _write_items(
    session: WriteSession,
    table: str,
    owner: str,
    column: str,
    ids: Sequence[UUID],
    rows: Sequence[tuple[UUID, UUID, int]],
) -> None:
    await session.driver.execute(
        _ITEMS.format(table=table, owner=owner, column=column),
        session.organization_id,
        list(ids),
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )
