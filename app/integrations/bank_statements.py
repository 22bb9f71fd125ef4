"""Load one bank statement: each entry counted once, credits become payments, returned ones are reversed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.cash_application.errors import ReversalUnclear
from app.cash_application.review.reversals import ReversalEntry, propose_reversal
from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession, attempt
from app.integrations import bank_queries
from app.integrations.bank_batches import give_way, whole_entry
from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.identity import EntryIdentity, identify, new_transactions
from app.integrations.bank_formats.records import Balance, Entry, EntryStatus, Statement, Transaction
from app.integrations.bank_queries import EntryRow, StatementRow
from app.integrations.bank_twins import Stored
from app.integrations.bank_twins_found import find_twins
from app.integrations.entry_records import (
    REMITTANCE_LENGTH_MAX,
    clean,
    counterparty,
    details_of,
    payment_of,
    problem_json,
    references_to_search,
)
from app.integrations.errors import StatementRefused
from app.ledger.posting import legal_entity_facts
from app.organizations.rules import normalize_identifier
from app.organizations.service import NewBankAccount, create_bank_account
from app.payments.errors import DuplicateBankEntry
from app.payments.record import record_payments
from app.payments.withdraw import ReversePayment, reverse_payment

REVERSAL_DAYS_MAX = 400
"""A returned payment is looked for so many days back: direct debits may come back after 13 months."""
SEQUENTIAL_FORMATS = ("camt.053", "mt940", "bai2")
NOTICES = ("camt.052", "camt.054", "mt942")
LOCAL_IDENTIFIER_LENGTH_MIN = 8


@dataclass(slots=True)
class LoadedStatement:
    """What became of a statement: its id, entries that were new, those counted before."""

    id: UUID
    read_before: bool
    created: list[EntryRow] = field(default_factory=list)
    booked_pending: list[EntryRow] = field(default_factory=list)
    unchanged: list[Transaction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The own bank account of a statement."""

    id: UUID
    legal_entity_id: UUID


async def find_own_account(session: WriteSession, statement: Statement, *, create_for: UUID | None) -> OwnAccount:
    """By identifier and currency; made for the legal entity `create_for` when given. Raises StatementRefused."""
    wanted = normalize_identifier(statement.account_identifier)
    currency = statement.account_currency
    rows = [row for row in await bank_queries.own_accounts(session) if row["currency"] == currency]
    found = [row for row in rows if row["identifier"] == wanted] or [
        row for row in rows if _is_local_form(wanted, statement.account_identifier, row["identifier"])
    ]
    if len(found) == 1:
        return OwnAccount(found[0]["id"], found[0]["legal_entity_id"])
    if not found and create_for is not None:
        new = NewBankAccount(create_for, f"{wanted} {currency}", statement.account_identifier, currency)
        made = await create_bank_account(session, new)
        return OwnAccount(made.id, made.legal_entity_id)
    reason = "several own bank accounts fit" if found else "no own bank account is"
    raise StatementRefused(f"{reason} {statement.account_identifier[:64]!r} in {currency}", pointer="/account")


def _is_local_form(wanted: str, written: str, iban: str) -> bool:
    """Whether an IBAN is meant by its national parts: `bank code/account number`, or the account number alone."""
    if len(iban) < 15 or not iban[:2].isalpha():
        return False
    bank, slash, account = (part.strip() for part in written.partition("/"))
    if slash and bank.isalnum() and account.isalnum():
        national = iban[4:]
        return national.startswith(bank) and national[len(bank) :].lstrip("0") == account.lstrip("0")
    return len(wanted) >= LOCAL_IDENTIFIER_LENGTH_MIN and iban.endswith(wanted)


async def load_statement(
    session: WriteSession, statement: Statement, file_format: str, account: OwnAccount, import_id: UUID | None
) -> LoadedStatement:
    """Keep the statement with its problems, and every entry that was not counted before. Repeatable."""
    row = _statement_row(statement, file_format, account, import_id)
    is_new = await bank_queries.insert_statement(session, row)
    statement_id = row.id if is_new else await bank_queries.statement_id_of(session, account.id, row.identity)
    loaded = LoadedStatement(statement_id, not is_new)
    identities = list(identify(statement, account=str(account.id)))
    keys = list({key for identity in identities for key in identity.keys})
    known = await bank_queries.known_entries(session, account.id, keys)
    twins = await find_twins(session, account.id, identities, known, file_format)
    await _load_entries(session, loaded, identities, known, account, twins)
    if is_new:
        await _settle_continuity(session, row)
        facts = {"bank_account_id": account.id, "format": file_format, "entries": len(loaded.created)}
        record_change(session, ChangeRow("bank_statement", row.id, "bank_statement.loaded", None, facts))
    return loaded


def statement_identity(statement: Statement, file_format: str) -> str:
    """The same for the same statement read again, whatever the file's own message id.

    A report or notification is another one than the statement, though it may have its id and no balances.
    """
    parts = (
        statement.statement_id,
        statement.sequence,
        statement.page_number,
        statement.from_date,
        statement.to_date,
        statement.opening and statement.opening.minor,
        statement.closing and statement.closing.minor,
        statement.account_currency,
        *((file_format,) if file_format in NOTICES else ()),
    )
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:40]


def _statement_row(statement: Statement, file_format: str, account: OwnAccount, import_id: UUID | None) -> StatementRow:
    totals = control_totals(statement)
    dates = [entry.booking_date for entry in statement.entries if entry.booking_date is not None]
    closing_date = statement.closing.on if statement.closing else None
    opening_date = statement.opening.on if statement.opening else None
    holds = {True: "ok", False: "difference", None: "not_given"}[totals.holds]
    sequence = statement.sequence
    return StatementRow(
        id=new_id(),
        bank_account_id=account.id,
        import_id=import_id,
        identity=statement_identity(statement, file_format),
        format=file_format,
        statement_reference=clean(statement.statement_id, 140) or "",
        sequence_number=None if sequence is None else str(sequence),
        currency=statement.account_currency,
        from_date=statement.from_date or opening_date or min(dates, default=None),
        to_date=statement.to_date or closing_date or max(dates, default=None),
        opening_minor=_own_minor(statement.opening, statement),
        closing_minor=_own_minor(statement.closing, statement),
        credits_minor=totals.booked_credit_minor,
        debits_minor=totals.booked_debit_minor,
        entries_count=len(statement.entries),
        balance_check=holds,
        continuity="unknown",
        problems=[problem_json(problem) for problem in statement.problems],
    )


def _own_minor(balance: Balance | None, statement: Statement) -> int | None:
    return balance.minor if balance is not None and balance.currency == statement.account_currency else None


async def _load_entries(
    session: WriteSession,
    loaded: LoadedStatement,
    identities: Sequence[EntryIdentity],
    known: Sequence[Any],
    account: OwnAccount,
    twins: Mapping[str, Stored],
) -> None:
    counted = {
        key for row in known if row["bank_status"] == "booked" for key in (row["identity"], row["entry_identity"])
    }
    waiting = {row["identity"]: row["id"] for row in known if row["bank_status"] != "booked"}
    rows: list[tuple[EntryRow, Entry, Transaction]] = []
    for identity in identities:
        entry = identity.entry
        booked = entry.status is EntryStatus.BOOKED
        twin = twins.get(identity.entry_key)
        whole = whole_entry(identity, known, twin)
        parts_come = whole is not None and await give_way(session, whole)
        if twin is not None and (twin.is_booked or not booked) and not parts_come:
            loaded.unchanged += entry.transactions
            continue
        if twin is not None and len(twin.ids) == len(identity.transaction_keys) == 1:
            waiting[identity.transaction_keys[0]] = twin.ids[0]
        seen = counted if booked else counted | waiting.keys()
        fresh = new_transactions(identity, frozenset() if parts_come else seen)
        fresh_keys = {key for key, _ in fresh}
        pairs = zip(identity.transaction_keys, entry.transactions, strict=True)
        loaded.unchanged += [transaction for key, transaction in pairs if key not in fresh_keys]
        for key, transaction in fresh:
            rows.append((_entry_row(loaded.id, account.id, identity, key, transaction), entry, transaction))
    await _record(session, rows, account)
    for row, entry, transaction in rows:
        if row.outcome == "reversal":
            await _reverse(session, row, entry, transaction, account)
    for row, _, _ in rows:
        pending_id = waiting.get(row.identity)
        if pending_id is None:
            loaded.created.append(row)
        else:
            await bank_queries.book_pending(session, pending_id, row)
            loaded.booked_pending.append(row)
    if loaded.created:
        await bank_queries.insert_entries(session, loaded.created)


def _entry_row(
    statement_id: UUID, bank_account_id: UUID, identity: EntryIdentity, key: str, transaction: Transaction
) -> EntryRow:
    entry = identity.entry
    party = counterparty(transaction)
    outcome, detail = _outcome(entry, transaction)
    return EntryRow(
        id=new_id(),
        bank_account_id=bank_account_id,
        statement_id=statement_id,
        identity=key,
        entry_identity=identity.entry_key,
        position=f"{entry.ordinal}.{transaction.ordinal}",
        amount_minor=transaction.amount_minor,
        currency=transaction.currency,
        is_credit=transaction.is_credit,
        is_reversal=entry.is_reversal,
        bank_status=entry.status.value,
        booking_date=entry.booking_date,
        value_date=entry.value_date,
        bank_reference=clean(transaction.references.bank_reference or entry.bank_reference, 140),
        end_to_end_id=clean(transaction.end_to_end_id, 140),
        counterparty_name=clean(party.name or party.ultimate_name),
        counterparty_identifier=clean(normalize_identifier(party.account), 64) if party.account else None,
        details=json.dumps(details_of(entry, transaction)),
        outcome=outcome,
        outcome_detail=detail,
    )


def _outcome(entry: Entry, transaction: Transaction) -> tuple[str, str | None]:
    """What the entry shall become: `payment`, `reversal`, `debit`, `pending`, or `kept` with the reason."""
    if entry.status is not EntryStatus.BOOKED:
        return ("pending", None) if entry.status is EntryStatus.PENDING else ("kept", "information only, not booked")
    if entry.held_reason is not None:
        return "kept", clean(entry.held_reason.detail, 500)
    if entry.payment_date is None or transaction.amount_minor == 0:
        return "kept", "an entry without date or amount"
    if not transaction.is_credit:
        return ("reversal", None) if entry.is_reversal or transaction.returned is not None else ("debit", None)
    if entry.is_reversal:
        return "kept", "the bank takes back a debit"
    if transaction.returned is not None:
        return "kept", "a payment that went out came back"
    return "payment", None


async def _record(
    session: WriteSession, rows: Sequence[tuple[EntryRow, Entry, Transaction]], account: OwnAccount
) -> None:
    """Record the receipts; one that is refused is kept with the reason."""
    credits = [item for item in rows if item[0].outcome == "payment"]
    commands = []
    for row, entry, transaction in credits:
        on = entry.payment_date
        assert on is not None
        commands.append(payment_of(entry, transaction, row.identity, account.id, on))
    results = await record_payments(session, commands) if commands else []
    for (row, _, _), result in zip(credits, results, strict=True):
        if isinstance(result, DuplicateBankEntry):
            row.payment_id = result.facts["payment_id"]  # type: ignore[assignment]  # the payment that has the identity
        elif isinstance(result, DomainError):
            row.outcome, row.outcome_detail = "kept", clean(f"{result.code}: {result.detail}", 500)
        else:
            row.payment_id = result


async def _reverse(
    session: WriteSession, row: EntryRow, entry: Entry, transaction: Transaction, account: OwnAccount
) -> None:
    """Reverse the payment that the bank took back, when exactly one fits; otherwise keep the entry with the reason."""
    on = entry.booking_date or entry.payment_date
    assert on is not None
    references = references_to_search(transaction)
    found = await bank_queries.reversible_payments(
        session, row, on - timedelta(days=REVERSAL_DAYS_MAX), on + timedelta(days=5), references
    )
    by_reference = [p for p in found if p["end_to_end_id"] in references or p["bank_reference"] in references]
    fitting = by_reference or found
    if len(fitting) != 1:
        await _propose_reversal(session, row, transaction, account, on, len(fitting))
        return
    closed = (await legal_entity_facts(session, account.legal_entity_id)).closed_through
    effective = on if closed is None or on > closed else closed + timedelta(days=1)
    returned = transaction.returned
    reason = (returned and (returned.detail or returned.reason)) or "returned by the bank"
    command = ReversePayment(fitting[0]["id"], max(effective, fitting[0]["value_date"]), "returned", clean(reason, 500))
    try:
        async with attempt(session):
            await reverse_payment(session, command)
        row.payment_id = fitting[0]["id"]
    except DomainError as refusal:
        row.outcome, row.outcome_detail = "kept", clean(f"{refusal.code}: {refusal.detail}", 500)


async def _propose_reversal(
    session: WriteSession, row: EntryRow, transaction: Transaction, account: OwnAccount, on: date, fitting: int
) -> None:
    """Name and text may tell what the reference does not: then a person decides; else the entry is kept as it is."""
    payer = transaction.payer if transaction.payer.name or transaction.payer.account else transaction.payee
    entry = ReversalEntry(  # the parties keep the parts that they had in the payment; some banks turn them round
        legal_entity_id=account.legal_entity_id,
        reference=str(row.id),
        amount_minor=row.amount_minor,
        currency=row.currency,
        value_date=row.value_date or on,
        payer_name=clean(payer.name or payer.ultimate_name) or "",
        payer_bank_identifier=normalize_identifier(payer.account) if payer.account else "",
        remittance_text=clean(transaction.remittance_text, REMITTANCE_LENGTH_MAX) or "",
        end_to_end_id=row.end_to_end_id or "",
        bank_reference=row.bank_reference or "",
    )
    row.outcome = "kept"
    try:
        proposal_id = await propose_reversal(session, entry)
    except ReversalUnclear:
        reason = f"{fitting} payments fit" if fitting else "no payment of that amount and reference"
        row.outcome_detail = f"what it takes back is not clear: {reason}"
    else:
        row.outcome_detail = f"a person decides whether it reverses a payment: proposal {proposal_id}"


async def _settle_continuity(session: WriteSession, row: StatementRow) -> None:
    """How the statement follows the one before it, and how the next one on record follows this one."""
    if row.opening_minor is None or row.closing_minor is None or row.to_date is None:
        return
    if not row.format.startswith(SEQUENTIAL_FORMATS):
        return
    before = await bank_queries.neighbour(session, row, following=False)
    facts = {
        "opening_minor": row.opening_minor, "closing_minor": row.closing_minor, "from_date": row.from_date,
        "to_date": row.to_date, "sequence_number": row.sequence_number,
    }  # fmt: skip
    await bank_queries.set_continuity(session, row.id, continuity(before, facts))
    after = await bank_queries.neighbour(session, row, following=True)
    if after is not None:
        await bank_queries.set_continuity(session, after["id"], continuity(facts, after))


def continuity(before: Any | None, statement: Any) -> str:
    """`first`, `follows`, `gap` or `overlap`: the opening balance is the closing one of the statement before it."""
    if before is None:
        return "first"
    if statement["opening_minor"] == before["closing_minor"]:
        return "gap" if _skips(before["sequence_number"], statement["sequence_number"]) else "follows"
    since: date | None = statement["from_date"]
    return "overlap" if since is not None and since < before["to_date"] else "gap"


def _skips(before: str | None, number: str | None) -> bool:
    """A jump in the numbers; a restart at a low number is a new year."""
    return before is not None and number is not None and int(number) > int(before) + 1
