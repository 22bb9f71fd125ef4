"""Statements of account by schedule: the night owes one job for each account, each job sends one statement."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.core.clock import utc_now
from app.core.errors import DomainError, Unavailable
from app.infra.database import SYSTEM
from app.infra.jobs import GiveUp, JobContext
from app.infra.nightly import business_date_of
from app.statements.schedules import NIGHT, SEND_JOB, plan_night, still_due
from app.statements.sending import SendStatement, send_scheduled

KIND, SEND = NIGHT, SEND_JOB


async def night(job: JobContext) -> None:
    """Owe the statements that are due on the night's date, in steps."""
    business_date, after = business_date_of(job), None
    while True:
        async with job.database.write(job.organization_id, SYSTEM) as session:
            after = await plan_night(session, business_date, after)
        if after is None:
            return


async def send(job: JobContext) -> None:
    """Send the statement of the account and period in the key, at most once; nothing when its schedule is gone."""
    account, _, period = job.key.partition(":")
    account_id, schedule_id = UUID(account), UUID(job.payload["schedule_id"])
    try:
        async with job.database.read(job.organization_id) as session:
            schedule = await still_due(session, account_id, schedule_id)
        if schedule is None:
            return
        command = SendStatement(
            account_id,
            date.fromisoformat(job.payload["as_of"]),
            period=period,
            schedule_id=schedule.id,
            skip_zero=schedule.skip_zero,
            only_overdue=schedule.only_overdue,
        )
        await send_scheduled(job.database, job.settings, job.organization_id, command, utc_now())
    except Unavailable:
        raise
    except DomainError as refusal:
        raise GiveUp(f"{refusal.code}: {refusal.detail}") from refusal
