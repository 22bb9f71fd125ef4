"""SQL that records what became of the payments of a batch: proposals, waiting states, the run's progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from app.infra.database import WriteSession

_LOCK_WAITING = """
SELECT id, version FROM payments
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND matching_state = 'waiting' ORDER BY id FOR NO KEY UPDATE
"""
_ADVANCE = """
UPDATE matching_runs SET payments_done = payments_done + $3, report = $4::jsonb, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""


async def lock_waiting(session: WriteSession, payment_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Lock those of the payments that still wait, in the order of their ids; their versions."""
    rows = await session.driver.fetch(_LOCK_WAITING, session.organization_id, list(payment_ids))
    return {row["id"]: row["version"] for row in rows}


def advance_run_last(
    session: WriteSession, run_id: UUID, done: int, added: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Add to the run's progress and report as the last thing before the commit.

    Batches that run side by side meet in this row, so that it is locked for no longer than that.
    """

    async def advance(session: WriteSession) -> None:
        row = await session.driver.fetchrow(
            "SELECT report FROM matching_runs WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            session.organization_id,
            run_id,
        )
        assert row is not None
        report = json.dumps(added(row["report"] or {}))
        await session.driver.execute(_ADVANCE, session.organization_id, run_id, done, report)

    session.before_commit.append(advance)
