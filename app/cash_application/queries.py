"""All SQL of the cash-application room: what waits, the facts the engine needs, runs and proposals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.cash_application.errors import ProposalNotFound, RunNotFound
from app.cash_application.models import MatchingRun, Proposal
from app.infra.database import ReadSession, WriteSession

ITEMS_PER_ACCOUNT_LIMIT = 5_000
ITEMS_PER_BATCH_LIMIT = 60_000
EARLIER_PAYMENTS_LIMIT = 20_000

_WAITING = """
SELECT p.id, p.legal_entity_id, p.currency, p.unapplied_minor, p.value_date, p.accounting_date, p.account_id,
    p.payer_name, p.payer_bank_identifier, p.remittance_text, p.remittance, p.end_to_end_id, p.bank_reference,
    e.closed_through
FROM payments p JOIN legal_entities e ON e.organization_id = p.organization_id AND e.id = p.legal_entity_id
WHERE p.organization_id = $1 AND p.matching_state = 'waiting' AND p.id > $2
ORDER BY p.id LIMIT $3
"""
_COUNT_WAITING = "SELECT count(*) FROM payments WHERE organization_id = $1 AND matching_state = 'waiting'"
_ITEM_COLUMNS = """
s.id, i.id AS document_id, s.account_id, s.legal_entity_id, i.number, s.currency, s.open_minor,
s.amount_minor + s.corrected_minor AS amount_minor,
s.invoice_date, s.due_date, s.discount_minor, s.discount_date, s.accounting_date, i.purchase_order,
i.delivery_reference, i.contract_reference, i.external_id, false AS is_credit
"""
_CREDIT_COLUMNS = """
c.id, c.id AS document_id, c.account_id, c.legal_entity_id, c.number, c.currency, c.open_minor, c.amount_minor,
c.credit_date AS invoice_date, c.credit_date AS due_date, 0::bigint AS discount_minor, NULL::date AS discount_date,
c.accounting_date, NULL AS purchase_order, NULL AS delivery_reference, NULL AS contract_reference, c.external_id,
true AS is_credit
"""
_INVOICES_BY_KEY = " UNION ".join(
    f"SELECT id FROM invoices WHERE organization_id = $1 AND {column} = ANY($2::text[]) AND voided_at IS NULL"
    for column in ("number_key", "digits_key", "tail_key", "purchase_order_key")
)
_CREDITS_BY_KEY = " UNION ".join(
    f"SELECT id FROM credit_memos WHERE organization_id = $1 AND {column} = ANY($2::text[]) AND open_minor <> 0"
    for column in ("number_key", "digits_key", "tail_key")
)
_ITEMS_BY_KEY = f"""
SELECT {_ITEM_COLUMNS} FROM ({_INVOICES_BY_KEY}) k
JOIN instalments s ON s.organization_id = $1 AND s.invoice_id = k.id AND s.open_minor <> 0
JOIN invoices i ON i.organization_id = $1 AND i.id = k.id
UNION ALL
SELECT {_CREDIT_COLUMNS} FROM ({_CREDITS_BY_KEY}) k
JOIN credit_memos c ON c.organization_id = $1 AND c.id = k.id
LIMIT $3
"""
_ITEMS_OF_ACCOUNTS = f"""
SELECT {_ITEM_COLUMNS} FROM unnest($2::uuid[]) AS a(id)
CROSS JOIN LATERAL (
    SELECT * FROM instalments s WHERE s.organization_id = $1 AND s.account_id = a.id AND s.open_minor <> 0
    ORDER BY s.due_date, s.id LIMIT $4
) s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
UNION ALL
SELECT {_CREDIT_COLUMNS} FROM credit_memos c
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.open_minor <> 0
LIMIT $3
"""
_EARLIER = """
SELECT id, legal_entity_id, currency, amount_minor, value_date, account_id, payer_name, payer_bank_identifier,
    remittance_text, end_to_end_id, bank_reference
FROM payments WHERE organization_id = $1 AND matching_state <> 'waiting' AND value_date >= $2
    AND status NOT IN ('reversed', 'not_receivable')
    AND (currency, amount_minor) IN (SELECT * FROM unnest($3::text[], $4::bigint[]))
LIMIT $5
"""
_INSERT_PROPOSALS = """
INSERT INTO proposals (organization_id, id, run_id, payment_id, account_id, currency, amount_minor, residual_minor,
    residual_treatment, strategy, band, confidence, scores, reasons, lines, alternatives, state, decided_by,
    decided_at, application_group_id, note)
SELECT $1, r.id, $2, r.payment_id, r.account_id, r.currency, r.amount_minor, r.residual_minor, r.residual_treatment,
    r.strategy, r.band, r.confidence, r.scores, r.reasons, r.lines, r.alternatives, r.state,
    CASE WHEN r.state = 'applied' THEN 'automatic' END,
    CASE WHEN r.state = 'applied' THEN current_setting('app.recorded_at')::timestamptz END, r.group_id, r.note
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[],
    $11::text[], $12::numeric[], $13::jsonb[], $14::jsonb[], $15::jsonb[], $16::jsonb[], $17::text[], $18::uuid[],
    $19::text[])
    AS r(id, payment_id, account_id, currency, amount_minor, residual_minor, residual_treatment, strategy, band,
         confidence, scores, reasons, lines, alternatives, state, group_id, note)
"""
_SUPERSEDE = """
UPDATE proposals SET state = 'superseded', version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND state = 'open' AND payment_id = ANY($2::uuid[])
"""
_SET_MATCHING_STATE = """
UPDATE payments p SET matching_state = CASE WHEN p.unapplied_minor = 0 THEN 'done' ELSE r.state END
FROM unnest($2::uuid[], $3::text[]) AS r(id, state) WHERE p.organization_id = $1 AND p.id = r.id
"""
_RETRY = """
UPDATE payments SET matching_state = 'waiting'
WHERE organization_id = $1 AND matching_state IN ('no_match', 'proposed') AND unapplied_minor > 0
"""


async def waiting_payments(session: ReadSession, after: UUID, limit: int) -> list[Any]:
    """Payments that wait for the matcher, by id, behind `after`."""
    return list(await session.driver.fetch(_WAITING, session.organization_id, after, limit))


async def count_waiting(session: ReadSession) -> int:
    """How many payments wait."""
    return int(await session.driver.fetchval(_COUNT_WAITING, session.organization_id))


async def retry_unmatched(session: WriteSession) -> None:
    """Let payments without a match, and those only proposed, wait again: new documents may explain them."""
    await session.driver.execute(_RETRY, session.organization_id)


async def items_by_key(session: ReadSession, keys: Iterable[str]) -> list[Any]:
    """Open instalments and credit memos whose number, digits, last digits or purchase order is one of the keys."""
    wanted = list(keys)
    if not wanted:
        return []
    return list(await session.driver.fetch(_ITEMS_BY_KEY, session.organization_id, wanted, ITEMS_PER_BATCH_LIMIT))


async def items_of_accounts(session: ReadSession, accounts: Iterable[UUID]) -> list[Any]:
    """Open instalments (the oldest first, bounded for each account) and credit memos of these accounts."""
    wanted = list(accounts)
    if not wanted:
        return []
    return list(
        await session.driver.fetch(
            _ITEMS_OF_ACCOUNTS, session.organization_id, wanted, ITEMS_PER_BATCH_LIMIT, ITEMS_PER_ACCOUNT_LIMIT
        )
    )


async def account_rows(session: ReadSession) -> list[Any]:
    """Every active account with its names, for payer identification."""
    return list(
        await session.driver.fetch(
            "SELECT id, number, name, legal_name, parent_id FROM accounts WHERE organization_id = $1"
            " AND status = 'active'",
            session.organization_id,
        )
    )


async def identity_rows(session: ReadSession) -> list[Any]:
    """Every payer identity in use."""
    return list(
        await session.driver.fetch(
            "SELECT account_id, kind, value, origin, confirmations FROM payer_identities"
            " WHERE organization_id = $1 AND active",
            session.organization_id,
        )
    )


async def earlier_payments(session: ReadSession, since: date, amounts: Iterable[tuple[str, int]]) -> list[Any]:
    """Payments of the last weeks with one of these (currency, amount), to recognise duplicates."""
    wanted = list(amounts)
    return list(
        await session.driver.fetch(
            _EARLIER,
            session.organization_id,
            since,
            [currency for currency, _ in wanted],
            [amount for _, amount in wanted],
            EARLIER_PAYMENTS_LIMIT,
        )
    )


async def insert_proposals(session: WriteSession, run_id: UUID, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert proposals, columns in the order of the statement."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_INSERT_PROPOSALS, session.organization_id, run_id, *columns)


async def supersede_open(session: WriteSession, payment_ids: Sequence[UUID]) -> None:
    """Replace the open proposals of these payments."""
    await session.driver.execute(_SUPERSEDE, session.organization_id, list(payment_ids))


async def set_matching_states(session: WriteSession, states: Sequence[tuple[UUID, str]]) -> None:
    """Write what the matcher made of each payment; one with nothing left is `done`."""
    await session.driver.execute(
        _SET_MATCHING_STATE, session.organization_id, [id_ for id_, _ in states], [state for _, state in states]
    )


async def matching_settings(session: ReadSession) -> Any:
    """The stored settings of the organization, or None where it uses the shipped ones."""
    return await session.driver.fetchrow(
        "SELECT * FROM matching_settings WHERE organization_id = $1", session.organization_id
    )


async def advance_run(session: WriteSession, run_id: UUID, done: int, report: dict[str, Any]) -> None:
    """Write the progress of a run."""
    await session.driver.execute(
        "UPDATE matching_runs SET payments_done = payments_done + $3, report = $4::jsonb, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        run_id,
        done,
        json.dumps(report),
    )


async def unfinished_runs(session: ReadSession) -> list[UUID]:
    """Runs that were asked for and are not finished, the oldest first."""
    rows = await session.driver.fetch(
        "SELECT id FROM matching_runs WHERE organization_id = $1 AND state IN ('queued', 'running') ORDER BY id",
        session.organization_id,
    )
    return [row["id"] for row in rows]


async def get_run(session: ReadSession, run_id: UUID) -> MatchingRun:
    """The run as it is now. Raises RunNotFound."""
    found = await session.get(MatchingRun, (session.organization_id, run_id), populate_existing=True)
    if found is None:
        raise RunNotFound("no such matching run")
    return found


async def get_proposal(session: ReadSession, proposal_id: UUID, *, lock: bool = False) -> Proposal:
    """The proposal as it is now. Raises ProposalNotFound."""
    key = (session.organization_id, proposal_id)
    found = await session.get(Proposal, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise ProposalNotFound("no such proposal")
    return found


def proposals_statement(
    organization_id: UUID,
    *,
    state: str | None = None,
    band: str | None = None,
    run_id: UUID | None = None,
    payment_id: UUID | None = None,
    account_id: UUID | None = None,
) -> Select[Any]:
    """The statement of a list of proposals, without order and bounds."""
    statement = select(Proposal).where(Proposal.organization_id == organization_id)
    wanted = {"state": state, "band": band, "run_id": run_id, "payment_id": payment_id, "account_id": account_id}
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(getattr(Proposal, name) == value)
    return statement
