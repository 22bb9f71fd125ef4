"""The few accounts and payer identities that the payments of a batch may mean, as the engine's index of parties."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.accounts.rules import identity_keys, normalize_identity
from app.cash_application.matching.account_references import named_accounts
from app.cash_application.matching.names import (
    CUT_MINIMUM,
    loose_name,
    name_parts,
    normalize_bank_identifier,
    normalize_name,
)
from app.cash_application.matching.payer import AccountIndex
from app.cash_application.matching.references import Token
from app.cash_application.matching.types import (
    AccountFacts,
    IdentityKind,
    IdentityOrigin,
    PayerIdentity,
    PaymentFacts,
)
from app.cash_application.party_index import BEGINNING, LOOSE, NUMBER, SIGNS, STRICT, WORD, PartyIndex
from app.cash_application.sql import facts as sql
from app.infra.database import ReadSession

SAME_NAME_LIMIT = 60
SAME_BEGINNING_LIMIT = 200
SAME_WORD_LIMIT = 1_000
LIKE_NAMES_LIMIT = 1_000
GROUP_DEPTH_LIMIT = 32
GROUP_ACCOUNTS_LIMIT = 20_000
_NUMBER_KINDS = frozenset(("structured", "whole", "digits"))


async def load_named(
    session: ReadSession, payments: Sequence[PaymentFacts], tokens: Mapping[str, Sequence[Token]], index: PartyIndex
) -> AccountIndex:
    """Every account that the names, numbers and identities of these payments may mean, and their groups."""
    hits = await asyncio.to_thread(_hits, payments, tokens, index)
    parties, _ = await load_parties(session, payments, hits)
    return parties


async def load_parties(
    session: ReadSession, payments: Sequence[PaymentFacts], accounts: Iterable[UUID]
) -> tuple[AccountIndex, set[UUID]]:
    """These accounts, those of the payments' known identities, and their groups; and which accounts these are.

    The second answer leaves out members of groups: they are only there for who may pay for whom.
    """
    identities = await _identities(session, payments)
    wanted = {*accounts, *(UUID(identity.account_id) for identity in identities)}
    wanted.update(UUID(payment.account_id) for payment in payments if payment.account_id is not None)
    rows = await _with_groups(session, wanted)
    return await asyncio.to_thread(_index, rows, identities), wanted


def _hits(payments: Sequence[PaymentFacts], tokens: Mapping[str, Sequence[Token]], index: PartyIndex) -> set[UUID]:
    found: set[UUID] = set()
    names: dict[str, None] = {}
    numbers: set[str] = set()
    for payment in payments:
        if payment.account_id is not None:
            continue
        names.update(dict.fromkeys((*name_parts(payment.ultimate_payer_name), *name_parts(payment.payer_name))))
        numbers.update(token.key for token in tokens[payment.id] if token.kind in _NUMBER_KINDS)
        for signs in named_accounts(payment):
            found.update(index.find(SIGNS, signs, SAME_NAME_LIMIT))
    for number in numbers:
        found.update(index.find(NUMBER, number, SAME_NAME_LIMIT))
    for name in names:
        found.update(_named(name, index))
    return found


def _named(name: str, index: PartyIndex) -> set[UUID]:
    """Accounts of this name; without one those that begin so or share its rarest words."""
    strict, loose = normalize_name(name), loose_name(name)
    if not strict:
        return set()
    found = {*index.find(STRICT, strict, SAME_NAME_LIMIT)}
    if loose:
        found.update(index.find(LOOSE, loose, SAME_NAME_LIMIT))
    if found:
        return found
    if len(strict) >= CUT_MINIMUM:
        found.update(index.find(BEGINNING, strict[:CUT_MINIMUM], SAME_BEGINNING_LIMIT))
    for _, word in sorted((index.count(WORD, word), word) for word in set(loose.split())):
        found.update(index.find(WORD, word, SAME_WORD_LIMIT))
        if len(found) >= LIKE_NAMES_LIMIT:
            break
    return found


async def _identities(session: ReadSession, payments: Sequence[PaymentFacts]) -> list[PayerIdentity]:
    """Payer identities with the bank identifier or the name of one of these payments."""
    banks: set[str] = set()
    names: set[str] = set()
    for payment in payments:
        if payment.payer_bank_identifier:
            plain = normalize_bank_identifier(payment.payer_bank_identifier)
            banks |= {normalize_identity("bank_identifier", payment.payer_bank_identifier), plain}
        if payment.payer_name:
            names |= identity_keys("payer_name", payment.payer_name)
    rows = await sql.identity_rows(session, "bank_identifier", banks)
    rows += await sql.identity_rows(session, "payer_name", names)
    return [_identity(row) for row in rows]


async def _with_groups(session: ReadSession, wanted: set[UUID]) -> dict[UUID, Any]:
    """The active ones of these accounts, all above them, and a bounded number below: whole groups of companies."""
    rows = {row["id"]: row for row in await sql.accounts_by_id(session, wanted)}
    fresh = dict(rows)
    for _ in range(GROUP_DEPTH_LIMIT):
        above = {row["parent_id"] for row in fresh.values() if row["parent_id"]} - rows.keys()
        found = [*await sql.children_of(session, fresh), *(await sql.accounts_by_id(session, above) if above else [])]
        fresh = {row["id"]: row for row in found if row["id"] not in rows}
        if not fresh or len(rows) > GROUP_ACCOUNTS_LIMIT:
            break
        rows.update(fresh)
    return rows


def _index(rows: Mapping[UUID, Any], identities: Sequence[PayerIdentity]) -> AccountIndex:
    return AccountIndex([_account(row) for row in rows.values()], identities)


def _account(row: Any) -> AccountFacts:
    names = tuple(dict.fromkeys(name for name in (row["name"], row["legal_name"]) if name))
    return AccountFacts(
        id=str(row["id"]),
        number=row["number"],
        names=names,
        parent_id=str(row["parent_id"]) if row["parent_id"] else None,
    )


def _identity(row: Any) -> PayerIdentity:
    kind = IdentityKind(row["kind"])
    bank = kind is IdentityKind.BANK_IDENTIFIER
    value = normalize_bank_identifier(row["value"]) if bank else normalize_name(row["value"])
    entered = row["origin"] == "entered"
    strength = 1.0 if entered else row["confirmations"] / (row["confirmations"] + 1)
    origin = IdentityOrigin.ENTERED if entered else IdentityOrigin.LEARNED
    return PayerIdentity(str(row["account_id"]), kind, value, origin, strength)
