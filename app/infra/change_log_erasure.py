"""Take words about people out of the change log, and leave its chain of hashes whole.

Each row was hashed with a random salt (`infra/seal.py`). Here the hash stays, the words and the salt go: the chain can
still be recomputed, and nobody can test a guess against it. What is left of these rows is hashed anew into a row of the
log, `change_log.erased`, which the chain covers like any other. Rows that were sealed before salts existed keep their
plain hash. Rows that are not sealed yet simply get sealed as they are afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import Conflict
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SEAL_LOCK_SPACE, WriteSession, organization_lock_key
from app.infra.seal import DIGEST, ERASED_EVENT, FIRST_SHA256, REMAINS

ROWS_AT_ONCE = 2_000
SUBJECTS_AT_ONCE = 5_000
_ROWS = f"""
SELECT c.id, c.entity_type, c.reason, c.before, c.after, s.position, s.sha256, p.sha256 AS previous,
    CASE WHEN s.id IS NOT NULL THEN {DIGEST} END AS digest
FROM unnest($2::text[], $3::uuid[]) AS w(entity_type, entity_id)
JOIN change_log c ON c.organization_id = $1 AND c.entity_type = w.entity_type AND c.entity_id = w.entity_id
LEFT JOIN change_seals s ON s.organization_id = $1 AND s.id = c.id
LEFT JOIN change_seals p ON p.organization_id = $1 AND p.position = s.position - 1
WHERE c.id > $4 AND s.erasure_id IS NULL ORDER BY c.id LIMIT {ROWS_AT_ONCE}
"""
_OVERWRITE = """
UPDATE change_log c SET reason = r.reason, before = r.before, after = r.after
FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::jsonb[]) AS r(id, reason, before, after)
WHERE c.organization_id = $1 AND c.id = r.id
"""
_UNSALT = """
UPDATE change_seals s SET salt = NULL, row_sha256 = r.digest, erasure_id = $2
FROM unnest($3::uuid[], $4::bytea[]) AS r(id, digest) WHERE s.organization_id = $1 AND s.id = r.id
"""
_REMAINS = f"""
SELECT count(*) AS rows, {REMAINS} AS remains FROM change_seals s
JOIN change_log c ON c.organization_id = $1 AND c.id = s.id
WHERE s.organization_id = $1 AND s.erasure_id = $2
"""


class ChangeLogDamaged(Conflict):
    """A row does not fit the chain any more: an erasure would hide it. Verify the log first."""

    code = "change_log.damaged"


@dataclass(frozen=True, slots=True)
class Words:
    """What a row of the log says in words: of which subject, why, and the facts before and after."""

    entity_type: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


Redact = Callable[[Words], Words]
"""What is left of a row's words; the same words where there is nothing to take out."""


async def erase_words(session: WriteSession, subjects: Mapping[str, Collection[UUID]], redact: Redact) -> int:
    """Take words out of every row about these subjects (entity type → ids); returns of how many. Safe to repeat.

    The sealer waits until this transaction has ended. Raises ChangeLogDamaged.
    """
    wanted = [(kind, entity_id) for kind, ids in subjects.items() for entity_id in ids]
    if not wanted:
        return 0
    key, driver = session.organization_id, session.driver
    await driver.execute("SELECT pg_advisory_xact_lock($1, $2)", SEAL_LOCK_SPACE, organization_lock_key(key))
    erasure_id, count = new_id(), 0
    for start in range(0, len(wanted), SUBJECTS_AT_ONCE):
        part, after = wanted[start : start + SUBJECTS_AT_ONCE], UUID(int=0)
        kinds, ids = [kind for kind, _ in part], [entity_id for _, entity_id in part]
        while rows := await driver.fetch(_ROWS, key, kinds, ids, after):
            count += await _erase(session, rows, erasure_id, redact)
            after = rows[-1]["id"]
    found = await driver.fetchrow(_REMAINS, key, erasure_id)
    assert found is not None
    if found["rows"]:
        facts = {"rows": found["rows"], "remains_sha256": found["remains"]}
        record_change(session, ChangeRow("change_log", erasure_id, ERASED_EVENT, after=facts))
    return count


async def _erase(session: WriteSession, rows: Sequence[asyncpg.Record], erasure_id: UUID, redact: Redact) -> int:
    changed: list[tuple[asyncpg.Record, Words]] = []
    for row in rows:
        said = Words(row["entity_type"], row["reason"], row["before"], row["after"])
        left = redact(said)
        if left != said:
            _check_whole(row)
            changed.append((row, left))
    if not changed:
        return 0
    key, driver = session.organization_id, session.driver
    await driver.execute(
        _OVERWRITE,
        key,
        [row["id"] for row, _ in changed],
        [left.reason for _, left in changed],
        [None if left.before is None else json.dumps(left.before) for _, left in changed],
        [None if left.after is None else json.dumps(left.after) for _, left in changed],
    )
    sealed = [row for row, _ in changed if row["position"] is not None]
    await driver.execute(_UNSALT, key, erasure_id, [row["id"] for row in sealed], [row["digest"] for row in sealed])
    return len(changed)


def _check_whole(row: asyncpg.Record) -> None:
    """A row whose words do not fit its seal is evidence: nothing is taken out of it."""
    if row["position"] is None:
        return
    previous = FIRST_SHA256 if row["position"] == 1 else row["previous"]
    if previous is None or row["digest"] is None or hashlib.sha256(previous + row["digest"]).digest() != row["sha256"]:
        raise ChangeLogDamaged(f"the row at position {row['position']} does not fit the chain of hashes")
