"""What an import does beside its rows, for sources that keep books: watermarks, applications undone, balances."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from app.infra.database import Actor, Database, ReadSession
from app.integrations import queries
from app.integrations.import_mapping import ImportMapping, ImportOptions
from app.integrations.load_applications import ApplicationLoader, Settlement
from app.integrations.loader import Reading
from app.integrations.row_source import RowShape, RowSource
from app.integrations.source_books.following import Following
from app.integrations.source_books.queries import advance_watermark, find_watermark
from app.integrations.source_books.reconciling import keep_unstated
from app.integrations.source_books.watermarks import Watermark
from app.organizations.queries import find_legal_entity_by_code, find_only_legal_entity, organization_facts

BASE = "base"
_ROWS_AT_ONCE = 2_500


async def with_base_currency(session: ReadSession, options: ImportOptions) -> ImportOptions:
    """The options with the currency `base` as that of the legal entity, else of the organization."""
    if options.currency != BASE:
        return options
    if options.legal_entity:
        entity = await find_legal_entity_by_code(session, options.legal_entity)
    else:
        entity = await find_only_legal_entity(session)
    if entity is not None:
        return replace(options, currency=entity.base_currency)
    return replace(options, currency=(await organization_facts(session)).base_currency)


async def watermark_of(session: ReadSession, row: Any, mapping: ImportMapping, reading: Reading) -> Watermark:
    """How far the table of this import was read before; unknown where nobody asks for it."""
    if mapping.changed_at is None or row["source_table"] is None or reading.options.watermark == "ignore":
        return Watermark()
    return Watermark(await find_watermark(session, reading.source, row["source_table"], row["kind"]))


async def follow_applications(
    database: Database, organization_id: UUID, actor: Actor, row: Any, reading: Reading, source: RowSource,
    shape: RowShape,
) -> None:  # fmt: skip
    """Read what the whole file says of each pair, and undo what it says no more. `source` is read to its end."""
    following = Following(
        database, organization_id, actor, row["id"], row["source_table"] or "", row["today"],
        reading.options.on_missing_application,
    )  # fmt: skip
    await following.start()
    settlements = _settlements(source, shape, ApplicationLoader(reading))
    while part := await asyncio.to_thread(_take, settlements):
        for settlement in part:
            await following.add(settlement.pair, settlement.settles_minor)
    undone = await following.end()
    if undone:
        async with database.write(organization_id, actor) as session:
            await queries.add_effects(session, row["id"], {"applications_undone": undone})


def _settlements(source: RowSource, shape: RowShape, loader: ApplicationLoader) -> Iterator[Settlement]:
    for found in source:
        if found.fault is None and shape.counts(found.cells):
            parsed = loader.parse(found.line, shape.texts(found.cells), suspicious=found.suspicious)
            if isinstance(parsed.draft, Settlement):
                yield parsed.draft


def _take(settlements: Iterator[Settlement]) -> list[Settlement]:
    return [settlement for settlement, _ in zip(settlements, range(_ROWS_AT_ONCE), strict=False)]


async def after_rows(
    database: Database, organization_id: UUID, actor: Actor, row: Any, reading: Reading, watermark: Watermark
) -> None:
    """Once all rows are dealt with: move the watermark, and complete the lines of a reconciliation."""
    if row["dry_run"]:
        return
    async with database.write(organization_id, actor) as session:
        effects: dict[str, int] = {}
        if row["kind"] == "balances":
            unstated = await keep_unstated(session, row["id"], reading.source)
            effects["accounts_not_stated"] = unstated
        table, reached = row["source_table"], watermark.reached
        if table is not None and reached is not None:
            await advance_watermark(
                session, row["id"], reading.source, table, row["kind"], reached, held=watermark.held
            )
        if watermark.skipped:
            effects["rows_before_watermark"] = watermark.skipped
        if any(effects.values()):
            await queries.add_effects(session, row["id"], effects)
