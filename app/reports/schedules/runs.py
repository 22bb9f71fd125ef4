"""Reports made in the background: asked for, made by a worker, kept for some days, then gone."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from app.core.clock import zone
from app.core.errors import DomainError, Unavailable
from app.documents.storage import document_store
from app.exports.service import Export, record_export
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, Database, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW
from app.ledger.two_times import resolve_times
from app.organizations.queries import local_today, organization_facts
from app.reports.output.files import MadeFile, make_file
from app.reports.output.workbook import Masthead
from app.reports.schedules import queries
from app.reports.schedules.asking import definition_of, request_of
from app.reports.schedules.delivering import fail_deliveries, send_deliveries
from app.reports.schedules.errors import RunExpired, RunNotCancellable, RunNotFinished
from app.reports.schedules.models import ReportRun
from app.reports.tables import Report
from app.settings import Settings

KIND = "reports.run"
PROGRESS_SECONDS = 1.0
LONG = "SET LOCAL statement_timeout = '15min'; SET LOCAL idle_in_transaction_session_timeout = '15min'"
"""Nobody waits for a run: sorting a million items, or packing their workbook, may take longer than a request."""
BUILT_PERCENT, WRITTEN_PERCENT = 30, 95
HALF_BUILT_SECONDS = 15.0
"""Building takes nobody knows how long: after so many seconds, half of the way to built is shown."""
HALF_WAY_ROWS = 25_000
"""Rows of unknown number: after so many, half of the way from built to written is shown."""
EXPIRED_AT_ONCE = 100


class _Cancelled(Exception):
    """Somebody cancelled the run while it was made."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished file in the store."""

    name: str
    media_type: str
    rows: int
    sha256: str
    size_bytes: int
    kept_in: str


async def request_run(
    session: WriteSession, report: str, parameters: Mapping[str, str], form: str, today: date, *,
    schedule_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """Have a report made in the background; `as_of` is fixed now. Answers the run's id.

    Raises ReportUnknown, ParametersInvalid.
    """
    definition = definition_of(report)
    wanted = request_of(definition, parameters, today)
    given = {**parameters, "as_of": wanted.as_of.isoformat()}
    run_id = await queries.insert_run(session, report, given, form, schedule_id)
    facts = {"report": report, "format": form, "schedule_id": schedule_id}
    record_change(session, ChangeRow("report_run", run_id, "report_run.queued", None, facts))
    owe(session, KIND, str(run_id))
    return run_id


async def cancel_run(session: WriteSession, run_id: UUID, now: datetime) -> ReportRun:
    """Stop a run that is not over. Raises RunNotFound, RunNotCancellable."""
    run = await queries.get_run(session, run_id, lock=True)
    if run.state not in ("queued", "running"):
        raise RunNotCancellable(f"the run is {run.state}", state=run.state)
    _end(session, run, "cancelled", now)
    await fail_deliveries(session, run_id, "the run was cancelled", now)
    return run


async def make_run(
    database: Database, settings: Settings, organization_id: UUID, run_id: UUID, actor: Actor, now: datetime,
    *, last_try: bool = False,
) -> None:  # fmt: skip
    """Make a queued run; safe to repeat. What its report refuses ends it as failed, with the reason.

    Any other fault is raised, so that it is tried again; on the `last_try` it fails.
    """
    async with database.write(organization_id, actor) as session:
        run = await queries.get_run(session, run_id, lock=True)
        if run.state not in ("queued", "running"):
            return
        run.state, run.started_at, run.progress = "running", run.started_at or now, max(run.progress, 1)
        run.version, run.updated_at = run.version + 1, RECORDED_NOW
        report, parameters, form = run.report, dict(run.parameters), run.format
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="duecourse-run-"))
    try:
        made = await _make(_Making(database, organization_id, run_id, actor), report, parameters, form, folder, now)
        kept = await _store(settings, organization_id, made)
    except _Cancelled:
        return
    except Unavailable:
        raise
    except DomainError as refusal:
        await _fail(database, organization_id, run_id, actor, refusal.code, refusal.detail, now)
        return
    except Exception as error:
        if not last_try:
            raise
        await _fail(database, organization_id, run_id, actor, "error", type(error).__name__, now)
        raise
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)
    await _finish(database, settings, organization_id, run_id, actor, kept, now)


@dataclass(slots=True)
class _Making:
    """Writes how far a run is, at most once a second, and notices when it was cancelled."""

    database: Database
    organization_id: UUID
    run_id: UUID
    actor: Actor
    _written_at: float = 0.0
    _percent: int = 1

    def start(self) -> None:
        """Count from now."""
        self._written_at = time.monotonic()

    async def while_built(self, building: Awaitable[Report]) -> Report:
        """The report, once it is built. Until then progress grows by the clock, and a cancelled run stops its query.

        Raises _Cancelled, and what the building raises.
        """
        work = asyncio.ensure_future(building)
        started = time.monotonic()
        try:
            while not (await asyncio.wait({work}, timeout=2 * PROGRESS_SECONDS))[0]:
                waited = time.monotonic() - started
                share = waited / (waited + HALF_BUILT_SECONDS)
                await self._write(max(self._percent, int(BUILT_PERCENT * share)))
            return work.result()
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})

    async def rows(self, rows: int) -> None:
        """So many rows are written."""
        share = rows / (rows + HALF_WAY_ROWS)
        await self.reach(BUILT_PERCENT + int((WRITTEN_PERCENT - BUILT_PERCENT) * share))

    async def reach(self, percent: int) -> None:
        """So far it is. Raises _Cancelled."""
        if percent <= self._percent or time.monotonic() - self._written_at < PROGRESS_SECONDS:
            return
        await self._write(percent)

    async def _write(self, percent: int) -> None:
        self._percent, self._written_at = percent, time.monotonic()
        async with self.database.write(self.organization_id, self.actor) as session:
            if not await queries.raise_progress(session, self.run_id, percent):
                raise _Cancelled


async def _make(
    making: _Making, report: str, parameters: Mapping[str, str], form: str, folder: Path, now: datetime
) -> MadeFile:
    definition = definition_of(report)
    making.start()
    async with making.database.read(making.organization_id) as session:
        today = await local_today(session, now)
        wanted = request_of(definition, parameters, today)
        times = await resolve_times(session, wanted.as_of, wanted.known_at, today)
        facts = await organization_facts(session)
    wanted = replace(wanted, as_of=times.as_of, known_at=times.known_at)
    masthead = Masthead(facts.name, now.astimezone(zone(facts.time_zone)))
    async with making.database.read(making.organization_id, snapshot=True) as session:
        await session.driver.execute(LONG)
        built = await making.while_built(definition.build(session, wanted))
        await making.reach(BUILT_PERCENT)
        return await make_file(built, form, folder, masthead, making.rows)


async def _store(settings: Settings, organization_id: UUID, made: MadeFile) -> Kept:
    content = await asyncio.to_thread(made.path.read_bytes)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    store = document_store(settings)
    await store.put(organization_id, sha256, content, made.media_type)
    return Kept(made.name, made.media_type, made.rows, sha256, len(content), store.kept_in)


async def _finish(
    database: Database, settings: Settings, organization_id: UUID, run_id: UUID, actor: Actor, kept: Kept,
    now: datetime,
) -> None:  # fmt: skip
    async with database.write(organization_id, actor) as session:
        run = await queries.get_run(session, run_id, lock=True)
        if run.state != "running":
            return
        run.rows, run.file_name, run.media_type = kept.rows, kept.name, kept.media_type
        run.sha256, run.size_bytes, run.kept_in = kept.sha256, kept.size_bytes, kept.kept_in
        run.kept_until, run.progress = now + timedelta(days=settings.report_files_kept_days), 100
        _end(session, run, "completed", now)
        await session.flush()
        await send_deliveries(session, run, now)


async def _fail(
    database: Database, organization_id: UUID, run_id: UUID, actor: Actor, code: str, detail: str, now: datetime
) -> None:
    async with database.write(organization_id, actor) as session:
        run = await queries.get_run(session, run_id, lock=True)
        if run.state != "running":
            return
        run.error_code, run.error = code, detail[:500]
        _end(session, run, "failed", now)
        await fail_deliveries(session, run_id, detail[:500], now)


def _end(session: WriteSession, run: ReportRun, state: str, now: datetime) -> None:
    before = run.state
    run.state, run.finished_at, run.version, run.updated_at = state, now, run.version + 1, RECORDED_NOW
    facts: dict[str, Any] = {"state": state, "report": run.report, "format": run.format}
    record_change(session, ChangeRow("report_run", run.id, f"report_run.{state}", {"state": before}, facts))


def check_downloadable(run: ReportRun) -> None:
    """Raise RunExpired or RunNotFinished when there is no file."""
    if run.state == "expired":
        raise RunExpired("the file was kept for its days and is gone; run the report again")
    if run.state != "completed":
        raise RunNotFinished(f"the run is {run.state}", state=run.state)


def log_download(session: WriteSession, run: ReportRun) -> None:
    """Write down that the file leaves, in the transaction that is open."""
    record_export(session, Export(run.report, run.format, dict(run.parameters), run.rows))


async def expire_runs(session: WriteSession, settings: Settings, now: datetime) -> int:
    """Give up the files whose days are over, EXPIRED_AT_ONCE at most; how many there were.

    Bytes that a document, another run or an upload has too stay. The row stays and says `expired`.
    """
    found = await queries.expired_runs(session, now, EXPIRED_AT_ONCE)
    for row in found:
        if row["alone"]:
            store = document_store(settings, row["kept_in"])
            await store.remove(session.organization_id, row["sha256"], now - timedelta(hours=1))
        run = await queries.get_run(session, row["id"])
        run.state, run.version, run.updated_at = "expired", run.version + 1, RECORDED_NOW
    await session.flush()
    return len(found)
