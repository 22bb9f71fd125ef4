"""Imports as resources: started by an upload, run by a worker, cancelled on request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import ImportId, new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.files import ReceivedFile, register_file
from app.infra.jobs import owe
from app.integrations import queries
from app.integrations.bank_csv.profile import read_profile
from app.integrations.bank_profiles.queries import profile_named
from app.integrations.errors import ImportFinished
from app.integrations.import_fields import BANK_STATEMENT, ROW_KINDS
from app.integrations.import_mapping import read_mapping, read_options, table_of
from app.integrations.models import Import
from app.integrations.presets import overruled

JOB_KIND = "import"
MATCHED = ("invoices", "payments", "applications", "bank_statement")
"""Kinds that bring what a matching run looks at."""
OPEN_STATES = ("queued", "running")


@dataclass(frozen=True, slots=True)
class NewImport:
    """A received file and what to do with it. `mapping` and `options` as they came, checked by `check`.

    `profile`: the name of an own bank profile, of which the mapping overrules parts.
    """

    kind: str
    file: ReceivedFile
    file_name: str
    media_type: str
    media_format: str
    mapping: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    profile: str | None = None


def merged_options(mapping: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the mapping file, overruled by those of the request."""
    own = mapping.get("options")
    return {**(own if isinstance(own, Mapping) else {}), **options}


def check(kind: str, mapping: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises MappingInvalid, ProfileInvalid, OptionsInvalid: before a byte of the file is read."""
    if kind in ROW_KINDS:
        read_mapping(kind, mapping)
    elif mapping:
        read_profile(mapping)
    read_options(merged_options(mapping, options))


async def start_import(session: WriteSession, new: NewImport, *, today: date) -> ImportId:
    """Write down what is to be imported, and owe the work.

    Raises MappingInvalid, OptionsInvalid, ProfileInvalid, BankProfileNotFound.
    """
    if new.profile is not None and new.kind == BANK_STATEMENT:
        known = await profile_named(session, new.profile)
        new = replace(new, mapping=overruled(known.definition, new.mapping), profile=None)
    check(new.kind, new.mapping, new.options)
    await register_file(session, new.file, name=new.file_name, media_type=new.media_type)
    row = Import(
        organization_id=session.organization_id,
        id=new_id(),
        kind=new.kind,
        file_name=new.file_name,
        file_sha256=new.file.sha256,
        file_bytes=new.file.size_bytes,
        media_format=new.media_format,
        mapping=dict(new.mapping),
        options=merged_options(new.mapping, new.options),
        dry_run=new.dry_run,
        source_table=_source_table(new),
        state="queued",
        today=today,
        requested_by=session.actor.name,
        requested_by_kind=session.actor.kind,
        requested_by_id=session.actor.id,
    )
    session.add(row)
    await session.flush()
    facts = {"kind": new.kind, "file_sha256": new.file.sha256, "dry_run": new.dry_run}
    record_change(session, ChangeRow("import", row.id, "import.started", None, facts))
    owe(session, JOB_KIND, str(row.id))
    return ImportId(row.id)


def _source_table(new: NewImport) -> str | None:
    if new.kind not in ROW_KINDS:
        return None
    return table_of(read_mapping(new.kind, new.mapping).tables, new.file_name)


async def cancel_import(session: WriteSession, import_id: UUID) -> None:
    """Stop the import behind the chunk that is being loaded. Raises ImportNotFound, ImportFinished."""
    if not await queries.end_import(session, import_id, "cancelled", None):
        found = await queries.get_import(session, import_id)
        raise ImportFinished(f"the import is {found.state}", state=found.state)
    await ended(session, import_id, "cancelled")


async def ended(session: WriteSession, import_id: UUID, state: str) -> None:
    """What follows the end of an import: its change, and a matching run when it brought payments."""
    row = await queries.get_import(session, import_id)
    counts = {
        name: getattr(row, name)
        for name in ("rows_read", "rows_created", "rows_updated", "rows_unchanged", "rows_refused")
    }
    record_change(session, ChangeRow("import", import_id, f"import.{state}", None, {"kind": row.kind, **counts}))
    if row.rows_created and not row.dry_run and row.kind in MATCHED:
        owe(session, "matching", "run")


def error_document(refusal: DomainError) -> dict[str, Any]:
    """What `Import.error` keeps of a refusal: code, sentence, and where in the file."""
    code = str(refusal.facts.get("reason") or refusal.code)
    document: dict[str, Any] = {"code": code, "detail": refusal.detail}
    document.update(
        {name: refusal.facts[name] for name in ("line", "column", "byte") if refusal.facts.get(name) is not None}
    )
    errors = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in refusal.errors]
    if errors:
        document["errors"] = errors
    cleaned: dict[str, Any] = json.loads(json.dumps(document).replace("\\u0000", "\\ufffd"))
    return cleaned
