"""How to reach PostgreSQL: URL in, driver arguments out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from app.settings import Settings

APP_ROLE = "duecourse_app"
WORKER_ROLE = "duecourse_worker"


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """One pool: where, in which role, how many connections, and the server's bounds on each statement."""

    url: str
    role: str | None
    pool_size: int = 8
    pool_timeout_seconds: float = 10
    statement_timeout_seconds: int = 60
    lock_timeout_seconds: int = 5
    pgbouncer: bool = False

    def connect_args(self) -> dict[str, Any]:
        """Keyword arguments of `asyncpg.connect`."""
        if self.pgbouncer:  # prepared statements and startup settings do not survive transaction pooling
            return {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        server = {
            "application_name": "duecourse",
            "statement_timeout": f"{self.statement_timeout_seconds}s",
            "lock_timeout": f"{self.lock_timeout_seconds}s",
            "idle_in_transaction_session_timeout": f"{self.statement_timeout_seconds}s",
            "timezone": "UTC",
            "jit": "off",
        }
        if self.role:
            server["role"] = self.role
        return {"server_settings": server}


def driver_url(url: str) -> str:
    """The SQLAlchemy asyncpg form of a `postgresql://` URL (also `postgres://`); `sslmode` becomes `ssl`."""
    parts = urlsplit(url)
    query = [("ssl" if key == "sslmode" else key, value) for key, value in parse_qsl(parts.query)]
    return urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path or "/", urlencode(query), ""))


def report_settings(settings: Settings, *, role: str | None) -> DatabaseSettings | None:
    """The pool of the replica that reports read from; None when they read from the database itself."""
    if settings.report_database_url is None:
        return None
    url = driver_url(settings.report_database_url.get_secret_value())
    return replace(database_settings(settings, role=role, pool_size=settings.read_pool_size), url=url)


def database_settings(settings: Settings, *, role: str | None, pool_size: int | None = None) -> DatabaseSettings:
    """The pool settings of a process. Raises ValueError when no `DATABASE_URL` is known."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set; `make run` starts the embedded server and sets it")
    return DatabaseSettings(
        url=driver_url(settings.database_url.get_secret_value()),
        role=role if settings.database_set_role else None,
        pool_size=pool_size or settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        lock_timeout_seconds=settings.lock_timeout_seconds,
        pgbouncer=settings.pgbouncer,
    )
