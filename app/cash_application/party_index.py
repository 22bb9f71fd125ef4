"""A compact index of the organization's account names and numbers: which accounts a payer's name may mean.

It holds twelve to sixteen bytes a name key instead of the names, so that a hundred thousand accounts take a few
megabytes. A hit is a candidate only: the rows of the candidates are read, and the engine compares the names
themselves. So a key that clashes, or that an account had before it was renamed, costs a row and no more.

An index is kept in the process and follows the accounts by the instant of their last change.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from app.cash_application.matching.names import CUT_MINIMUM, loose_name, name_forms, normalize_name
from app.cash_application.sql import facts as sql
from app.core.payment_references import account_signs
from app.core.reference_keys import number_keys
from app.infra.database import Database, settled_before

STRICT, LOOSE, WORD, BEGINNING, NUMBER, SIGNS = "s", "l", "w", "b", "n", "a"
KEYS_LIMIT = 12_000_000
"""Of all organizations whose index this process keeps: about 100 MB."""
RECENT_LIMIT = 20_000
_ORDINAL_BITS = 28
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Party:
    """What the index reads of an account."""

    id: UUID
    number: str
    names: tuple[str, ...]


class PartyIndex:
    """Hashed keys, sorted, each with the ordinal of its account; what changed lately in a small second array."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._keys = array("Q")
        self._recent = array("Q")
        self.seen_before = datetime.min.replace(tzinfo=UTC)

    def __len__(self) -> int:
        return len(self._keys) + len(self._recent)

    def add(self, parties: Iterable[Party], *, more: bool = False) -> None:
        """Index these accounts, also those that are in it under other names already. With `more` others follow, and
        nothing is found before they came.
        """
        for party, hashes in _hashes_of(list(parties)):
            ordinal = len(self._ids) // 16
            self._ids += party.id.bytes
            self._recent.extend([hashed | ordinal for hashed in hashes])
        if more:
            return
        if len(self._recent) > max(RECENT_LIMIT, len(self._keys) // 8):
            self._keys.extend(self._recent)
            self._keys, self._recent = array("Q", sorted(self._keys)), array("Q")
        else:
            self._recent = array("Q", sorted(self._recent))

    def find(self, kind: str, text: str, limit: int) -> list[UUID]:
        """Accounts with this key; none when there are more than `limit`."""
        low = _entry(kind + text, 0)
        found: list[UUID] = []
        for keys in (self._keys, self._recent):
            start, end = bisect_left(keys, low), bisect_left(keys, low + (1 << _ORDINAL_BITS))
            if end - start > limit:
                return []
            found.extend(self._id(keys[at]) for at in range(start, end))
        return found

    def count(self, kind: str, text: str) -> int:
        """How many accounts have this key."""
        low = _entry(kind + text, 0)
        return sum(
            bisect_left(keys, low + (1 << _ORDINAL_BITS)) - bisect_left(keys, low)
            for keys in (self._keys, self._recent)
        )

    def _id(self, entry: int) -> UUID:
        at = 16 * (entry & ((1 << _ORDINAL_BITS) - 1))
        return UUID(bytes=bytes(self._ids[at : at + 16]))

    def __getstate__(self) -> tuple[bytes, bytes, bytes, datetime]:
        return bytes(self._ids), self._keys.tobytes(), self._recent.tobytes(), self.seen_before

    def __setstate__(self, state: tuple[bytes, bytes, bytes, datetime]) -> None:
        ids, keys, recent, self.seen_before = state
        self._ids, self._keys, self._recent = bytearray(ids), array("Q"), array("Q")
        self._keys.frombytes(keys)
        self._recent.frombytes(recent)


def _entry(key: str, ordinal: int) -> int:
    """The key's hash above the ordinal; the hash is the same in every process."""
    return crc32(key.encode()) << _ORDINAL_BITS | ordinal


def _hashes_of(parties: Sequence[Party]) -> Iterator[tuple[Party, set[int]]]:
    """The entries of each party without its ordinal. Many parties share their words: these are hashed once."""
    words: dict[str, int] = {}
    forms = iter(name_forms([name for party in parties for name in party.names]))
    for party in parties:
        hashes = {_entry(NUMBER + key, 0) for key in number_keys(party.number)[:2]}
        hashes.add(_entry(SIGNS + account_signs(party.number), 0))
        for _ in party.names:
            strict, loose = next(forms)
            hashes.add(_entry(STRICT + strict, 0))
            hashes.add(_entry(LOOSE + loose, 0))
            for word in loose.split():
                known = words.get(word)
                if known is None:
                    known = words[word] = _entry(WORD + word, 0)
                hashes.add(known)
            if len(strict) > CUT_MINIMUM:
                hashes.add(_entry(BEGINNING + strict[:CUT_MINIMUM], 0))
        yield party, hashes


_kept: OrderedDict[UUID, PartyIndex] = OrderedDict()


async def party_index(database: Database, organization_id: UUID) -> PartyIndex:
    """The organization's index as of now: built at the first time, then brought up to date by what changed."""
    index = _kept.pop(organization_id, None)
    async with database.read(organization_id) as session:
        settled = await settled_before(session)
    if index is None:
        index = PartyIndex()
        await _build(database, organization_id, index)
    else:
        await _follow(database, organization_id, index)
    index.seen_before = settled
    _kept[organization_id] = index
    while len(_kept) > 1 and sum(len(kept) for kept in _kept.values()) > KEYS_LIMIT:
        _kept.popitem(last=False)
    return index


async def _build(database: Database, organization_id: UUID, index: PartyIndex) -> None:
    after = _FIRST
    while True:
        async with database.read(organization_id) as session:
            rows = await sql.accounts_page(session, after)
        if not rows:
            break
        after = rows[-1]["id"]
        await asyncio.to_thread(index.add, _parties(rows), more=True)
    await asyncio.to_thread(index.add, ())
    normalize_name.cache_clear()  # the names of all accounts, of which few will be asked for
    loose_name.cache_clear()


async def _follow(database: Database, organization_id: UUID, index: PartyIndex) -> None:
    since, after = index.seen_before, _FIRST
    while True:
        async with database.read(organization_id) as session:
            rows = await sql.accounts_since(session, since, after)
        if not rows:
            break
        since, after = rows[-1]["updated_at"], rows[-1]["id"]
        await asyncio.to_thread(index.add, _parties(rows))


def _parties(rows: Sequence[Any]) -> list[Party]:
    return [
        Party(row["id"], row["number"], tuple(name for name in (row["name"], row["legal_name"]) if name))
        for row in rows
    ]
