"""Policies: which steps make one, drafts and versions, the one that comes with the service."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from app.core.errors import StaleVersion
from app.dunning.errors import DateInPast, PolicyUnknown, StepsInvalid, VersionNotDraft
from app.dunning.policy.in_force import policy_book
from app.dunning.policy.policies import (
    Assign,
    VersionDraft,
    activate_version,
    assign_policy,
    check_steps,
    create_policy,
    discard_version,
    draft_version,
    ensure_shipped,
    redraft_version,
)
from app.dunning.policy.shipped import STEPS, StepDraft
from app.infra.database import WriteSession
from tests.dunning_story import email
from tests.factories import Tenant

DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [email(1)] * 21,
        [email(None, gap_days=3)],
        [email(5), email(None)],
        [email(5), email(4)],
        [email(5, lapse_days=4)],
        [email(5, template_code=None)],
        [StepDraft("Call", "call_task", 5, template_code="first_reminder")],
    ],
)
def test_steps_that_make_no_policy(steps: list[StepDraft]) -> None:
    with pytest.raises(StepsInvalid):
        check_steps(steps)


def test_the_shipped_steps_make_one() -> None:
    check_steps(STEPS)


async def version_of(session: WriteSession, policy_id: UUID) -> UUID:
    found = await session.driver.fetchval("SELECT id FROM dunning_policy_versions WHERE policy_id = $1", policy_id)
    assert isinstance(found, UUID)
    return found


async def test_a_version_in_force_is_never_changed(session: WriteSession, tenant: Tenant) -> None:
    policy_id = await create_policy(
        session, code="one", name="One", description=None, draft=VersionDraft((email(1), email(9)))
    )
    first = await version_of(session, policy_id)
    with pytest.raises(PolicyUnknown):
        await assign_policy(session, Assign("organization", policy_id, DAY), DAY)
    with pytest.raises(StaleVersion):
        await redraft_version(session, first, VersionDraft((email(2),)), 7)
    await redraft_version(session, first, VersionDraft((email(2),)), 1)
    with pytest.raises(DateInPast):
        await activate_version(session, first, valid_from=DAY - timedelta(days=1), today=DAY, expected_version=None)
    await activate_version(session, first, valid_from=DAY, today=DAY, expected_version=None)
    with pytest.raises(VersionNotDraft):
        await redraft_version(session, first, VersionDraft((email(3),)), None)
    with pytest.raises(DateInPast):
        await assign_policy(session, Assign("organization", policy_id, DAY - timedelta(days=1)), DAY)
    second = await draft_version(session, policy_id, VersionDraft((email(3),)))
    await activate_version(session, second, valid_from=DAY + timedelta(days=5), today=DAY, expected_version=None)
    third = await draft_version(session, policy_id, VersionDraft((email(4),)))
    await discard_version(session, third, None)
    found = [(await policy_book(session, DAY + timedelta(days=days))).versions[policy_id] for days in (0, 4, 5)]
    assert found == [first, first, second]


async def test_the_shipped_policy_is_put_there_once(session: WriteSession, tenant: Tenant) -> None:
    await create_policy(session, code="standard", name="Ours", description=None, draft=VersionDraft((email(1),)))
    for _ in range(2):
        await ensure_shipped(session)
    codes = await session.driver.fetch("SELECT code FROM dunning_policies WHERE shipped")
    assert [row["code"] for row in codes] == ["standard-2"]
    book = await policy_book(session, DAY)
    held = book.held(None, None)
    assert held is not None
    assert (held.scope, len(book.policies[held.version_id].steps)) == ("shipped", len(STEPS))
