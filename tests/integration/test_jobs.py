"""Owing, claiming, finishing and failing of jobs on a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.clock import utc_now
from app.core.errors import RuleViolation
from app.core.ids import new_id
from app.infra import job_leases
from app.infra.database import SYSTEM, Database
from app.infra.job_leases import Lease
from app.infra.jobs import ATTEMPTS_LIMIT, INTERRUPTIONS_LIMIT, GiveUp, JobNotDead, JobUnknown, owe, retry_dead
from tests.factories import make_tenant


@pytest.fixture
async def organization(committed: Database) -> UUID:
    return (await make_tenant(committed)).organization_id


@pytest.fixture
def kind() -> str:
    """A kind of this test only: the other tests' jobs stay out of its claims."""
    return f"test.{new_id()}"


async def add(database: Database, organization: UUID, kind: str, *keys: str, **more: Any) -> None:
    async with database.write(organization, SYSTEM) as session:
        for key in keys:
            owe(session, kind, key, **more)


async def rows_of(database: Database, organization: UUID, kind: str) -> list[dict[str, Any]]:
    async with database.read(organization) as session:
        rows = await session.driver.fetch("SELECT * FROM jobs WHERE kind = $1 ORDER BY id", kind)
        return [dict(row) for row in rows]


async def claim(claims: Database, kind: str, limit: int = 100, **more: Any) -> list[Lease]:
    return await job_leases.claim(claims, [kind], limit, **more)


async def test_owed_work_is_claimed_once_and_finished(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a", payload={"n": 1})
    (lease,) = await claim(claims, kind)
    assert (lease.organization_id, lease.key, lease.payload, lease.attempts) == (organization, "a", {"n": 1}, 1)
    assert await claim(claims, kind) == []
    assert await job_leases.finish(claims, [lease]) == 1
    (row,) = await rows_of(committed, organization, kind)
    assert row["state"] == "done"
    assert row["finished_at"] is not None
    assert row["lease_token"] is None
    assert await claim(claims, kind) == []


async def test_nothing_is_owed_by_a_transaction_that_fails(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with committed.write(organization, SYSTEM) as session:
            owe(session, kind, "a")
            raise ZeroDivisionError
    assert await claim(claims, kind) == []


async def test_the_same_key_is_merged_into_one_run(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    for number in range(3):
        await add(committed, organization, kind, "a", "b", "a", payload={"n": number})
    leases = await claim(claims, kind)
    assert sorted((lease.key, lease.payload["n"]) for lease in leases) == [("a", 0), ("b", 0)]
    assert len(await rows_of(committed, organization, kind)) == 2


async def test_what_is_owed_during_a_run_is_run_after_it(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    (first,) = await claim(claims, kind)
    await add(committed, organization, kind, "a")
    await add(committed, organization, kind, "a")
    assert await claim(claims, kind) == []  # never two runs of one key at once
    await job_leases.finish(claims, [first])
    (second,) = await claim(claims, kind)
    assert second.id != first.id
    await job_leases.finish(claims, [second])
    assert await claim(claims, kind) == []


async def test_many_due_rows_of_a_running_key_are_thinned_out_to_one(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    (first,) = await claim(claims, kind)
    for _ in range(5):
        await add(committed, organization, kind, "a", "b")
    await job_leases.merge_due(claims)
    states = sorted((row["key"], row["state"]) for row in await rows_of(committed, organization, kind))
    assert states == [("a", "due"), ("a", "leased"), ("b", "due")]
    await job_leases.finish(claims, [first])
    assert sorted(lease.key for lease in await claim(claims, kind)) == ["a", "b"]


async def test_later_work_waits_and_does_not_swallow_what_is_owed_now(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a", run_at=utc_now() + timedelta(hours=1))
    assert await claim(claims, kind) == []
    await add(committed, organization, kind, "a")
    (lease,) = await claim(claims, kind)
    await job_leases.finish(claims, [lease])
    assert [row["state"] for row in await rows_of(committed, organization, kind)] == ["due", "done"]


async def test_only_what_waits_long_enough_is_claimed(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "new")
    await add(committed, organization, kind, "old", run_at=utc_now() - timedelta(seconds=60))
    assert [lease.key for lease in await claim(claims, kind, waiting_seconds=30)] == ["old"]


async def test_a_failed_job_comes_again_after_a_growing_pause_and_dies_in_the_end(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    for attempt in range(1, ATTEMPTS_LIMIT + 1):
        (lease,) = await claim(claims, kind)
        assert lease.attempts == attempt
        assert await job_leases.fail(claims, lease, RuleViolation("not yet"))
        (row,) = await rows_of(committed, organization, kind)
        assert row["last_error"] == "rule_violation: not yet"
        if attempt == ATTEMPTS_LIMIT:
            break
        assert row["state"] == "due"
        pause = (row["run_at"] - utc_now()).total_seconds()
        assert 2 ** (attempt - 2) - 1 <= pause <= 2 ** (attempt - 1) + 1
        async with committed.write(organization, SYSTEM) as session:
            await session.driver.execute("UPDATE jobs SET run_at = now() WHERE id = $1", lease.id)
    assert row["state"] == "dead"
    assert await claim(claims, kind) == []


async def test_work_owed_anew_takes_the_failed_tries_of_its_key_with_it(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    (lease,) = await claim(claims, kind)
    await job_leases.fail(claims, lease, ValueError())
    await add(committed, organization, kind, "a")
    (again,) = await claim(claims, kind)
    assert again.attempts == 2
    assert len(await rows_of(committed, organization, kind)) == 1


async def test_a_dead_job_can_be_retried_and_no_other(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    (lease,) = await claim(claims, kind)
    async with committed.write(organization, SYSTEM) as session:
        with pytest.raises(JobNotDead):
            await retry_dead(session, lease.id)
        with pytest.raises(JobUnknown):
            await retry_dead(session, new_id())
    await job_leases.fail(claims, lease, GiveUp("the file is gone"))
    (row,) = await rows_of(committed, organization, kind)
    assert (row["state"], row["last_error"]) == ("dead", "the file is gone")
    async with committed.write(organization, SYSTEM) as session:
        await retry_dead(session, lease.id)
        assert session.rings == {kind}
    (again,) = await claim(claims, kind)
    assert (again.id, again.attempts) == (lease.id, 1)


async def test_an_expired_lease_is_returned_and_its_holder_can_do_nothing_more(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    (lost,) = await claim(claims, kind, lease_seconds=0)
    await job_leases.return_expired(claims)
    (lease,) = await claim(claims, kind)
    assert (lease.id, lease.attempts, lease.interruptions) == (lost.id, 1, 1)
    assert await job_leases.finish(claims, [lost]) == 0
    assert not await job_leases.fail(claims, lost, ValueError())
    assert await job_leases.renew(claims, [lost, lease]) == {lease.token}
    assert await job_leases.finish(claims, [lease]) == 1


async def test_a_job_that_kills_its_worker_each_time_dies(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    for _ in range(INTERRUPTIONS_LIMIT):
        assert await claim(claims, kind, lease_seconds=0)
        await job_leases.return_expired(claims)
    assert await claim(claims, kind) == []
    (row,) = await rows_of(committed, organization, kind)
    assert (row["state"], row["last_error"]) == ("dead", "the lease ran out")


@pytest.mark.parametrize("error", [ConnectionRefusedError(), asyncpg.DeadlockDetectedError("a")])
async def test_what_is_not_the_fault_of_the_work_is_no_attempt(
    committed: Database, claims: Database, organization: UUID, kind: str, error: Exception
) -> None:
    await add(committed, organization, kind, "a")
    (lease,) = await claim(claims, kind)
    await job_leases.fail(claims, lease, error)
    (row,) = await rows_of(committed, organization, kind)
    assert (row["state"], row["attempts"], row["interruptions"]) == ("due", 0, 1)


async def test_leases_given_back_are_due_at_once_and_cost_no_attempt(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, "a")
    await job_leases.give_back(claims, await claim(claims, kind))
    (lease,) = await claim(claims, kind)
    assert lease.attempts == 1


async def test_old_done_jobs_are_cleared_in_bounded_steps(
    committed: Database, claims: Database, organization: UUID, kind: str
) -> None:
    await add(committed, organization, kind, *"abc")
    await job_leases.finish(claims, await claim(claims, kind))
    async with committed.write(organization, SYSTEM) as session:
        await session.driver.execute("UPDATE jobs SET finished_at = now() - interval '9 days' WHERE kind = $1", kind)
    assert await job_leases.clear_done(claims, 86_400, limit=2) == 2
    while await job_leases.clear_done(claims, 86_400, limit=2):
        pass
    assert await rows_of(committed, organization, kind) == []


async def test_the_reason_kept_of_a_failure_holds_no_row_values(committed: Database, organization: UUID) -> None:
    with pytest.raises(Exception, match="duplicate") as caught:
        async with committed.write(organization, SYSTEM) as session:
            await session.driver.execute(
                "INSERT INTO accounts (organization_id, id, number, name, currency, country)"
                " VALUES ($1, $2, 'C-1', 'Jane Doe', 'EUR', 'DE')",
                organization,
                new_id(),
            )
    reason = job_leases.reason_of(caught.value)
    assert reason == "UniqueViolationError 23505 uq_accounts_organization_id_number"
    assert job_leases.reason_of(ValueError("Jane Doe")) == "ValueError"


@pytest.mark.parametrize(("attempts", "low", "high"), [(1, 0.5, 1), (4, 4, 8), (60, 300, 600)])
def test_pauses_double_up_to_a_limit(attempts: int, low: float, high: float) -> None:
    assert job_leases.backoff_seconds(attempts, 0.0) == low
    assert job_leases.backoff_seconds(attempts, 1.0) == high
