"""Who may act: users, API clients, their secrets, and the exchange of a secret for an access token."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from app.core.ids import ApiClientId, UserId, new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations import queries
from app.organizations.data_scope import check_data_scope
from app.organizations.duties import check_duties
from app.organizations.errors import (
    GrantExceedsOwn,
    LastAdmin,
    SecretExpiryPast,
    SecretsFull,
    SubjectIncomplete,
)
from app.organizations.models import ApiClient, ApiClientSecret, User
from app.organizations.rules import (
    MAX_ACTIVE_SECRETS,
    ClientId,
    check_roles,
    check_scopes,
    scopes_of,
)
from app.organizations.service import add_row, save_changes

SECRET_PREFIX = "dcs_"
SECRET_BYTES = 32
SHOWN_CHARACTERS = 12
_PERSONAL = frozenset({"email", "display_name", "issuer", "subject"})


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person. `approval_limits`: minor units by currency; issuer and subject as the OpenID provider says."""

    email: str
    display_name: str
    roles: Sequence[str]
    issuer: str | None = None
    subject: str | None = None
    approval_limits: Mapping[str, int] | None = None
    team: str | None = None
    data_scope: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewApiClient:
    """A program that acts through client credentials, with roles and single scopes besides."""

    name: str
    roles: Sequence[str] = ()
    scopes: Sequence[str] = ()
    token_lifetime_seconds: int = 3600
    data_scope: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class MadeSecret:
    """A fresh secret: its text is known only here and now."""

    row: ApiClientSecret
    text: str


async def create_user(session: WriteSession, new: NewUser, *, granted_by: frozenset[str] | None) -> User:
    """Add a person. `granted_by` are the caller's scopes (None: the installation itself).

    Raises RoleUnknown, SegregationViolated, GrantExceedsOwn, SubjectIncomplete, DataScopeUnknown; UserTaken comes from
    the unique keys.
    """
    roles = check_roles(new.roles)
    check_duties(roles)
    _check_grant(scopes_of(roles), granted_by)
    _check_subject(new.issuer, new.subject)
    data_scope = await check_data_scope(session, new.data_scope or {})
    row = User(
        organization_id=session.organization_id,
        id=UserId(new_id()),
        email=new.email.lower(),
        display_name=new.display_name,
        issuer=new.issuer,
        subject=new.subject,
        roles=list(roles),
        approval_limit=dict(new.approval_limits or {}),
        team=new.team,
        data_scope=data_scope,
    )
    await add_row(session, row)
    facts = {"roles": list(roles), "team": new.team, "data_scope": data_scope}
    record_change(session, ChangeRow("user", row.id, "user.created", None, facts))
    return row


async def update_user(
    session: WriteSession,
    user_id: UUID,
    changes: Mapping[str, Any],
    *,
    granted_by: frozenset[str] | None,
    expected_version: int | None = None,
) -> User:
    """Change a person, roles and activity included.

    Raises UserUnknown, StaleVersion, RoleUnknown, SegregationViolated, GrantExceedsOwn, SubjectIncomplete, LastAdmin,
    DataScopeUnknown.
    """
    row = await queries.get_user(session, user_id, lock=True)
    check_version(expected_version, row.version)
    changes = dict(changes)
    if "email" in changes:
        changes["email"] = changes["email"].lower()
    if "roles" in changes:
        changes["roles"] = list(check_roles(changes["roles"]))
        check_duties(changes["roles"])
    if "data_scope" in changes:
        changes["data_scope"] = await check_data_scope(session, changes["data_scope"])
    if changes.keys() & {"roles", "active", "issuer", "subject", "approval_limit", "team", "data_scope"}:
        _check_grant(scopes_of([*row.roles, *changes.get("roles", ())]), granted_by)
    _check_subject(changes.get("issuer", row.issuer), changes.get("subject", row.subject))
    stays_admin = (
        "admin" in changes.get("roles", row.roles)
        and changes.get("active", row.active)
        and not changes.get("data_scope", row.data_scope)
    )
    if row.active and "admin" in row.roles and not row.data_scope and not stays_admin:
        await _require_another_admin(session)
    await save_changes(session, row, changes, "user", row.id, unlogged=_PERSONAL)
    return row


async def create_api_client(
    session: WriteSession, new: NewApiClient, *, granted_by: frozenset[str] | None
) -> tuple[ApiClient, MadeSecret]:
    """Add a program with its first secret, whose text is answered once and never again.

    Raises RoleUnknown, ScopeUnknown, SegregationViolated, GrantExceedsOwn, DataScopeUnknown; ApiClientNameTaken comes
    from the key.
    """
    roles, scopes = check_roles(new.roles), check_scopes(new.scopes)
    check_duties(roles, scopes)
    _check_grant(scopes_of(roles, scopes), granted_by)
    data_scope = await check_data_scope(session, new.data_scope or {})
    row = ApiClient(
        organization_id=session.organization_id,
        id=ApiClientId(new_id()),
        name=new.name,
        roles=list(roles),
        scopes=list(scopes),
        token_lifetime_seconds=new.token_lifetime_seconds,
        data_scope=data_scope,
    )
    await add_row(session, row)
    facts = {"name": new.name, "roles": list(roles), "scopes": list(scopes), "data_scope": data_scope}
    record_change(session, ChangeRow("api_client", row.id, "api_client.created", None, facts))
    return row, await _add_secret(session, row.id, None)


async def update_api_client(
    session: WriteSession,
    api_client_id: UUID,
    changes: Mapping[str, Any],
    *,
    granted_by: frozenset[str] | None,
    expected_version: int | None = None,
) -> ApiClient:
    """Change a program. Deactivated, its tokens stop within half a minute.

    Raises ApiClientUnknown, StaleVersion, RoleUnknown, ScopeUnknown, SegregationViolated, GrantExceedsOwn,
    DataScopeUnknown.
    """
    row = await queries.get_api_client(session, api_client_id, lock=True)
    check_version(expected_version, row.version)
    changes = dict(changes)
    if "roles" in changes:
        changes["roles"] = list(check_roles(changes["roles"]))
    if "scopes" in changes:
        changes["scopes"] = list(check_scopes(changes["scopes"]))
    if changes.keys() & {"roles", "scopes"}:
        check_duties(changes.get("roles", row.roles), changes.get("scopes", row.scopes))
    if "data_scope" in changes:
        changes["data_scope"] = await check_data_scope(session, changes["data_scope"])
    wanted = scopes_of(changes.get("roles", row.roles), changes.get("scopes", row.scopes))
    _check_grant(wanted | scopes_of(row.roles, row.scopes), granted_by)
    await save_changes(session, row, changes, "api_client", row.id)
    return row


async def create_secret(
    session: WriteSession,
    api_client_id: UUID,
    *,
    expires_at: datetime | None,
    granted_by: frozenset[str] | None,
    now: datetime,
) -> MadeSecret:
    """Make another secret, for rotation: at most two are valid at once.

    Raises ApiClientUnknown, GrantExceedsOwn, SecretExpiryPast, SecretsFull.
    """
    client = await queries.get_api_client(session, api_client_id, lock=True)
    _check_grant(scopes_of(client.roles, client.scopes), granted_by)
    if expires_at is not None and expires_at <= now:
        raise SecretExpiryPast("the secret would have expired already", pointer="/expires_at")
    valid = [secret for secret in await queries.list_secrets(session, client.id) if is_valid(secret, now)]
    if len(valid) >= MAX_ACTIVE_SECRETS:
        raise SecretsFull(f"{MAX_ACTIVE_SECRETS} secrets are valid already; revoke one first")
    return await _add_secret(session, client.id, expires_at)


async def revoke_secret(session: WriteSession, api_client_id: UUID, secret_id: UUID) -> ApiClientSecret:
    """End a secret and, within half a minute, the tokens that it fetched. Twice is as good as once.

    Raises ApiClientUnknown, SecretUnknown.
    """
    await queries.get_api_client(session, api_client_id, lock=True)
    row = await queries.get_secret(session, api_client_id, secret_id)
    if row.revoked_at is None:
        row.revoked_at = RECORDED_NOW
        await session.flush()
        await session.refresh(row)
        facts = {"prefix": row.prefix, "revoked_at": row.revoked_at}
        record_change(session, ChangeRow("api_client", api_client_id, "api_client.secret_revoked", None, facts))
    return row


def is_valid(secret: ApiClientSecret, now: datetime) -> bool:
    """Neither revoked nor expired at `now`."""
    return secret.revoked_at is None and (secret.expires_at is None or secret.expires_at > now)


def client_id_of(client: ApiClient) -> str:
    """The public id with which the program fetches its tokens."""
    return str(ClientId(client.organization_id.hex, client.id.hex))


async def _add_secret(session: WriteSession, api_client_id: UUID, expires_at: datetime | None) -> MadeSecret:
    text = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    row = ApiClientSecret(
        organization_id=session.organization_id,
        id=new_id(),
        api_client_id=api_client_id,
        prefix=text[:SHOWN_CHARACTERS],
        secret_sha256=sha256(text.encode()).digest(),
        expires_at=expires_at,
    )
    await add_row(session, row)
    facts = {"prefix": row.prefix, "expires_at": expires_at}
    record_change(session, ChangeRow("api_client", api_client_id, "api_client.secret_created", None, facts))
    return MadeSecret(row, text)


async def _require_another_admin(session: WriteSession) -> None:
    await queries.lock_organization(session)  # two admins must not take each other's role away at once
    if await queries.count_active_admins(session) == 1:
        raise LastAdmin("the organization would have no active admin left", pointer="/roles")


def _check_grant(scopes: frozenset[str], granted_by: frozenset[str] | None) -> None:
    if granted_by is None:
        return
    beyond = sorted(scopes - granted_by)
    if beyond:
        raise GrantExceedsOwn(f"you do not hold {', '.join(beyond[:5])} yourself", pointer="/roles")


def _check_subject(issuer: str | None, subject: str | None) -> None:
    if (issuer is None) != (subject is None):
        raise SubjectIncomplete("issuer and subject come together", pointer="/subject")
