"""Which policy holds for an account on a day: the account's own, its segment's, the organization's, the shipped one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from app.dunning.errors import VersionNotFound
from app.dunning.planning import Policy, Step
from app.infra.database import ReadSession

# The version in force of each policy in use: the active one of the latest date, of two the later written.
_VERSIONS = """
SELECT DISTINCT ON (v.policy_id) v.policy_id, v.id, p.shipped FROM dunning_policy_versions v
JOIN dunning_policies p ON p.organization_id = $1 AND p.id = v.policy_id AND p.active
WHERE v.organization_id = $1 AND v.state = 'active' AND v.valid_from <= $2
ORDER BY v.policy_id, v.valid_from DESC, v.number DESC
"""
_WIDE = """
SELECT DISTINCT ON (scope, segment) scope, segment, policy_id FROM dunning_assignments
WHERE organization_id = $1 AND scope <> 'account' AND valid_from <= $2
ORDER BY scope, segment, valid_from DESC, id DESC
"""
_STEPS = """
SELECT id, version_id, ordinal, channel, offset_days, gap_days, lapse_days, approval, minimums FROM dunning_steps
WHERE organization_id = $1 AND version_id = ANY($2::uuid[]) ORDER BY ordinal
"""
_OF_IDS = """
SELECT id, grouping, count_credits FROM dunning_policy_versions WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_OF_ACCOUNTS = """
SELECT DISTINCT ON (account_id) account_id, policy_id FROM dunning_assignments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND valid_from <= $3
ORDER BY account_id, valid_from DESC, id DESC
"""
_ACCOUNTS = "SELECT id, segment FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"


@dataclass(frozen=True, slots=True)
class Held:
    """The policy of an account and by which scope it has it (`shipped`: none of its own)."""

    policy_id: UUID
    version_id: UUID
    scope: str


@dataclass(slots=True)
class PolicyBook:
    """Policies in force on a day, read once for many accounts. `shipped_id` is the one of everybody else."""

    today: date
    versions: dict[UUID, UUID] = field(default_factory=dict)
    shipped_id: UUID | None = None
    organization: UUID | None = None
    segments: dict[str, UUID] = field(default_factory=dict)
    policies: dict[UUID, Policy] = field(default_factory=dict)

    def held(self, own: UUID | None, segment: str | None) -> Held | None:
        """The most specific policy that has a version in force, or None."""
        chain = (
            ("account", own),
            ("segment", self.segments.get(segment) if segment is not None else None),
            ("organization", self.organization),
            ("shipped", self.shipped_id),
        )
        for scope, policy_id in chain:
            if policy_id is not None and policy_id in self.versions:
                return Held(policy_id, self.versions[policy_id], scope)
        return None


async def policy_book(session: ReadSession, today: date) -> PolicyBook:
    """The policies in force on that day with their steps, and who has which by segment or organization."""
    book = PolicyBook(today)
    for row in await session.driver.fetch(_VERSIONS, session.organization_id, today):
        book.versions[row["policy_id"]] = row["id"]
        if row["shipped"]:
            book.shipped_id = row["policy_id"]
    for row in await session.driver.fetch(_WIDE, session.organization_id, today):
        if row["policy_id"] is None:
            continue
        if row["scope"] == "organization":
            book.organization = row["policy_id"]
        else:
            book.segments[row["segment"]] = row["policy_id"]
    book.policies = await load_versions(session, list(book.versions.values()))
    return book


async def policies_held(session: ReadSession, book: PolicyBook, ids: Collection[UUID]) -> dict[UUID, Held]:
    """The policy of each of these accounts; accounts without any are absent."""
    own = {
        row["account_id"]: row["policy_id"]
        for row in await session.driver.fetch(_OF_ACCOUNTS, session.organization_id, list(ids), book.today)
    }
    found = {}
    for row in await session.driver.fetch(_ACCOUNTS, session.organization_id, list(ids)):
        if (held := book.held(own.get(row["id"]), row["segment"])) is not None:
            found[row["id"]] = held
    return found


async def load_versions(session: ReadSession, version_ids: Sequence[UUID]) -> dict[UUID, Policy]:
    """Versions as planning takes them, by id. Asked before each message that leaves: no objects of SQLAlchemy."""
    await session.flush()
    by_version: dict[UUID, list[Step]] = {}
    for row in await session.driver.fetch(_STEPS, session.organization_id, list(version_ids)):
        by_version.setdefault(row["version_id"], []).append(_step_of(row))
    return {
        row["id"]: Policy(row["id"], row["grouping"], row["count_credits"], tuple(by_version.get(row["id"], ())))
        for row in await session.driver.fetch(_OF_IDS, session.organization_id, list(version_ids))
    }


async def load_version(session: ReadSession, version_id: UUID) -> Policy:
    """One version, also a draft. Raises VersionNotFound."""
    found = await load_versions(session, [version_id])
    if version_id not in found:
        raise VersionNotFound("no such version of a policy")
    return found[version_id]


def _step_of(row: Any) -> Step:
    """A step as planning takes it."""
    names = ("id", "ordinal", "channel", "offset_days", "gap_days", "lapse_days", "approval", "minimums")
    return Step(*(row[name] for name in names))
