"""SQL of customer data care."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select

from app.core.ids import new_id
from app.customer_data.errors import DuplicateNotFound, FindingNotFound, MergeNotFound
from app.customer_data.models import AccountDuplicate, AccountMerge, DataFinding
from app.customer_data.rules import AccountTraits, Pair
from app.infra.database import ReadSession, WriteSession

STALE_DAYS = 730
_TRAITS = """
SELECT a.id, coalesce(a.legal_name, a.name) AS name, a.country, a.parent_id,
    (SELECT array_agg(p.normalized_value) FROM payer_identities p
     WHERE p.organization_id = $1 AND p.account_id = a.id AND p.kind = 'bank_identifier' AND p.active) AS banks,
    (SELECT array_agg(lower(c.email)) FROM contacts c
     WHERE c.organization_id = $1 AND c.account_id = a.id AND c.active AND c.email IS NOT NULL) AS emails,
    (SELECT array_agg(regexp_replace(c.phone, '[^0-9]', '', 'g')) FROM contacts c
     WHERE c.organization_id = $1 AND c.account_id = a.id AND c.active AND length(c.phone) >= 6) AS phones
FROM accounts a WHERE a.organization_id = $1 AND a.status = 'active' AND a.id > $2 ORDER BY a.id LIMIT $3
"""
_PUT_PAIRS = """
INSERT INTO account_duplicates AS d (organization_id, id, account_id, other_id, score, reasons)
SELECT $1, r.id, r.account_id, r.other_id, r.score, r.reasons
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::jsonb[]) AS r(id, account_id, other_id, score, reasons)
ON CONFLICT (organization_id, account_id, other_id) DO UPDATE
SET score = excluded.score, reasons = excluded.reasons, version = d.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE d.state = 'proposed' AND (d.score, d.reasons) IS DISTINCT FROM (excluded.score, excluded.reasons)
RETURNING d.id, (d.version = 1) AS fresh
"""
_DROP_PAIRS = """
DELETE FROM account_duplicates WHERE organization_id = $1 AND state = 'proposed'
AND NOT (account_id, other_id) IN (SELECT * FROM unnest($2::uuid[], $3::uuid[]))
"""
# $1 organization, $2 accounts, $3 today, $4 stale before. Each yields account_id, kind, detail.
_FINDINGS = """
SELECT a.id AS account_id, 'no_dunning_contact' AS kind, '{}'::jsonb AS detail FROM accounts a
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[]) AND a.status = 'active' AND NOT EXISTS (
    SELECT FROM contacts c WHERE c.organization_id = $1 AND c.account_id = a.id AND c.active AND NOT c.do_not_contact
    AND c.role IN ('dunning', 'accounts_payable') AND (c.email IS NOT NULL OR c.phone IS NOT NULL))
UNION ALL
SELECT a.id, x.kind, '{}'::jsonb FROM accounts a CROSS JOIN LATERAL (VALUES
    ('no_payment_terms', a.payment_terms_id IS NULL), ('no_country', a.country IS NULL),
    ('no_collector', NOT EXISTS (
        SELECT FROM users u WHERE u.organization_id = $1 AND u.id = a.collector_id AND u.active))) AS x(kind, missing)
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[]) AND a.status = 'active' AND x.missing
UNION ALL
SELECT c.account_id, 'invalid_email', jsonb_build_object('contact_ids', jsonb_agg(c.id ORDER BY c.id)) FROM contacts c
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.active
  AND c.email IS NOT NULL AND c.email !~ '^[^@\\s]+@[^@\\s]+\\.[^@\\s.]+$' GROUP BY c.account_id
UNION ALL
SELECT c.account_id, 'bounced_address', jsonb_build_object('contact_ids', jsonb_agg(DISTINCT c.id))
FROM correspondences x
JOIN correspondence_messages m ON m.organization_id = $1 AND m.correspondence_id = x.id AND m.bounced_at IS NOT NULL
JOIN contacts c ON c.organization_id = $1 AND c.id = m.contact_id AND c.active AND lower(c.email) = lower(m.recipient)
WHERE x.organization_id = $1 AND x.account_id = ANY($2::uuid[]) AND c.account_id = ANY($2::uuid[])
GROUP BY c.account_id
UNION ALL
SELECT c.account_id, 'stale_contact', jsonb_build_object('latest', max(c.updated_at)::date) FROM contacts c
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.active
GROUP BY c.account_id HAVING max(c.updated_at) < $3
UNION ALL
SELECT i.account_id, 'terms_differ', jsonb_build_object('invoices', count(*), 'latest', max(i.invoice_date))
FROM invoices i
WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.terms_differ AND i.voided_at IS NULL
GROUP BY i.account_id
"""
_PUT_FINDINGS = """
INSERT INTO data_findings AS f (organization_id, id, account_id, kind, detail, found_on)
SELECT $1, r.id, r.account_id, r.kind, r.detail, $2 FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::jsonb[])
    AS r(id, account_id, kind, detail)
ON CONFLICT (organization_id, account_id, kind) DO UPDATE
SET detail = excluded.detail, state = CASE WHEN f.state = 'mended' THEN 'open' ELSE f.state END,
    found_on = CASE WHEN f.state = 'mended' THEN excluded.found_on ELSE f.found_on END, closed_on = NULL,
    version = f.version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE f.state = 'mended' OR f.detail <> excluded.detail
RETURNING f.account_id
"""
_MEND = """
UPDATE data_findings f SET state = 'mended', closed_on = $2, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND account_id = ANY($3::uuid[]) AND state <> 'mended'
  AND NOT (account_id, kind) IN (SELECT * FROM unnest($4::uuid[], $5::text[]))
RETURNING account_id
"""


async def traits(session: ReadSession, after: UUID, limit: int) -> list[AccountTraits]:
    """What is compared of active accounts behind `after`, by id."""
    rows = await session.driver.fetch(_TRAITS, session.organization_id, after, limit)
    return [
        AccountTraits(
            row["id"],
            row["name"],
            row["country"],
            row["parent_id"],
            frozenset(row["banks"] or ()),
            frozenset(row["emails"] or ()),
            frozenset(row["phones"] or ()),
        )
        for row in rows
    ]


async def put_pairs(session: WriteSession, pairs: Sequence[Pair]) -> list[Any]:
    """Keep these proposals, and forget those that were proposed and are none any more; returns new and changed ones."""
    accounts, others = [pair.account_id for pair in pairs], [pair.other_id for pair in pairs]
    await session.driver.execute(_DROP_PAIRS, session.organization_id, accounts, others)
    return list(
        await session.driver.fetch(
            _PUT_PAIRS,
            session.organization_id,
            [new_id() for _ in pairs],
            accounts,
            others,
            [pair.score for pair in pairs],
            [json.dumps([list(reason) for reason in pair.reasons]) for pair in pairs],
        )
    )


async def put_findings(session: WriteSession, account_ids: Sequence[UUID], today: date) -> tuple[int, int]:
    """Look at these accounts; returns how many findings are new or changed, and how many are mended."""
    key, ids = session.organization_id, list(account_ids)
    rows = await session.driver.fetch(_FINDINGS, key, ids, today - timedelta(days=STALE_DAYS))
    accounts, kinds = [row["account_id"] for row in rows], [row["kind"] for row in rows]
    details = [json.dumps(row["detail"]) for row in rows]
    put = await session.driver.fetch(_PUT_FINDINGS, key, today, [new_id() for _ in rows], accounts, kinds, details)
    mended = await session.driver.fetch(_MEND, key, today, ids, accounts, kinds)
    return len(put), len(mended)


async def lock_duplicate(session: WriteSession, duplicate_id: UUID) -> AccountDuplicate:
    """The pair, locked. Raises DuplicateNotFound."""
    found = await session.get(AccountDuplicate, (session.organization_id, duplicate_id), with_for_update=True)
    if found is None:
        raise DuplicateNotFound("no such pair of accounts")
    return found


async def lock_merge(session: WriteSession, merge_id: UUID) -> AccountMerge:
    """The merge, locked. Raises MergeNotFound."""
    found = await session.get(AccountMerge, (session.organization_id, merge_id), with_for_update=True)
    if found is None:
        raise MergeNotFound("no such merge")
    return found


async def lock_finding(session: WriteSession, finding_id: UUID) -> DataFinding:
    """The finding, locked. Raises FindingNotFound."""
    found = await session.get(DataFinding, (session.organization_id, finding_id), with_for_update=True)
    if found is None:
        raise FindingNotFound("no such finding")
    return found


async def set_pair_state(session: WriteSession, left: UUID, right: UUID, state: str) -> None:
    """The pair of these two, where it is known, has this state now."""
    await session.driver.execute(
        "UPDATE account_duplicates SET state = $4, decided_by = $5, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz"
        " WHERE organization_id = $1 AND account_id = $2 AND other_id = $3",
        session.organization_id,
        min(left, right),
        max(left, right),
        state,
        session.actor.name,
    )


def duplicates_statement(organization_id: UUID, state: str | None, account_id: UUID | None) -> Select[Any]:
    """The statement of a list of pairs, without order and bounds."""
    statement = select(AccountDuplicate).where(AccountDuplicate.organization_id == organization_id)
    if state is not None:
        statement = statement.where(AccountDuplicate.state == state)
    if account_id is not None:
        either = or_(AccountDuplicate.account_id == account_id, AccountDuplicate.other_id == account_id)
        statement = statement.where(either)
    return statement


def merges_statement(organization_id: UUID, account_id: UUID | None) -> Select[Any]:
    """The statement of a list of merges, without order and bounds."""
    statement = select(AccountMerge).where(AccountMerge.organization_id == organization_id)
    if account_id is not None:
        either = or_(AccountMerge.survivor_id == account_id, AccountMerge.merged_id == account_id)
        statement = statement.where(either)
    return statement


def findings_statement(
    organization_id: UUID, state: str | None, kind: str | None, account_id: UUID | None
) -> Select[Any]:
    """The statement of a list of findings, without order and bounds."""
    statement = select(DataFinding).where(DataFinding.organization_id == organization_id)
    for column, value in ((DataFinding.state, state), (DataFinding.kind, kind), (DataFinding.account_id, account_id)):
        if value is not None:
            statement = statement.where(column == value)
    return statement


async def finding_counts(session: ReadSession) -> dict[str, int]:
    """Open findings by kind."""
    rows = await session.driver.fetch(
        "SELECT kind, count(*)::int AS count FROM data_findings WHERE organization_id = $1 AND state = 'open'"
        " GROUP BY kind",
        session.organization_id,
    )
    return {row["kind"]: row["count"] for row in rows}
