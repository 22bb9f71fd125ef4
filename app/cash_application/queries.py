"""All SQL of the cash-application room: what waits, the facts the engine needs, runs and proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.cash_application.errors import RunNotFound
from app.cash_application.models import MatchingRun
from app.infra.database import ReadSession, WriteSession

_COUNT_WAITING = "SELECT count(*) FROM payments WHERE organization_id = $1 AND matching_state = 'waiting'"
_INSERT_PROPOSALS = """
INSERT INTO proposals (organization_id, id, run_id, payment_id, account_id, currency, amount_minor, residual_minor,
    residual_treatment, strategy, band, confidence, scores, reasons, lines, alternatives, state, decided_by,
    decided_at, application_group_id, note, kind, duplicate_of, value_minor)
SELECT $1, r.id, $2, r.payment_id, r.account_id, r.currency, r.amount_minor, r.residual_minor, r.residual_treatment,
    r.strategy, r.band, r.confidence, r.scores, r.reasons, r.lines, r.alternatives, r.state,
    CASE WHEN r.state = 'applied' THEN 'automatic' END,
    CASE WHEN r.state = 'applied' THEN current_setting('app.recorded_at')::timestamptz END, r.group_id, r.note,
    r.kind, r.duplicate_of, r.value_minor
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[],
    $11::text[], $12::numeric[], $13::jsonb[], $14::jsonb[], $15::jsonb[], $16::jsonb[], $17::text[], $18::uuid[],
    $19::text[], $20::text[], $21::uuid[], $22::bigint[])
    AS r(id, payment_id, account_id, currency, amount_minor, residual_minor, residual_treatment, strategy, band,
         confidence, scores, reasons, lines, alternatives, state, group_id, note, kind, duplicate_of, value_minor)
"""
_SUPERSEDE = """
UPDATE proposals SET state = 'superseded', version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND state IN ('open', 'held') AND kind <> 'reversal' AND payment_id = ANY($2::uuid[])
"""
_SET_MATCHING_STATE = """
UPDATE payments p SET matching_state = CASE WHEN p.unapplied_minor = 0 THEN 'done' ELSE r.state END
FROM unnest($2::uuid[], $3::text[]) AS r(id, state) WHERE p.organization_id = $1 AND p.id = r.id
    AND p.matching_state <> CASE WHEN p.unapplied_minor = 0 THEN 'done' ELSE r.state END
"""
_RETRY = """
UPDATE payments SET matching_state = 'waiting'
WHERE organization_id = $1 AND matching_state IN ('no_match', 'proposed') AND unapplied_minor > 0
"""


async def count_waiting(session: ReadSession) -> int:
    """How many payments wait."""
    return int(await session.driver.fetchval(_COUNT_WAITING, session.organization_id))


async def retry_unmatched(session: WriteSession) -> None:
    """Let payments without a match, and those only proposed, wait again: new documents may explain them."""
    await session.driver.execute(_RETRY, session.organization_id)


async def insert_proposals(session: WriteSession, run_id: UUID, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert proposals, columns in the order of the statement."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_INSERT_PROPOSALS, session.organization_id, run_id, *columns)


async def supersede_open(session: WriteSession, payment_ids: Sequence[UUID]) -> None:
    """Replace the open proposals of these payments."""
    await session.driver.execute(_SUPERSEDE, session.organization_id, list(payment_ids))


async def set_matching_states(session: WriteSession, states: Sequence[tuple[UUID, str]]) -> None:
    """Write what the matcher made of each payment; one with nothing left is `done`."""
    await session.driver.execute(
        _SET_MATCHING_STATE, session.organization_id, [id_ for id_, _ in states], [state for _, state in states]
    )


async def unfinished_runs(session: ReadSession) -> list[UUID]:
    """Runs that were asked for and are not finished, the oldest first."""
    rows = await session.driver.fetch(
        "SELECT id FROM matching_runs WHERE organization_id = $1 AND state IN ('queued', 'running') ORDER BY id",
        session.organization_id,
    )
    return [row["id"] for row in rows]


async def get_run(session: ReadSession, run_id: UUID) -> MatchingRun:
    """The run as it is now. Raises RunNotFound."""
    found = await session.get(MatchingRun, (session.organization_id, run_id), populate_existing=True)
    if found is None:
        raise RunNotFound("no such matching run")
    return found
