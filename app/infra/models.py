"""Tables of the platform: change log and seals, idempotency keys, jobs, nightly runs, stored files, heartbeats."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Xid8, append_only, one_of, organization_fk

TRACE = "nullif(current_setting('app.trace', true), '')"
"""The `traceparent` of the transaction that writes the row (`infra/tracing.py`)."""


class Change(TenantTable, Recorded, Base):
    """The change log: one append-only row for every change, written in the transaction of the change.

    Partitioned by `id`: a UUIDv7 carries its time, so that months are ranges of ids and the primary key stays
    `(organization_id, id)`. `xid` is the writing transaction; the sealer uses it to find what it has not seen.
    Words about people may be taken out (`infra/change_log_erasure.py`); the chain can be verified all the same.
    """

    __tablename__ = "change_log"
    xid: Mapped[int] = mapped_column(Xid8(), server_default=text("pg_current_xact_id()"))
    entity_type: Mapped[str]
    entity_id: Mapped[UUID]
    event: Mapped[str]
    effective_date: Mapped[date | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    request_id: Mapped[str | None]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    trace: Mapped[str | None] = mapped_column(server_default=text(TRACE))  # not sealed: it says nothing of the change
    __table_args__ = (
        organization_fk(),
        Index(None, "organization_id", "entity_type", "entity_id"),
        Index(None, "organization_id", "xid"),
        Index(None, "xid"),
        {
            "info": {"append_only": True, "worker_reads": True, "erasable": ("reason", "before", "after")},
            "postgresql_partition_by": "RANGE (id)",
        },
    )


class ChangeSeal(TenantTable, Base):
    """The gapless position and the chained hash that the sealer gives a committed change. `id` is the change's id.

    `digest_version` says how the row was hashed: 1 plainly, 2 with a random `salt` in front. An erasure drops the salt,
    keeps the hash of the row as it was (`row_sha256`), and names itself in `erasure_id`.
    """

    __tablename__ = "change_seals"
    position: Mapped[int] = mapped_column(BigInteger)
    sealed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    digest_version: Mapped[int] = mapped_column(server_default="1")
    salt: Mapped[UUID | None]
    row_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    erasure_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "position"),
        CheckConstraint("(erasure_id IS NULL) = (row_sha256 IS NULL)", name="hash_when_erased"),
        CheckConstraint("erasure_id IS NULL OR salt IS NULL", name="no_salt_when_erased"),
        Index("ix_change_seals_erased", "organization_id", "erasure_id", "position",
              postgresql_where=text("erasure_id IS NOT NULL")),
        append_only(erasable=("salt", "row_sha256", "erasure_id")),
    )  # fmt: skip


class ChangeHead(TenantTable, Base):
    """How far the sealer of an organization is; `id` repeats the organization's id (one row each).

    Everything that the snapshot `seen` (the text of a `pg_snapshot`) shows as committed is sealed: what is left are
    the transactions that were running then, and those that began later. Empty means that nothing is known, so that
    every row is compared with the seals. `system_identifier` tells a restored database from the one that counted
    these transaction ids.
    """

    __tablename__ = "change_heads"
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    seen: Mapped[str] = mapped_column(server_default="")
    system_identifier: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (organization_fk(), {"info": {"worker_reads": True}})


class EventCursor(TenantTable, Base):
    """How far a subscriber has read the sealed changes of an organization (`infra/reactions.py`)."""

    __tablename__ = "event_cursors"
    subscriber: Mapped[str]
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    moved_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "subscriber"),
        {"info": {"worker_reads": True}},
    )


class IdempotencyKey(TenantTable, Recorded, Base):
    """A stored answer. Unique over all time kept, therefore not partitioned; a sweep deletes what is old."""

    __tablename__ = "idempotency_keys"
    client: Mapped[str]
    route: Mapped[str]
    key: Mapped[str]
    request_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "client", "route", "key"),
        Index(None, "organization_id", "recorded_at"),
    )


class Job(TenantTable, Recorded, Base):
    """Work that is owed: a row with a state and a lease. Redis only wakes whoever looks here.

    Owing is a plain insert, so that writers never wait for each other: the same kind and key may be due many times
    over. A claim merges them into one, and only one row of a kind and key is leased at any time. `attempts` counts
    failures of the work; `interruptions` what is not its fault: a worker that was killed, a database that was away.
    """

    __tablename__ = "jobs"
    kind: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str] = mapped_column(server_default="due")
    run_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    attempts: Mapped[int] = mapped_column(server_default="0")
    interruptions: Mapped[int] = mapped_column(server_default="0")
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    trace: Mapped[str | None] = mapped_column(server_default=text(TRACE))
    __table_args__ = (
        organization_fk(),
        one_of("state", "due", "leased", "done", "dead"),
        Index("uq_jobs_leased", "organization_id", "kind", "key", unique=True,
              postgresql_where=text("state = 'leased'")),
        Index("ix_jobs_owed", "organization_id", "kind", "key", postgresql_where=text("state = 'due'")),
        Index("ix_jobs_claim", "run_at", postgresql_where=text("state = 'due'")),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("state = 'leased'")),
        Index("ix_jobs_finished", "finished_at", postgresql_where=text("state = 'done'")),
        Index("ix_jobs_dead", "organization_id", "id", postgresql_where=text("state = 'dead'")),
        {"info": {"worker_claims": True}},
    )  # fmt: skip


class NightlyRun(TenantTable, Recorded, Base):
    """The night of a business date, owed once for each kind of work (`infra/nightly.py`)."""

    __tablename__ = "nightly_runs"
    kind: Mapped[str]
    business_date: Mapped[date]
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "kind", "business_date"))


class StoredFile(TenantTable, Recorded, Base):
    """A file kept once by its hash; the bytes are in the file store (`infra/files.py`)."""

    __tablename__ = "stored_files"
    sha256: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    name: Mapped[str]
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "sha256"))


class Heartbeat(Base):
    """The last sign of life of a service process, for `/readyz` and the metrics. Belongs to no organization."""

    __tablename__ = "heartbeats"
    process: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    facts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
