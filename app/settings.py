"""Settings from the environment; nothing is read or opened at import. See docs/reference/settings.md."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """One process's settings. `DATABASE_URL` and `REDIS_URL` unset means the embedded servers of `data_dir`."""

    model_config = SettingsConfigDict(
        env_prefix="DUECOURSE_", extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    database_owner_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_OWNER_URL")
    report_database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_REPORT_URL")
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    data_dir: Path = Path(".duecourse")

    database_set_role: bool = True
    database_pool_size: Annotated[int, Field(ge=1, le=64)] = 8
    read_pool_size: Annotated[int, Field(ge=1, le=64)] = 4
    pgbouncer: bool = False
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    lock_timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 5

    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_url: str | None = None
    cors_origins: Annotated[list[str], NoDecode] = []

    token_secret: SecretStr | None = None
    token_secret_previous: SecretStr | None = None
    token_issuer: str = "duecourse"
    token_audience: str = "duecourse"
    token_lifetime_seconds: Annotated[int, Field(ge=60, le=31_536_000)] = 3600
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_jwks_url: str | None = None
    oidc_organization_claim: str = "organization_id"

    smtp_host: str | None = None
    smtp_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = None
    smtp_from_name: str | None = None
    smtp_ca_file: Path | None = None
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 20.0
    smtp_held: bool = False

    sms_gateway_url: str | None = None
    sms_gateway_token: SecretStr | None = None
    sms_sender: Annotated[str | None, Field(pattern=r"^[+A-Za-z0-9 ]{1,16}$")] = None
    message_events_secret: SecretStr | None = None

    imap_host: str | None = None
    imap_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    imap_security: Literal["tls", "starttls", "none"] = "tls"
    imap_username: str | None = None
    imap_password: SecretStr | None = None
    imap_folder: str = "INBOX"
    imap_ca_file: Path | None = None
    imap_organization_id: UUID | None = None
    imap_poll_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0

    bucket_endpoint: str | None = None
    bucket_name: str | None = None
    bucket_region: str = "us-east-1"
    bucket_access_key: str | None = None
    bucket_secret_key: SecretStr | None = None

    client_requests_per_minute: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    organization_requests_per_minute: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    streams_per_client: Annotated[int, Field(ge=1, le=100)] = 6
    secrets_key: SecretStr | None = None
    secrets_key_previous: SecretStr | None = None
    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 15.0
    webhook_deliveries_kept_days: Annotated[int, Field(ge=4, le=3650)] = 30
    outbound_private_allowed: bool = False

    request_body_limit_bytes: Annotated[int, Field(ge=1024)] = 2_000_000
    upload_limit_bytes: Annotated[int, Field(ge=1024)] = 2_000_000_000
    import_files_kept_days: Annotated[int, Field(ge=0, le=36_500)] = 365
    report_files_kept_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    worker_poll_seconds: Annotated[float, Field(gt=0, le=5)] = 0.05
    worker_max_jobs: Annotated[int, Field(ge=1, le=1000)] = 20
    sweep_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("smtp_from")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", value):
            raise ValueError("an address such as receivables@example.com, without a name")
        return value

    @model_validator(mode="after")
    def _whole_smtp(self) -> Settings:
        if self.smtp_host is not None and self.smtp_from is None:
            raise ValueError("DUECOURSE_SMTP_HOST needs DUECOURSE_SMTP_FROM")
        if self.smtp_username is not None and self.smtp_security == "none":
            raise ValueError("a password is not sent without encryption: DUECOURSE_SMTP_SECURITY is starttls or tls")
        return self

    @model_validator(mode="after")
    def _whole_bucket(self) -> Settings:
        given = (self.bucket_endpoint, self.bucket_name, self.bucket_access_key, self.bucket_secret_key)
        if any(given) and not all(given):
            raise ValueError("DUECOURSE_BUCKET_ENDPOINT, _NAME, _ACCESS_KEY and _SECRET_KEY belong together")
        return self

    @cached_property
    def embedded(self) -> bool:
        """True when PostgreSQL is ours: no `DATABASE_URL` is set."""
        return self.database_url is None

    @property
    def key_of_secrets(self) -> SecretStr | None:
        """What secrets of others are encrypted with: `DUECOURSE_SECRETS_KEY`, else the key that signs tokens."""
        return self.secrets_key or self.token_secret

    @property
    def earlier_keys_of_secrets(self) -> list[SecretStr]:
        """What secrets of others may still be encrypted with, while a key is exchanged."""
        named = (self.secrets_key_previous, self.token_secret, self.token_secret_previous)
        return [key for key in named if key is not None and key != self.key_of_secrets]

    @property
    def owner_url(self) -> str | None:
        """The URL that migrates: `DATABASE_OWNER_URL`, else `DATABASE_URL`."""
        url = self.database_owner_url or self.database_url
        return url.get_secret_value() if url else None
