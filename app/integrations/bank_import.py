"""Load a bank file: each statement is one transaction together with the import's progress."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from app.core.errors import DomainError, Unavailable
from app.infra.constraints import is_transient, refusal_of
from app.infra.database import Actor, Database, WriteSession
from app.integrations import bank_queries, queries
from app.integrations.bank_csv.profile import read_profile
from app.integrations.bank_csv.proposing import SAMPLE_BYTES_MAX, profile_needed
from app.integrations.bank_csv.statement import parse_csv
from app.integrations.bank_formats.detect import MAX_FILE_BYTES, parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.records import Effect, Statement, StatementFile
from app.integrations.bank_formats.source import ByteSource
from app.integrations.bank_profiles.queries import active_definitions
from app.integrations.bank_statements import find_own_account, load_statement
from app.integrations.control_totals import READ, REFUSED, ControlTotals
from app.integrations.import_fields import BANK_STATEMENT
from app.integrations.import_mapping import ImportOptions, read_options
from app.integrations.loader import LegalEntities
from app.integrations.presets import presets
from app.integrations.row_import import ERRORS_KEPT_MAX, ImportStopped, Progress
from app.integrations.row_values import Fault

ATTEMPTS_PER_STATEMENT = 4


class _DryRun(Exception):
    """Ends the transaction of a statement that was only tried."""


async def load_bank_file(
    database: Database, organization_id: UUID, actor: Actor, row: Any, path: Path, progress: Progress
) -> None:
    """Load the statements that are left. Raises BankFileRefused (nothing is loaded then), ImportStopped."""
    options = read_options(row["options"])
    async with database.read(organization_id) as session:
        currencies = own_currencies(await bank_queries.own_accounts(session))
        profiles = await active_definitions(session)
    known = {name: found for name, found in presets().items() if found["kind"] == BANK_STATEMENT} | profiles
    file = await asyncio.to_thread(_parse, path, row["mapping"], options, currencies, known)
    size, count = row["file_bytes"], len(file.statements)
    for number, statement in enumerate(file.statements, start=1):
        if number <= progress.position:
            continue
        job = _StatementJob(database, organization_id, actor, row, file, options)
        progress = await job.load(statement, number, size * number // count, progress)


def own_currencies(accounts: Iterable[Any]) -> dict[str, str]:
    """The currency of each own bank account, by identifier; accounts in several currencies are left out."""
    found: dict[str, set[str]] = {}
    for account in accounts:
        found.setdefault(account["identifier"], set()).add(account["currency"])
    return {identifier: next(iter(ones)) for identifier, ones in found.items() if len(ones) == 1}


def _parse(
    path: Path, mapping: Mapping[str, Any], options: ImportOptions, currencies: Mapping[str, str],
    known: Mapping[str, Mapping[str, Any]],
) -> StatementFile:  # fmt: skip
    """By the profile where one is named, else in the format that the file shows. Raises BankFileRefused."""
    with path.open("rb") as stream:
        if mapping:
            source = ByteSource(stream, max_bytes=MAX_FILE_BYTES)
            profile = read_profile(mapping)
            return parse_csv(
                source, profile, account=options.bank_account, currency=options.currency, currencies=currencies
            )
        try:
            return parse_bank_file(stream, default_currency=options.currency)
        except BankFileRefused as refusal:
            if refusal.reason_code != "bank_file.unknown_format":
                raise
            stream.seek(0)
            raise profile_needed(stream.read(SAMPLE_BYTES_MAX), known) or refusal from None


class _StatementJob:
    """One statement with its transaction."""

    def __init__(
        self, database: Database, organization_id: UUID, actor: Actor, row: Any, file: StatementFile,
        options: ImportOptions,
    ) -> None:  # fmt: skip
        self._database = database
        self._organization_id = organization_id
        self._actor = actor
        self._row = row
        self._file = file
        self._options = options

    async def load(self, statement: Statement, number: int, byte_position: int, before: Progress) -> Progress:
        """The progress after it. What the database refuses as a whole is refused with the reason."""
        for attempt in range(1, ATTEMPTS_PER_STATEMENT + 1):
            try:
                return await self._try(statement, number, byte_position, before, None)
            except ImportStopped:
                raise
            except DomainError as refusal:
                return await self._try(statement, number, byte_position, before, refusal)
            except Exception as error:
                refused, transient = refusal_of(error), is_transient(error)
                if isinstance(refused, Unavailable) or (refused is None and not transient):
                    raise
                if attempt < ATTEMPTS_PER_STATEMENT and (transient or attempt == 1):
                    await asyncio.sleep(0.05 * attempt)
                    continue
                if refused is None:
                    raise
                return await self._try(statement, number, byte_position, before, refused)
        raise AssertionError("unreachable")

    async def _try(
        self, statement: Statement, number: int, byte_position: int, before: Progress, refusal: DomainError | None
    ) -> Progress:
        """One transaction. With a `refusal` the statement is only counted as refused."""
        try:
            async with self._database.write(self._organization_id, self._actor) as session:
                totals, faults = await self._account_for(session, statement, number, refusal)
                if self._row["dry_run"]:
                    await session.flush()
                    for hook in session.before_commit:
                        await hook(session)
                    raise _DryRun
                return await self._write_progress(session, number, byte_position, before, totals, faults)
        except _DryRun:
            async with self._database.write(self._organization_id, self._actor) as session:
                return await self._write_progress(session, number, byte_position, before, totals, faults)

    async def _account_for(
        self, session: WriteSession, statement: Statement, number: int, refusal: DomainError | None
    ) -> tuple[ControlTotals, list[tuple[int, Fault]]]:
        totals = ControlTotals()
        faults = [
            (number, Fault(problem.where, problem.code, problem.detail))
            for problem in statement.problems
            if problem.effect is Effect.REFUSED
        ]
        for _ in range(statement.refused_entry_count):
            totals.count(READ, None, None)
            totals.count(REFUSED, None, None)
        _count(totals, READ, (transaction for _, transaction in statement.transactions()))
        if refusal is not None:
            _count(totals, REFUSED, (transaction for _, transaction in statement.transactions()))
            faults.append((number, Fault("account", refusal.code, refusal.detail)))
            return totals, faults
        account = await find_own_account(session, statement, create_for=await self._create_for(session))
        loaded = await load_statement(session, statement, self._file.format, account, self._row["id"])
        for made in loaded.created:
            totals.count("created", made.currency, made.amount_minor if made.is_credit else -made.amount_minor)
        for made in loaded.booked_pending:
            totals.count("updated", made.currency, made.amount_minor if made.is_credit else -made.amount_minor)
        _count(totals, "unchanged", loaded.unchanged)
        return totals, faults

    async def _create_for(self, session: WriteSession) -> UUID | None:
        """The legal entity of a bank account that is made on request."""
        if self._options.on_missing_bank_account != "create":
            return None
        entities = LegalEntities()
        await entities.prepare(session, self._options.legal_entity)
        return entities.default

    async def _write_progress(
        self,
        session: WriteSession,
        number: int,
        byte_position: int,
        before: Progress,
        totals: ControlTotals,
        faults: list[tuple[int, Fault]],
    ) -> Progress:
        together = ControlTotals(before.totals.as_json())
        together.add(totals)
        kept = faults[: max(0, ERRORS_KEPT_MAX - before.errors_kept)]
        if kept:
            await queries.insert_row_errors(session, self._row["id"], kept)
        moved = await queries.write_progress(session, self._row["id"], before.position, number, byte_position, together)
        if not moved:
            raise ImportStopped
        return Progress(number, together, before.errors_kept + len(kept))


def _count(totals: ControlTotals, measure: str, transactions: Iterable[Any]) -> None:
    for transaction in transactions:
        totals.count(measure, transaction.currency, transaction.signed_minor)
