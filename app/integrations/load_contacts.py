"""Rows of contacts: people and mailboxes of accounts that are on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.accounts.commands import UNSET, ContactCommand, normalized_contact
from app.accounts.contacts import upsert_contacts
from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.integrations.import_fields import CONTACTS, KindFields
from app.integrations.loader import AccountFinder, AccountRef, ParsedRow, Reading, account_unknown
from app.integrations.row_values import Fault


@dataclass(frozen=True, slots=True)
class Person:
    """A row in order."""

    account: AccountRef
    contact: ContactCommand


@dataclass(slots=True)
class ContactLoader:
    """Adds contacts, or brings them up to date: by role and e-mail address, else by role and name."""

    reading: Reading
    known: KindFields = field(default=CONTACTS)
    overlaps: bool = False
    healed_later: frozenset[str] = frozenset()
    accounts: AccountFinder = field(default_factory=lambda: AccountFinder(create=False))

    async def prepare(self, session: ReadSession) -> None:
        """Nothing is read beforehand."""

    def key(self, row: ParsedRow) -> str | None:
        """An account has several contacts."""
        return None

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to a Person."""
        cell = dict(zip(self.known.names, texts, strict=True))
        faults: list[Fault] = []
        self.reading.check(texts, suspicious, faults)
        row = ParsedRow(line, None, faults)
        if not (cell["account_number"] or cell["account_external_id"]):
            faults.append(Fault("account_number", "import.value_missing", "account_number is missing"))
        if not (cell["name"] or cell["email"] or cell["phone"]):
            faults.append(Fault("name", "import.value_missing", "name, email or phone is missing"))
        if faults:
            return row
        facts: dict[str, Any] = {name: cell[name] or UNSET for name in ("name", "email", "phone", "language")}
        try:
            contact = normalized_contact(ContactCommand(role=cell["role"] or "accounts_payable", **facts))
        except DomainError as refusal:
            pointer = refusal.errors[0].pointer.lstrip("/") if refusal.errors else None
            faults.append(Fault(pointer, refusal.code, refusal.detail))
            return row
        source = cell["source"] or self.reading.source
        row.draft = Person(AccountRef(cell["account_number"], source, cell["account_external_id"], "", ""), contact)
        return row

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Upsert the contacts of a chunk."""
        people: list[Person] = [row.draft for row in rows]
        accounts = await self.accounts.look_up(session, [person.account for person in people])
        results: list[str | DomainError] = []
        for person in people:  # one after another: the same contact may stand several times
            account_id = accounts.get(person.account)
            if account_id is None:
                results.append(account_unknown(person.account))
                continue
            touched = await upsert_contacts(session, [(account_id, person.contact)])
            results.append("updated" if touched else "unchanged")
        return results
