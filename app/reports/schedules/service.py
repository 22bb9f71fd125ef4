"""Keep schedules, send one now, and fire those that are due: once for each schedule and period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from app.core.clock import zone
from app.core.ids import new_id
from app.documents.service import guard_subject
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.mail.message import check_address
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import local_today, organization_facts
from app.reports.schedules import queries
from app.reports.schedules.asking import definition_of, request_of
from app.reports.schedules.delivering import SUBJECT
from app.reports.schedules.errors import ParametersInvalid, RhythmInvalid, ScheduleNotFound, ScheduleStateWrong
from app.reports.schedules.models import ReportSchedule
from app.reports.schedules.rules import Rhythm, as_of_day
from app.reports.schedules.runs import request_run

KIND = "reports.schedule"
RECIPIENTS_MAX = 50
_RHYTHM = ("frequency", "send_time", "weekday", "month_day", "business_days")


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """Who gets which report with which parameters in which format when (`send_time` is "HH:MM", local)."""

    name: str
    report: str
    format: str
    frequency: str
    recipients: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    weekday: int | None = None
    month_day: int | None = None
    send_time: str = "07:00"
    business_days: bool = True
    as_of_rule: str = "run_date"
    message: str | None = None


async def _guard(session: ReadSession, actor: Actor, schedule_id: UUID) -> None:
    """What a schedule sent is read by those who may read its report.

    That somebody may read reports at all is checked by the routes of documents; the service itself is not limited.
    """
    schedule = await queries.get_schedule(session, schedule_id)
    if "reports:read" in actor.scopes and not set(definition_of(schedule.report).scopes) <= actor.scopes:
        raise ScheduleNotFound("no such schedule")


guard_subject(SUBJECT, _guard)


async def create_schedule(session: WriteSession, new: NewSchedule, now: datetime) -> ReportSchedule:
    """Add a schedule; its first delivery is the first due instant after now.

    Raises ReportUnknown, ParametersInvalid, RhythmInvalid, RecipientInvalid.
    """
    await _check(session, new.report, new.parameters, now)
    row = ReportSchedule(
        organization_id=session.organization_id,
        id=new_id(),
        name=new.name,
        report=new.report,
        parameters=dict(new.parameters),
        format=new.format,
        frequency=new.frequency,
        weekday=new.weekday,
        month_day=new.month_day,
        send_time=new.send_time,
        business_days=new.business_days,
        as_of_rule=new.as_of_rule,
        recipients=_recipients(new.recipients),
        message=new.message,
        active=True,
        created_by=session.actor.name,
        created_by_id=session.actor.id,
    )
    await _plan(session, row, now)
    session.add(row)
    await session.flush()
    record_change(session, ChangeRow("report_schedule", row.id, "report_schedule.created", None, _facts(row)))
    return row


async def update_schedule(
    session: WriteSession, schedule_id: UUID, changes: Mapping[str, Any], now: datetime, *,
    expected_version: int | None,
) -> ReportSchedule:  # fmt: skip
    """Change a schedule. A day that had its delivery has no second one, whatever is changed.

    Raises ScheduleNotFound, StaleVersion, ParametersInvalid, RhythmInvalid, RecipientInvalid.
    """
    row = await queries.get_schedule(session, schedule_id, lock=True)
    check_version(expected_version, row.version)
    before = _facts(row)
    values = dict(changes)
    if "recipients" in values:
        values["recipients"] = _recipients(values["recipients"])
    if values.get("frequency", row.frequency) != row.frequency:
        # What belongs to the old rhythm goes with it.
        values = {"weekday": None, "month_day": None, **values}
    for name, value in values.items():
        setattr(row, name, value)
    await _check(session, row.report, row.parameters, now)
    if row.active and any(name in values for name in _RHYTHM):
        await _plan(session, row, now)
    await _save(session, row, "report_schedule.updated", before)
    return row


async def pause_schedule(session: WriteSession, schedule_id: UUID, *, expected_version: int | None) -> ReportSchedule:
    """Send nothing until it is resumed. Raises ScheduleNotFound, StaleVersion, ScheduleStateWrong."""
    row = await _in_state(session, schedule_id, expected_version, active=True)
    before = _facts(row)
    row.active, row.next_on, row.next_at = False, None, None
    await _save(session, row, "report_schedule.paused", before)
    return row


async def resume_schedule(
    session: WriteSession, schedule_id: UUID, now: datetime, *, expected_version: int | None
) -> ReportSchedule:
    """Send again from the next due instant on; what was missed is not made up for.

    Raises ScheduleNotFound, StaleVersion, ScheduleStateWrong.
    """
    row = await _in_state(session, schedule_id, expected_version, active=False)
    before = _facts(row)
    row.active = True
    await _plan(session, row, now)
    await _save(session, row, "report_schedule.resumed", before)
    return row


async def send_now(session: WriteSession, schedule_id: UUID, now: datetime) -> UUID:
    """Have it made and sent now, besides its periods; answers the delivery's id. Raises ScheduleNotFound."""
    row = await queries.get_schedule(session, schedule_id, lock=True)
    delivery_id = await _deliver(session, row, await local_today(session, now), "manual")
    assert delivery_id is not None
    return delivery_id


async def fire(session: WriteSession, schedule_id: UUID, now: datetime) -> bool:
    """Deliver the latest period that is due and plan the next; True when a delivery was made.

    Nothing happens when the schedule is paused or its instant lies ahead (it was changed since): safe to repeat.
    """
    row = await queries.get_schedule(session, schedule_id, lock=True)
    if not row.active or row.next_on is None or row.next_at is None or row.next_at > now:
        return False
    facts = await organization_facts(session)
    period = rhythm_of(row).latest_due(row.next_on, now, zone(facts.time_zone), facts.calendar)
    made = await _deliver(session, row, period, "schedule")
    await _plan(session, row, now)
    row.version, row.updated_at = row.version + 1, RECORDED_NOW
    await session.flush()
    return made is not None


def rhythm_of(row: ReportSchedule) -> Rhythm:
    """When the schedule falls. Raises RhythmInvalid."""
    if (row.frequency == "weekly") != (row.weekday is not None):
        raise RhythmInvalid("weekly, and only weekly, has a weekday (1 Monday to 7 Sunday)", pointer="/weekday")
    if (row.frequency == "monthly") != (row.month_day is not None):
        raise RhythmInvalid("monthly, and only monthly, has a day of the month", pointer="/month_day")
    return Rhythm(row.frequency, time.fromisoformat(row.send_time), row.weekday, row.month_day, row.business_days)


async def _plan(session: WriteSession, row: ReportSchedule, now: datetime) -> None:
    facts = await organization_facts(session)
    local = zone(facts.time_zone)
    rhythm = rhythm_of(row)
    row.next_on = rhythm.first_after(now, local, facts.calendar)
    row.next_at = rhythm.instant(row.next_on, local)
    owe(session, KIND, str(row.id), run_at=row.next_at)


async def _deliver(session: WriteSession, row: ReportSchedule, period: date, trigger: str) -> UUID | None:
    parameters = {"as_of": as_of_day(row.as_of_rule, period).isoformat(), **row.parameters}
    if trigger == "schedule" and await _delivered(session, row.id, period):
        return None
    run_id = await request_run(session, row.report, parameters, row.format, period, schedule_id=row.id)
    delivery_id = await queries.insert_delivery(session, row, run_id, period, trigger)
    if delivery_id is not None:
        facts = {"schedule_id": row.id, "run_id": run_id, "period_on": period, "trigger": trigger}
        record_change(session, ChangeRow("report_delivery", delivery_id, "report_delivery.planned", None, facts))
    return delivery_id


async def _delivered(session: WriteSession, schedule_id: UUID, period: date) -> bool:
    """Whether the period has its delivery; the schedule is locked, so that nobody adds one meanwhile."""
    found = await session.driver.fetchval(
        "SELECT id FROM report_deliveries WHERE organization_id = $1 AND schedule_id = $2 AND period_on = $3"
        " AND trigger = 'schedule'",
        session.organization_id, schedule_id, period,
    )  # fmt: skip
    return found is not None


async def _check(session: WriteSession, report: str, parameters: Mapping[str, str], now: datetime) -> None:
    if "as_of" in parameters or "known_at" in parameters:
        raise ParametersInvalid("a schedule reports the day that its rule says: see as_of_rule", pointer="/parameters")
    request_of(definition_of(report), parameters, await local_today(session, now))


def _recipients(addresses: Any) -> list[str]:
    found = dict.fromkeys(check_address(one, pointer=f"/recipients/{place}") for place, one in enumerate(addresses))
    return list(found)


async def _in_state(
    session: WriteSession, schedule_id: UUID, expected_version: int | None, *, active: bool
) -> ReportSchedule:
    row = await queries.get_schedule(session, schedule_id, lock=True)
    check_version(expected_version, row.version)
    if row.active != active:
        raise ScheduleStateWrong("the schedule is paused" if active else "the schedule is not paused")
    return row


def _facts(row: ReportSchedule) -> dict[str, object]:
    """Without addresses, which are personal data."""
    names = ("name", "report", "format", *_RHYTHM, "as_of_rule", "active", "next_on")
    return {**{name: getattr(row, name) for name in names}, "recipients": len(row.recipients)}


async def _save(session: WriteSession, row: ReportSchedule, event: str, before: Mapping[str, object]) -> None:
    after = _facts(row)
    changed = [name for name in after if after[name] != before[name]]
    row.version, row.updated_at = row.version + 1, RECORDED_NOW
    await session.flush()
    record_change(
        session,
        ChangeRow("report_schedule", row.id, event, {name: before[name] for name in changed},
                  {name: after[name] for name in changed}),
    )  # fmt: skip
