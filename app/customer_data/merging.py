"""Merging two accounts that are one customer, with history and undo.

Nothing that was posted moves: documents, payments and their history stay on the account that they name, so that aging
and proof of any past date stay as they were. The merged account becomes a member of the survivor's group (members may
pay for each other), its contacts, payer identities and members go to the survivor, and the worklist counts its open
items as the survivor's. What a source still sends for it is taken, and stands there.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.errors import AccountNotFound
from app.accounts.queries import lock_account_tree, parents_above
from app.accounts.rules import find_cycles
from app.core.ids import new_id
from app.customer_data import queries
from app.customer_data.errors import DuplicateDecided, MergeConflict, MergeInvalid
from app.customer_data.models import AccountDuplicate, AccountMerge
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version

_ACCOUNTS = """
SELECT id, parent_id, status FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id
FOR NO KEY UPDATE
"""
_SET = """
UPDATE accounts SET parent_id = $3, status = $4, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2
"""
_MOVE_MEMBERS = """
UPDATE accounts SET parent_id = $3, version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND parent_id = $2 AND id <> $3 RETURNING id
"""
_MOVE_CONTACTS = """
UPDATE contacts SET account_id = $3, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND account_id = $2 AND active RETURNING id
"""
_MOVE_IDENTITIES = """
UPDATE payer_identities p SET account_id = $3, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE p.organization_id = $1 AND p.account_id = $2 AND p.active AND NOT EXISTS (
    SELECT FROM payer_identities k WHERE k.organization_id = $1 AND k.account_id = $3 AND k.kind = p.kind
    AND k.normalized_value = p.normalized_value) RETURNING p.id
"""
_BACK = """
UPDATE {table} SET {column} = $3, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND {column} = $4
"""


async def merge_accounts(session: WriteSession, survivor_id: UUID, merged_id: UUID, *, reason: str, on: date) -> UUID:
    """Merge the second account into the first; returns the merge's id.

    Raises AccountNotFound, MergeInvalid, MergeConflict.
    """
    if survivor_id == merged_id:
        raise MergeInvalid("an account cannot be merged into itself", pointer="/merged_account_id")
    await lock_account_tree(session)
    rows = await session.driver.fetch(_ACCOUNTS, session.organization_id, [survivor_id, merged_id])
    found = {row["id"]: row for row in rows}
    if survivor_id not in found:
        raise AccountNotFound("no such account")
    if merged_id not in found:
        raise MergeInvalid("no such account", pointer="/merged_account_id")
    if any(row["status"] == "merged" for row in rows):
        raise MergeConflict("one of the accounts is merged already; undo that first")
    if found[survivor_id]["parent_id"] != merged_id and merged_id in await parents_above(session, [survivor_id]):
        detail = "the account is further up in the survivor's group; merge the account between them first"
        raise MergeInvalid(detail, pointer="/merged_account_id")
    moved = await _move(session, found[survivor_id], found[merged_id])
    merge_id = new_id()
    session.add(
        AccountMerge(
            organization_id=session.organization_id,
            id=merge_id,
            survivor_id=survivor_id,
            merged_id=merged_id,
            reason=reason,
            merged_on=on,
            merged_by_id=session.actor.id if session.actor.kind == "user" else None,
            merged_by=session.actor.name,
            moved=json.loads(json.dumps(moved, default=str)),
        )
    )
    await session.flush()
    await queries.set_pair_state(session, survivor_id, merged_id, "merged")
    facts = {"survivor_id": survivor_id, "merged_account_id": merged_id, "merge_id": merge_id}
    record_change(session, ChangeRow("account", merged_id, "account.merged", None, facts, on, reason))
    return merge_id


async def _move(session: WriteSession, survivor: Any, merged: Any) -> dict[str, Any]:
    key, to, of = session.organization_id, survivor["id"], merged["id"]
    if survivor["parent_id"] == of:  # else the two would be each other's parents
        await session.driver.execute(_SET, key, to, merged["parent_id"], survivor["status"])
    members = await session.driver.fetch(_MOVE_MEMBERS, key, of, to)
    contacts = await session.driver.fetch(_MOVE_CONTACTS, key, of, to)
    identities = await session.driver.fetch(_MOVE_IDENTITIES, key, of, to)
    await session.driver.execute(_SET, key, of, to, "merged")
    return {
        "parent_id": merged["parent_id"],
        "status": merged["status"],
        "survivor_parent_id": survivor["parent_id"],
        "member_ids": [row["id"] for row in members],
        "contact_ids": [row["id"] for row in contacts],
        "payer_identity_ids": [row["id"] for row in identities],
    }


async def undo_merge(
    session: WriteSession, merge_id: UUID, *, reason: str, on: date, expected_version: int | None = None
) -> AccountMerge:
    """Give the merged account back what moved and was not moved on since. Raises MergeNotFound, MergeConflict,
    StaleVersion.
    """
    await lock_account_tree(session)
    merge = await queries.lock_merge(session, merge_id)
    check_version(expected_version, merge.version)
    if merge.state != "merged":
        raise MergeConflict("the merge was undone already")
    rows = await session.driver.fetch(_ACCOUNTS, session.organization_id, [merge.survivor_id, merge.merged_id])
    found = {row["id"]: row for row in rows}
    if found[merge.survivor_id]["status"] == "merged":
        raise MergeConflict("the survivor was itself merged since; undo that merge first")
    await _move_back(session, merge, found[merge.survivor_id])
    both = [merge.survivor_id, merge.merged_id]
    above = await parents_above(session, both)
    if find_cycles(dict[Hashable, Hashable | None](above.items()), both):
        raise MergeConflict("the group was rearranged since: the two would be each other's parents")
    merge.state, merge.undone_on, merge.undone_by, merge.undo_reason = "undone", on, session.actor.name, reason
    merge.version, merge.updated_at = merge.version + 1, RECORDED_NOW
    await session.flush()
    await session.refresh(merge)
    await queries.set_pair_state(session, merge.survivor_id, merge.merged_id, "dismissed")
    facts = {"survivor_id": merge.survivor_id, "merged_account_id": merge.merged_id, "merge_id": merge_id}
    record_change(session, ChangeRow("account", merge.merged_id, "account.merge_undone", None, facts, on, reason))
    return merge


async def _move_back(session: WriteSession, merge: AccountMerge, survivor: Any) -> None:
    key, moved = session.organization_id, merge.moved
    for table, column, ids in (
        ("accounts", "parent_id", moved["member_ids"]),
        ("contacts", "account_id", moved["contact_ids"]),
        ("payer_identities", "account_id", moved["payer_identity_ids"]),
    ):
        statement = _BACK.format(table=table, column=column)
        await session.driver.execute(statement, key, [UUID(i) for i in ids], merge.merged_id, merge.survivor_id)
    parent = None if moved["parent_id"] is None else UUID(moved["parent_id"])
    await session.driver.execute(_SET, key, merge.merged_id, parent, moved["status"])
    before = moved["survivor_parent_id"]
    if before is not None and UUID(before) == merge.merged_id:
        await session.driver.execute(_SET, key, merge.survivor_id, merge.merged_id, survivor["status"])


async def dismiss_duplicate(
    session: WriteSession, duplicate_id: UUID, *, note: str | None, expected_version: int | None = None
) -> AccountDuplicate:
    """These are two customers: not proposed again. Raises DuplicateNotFound, DuplicateDecided, StaleVersion."""
    pair = await queries.lock_duplicate(session, duplicate_id)
    check_version(expected_version, pair.version)
    if pair.state == "merged":
        raise DuplicateDecided("the accounts are merged; undo the merge")
    pair.state, pair.note, pair.decided_by = "dismissed", note, session.actor.name
    pair.decided_by_id = session.actor.id if session.actor.kind == "user" else None
    pair.version, pair.updated_at = pair.version + 1, RECORDED_NOW
    await session.flush()
    await session.refresh(pair)
    facts = {"account_id": pair.account_id, "other_account_id": pair.other_id}
    record_change(session, ChangeRow("account_duplicate", pair.id, "account_duplicate.dismissed", None, facts))
    return pair
