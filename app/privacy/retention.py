"""Retention: what is older than its period goes at night, in bounded steps; the preview counts the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from app.core.clock import zone
from app.exports.models import ExportRecord
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.infra.files import FileStore
from app.infra.versions import RECORDED_NOW, check_version
from app.integrations.file_retention import forget_files
from app.organizations.queries import organization_facts
from app.privacy import sql
from app.privacy.erasure import erase_contacts, erase_threads, forget_reports, free_documents
from app.privacy.logged import forget_logged
from app.privacy.models import RetentionSettings
from app.privacy.queries import find_settings
from app.privacy.rules import KINDS, horizons
from app.settings import Settings

ROWS_AT_ONCE = {"contacts": 500, "correspondence": 200, "documents": 200, "exports": 5_000, "reports": 500}
STEPS_MAX = 2_000
"""Steps of one kind in one night; what is left goes in the next."""
# $2: the instant before which; each yields the ids of what is over. Open business keeps its data.
_OVER: Mapping[str, str] = {
    "contacts": """
SELECT a.id FROM accounts a
WHERE a.organization_id = $1 AND a.status IN ('inactive', 'merged') AND a.updated_at < $2
  AND EXISTS (SELECT FROM contacts c WHERE c.organization_id = $1 AND c.account_id = a.id
              AND (c.active OR c.name IS NOT NULL OR c.email IS NOT NULL OR c.phone IS NOT NULL))
  AND NOT EXISTS (SELECT FROM instalments s WHERE s.organization_id = $1 AND s.account_id = a.id AND s.open_minor <> 0)
""",
    "correspondence": f"""
SELECT t.id FROM correspondences t
WHERE t.organization_id = $1 AND t.last_message_at < $2 AND t.subject <> '{sql.ERASED}'
  AND NOT EXISTS (SELECT FROM legal_cases c WHERE c.organization_id = $1 AND c.account_id = t.account_id
                  AND c.status IN ('prepared', 'referred', 'in_progress'))
""",
    "documents": f"""
SELECT d.id FROM documents d
WHERE d.organization_id = $1 AND d.recorded_at < $2 AND d.name NOT IN ('{sql.ERASED}', '{sql.ERASING}')
  AND NOT EXISTS (SELECT FROM document_links l WHERE l.organization_id = $1 AND l.document_id = d.id
                  AND l.recorded_at >= $2)
  AND NOT EXISTS (SELECT FROM document_links l JOIN instalments s ON s.organization_id = $1
                  AND s.invoice_id = l.subject_id AND s.open_minor <> 0
                  WHERE l.organization_id = $1 AND l.document_id = d.id AND l.subject_kind = 'invoice')
  AND NOT EXISTS (SELECT FROM document_links l JOIN legal_cases c ON c.organization_id = $1 AND c.id = l.subject_id
                  AND c.status IN ('prepared', 'referred', 'in_progress')
                  WHERE l.organization_id = $1 AND l.document_id = d.id AND l.subject_kind = 'legal_case')
  AND NOT EXISTS (SELECT FROM disputes x JOIN document_links l ON l.organization_id = $1 AND l.subject_id = x.id
                  AND l.subject_kind = 'dispute' AND l.document_id = d.id
                  WHERE x.organization_id = $1 AND x.resolved_on IS NULL)
  AND NOT EXISTS (SELECT FROM correspondence_messages m WHERE m.organization_id = $1 AND m.document_id = d.id
                  AND m.subject <> '{sql.ERASED}')
""",
    "uploads": """
SELECT f.id FROM stored_files f
WHERE f.organization_id = $1 AND f.recorded_at < $2
  AND EXISTS (SELECT FROM imports i WHERE i.organization_id = $1 AND i.file_sha256 = f.sha256)
  AND NOT EXISTS (SELECT FROM imports i WHERE i.organization_id = $1 AND i.file_sha256 = f.sha256
                  AND (i.finished_at IS NULL OR i.finished_at >= $2))
""",
    "exports": f"SELECT id FROM {ExportRecord.__tablename__} WHERE organization_id = $1 AND recorded_at < $2",
    "reports": sql.REPORTS_OVER,
}


@dataclass(frozen=True, slots=True)
class Over:
    """How much of a kind is over: dated before this day. None: the kind is kept for ever."""

    kind: str
    months: int | None
    before: date | None
    count: int


async def change_settings(
    session: WriteSession, changes: Mapping[str, int | None], *, expected_version: int | None
) -> RetentionSettings:
    """Set periods in months; None keeps for ever. Raises StaleVersion. Version 0 stands for what was never set."""
    found = await find_settings(session, lock=True)
    check_version(expected_version, 0 if found is None else found.version)
    if found is None:
        found = RetentionSettings(organization_id=session.organization_id, id=session.organization_id, version=1)
        session.add(found)
    else:
        found.version, found.updated_at = found.version + 1, RECORDED_NOW
    before = {f"{kind}_months": getattr(found, f"{kind}_months", None) for kind in KINDS}
    for name, months in changes.items():
        setattr(found, name, months)
    await session.flush()
    changed = [name for name in changes if before[name] != changes[name]]
    facts = ({name: before[name] for name in changed}, {name: changes[name] for name in changed})
    record_change(session, ChangeRow("retention", session.organization_id, "retention.changed", *facts))
    return found


async def preview(session: ReadSession, today: date) -> list[Over]:
    """What would go tonight, by kind; nothing is changed."""
    settings = await find_settings(session)
    months = {kind: getattr(settings, f"{kind}_months", None) for kind in KINDS}
    days = horizons(today, months)
    found = []
    for kind in KINDS:
        count = 0
        if kind in days:
            instant = await _instant(session, days[kind])
            count = await session.driver.fetchval(
                f"SELECT count(*) FROM ({_OVER[kind]}) x", session.organization_id, instant
            )
        found.append(Over(kind, months[kind], days.get(kind), count))
    return found


async def _instant(session: ReadSession, day: date) -> datetime:
    return datetime.combine(day, time(), zone((await organization_facts(session)).time_zone))


async def apply_retention(database: Database, settings: Settings, organization_id: UUID, today: date) -> dict[str, int]:
    """Let go what is over, kind by kind, each step a transaction of its own; returns how much. Safe to repeat."""
    async with database.read(organization_id) as read:
        found = await find_settings(read)
        months = {kind: getattr(found, f"{kind}_months", None) for kind in KINDS}
        instants = {kind: await _instant(read, day) for kind, day in horizons(today, months).items()}
    gone: dict[str, int] = {}
    for kind, before in instants.items():
        for _ in range(STEPS_MAX):
            async with database.write(organization_id, SYSTEM) as session:
                count = await _step(session, settings, kind, before)
            gone[kind] = gone.get(kind, 0) + count
            if count == 0:
                break
    if any(gone.values()):
        async with database.write(organization_id, SYSTEM) as session:
            record_change(session, ChangeRow("retention", organization_id, "retention.applied", after=gone,
                                             effective_date=today))  # fmt: skip
    return gone


async def _step(session: WriteSession, settings: Settings, kind: str, before: datetime) -> int:
    """One bounded step of a kind; 0 when nothing of it is over any more."""
    if kind == "uploads":
        return await forget_files(session, FileStore(settings.data_dir), ended_before=before)
    statement = f"{_OVER[kind]} LIMIT {ROWS_AT_ONCE[kind]}"
    rows: list[Any] = await session.driver.fetch(statement, session.organization_id, before)
    ids = [row["id"] for row in rows]
    if not ids:
        return 0
    if kind == "contacts":
        await erase_contacts(session, ids)
        contacts = await session.driver.fetch(sql.CONTACT_IDS, session.organization_id, ids)
        await forget_logged(session, {"contact": [row["id"] for row in contacts]})
    elif kind == "correspondence":
        await erase_threads(session, ids)
        await forget_logged(session, {"correspondence": ids})
    elif kind == "reports":
        await forget_reports(session, ids)
    elif kind == "documents":
        await session.driver.execute(
            "DELETE FROM document_links WHERE organization_id = $1 AND document_id = ANY($2::uuid[])",
            session.organization_id, ids,
        )  # fmt: skip
        await free_documents(session, ids)
    else:
        await session.driver.execute(
            "DELETE FROM export_records WHERE organization_id = $1 AND id = ANY($2::uuid[])",
            session.organization_id, ids,
        )  # fmt: skip
    return len(ids)
