"""The proof: what the documents say equals what the journal says, per legal entity and currency, at any two times.

Everything is read in one snapshot, recomputed from rows. Closed periods are taken from the balances kept at their
close unless the full recomputation is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.infra.database import ReadSession
from app.ledger import queries
from app.ledger.balances import Balances, balances_at
from app.ledger.rules import OPEN_CREDIT_MEMOS, OPEN_INSTALMENTS, PAYMENT_BALANCES, ProofLine, proof_line
from app.ledger.subledger import RunningDifference, running_differences, running_sums
from app.ledger.two_times import Times

FULL_SECONDS_MAX = 900
_AFTER_ALL = date(9000, 1, 1)
_RUNNING = (OPEN_INSTALMENTS, OPEN_CREDIT_MEMOS, PAYMENT_BALANCES)


@dataclass(frozen=True, slots=True)
class RunningCheck:
    """Whether the amounts that services keep up to date equal those recomputed, of all rows whatever their dates.

    `by_document` tells that each document was compared; otherwise the sums were, which two opposite errors deceive.
    """

    holds: bool
    by_document: bool
    differences: tuple[RunningDifference, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """The lines of the proof, the days through which stored balances were used, and the check of running amounts."""

    times: Times
    lines: tuple[ProofLine, ...]
    stored_through: dict[UUID, date]
    running: RunningCheck | None

    @property
    def holds(self) -> bool:
        """True when nothing differs."""
        return all(line.holds for line in self.lines) and (self.running is None or self.running.holds)


async def prove(
    session: ReadSession,
    times: Times,
    *,
    legal_entity_id: UUID | None = None,
    full: bool = False,
    running: bool = False,
) -> Proof:
    """The proof of one legal entity or of all. The session must be one snapshot (`two_times.snapshot_at`).

    `full` recomputes everything from the first day; `running` also checks the running amounts, which are those of now.
    Raises LegalEntityUnknown.
    """
    if full:  # asked for by name, and may take minutes over millions of rows
        await session.driver.execute(f"SET LOCAL statement_timeout = '{FULL_SECONDS_MAX}s'")
    entities = [row["id"] for row in await queries.list_legal_entities(session, legal_entity_id)]
    found = await balances_at(session, entities, times, full=full)
    order = {entity: index for index, entity in enumerate(entities)}
    lines = [proof_line(entity, currency, measures) for (entity, currency), measures in found.values.items()]
    lines.sort(key=lambda line: (order[line.legal_entity_id], line.currency))
    check = await check_running(session, entities, full=full) if running else None
    return Proof(times, tuple(lines), found.stored_through, check)


async def check_running(session: ReadSession, entities: Sequence[UUID], *, full: bool) -> RunningCheck:
    """Compare running amounts with their recomputation: by document when `full`, or when the sums differ."""
    recomputed = await balances_at(session, entities, Times(_AFTER_ALL), full=full)
    same = _sums_of(recomputed) == {
        (row["legal_entity_id"], row["currency"], row["measure"]): int(row["minor"])
        for row in await running_sums(session, entities)
        if row["minor"]
    }
    by_document = full or not same or not recomputed.stored_through
    differences = await running_differences(session, entities) if by_document else []
    return RunningCheck(same and not differences, by_document, tuple(differences))


def _sums_of(balances: Balances) -> dict[tuple[UUID, str, str], int]:
    return {
        (entity, currency, measure): measures[measure]
        for (entity, currency), measures in balances.values.items()
        for measure in _RUNNING
        if measures.get(measure)
    }
