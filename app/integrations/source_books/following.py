"""Applications as the source states them, before any is followed here: what it undid since is undone first.

Only then is there room for what it applied instead. One pass over the file keeps what it says of every pair; the
second pass, the import proper, applies what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import Actor, Database, ReadSession, WriteSession, attempt
from app.integrations import application_queries
from app.integrations.source_books.undoing import undo_pair

CHUNK_PAIRS = 2_500
MISSING_AT_ONCE = 1_000
LOWERED_KEPT_MAX = 100_000
Pair = tuple[str, str, str]  # source, from, to
_STATE = """
INSERT INTO source_applications AS a (organization_id, id, source, from_external_id, to_external_id, source_table,
    minor, import_id)
SELECT $1, r.id, r.source, r.from_id, r.to_id, $3, r.minor, $2
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[]) AS r(id, source, from_id, to_id, minor)
ON CONFLICT (organization_id, source, from_external_id, to_external_id) DO UPDATE SET
    minor = excluded.minor + CASE WHEN a.import_id = excluded.import_id THEN a.minor ELSE 0 END,
    source_table = excluded.source_table, import_id = excluded.import_id
"""
_BEGIN = "UPDATE source_applications SET minor = 0 WHERE organization_id = $1 AND import_id = $2"
_MISSING = """
SELECT source, from_external_id, to_external_id FROM source_applications
WHERE organization_id = $1 AND source_table = $3 AND import_id <> $2 AND source = ANY($4::text[])
    AND (source, from_external_id, to_external_id) > ($5, $6, $7)
ORDER BY source, from_external_id, to_external_id LIMIT $8
"""
_STATED = """
SELECT a.source, a.from_external_id, a.to_external_id, a.minor FROM source_applications a
JOIN unnest($2::text[], $3::text[], $4::text[]) AS w(source, from_external_id, to_external_id)
    USING (source, from_external_id, to_external_id)
WHERE a.organization_id = $1
"""
_STATED_BEFORE = """
SELECT a.source, a.from_external_id, a.to_external_id, a.minor FROM source_applications a
JOIN unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) AS w(source, from_external_id, to_external_id, minor)
    USING (source, from_external_id, to_external_id)
WHERE a.organization_id = $1 AND a.import_id <> $2 AND a.minor > w.minor
"""
_FORGET = """
DELETE FROM source_applications
WHERE organization_id = $1 AND source = $2 AND from_external_id = $3 AND to_external_id = $4
"""
_STATED_OPEN = """
SELECT i.id, CASE WHEN d.original_currency = i.currency THEN d.original_open_minor
        WHEN d.functional_currency = i.currency THEN d.functional_open_minor END AS stated_minor,
    (SELECT coalesce(sum(n.open_minor), 0)::bigint FROM instalments n
        WHERE n.organization_id = $1 AND n.invoice_id = i.id) AS open_minor
FROM invoices i JOIN source_documents d ON d.organization_id = $1 AND d.source = i.source
    AND d.external_id = i.external_id
WHERE i.organization_id = $1 AND i.id = ANY($2::uuid[])
"""


@dataclass(slots=True)
class Following:
    """One file of applications, read for what it says. `rule` is the option on_missing_application."""

    database: Database
    organization_id: UUID
    actor: Actor
    import_id: UUID
    table: str
    today: date
    rule: str
    sources: set[str] = field(default_factory=set)
    undone: int = 0
    _waiting: dict[Pair, int] = field(default_factory=dict)
    _lowered: dict[Pair, int] = field(default_factory=dict)  # by pair: what the file before said

    async def start(self) -> None:
        """Start again from nothing: a worker that died may have read a part of the file."""
        async with self.database.write(self.organization_id, self.actor) as session:
            await session.driver.execute(_BEGIN, self.organization_id, self.import_id)

    async def add(self, pair: Pair, minor: int) -> None:
        """The file says that so much of the pair is settled."""
        self._waiting[pair] = self._waiting.get(pair, 0) + minor
        if len(self._waiting) >= CHUNK_PAIRS:
            await self._keep()

    async def _keep(self) -> None:
        pairs, self._waiting = dict(sorted(self._waiting.items())), {}
        if not pairs:
            return
        self.sources |= {pair[0] for pair in pairs}
        columns = [[pair[place] for pair in pairs] for place in range(3)]
        async with self.database.write(self.organization_id, self.actor) as session:
            lowered = await session.driver.fetch(
                _STATED_BEFORE, self.organization_id, self.import_id, *columns, list(pairs.values())
            )
            await session.driver.execute(
                _STATE,
                self.organization_id,
                self.import_id,
                self.table,
                [new_id() for _ in pairs],
                *columns,
                list(pairs.values()),
            )
        for row in lowered[: max(0, LOWERED_KEPT_MAX - len(self._lowered))]:
            self._lowered[row[0], row[1], row[2]] = row["minor"]

    async def end(self) -> int:
        """Undo what the file says no more; how many applications that were."""
        await self._keep()
        await self._undo_lowered()
        if self.rule != "keep" and self.sources:
            await self._undo_missing()
        return self.undone

    async def _undo_lowered(self) -> None:
        """Pairs of which the source says less than before: undone whole, and applied anew by the rows."""
        pairs = sorted(self._lowered)
        for start in range(0, len(pairs), 100):
            part = pairs[start : start + 100]
            async with self.database.write(self.organization_id, self.actor) as session:
                stated = await self._stated(session, part)
                await self._undo(session, [p for p in part if stated.get(p, 0) < self._lowered[p]], stated)

    async def _stated(self, session: ReadSession, pairs: Sequence[Pair]) -> dict[Pair, int]:
        columns = [list(column) for column in zip(*pairs, strict=True)]
        rows = await session.driver.fetch(_STATED, self.organization_id, *columns)
        return {(row[0], row[1], row[2]): row["minor"] for row in rows}

    async def _undo_missing(self) -> None:
        """Pairs that an earlier file of this table had, and this one has not."""
        last: Pair = ("", "", "")
        while True:
            async with self.database.write(self.organization_id, self.actor) as session:
                rows = await session.driver.fetch(
                    _MISSING,
                    self.organization_id,
                    self.import_id,
                    self.table,
                    sorted(self.sources),
                    *last,
                    MISSING_AT_ONCE,
                )
                pairs: list[Pair] = [(row[0], row[1], row[2]) for row in rows]
                for pair in await self._undo(session, pairs, {}):
                    await session.driver.execute(_FORGET, self.organization_id, *pair)
            if len(pairs) < MISSING_AT_ONCE:
                return
            last = pairs[-1]

    async def _undo(self, session: WriteSession, pairs: Sequence[Pair], stated: Mapping[Pair, int]) -> list[Pair]:
        """Undo those of which more is settled here than stated; the pairs that are dealt with."""
        found = await application_queries.parties(session, pairs)
        present = await application_queries.settled(session, found)
        dealt = [pair for pair in pairs if pair not in found]  # a side of it is void by now, and with it the rest
        opened: dict[UUID, Any] = {}
        if not stated and self.rule == "undo_if_open":
            ids = [party.invoice_id for party in found.values()]
            rows = await session.driver.fetch(_STATED_OPEN, self.organization_id, ids)
            opened = {row["id"]: row for row in rows}
        for pair, party in found.items():
            settled = present.get(pair, 0)
            if settled <= stated.get(pair, 0):
                dealt.append(pair)
                continue
            if not stated and self.rule == "undo_if_open" and not _is_open_again(opened.get(party.invoice_id), settled):
                continue
            try:
                async with attempt(session):
                    self.undone += await undo_pair(session, party.source_id, party.invoice_id, today=self.today)
            except DomainError:
                continue  # the balances will show it
            dealt.append(pair)
        return dealt


def _is_open_again(row: Any | None, settled_minor: int) -> bool:
    """Whether the source states at least as much open as there would be without this application."""
    if row is None or row["stated_minor"] is None:
        return False
    return bool(row["stated_minor"] >= row["open_minor"] + settled_minor)
