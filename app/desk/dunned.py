"""How accounts are dunned, set-wise: the latest notice, the step that comes next, what blocks it. For the worklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.desk.rules import Dunned, NextStep, Notice
from app.dunning.planning import Item, Policy, due_on, next_step
from app.dunning.policy.in_force import policies_held, policy_book
from app.dunning.policy.preferences import runs_at_night
from app.infra.database import ReadSession

# A notice that never left and never will says nothing about the customer.
_LATEST = """
SELECT a.id AS account_id, n.id, n.step_ordinal, n.channel, coalesce(n.state_before, n.state) AS state, s.name,
    coalesce(n.done_on, n.business_date) AS on_date
FROM unnest($2::uuid[]) AS a(id)
CROSS JOIN LATERAL (
    SELECT id, step_id, step_ordinal, channel, state, state_before, done_on, business_date FROM dunning_notices
    WHERE organization_id = $1 AND account_id = a.id
      AND state NOT IN ('simulated', 'cancelled', 'rejected', 'suppressed')
    ORDER BY id DESC LIMIT 1
) n
JOIN dunning_steps s ON s.organization_id = $1 AND s.id = n.step_id
"""
# Instalments that may be reminded of at all: not wholly disputed or promised, in no legal case, under no block.
_CHAINS = """
SELECT i.account_id, i.due_date, coalesce(d.step_ordinal, 0) AS last_ordinal, d.done_on, min(i.id::text) AS id
FROM instalments i
LEFT JOIN LATERAL (
    SELECT k.step_ordinal, k.done_on FROM dunning_notice_items k
    WHERE k.organization_id = $1 AND k.instalment_id = i.id AND k.live ORDER BY k.step_ordinal DESC LIMIT 1
) d ON true
LEFT JOIN ({disputed}) x ON x.instalment_id = i.id
LEFT JOIN ({held}) h ON h.instalment_id = i.id
LEFT JOIN ({in_cases}) c ON c.instalment_id = i.id
WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.open_minor > 0
  AND (d.step_ordinal IS NULL OR d.done_on IS NOT NULL) AND c.instalment_id IS NULL
  AND i.open_minor > coalesce(x.minor, 0) + coalesce(h.minor, 0)
GROUP BY 1, 2, 3, 4
"""
_BLOCKED = """
SELECT account_id, CASE WHEN bool_or(until IS NULL) THEN NULL ELSE max(until) END AS until FROM dunning_blocks
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND instalment_id IS NULL AND lifted_on IS NULL
  AND starts_on <= $3 AND (until IS NULL OR until >= $3)
GROUP BY account_id
"""


async def dunned(
    session: ReadSession, account_ids: Sequence[UUID], today: date, parts: Mapping[str, str]
) -> dict[UUID, Dunned]:
    """How each of these accounts is dunned; those that are not and have no notice are absent.

    `parts`: the statements of `facts` for what is disputed, held and in legal cases.
    """
    key, driver = session.organization_id, session.driver
    notices = {
        row["account_id"]: Notice(row["id"], row["step_ordinal"], row["name"], row["channel"], row["state"],
                                  row["on_date"])
        for row in await driver.fetch(_LATEST, key, list(account_ids))
    }  # fmt: skip
    blocked = {row["account_id"]: row["until"] for row in await driver.fetch(_BLOCKED, key, list(account_ids), today)}
    steps = await _next_steps(session, account_ids, today, parts)
    found: dict[UUID, Dunned] = {}
    for account_id in notices.keys() | blocked.keys() | steps.keys():
        step = None if account_id in blocked else steps.get(account_id)
        found[account_id] = Dunned(
            notices.get(account_id), step, blocked=account_id in blocked, blocked_until=blocked.get(account_id)
        )
    return found


async def _next_steps(
    session: ReadSession, account_ids: Sequence[UUID], today: date, parts: Mapping[str, str]
) -> dict[UUID, NextStep]:
    """The first step that comes for any instalment of each account, where dunning runs every night."""
    if not await runs_at_night(session):
        return {}
    book = await policy_book(session, today)
    held = await policies_held(session, book, account_ids)
    if not held:
        return {}
    names = await _names(session, [one.version_id for one in held.values()])
    rows = await session.driver.fetch(_CHAINS.format(**parts), session.organization_id, list(held))
    found: dict[UUID, NextStep] = {}
    for row in rows:
        policy = book.policies[held[row["account_id"]].version_id]
        coming = _coming(policy, row, today)
        if coming is None:
            continue
        ordinal, channel, step_id, on = coming
        known = found.get(row["account_id"])
        if known is None or (on, -ordinal) < (known.on, -known.step):
            found[row["account_id"]] = NextStep(ordinal, names[step_id], channel, on)
    return found


def _coming(policy: Policy, row: Any, today: date) -> tuple[int, str, UUID, date] | None:
    """Number, channel and id of the step that comes next for an instalment, and its first day."""
    item = Item(UUID(row["id"]), UUID(int=0), "", row["due_date"], 1, row["last_ordinal"], row["done_on"])
    step = next_step(policy, item, today)
    return None if step is None else (step.ordinal, step.channel, step.id, due_on(policy, item, step))


async def _names(session: ReadSession, version_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.driver.fetch(
        "SELECT id, name FROM dunning_steps WHERE organization_id = $1 AND version_id = ANY($2::uuid[])",
        session.organization_id,
        list(set(version_ids)),
    )
    return {row["id"]: row["name"] for row in rows}
