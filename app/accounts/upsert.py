"""Create and update accounts: one by one or a thousand at once, by the same set-wise statements.

Parents may stand anywhere in the batch. What is refused leaves nothing behind; the others are written. While a batch
runs, nobody else changes parents or upserts accounts of the organization (`queries.lock_account_tree`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from app.accounts import queries
from app.accounts.commands import (
    ADDRESS_LENGTHS_MAX,
    CREDIT_STATUSES,
    UNSET,
    AccountCommand,
    AccountInvalid,
    normalized_account,
)
from app.accounts.contacts import upsert_contacts
from app.accounts.errors import (
    AccountMerged,
    CollectorUnknown,
    CreditLimitOfOtherCurrency,
    ExternalIdTaken,
    NumberTaken,
    ParentCycle,
    ParentUnknown,
    PaymentTermsUnknown,
)
from app.accounts.identities import IdentityCommand, add_payer_identities
from app.accounts.led_by_credit import LED, refusal_by_hand
from app.accounts.queries import COLUMNS
from app.accounts.rules import find_cycles, normalize_identity
from app.core.errors import DomainError
from app.core.ids import AccountId, new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version

_ADDRESS = tuple(ADDRESS_LENGTHS_MAX)
_OPTIONAL = (
    "legal_name", "language", "time_zone", *_ADDRESS, "country", "segment", "risk_class", "credit_limit_minor",
)  # fmt: skip
Scopes = frozenset[str] | None
_FRESH: Mapping[str, Any] = {**dict.fromkeys(COLUMNS), "credit_status": "ok", "status": "active"}


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one command: `created`, `updated` or `unchanged`."""

    id: AccountId
    outcome: str


@dataclass(slots=True)
class _Draft:
    """One command on its way into the tables: what is there, and what shall be there."""

    index: int
    command: AccountCommand
    present: Any | None
    id: UUID
    values: dict[str, Any] = field(default_factory=dict)
    refusal: DomainError | None = None

    def refuse(self, refusal: DomainError) -> None:
        """Keep the first refusal."""
        self.refusal = self.refusal or refusal

    @property
    def changed(self) -> list[str]:
        """Columns that differ from what is there."""
        return [name for name in COLUMNS if self.present is None or self.values[name] != self.present[name]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the batch refers to, as the database has it."""

    terms: dict[str, UUID]
    terms_ids: set[UUID]
    collectors: dict[str, UUID]
    collector_ids: set[UUID]
    numbers: dict[str, UUID]
    account_ids: set[UUID]


async def create_account(session: WriteSession, command: AccountCommand) -> AccountId:
    """Create one account. Raises the refusal (number or reference taken, parent unknown, field not in order …)."""
    result = (await _write(session, [command], create_only=True))[0]
    if isinstance(result, DomainError):
        raise result
    return result.id


async def update_account(
    session: WriteSession, account_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None = None,
    by_hand: Scopes = None,
) -> None:  # fmt: skip
    """Change the given fields of one account; keys are fields of AccountCommand, None clears.

    `by_hand`: the scopes of a person who does it, so that credit may refuse terms, risk class and limit.

    Raises AccountNotFound, StaleVersion, AccountMerged, NumberTaken, ParentUnknown, ParentCycle, AccountInvalid …
    """
    changes = {name: value for name, value in changes.items() if value is not UNSET}
    await queries.lock_account_tree(session)
    present = await queries.lock_account(session, account_id)
    check_version(expected_version, present["version"])
    currency = changes.get("currency", present["currency"])
    limit = present["credit_limit_minor"]
    if currency != present["currency"] and limit is not None and "credit_limit_minor" not in changes:
        raise CreditLimitOfOtherCurrency("give the credit limit in the new currency", pointer="/credit_limit")
    base = AccountCommand(present["number"], present["name"], currency, present["source"], present["external_id"])
    draft = _Draft(0, replace(base, **changes), present, account_id)
    await _check_free(session, draft)
    await _finish(session, [draft], by_hand)
    if draft.refusal is not None:
        raise draft.refusal


async def upsert_accounts(
    session: WriteSession, commands: Sequence[AccountCommand], *, by_hand: Scopes = None
) -> list[Upserted | DomainError]:
    """Create or update each account, set-wise; the answer has, in order, the outcome or the refusal of each.

    An account is found by (source, external id), else by its number: one without reference, or a command without, is
    taken for the same. A command for an account that stands earlier in the batch is done after it. `by_hand` as above.
    """
    return await _write(session, commands, create_only=False, by_hand=by_hand)


async def _write(
    session: WriteSession, commands: Sequence[AccountCommand], *, create_only: bool, by_hand: Scopes = None
) -> list[Upserted | DomainError]:
    await queries.lock_account_tree(session)
    results: dict[int, Upserted | DomainError] = {}
    waiting: list[tuple[int, AccountCommand]] = []
    for index, command in enumerate(commands):
        try:
            waiting.append((index, normalized_account(command)))
        except DomainError as refusal:
            results[index] = refusal
    while waiting:
        drafts, waiting = await _take_round(session, waiting, create_only)
        results |= await _finish(session, drafts, by_hand)
    return [results[index] for index in range(len(commands))]


async def _take_round(
    session: WriteSession, waiting: Sequence[tuple[int, AccountCommand]], create_only: bool
) -> tuple[list[_Draft], list[tuple[int, AccountCommand]]]:
    """Drafts for the first command of each account; later ones for the same account wait for another round."""
    references = [(c.source, c.external_id) for _, c in waiting if c.source is not None and c.external_id is not None]
    rows = await queries.lock_matching_accounts(session, references, [c.number for _, c in waiting])
    by_reference: dict[Any, Any] = {
        (row["source"], row["external_id"]): row for row in rows if row["external_id"] is not None
    }
    by_number = {row["number"]: row for row in rows}
    drafts: list[_Draft] = []
    later: list[tuple[int, AccountCommand]] = []
    seen: set[object] = set()
    for index, command in waiting:
        reference = None if command.external_id is None else (command.source, command.external_id)
        present, refusal = _identify(command, by_reference.get(reference), by_number.get(command.number), create_only)
        keys = {("number", command.number), ("reference", reference), ("id", present["id"] if present else None)}
        keys -= {("reference", None), ("id", None)}
        if keys & seen:
            later.append((index, command))
            continue
        seen |= keys
        drafts.append(_Draft(index, command, present, present["id"] if present else new_id(), refusal=refusal))
    return drafts, later


def _identify(
    command: AccountCommand, by_reference: Any | None, by_number: Any | None, create_only: bool
) -> tuple[Any | None, DomainError | None]:
    """The account that the command means (None for a new one), or why it cannot mean any."""
    taken = NumberTaken(f"another account has the number {command.number}", pointer="/number")
    if create_only:
        if by_number is not None:
            return None, taken
        detail = "another account has this reference of its source"
        return None, ExternalIdTaken(detail, pointer="/external_ref") if by_reference is not None else None
    if by_reference is not None:
        other = by_number is not None and by_number["id"] != by_reference["id"]
        return by_reference, taken if other else None
    if by_number is None:
        return None, None
    if command.external_id is not None and by_number["external_id"] is not None:
        return None, taken
    return by_number, None


async def _check_free(session: WriteSession, draft: _Draft) -> None:
    """Normalize a single update, and refuse a number or reference that another account has."""
    draft.command = command = normalized_account(draft.command)
    references = (
        [] if command.source is None or command.external_id is None else [(command.source, command.external_id)]
    )
    for row in await queries.lock_matching_accounts(session, references, [command.number]):
        if row["id"] != draft.id:
            if row["number"] == command.number:
                raise NumberTaken(f"another account has the number {command.number}", pointer="/number")
            raise ExternalIdTaken("another account has this reference of its source", pointer="/external_ref")


async def _finish(
    session: WriteSession, drafts: Sequence[_Draft], by_hand: Scopes
) -> dict[int, Upserted | DomainError]:
    """Resolve what the drafts refer to, check the tree, write what changed; the outcome of each by its index."""
    known = await _load(session, [draft.command for draft in drafts])
    for draft in drafts:
        try:
            draft.values = _values(draft, known)
        except DomainError as refusal:
            draft.refuse(refusal)
    await _settle_parents(session, drafts, known)
    if by_hand is not None:
        await _ask_credit(session, drafts, by_hand)
    good = [draft for draft in drafts if draft.refusal is None]
    created = [draft for draft in good if draft.present is None]
    updated = [draft for draft in good if draft.present is not None and draft.changed]
    if created:
        await queries.insert_accounts(session, [_row(draft) for draft in created])
    if updated:
        await queries.update_accounts(session, [_row(draft) for draft in updated])
    for draft in (*created, *updated):
        _record(session, draft)
    touched = {draft.id for draft in updated} | await _add_parties(session, good)
    return {draft.index: draft.refusal or _outcome(draft, touched) for draft in drafts}


async def _ask_credit(session: WriteSession, drafts: Sequence[_Draft], scopes: frozenset[str]) -> None:
    answers: dict[frozenset[str], DomainError | None] = {}
    for draft in drafts:
        if draft.refusal is None and draft.present is not None and (touched := LED.intersection(draft.changed)):
            if touched not in answers:
                answers[touched] = await refusal_by_hand(session, touched, scopes)
            draft.refusal = answers[touched]


def _outcome(draft: _Draft, touched: set[UUID]) -> Upserted:
    if draft.present is None:
        return Upserted(AccountId(draft.id), "created")
    return Upserted(AccountId(draft.id), "updated" if draft.id in touched else "unchanged")


async def _load(session: WriteSession, commands: Sequence[AccountCommand]) -> _Known:
    def given(name: str) -> set[Any]:
        return {value for c in commands if (value := getattr(c, name)) is not UNSET and value is not None}

    codes, emails, numbers = given("payment_terms_code"), given("collector_email"), given("parent_number")
    terms_ids, collector_ids, parent_ids = given("payment_terms_id"), given("collector_id"), given("parent_id")
    return _Known(
        terms=await queries.terms_ids_by_code(session, codes) if codes else {},
        terms_ids=await queries.known_ids(session, "payment_terms", terms_ids) if terms_ids else set(),
        collectors=await queries.user_ids_by_email(session, emails) if emails else {},
        collector_ids=await queries.known_ids(session, "users", collector_ids) if collector_ids else set(),
        numbers=await queries.account_ids_by_number(session, numbers) if numbers else {},
        account_ids=await queries.known_ids(session, "accounts", parent_ids) if parent_ids else set(),
    )


def _values(draft: _Draft, known: _Known) -> dict[str, Any]:
    """The row as it shall be, the parent aside. Raises what the command refers to and is not there."""
    command, present = draft.command, draft.present
    if present is not None and present["status"] == "merged":
        raise AccountMerged("the account was merged into another one", pointer="/number")
    values = {name: present[name] for name in COLUMNS} if present is not None else dict(_FRESH)
    values |= {"number": command.number, "name": command.name, "currency": command.currency}
    if command.external_id is not None:
        values |= {"source": command.source, "external_id": command.external_id}
    values |= {name: given for name in _OPTIONAL if (given := getattr(command, name)) is not UNSET}
    if command.credit_status is not UNSET:
        # A harder word of the source acts at once; a milder one waits for the credit room, which knows the holds.
        values["source_credit_status"] = command.credit_status
        values["credit_status"] = max(values["credit_status"], command.credit_status, key=CREDIT_STATUSES.index)
    if command.active is not UNSET:
        values["status"] = "active" if command.active else "inactive"
    values["payment_terms_id"] = _terms_id(command, known, values["payment_terms_id"])
    values["collector_id"] = _collector_id(command, known, values["collector_id"])
    for kind, identity in (("bank_identifier", command.bank_identifier), ("payer_name", command.payer_name)):
        if identity is not None and not any(ch.isalnum() for ch in normalize_identity(kind, identity)):
            raise AccountInvalid("a payer identity has at least one letter or digit", pointer=f"/{kind}")
    return values


def _terms_id(command: AccountCommand, known: _Known, present: UUID | None) -> UUID | None:
    if command.payment_terms_code is not UNSET:
        if command.payment_terms_code is None:
            return None
        found = known.terms.get(command.payment_terms_code)
        if found is None:
            detail = f"there are no active payment terms {command.payment_terms_code}"
            raise PaymentTermsUnknown(detail, pointer="/payment_terms_code")
        return found
    if command.payment_terms_id is UNSET:
        return present
    if command.payment_terms_id is not None and command.payment_terms_id not in known.terms_ids:
        raise PaymentTermsUnknown("no such payment terms", pointer="/payment_terms_id")
    return command.payment_terms_id


def _collector_id(command: AccountCommand, known: _Known, present: UUID | None) -> UUID | None:
    if command.collector_email is not UNSET:
        if command.collector_email is None:
            return None
        found = known.collectors.get(command.collector_email.lower())
        if found is None:
            raise CollectorUnknown("no active user has this e-mail address", pointer="/collector_email")
        return found
    if command.collector_id is UNSET:
        return present
    if command.collector_id is not None and command.collector_id not in known.collector_ids:
        raise CollectorUnknown("no such user", pointer="/collector_id")
    return command.collector_id


async def _settle_parents(session: WriteSession, drafts: Sequence[_Draft], known: _Known) -> None:
    """Resolve parents, also to accounts of this batch, and refuse unknown ones and circles.

    A refusal may take the parent away from another draft, or open a circle: repeat until nothing changes.
    """
    wanted = [draft for draft in drafts if _names_parent(draft.command)]
    if not wanted:
        return
    start = {draft.id for draft in drafts if draft.present is not None}
    start |= known.account_ids | set(known.numbers.values())
    above = await queries.parents_above(session, start)
    while True:
        good = [draft for draft in drafts if draft.refusal is None]
        by_number = {draft.command.number: draft.id for draft in good}
        before = sum(draft.refusal is not None for draft in drafts)
        for draft in wanted:
            if draft.refusal is None:
                _resolve_parent(draft, known, by_number)
        parents: dict[Any, Any] = {**above, **{d.id: d.values["parent_id"] for d in good if d.refusal is None}}
        for circular in find_cycles(parents, [draft.id for draft in wanted if draft.refusal is None]):
            draft = next(draft for draft in wanted if draft.id == circular)
            pointer = "/parent_number" if draft.command.parent_number is not UNSET else "/parent_id"
            draft.refuse(ParentCycle("the account would become its own ancestor", pointer=pointer))
        if sum(draft.refusal is not None for draft in drafts) == before:
            return


def _names_parent(command: AccountCommand) -> bool:
    return command.parent_number is not UNSET or command.parent_id is not UNSET


def _resolve_parent(draft: _Draft, known: _Known, by_number: Mapping[str, UUID]) -> None:
    command = draft.command
    if command.parent_number is not UNSET:
        number = command.parent_number
        found = None if number is None else by_number.get(number) or known.numbers.get(number)
        if number is not None and found is None:
            draft.refuse(ParentUnknown(f"there is no account {number}", pointer="/parent_number"))
        draft.values["parent_id"] = found
        return
    if command.parent_id is not None and command.parent_id not in known.account_ids:
        draft.refuse(ParentUnknown("no such account", pointer="/parent_id"))
    draft.values["parent_id"] = command.parent_id


def _row(draft: _Draft) -> list[Any]:
    return [draft.id, *(draft.values[name] for name in COLUMNS)]


async def _add_parties(session: WriteSession, drafts: Sequence[_Draft]) -> set[UUID]:
    """Contacts and payer identities that came with the accounts; returns the accounts where something is new."""
    contacts = [(draft.id, draft.command.contact) for draft in drafts if draft.command.contact is not None]
    identities = [
        IdentityCommand(draft.id, kind, value)
        for draft in drafts
        for kind in ("bank_identifier", "payer_name")
        if (value := getattr(draft.command, kind)) is not None
    ]
    return await upsert_contacts(session, contacts) | await add_payer_identities(session, identities)


def _record(session: WriteSession, draft: _Draft) -> None:
    changed = [name for name in draft.changed if name not in _ADDRESS]
    moved = [name for name in _ADDRESS if name in draft.changed and (draft.present or draft.values[name] is not None)]
    # Where somebody lives is personal data: the log names the fields only.
    address = {"address_fields": moved} if moved else {}
    if draft.present is None:
        filled = {name: draft.values[name] for name in changed if draft.values[name] is not None} | address
        record_change(session, ChangeRow("account", draft.id, "account.created", after=filled))
        return
    before = {name: draft.present[name] for name in changed}
    after = {name: draft.values[name] for name in changed} | address
    record_change(session, ChangeRow("account", draft.id, "account.updated", before=before, after=after))
