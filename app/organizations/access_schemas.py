"""What goes in and out over HTTP: the caller, users, API clients, secrets, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.money import to_minor, to_text
from app.infra.http.fields import Amount, AmountOut, Currency, Input, Instant, Name, text, unset, visible
from app.organizations.access import client_id_of, is_valid
from app.organizations.models import ApiClient, ApiClientSecret, User
from app.organizations.rules import scopes_of
from app.organizations.schemas import OrganizationRead, actions

Role = Literal[
    "admin",
    "credit_manager",
    "collections_manager",
    "collector",
    "cash_application",
    "dispute_resolver",
    "auditor",
    "integration",
]
Scope = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z-]+:[a-z]+$"), Field(examples=["invoices:read"])]
Email = Annotated[
    str,
    StringConstraints(
        min_length=3, max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"
    ),
    Field(description="Kept in lower case", examples=["ada@example.com"]),
]
Roles = Annotated[list[Role], Field(max_length=8)]
Scopes = Annotated[list[Scope], Field(max_length=64)]
Lifetime = Annotated[int, Field(ge=60, le=86_400, description="Seconds that a fetched token is valid")]
Subject = Annotated[str, visible(255)]


TeamCode = Annotated[str, visible(64), Field(examples=["north"])]
_PORTFOLIOS = "Accounts whose collector is one of these users; they and those of the teams add up"


class DataScopeIn(Input):
    """The part of the organization that is seen. What is left out does not narrow; nothing at all is everything."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"own_portfolio": True}, {"teams": ["north"]}]})
    collectors: Annotated[list[UUID], Field(max_length=200, description=_PORTFOLIOS)] = []
    own_portfolio: Annotated[bool, Field(description="The caller's own accounts, as if named in `collectors`")] = False
    teams: Annotated[
        list[TeamCode], Field(max_length=50, description="Accounts whose collector is in these teams")
    ] = []
    segments: Annotated[
        list[Annotated[str, visible(120)]], Field(max_length=50, description="Of those only accounts of these segments")
    ] = []
    legal_entities: Annotated[
        list[UUID], Field(max_length=200, description="Only documents and money of these legal entities")
    ] = []


class DataScopeRead(BaseModel):
    """The part of the organization that is seen; all empty: everything."""

    collectors: list[UUID] = []
    own_portfolio: bool = False
    teams: list[str] = []
    segments: list[str] = []
    legal_entities: list[UUID] = []


class ApprovalLimitIn(Input):
    """Up to this amount the user decides alone."""

    currency: Currency
    amount: Amount


class ApprovalLimit(BaseModel):
    """Up to this amount the user decides alone."""

    currency: str
    amount: AmountOut


class MeRead(BaseModel):
    """Who is calling, and what the caller may do."""

    kind: Literal["user", "api_client", "system"]
    id: UUID | None
    name: str
    roles: list[str]
    scopes: list[str]
    permissions: dict[str, list[str]] = Field(description="The scopes as resource → verbs")
    approval_limit: AmountOut | None = Field(
        description="Up to this amount in the organization's base currency the caller decides alone; null: no limit"
    )
    data_scope: DataScopeRead = Field(description="The part of the organization that the caller sees")
    organization: OrganizationRead


class UserRead(BaseModel):
    """A person who acts."""

    id: UUID
    email: str
    display_name: str
    issuer: str | None
    subject: str | None
    roles: list[str]
    scopes: list[str]
    approval_limits: list[ApprovalLimit]
    team: str | None
    data_scope: DataScopeRead
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    allowed_actions: list[str]


class UserCreate(Input):
    """A new user; issuer and subject tie the user to the outside OpenID provider."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "display_name": "Ada Lindqvist", "roles": ["collector"]}]
        }
    )
    email: Email
    display_name: Name
    roles: Roles = []
    issuer: Subject | None = None
    subject: Subject | None = None
    approval_limits: Annotated[list[ApprovalLimitIn], Field(max_length=20)] = []
    team: TeamCode | None = None
    data_scope: DataScopeIn = DataScopeIn()


class UserUpdate(Input):
    """Fields to change; what is left out stays."""

    email: Email = unset()
    display_name: Name = unset()
    roles: Roles = unset()
    issuer: Subject | None = unset()
    subject: Subject | None = unset()
    approval_limits: Annotated[list[ApprovalLimitIn], Field(max_length=20)] = unset()
    team: TeamCode | None = unset()
    data_scope: DataScopeIn = unset()
    active: bool = unset()


class SecretRead(BaseModel):
    """A secret, of which only the beginning is known."""

    id: UUID
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    allowed_actions: list[str]


class SecretMade(SecretRead):
    """A fresh secret. `secret` is shown once; a replay of the request leaves it out."""

    secret: str | None = Field(examples=["dcs_…"])


class SecretCreate(Input):
    """A further secret; without an end it is valid until it is revoked."""

    expires_at: Instant | None = None


class SecretsRead(BaseModel):
    """Secrets of one API client, newest first."""

    data: list[SecretRead]


class ApiClientRead(BaseModel):
    """A program that acts through client credentials."""

    id: UUID
    client_id: str = Field(description="The id for POST /v1/oauth/token")
    name: str
    roles: list[str]
    scopes: list[str] = Field(description="Single scopes besides those of the roles")
    token_lifetime_seconds: int
    data_scope: DataScopeRead
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    allowed_actions: list[str]


class ApiClientMade(ApiClientRead):
    """A new API client with its first secret, shown once; a replay of the request leaves it out."""

    secret: SecretMade


class ApiClientCreate(Input):
    """A new program with roles, single scopes or both."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "ERP", "roles": ["integration"], "token_lifetime_seconds": 3600}]}
    )
    name: Annotated[str, text(120)]
    roles: Roles = []
    scopes: Scopes = []
    token_lifetime_seconds: Lifetime = 3600
    data_scope: DataScopeIn = DataScopeIn()


class ApiClientUpdate(Input):
    """Fields to change; what is left out stays."""

    name: Annotated[str, text(120)] = unset()
    roles: Roles = unset()
    scopes: Scopes = unset()
    token_lifetime_seconds: Lifetime = unset()
    data_scope: DataScopeIn = unset()
    active: bool = unset()


class TokenRead(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds")
    scope: str


def limits_minor(limits: Sequence[ApprovalLimitIn]) -> dict[str, int]:
    """Minor units by currency. Raises AmountInvalid."""
    return {
        limit.currency: to_minor(limit.amount, limit.currency, pointer=f"/approval_limits/{position}/amount")
        for position, limit in enumerate(limits)
    }


def user_read(row: User, scopes: frozenset[str]) -> UserRead:
    """The resource, with what this caller may do."""
    state = "deactivate" if row.active else "activate"
    return UserRead(
        id=row.id,
        email=row.email,
        display_name=row.display_name,
        issuer=row.issuer,
        subject=row.subject,
        roles=row.roles,
        scopes=sorted(scopes_of(row.roles)),
        approval_limits=[
            ApprovalLimit(currency=currency, amount=to_text(minor, currency))
            for currency, minor in sorted(row.approval_limit.items())
        ],
        team=row.team,
        data_scope=DataScopeRead.model_validate(row.data_scope),
        active=row.active,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=actions(scopes, ("users:write", "update"), ("users:write", state)),
    )


def api_client_read(row: ApiClient, scopes: frozenset[str]) -> ApiClientRead:
    """The resource, with what this caller may do."""
    write = "api-clients:write"
    state = "deactivate" if row.active else "activate"
    return ApiClientRead(
        id=row.id,
        client_id=client_id_of(row),
        name=row.name,
        roles=row.roles,
        scopes=row.scopes,
        token_lifetime_seconds=row.token_lifetime_seconds,
        data_scope=DataScopeRead.model_validate(row.data_scope),
        active=row.active,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=actions(scopes, (write, "update"), (write, state), (write, "create_secret")),
    )


def secret_read(row: ApiClientSecret, scopes: frozenset[str], now: datetime) -> SecretRead:
    """The resource, with what this caller may do."""
    possible = [("api-clients:write", "revoke")] if is_valid(row, now) else []
    return SecretRead(
        id=row.id,
        prefix=row.prefix,
        created_at=row.recorded_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        allowed_actions=actions(scopes, *possible),
    )


def secret_made(row: ApiClientSecret, text: str | None, scopes: frozenset[str], now: datetime) -> SecretMade:
    """The resource with the secret itself, or without it for a replay."""
    return SecretMade(**secret_read(row, scopes, now).model_dump(), secret=text)
