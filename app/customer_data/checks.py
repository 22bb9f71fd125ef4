"""Nightly care: likely duplicates are proposed, and what an account's data lack becomes a work item."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.customer_data import queries
from app.customer_data.errors import FindingClosed
from app.customer_data.models import DataFinding
from app.customer_data.rules import AccountTraits, find_pairs
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

ACCOUNTS_PER_STEP = 5_000
PAIRS_LIMIT = 5_000
"""Proposals kept at a time, the likeliest first: nobody works through more."""
_FIRST = UUID(int=0)


async def care_for_accounts(database: Database, organization_id: UUID, today: date) -> None:
    """Look at every account of the organization: findings step by step, then pairs. Safe to repeat."""
    after, accounts = _FIRST, list[AccountTraits]()
    while True:
        async with database.write(organization_id, SYSTEM) as session:
            step = await queries.traits(session, after, ACCOUNTS_PER_STEP)
            if step:
                new, mended = await queries.put_findings(session, [account.id for account in step], today)
                if new or mended:
                    facts = {"found": new, "mended": mended}
                    record_change(session, ChangeRow("data_finding", new_id(), "data_finding.checked", None, facts))
        if not step:
            break
        accounts += step
        after = step[-1].id
    pairs = (await asyncio.to_thread(find_pairs, accounts))[:PAIRS_LIMIT]
    async with database.write(organization_id, SYSTEM) as session:
        for row in await queries.put_pairs(session, pairs):
            if row["fresh"]:
                record_change(session, ChangeRow("account_duplicate", row["id"], "account_duplicate.proposed"))


async def accept_finding(
    session: WriteSession, finding_id: UUID, *, note: str, expected_version: int | None = None
) -> DataFinding:
    """It is as it shall be: no work item any more, unless it is mended and comes back.

    Raises FindingNotFound, FindingClosed, StaleVersion.
    """
    finding = await queries.lock_finding(session, finding_id)
    check_version(expected_version, finding.version)
    if finding.state == "mended":
        raise FindingClosed("the finding is mended already")
    finding.state, finding.note = "accepted", note
    finding.version, finding.updated_at = finding.version + 1, RECORDED_NOW
    await session.flush()
    await session.refresh(finding)
    facts = {"account_id": finding.account_id, "kind": finding.kind}
    record_change(session, ChangeRow("data_finding", finding.id, "data_finding.accepted", None, facts, None, note))
    return finding
