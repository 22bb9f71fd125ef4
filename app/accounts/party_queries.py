"""SQL of contacts and payer identities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.accounts.errors import ContactNotFound, PayerIdentityNotFound
from app.accounts.models import Contact, PayerIdentity
from app.infra.database import ReadSession, WriteSession

_INSERT_CONTACTS = """
INSERT INTO contacts (organization_id, id, account_id, role, name, email, phone, language, consents, do_not_contact)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::jsonb[], $10::bool[])
"""
_UPDATE_CONTACTS = """
UPDATE contacts c SET role = r.role, name = r.name, email = r.email, phone = r.phone, language = r.language,
    consents = r.consents, do_not_contact = r.do_not_contact, version = c.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
            $10::bool[]) AS r(id, account_id, role, name, email, phone, language, consents, do_not_contact)
WHERE c.organization_id = $1 AND c.id = r.id
"""
_ERASE_CONTACT = """
UPDATE contacts SET active = false, name = NULL, email = NULL, phone = NULL, language = NULL, consents = '{}',
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_INSERT_IDENTITIES = """
INSERT INTO payer_identities (organization_id, id, account_id, kind, value, normalized_value, origin)
SELECT $1, r.id, r.account_id, r.kind, r.value, r.normalized_value, $7
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])
     AS r(id, account_id, kind, value, normalized_value)
ON CONFLICT (organization_id, kind, normalized_value, account_id) DO NOTHING
RETURNING id, account_id, kind
"""
# A person's deactivation stands: money seen again neither counts nor brings it back.
_CONFIRM_IDENTITIES = """
UPDATE payer_identities p SET confirmations = p.confirmations + r.times, version = p.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[]) AS r(account_id, kind, normalized_value, times)
WHERE p.organization_id = $1 AND p.account_id = r.account_id AND p.kind = r.kind
  AND p.normalized_value = r.normalized_value AND p.active
"""

# A learned identity without a confirmation left is deleted; every other keeps at least one.
_UNCONFIRM_IDENTITIES = """
WITH r AS (SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[])
        AS r(account_id, kind, normalized_value, times)),
kept AS (UPDATE payer_identities p SET confirmations = greatest(1, p.confirmations - r.times), version = p.version + 1,
        updated_at = current_setting('app.recorded_at')::timestamptz
    FROM r WHERE p.organization_id = $1 AND p.account_id = r.account_id AND p.kind = r.kind
    AND p.normalized_value = r.normalized_value
    AND NOT (p.origin = 'learned' AND p.active AND p.confirmations <= r.times))
DELETE FROM payer_identities p USING r WHERE p.organization_id = $1 AND p.account_id = r.account_id
    AND p.kind = r.kind AND p.normalized_value = r.normalized_value
    AND p.origin = 'learned' AND p.active AND p.confirmations <= r.times
RETURNING p.id, p.account_id, p.kind
"""


async def insert_contacts(session: WriteSession, rows: Sequence[Sequence[Any]]) -> None:
    """Insert contacts: id, account, role, name, e-mail, phone, language, consents, do-not-contact."""
    await session.driver.execute(_INSERT_CONTACTS, session.organization_id, *_contact_columns(rows))


async def update_contacts(session: WriteSession, rows: Sequence[Sequence[Any]]) -> None:
    """Overwrite contacts, columns as for `insert_contacts`; raises their versions."""
    await session.driver.execute(_UPDATE_CONTACTS, session.organization_id, *_contact_columns(rows))


def _contact_columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[7] = [json.dumps(consents) for consents in columns[7]]
    return columns


async def erase_contact(session: WriteSession, contact_id: UUID) -> None:
    """Forget the person; the empty row stays for what refers to it."""
    await session.driver.execute(_ERASE_CONTACT, session.organization_id, contact_id)


async def active_contacts(session: ReadSession, account_ids: Iterable[UUID]) -> dict[UUID, list[Any]]:
    """The contacts in use of these accounts, oldest first."""
    rows = await session.driver.fetch(
        "SELECT * FROM contacts WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND active ORDER BY id",
        session.organization_id,
        list(account_ids),
    )
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["account_id"], []).append(row)
    return found


async def get_contact(session: ReadSession, account_id: UUID, contact_id: UUID, *, lock: bool = False) -> Any:
    """A contact in use of this account, locked for a change when asked. Raises ContactNotFound."""
    row = await session.driver.fetchrow(
        "SELECT * FROM contacts WHERE organization_id = $1 AND account_id = $2 AND id = $3 AND active"
        + (" FOR NO KEY UPDATE" if lock else ""),
        session.organization_id,
        account_id,
        contact_id,
    )
    if row is None:
        raise ContactNotFound("the account has no such contact")
    return row


def contacts_statement(organization_id: UUID, account_id: UUID) -> Select[Any]:
    """The statement of a list of an account's contacts in use, without order and bounds."""
    return select(Contact).where(
        Contact.organization_id == organization_id, Contact.account_id == account_id, Contact.active
    )


async def insert_identities(
    session: WriteSession, rows: Sequence[tuple[UUID, UUID, str, str, str]], origin: str
) -> list[Any]:
    """Insert payer identities (id, account, kind, value, normalized) that are not there yet; returns the new ones."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return await session.driver.fetch(_INSERT_IDENTITIES, session.organization_id, *columns, origin)


async def confirm_identities(session: WriteSession, rows: Sequence[tuple[UUID, str, str, int]]) -> None:
    """Count money that came again: account, kind, normalized value, how many times."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_CONFIRM_IDENTITIES, session.organization_id, *columns)


async def unconfirm_identities(session: WriteSession, rows: Sequence[tuple[UUID, str, str, int]]) -> list[Any]:
    """Count money less: account, kind, normalized value, how many times; returns the learned ones that are gone."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return list(await session.driver.fetch(_UNCONFIRM_IDENTITIES, session.organization_id, *columns))


async def get_identity(session: ReadSession, account_id: UUID, identity_id: UUID, *, lock: bool = False) -> Any:
    """A payer identity of this account, locked for a change when asked. Raises PayerIdentityNotFound."""
    row = await session.driver.fetchrow(
        "SELECT * FROM payer_identities WHERE organization_id = $1 AND account_id = $2 AND id = $3"
        + (" FOR NO KEY UPDATE" if lock else ""),
        session.organization_id,
        account_id,
        identity_id,
    )
    if row is None:
        raise PayerIdentityNotFound("the account has no such payer identity")
    return row


async def find_identity(session: WriteSession, account_id: UUID, kind: str, normalized_value: str) -> Any | None:
    """The account's identity of that kind and form, locked for a change, or None."""
    return await session.driver.fetchrow(
        "SELECT * FROM payer_identities WHERE organization_id = $1 AND account_id = $2 AND kind = $3"
        " AND normalized_value = $4 FOR NO KEY UPDATE",
        session.organization_id,
        account_id,
        kind,
        normalized_value,
    )


async def set_identity_active(session: WriteSession, identity_id: UUID, active: bool) -> None:
    """Take the identity out of use, or back into it as entered by a person; raises the version."""
    await session.driver.execute(
        "UPDATE payer_identities SET active = $3, origin = CASE WHEN $3 THEN 'entered' ELSE origin END,"
        " version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz"
        " WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        identity_id,
        active,
    )


def identities_statement(organization_id: UUID, account_id: UUID, active: bool | None) -> Select[Any]:
    """The statement of a list of an account's payer identities, without order and bounds."""
    statement = select(PayerIdentity).where(
        PayerIdentity.organization_id == organization_id, PayerIdentity.account_id == account_id
    )
    return statement if active is None else statement.where(PayerIdentity.active == active)
