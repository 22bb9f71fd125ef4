"""SQL of the facts: payments that wait, documents by key, by account and by amount, accounts and payer identities.

Every statement is bounded for each key, account or payment that is asked for, so that what one of them finds never
takes the place of what another one needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession

ITEMS_PER_ACCOUNT_LIMIT = 5_000
ITEMS_PER_BATCH_LIMIT = 100_000
DOCUMENTS_PER_KEY_LIMIT = 61
ITEMS_PER_AMOUNT_LIMIT = 9
EARLIER_PER_PAYMENT_LIMIT = 60
ACCOUNTS_PER_IDENTITY_LIMIT = 20
CREDITS_PER_ACCOUNT_LIMIT = 1_000
GROUP_MEMBERS_LIMIT = 60
ACCOUNTS_PER_PAGE = 20_000

_PAYMENT_COLUMNS = """
p.id, p.legal_entity_id, p.currency, p.unapplied_minor, p.value_date, p.accounting_date, p.account_id, p.payer_name,
p.payer_bank_identifier, p.remittance_text, p.remittance, p.end_to_end_id, p.bank_reference, p.version,
e.closed_through, EXISTS (SELECT FROM proposals r WHERE r.organization_id = p.organization_id
    AND r.payment_id = p.id AND r.state = 'released') AS is_no_duplicate
"""
_WAITING = f"""
SELECT {_PAYMENT_COLUMNS}
FROM payments p JOIN legal_entities e ON e.organization_id = p.organization_id AND e.id = p.legal_entity_id
WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[]) AND p.matching_state = 'waiting' AND p.unapplied_minor > 0
ORDER BY p.value_date, p.id
"""
_WAITING_IDS = """
SELECT id FROM payments WHERE organization_id = $1 AND matching_state = 'waiting' AND id > $2 ORDER BY id LIMIT $3
"""
_ITEM_COLUMNS = """
s.id::text, s.invoice_id::text AS document_id, s.account_id::text, s.legal_entity_id::text, i.number, s.currency,
s.open_minor, s.amount_minor + s.corrected_minor AS amount_minor,
s.invoice_date, s.due_date, s.discount_minor, s.discount_date, s.accounting_date, i.purchase_order,
i.delivery_reference, i.contract_reference, i.external_id, i.payment_reference, false AS is_credit,
s.corrected_minor,
CASE WHEN s.discount_minor > 0 AND s.applied_minor <> 0 THEN (
    SELECT coalesce(sum(x.amount_minor), 0)::bigint FROM applications x
    WHERE x.organization_id = s.organization_id AND x.instalment_id = s.id AND x.credit_memo_id IS NOT NULL
) ELSE 0 END - s.corrected_minor AS lost_minor,
CASE WHEN s.later_discounts <> '[]' THEN s.later_discounts END AS later_discounts
"""
_CREDIT_COLUMNS = """
c.id::text, c.id::text AS document_id, c.account_id::text, c.legal_entity_id::text, c.number, c.currency, c.open_minor,
c.amount_minor, c.credit_date AS invoice_date, c.credit_date AS due_date, 0::bigint AS discount_minor,
NULL::date AS discount_date, c.accounting_date, NULL AS purchase_order, NULL AS delivery_reference,
NULL AS contract_reference, c.external_id, NULL AS payment_reference, true AS is_credit,
0::bigint AS corrected_minor, 0::bigint AS lost_minor, NULL::jsonb AS later_discounts
"""
# Ids as text: the engine has them so, and tens of thousands of UUID objects a batch would only be made into text.
_WHOLE = ("number_key", "digits_key", "payment_reference_key")
_OPEN = " JOIN instalments s ON s.organization_id = $1 AND s.invoice_id = d.id AND s.open_minor <> 0"
_DOCUMENTS_BY_KEY = " UNION ALL ".join(
    f"SELECT k.key, d.id, d.account_id, d.part_id, d.open_minor, {'true' if opened == 'd' else 'false'} AS is_credit,"
    f" {'false' if column in _WHOLE else 'true'} AS is_weak FROM unnest($2::text[]) AS k(key)"
    f" CROSS JOIN LATERAL (SELECT d.id, d.account_id, {opened}.id AS part_id, {opened}.open_minor"
    f" FROM {table} d{join} WHERE d.organization_id = $1 AND d.{column} = k.key AND {opened}.open_minor <> 0"
    f" LIMIT {DOCUMENTS_PER_KEY_LIMIT}) d"
    for table, opened, join, columns in (
        (
            "invoices",
            "s",
            _OPEN,
            ("number_key", "digits_key", "tail_key", "purchase_order_key", "payment_reference_key"),
        ),
        ("credit_memos", "d", "", ("number_key", "digits_key", "tail_key")),
    )
    for column in columns
)
_ITEMS = f"""
SELECT {_ITEM_COLUMNS} FROM unnest($2::uuid[]) AS a(id)
CROSS JOIN LATERAL (
    SELECT * FROM instalments s WHERE s.organization_id = $1 AND s.account_id = a.id AND s.open_minor <> 0
    ORDER BY s.due_date, s.id LIMIT {ITEMS_PER_ACCOUNT_LIMIT}
) s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
UNION ALL
SELECT {_CREDIT_COLUMNS} FROM unnest($2::uuid[]) AS a(id)
CROSS JOIN LATERAL (
    SELECT * FROM credit_memos c WHERE c.organization_id = $1 AND c.account_id = a.id AND c.open_minor <> 0
    ORDER BY c.credit_date, c.id LIMIT {CREDITS_PER_ACCOUNT_LIMIT}
) c
LIMIT {ITEMS_PER_BATCH_LIMIT + 1}
"""
_ITEMS_OF_DOCUMENTS = f"""
SELECT {_ITEM_COLUMNS} FROM instalments s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
WHERE s.organization_id = $1 AND s.invoice_id = ANY($2::uuid[]) AND s.open_minor <> 0
"""
_CREDITS_BY_ID = f"""
SELECT {_CREDIT_COLUMNS} FROM credit_memos c
WHERE c.organization_id = $1 AND c.id = ANY($2::uuid[]) AND c.open_minor <> 0
"""
_ITEMS_BY_AMOUNT = f"""
SELECT {_ITEM_COLUMNS} FROM unnest($2::uuid[], $3::text[], $4::bigint[]) AS w(legal_entity_id, currency, minor)
CROSS JOIN LATERAL (
    SELECT * FROM instalments s WHERE s.organization_id = $1 AND s.legal_entity_id = w.legal_entity_id
        AND s.open_minor = w.minor AND s.open_minor <> 0 AND s.currency = w.currency
    LIMIT {ITEMS_PER_AMOUNT_LIMIT}
) s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
"""
_ITEMS_BY_ACCOUNT_AND_AMOUNT = f"""
SELECT {_ITEM_COLUMNS} FROM unnest($2::uuid[], $3::bigint[]) AS w(account_id, minor)
CROSS JOIN LATERAL (
    SELECT * FROM instalments s WHERE s.organization_id = $1 AND s.account_id = w.account_id
        AND s.open_minor = w.minor AND s.open_minor <> 0
    LIMIT {ITEMS_PER_AMOUNT_LIMIT}
) s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
"""
_EARLIER = f"""
SELECT DISTINCT ON (p.id) p.id, p.legal_entity_id, p.currency, p.amount_minor, p.value_date, p.account_id, p.payer_name,
    p.payer_bank_identifier, p.remittance_text, p.end_to_end_id, p.bank_reference
FROM unnest($2::bigint[], $3::text[], $4::date[], $5::date[]) AS w(minor, currency, since, until)
CROSS JOIN LATERAL (
    SELECT * FROM payments p WHERE p.organization_id = $1 AND p.amount_minor = w.minor
        AND p.value_date BETWEEN w.since AND w.until AND p.currency = w.currency
        AND p.status NOT IN ('reversed', 'not_receivable')
    ORDER BY p.value_date DESC, p.id DESC LIMIT {EARLIER_PER_PAYMENT_LIMIT}
) p
"""
_ACCOUNT_COLUMNS = "a.id, a.number, a.name, a.legal_name, a.parent_id"
_ACCOUNTS = f"""
SELECT {_ACCOUNT_COLUMNS} FROM accounts a
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[]) AND a.status = 'active'
"""
_CHILDREN = f"""
SELECT {_ACCOUNT_COLUMNS} FROM unnest($2::uuid[]) AS w(id) CROSS JOIN LATERAL (
    SELECT * FROM accounts a WHERE a.organization_id = $1 AND a.parent_id = w.id AND a.status = 'active'
    ORDER BY a.id LIMIT {GROUP_MEMBERS_LIMIT}
) a
"""
_ACCOUNTS_PAGE = f"""
SELECT id, number, name, legal_name FROM accounts
WHERE organization_id = $1 AND id > $2 AND status = 'active' ORDER BY id LIMIT {ACCOUNTS_PER_PAGE}
"""
_ACCOUNTS_SINCE = f"""
SELECT id, number, name, legal_name, updated_at FROM accounts
WHERE organization_id = $1 AND (updated_at, id) > ($2, $3) AND status = 'active'
ORDER BY updated_at, id LIMIT {ACCOUNTS_PER_PAGE}
"""
_IDENTITIES = f"""
SELECT p.* FROM unnest($3::text[]) AS w(value) CROSS JOIN LATERAL (
    SELECT account_id, kind, value, normalized_value, origin, confirmations FROM payer_identities p
    WHERE p.organization_id = $1 AND p.kind = $2 AND p.normalized_value = w.value AND p.active
    LIMIT {ACCOUNTS_PER_IDENTITY_LIMIT + 1}
) p
"""


async def waiting_ids(session: ReadSession, after: UUID, limit: int) -> list[UUID]:
    """Payments that wait for the matcher, by id, behind `after`."""
    rows = await session.driver.fetch(_WAITING_IDS, session.organization_id, after, limit)
    return [row["id"] for row in rows]


async def waiting_payments(session: ReadSession, ids: Sequence[UUID]) -> list[Any]:
    """Those of the payments that still wait and have something left, by value date."""
    return list(await session.driver.fetch(_WAITING, session.organization_id, list(ids)))


async def documents_by_key(session: ReadSession, keys: Iterable[str]) -> list[Any]:
    """Documents whose number, digits, last digits, purchase order or payment reference is one of the keys, a row for
    each open instalment: key, id, account_id, part_id, open_minor, is_credit; is_weak: by less than its digits.
    """
    wanted = list(keys)
    return list(await session.driver.fetch(_DOCUMENTS_BY_KEY, session.organization_id, wanted)) if wanted else []


async def items_of_accounts(session: ReadSession, accounts: Iterable[UUID]) -> list[Any]:
    """Open instalments (the oldest first, bounded for each account) and credit memos of these accounts.

    One more than ITEMS_PER_BATCH_LIMIT when there are more.
    """
    wanted = list(accounts)
    return list(await session.driver.fetch(_ITEMS, session.organization_id, wanted)) if wanted else []


async def items_of_documents(session: ReadSession, invoices: Sequence[UUID], credits: Sequence[UUID]) -> list[Any]:
    """Open instalments of these invoices, and these credit memos."""
    found: list[Any] = []
    if invoices:
        found += await session.driver.fetch(_ITEMS_OF_DOCUMENTS, session.organization_id, list(invoices))
    if credits:
        found += await session.driver.fetch(_CREDITS_BY_ID, session.organization_id, list(credits))
    return found


async def items_by_amount(session: ReadSession, wanted: Sequence[tuple[UUID, str, int]]) -> list[Any]:
    """A few open instalments of any account with exactly this (legal entity, currency, open amount)."""
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return list(await session.driver.fetch(_ITEMS_BY_AMOUNT, session.organization_id, *columns))


async def items_by_account_and_amount(session: ReadSession, wanted: Sequence[tuple[UUID, int]]) -> list[Any]:
    """A few open instalments of this account with exactly this open amount."""
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return list(await session.driver.fetch(_ITEMS_BY_ACCOUNT_AND_AMOUNT, session.organization_id, *columns))


async def earlier_payments(session: ReadSession, wanted: Sequence[tuple[int, str, date, date]]) -> list[Any]:
    """Payments with one of these (amount, currency) and a value date between the two days, to recognise duplicates."""
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return list(await session.driver.fetch(_EARLIER, session.organization_id, *columns))


async def accounts_by_id(session: ReadSession, ids: Iterable[UUID]) -> list[Any]:
    """Those of the accounts that are active, with their names."""
    return list(await session.driver.fetch(_ACCOUNTS, session.organization_id, list(ids)))


async def children_of(session: ReadSession, parents: Iterable[UUID]) -> list[Any]:
    """Active accounts directly below these, a bounded number for each."""
    return list(await session.driver.fetch(_CHILDREN, session.organization_id, list(parents)))


async def accounts_page(session: ReadSession, after: UUID) -> list[Any]:
    """A page of the active accounts by id."""
    return list(await session.driver.fetch(_ACCOUNTS_PAGE, session.organization_id, after))


async def accounts_since(session: ReadSession, since: datetime, after: UUID) -> list[Any]:
    """A page of the active accounts that changed behind this instant and id, by both."""
    return list(await session.driver.fetch(_ACCOUNTS_SINCE, session.organization_id, since, after))


async def identity_rows(session: ReadSession, kind: str, normalized: Iterable[str]) -> list[Any]:
    """Payer identities in use with one of these normalized values; none of a value that stands for very many accounts,
    as that of a marketplace or a payment service does.
    """
    wanted = list(normalized)
    if not wanted:
        return []
    rows = await session.driver.fetch(_IDENTITIES, session.organization_id, kind, wanted)
    counts = Counter(row["normalized_value"] for row in rows)
    return [row for row in rows if counts[row["normalized_value"]] <= ACCOUNTS_PER_IDENTITY_LIMIT]
