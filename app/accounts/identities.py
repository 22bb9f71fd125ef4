"""Payer identities: bank identifiers and payer names that stand for an account, entered or learned from money.

The same identity may stand for several accounts: whoever matches then abstains. Values are personal data, so that the
change log names only the kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.accounts import party_queries
from app.accounts.commands import AccountInvalid, identity_text
from app.accounts.errors import PayerIdentityTaken
from app.accounts.queries import lock_account
from app.accounts.rules import normalize_identity
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version

KINDS = ("bank_identifier", "payer_name", "vat_id", "electronic_address", "registered_id")


@dataclass(frozen=True, slots=True)
class IdentityCommand:
    """This bank identifier or payer name, as the bank or a person gave it, stands for this account."""

    account_id: UUID
    kind: str
    value: str


async def add_payer_identity(session: WriteSession, command: IdentityCommand) -> UUID:
    """Enter an identity; one that was taken out of use comes back. Returns its id.

    Raises AccountNotFound, AccountInvalid, PayerIdentityTaken.
    """
    await lock_account(session, command.account_id)
    account_id, kind, value, normalized = _checked(command)
    known = await party_queries.find_identity(session, account_id, kind, normalized)
    if known is not None:
        if known["active"]:
            raise PayerIdentityTaken("the account has this payer identity already", pointer="/value")
        await party_queries.set_identity_active(session, known["id"], True)
        _record(session, known["id"], "payer_identity.added", account_id, kind, "entered")
        return UUID(str(known["id"]))
    identity_id = new_id()
    rows = [(identity_id, account_id, kind, value, normalized)]
    if not await party_queries.insert_identities(session, rows, "entered"):
        raise PayerIdentityTaken("the account has this payer identity already", pointer="/value")
    _record(session, identity_id, "payer_identity.added", account_id, kind, "entered")
    return identity_id


async def add_payer_identities(session: WriteSession, commands: Iterable[IdentityCommand]) -> set[UUID]:
    """Enter those that are new, set-wise; the others, also those out of use, stay as they are.

    Returns the accounts that have a new one. Raises AccountInvalid.
    """
    return await _insert_new(session, [_checked(command) for command in commands], "entered")


async def learn_payer_identity(session: WriteSession, account_id: UUID, kind: str, value: str) -> None:
    """Money under this identity was applied to the account: remember it, or count it once more."""
    await learn_payer_identities(session, [IdentityCommand(account_id, kind, value)])


async def learn_payer_identities(session: WriteSession, commands: Iterable[IdentityCommand]) -> None:
    """Set-wise `learn_payer_identity`. What a person took out of use stays so. Values without letter or digit, or
    too long to be one, teach nothing.
    """
    seen: Counter[tuple[UUID, str, str]] = Counter()
    first: dict[tuple[UUID, str, str], tuple[UUID, str, str, str]] = {}
    for command in commands:
        try:
            row = _checked(command)
        except AccountInvalid:
            continue
        key = (row[0], row[1], row[3])
        seen[key] += 1
        first.setdefault(key, row)
    if not seen:
        return
    # Before the insert, so that a new identity does not count itself twice; in one order, so that nobody deadlocks.
    ordered = sorted(seen)
    await party_queries.confirm_identities(session, [(*key, seen[key]) for key in ordered])
    await _insert_new(session, [first[key] for key in ordered], "learned")


async def deactivate_payer_identity(
    session: WriteSession, account_id: UUID, identity_id: UUID, *, expected_version: int | None = None
) -> None:
    """Take the identity out of use: no payment is recognised by it, and none teaches it again.

    Raises PayerIdentityNotFound, StaleVersion. One that is out of use already stays as it is.
    """
    row = await party_queries.get_identity(session, account_id, identity_id, lock=True)
    check_version(expected_version, row["version"])
    if row["active"]:
        await party_queries.set_identity_active(session, identity_id, False)
        _record(session, identity_id, "payer_identity.deactivated", account_id, row["kind"], row["origin"])


async def unlearn_identities(session: WriteSession, times: Mapping[tuple[UUID, str, str], int]) -> None:
    """What taught these identities (account, kind, normalized value) so many times was undone: count it less.

    A learned one that nothing confirms any more is gone, and may be learned anew; an entered one stays.
    """
    if not times:
        return
    for row in await party_queries.unconfirm_identities(session, [(*key, times[key]) for key in sorted(times)]):
        _record(session, row["id"], "payer_identity.unlearned", row["account_id"], row["kind"], "learned")


async def forget_learned_identity(
    session: WriteSession, account_id: UUID, kind: str, normalized: str, times: int
) -> None:
    """A person says that money taught this wrongly: a learned identity goes out of use, an entered one counts less."""
    known = await party_queries.find_identity(session, account_id, kind, normalized)
    if known is None or not known["active"]:
        return
    if known["origin"] == "learned":
        await deactivate_payer_identity(session, account_id, known["id"])
    else:
        await unlearn_identities(session, {(account_id, kind, normalized): times})


def _checked(command: IdentityCommand) -> tuple[UUID, str, str, str]:
    if command.kind not in KINDS:
        raise AccountInvalid(f"the kind is one of {', '.join(KINDS)}", pointer="/kind")
    value = identity_text(command.value)
    normalized = normalize_identity(command.kind, value)
    if not any(ch.isalnum() for ch in normalized):
        raise AccountInvalid("a payer identity has at least one letter or digit", pointer="/value")
    return command.account_id, command.kind, value, normalized


async def _insert_new(session: WriteSession, rows: list[tuple[UUID, str, str, str]], origin: str) -> set[UUID]:
    if not rows:
        return set()
    unique = {(row[0], row[1], row[3]): row for row in rows}
    made = await party_queries.insert_identities(session, [(new_id(), *row) for row in unique.values()], origin)
    for row in made:
        _record(session, row["id"], f"payer_identity.{_EVENTS[origin]}", row["account_id"], row["kind"], origin)
    return {row["account_id"] for row in made}


_EVENTS = {"entered": "added", "learned": "learned"}


def _record(session: WriteSession, identity_id: UUID, event: str, account_id: UUID, kind: str, origin: str) -> None:
    after = {"account_id": account_id, "kind": kind, "origin": origin}
    record_change(session, ChangeRow("payer_identity", identity_id, event, after=after))
