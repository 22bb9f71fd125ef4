"""Contacts of an account. Personal data: the change log names the fields that changed, never their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.accounts import party_queries
from app.accounts.commands import UNSET, ContactCommand, normalized_contact
from app.accounts.queries import lock_account
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version

FIELDS = ("role", "name", "email", "phone", "language", "consents", "do_not_contact")
_EMPTY: Mapping[str, Any] = {"consents": {}, "do_not_contact": False}


async def create_contact(session: WriteSession, account_id: UUID, command: ContactCommand) -> UUID:
    """Add a contact. Raises AccountNotFound, AccountInvalid."""
    await lock_account(session, account_id)
    contact_id = new_id()
    values = _merged({}, normalized_contact(command))
    await party_queries.insert_contacts(session, [_row(contact_id, account_id, values)])
    _record(session, contact_id, "contact.created", account_id, _filled(values))
    return contact_id


async def update_contact(
    session: WriteSession,
    account_id: UUID,
    contact_id: UUID,
    command: ContactCommand,
    *,
    expected_version: int | None = None,
) -> None:
    """Change the given fields of a contact. Raises ContactNotFound, StaleVersion, AccountInvalid."""
    present = await party_queries.get_contact(session, account_id, contact_id, lock=True)
    check_version(expected_version, present["version"])
    values = _merged(present, normalized_contact(command))
    changed = _changed(present, values)
    if changed:
        await party_queries.update_contacts(session, [_row(contact_id, account_id, values)])
        _record(session, contact_id, "contact.updated", account_id, changed)


async def erase_contact(
    session: WriteSession, account_id: UUID, contact_id: UUID, *, expected_version: int | None = None
) -> None:
    """Forget the person: name, addresses and consents are deleted, the empty row stays for what refers to it.

    Raises ContactNotFound, StaleVersion.
    """
    present = await party_queries.get_contact(session, account_id, contact_id, lock=True)
    check_version(expected_version, present["version"])
    await party_queries.erase_contact(session, contact_id)
    _record(session, contact_id, "contact.erased", account_id, [])


async def upsert_contacts(session: WriteSession, wanted: Sequence[tuple[UUID, ContactCommand]]) -> set[UUID]:
    """Add or bring up to date one contact of each account, set-wise; returns the accounts where something changed.

    A contact of the same role is the same when the e-mail address is, else when the name is. The commands are
    normalized already.
    """
    if not wanted:
        return set()
    known = await party_queries.active_contacts(session, {account_id for account_id, _ in wanted})
    inserts: list[tuple[Any, ...]] = []
    updates: list[tuple[Any, ...]] = []
    touched: set[UUID] = set()
    for account_id, command in wanted:
        present = _same(known.get(account_id, []), command)
        values = _merged(present or {}, command)
        if present is None:
            if not any(values[name] for name in ("name", "email", "phone")):
                continue
            contact_id = new_id()
            inserts.append(_row(contact_id, account_id, values))
            _record(session, contact_id, "contact.created", account_id, _filled(values))
        elif changed := _changed(present, values):
            updates.append(_row(present["id"], account_id, values))
            _record(session, present["id"], "contact.updated", account_id, changed)
        else:
            continue
        touched.add(account_id)
    if inserts:
        await party_queries.insert_contacts(session, inserts)
    if updates:
        await party_queries.update_contacts(session, updates)
    return touched


def _same(contacts: Sequence[Any], command: ContactCommand) -> Any | None:
    candidates = [row for row in contacts if row["role"] == command.role]
    for name in ("email", "name"):
        value = getattr(command, name)
        if isinstance(value, str):
            for row in candidates:
                if (row[name] or "").casefold() == value.casefold():
                    return row
    if not isinstance(command.email, str) and not isinstance(command.name, str) and len(candidates) == 1:
        return candidates[0]
    return None


def _merged(present: Any, command: ContactCommand) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in FIELDS:
        given = getattr(command, name)
        values[name] = (present[name] if present else _EMPTY.get(name)) if given is UNSET else given
    if command.consents is not UNSET and present:
        values["consents"] = {**present["consents"], **command.consents}
    return values


def _changed(present: Any, values: Mapping[str, Any]) -> list[str]:
    return [name for name in FIELDS if values[name] != present[name]]


def _filled(values: Mapping[str, Any]) -> list[str]:
    return [name for name in FIELDS if values[name]]


def _row(contact_id: UUID, account_id: UUID, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return (contact_id, account_id, *(values[name] for name in FIELDS))


def _record(session: WriteSession, contact_id: UUID, event: str, account_id: UUID, fields: list[str]) -> None:
    after = {"account_id": account_id, "fields": fields}
    record_change(session, ChangeRow("contact", contact_id, event, after=after))
