"""Load the rows of a file in chunks: each chunk is one transaction together with its progress.

While the database works on a chunk, a thread reads the next one. A worker that dies is followed by another one that
skips the rows that were dealt with. A chunk that the database refuses as a whole is halved until the row is found.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.errors import DomainError, Unavailable
from app.infra.change_log import SEAL
from app.infra.constraints import is_transient, refusal_of
from app.infra.database import Actor, Database, WriteSession
from app.integrations import queries
from app.integrations.control_totals import READ, REFUSED, ROUNDED, ControlTotals, outcome_of
from app.integrations.errors import ImportFileRefused
from app.integrations.loader import Loader, ParsedRow
from app.integrations.row_source import Row, RowShape, RowSource
from app.integrations.row_values import Fault
from app.integrations.seen_keys import SeenKeys
from app.integrations.source_books.watermarks import Watermark

CHUNK_ROWS = 2_500
ERRORS_KEPT_MAX = 10_000
ATTEMPTS_PER_CHUNK = 4
_FIELDS = {
    "account_id": "account_number", "legal_entity_id": "legal_entity", "payment_terms_id": "payment_terms",
    "payment_terms_code": "payment_terms", "collector_email": "collector", "external_ref/id": "external_id",
    "external_ref": "external_id", "external_ref/source": "source", "contact/email": "contact_email",
    "contact/name": "contact_name", "contact/phone": "contact_phone", "contact/role": "contact_role",
    "value_date": "payment_date", "bank_account_id": "bank_account", "credit_date": "invoice_date",
}  # fmt: skip


class ImportStopped(Exception):
    """The import was cancelled, or another worker goes on with it."""


class _DryRun(Exception):
    """Ends the transaction of a chunk that was only tried."""


class _StepAside(Exception):
    """The chunk before this one starts again: give back all locks and follow it."""


class Turn:
    """How a chunk stands, for the one behind it."""

    def __init__(self) -> None:
        self._tried = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_committed = False

    def give_up(self) -> None:
        """The first try has failed."""
        self._tried.set()

    def committed(self) -> None:
        """The chunk is in the database."""
        self._is_committed = True

    def end(self) -> None:
        """Committed, or failed for good."""
        self._tried.set()
        self._ended.set()

    async def wait_for_first_try(self) -> bool:
        """True when the chunk was committed at once."""
        await self._tried.wait()
        return self._is_committed

    async def wait_until_committed(self) -> bool:
        """False when it failed for good."""
        await self._ended.wait()
        return self._is_committed


@dataclass(slots=True)
class Chunk:
    """Some rows in order, where the file stands behind them, and why it cannot be read further."""

    rows: list[ParsedRow] = field(default_factory=list)
    byte_position: int = 0
    refusal: ImportFileRefused | None = None


@dataclass(slots=True)
class Progress:
    """How far the import is, as the database has it."""

    position: int
    totals: ControlTotals
    errors_kept: int


@dataclass(slots=True)
class RowImport:
    """One file of rows on its way in."""

    database: Database
    organization_id: UUID
    actor: Actor
    import_id: UUID
    loader: Loader
    source: RowSource
    shape: RowShape
    progress: Progress
    dry_run: bool = False
    chunks_at_once: int = 1
    watermark: Watermark = field(default_factory=Watermark)
    _seen: SeenKeys = field(default_factory=SeenKeys)
    _healed_later: dict[int, ParsedRow] = field(default_factory=dict)  # by line: refused until the end of the file
    _refused_before: set[int] = field(default_factory=set)  # such rows of an earlier worker

    async def run(self) -> None:
        """Load everything that is left. Raises ImportFileRefused after the rows before it, ImportStopped."""
        if self.progress.totals.rows(REFUSED):
            self.watermark.refused(None)  # by an earlier worker, and nobody knows which rows
        if self.progress.position and self.loader.healed_later:
            async with self.database.read(self.organization_id) as session:
                codes = self.loader.healed_later
                self._refused_before = await queries.rows_refused_with(session, self.import_id, codes)
        chunks = self._chunks(iter(self.source))
        ahead = asyncio.create_task(asyncio.to_thread(next, chunks, None))
        at_once = self.chunks_at_once if self.loader.overlaps else 1
        loading: deque[asyncio.Task[None]] = deque()
        turn = Turn()
        try:
            while (chunk := await ahead) is not None:
                ahead = asyncio.create_task(asyncio.to_thread(next, chunks, None))
                if chunk.rows:
                    own = Turn()
                    before = turn if loading else None
                    loading.append(asyncio.create_task(self._load_in_turn(chunk, before, own)))
                    turn = own
                while len(loading) >= at_once or (chunk.refusal is not None and loading):
                    await loading[0]
                    loading.popleft()
                if chunk.refusal is not None:
                    raise chunk.refusal
            while loading:
                await loading[0]
                loading.popleft()
        finally:
            for task in loading:
                task.cancel()
            await asyncio.gather(*loading, return_exceptions=True)
            await asyncio.wait([ahead])
        await self._load_again()

    def _chunks(self, rows: Iterator[Row]) -> Iterator[Chunk]:
        """Parsed rows in chunks, those that were dealt with left out. Runs in a thread, one call at a time."""
        skip = self.progress.position
        chunk = Chunk()
        try:
            for row in rows:
                changed_at = None
                if row.fault is None:
                    if not self.shape.counts(row.cells):
                        continue
                    changed_at = self.shape.changed_at(row.cells)
                    if self.watermark.is_known(changed_at):
                        continue
                parsed = self._parse(row)
                parsed.changed_at = changed_at
                if skip:
                    skip -= 1
                    if parsed.line in self._refused_before and parsed.draft is not None:
                        self._healed_later[parsed.line] = parsed
                    continue
                chunk.rows.append(parsed)
                if len(chunk.rows) >= CHUNK_ROWS:
                    chunk.byte_position = self.source.byte_position
                    yield chunk
                    chunk = Chunk()
        except ImportFileRefused as refusal:
            chunk.refusal = refusal
        chunk.byte_position = self.source.byte_position
        yield chunk

    def _parse(self, row: Row) -> ParsedRow:
        if row.fault is not None:
            return ParsedRow(row.line, faults=[row.fault])
        texts = self.shape.texts(row.cells)
        parsed = self.loader.parse(row.line, texts, suspicious=row.suspicious)
        if parsed.draft is not None:
            key = self.loader.key(parsed)
            if key is not None and not self._seen.add(key):
                parsed.draft = None
                parsed.faults.append(Fault(None, "import.row_repeated", "the file has this record in an earlier row"))
        return parsed

    async def _load_in_turn(self, chunk: Chunk, before: Turn | None, own: Turn) -> None:
        """Write a chunk while the one before it is still being written; commit after it."""
        try:
            try:
                await self._try(chunk.rows, chunk.byte_position, before)
            except (DomainError, ImportStopped):
                raise
            except Exception as error:
                own.give_up()  # the chunk behind this one must not hold locks that a second try needs
                if before is not None and not await before.wait_until_committed():
                    raise ImportStopped from None
                if not (isinstance(error, _StepAside) or is_transient(error) or refusal_of(error) is not None):
                    raise
                await self._load(chunk.rows, chunk.byte_position)
            own.committed()
        finally:
            own.end()

    async def _load(self, rows: Sequence[ParsedRow], byte_position: int) -> None:
        """One chunk in one transaction; halves of it when the database refuses it as a whole."""
        for number in range(1, ATTEMPTS_PER_CHUNK + 1):
            try:
                await self._try(rows, byte_position, None)
            except (DomainError, ImportStopped):
                raise
            except Exception as error:
                refusal, transient = refusal_of(error), is_transient(error)
                if isinstance(refusal, Unavailable) or (refusal is None and not transient):
                    raise
                if number < ATTEMPTS_PER_CHUNK and (transient or number == 1):
                    await asyncio.sleep(0.05 * number)  # what another writer did meanwhile is seen the next time
                    continue
                if refusal is None:
                    raise
                await self._divide(rows, byte_position, refusal)
            return

    async def _divide(self, rows: Sequence[ParsedRow], byte_position: int, refusal: DomainError) -> None:
        if len(rows) == 1:
            rows[0].draft = None
            rows[0].faults.append(_fault(refusal))
            await self._try(rows, byte_position, None)
            return
        half = len(rows) // 2
        await self._load(rows[:half], byte_position)
        await self._load(rows[half:], byte_position)

    async def _try(self, rows: Sequence[ParsedRow], byte_position: int, before: Turn | None) -> None:
        """One transaction with the rows and the progress. Raises _StepAside when the chunk before it starts again."""
        try:
            async with self.database.write(self.organization_id, self.actor) as session:
                totals, faults = await self._write_rows(session, rows)
                await session.flush()
                for hook in session.before_commit:
                    await hook(session)
                session.before_commit.clear()
                session.rings.discard(SEAL)  # rung at the end: sealing would take the time of the next chunks
                if before is not None and not await before.wait_for_first_try():
                    raise _StepAside
                if self.dry_run:
                    raise _DryRun
                after = await self._write_progress(session, rows, byte_position, totals, faults)
        except _DryRun:
            async with self.database.write(self.organization_id, self.actor) as session:
                after = await self._write_progress(session, rows, byte_position, totals, faults)
        self._keep_for_later(rows, faults)
        self.progress = after

    def _keep_for_later(self, rows: Sequence[ParsedRow], faults: Sequence[tuple[int, Fault]]) -> None:
        """Remember what the rest of the file may heal, if its error is listed: so that it can be taken back."""
        lines = {line for line, fault in faults if fault.code in self.loader.healed_later}
        if lines and self.progress.errors_kept + len(faults) <= ERRORS_KEPT_MAX and not self.dry_run:
            self._healed_later |= {row.line: row for row in rows if row.line in lines and row.draft is not None}

    async def _load_again(self) -> None:
        """Try what later rows may have healed, as long as something is loaded: a parent may wait for its own parent."""
        before = 0
        while self._healed_later and len(self._healed_later) != before:
            before = len(self._healed_later)
            waiting = list(self._healed_later.values())
            for start in range(0, len(waiting), CHUNK_ROWS):
                part = waiting[start : start + CHUNK_ROWS]
                try:
                    for line in await self._try_again(part):
                        del self._healed_later[line]
                except (DomainError, ImportStopped):
                    raise
                except Exception as error:
                    if refusal_of(error) is None and not is_transient(error):
                        raise  # else these rows stay refused, for the reason they have

    async def _try_again(self, rows: Sequence[ParsedRow]) -> list[int]:
        """One transaction: the lines of those that were loaded now, their errors taken back and counts corrected."""
        before = self.progress
        together = ControlTotals(before.totals.as_json())
        lines: list[int] = []
        async with self.database.write(self.organization_id, self.actor) as session:
            for row, result in zip(rows, await self.loader.load(session, rows), strict=True):
                if isinstance(result, str):
                    lines.append(row.line)
                    together.healed(outcome_of(result), row.currency, row.minor)
            codes = self.loader.healed_later
            taken_back = await queries.delete_row_errors(session, self.import_id, lines, codes)
            position = before.position
            moved = await queries.write_progress(
                session, self.import_id, position, position, self.source.byte_position, together
            )
            if not moved:
                raise ImportStopped
            session.rings.discard(SEAL)
        self.progress = Progress(position, together, before.errors_kept - taken_back)
        return lines

    async def _write_rows(
        self, session: WriteSession, rows: Sequence[ParsedRow]
    ) -> tuple[ControlTotals, list[tuple[int, Fault]]]:
        """Load the rows that are in order; what the chunk adds to the totals, and what was wrong."""
        good = [row for row in rows if row.draft is not None]
        results = await self.loader.load(session, good) if good else []
        outcomes = {id(row): result for row, result in zip(good, results, strict=True)}
        totals, faults = ControlTotals(), list[tuple[int, Fault]]()
        for row in rows:
            totals.count(READ, row.currency, row.minor)
            result = outcomes.get(id(row))
            if isinstance(result, str):
                totals.count(outcome_of(result), row.currency, row.minor)
                if row.faults:
                    totals.count(ROUNDED, row.currency, row.minor)
            else:
                totals.count(REFUSED, row.currency, row.minor)
                self.watermark.refused(row.changed_at)
            faults += [(row.line, fault) for fault in row.faults]
            if isinstance(result, DomainError):
                faults.append((row.line, _fault(result)))
        return totals, faults

    async def _write_progress(
        self,
        session: WriteSession,
        rows: Sequence[ParsedRow],
        byte_position: int,
        totals: ControlTotals,
        faults: list[tuple[int, Fault]],
    ) -> Progress:
        """Errors, counts and position, in the transaction of the rows. Raises ImportStopped."""
        before = self.progress
        together = ControlTotals(before.totals.as_json())
        together.add(totals)
        kept = faults[: max(0, ERRORS_KEPT_MAX - before.errors_kept)]
        if kept:
            await queries.insert_row_errors(session, self.import_id, kept)
        after = Progress(before.position + len(rows), together, before.errors_kept + len(kept))
        moved = await queries.write_progress(
            session, self.import_id, before.position, after.position, byte_position, together
        )
        if not moved:
            raise ImportStopped
        return after


def _fault(refusal: DomainError) -> Fault:
    """A refusal of a room as a fault of the row: the field by its name in the mapping."""
    pointer = refusal.errors[0].pointer.lstrip("/") if refusal.errors else ""
    return Fault(_FIELDS.get(pointer, pointer or None), refusal.code, refusal.detail)
