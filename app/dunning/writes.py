"""SQL that writes runs, notices and what was withheld, set-wise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import ids_to_send, new_id
from app.dunning.planning import PlannedNotice, Withheld
from app.infra.change_log import changes_from, written_by_statement
from app.infra.database import WriteSession
from app.infra.tables import RECORDED_AT

_AT = f"(SELECT {RECORDED_AT.text})"  # a sub-select is evaluated once, a column's default for every row
_CHANGES = changes_from(
    f"""SELECT $1, r.change_id, 'dunning_notice', r.id, 'dunning_notice.planned', $3::date, $4::text, $5::uuid,
        $6::text, $7::text, jsonb_build_object('account_id', r.account_id, 'run_id', $2::uuid, 'step', r.step_ordinal,
            'channel', r.channel, 'state', r.state, 'currency', r.currency, 'total_minor', r.total_minor,
            'items', r.item_count), {_AT}
    FROM r WHERE r.change_id IS NOT NULL"""
)
_NOTICES = f"""
WITH r AS MATERIALIZED (
    SELECT * FROM unnest($8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[], $12::text[], $13::uuid[], $14::int[],
                         $15::text[], $16::text[], $17::uuid[], $18::int[], $19::bigint[], $20::bigint[])
        AS r(id, change_id, account_id, legal_entity_id, currency, step_id, step_ordinal, channel, state, contact_id,
             item_count, open_minor, total_minor)
), changes AS ({_CHANGES})
INSERT INTO dunning_notices (organization_id, id, run_id, account_id, legal_entity_id, currency, step_id, step_ordinal,
                             channel, state, business_date, contact_id, item_count, open_minor, total_minor,
                             created_at, updated_at)
SELECT $1, r.id, $2, r.account_id, r.legal_entity_id, r.currency, r.step_id, r.step_ordinal, r.channel, r.state, $3,
    r.contact_id, r.item_count, r.open_minor, r.total_minor, {_AT}, {_AT}
FROM r
"""
# What is the same in nearly every row is sent only where it is not: `unnest` fills the shorter columns with nulls.
_ITEMS = """
INSERT INTO dunning_notice_items (organization_id, id, notice_id, instalment_id, step_ordinal, live, covered, due_date,
                                  open_minor, eligible_minor, disputed_minor, held_minor)
SELECT $1, r.id, r.notice_id, r.instalment_id, r.step_ordinal, $2, coalesce(r.covered, false), r.due_date, r.open_minor,
    coalesce(r.eligible_minor, r.open_minor), coalesce(r.disputed_minor, 0), coalesce(r.held_minor, 0)
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::date[], $8::bigint[], $9::bool[], $10::bigint[],
            $11::bigint[], $12::bigint[])
     AS r(id, notice_id, instalment_id, step_ordinal, due_date, open_minor, covered, eligible_minor, disputed_minor,
          held_minor)
"""
_WITHHELD = """
INSERT INTO dunning_withheld_items (organization_id, id, run_id, account_id, instalment_id, step_ordinal, reason,
                                    currency, amount_minor, until, detail)
SELECT $1, r.id, $2, r.account_id, r.instalment_id, r.step_ordinal, r.reason, r.currency, r.amount_minor, r.until,
    r.detail
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::text[], $8::text[], $9::bigint[], $10::date[],
            $11::jsonb[])
     AS r(id, account_id, instalment_id, step_ordinal, reason, currency, amount_minor, until, detail)
"""
_CHARGED = """
WITH parts AS (
    SELECT n.id AS notice_id, ci.instalment_id,
        coalesce(sum(ci.amount_minor) FILTER (WHERE ci.kind = 'fee'), 0) AS fee,
        coalesce(sum(ci.amount_minor) FILTER (WHERE ci.kind = 'interest'), 0) AS interest,
        coalesce(sum(ci.amount_minor) FILTER (WHERE ci.kind = 'compensation'), 0) AS compensation
    FROM dunning_notices n
    JOIN charges c ON c.organization_id = $1 AND c.source_key = 'notice:' || n.id AND c.state = 'posted'
    JOIN charge_items ci ON ci.organization_id = $1 AND ci.charge_id = c.id AND ci.live
    WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[]) GROUP BY 1, 2
)
UPDATE dunning_notice_items k
SET fee_minor = parts.fee, interest_minor = greatest(parts.interest, 0), compensation_minor = parts.compensation
FROM parts WHERE k.organization_id = $1 AND k.notice_id = parts.notice_id AND k.instalment_id = parts.instalment_id
"""
_AMOUNTS = """
UPDATE dunning_notices n SET fee_minor = r.fee, interest_minor = r.interest, compensation_minor = r.compensation,
    charge_invoice_id = r.invoice_id
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[])
     AS r(id, fee, interest, compensation, invoice_id)
WHERE n.organization_id = $1 AND n.id = r.id
"""
# What earlier notices charged for these items and is still open: no more than is open of each document.
_EARLIER = """
WITH named AS (
    SELECT k.notice_id, c.invoice_id, sum(ci.amount_minor) AS minor FROM dunning_notice_items k
    JOIN charge_items ci ON ci.organization_id = $1 AND ci.instalment_id = k.instalment_id AND ci.live
    JOIN charges c ON c.organization_id = $1 AND c.id = ci.charge_id AND c.state = 'posted'
        AND c.invoice_id IS NOT NULL AND c.source_key <> 'notice:' || k.notice_id
    WHERE k.organization_id = $1 AND k.notice_id = ANY($2::uuid[]) AND k.dropped IS NULL GROUP BY 1, 2
), open AS (
    SELECT named.notice_id, sum(least(named.minor, i.open_minor)) AS minor FROM named
    JOIN instalments i ON i.organization_id = $1 AND i.invoice_id = named.invoice_id AND i.open_minor <> 0 GROUP BY 1
)
UPDATE dunning_notices n SET charges_minor = greatest(open.minor, 0) FROM open
WHERE n.organization_id = $1 AND n.id = open.notice_id
"""


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def insert_notices(
    session: WriteSession,
    run_id: UUID,
    on: date,
    notices: Sequence[tuple[UUID, PlannedNotice, str]],
    *,
    live: bool,
) -> None:
    """Insert planned notices (id, notice, state) with their items; with `live` the items take their keys and each
    notice is an event."""
    if not notices:
        return
    changes = ids_to_send(len(notices)) if live else [None] * len(notices)
    rows = [
        (
            notice_id, change_id, n.account_id, n.legal_entity_id, n.currency, n.step.id, n.step.ordinal,
            n.step.channel, state, n.contact_id, len(n.lines), sum([line.item.open_minor for line in n.lines]),
            n.total_minor,
        )
        for (notice_id, n, state), change_id in zip(notices, changes, strict=True)
    ]  # fmt: skip
    actor = session.actor
    who = (actor.kind, actor.id, actor.name, session.request_id)
    await session.driver.execute(_NOTICES, session.organization_id, run_id, on, *who, *_columns(rows))
    if live:
        written_by_statement(session)
    await session.driver.execute(_ITEMS, session.organization_id, live, *_item_columns(notices))


def _item_columns(notices: Sequence[tuple[UUID, PlannedNotice, str]]) -> list[list[Any]]:
    lines = [line for _, notice, _ in notices for line in notice.lines]
    items = [line.item for line in lines]
    columns: list[list[Any]] = [
        ids_to_send(len(lines)),
        [notice_id for notice_id, notice, _ in notices for _ in notice.lines],
        [item.instalment_id for item in items],
        [line.step.ordinal for line in lines],
        [item.due_date for item in items],
        [item.open_minor for item in items],
        [line.covered for line in lines] if any(line.covered for line in lines) else [],
    ]
    if any(item.disputed_minor or item.promised_minor for item in items):
        columns += [
            [item.eligible_minor for item in items],
            [item.disputed_minor for item in items],
            [item.held_minor for item in items],
        ]
    else:
        columns += [[], [], []]
    return columns


async def insert_withheld(session: WriteSession, run_id: UUID, rows: Sequence[tuple[UUID, Withheld]]) -> None:
    """Insert what a run withheld: account and what it was."""
    if not rows:
        return
    values = [
        (
            new_id(), account_id, one.item.instalment_id, one.step_ordinal, one.hold.reason, one.item.currency,
            one.amount_minor, one.hold.until,
            "{}" if one.hold.source_id is None else json.dumps({"source_id": str(one.hold.source_id)}),
        )
        for account_id, one in rows
    ]  # fmt: skip
    await session.driver.execute(_WITHHELD, session.organization_id, run_id, *_columns(values))


async def write_amounts(session: WriteSession, rows: Sequence[tuple[UUID, int, int, int, UUID | None]]) -> None:
    """Write what was (or would be) charged with notices: id, fee, interest, compensation, document."""
    if rows:
        await session.driver.execute(_AMOUNTS, session.organization_id, *_columns(rows))


async def write_item_charges(session: WriteSession, notice_ids: Sequence[UUID]) -> None:
    """Take over what was charged for each item of these notices."""
    await session.driver.execute(_CHARGED, session.organization_id, list(notice_ids))


async def write_earlier_charges(session: WriteSession, notice_ids: Sequence[UUID]) -> None:
    """Note what earlier notices charged for the same items and is still open."""
    await session.driver.execute(_EARLIER, session.organization_id, list(notice_ids))


def totals_text(totals: Mapping[str, int]) -> str:
    """Totals by currency as JSON text."""
    return json.dumps(dict(sorted(totals.items())))
