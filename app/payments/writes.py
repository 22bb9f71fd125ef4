"""SQL that locks and changes rows of the payments room, set-wise: one statement a batch, whatever its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import count
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.core.money import prorate
from app.infra.database import WriteSession
from app.ledger.posting import LegalEntityFacts
from app.payments.errors import PaymentNotFound
from app.payments.postings import ApplicationRow
from app.payments.types import Balance, InstalmentFacts, Source, SourceFacts

_ENTITY = "e.code AS entity_code, e.base_currency, e.closed_through, e.write_off_tax_share"
_BEHIND = "updated_at > current_setting('app.recorded_at')::timestamptz AS behind"
_LOCK_PAYMENTS = f"""
SELECT p.id, p.legal_entity_id, p.account_id, p.currency, p.amount_minor, p.applied_minor, p.withdrawn_minor,
    p.unapplied_minor, p.value_date, p.accounting_date, p.account_since, p.reopened_on, p.matching_state, p.status,
    p.version, p.{_BEHIND}, {_ENTITY}
FROM payments p JOIN legal_entities e ON e.organization_id = p.organization_id AND e.id = p.legal_entity_id
WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[]) ORDER BY p.id FOR NO KEY UPDATE OF p
"""
_LOCK_CREDIT_MEMOS = f"""
SELECT c.id, c.legal_entity_id, c.account_id, c.currency, c.amount_minor, c.withdrawn_minor, c.open_minor,
    c.credit_date, c.accounting_date, c.reopened_on, c.version, c.{_BEHIND}, {_ENTITY}
FROM credit_memos c JOIN legal_entities e ON e.organization_id = c.organization_id AND e.id = c.legal_entity_id
WHERE c.organization_id = $1 AND c.id = ANY($2::uuid[]) ORDER BY c.id FOR NO KEY UPDATE OF c
"""
_LOCK_INSTALMENTS = f"""
SELECT id, account_id, legal_entity_id, currency, accounting_date, amount_minor + corrected_minor AS amount_minor,
    corrected_minor, open_minor, discount_minor, discount_date, later_discounts, reopened_on,
    reopened_on IS NOT NULL AND {_BEHIND}
FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_BALANCES = (("id", "uuid"), ("taken", "bigint"), ("state", "text"), ("reopened", "date"))
_OF_PAYMENTS = (*_BALANCES, ("account", "uuid"), ("since", "date"))
_UPDATES = {
    # One that is identified by being applied has two events, hence two versions, and is written once.
    "payments": "matching_state = CASE WHEN r.unapplied_minor = t.taken THEN 'done'"
    " ELSE coalesce(t.state, CASE WHEN t.account IS NOT NULL THEN 'waiting' END, r.matching_state) END,"
    " account_id = coalesce(t.account, r.account_id), account_since = coalesce(t.since, r.account_since),"
    " version = r.version + CASE WHEN t.account IS NULL THEN 1 ELSE 2 END",
    "credit_memos": "status = t.state, version = r.version + 1",
    "instalments": "status = t.state, version = r.version + 1",
}
_APPLICATIONS = (
    ("id", "uuid"), ("group_id", "uuid"), ("legal_entity_id", "uuid"), ("account_id", "uuid"),
    ("source_account_id", "uuid"), ("payment_id", "uuid"), ("credit_memo_id", "uuid"), ("instalment_id", "uuid"),
    ("currency", "text"), ("amount_minor", "bigint"), ("discount_minor", "bigint"), ("write_off_minor", "bigint"),
    ("source_currency", "text"), ("source_amount_minor", "bigint"), ("exchange_rate", "numeric"),
    ("exchange_difference_minor", "bigint"), ("reverses_id", "uuid"), ("effective_date", "date"), ("origin", "text"),
    ("proposal_id", "uuid"), ("reason", "text"),
)  # fmt: skip
_WITHDRAW = """
UPDATE payments SET withdrawn_minor = withdrawn_minor + $3, withdrawn_as = $4, version = version + 1,
    matching_state = CASE WHEN unapplied_minor = $3 THEN 'done' ELSE matching_state END,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_CHANGE_ACCOUNTS = """
UPDATE payments p SET account_id = t.account_id, account_since = t.since, matching_state = t.state,
    version = p.version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::text[]) AS t(id, account_id, since, state)
WHERE p.organization_id = $1 AND p.id = t.id
"""
_INSERT_MOVEMENTS = """
INSERT INTO payment_movements (organization_id, actor_name, id, payment_id, kind, amount_minor, from_account_id,
    to_account_id, effective_date, reason_code, reason)
SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::uuid[], $8::uuid[], $9::date[],
    $10::text[], $11::text[])
"""


@dataclass(slots=True)
class LockedPayment:
    """A locked payment: its row, what applying needs of it, and its legal entity."""

    row: Any
    facts: SourceFacts
    entity: LegalEntityFacts


async def lock_sources(
    session: WriteSession, sources: Iterable[Source]
) -> tuple[dict[Source, SourceFacts], dict[UUID, LegalEntityFacts]]:
    """Payments, then credit memos, locked in the order of their ids; and their legal entities by id."""
    kinds: dict[str, set[UUID]] = {"payment": set(), "credit_memo": set()}
    for source in sources:
        kinds[source.kind].add(source.id)
    facts: dict[Source, SourceFacts] = {}
    entities: dict[UUID, LegalEntityFacts] = {}
    if kinds["payment"]:
        for locked in await lock_payments(session, kinds["payment"]):
            facts[locked.facts.source] = locked.facts
            entities[locked.entity.id] = locked.entity
    if kinds["credit_memo"]:
        statement, wanted = _one(list(kinds["credit_memo"]), _LOCK_CREDIT_MEMOS)
        rows = await session.driver.fetch(statement, session.organization_id, wanted)
        await _record_after(session, rows)
        for row in rows:
            source = Source("credit_memo", row["id"])
            facts[source] = _source_facts(source, row, row["open_minor"], row["credit_date"], row["accounting_date"])
            entities[row["legal_entity_id"]] = _entity(row)
    return facts, entities


async def lock_payments(session: WriteSession, ids: Iterable[UUID]) -> list[LockedPayment]:
    """Payments locked in the order of their ids; those that do not exist are left out."""
    statement, wanted = _one(list(ids), _LOCK_PAYMENTS)
    rows = await session.driver.fetch(statement, session.organization_id, wanted)
    await _record_after(session, rows)
    return [
        LockedPayment(
            row=row,
            facts=_source_facts(
                Source("payment", row["id"]), row, row["unapplied_minor"], row["value_date"], row["account_since"]
            ),
            entity=_entity(row),
        )
        for row in rows
    ]


async def _record_after(session: WriteSession, rows: Sequence[Any]) -> None:
    """Move the transaction's recorded instant past changes of these rows that it had to wait for.

    It was fixed when the transaction began. What follows from another's change must not be recorded before that
    change, or a report known at an instant between the two would see money spent that had not come back yet.
    """
    if any(row["behind"] for row in rows):
        await session.driver.execute("SELECT set_config('app.recorded_at', clock_timestamp()::text, true)")


async def lock_payment(session: WriteSession, payment_id: UUID) -> LockedPayment:
    """One payment, locked. Raises PaymentNotFound."""
    found = await lock_payments(session, [payment_id])
    if not found:
        raise PaymentNotFound("no such payment")
    return found[0]


def _source_facts(source: Source, row: Any, left_minor: int, value_date: date, not_before: date) -> SourceFacts:
    return SourceFacts(
        source=source,
        legal_entity_id=row["legal_entity_id"],
        account_id=row["account_id"],
        currency=row["currency"],
        value_date=value_date,
        not_before=not_before,
        balance=Balance(left_minor, row["reopened_on"]),
        amount_minor=row["amount_minor"],
        withdrawn_minor=row["withdrawn_minor"],
        version=row["version"],
        base_currency=row["base_currency"],
    )


def _entity(row: Any) -> LegalEntityFacts:
    return LegalEntityFacts(
        id=row["legal_entity_id"],
        code=row["entity_code"],
        base_currency=row["base_currency"],
        closed_through=row["closed_through"],
        write_off_tax_share=row["write_off_tax_share"],
    )


async def lock_instalments(session: WriteSession, ids: Iterable[UUID]) -> dict[UUID, InstalmentFacts]:
    """Instalments locked in the order of their ids; those that do not exist are left out."""
    statement, wanted = _one(list(ids), _LOCK_INSTALMENTS)
    rows = await session.driver.fetch(statement, session.organization_id, wanted)
    await _record_after(session, rows)
    return {
        row["id"]: InstalmentFacts(
            id=row["id"],
            account_id=row["account_id"],
            legal_entity_id=row["legal_entity_id"],
            currency=row["currency"],
            accounting_date=row["accounting_date"],
            amount_minor=row["amount_minor"],
            balance=Balance(row["open_minor"], row["reopened_on"]),
            offers=_offers(row),
        )
        for row in rows
    }


def _offers(row: Any) -> tuple[tuple[date, int], ...]:
    if row["discount_date"] is None:
        return ()
    first = (row["discount_date"], row["discount_minor"])
    offers = (first, *((date.fromisoformat(last), minor) for last, minor in row["later_discounts"]))
    if not row["corrected_minor"]:
        return offers
    amount = row["amount_minor"]  # with the corrections of the source, which the discount follows
    return tuple((last, prorate(minor, amount, amount - row["corrected_minor"])) for last, minor in offers)


@dataclass(frozen=True, slots=True)
class Taken:
    """How much a locked row loses (negative: gets back), what it becomes, and when something came back.

    A payment that is identified by being applied gets its account, and the date since which it has it.
    """

    id: UUID
    minor: int
    state: str | None
    reopened_on: date | None = None
    account_id: UUID | None = None
    account_since: date | None = None


@dataclass(frozen=True, slots=True)
class StoredApplication:
    """An application row with what its group shares."""

    row: ApplicationRow
    group_id: UUID
    effective_date: date
    origin: str
    proposal_id: UUID | None
    reason: str | None = None


async def write_applications(
    session: WriteSession,
    payments: Sequence[Taken],
    credit_memos: Sequence[Taken],
    instalments: Sequence[Taken],
    applications: Sequence[StoredApplication],
) -> None:
    """Write applications (or undos) and the balances that they change in one statement.

    All rows are locked by this transaction. Tables without rows are left out, and a single row is given as scalars:
    for that PostgreSQL keeps one plan, while it plans a statement over arrays anew at each execution.
    """
    balances: list[list[tuple[Any, ...]]] = [
        [(t.id, t.minor, t.state, t.reopened_on, t.account_id, t.account_since) for t in payments],
        [(t.id, t.minor, t.state, t.reopened_on) for t in credit_memos],
        [(t.id, t.minor, t.state, t.reopened_on) for t in instalments],
    ]
    rows = [
        (a.row.id, a.group_id, *(getattr(a.row, name) for name in APPLICATION_COLUMNS), a.effective_date, a.origin,
         a.proposal_id, a.reason)
        for a in applications
    ]  # fmt: skip
    counts = tuple(min(len(group), 2) for group in (*balances, rows))
    actor = session.actor
    arguments: list[Any] = [session.organization_id, actor.kind, actor.id, actor.name]
    for group in (*balances, rows):
        arguments += group[0] if len(group) == 1 else ([list(column) for column in zip(*group, strict=True)])
    await session.driver.execute(_application_statement(counts), *arguments)


@lru_cache(maxsize=128)
def _application_statement(counts: tuple[int, ...]) -> str:
    """The statement for none, one or many (0, 1, 2) payments, credit memos, instalments and applications."""
    parameter = count(5)
    parts = []
    for (table, change), many in zip(_UPDATES.items(), counts, strict=False):
        if many:
            columns = _OF_PAYMENTS if table == "payments" else _BALANCES
            parts.append(
                f"{table}_taken AS (UPDATE {table} r SET applied_minor = r.applied_minor + t.taken, {change},"
                " reopened_on = greatest(r.reopened_on, t.reopened),"
                " updated_at = current_setting('app.recorded_at')::timestamptz"
                f" FROM {_given(columns, many, parameter)} WHERE r.organization_id = $1 AND r.id = t.id)"
            )
    names = ", ".join(name for name, _ in _APPLICATIONS)
    return (
        f"WITH {', '.join(parts)} INSERT INTO applications (organization_id, actor_kind, actor_id, actor_name, {names})"
        f" SELECT $1, $2, $3, $4, {names} FROM {_given(_APPLICATIONS, counts[3], parameter)}"
    )


def _given(columns: Sequence[tuple[str, str]], many: int, parameter: Iterator[int]) -> str:
    """Rows given as parameters, as a FROM item `t`: one row of scalars, or arrays of many."""
    names = ", ".join(name for name, _ in columns)
    array, opening = ("[]", "unnest(") if many == 2 else ("", "(VALUES (")
    listed = ", ".join(f"${next(parameter)}::{kind}{array}" for _, kind in columns)
    return f"{opening}{listed}{')' if many == 2 else '))'} AS t({names})"


def _one(ids: list[UUID], statement: str) -> tuple[str, UUID | list[UUID]]:
    """A statement over `= ANY($2)` and its argument; for a single id the one over a scalar (see above)."""
    return (statement.replace("= ANY($2::uuid[])", "= $2"), ids[0]) if len(ids) == 1 else (statement, ids)


APPLICATION_COLUMNS = (
    "legal_entity_id", "account_id", "source_account_id", "payment_id", "credit_memo_id", "instalment_id", "currency",
    "amount_minor", "discount_minor", "write_off_minor", "source_currency", "source_amount_minor", "exchange_rate",
    "exchange_difference_minor", "reverses_id",
)  # fmt: skip


async def withdraw(session: WriteSession, payment_id: UUID, amount_minor: int, withdrawn_as: str) -> None:
    """Take money out of a locked payment."""
    await session.driver.execute(_WITHDRAW, session.organization_id, payment_id, amount_minor, withdrawn_as)


async def change_accounts(
    session: WriteSession, ids: Sequence[UUID], accounts: Sequence[UUID | None], since: Sequence[date],
    states: Sequence[str],
) -> None:  # fmt: skip
    """Put locked payments on other accounts (None: unidentified) from a date on."""
    await session.driver.execute(
        _CHANGE_ACCOUNTS, session.organization_id, list(ids), list(accounts), list(since), list(states)
    )


@dataclass(frozen=True, slots=True)
class Movement:
    """A row of `payment_movements` before it is written."""

    payment_id: UUID
    kind: str
    amount_minor: int
    effective_date: date
    from_account_id: UUID | None = None
    to_account_id: UUID | None = None
    reason_code: str | None = None
    reason: str | None = None


async def insert_movements(session: WriteSession, movements: Sequence[Movement]) -> list[UUID]:
    """Insert the movements; their ids in order."""
    ids = [new_id() for _ in movements]
    columns = ("payment_id", "kind", "amount_minor", "from_account_id", "to_account_id", "effective_date",
               "reason_code", "reason")  # fmt: skip
    await session.driver.execute(
        _INSERT_MOVEMENTS,
        session.organization_id,
        session.actor.name,
        ids,
        *([getattr(movement, column) for movement in movements] for column in columns),
    )
    return ids
