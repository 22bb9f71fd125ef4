"""All SQL of accounts themselves, their tree and payment terms; contacts and identities are in `party_queries.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from app.accounts.errors import AccountNotFound, PaymentTermsNotFound
from app.accounts.models import Account
from app.accounts.models import PaymentTerms as PaymentTermsRow
from app.accounts.rules import PaymentTerms
from app.accounts.terms_notation import terms_from_json
from app.infra.database import ReadSession, WriteSession, organization_lock_key

ACCOUNT_TREE_LOCK_SPACE = 7310  # class of the advisory locks under which parents change and batches are upserted

COLUMNS = (
    "number", "name", "legal_name", "parent_id", "currency", "payment_terms_id", "language", "time_zone", "street",
    "address_supplement", "postal_code", "city", "region", "country", "segment", "risk_class",
    "collector_id", "credit_limit_minor", "credit_status", "status", "source", "external_id",
    "source_credit_status",
)  # fmt: skip
_TYPES = dict.fromkeys(("parent_id", "payment_terms_id", "collector_id"), "uuid") | {"credit_limit_minor": "bigint"}
_LISTED = ", ".join(COLUMNS)
_UNNEST = ", ".join(f"${i}::{_TYPES.get(name, 'text')}[]" for i, name in enumerate(COLUMNS, start=3))
_MATCHING = f"""
SELECT id, version, {_LISTED} FROM accounts WHERE organization_id = $1 AND id IN (
    SELECT a.id FROM accounts a
    JOIN unnest($2::text[], $3::text[]) AS r(source, external_id) USING (source, external_id)
    WHERE a.organization_id = $1
    UNION SELECT id FROM accounts WHERE organization_id = $1 AND number = ANY($4::text[])
) ORDER BY id FOR NO KEY UPDATE
"""
_INSERT = f"INSERT INTO accounts (organization_id, id, {_LISTED}) SELECT $1, * FROM unnest($2::uuid[], {_UNNEST})"
_UPDATE = f"""
UPDATE accounts a SET {", ".join(f"{name} = r.{name}" for name in COLUMNS)}, version = a.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], {_UNNEST}) AS r(id, {_LISTED})
WHERE a.organization_id = $1 AND a.id = r.id
"""
# UNION (not ALL): it ends even if the parents formed a circle.
_ANCESTORS = """
WITH RECURSIVE up AS (
    SELECT id, parent_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])
    UNION
    SELECT p.id, p.parent_id FROM up JOIN accounts p ON p.organization_id = $1 AND p.id = up.parent_id
)
SELECT id, parent_id FROM up
"""


async def lock_account_tree(session: WriteSession) -> None:
    """Let nobody else change parents, or upsert accounts, until this transaction ends; two moves could make a circle.

    Take it before any row of an account is locked.
    """
    await session.driver.execute(
        "SELECT pg_advisory_xact_lock($1, $2)", ACCOUNT_TREE_LOCK_SPACE, organization_lock_key(session.organization_id)
    )


async def lock_matching_accounts(
    session: WriteSession, references: Sequence[tuple[str, str]], numbers: Sequence[str]
) -> list[Any]:
    """Accounts with one of these (source, external id) or numbers, locked in the order of their ids."""
    return await session.driver.fetch(
        _MATCHING,
        session.organization_id,
        [source for source, _ in references],
        [external_id for _, external_id in references],
        list(numbers),
    )


async def insert_accounts(session: WriteSession, rows: Sequence[Sequence[Any]]) -> None:
    """Insert accounts: id, then COLUMNS."""
    await session.driver.execute(_INSERT, session.organization_id, *[list(c) for c in zip(*rows, strict=True)])


async def update_accounts(session: WriteSession, rows: Sequence[Sequence[Any]]) -> None:
    """Overwrite accounts: id, then COLUMNS; raises their versions."""
    await session.driver.execute(_UPDATE, session.organization_id, *[list(c) for c in zip(*rows, strict=True)])


async def lock_account(session: WriteSession, account_id: UUID) -> Any:
    """The account's id, version and COLUMNS, locked for a change. Raises AccountNotFound."""
    row = await session.driver.fetchrow(
        f"SELECT id, version, {_LISTED} FROM accounts WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.organization_id,
        account_id,
    )
    if row is None:
        raise AccountNotFound("no such account")
    return row


async def get_account(session: ReadSession, account_id: UUID) -> Any:
    """Every column of the account. Raises AccountNotFound."""
    found = (await account_rows(session, [account_id])).get(account_id)
    if found is None:
        raise AccountNotFound("no such account")
    return found


async def account_rows(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Every column of these accounts, by id."""
    rows = await session.driver.fetch(
        "SELECT * FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])", session.organization_id, list(ids)
    )
    return {row["id"]: row for row in rows}


async def account_ids_by_number(session: ReadSession, numbers: Iterable[str]) -> dict[str, UUID]:
    """Ids of the accounts with these numbers."""
    rows = await session.driver.fetch(
        "SELECT number, id FROM accounts WHERE organization_id = $1 AND number = ANY($2::text[])",
        session.organization_id,
        list(numbers),
    )
    return {row["number"]: row["id"] for row in rows}


async def parents_above(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """The parent of each of these accounts and of everything above them, by id; unknown ids are missing."""
    rows = await session.driver.fetch(_ANCESTORS, session.organization_id, list(ids))
    return {row["id"]: row["parent_id"] for row in rows}


async def group_roots(session: ReadSession, account_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The root of each account's parent group (itself without a parent). Members of one group share the root."""
    wanted = list(account_ids)
    parents = await parents_above(session, wanted) if wanted else {}
    roots: dict[UUID, UUID] = {}
    for account_id in wanted:
        if account_id not in parents:
            continue
        path, current = [account_id], account_id
        while current not in roots and (above := parents.get(current)) is not None:
            current = above
            path.append(current)
        root = roots.get(current, current)
        roots.update(dict.fromkeys(path, root))
    return {account_id: roots[account_id] for account_id in wanted if account_id in roots}


async def terms_ids_by_code(session: ReadSession, codes: Iterable[str]) -> dict[str, UUID]:
    """Ids of the active payment terms with these codes."""
    rows = await session.driver.fetch(
        "SELECT code, id FROM payment_terms WHERE organization_id = $1 AND code = ANY($2::text[]) AND active",
        session.organization_id,
        list(codes),
    )
    return {row["code"]: row["id"] for row in rows}


async def known_ids(session: ReadSession, table: str, ids: Iterable[UUID]) -> set[UUID]:
    """Which of these ids exist in `accounts`, `payment_terms` or `users` of the organization."""
    assert table in ("accounts", "payment_terms", "users")
    rows = await session.driver.fetch(
        f"SELECT id FROM {table} WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"] for row in rows}


async def user_ids_by_email(session: ReadSession, emails: Iterable[str]) -> dict[str, UUID]:
    """Ids of active users by e-mail address in lower case."""
    rows = await session.driver.fetch(
        "SELECT lower(email) AS email, id FROM users"
        " WHERE organization_id = $1 AND lower(email) = ANY($2::text[]) AND active",
        session.organization_id,
        [email.lower() for email in emails],
    )
    return {row["email"]: row["id"] for row in rows}


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """What a list of accounts may be narrowed by."""

    number: str | None = None
    name: str | None = None
    country: str | None = None
    segment: str | None = None
    collector_id: UUID | None = None
    status: str | None = None
    credit_status: str | None = None
    parent_id: UUID | None = None
    source: str | None = None
    external_id: str | None = None
    updated_since: datetime | None = None


def accounts_statement(organization_id: UUID, wanted: AccountFilter) -> Select[Any]:
    """The statement of a list of accounts, without order and bounds. The name is searched anywhere, in any case."""
    statement = select(Account).where(Account.organization_id == organization_id)
    for name in (
        "number",
        "country",
        "segment",
        "collector_id",
        "status",
        "credit_status",
        "parent_id",
        "source",
        "external_id",
    ):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Account, name) == value)
    if wanted.name is not None:
        # strpos instead of LIKE: nothing in the caller's text is a wildcard.
        statement = statement.where(func.strpos(func.lower(Account.name), wanted.name.lower()) > 0)
    if wanted.updated_since is not None:
        statement = statement.where(Account.updated_at >= wanted.updated_since)
    return statement


async def payment_terms_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, PaymentTerms]:
    """The payment terms of these ids that exist in the organization, ready for `schedule`."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await session.driver.fetch(
        "SELECT id, code, definition FROM payment_terms WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        wanted,
    )
    return {row["id"]: terms_from_json(row["code"], row["definition"]) for row in rows}


async def payment_terms_rows(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Every column of these payment terms, by id."""
    rows = await session.driver.fetch(
        "SELECT * FROM payment_terms WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def lock_payment_terms(session: WriteSession, terms_id: UUID) -> Any:
    """Every column of the payment terms, locked for a change. Raises PaymentTermsNotFound."""
    row = await session.driver.fetchrow(
        "SELECT * FROM payment_terms WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.organization_id,
        terms_id,
    )
    if row is None:
        raise PaymentTermsNotFound("no such payment terms")
    return row


async def insert_payment_terms(
    session: WriteSession, terms_id: UUID, code: str, name: str, definition: dict[str, object]
) -> None:
    """Insert payment terms."""
    await session.driver.execute(
        "INSERT INTO payment_terms (organization_id, id, code, name, definition) VALUES ($1, $2, $3, $4, $5::jsonb)",
        session.organization_id,
        terms_id,
        code,
        name,
        json.dumps(definition),
    )


async def update_payment_terms(
    session: WriteSession, terms_id: UUID, name: str, definition: dict[str, object], active: bool
) -> None:
    """Overwrite name, definition and state of payment terms; raises the version."""
    await session.driver.execute(
        "UPDATE payment_terms SET name = $3, definition = $4::jsonb, active = $5, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        terms_id,
        name,
        json.dumps(definition),
        active,
    )


def payment_terms_statement(organization_id: UUID, active: bool | None, code: str | None) -> Select[Any]:
    """The statement of a list of payment terms, without order and bounds."""
    statement = select(PaymentTermsRow).where(PaymentTermsRow.organization_id == organization_id)
    if active is not None:
        statement = statement.where(PaymentTermsRow.active == active)
    if code is not None:
        statement = statement.where(PaymentTermsRow.code == code)
    return statement
