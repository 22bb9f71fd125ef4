"""Send the finished report of a schedule: one e-mail for each recipient, in the transaction that finishes the run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.documents.service import KeptContent, Subject, add_document
from app.exports.service import Export, record_export
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.mail.outbox import queue_email
from app.infra.versions import RECORDED_NOW
from app.organizations.queries import organization_facts
from app.reports.schedules import queries
from app.reports.schedules.asking import definition_of
from app.reports.schedules.models import ReportDelivery, ReportRun, ReportSchedule

SUBJECT = "report_schedule"
PURPOSE = "scheduled_report"
ATTACHED_BYTES_MAX = 15_000_000
"""Encoded for e-mail a file grows by a third; many servers refuse more than 25 MB."""


async def send_deliveries(session: WriteSession, run: ReportRun, now: datetime) -> None:
    """Queue the e-mails of every delivery that waits for this run; the outbox sends each at most once."""
    for delivery in await queries.deliveries_of_run(session, run.id):
        schedule = await queries.get_schedule(session, delivery.schedule_id)
        await _send(session, run, schedule, delivery, now)


async def _send(
    session: WriteSession, run: ReportRun, schedule: ReportSchedule, delivery: ReportDelivery, now: datetime
) -> None:
    attachments: tuple[UUID, ...] = ()
    kept = _content(run)
    if kept.size_bytes <= ATTACHED_BYTES_MAX:
        delivery.document_id = await add_document(session, kept, Subject(SUBJECT, schedule.id))
        attachments = (delivery.document_id,)
    title = definition_of(run.report).title
    name = (await organization_facts(session)).name
    as_of = str(run.parameters["as_of"])
    text = _text(schedule, run, title, as_of, attached=bool(attachments))
    delivery.email_ids = [
        await queue_email(
            session,
            recipient=recipient,
            subject=f"{schedule.name}: {title} as of {as_of} – {name}",
            text=text,
            purpose=PURPOSE,
            subject_kind="report_delivery",
            subject_id=delivery.id,
            attachments=attachments,
        )
        for recipient in delivery.recipients
    ]
    _end(session, delivery, "queued", None, now)
    filters = {**{name: str(value) for name, value in run.parameters.items()}, "schedule_id": str(schedule.id),
               "recipients": str(len(delivery.recipients))}  # fmt: skip
    record_export(session, Export(run.report, run.format, filters, run.rows))


def _content(run: ReportRun) -> KeptContent:
    """The file of a completed run."""
    assert run.sha256 is not None
    assert run.size_bytes is not None
    media_type = (run.media_type or "").partition(";")[0]
    return KeptContent(run.sha256, run.size_bytes, media_type, run.file_name or run.report, run.kept_in or "disk")


def _text(schedule: ReportSchedule, run: ReportRun, title: str, as_of: str, *, attached: bool) -> str:
    until = "" if run.kept_until is None else f" until {run.kept_until:%Y-%m-%d}"
    where = (
        f"The report is attached: {run.file_name}."
        if attached
        else f"The file is too large for an e-mail. It can be downloaded{until} at /v1/reports/runs/{run.id}/file."
    )
    asked = [f"{name}: {value}" for name, value in run.parameters.items() if name != "as_of"]
    parts = [schedule.message or "", f"{title} as of {as_of}" + (f" ({', '.join(asked)})" if asked else "") + ".",
             where, f"Sent by the schedule “{schedule.name}”."]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


async def fail_deliveries(session: WriteSession, run_id: UUID, error: str, now: datetime) -> None:
    """What waited for the run is not sent, and says why."""
    for delivery in await queries.deliveries_of_run(session, run_id):
        _end(session, delivery, "failed", error, now)


def _end(session: WriteSession, delivery: ReportDelivery, state: str, error: str | None, now: datetime) -> None:
    delivery.state, delivery.error, delivery.finished_at = state, error, now
    delivery.version, delivery.updated_at = delivery.version + 1, RECORDED_NOW
    facts = {"state": state, "schedule_id": delivery.schedule_id, "run_id": delivery.run_id,
             "period_on": delivery.period_on, "recipients": len(delivery.recipients)}  # fmt: skip
    record_change(
        session, ChangeRow("report_delivery", delivery.id, f"report_delivery.{state}", {"state": "preparing"}, facts)
    )
