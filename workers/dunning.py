"""Dunning: runs by night and on demand, steps that are work, and notices that follow what happens to the debt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from app.cash_application.hands import rare_collections
from app.core.clock import utc_now
from app.core.ids import OrganizationId
from app.dunning.comparing.service import JOB as COMPARE_JOB
from app.dunning.comparing.service import compare_next
from app.dunning.errors import ComparisonNotFound, RunNotFound
from app.dunning.keeping import clear_old
from app.dunning.policy.preferences import runs_at_night
from app.dunning.resolving import Touched, follow_touched, plan_again
from app.dunning.runs import JOB, WORK_JOB, Planned, StartRun, fail_run, look_ahead, open_run_id, plan_next, start_run
from app.dunning.work import carry_out
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.jobs import ATTEMPTS_LIMIT, GiveUp, JobContext
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today, organization_facts

NIGHT = "dunning.night"
STEPS_MAX = 10_000
_MONEY = (
    "application.created", "application.reversed", "payment.recorded", "payment.reversed", "payment.refunded",
    "payment.marked_not_receivable", "payment.identified", "payment.moved", "payment.unidentified",
    "adjustment.posted", "invoice.voided", "invoice.corrected", "invoice.due_date_changed", "credit_memo.issued",
    "credit_memo.voided", "credit_memo.refunded",
)  # fmt: skip
_HOLDS = (
    "dispute.opened", "dispute.reopened", "dispute.reduced", "promise.made", "promise.rescheduled",
    "payment_plan.activated", "payment_plan.reopened", "legal_case.prepared", "dunning_block.placed",
    "account.merged", "account.merge_undone",
)  # fmt: skip
_PULLED = ("dunning_notice.cancelled", "dunning_notice.suppressed")
EVENTS = frozenset((*_MONEY, *_HOLDS, *_PULLED))
_AGAIN = ("changed", "settled", "merged")
"""Reasons for which a notice was pulled although something in it may be due still."""


def _id(key: str) -> UUID:
    try:
        return UUID(key)
    except ValueError:
        raise GiveUp("the key is no id") from None


async def handle_run(job: JobContext) -> None:
    """Plan a run to its end, a bounded number of accounts in each transaction; the key is the run's id."""
    await _finish(job, _id(job.key))


async def _finish(job: JobContext, run_id: UUID) -> None:
    try:
        await run_to_end(job.database, job.organization_id, run_id)
    except RunNotFound:
        raise GiveUp("the run is gone") from None
    except Exception as error:
        if job.attempt >= ATTEMPTS_LIMIT:  # so that it does not keep later runs from starting
            async with job.database.write(job.organization_id, SYSTEM) as session:
                await fail_run(session, run_id, type(error).__name__)
        raise


async def run_to_end(database: Database, organization_id: OrganizationId, run_id: UUID) -> None:
    """Plan what is left of a run. While some accounts are written, what is due to the next ones is found out."""
    with rare_collections():
        ahead = await _look_ahead(database, organization_id, run_id, None)
        for _ in range(STEPS_MAX):
            reading = asyncio.create_task(_look_ahead(database, organization_id, run_id, ahead)) if ahead.more else None
            try:
                async with database.write(organization_id, SYSTEM) as session:
                    today = await local_today(session, utc_now())
                    more = await plan_next(session, run_id, today=today, ahead=ahead)
                if not more:
                    return
                ahead = await (reading or _look_ahead(database, organization_id, run_id, None))
            finally:
                if reading is not None and not reading.done():
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)


async def _look_ahead(
    database: Database, organization_id: OrganizationId, run_id: UUID, before: Planned | None
) -> Planned:
    async with database.read(organization_id) as read:
        return await look_ahead(read, run_id, today=await local_today(read, utc_now()), before=before)


async def handle_comparison(job: JobContext) -> None:
    """Compare two versions of policies to the end; the key is the comparison's id."""
    comparison_id = _id(job.key)
    try:
        for _ in range(STEPS_MAX):
            async with job.database.write(job.organization_id, SYSTEM) as session:
                if not await compare_next(session, comparison_id):
                    return
    except ComparisonNotFound:
        raise GiveUp("the comparison is gone") from None


async def handle_work(job: JobContext) -> None:
    """Carry out the work of a notice; the key is its id."""
    now = utc_now()
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await carry_out(session, _id(job.key), now=now, today=await local_today(session, now))


async def handle_night(job: JobContext) -> None:
    """The run of the night, on business days of the organization; then what is past its time is cleared."""
    day = business_date_of(job)
    async with job.database.read(job.organization_id) as read:
        wanted = await runs_at_night(read)
        calendar = (await organization_facts(read)).calendar
        open_id = await open_run_id(read)
    if wanted and calendar.is_business_day(day):
        if open_id is not None:
            await _finish(job, open_id)
        async with job.database.write(job.organization_id, SYSTEM) as session:
            run_id, _ = await start_run(session, StartRun("nightly", day), today=day)
        await _finish(job, run_id)
    for _ in range(STEPS_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            if not await clear_old(session, day):
                return


async def react(session: WriteSession, events: Sequence[Event]) -> None:
    """Bring notices in line with what these events changed; plan anew what was pulled and is due still."""
    now = utc_now()
    today = await local_today(session, now)
    touched = touched_by(events)
    await follow_touched(session, touched, now=now, today=today)
    pulled = [e.entity_id for e in events if e.type in _PULLED and e.after.get("reason") in _AGAIN]
    if pulled:
        await plan_again(session, pulled, today=today)


def touched_by(events: Sequence[Event]) -> Touched:
    """The rows that these events name."""
    by_type: dict[str, set[UUID]] = {}
    for event in events:
        by_type.setdefault(event.entity_type, set()).add(event.entity_id)
        if (payment_id := event.after.get("payment_id")) is not None:
            by_type.setdefault("payment", set()).add(UUID(str(payment_id)))
        if (survivor_id := event.after.get("survivor_id")) is not None:
            by_type.setdefault("account", set()).add(UUID(str(survivor_id)))
    return Touched(
        payments=by_type.get("payment", ()),
        applications=by_type.get("application", ()),
        adjustments=by_type.get("adjustment", ()),
        invoices=by_type.get("invoice", ()),
        credit_memos=by_type.get("credit_memo", ()),
        disputes=by_type.get("dispute", ()),
        promises=by_type.get("promise", ()),
        payment_plans=by_type.get("payment_plan", ()),
        legal_cases=by_type.get("legal_case", ()),
        blocks=by_type.get("dunning_block", ()),
        accounts=by_type.get("account", ()),
    )


SUBSCRIBER = Subscriber("dunning", EVENTS, react)
HANDLERS = {JOB: handle_run, WORK_JOB: handle_work, COMPARE_JOB: handle_comparison}
