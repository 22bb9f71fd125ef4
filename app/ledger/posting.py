"""Post transfers in the transaction of the event that they book, and refuse dates in closed periods.

Every write transaction holds the organization's period lock in shared mode from its first round trip (see
`infra/database.py`); closing takes it exclusively. So the date that is checked here stays open until the commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.ledger.errors import LegalEntityUnknown, PeriodClosed
from app.ledger.rules import TransferRow

_MEMORY = "transfers"
_INSERT = """
INSERT INTO transfers (organization_id, id, posting_id, legal_entity_id, event, debit_account, credit_account,
                       amount_minor, currency, effective_date, account_id, instalment_id, credit_memo_id, payment_id,
                       source_id)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                         $9::text[], $10::date[], $11::uuid[], $12::uuid[], $13::uuid[], $14::uuid[], $15::uuid[])
"""


@dataclass(frozen=True, slots=True)
class LegalEntityFacts:
    """What postings need to know of a legal entity."""

    id: UUID
    code: str
    base_currency: str
    closed_through: date | None
    write_off_tax_share: bool


async def legal_entity_facts(session: ReadSession, legal_entity_id: UUID) -> LegalEntityFacts:
    """The legal entity as this transaction sees it (read once a transaction). Raises LegalEntityUnknown."""
    memory = getattr(session, "memory", None)
    key = f"legal_entity:{legal_entity_id}"
    if memory is not None and key in memory:
        found: LegalEntityFacts = memory[key]
        return found
    row = await session.driver.fetchrow(
        "SELECT id, code, base_currency, closed_through, write_off_tax_share FROM legal_entities"
        " WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        legal_entity_id,
    )
    if row is None:
        raise LegalEntityUnknown("no such legal entity", pointer="/legal_entity_id")
    facts = LegalEntityFacts(**dict(row))
    if memory is not None:
        memory[key] = facts
    return facts


def forget_legal_entity(session: WriteSession, legal_entity_id: UUID) -> None:
    """Read the legal entity anew when it is asked for again in this transaction."""
    session.memory.pop(f"legal_entity:{legal_entity_id}", None)


def check_open(entity: LegalEntityFacts, effective_date: date, *, pointer: str = "/effective_date") -> None:
    """Raise PeriodClosed when the date is on or before the legal entity's `closed_through`."""
    if entity.closed_through is not None and effective_date <= entity.closed_through:
        raise PeriodClosed(
            f"the periods of {entity.code} are closed through {entity.closed_through}; {effective_date} is too early",
            pointer=pointer,
            closed_through=entity.closed_through.isoformat(),
        )


async def require_open_period(
    session: WriteSession, legal_entity_id: UUID, effective_date: date, *, pointer: str = "/effective_date"
) -> LegalEntityFacts:
    """The legal entity, if that date may be posted to. Raises PeriodClosed, LegalEntityUnknown."""
    entity = await legal_entity_facts(session, legal_entity_id)
    check_open(entity, effective_date, pointer=pointer)
    return entity


def post(session: WriteSession, rows: Iterable[TransferRow]) -> UUID:
    """Book one event: its transfers share a posting id. They are written set-wise just before the commit."""
    posting_id = new_id()
    pending = session.memory.get(_MEMORY)
    if pending is None:
        pending = session.memory[_MEMORY] = []
        session.before_commit.append(_write)
    for row in rows:
        normal = row.normalized()
        if normal is not None:
            pending.append((posting_id, normal))
    return posting_id


def transfers_from(select: str) -> str:
    """The INSERT of the transfers that `select` yields, as a part of the statement that writes their documents.

    In the order of the columns below; amounts positive, all transfers of an event with one posting id.
    """
    return (
        "INSERT INTO transfers (organization_id, id, posting_id, legal_entity_id, event, debit_account, credit_account,"
        f" amount_minor, currency, effective_date, account_id, instalment_id, source_id, recorded_at) {select}"
    )


async def _write(session: WriteSession) -> None:
    pending: list[tuple[UUID, TransferRow]] = session.memory.pop(_MEMORY)
    if not pending:
        return
    rows = [row for _, row in pending]
    await session.driver.execute(
        _INSERT,
        session.organization_id,
        [new_id() for _ in rows],
        [posting_id for posting_id, _ in pending],
        [row.legal_entity_id for row in rows],
        [row.event for row in rows],
        [row.debit_account for row in rows],
        [row.credit_account for row in rows],
        [row.amount_minor for row in rows],
        [row.currency for row in rows],
        [row.effective_date for row in rows],
        [row.account_id for row in rows],
        [row.instalment_id for row in rows],
        [row.credit_memo_id for row in rows],
        [row.payment_id for row in rows],
        [row.source_id for row in rows],
    )
