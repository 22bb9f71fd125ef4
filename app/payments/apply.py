"""Apply payments and credit memos to instalments: one by one or thousands at once, by the same statements.

Lock in the one global order (payments, credit memos, instalments, each by id), decide by pure rules, write set-wise.
A command is done whole or not at all; the others of the batch are not affected by its refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices.rules import status_of_instalment
from app.ledger.posting import LegalEntityFacts, check_open, post
from app.organizations.queries import find_rate
from app.payments import writes
from app.payments.balances import minimum_since
from app.payments.errors import CreditMemoNotFound, InstalmentUnknown, PaymentNotFound
from app.payments.identify import AccountChange, check_change_date, record_account_changes
from app.payments.postings import ApplicationRow, Held, application_transfers
from app.payments.queries import latest_event_dates, top_accounts
from app.payments.rules import (
    check_lines,
    common_account,
    needed_quotes,
    plan_application,
    status_of_credit_memo,
)
from app.payments.types import Apply, Authority, InstalmentFacts, PlannedLine, Quote, Source, SourceFacts
from app.payments.writes import StoredApplication, Taken

APPROVE = "payments:approve"


@dataclass(frozen=True, slots=True)
class ApplicationGroup:
    """What one command (or one undo) wrote. `source_left_minor` is what the source has left after the whole batch."""

    group_id: UUID
    source: Source
    effective_date: date
    origin: str
    rows: tuple[ApplicationRow, ...]
    source_left_minor: int = 0
    source_version: int = 0
    open_minor: Mapping[UUID, int] = field(default_factory=dict)  # by instalment, after the whole batch


@dataclass(slots=True)
class _Books:
    """Everything a batch decides on, locked or looked up, and what it has decided so far."""

    sources: dict[Source, SourceFacts]
    entities: dict[UUID, LegalEntityFacts]
    instalments: dict[UUID, InstalmentFacts]
    authority: Authority
    latest_events: dict[UUID, date] = field(default_factory=dict)
    tops: dict[UUID, UUID] = field(default_factory=dict)
    quotes: dict[Quote, Decimal | None] = field(default_factory=dict)
    identified: list[AccountChange] = field(default_factory=list)


async def apply(session: WriteSession, command: Apply) -> ApplicationGroup:
    """Apply one source to instalments. Raises the refusal; see `rules.plan_application` and `errors`."""
    (result,) = await apply_many(session, [command])
    if isinstance(result, DomainError):
        raise result
    return result


async def apply_many(session: WriteSession, commands: Sequence[Apply]) -> list[ApplicationGroup | DomainError]:
    """Apply many commands in their order, set-wise; the answer has the group or the refusal of each."""
    books = await _load(session, commands)
    decided: list[list[PlannedLine] | DomainError] = []
    for command in commands:
        try:
            decided.append(_decide(command, books))
        except DomainError as refusal:
            decided.append(refusal)
    done = [(command, plan) for command, plan in zip(commands, decided, strict=True) if isinstance(plan, list)]
    written = iter(await _write(session, books, done)) if done else iter(())
    return [plan if isinstance(plan, DomainError) else next(written) for plan in decided]


def authority_of(session: WriteSession) -> Authority:
    """What the session's actor may do. The service itself has no limit of its own: tolerances bind it."""
    actor = session.actor
    limit = None if actor.kind == "system" else actor.approval_limit_minor or 0
    return Authority(late_discount=APPROVE in actor.scopes, write_off_limit_minor=limit)


async def _load(session: WriteSession, commands: Sequence[Apply]) -> _Books:
    """Lock the rows, then look up what only some commands need: history, parent groups, rates."""
    sources, entities = await writes.lock_sources(session, {command.source for command in commands})
    wanted = {line.instalment_id for command in commands for line in command.lines}
    books = _Books(sources, entities, await writes.lock_instalments(session, wanted), authority_of(session))
    await _load_history(session, commands, books)
    strangers: set[UUID] = set()
    quotes: set[Quote] = set()
    for command in commands:
        source = books.sources.get(command.source)
        if source is None:
            continue
        quotes |= needed_quotes(command, source, books.instalments)
        owners = {books.instalments[line.instalment_id].account_id for line in command.lines
                  if line.instalment_id in books.instalments}  # fmt: skip
        if source.account_id is not None and not command.allow_other_account and owners - {source.account_id}:
            strangers |= owners | {source.account_id}
    if strangers:
        books.tops = await top_accounts(session, strangers)
    for quote in quotes:
        books.quotes[quote] = await find_rate(session, *quote)
    return books


async def _load_history(session: WriteSession, commands: Sequence[Apply], books: _Books) -> None:
    """The least balance since a date, for what came back after that date; latest events of payments to identify."""
    asked: dict[str, set[tuple[UUID, date]]] = {"payment": set(), "credit_memo": set(), "instalment": set()}
    unidentified: set[UUID] = set()
    for command in commands:
        on, source = command.effective_date, books.sources.get(command.source)
        if source is None:
            continue
        if source.balance.asks_history(on):
            asked[source.source.kind].add((source.source.id, on))
        if command.identify and source.account_id is None:
            unidentified.add(source.source.id)
        for line in command.lines:
            owed = books.instalments.get(line.instalment_id)
            if owed is not None and owed.balance.asks_history(on):
                asked["instalment"].add((owed.id, on))
    for kind, wanted in asked.items():
        if not wanted:
            continue
        for (row_id, on), least in (await minimum_since(session, kind, sorted(wanted))).items():
            facts = books.instalments[row_id] if kind == "instalment" else books.sources[_source(kind, row_id)]
            facts.balance.minimum_from[on] = least
    if unidentified:
        books.latest_events = await latest_event_dates(session, sorted(unidentified))


def _source(kind: str, row_id: UUID) -> Source:
    return Source("payment" if kind == "payment" else "credit_memo", row_id)


def _decide(command: Apply, books: _Books) -> list[PlannedLine]:
    """Plan one command and draw on the balances; raises its refusal and then leaves them as they were."""
    check_lines(command)
    source = books.sources.get(command.source)
    if source is None:
        if command.source.kind == "payment":
            raise PaymentNotFound("no such payment")
        raise CreditMemoNotFound("no such credit memo")
    check_version(command.expected_version, source.version)
    for index, line in enumerate(command.lines):
        if line.instalment_id not in books.instalments:
            raise InstalmentUnknown("no such instalment", pointer=f"/lines/{index}/instalment_id")
    check_open(books.entities[source.legal_entity_id], command.effective_date)
    change = _identification(command, source, books)
    if change is not None:
        source.account_id = change.account_id
    try:
        plan = plan_application(command, source, books.instalments, books.tops, books.quotes, books.authority)
    except DomainError:
        if change is not None:
            source.account_id = None
        raise
    if change is not None:
        source.not_before = max(source.not_before, change.effective_date)
        books.identified.append(change)
    source.balance.take(sum(item.source_amount_minor for item in plan))
    for item in plan:
        item.instalment.balance.take(item.line.settles_minor)
    return plan


def _identification(command: Apply, source: SourceFacts, books: _Books) -> AccountChange | None:
    """The change that gives an unidentified payment the account of the lines, when the command asks for it."""
    if not command.identify or source.account_id is not None:
        return None
    account_id = common_account([books.instalments[line.instalment_id].account_id for line in command.lines])
    check_change_date(command.effective_date, source.not_before, books.latest_events.get(source.source.id))
    return AccountChange(
        held=Held(source.source.id, source.legal_entity_id, None, source.currency),
        account_id=account_id,
        amount_minor=source.balance.left_minor,
        effective_date=command.effective_date,
        reason=command.reason,
    )


async def _write(
    session: WriteSession, books: _Books, done: Sequence[tuple[Apply, list[PlannedLine]]]
) -> list[ApplicationGroup]:
    """Write the decided commands: identifications, rows and balances, postings, change log."""
    if books.identified:
        await record_account_changes(session, books.identified)
    stored: list[StoredApplication] = []
    groups = [(new_id(), command, _rows(command, books.sources[command.source], plan)) for command, plan in done]
    for group_id, command, rows in groups:
        shared = (group_id, command.effective_date, command.origin, command.proposal_id, command.reason)
        stored += [StoredApplication(row, *shared) for row in rows]
    identified = {c.held.payment_id: (c.account_id, c.effective_date) for c in books.identified}
    touched = {command.source: books.sources[command.source] for command, _ in done}
    paid = {item.instalment.id: item.instalment for _, plan in done for item in plan}
    await writes.write_applications(
        session,
        [
            Taken(s.source.id, s.balance.taken_minor, None, None, *identified.get(s.source.id, ()))
            for s in touched.values()
            if s.source.kind == "payment"
        ],
        [
            Taken(
                s.source.id,
                s.balance.taken_minor,
                status_of_credit_memo(s.balance.left_minor, s.amount_minor, s.withdrawn_minor),
            )
            for s in touched.values()
            if s.source.kind == "credit_memo"
        ],
        [
            Taken(i.id, i.balance.taken_minor, status_of_instalment(i.balance.left_minor, i.amount_minor))
            for i in paid.values()
        ],
        stored,
    )
    results = []
    for group_id, command, rows in groups:
        source = books.sources[command.source]
        book_group(session, group_id, command, rows, source)
        results.append(
            ApplicationGroup(
                group_id=group_id,
                source=command.source,
                effective_date=command.effective_date,
                origin=command.origin,
                rows=rows,
                source_left_minor=source.balance.left_minor,
                source_version=source.version + 1 + (command.source.id in identified),
                open_minor={row.instalment_id: paid[row.instalment_id].balance.left_minor for row in rows},
            )
        )
    return results


def _rows(command: Apply, source: SourceFacts, plan: Sequence[PlannedLine]) -> tuple[ApplicationRow, ...]:
    return tuple(
        ApplicationRow(
            id=new_id(),
            legal_entity_id=source.legal_entity_id,
            account_id=item.instalment.account_id,
            source=command.source,
            source_account_id=source.account_id,
            instalment_id=item.instalment.id,
            currency=item.instalment.currency,
            amount_minor=item.line.amount_minor,
            discount_minor=item.line.discount_minor,
            write_off_minor=item.line.write_off_minor,
            source_currency=source.currency,
            source_amount_minor=item.source_amount_minor,
            exchange_rate=item.exchange_rate,
            exchange_difference_minor=item.exchange_difference_minor,
        )
        for item in plan
    )


def book_group(
    session: WriteSession, group_id: UUID, command: Apply, rows: Sequence[ApplicationRow], source: SourceFacts
) -> None:
    """Postings and change log of one group."""
    event = "application.created"
    on = command.effective_date
    post(session, [move for row in rows for move in application_transfers(row, source.base_currency, event, on)])
    record_change(
        session,
        ChangeRow(
            entity_type="application",
            entity_id=group_id,
            event=event,
            after={f"{command.source.kind}_id": command.source.id, "origin": command.origin, "lines": lines_of(rows)},
            effective_date=on,
            reason=command.reason,
        ),
    )


def lines_of(rows: Sequence[ApplicationRow]) -> list[dict[str, object]]:
    """The lines of a group as the change log keeps them: instalment, currency and what is not zero."""
    amounts = ("amount_minor", "discount_minor", "write_off_minor")
    lines: list[dict[str, object]] = []
    for row in rows:
        line: dict[str, object] = {"instalment_id": row.instalment_id, "currency": row.currency}
        line.update({name: getattr(row, name) for name in amounts if getattr(row, name)})
        if row.source_currency != row.currency:
            line["source_currency"], line["source_amount_minor"] = row.source_currency, row.source_amount_minor
        lines.append(line)
    return lines
