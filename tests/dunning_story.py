"""A debtor, a policy and the days of a dunning story for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from app.dunning.policy.policies import Assign, VersionDraft, activate_version, assign_policy, create_policy
from app.dunning.policy.shipped import StepDraft
from app.dunning.runs import Scope, StartRun, plan_next, start_run
from app.infra.database import ReadSession, WriteSession
from tests.collecting import add_contact
from tests.factories import Tenant
from tests.receivables import issue

MARCH_1 = date(2026, 3, 1)


def email(offset_days: int | None, **more: Any) -> StepDraft:
    """A step that sends an e-mail so many days after the due date."""
    return StepDraft("Reminder", "email", offset_days, **{"template_code": "first_reminder", **more})


LEVELS = (email(5), email(20), email(40))


async def use_policy(
    session: WriteSession,
    steps: Sequence[StepDraft],
    *,
    code: str = "levels",
    scope: str = "organization",
    since: date = date(2026, 1, 1),
    grouping: str = "per_step",
    count_credits: bool = True,
    **target: Any,
) -> UUID:
    """A policy with these steps, in force and assigned from a day on; its id."""
    draft = VersionDraft(tuple(steps), grouping, count_credits)
    policy_id = await create_policy(session, code=code, name=code.title(), description=None, draft=draft)
    version_id = await session.driver.fetchval(
        "SELECT id FROM dunning_policy_versions WHERE organization_id = $1 AND policy_id = $2",
        session.organization_id, policy_id,
    )  # fmt: skip
    await activate_version(session, version_id, valid_from=since, today=since, expected_version=None)
    await assign_policy(session, Assign(scope, policy_id, since, **target), since)
    return policy_id


async def owed(session: WriteSession, tenant: Tenant, minor: int, due: date = MARCH_1, **more: Any) -> UUID:
    """An invoice of one instalment that is due on a day; the instalment's id."""
    _, instalment_id = await issue(session, tenant, minor, due - timedelta(days=30), due_date=due, **more)
    return instalment_id


async def reachable(session: WriteSession, tenant: Tenant, **more: Any) -> UUID:
    """A contact to whom reminders go."""
    return await add_contact(session, tenant, **more)


def noon(day: date) -> datetime:
    """An instant of that day at which nothing is quiet."""
    return datetime.combine(day, time(11), UTC)


async def run_on(session: WriteSession, day: date, *, kind: str = "on_demand", **scope: Any) -> UUID:
    """A run of that day, to its end."""
    version_id = scope.pop("version_id", None)
    run_id, _ = await start_run(session, StartRun(kind, day, Scope(**scope), version_id), today=day)
    for _ in range(100):
        if not await plan_next(session, run_id, today=day):
            break
    return run_id


async def notices_of(session: ReadSession, run_id: UUID) -> list[Any]:
    """The notices of a run: step, state, total, items by instalment."""
    rows = await session.driver.fetch(
        "SELECT n.id, n.step_ordinal AS step, n.state, n.total_minor AS total, n.channel, n.currency, n.contact_id,"
        " n.fee_minor, n.interest_minor, n.charges_minor,"
        " (SELECT array_agg(k.instalment_id ORDER BY k.due_date, k.id) FROM dunning_notice_items k"
        "  WHERE k.organization_id = n.organization_id AND k.notice_id = n.id AND k.dropped IS NULL) AS items"
        " FROM dunning_notices n WHERE n.organization_id = $1 AND n.run_id = $2 ORDER BY n.step_ordinal, n.id",
        session.organization_id, run_id,
    )  # fmt: skip
    return list(rows)


async def steps_of(session: ReadSession, run_id: UUID) -> list[tuple[int, str]]:
    """Step and state of each notice of a run."""
    return [(row["step"], row["state"]) for row in await notices_of(session, run_id)]


async def withheld_in(session: ReadSession, run_id: UUID) -> list[tuple[UUID, int, str]]:
    """Instalment, step and reason of what a run withheld."""
    rows = await session.driver.fetch(
        "SELECT instalment_id, step_ordinal, reason FROM dunning_withheld_items WHERE organization_id = $1"
        " AND run_id = $2 ORDER BY instalment_id",
        session.organization_id, run_id,
    )  # fmt: skip
    return [(row["instalment_id"], row["step_ordinal"], row["reason"]) for row in rows]
