"""All SQL of the remittances room."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.remittances.errors import RemittanceAdviceNotFound
from app.remittances.models import RemittanceAdvice, RemittanceJoin, RemittanceLine
from app.remittances.rules import AdvisedLine

OPEN_ADVICES_LIMIT = 5_000
RECEIPTS_LIMIT = 20_000
CANDIDATES_PER_NUMBER_LIMIT = 20
BOUNCED_DAYS = 30
_NOW = "current_setting('app.recorded_at')::timestamptz"

_INSERT_LINES = """
INSERT INTO remittance_lines (organization_id, id, advice_id, position, document_number, number_key, gross_minor,
    amount_minor, discount_minor, deduction_minor, deduction_reason)
SELECT $1, r.id, $2, r.position, r.number, r.key, r.gross, r.amount, r.discount, r.deduction, r.reason
FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
    $11::text[]) AS r(id, position, number, key, gross, amount, discount, deduction, reason)
"""
_CANDIDATES = """
SELECT i.number_key, s.id, s.open_minor, s.account_id, s.legal_entity_id, false AS is_credit
FROM invoices i JOIN instalments s ON s.organization_id = $1 AND s.invoice_id = i.id
WHERE i.organization_id = $1 AND i.number_key = ANY($2::text[]) AND i.currency = $3 AND i.voided_at IS NULL
    AND s.open_minor <> 0
UNION ALL
SELECT c.number_key, c.id, c.open_minor, c.account_id, c.legal_entity_id, true FROM credit_memos c
WHERE c.organization_id = $1 AND c.number_key = ANY($2::text[]) AND c.currency = $3 AND c.open_minor <> 0
LIMIT $4
"""
_RESOLVE = """
UPDATE remittance_lines l SET resolution = r.resolution, instalment_id = r.instalment_id,
    credit_memo_id = r.credit_memo_id
FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[]) AS r(id, resolution, instalment_id, credit_memo_id)
WHERE l.organization_id = $1 AND l.id = r.id
"""
_OPEN_ADVICES = """
SELECT a.id, a.legal_entity_id, a.account_id, a.payer_name, a.payer_bank_identifier, a.reference_key, a.currency,
    a.amount_minor, a.expected_date, a.received_on,
    EXISTS (SELECT FROM remittance_advices b WHERE b.organization_id = $1 AND b.id = a.repeats_id
            AND b.state IN ('open', 'joined'))
    OR EXISTS (SELECT FROM remittance_advices b WHERE b.organization_id = $1 AND b.repeats_id = a.id
               AND b.reference_key = a.reference_key AND b.state IN ('open', 'joined')) AS repeats,
    ac.name AS account_name, ac.legal_name,
    (SELECT array_agg(DISTINCT coalesce(s.account_id, c.account_id)) FROM remittance_lines l
     LEFT JOIN instalments s ON s.organization_id = $1 AND s.id = l.instalment_id
     LEFT JOIN credit_memos c ON c.organization_id = $1 AND c.id = l.credit_memo_id
     WHERE l.organization_id = $1 AND l.advice_id = a.id AND l.resolution = 'resolved') AS line_accounts
FROM remittance_advices a LEFT JOIN accounts ac ON ac.organization_id = $1 AND ac.id = a.account_id
WHERE a.organization_id = $1 AND a.state = 'open'
ORDER BY a.id DESC LIMIT $2 FOR UPDATE OF a
"""
_RECEIPTS = """
SELECT id, legal_entity_id, account_id, currency, amount_minor, value_date, payer_name, payer_bank_identifier,
    remittance_text, remittance, bank_reference, end_to_end_id
FROM payments p
WHERE organization_id = $1 AND unapplied_minor <> 0 AND unapplied_minor = amount_minor
    AND matching_state IN ('waiting', 'no_match', 'proposed') AND currency = ANY($2::text[])
    AND value_date BETWEEN $3 AND $4
    AND NOT EXISTS (SELECT FROM remittance_joins j
                    WHERE j.organization_id = $1 AND j.payment_id = p.id AND j.ended_at IS NULL)
ORDER BY id DESC LIMIT $5
"""
_IDENTITIES = """
SELECT kind, normalized_value, account_id FROM payer_identities WHERE organization_id = $1 AND active
    AND normalized_value = ANY($2::text[])
"""
_INSERT_JOINS = """
INSERT INTO remittance_joins (organization_id, id, advice_id, payment_id, evidence, positions)
SELECT $1, r.id, r.advice_id, r.payment_id, r.evidence, r.positions
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::jsonb[])
    AS r(id, advice_id, payment_id, evidence, positions)
"""
_WAIT_AGAIN = """
UPDATE payments SET matching_state = 'waiting'
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND matching_state IN ('no_match', 'proposed')
    AND unapplied_minor > 0
RETURNING id
"""
_LINES_OF_PAYMENTS = """
SELECT j.payment_id, j.positions, a.totals_check, l.position, l.document_number, l.amount_minor, l.discount_minor,
    l.deduction_minor, l.deduction_reason
FROM remittance_joins j
JOIN remittance_advices a ON a.organization_id = $1 AND a.id = j.advice_id
JOIN remittance_lines l ON l.organization_id = $1 AND l.advice_id = j.advice_id
WHERE j.organization_id = $1 AND j.payment_id = ANY($2::uuid[]) AND j.ended_at IS NULL
ORDER BY j.payment_id, j.advice_id, l.position
"""
_JOINED = """
SELECT a.id, bool_or(p.status = 'reversed') AS withdrawn
FROM remittance_advices a
JOIN remittance_joins j ON j.organization_id = $1 AND j.advice_id = a.id AND j.ended_at IS NULL
JOIN payments p ON p.organization_id = $1 AND p.id = j.payment_id
WHERE a.organization_id = $1 AND a.state = 'joined'
GROUP BY a.id HAVING bool_and(p.unapplied_minor = 0)
"""
_BOUNCED = """
SELECT DISTINCT a.id FROM payments p
JOIN remittance_joins j ON j.organization_id = $1 AND j.payment_id = p.id AND j.ended_at IS NULL
JOIN remittance_advices a ON a.organization_id = $1 AND a.id = j.advice_id AND a.state = 'settled'
WHERE p.organization_id = $1 AND p.status = 'reversed'
    AND p.updated_at >= current_setting('app.recorded_at')::timestamptz - make_interval(days => $2)
"""
_END_JOINS = f"""
UPDATE remittance_joins SET ended_at = {_NOW}, end_reason = $3
WHERE organization_id = $1 AND advice_id = ANY($2::uuid[]) AND ended_at IS NULL RETURNING payment_id
"""
_SET_STATE = f"""
UPDATE remittance_advices SET state = $3, version = version + 1, updated_at = {_NOW}
WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""


async def insert_lines(session: WriteSession, advice_id: UUID, lines: Sequence[tuple[AdvisedLine, str]]) -> None:
    """Insert the lines of an advice, each with the key of its number, in their order."""
    await session.driver.execute(
        _INSERT_LINES,
        session.organization_id,
        advice_id,
        [new_id() for _ in lines],
        list(range(1, len(lines) + 1)),
        [line.document_number for line, _ in lines],
        [key for _, key in lines],
        [line.gross_minor for line, _ in lines],
        [line.amount_minor for line, _ in lines],
        [line.discount_minor for line, _ in lines],
        [line.deduction_minor for line, _ in lines],
        [line.deduction_reason for line, _ in lines],
    )


async def line_rows(session: ReadSession, advice_ids: Iterable[UUID]) -> list[RemittanceLine]:
    """Lines of these advices, by advice and position."""
    statement = (
        select(RemittanceLine)
        .where(
            RemittanceLine.organization_id == session.organization_id, RemittanceLine.advice_id.in_(list(advice_ids))
        )
        .order_by(RemittanceLine.advice_id, RemittanceLine.position)
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(statement)).scalars())


async def documents_by_key(session: ReadSession, keys: Iterable[str], currency: str) -> list[Any]:
    """Open instalments and credit memos of that currency whose number has one of the keys."""
    wanted = list(keys)
    limit = CANDIDATES_PER_NUMBER_LIMIT * max(1, len(wanted))
    return list(await session.driver.fetch(_CANDIDATES, session.organization_id, wanted, currency, limit))


async def set_resolutions(session: WriteSession, rows: Sequence[tuple[UUID, str, UUID | None, UUID | None]]) -> None:
    """Write what each line means: (line, resolution, instalment, credit memo)."""
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_RESOLVE, session.organization_id, *columns)


async def open_advices(session: ReadSession) -> list[Any]:
    """Open advices with what tells who the payer is, the latest first."""
    return list(await session.driver.fetch(_OPEN_ADVICES, session.organization_id, OPEN_ADVICES_LIMIT))


async def open_receipts(session: ReadSession, currencies: Iterable[str], start: date, end: date) -> list[Any]:
    """Payments of which nothing is used, without a match, not joined, of these value dates; the latest first."""
    return list(
        await session.driver.fetch(_RECEIPTS, session.organization_id, list(currencies), start, end, RECEIPTS_LIMIT)
    )


async def identity_rows(session: ReadSession, values: Iterable[str]) -> list[Any]:
    """Payer identities in use with one of these normalized values."""
    return list(await session.driver.fetch(_IDENTITIES, session.organization_id, list(values)))


async def insert_joins(session: WriteSession, rows: Sequence[tuple[UUID, UUID, str, list[int] | None]]) -> None:
    """Insert joins: (advice, payment, evidence, positions)."""
    await session.driver.execute(
        _INSERT_JOINS,
        session.organization_id,
        [new_id() for _ in rows],
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [None if row[3] is None else json.dumps(row[3]) for row in rows],
    )


async def wait_again(session: WriteSession, payment_ids: Iterable[UUID]) -> bool:
    """Let payments that were tried without success wait for the matcher again; whether there were any."""
    return bool(await session.driver.fetch(_WAIT_AGAIN, session.organization_id, list(payment_ids)))


async def lines_of_payments(session: ReadSession, payment_ids: Iterable[UUID]) -> list[Any]:
    """Lines of the advices that these payments pay, with the positions meant for each payment."""
    return list(await session.driver.fetch(_LINES_OF_PAYMENTS, session.organization_id, list(payment_ids)))


async def used_advices(session: ReadSession) -> list[Any]:
    """Joined advices whose payments have nothing left, and whether the bank took one of them back."""
    return list(await session.driver.fetch(_JOINED, session.organization_id))


async def bounced_advices(session: ReadSession) -> list[UUID]:
    """Settled advices with a payment that the bank took back lately."""
    rows = await session.driver.fetch(_BOUNCED, session.organization_id, BOUNCED_DAYS)
    return [row["id"] for row in rows]


async def end_joins(session: WriteSession, advice_ids: Iterable[UUID], reason: str) -> list[UUID]:
    """End the joins of these advices; the payments that were joined."""
    rows = await session.driver.fetch(_END_JOINS, session.organization_id, list(advice_ids), reason)
    return [row["payment_id"] for row in rows]


async def set_states(session: WriteSession, advice_ids: Iterable[UUID], state: str) -> None:
    """Write the state of advices."""
    await session.driver.execute(_SET_STATE, session.organization_id, list(advice_ids), state)


async def get_advice(session: ReadSession, advice_id: UUID, *, lock: bool = False) -> RemittanceAdvice:
    """The advice as it is now. Raises RemittanceAdviceNotFound."""
    key = (session.organization_id, advice_id)
    found = await session.get(RemittanceAdvice, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise RemittanceAdviceNotFound("no such remittance advice")
    return found


async def find_by_content(session: ReadSession, sha256: str) -> UUID | None:
    """The advice in force that says the same, or None."""
    statement = select(RemittanceAdvice.id).where(
        RemittanceAdvice.organization_id == session.organization_id,
        RemittanceAdvice.content_sha256 == sha256,
        RemittanceAdvice.state != "cancelled",
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def find_by_external(session: ReadSession, source: str, external_id: str) -> RemittanceAdvice | None:
    """The advice with this external reference, or None."""
    statement = select(RemittanceAdvice).where(
        RemittanceAdvice.organization_id == session.organization_id,
        RemittanceAdvice.source == source,
        RemittanceAdvice.external_id == external_id,
    )
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def find_repeated(session: ReadSession, key: str, currency: str, amount_minor: int) -> UUID | None:
    """The latest advice that is not over with the same payment reference and amount, or None."""
    statement = (
        select(RemittanceAdvice.id)
        .where(
            RemittanceAdvice.organization_id == session.organization_id,
            RemittanceAdvice.reference_key == key,
            RemittanceAdvice.currency == currency,
            RemittanceAdvice.amount_minor == amount_minor,
            RemittanceAdvice.state.in_(("open", "joined")),
        )
        .order_by(RemittanceAdvice.id.desc())
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def joins_of(session: ReadSession, advice_ids: Iterable[UUID]) -> list[RemittanceJoin]:
    """Live joins of these advices, in the order of joining."""
    statement = (
        select(RemittanceJoin)
        .where(
            RemittanceJoin.organization_id == session.organization_id,
            RemittanceJoin.advice_id.in_(list(advice_ids)),
            RemittanceJoin.ended_at.is_(None),
        )
        .order_by(RemittanceJoin.id)
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(statement)).scalars())


@dataclass(frozen=True, slots=True)
class AdviceFilter:
    """What a list of advices may be narrowed by."""

    state: str | None = None
    account_id: UUID | None = None
    legal_entity_id: UUID | None = None
    currency: str | None = None
    reference_key: str | None = None
    totals_check: str | None = None
    channel: str | None = None
    source: str | None = None
    external_id: str | None = None
    payment_id: UUID | None = None
    repeats: bool | None = None
    unresolved: bool | None = None
    expected_from: date | None = None
    expected_to: date | None = None
    updated_since: datetime | None = None


def advices_statement(organization_id: UUID, wanted: AdviceFilter) -> Select[Any]:
    """The statement of a list of advices, without order and bounds."""
    statement = select(RemittanceAdvice).where(RemittanceAdvice.organization_id == organization_id)
    for name in ("state", "account_id", "legal_entity_id", "currency", "reference_key", "totals_check", "channel",
                 "source", "external_id"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(RemittanceAdvice, name) == value)
    if wanted.payment_id is not None:
        joined = select(RemittanceJoin.advice_id).where(
            RemittanceJoin.organization_id == organization_id,
            RemittanceJoin.payment_id == wanted.payment_id,
            RemittanceJoin.ended_at.is_(None),
        )
        statement = statement.where(RemittanceAdvice.id.in_(joined))
    if wanted.repeats is not None:
        statement = statement.where(RemittanceAdvice.repeats_id.is_not(None) == wanted.repeats)
    if wanted.unresolved is not None:
        lines = select(RemittanceLine.advice_id).where(
            RemittanceLine.organization_id == organization_id, RemittanceLine.resolution != "resolved"
        )
        inside = RemittanceAdvice.id.in_(lines)
        statement = statement.where(inside if wanted.unresolved else ~inside)
    if wanted.expected_from is not None:
        statement = statement.where(RemittanceAdvice.expected_date >= wanted.expected_from)
    if wanted.expected_to is not None:
        statement = statement.where(RemittanceAdvice.expected_date <= wanted.expected_to)
    if wanted.updated_since is not None:
        statement = statement.where(RemittanceAdvice.updated_at >= wanted.updated_since)
    return statement


def lines_statement(organization_id: UUID, advice_id: UUID) -> Select[Any]:
    """The statement of the list of an advice's lines, without order and bounds."""
    return select(RemittanceLine).where(
        RemittanceLine.organization_id == organization_id, RemittanceLine.advice_id == advice_id
    )


async def count_by_state(session: ReadSession) -> dict[str, int]:
    """How many advices stand in each state, for badges."""
    statement = (
        select(RemittanceAdvice.state, func.count())
        .where(RemittanceAdvice.organization_id == session.organization_id)
        .group_by(RemittanceAdvice.state)
    )
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}
