"""When accounts and instalments were blocked or in a legal case, as the rows and the change log have it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from uuid import UUID

from app.core.clock import business_date
from app.dunning.comparing.replay import PastBlock
from app.infra.database import ReadSession
from app.organizations.queries import organization_facts

_DAY = timedelta(days=1)
_BLOCKS = """
SELECT id, account_id, instalment_id, starts_on, until, lifted_on FROM dunning_blocks
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND starts_on <= $3
  AND (lifted_on IS NULL OR lifted_on > starts_on) ORDER BY id
"""
# A block that had run out and got another end later did not stand in between.
_ENDS = """
SELECT entity_id, (before ->> 'until')::date AS until, recorded_at FROM change_log
WHERE organization_id = $1 AND entity_type = 'dunning_block' AND entity_id = ANY($2::uuid[])
  AND event = 'dunning_block.changed' ORDER BY recorded_at, id
"""
_CASES = """
SELECT t.instalment_id, c.prepared_on, c.closed_on FROM legal_cases c
JOIN legal_case_items t ON t.organization_id = $1 AND t.case_id = c.id
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.prepared_on <= $4
  AND (c.closed_on IS NULL OR c.closed_on > greatest(c.prepared_on, $3)) ORDER BY c.id
"""


async def past_blocks(
    session: ReadSession, account_ids: Collection[UUID], first: date, last: date
) -> dict[UUID, list[PastBlock]]:
    """Blocks and legal cases that stood in a period, by account or instalment."""
    found: defaultdict[UUID, list[PastBlock]] = defaultdict(list)
    rows = await session.driver.fetch(_BLOCKS, session.organization_id, list(account_ids), last)
    ends: defaultdict[UUID, list[tuple[date | None, date]]] = defaultdict(list)
    if rows:
        zone = (await organization_facts(session)).time_zone
        for row in await session.driver.fetch(_ENDS, session.organization_id, [row["id"] for row in rows]):
            ends[row["entity_id"]].append((row["until"], business_date(row["recorded_at"], zone)))
    for row in rows:
        for start, end in block_days(row["starts_on"], row["until"], row["lifted_on"], ends.get(row["id"], ())):
            if end is None or end >= first:
                found[row["instalment_id"] or row["account_id"]].append(PastBlock("blocked", start, end))
    for row in await session.driver.fetch(_CASES, session.organization_id, list(account_ids), first, last):
        closed = None if row["closed_on"] is None else row["closed_on"] - _DAY
        found[row["instalment_id"]].append(PastBlock("legal_case", row["prepared_on"], closed))
    return dict(found)


def block_days(
    starts_on: date, until: date | None, lifted_on: date | None, ends: Iterable[tuple[date | None, date]] = ()
) -> list[tuple[date, date | None]]:
    """The spans of days (both included; None: still is) on which a block stood.

    `ends`: the ends that it had before, each with the day on which it got another one. On the day on which it was
    lifted it stood no more.
    """
    spans: list[tuple[date, date | None]] = []
    since = starts_on
    for former, changed_on in ends:
        if former is not None and former < changed_on:
            if since <= former:
                spans.append((since, former))
            since = changed_on
    last = until
    if lifted_on is not None:
        last = lifted_on - _DAY if until is None else min(until, lifted_on - _DAY)
    if last is None or since <= last:
        spans.append((since, last))
    return spans
