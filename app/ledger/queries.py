"""SQL over the ledger's own tables and the legal entities' closing dates and account mappings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select

from app.core.ids import new_id
from app.infra.database import PERIOD_LOCK_SPACE, ReadSession, WriteSession, organization_lock_key
from app.ledger.errors import LegalEntityUnknown
from app.ledger.models import PeriodClose, Transfer
from app.ledger.subledger import WINDOWS, window_arguments
from app.ledger.two_times import Times

_ENTITY_COLUMNS = "id, code, name, base_currency, closed_through, account_mapping, version"
_JOURNAL = f"""
WITH {WINDOWS}
SELECT t.legal_entity_id, t.currency, t.debit_account, t.credit_account, sum(t.amount_minor) AS minor
FROM transfers t JOIN w ON w.legal_entity_id = t.legal_entity_id
WHERE t.organization_id = $1 AND t.legal_entity_id = ANY($2::uuid[]) AND t.effective_date > w.since
  AND t.effective_date > $6 AND t.effective_date <= $4 AND ($5::timestamptz IS NULL OR t.recorded_at <= $5)
GROUP BY 1, 2, 3, 4
"""
_STORED = """
SELECT b.legal_entity_id, b.closed_through, b.currency, b.measure, b.balance_minor FROM period_balances b
JOIN (
    SELECT DISTINCT ON (legal_entity_id) legal_entity_id, closed_through, recorded_at FROM period_balances
    WHERE organization_id = $1 AND legal_entity_id = ANY($2::uuid[]) AND superseded_at IS NULL
      AND closed_through <= $3 AND ($4::timestamptz IS NULL OR recorded_at <= $4)
    ORDER BY legal_entity_id, closed_through DESC, recorded_at DESC
) last USING (legal_entity_id, closed_through, recorded_at)
WHERE b.organization_id = $1
"""
_CLOSE_TO_KEEP = """
SELECT c.legal_entity_id, c.closed_through, e.base_currency FROM period_closes c
JOIN legal_entities e ON e.organization_id = c.organization_id AND e.id = c.legal_entity_id
WHERE c.organization_id = $1 AND c.id = $2 AND c.kind = 'close' AND e.closed_through >= c.closed_through
  AND NOT EXISTS (
    SELECT FROM period_closes r WHERE r.organization_id = $1 AND r.legal_entity_id = c.legal_entity_id
      AND r.kind = 'reopen' AND r.recorded_at > c.recorded_at
      AND (r.closed_through IS NULL OR r.closed_through < c.closed_through))
  AND NOT EXISTS (
    SELECT FROM period_balances b WHERE b.organization_id = $1 AND b.legal_entity_id = c.legal_entity_id
      AND b.closed_through = c.closed_through AND b.superseded_at IS NULL)
"""
_INSERT_BALANCES = """
INSERT INTO period_balances (organization_id, id, legal_entity_id, closed_through, currency, measure, balance_minor)
SELECT $1, r.id, $2, $3, r.currency, r.measure, r.balance_minor
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::bigint[]) AS r(id, currency, measure, balance_minor)
"""


async def list_legal_entities(session: ReadSession, legal_entity_id: UUID | None = None) -> list[Any]:
    """Legal entities by code, or the one that is named. Raises LegalEntityUnknown."""
    rows = await session.driver.fetch(
        f"SELECT {_ENTITY_COLUMNS} FROM legal_entities WHERE organization_id = $1"
        " AND ($2::uuid IS NULL OR id = $2) ORDER BY code",
        session.organization_id,
        legal_entity_id,
    )
    if legal_entity_id is not None and not rows:
        raise LegalEntityUnknown("no such legal entity")
    return list(rows)


async def lock_legal_entity(session: WriteSession, legal_entity_id: UUID) -> Any:
    """The legal entity, locked for a change. Raises LegalEntityUnknown."""
    row = await session.driver.fetchrow(
        f"SELECT {_ENTITY_COLUMNS} FROM legal_entities WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.organization_id,
        legal_entity_id,
    )
    if row is None:
        raise LegalEntityUnknown("no such legal entity")
    return row


async def holds_period_alone(session: WriteSession) -> bool:
    """Whether this transaction was begun with the organization's period lock for itself."""
    key = organization_lock_key(session.organization_id) & 0xFFFFFFFF  # the catalog shows it unsigned
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            " AND classid = $1 AND objid = $2 AND mode = 'ExclusiveLock' AND granted)",
            PERIOD_LOCK_SPACE,
            key,
        )
    )


async def set_closed_through(session: WriteSession, legal_entity_id: UUID, closed_through: date | None) -> None:
    """Move the closing date; raises the legal entity's version."""
    await session.driver.execute(
        "UPDATE legal_entities SET closed_through = $3, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        legal_entity_id,
        closed_through,
    )


async def set_account_mapping(session: WriteSession, legal_entity_id: UUID, mapping: Mapping[str, str]) -> None:
    """Replace the account mapping; raises the legal entity's version."""
    await session.driver.execute(
        "UPDATE legal_entities SET account_mapping = $3::jsonb, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        legal_entity_id,
        json.dumps(dict(mapping)),
    )


async def insert_period_close(
    session: WriteSession, legal_entity_id: UUID, kind: str, closed_through: date | None, reason: str | None
) -> UUID:
    """Record a close or a reopening; returns its id."""
    close_id = new_id()
    await session.driver.execute(
        "INSERT INTO period_closes (organization_id, id, legal_entity_id, kind, closed_through, actor_name, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        session.organization_id,
        close_id,
        legal_entity_id,
        kind,
        closed_through,
        session.actor.name,
        reason,
    )
    return close_id


async def get_period_close(session: ReadSession, close_id: UUID) -> Any:
    """A recorded close or reopening."""
    return await session.driver.fetchrow(
        "SELECT * FROM period_closes WHERE organization_id = $1 AND id = $2", session.organization_id, close_id
    )


async def find_close_to_keep(session: ReadSession, close_id: UUID) -> Any | None:
    """The close, when its balances are still to be kept: no reopening after it, and none kept for its day."""
    return await session.driver.fetchrow(_CLOSE_TO_KEEP, session.organization_id, close_id)


async def insert_period_balances(
    session: WriteSession, legal_entity_id: UUID, closed_through: date, rows: Sequence[tuple[str, str, int]]
) -> None:
    """Keep balances (currency, measure, minor) as they stand at the end of `closed_through`."""
    await session.driver.execute(
        _INSERT_BALANCES,
        session.organization_id,
        legal_entity_id,
        closed_through,
        [new_id() for _ in rows],
        [currency for currency, _, _ in rows],
        [measure for _, measure, _ in rows],
        [minor for _, _, minor in rows],
    )


async def supersede_period_balances(session: WriteSession, legal_entity_id: UUID, after: date | None) -> None:
    """Balances of closes after that day (None: all) are not valid any more."""
    await session.driver.execute(
        "UPDATE period_balances SET superseded_at = current_setting('app.recorded_at')::timestamptz"
        " WHERE organization_id = $1 AND legal_entity_id = $2 AND superseded_at IS NULL"
        " AND ($3::date IS NULL OR closed_through > $3)",
        session.organization_id,
        legal_entity_id,
        after,
    )


async def stored_balances(session: ReadSession, legal_entity_ids: Sequence[UUID], times: Times) -> list[Any]:
    """The balances of each entity's latest close that these times may build on.

    All that was effective by its date was recorded before the close; so it must lie at or before `as_of`, and have been
    recorded by `known_at`.
    """
    return await session.driver.fetch(
        _STORED, session.organization_id, list(legal_entity_ids), times.as_of, times.known_at
    )


async def journal_sums(session: ReadSession, windows: dict[UUID, date], times: Times) -> list[Any]:
    """Rows of (legal_entity_id, currency, debit_account, credit_account, minor) after each entity's day."""
    return await session.driver.fetch(_JOURNAL, session.organization_id, *window_arguments(windows, times))


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """What a list of journal entries may be narrowed by; `account` is a role on either side."""

    legal_entity_id: UUID | None = None
    posting_id: UUID | None = None
    source_id: UUID | None = None
    account_id: UUID | None = None
    instalment_id: UUID | None = None
    credit_memo_id: UUID | None = None
    payment_id: UUID | None = None
    currency: str | None = None
    event: str | None = None
    account: str | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    recorded_since: datetime | None = None


def transfers_statement(organization_id: UUID, wanted: TransferFilter) -> Select[Any]:
    """The statement of a list of journal entries, without order and bounds."""
    statement = select(Transfer).where(Transfer.organization_id == organization_id)
    for name in ("legal_entity_id", "posting_id", "source_id", "account_id", "instalment_id", "credit_memo_id",
                 "payment_id", "currency", "event"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Transfer, name) == value)
    if wanted.account is not None:
        either = or_(Transfer.debit_account == wanted.account, Transfer.credit_account == wanted.account)
        statement = statement.where(either)
    if wanted.effective_from is not None:
        statement = statement.where(Transfer.effective_date >= wanted.effective_from)
    if wanted.effective_to is not None:
        statement = statement.where(Transfer.effective_date <= wanted.effective_to)
    if wanted.recorded_since is not None:
        statement = statement.where(Transfer.recorded_at >= wanted.recorded_since)
    return statement


def period_closes_statement(organization_id: UUID, legal_entity_id: UUID) -> Select[Any]:
    """The statement of a legal entity's closes and reopenings, without order and bounds."""
    return select(PeriodClose).where(
        PeriodClose.organization_id == organization_id, PeriodClose.legal_entity_id == legal_entity_id
    )
