"""The sealer: gives committed changes of an organization a gapless position and a hash chain, in commit order.

Writers know nothing of it and never wait. Each pass takes the database's own answer to "who has committed": the
snapshot. Everything that the snapshot of the last pass saw is sealed; new is what the present snapshot sees beyond
it: transactions that were running then (few, named in it) and those with a later id (a range of an index). So a
transaction that commits late is found when it commits, however long it took, and nobody waits for it.

The chain: `sha256(previous || hash of the row)`, beginning with 32 zero bytes; `row` is the text of a JSON array as
PostgreSQL prints jsonb: organization, id, entity type and id, event, effective date, actor kind, id and name,
request, reason, before, after, recorded instant in microseconds since 1970. Its hash is `sha256(row)` in version 1 and
`sha256(salt || row)` in version 2, with 16 random bytes that are known as long as nobody is forgotten.

An erasure (`infra/change_log_erasure.py`) keeps the hash of the row as it was and drops the salt: the chain stays whole
and nothing can be guessed from it. What is left of these rows is covered by the erasure's own row in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from app.core.ids import OrganizationId
from app.infra.database import SEAL_LOCK_SPACE, SYSTEM, Database, ReadSession, organization_lock_key
from app.infra.reactions import Announce

BATCH_LIMIT = 5_000
FULL_BATCH_LIMIT = 50_000
FIRST_SHA256 = bytes(32)
DIGEST_VERSION = 2
ERASED_EVENT = "change_log.erased"
_ROW = """convert_to(jsonb_build_array(c.organization_id, c.id, c.entity_type, c.entity_id, c.event,
    c.effective_date, c.actor_kind, c.actor_id, c.actor_name, c.request_id, c.reason, c.before, c.after,
    (extract(epoch FROM c.recorded_at) * 1000000)::bigint)::text, 'UTF8')"""
PLAIN_DIGEST = f"sha256({_ROW})"
DIGEST = f"""CASE s.digest_version WHEN 1 THEN {PLAIN_DIGEST} WHEN 2 THEN sha256(uuid_send(s.salt) || {_ROW}) END"""
"""The hash of a row `c` under its seal `s`, if nothing was taken out of it."""
REMAINS = f"encode(sha256(string_agg({PLAIN_DIGEST}, ''::bytea ORDER BY s.position)), 'hex')"
"""What is left of the rows of an erasure."""
# A fresh salt for each row; the limit keeps it one value for the row.
_HASHED = f"SELECT c.id, c.xid::text AS xid, c.event, c.salt, sha256(uuid_send(c.salt) || {_ROW}) AS digest FROM (%s) c"
_UNSEALED = """NOT EXISTS (SELECT 1 FROM change_seals s WHERE s.organization_id = c.organization_id AND s.id = c.id)"""
_HEAD = """
SELECT h.position, h.sha256, h.seen, h.system_identifier, p.system_identifier AS here,
       pg_current_snapshot()::text AS now
FROM pg_control_system() p LEFT JOIN change_heads h ON h.organization_id = $1
"""
_NEW = (
    _HASHED
    % f"""
SELECT c.*, gen_random_uuid() AS salt FROM change_log c
WHERE c.organization_id = $1
  AND ((c.xid >= $2::text::xid8 AND c.xid < $3::text::xid8) OR c.xid = ANY($4::text[]::xid8[]))
  AND pg_visible_in_snapshot(c.xid, $5::text::pg_snapshot) AND {_UNSEALED}
ORDER BY c.xid, c.id LIMIT $6
"""
    + " ORDER BY c.xid, c.id"
)
_ALL = (
    _HASHED
    % f"""
SELECT c.*, gen_random_uuid() AS salt FROM change_log c
WHERE c.organization_id = $1 AND {_UNSEALED} ORDER BY c.xid, c.id LIMIT $2
"""
    + " ORDER BY c.xid, c.id"
)
_INSERT = """
INSERT INTO change_seals (organization_id, id, position, sha256, digest_version, salt)
SELECT $1, r.id, r.position, r.sha256, $6, r.salt
FROM unnest($2::uuid[], $3::bigint[], $4::bytea[], $5::uuid[]) AS r(id, position, sha256, salt)
"""
_ADVANCE = """
INSERT INTO change_heads (organization_id, id, position, sha256, seen, system_identifier)
VALUES ($1, $1, $2, $3, $4, $5)
ON CONFLICT (organization_id, id) DO UPDATE SET position = excluded.position, sha256 = excluded.sha256,
    seen = excluded.seen, system_identifier = excluded.system_identifier
"""
_CHAIN = f"""
SELECT s.position, s.sha256,
    CASE WHEN c.id IS NULL THEN NULL WHEN s.erasure_id IS NULL THEN {DIGEST} ELSE s.row_sha256 END AS digest
FROM change_seals s LEFT JOIN change_log c ON c.organization_id = s.organization_id AND c.id = s.id
WHERE s.organization_id = $1 AND s.position > $2 ORDER BY s.position LIMIT {BATCH_LIMIT}
"""
_ENDS = """
SELECT (SELECT count(*) FROM change_seals WHERE organization_id = $1) AS sealed, h.position, h.sha256
FROM (SELECT) AS one LEFT JOIN change_heads h ON h.organization_id = $1
"""
# Rows of which words were taken out, by erasure: how many, the first, and whether the log tells of them as they are.
_ERASURES = f"""
SELECT e.rows, e.first, EXISTS (
    SELECT FROM change_log x WHERE x.organization_id = $1 AND x.entity_type = 'change_log'
    AND x.entity_id = e.erasure_id AND x.event = '{ERASED_EVENT}' AND x.after->>'remains_sha256' = e.remains
    AND (x.after->>'rows')::bigint = e.rows) AS told
FROM (
    SELECT s.erasure_id, count(*) AS rows, min(s.position) AS first, {REMAINS} AS remains
    FROM change_seals s JOIN change_log c ON c.organization_id = s.organization_id AND c.id = s.id
    WHERE s.organization_id = $1 AND s.erasure_id IS NOT NULL GROUP BY s.erasure_id
) e
"""
# Who has changes beyond what its head has seen. `$1` is the snapshot of the last look; without one every organization
# is looked at by its own head.
_WAITING = """
SELECT DISTINCT c.organization_id FROM change_log c
LEFT JOIN change_heads h ON h.organization_id = c.organization_id
WHERE ((c.xid >= $1::text::xid8 AND c.xid < $2::text::xid8) OR c.xid = ANY($3::text[]::xid8[]))
  AND (h.seen IS NULL OR h.seen = '' OR NOT pg_visible_in_snapshot(c.xid, h.seen::pg_snapshot))
"""
_WAITING_ANYWHERE = """
SELECT o.id AS organization_id FROM organizations o
LEFT JOIN change_heads h ON h.organization_id = o.id
LEFT JOIN LATERAL (SELECT nullif(h.seen, '')::pg_snapshot AS seen) AS s ON true
WHERE CASE WHEN s.seen IS NULL OR h.system_identifier <> $1
           THEN EXISTS (SELECT 1 FROM change_log c WHERE c.organization_id = o.id)
           ELSE EXISTS (SELECT 1 FROM change_log c
                        WHERE c.organization_id = o.id AND c.xid >= pg_snapshot_xmax(s.seen))
             OR EXISTS (SELECT 1 FROM pg_snapshot_xip(s.seen) AS running(xid) JOIN change_log c ON c.xid = running.xid
                        WHERE c.organization_id = o.id) END
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A `pg_snapshot`: ids below `xmax` have ended, but for those `running`. Order is by transaction id."""

    xmax: int
    running: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """Read PostgreSQL's text form `xmin:xmax:running,running`."""
        _, xmax, running = text.split(":")
        return cls(int(xmax), tuple(int(xid) for xid in running.split(",") if xid))

    def __str__(self) -> str:
        return f"{min(self.running, default=self.xmax)}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"


def advanced(seen: Snapshot, now: Snapshot, below: int) -> Snapshot:
    """What is sealed after a pass from `seen` towards `now` that sealed all transactions below that id.

    Below the cut `now` counts, above it still `seen`.
    """
    running = {xid for xid in now.running if xid < below} | {xid for xid in seen.running if xid >= below}
    return Snapshot(max(seen.xmax, below), tuple(sorted(running)))


@dataclass(frozen=True, slots=True)
class Pass:
    """How many changes a pass sealed; `again` when there was more, or another sealer was at work."""

    sealed: int
    again: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """The chain recomputed: rows sealed and not yet sealed, the first position that does not fit, the head's hash.

    `erased`: of how many rows words were taken out, by so many `erasures`, each of them told in the log.
    """

    sealed: int
    unsealed_tail: int
    first_bad_position: int | None
    head_sha256: bytes
    erased: int = 0
    erasures: int = 0


async def seal(
    database: Database, organization_id: UUID, limit: int = BATCH_LIMIT, announce: Announce | None = None
) -> Pass:
    """One pass over the organization's new changes, at most `limit` of them, in one transaction of its own.

    `announce` is told the types of the sealed changes in that transaction, to owe what must react to them.
    """
    async with database.write(organization_id, SYSTEM) as session:
        driver = session.driver
        key = organization_lock_key(organization_id)
        if not await driver.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", SEAL_LOCK_SPACE, key):
            return Pass(0, again=True)
        head = await driver.fetchrow(_HEAD, organization_id)
        assert head is not None
        now = Snapshot.parse(head["now"])
        seen = _known(head, now)
        if seen is None:
            limit = max(limit, FULL_BATCH_LIMIT)
            rows = await driver.fetch(_ALL, organization_id, limit)
        else:
            rows = await driver.fetch(
                _NEW,
                organization_id,
                str(seen.xmax),
                str(now.xmax),
                [str(xid) for xid in seen.running],
                head["now"],
                limit,
            )
        full = len(rows) >= limit
        if not rows and seen is not None:
            return Pass(0, again=False)
        if full:  # the last transaction may be sealed in part: the next pass takes it up
            reached = "" if seen is None else str(advanced(seen, now, int(rows[-1]["xid"])))
        else:
            reached = head["now"]
        position, sha256 = await _append(driver, organization_id, head, rows)
        await driver.execute(_ADVANCE, organization_id, position, sha256, reached, head["here"])
        if announce is not None and rows:
            await announce(session, frozenset(row["event"] for row in rows))
        return Pass(len(rows), again=full)


def _known(head: asyncpg.Record, now: Snapshot) -> Snapshot | None:
    """What the last pass saw, or None: nothing yet, or the ids are those of another server (a restored dump)."""
    if not head["seen"] or head["system_identifier"] != head["here"]:
        return None
    seen = Snapshot.parse(head["seen"])
    return seen if seen.xmax <= now.xmax else None


async def _append(
    driver: asyncpg.Connection, organization_id: UUID, head: asyncpg.Record, rows: Sequence[asyncpg.Record]
) -> tuple[int, bytes]:
    """Write the seals of these rows; returns the new position and hash of the head."""
    first, sha256 = head["position"] or 0, bytes(head["sha256"] or FIRST_SHA256)
    chain: list[bytes] = []
    for row in rows:
        sha256 = hashlib.sha256(sha256 + row["digest"]).digest()
        chain.append(sha256)
    for start in range(0, len(rows), BATCH_LIMIT):
        part = slice(start, start + BATCH_LIMIT)
        ids = [row["id"] for row in rows[part]]
        positions = list(range(first + start + 1, first + start + 1 + len(ids)))
        salts = [row["salt"] for row in rows[part]]
        await driver.execute(_INSERT, organization_id, ids, positions, chain[part], salts, DIGEST_VERSION)
    return first + len(rows), sha256


class Unsealed:
    """Finds organizations with unsealed changes, in the worker's role. Remembers how far it has looked."""

    def __init__(self, claims: Database) -> None:
        self._claims = claims
        self._seen: Snapshot | None = None

    def forget(self) -> None:
        """Look at every organization next time."""
        self._seen = None

    async def find(self) -> set[OrganizationId]:
        """Organizations whose head has not seen all committed changes. Those found must be sealed before the next."""
        async with self._claims.across() as driver:
            here = await driver.fetchrow(
                "SELECT pg_current_snapshot()::text AS now, system_identifier FROM pg_control_system()"
            )
            assert here is not None
            now, seen = Snapshot.parse(here["now"]), self._seen
            if seen is None or seen.xmax > now.xmax:
                rows = await driver.fetch(_WAITING_ANYWHERE, here["system_identifier"])
            else:
                running = [str(xid) for xid in seen.running]
                rows = await driver.fetch(_WAITING, str(seen.xmax), str(now.xmax), running)
        self._seen = now
        return {OrganizationId(row["organization_id"]) for row in rows}


async def verify_chain(session: ReadSession) -> Verification:
    """Recompute every hash of the organization, in bounded memory. Use a snapshot session (`read(snapshot=True)`)."""
    driver, organization_id = session.driver, session.organization_id
    ends = await driver.fetchrow(_ENDS, organization_id)
    assert ends is not None
    tail = await driver.fetchval(
        f"SELECT count(*) FROM change_log c WHERE c.organization_id = $1 AND {_UNSEALED}", organization_id
    )
    position, sha256, bad = 0, FIRST_SHA256, None
    while bad is None:
        rows = await driver.fetch(_CHAIN, organization_id, position)
        for row in rows:
            sha256 = hashlib.sha256(sha256 + (row["digest"] or b"")).digest()
            if row["position"] != position + 1 or row["digest"] is None or row["sha256"] != sha256:
                bad = position + 1
                break
            position += 1
        if len(rows) < BATCH_LIMIT:
            break
    if bad is None and (position != (ends["position"] or 0) or sha256 != (ends["sha256"] or FIRST_SHA256)):
        bad = min(position, ends["position"] or 0) + 1  # the head does not belong to this chain
    erasures = await driver.fetch(_ERASURES, organization_id)
    untold = [row["first"] for row in erasures if not row["told"]]
    return Verification(
        sealed=ends["sealed"],
        unsealed_tail=int(tail),
        first_bad_position=min([*untold, *([] if bad is None else [bad])], default=None),
        head_sha256=bytes(ends["sha256"] or FIRST_SHA256),
        erased=sum(row["rows"] for row in erasures),
        erasures=len(erasures),
    )
