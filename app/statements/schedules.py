"""Schedules of statements: rows for the organization, a segment or an account, of which the narrowest counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import get_account
from app.core.clock import business_date
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import organization_facts
from app.statements import schedule_queries as queries
from app.statements.models import StatementSchedule
from app.statements.rules import Rhythm, ScheduleInvalid, Scope, due_period, next_due

SEND_JOB, NIGHT = "statements.send", "statements"
ACCOUNTS_PER_STEP = 1_000
FIELDS = ("frequency", "weekday", "month_day", "skip_zero", "only_overdue")


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule to add; `segment` or `account_id` says of whom, by the scope."""

    scope: Scope
    rhythm: Rhythm
    segment: str | None = None
    account_id: UUID | None = None
    skip_zero: bool = True
    only_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Effective:
    """The schedule that counts for an account (None: no statements), and the next day on which one goes out."""

    schedule: StatementSchedule | None
    next_on: date | None


def rhythm_of(row: StatementSchedule) -> Rhythm:
    """The rhythm of a row."""
    frequency: Any = row.frequency
    return Rhythm(frequency, row.weekday, row.month_day)


async def add_schedule(session: WriteSession, new: NewSchedule) -> StatementSchedule:
    """Add a schedule. Raises ScheduleInvalid, AccountNotFound; StatementScheduleExists comes from the unique keys."""
    if (new.scope == "segment") != (new.segment is not None):
        raise ScheduleInvalid("a segment goes with the scope segment, and only with it", pointer="/segment")
    if (new.scope == "account") != (new.account_id is not None):
        raise ScheduleInvalid("an account goes with the scope account, and only with it", pointer="/account_id")
    if new.account_id is not None:
        await get_account(session, new.account_id)
    row = StatementSchedule(
        organization_id=session.organization_id,
        id=new_id(),
        version=1,
        scope=new.scope,
        segment=new.segment,
        account_id=new.account_id,
        frequency=new.rhythm.frequency,
        weekday=new.rhythm.weekday,
        month_day=new.rhythm.month_day,
        skip_zero=new.skip_zero,
        only_overdue=new.only_overdue,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    _record(session, row, "created", None)
    return row


async def change_schedule(
    session: WriteSession, schedule_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> StatementSchedule:
    """Change rhythm or options; a frequency takes the days of the former one away.

    Raises StatementScheduleNotFound, StaleVersion, ScheduleInvalid.
    """
    row = await queries.get_schedule(session, schedule_id, lock=True)
    check_version(expected_version, row.version)
    before = _facts(row)
    if "frequency" in changes:
        row.weekday = row.month_day = None
    for name in FIELDS:
        if name in changes:
            setattr(row, name, changes[name])
    rhythm_of(row)
    row.version, row.updated_at = row.version + 1, RECORDED_NOW
    await session.flush()
    await session.refresh(row)
    _record(session, row, "updated", before)
    return row


async def remove_schedule(session: WriteSession, schedule_id: UUID, *, expected_version: int | None) -> None:
    """The wider schedule counts again. Raises StatementScheduleNotFound, StaleVersion."""
    row = await queries.get_schedule(session, schedule_id, lock=True)
    check_version(expected_version, row.version)
    before = _facts(row)
    await session.delete(row)
    await session.flush()
    record_change(session, ChangeRow("statement_schedule", schedule_id, "statement_schedule.deleted", before, None))


async def effective_schedule(session: ReadSession, account_id: UUID, today: date) -> Effective:
    """What counts for the account: its own, else its segment's, else the organization's. Raises AccountNotFound."""
    account = await get_account(session, account_id)
    row = await queries.find_effective(session, account_id, account["segment"])
    active = row is not None and account["status"] == "active"
    return Effective(row, next_due(rhythm_of(row), today) if row is not None and active else None)


async def still_due(session: ReadSession, account_id: UUID, schedule_id: UUID) -> StatementSchedule | None:
    """The schedule, if it is still the one that counts for the account and is not off."""
    account = await get_account(session, account_id)
    row = await queries.find_effective(session, account_id, account["segment"])
    if row is None or row.id != schedule_id or row.frequency == "off" or account["status"] != "active":
        return None
    return row


async def plan_night(session: WriteSession, night: date, after: UUID | None) -> UUID | None:
    """Owe the statements that are due that night, for one step of accounts; the last account of it, None at the end.

    Repeating it owes nothing that was sent: an account with a statement of the period is left out.
    """
    facts = await organization_facts(session)
    due: dict[UUID, str] = {}
    for row in await queries.all_schedules(session):
        period = due_period(rhythm_of(row), night, business_date(row.updated_at, facts.time_zone))
        if period is not None:
            due[row.id] = period
    if not due:
        return None
    found = await queries.accounts_due(session, list(due), list(due.values()), after, ACCOUNTS_PER_STEP)
    for account in found:
        payload = {"schedule_id": str(account["schedule_id"]), "as_of": night.isoformat()}
        owe(session, SEND_JOB, f"{account['id']}:{account['period']}", payload)
    return found[-1]["id"] if len(found) == ACCOUNTS_PER_STEP else None


def _facts(row: StatementSchedule) -> dict[str, Any]:
    names = ("scope", "segment", "account_id", *FIELDS)
    return {name: getattr(row, name) for name in names}


def _record(session: WriteSession, row: StatementSchedule, event: str, before: dict[str, Any] | None) -> None:
    record_change(session, ChangeRow("statement_schedule", row.id, f"statement_schedule.{event}", before, _facts(row)))
