"""Versions of the credit policy: drafted, changed while they are drafts, activated from a date on, then fixed.

The policy also says whether limit, terms and risk class may be changed on the account itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.led_by_credit import guard_changes_by_hand
from app.core.errors import DomainError
from app.core.ids import new_id
from app.credit.errors import ChangeNeedsCredit, PolicyNotDraft, ReviewDemanded
from app.credit.models import CreditPolicyVersion
from app.credit.queries import get_policy, policy_on
from app.credit.rules import PolicyInvalid, policy_from_json, policy_to_json
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession, organization_lock_key
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import local_today

POLICY_LOCK_SPACE = 7331  # class of the advisory locks under which versions get their numbers


async def draft_policy(session: WriteSession, name: str, definition: Mapping[str, Any]) -> UUID:
    """A new draft with the next number. Raises PolicyInvalid."""
    policy = policy_from_json(definition)
    await session.driver.execute(
        "SELECT pg_advisory_xact_lock($1, $2)", POLICY_LOCK_SPACE, organization_lock_key(session.organization_id)
    )
    latest = await session.driver.fetchval(
        "SELECT max(number) FROM credit_policies WHERE organization_id = $1", session.organization_id
    )
    row = CreditPolicyVersion(
        organization_id=session.organization_id,
        id=new_id(),
        number=(latest or 0) + 1,
        name=name,
        definition=policy_to_json(policy),
        state="draft",
    )
    session.add(row)
    await session.flush()
    after = {"number": row.number, "name": name, "definition": row.definition}
    record_change(session, ChangeRow("credit_policy", row.id, "credit_policy.drafted", None, after))
    return row.id


async def change_policy(
    session: WriteSession, policy_id: UUID, name: str | None, changes: Mapping[str, Any], expected_version: int | None
) -> None:
    """Change a draft. Raises PolicyNotFound, StaleVersion, PolicyNotDraft, PolicyInvalid."""
    row = await _lock_draft(session, policy_id, expected_version)
    before = {"name": row.name, "definition": row.definition}
    row.definition = policy_to_json(policy_from_json({**row.definition, **changes}))
    row.name = name or row.name
    _touch(row)
    await session.flush()
    after = {"name": row.name, "definition": row.definition}
    record_change(session, ChangeRow("credit_policy", row.id, "credit_policy.changed", before, after))


async def activate_policy(
    session: WriteSession, policy_id: UUID, valid_from: date, today: date, expected_version: int | None
) -> None:
    """Put a draft in force from a date on, today at the earliest: past decisions keep the policy that they named.

    Raises PolicyNotFound, StaleVersion, PolicyNotDraft, PolicyInvalid (a past date); PolicyDateTaken from the key.
    """
    row = await _lock_draft(session, policy_id, expected_version)
    if valid_from < today:
        raise PolicyInvalid("a policy comes into force today at the earliest", pointer="/valid_from")
    row.state, row.valid_from = "active", valid_from
    row.activated_by, row.activated_by_id, row.activated_at = session.actor.name, session.actor.id, RECORDED_NOW
    _touch(row)
    await session.flush()
    after = {"number": row.number, "state": "active", "valid_from": valid_from}
    change = ChangeRow("credit_policy", row.id, "credit_policy.activated", {"state": "draft"}, after, valid_from)
    record_change(session, change)


async def _lock_draft(session: WriteSession, policy_id: UUID, expected_version: int | None) -> CreditPolicyVersion:
    row = await get_policy(session, policy_id, lock=True)
    check_version(expected_version, row.version)
    if row.state != "draft":
        raise PolicyNotDraft("the version is activated; draft a new one")
    return row


def _touch(row: CreditPolicyVersion) -> None:
    row.version += 1
    row.updated_at = RECORDED_NOW


BY_HAND = frozenset({"payment_terms_id", "risk_class"})
"""Fields that `credit:write` may change where the policy allows it; a limit needs `accounts:approve` anyhow."""


async def _refusal(session: WriteSession, fields: frozenset[str], scopes: frozenset[str]) -> DomainError | None:
    name = min(fields).removesuffix("_minor")
    now = await session.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
    today = await local_today(session, now)
    policy = (await policy_on(session, today)).policy
    if policy.direct_changes == "review":
        detail = "by the credit policy limit, terms and risk class change by an approved review: open one"
        return ReviewDemanded(detail, pointer=f"/{name}")
    if fields & BY_HAND and "credit:write" not in scopes:
        return ChangeNeedsCredit("payment terms and risk class need credit:write", pointer=f"/{name}")
    return None


guard_changes_by_hand(_refusal)
