"""The declarative base and the few column shapes that every table shares.

Every table of an organization has the primary key `(organization_id, id)` and composite foreign keys, so that a
reference across tenants cannot exist. Row-level security and grants are added by the migration of each table
(`migrations/tenancy.py`), which reads the marks in `Table.info`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
RECORDED_AT = text("nullif(current_setting('app.recorded_at', true), '')::timestamptz")


class Base(DeclarativeBase):
    """Declarative base with named constraints and the service's type map."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        UUID: PG_UUID(as_uuid=True),
        str: Text(),
        int: Integer(),
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "xid8"


class TenantTable:
    """Columns of every table of an organization: the composite primary key."""

    organization_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-20)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-19)


class Versioned:
    """Columns of what can be edited: the version behind `ETag`, and when it was made and changed."""

    version: Mapped[int] = mapped_column(server_default="1", sort_order=90)
    created_at: Mapped[datetime] = mapped_column(server_default=RECORDED_AT, sort_order=91)
    updated_at: Mapped[datetime] = mapped_column(server_default=RECORDED_AT, sort_order=92)


class Recorded:
    """The recorded instant of a financial row: set by the database from the transaction, never by callers."""

    recorded_at: Mapped[datetime] = mapped_column(server_default=RECORDED_AT, sort_order=93)


def minor(**kwargs: Any) -> Any:
    """A column of integer minor units (BIGINT)."""
    return mapped_column(BigInteger, **kwargs)


def organization_fk() -> ForeignKeyConstraint:
    """Every tenant table hangs on its organization.

    A table that is written by the hundred thousand may leave it out where a required `tenant_fk` says it already: the
    row referred to belongs to the same organization. Each reference costs a look-up for each row.
    """
    return ForeignKeyConstraint(["organization_id"], ["organizations.id"])


def tenant_fk(column: str, table: str) -> ForeignKeyConstraint:
    """A composite foreign key `(organization_id, column)` → `table`: never across tenants."""
    return ForeignKeyConstraint(["organization_id", column], [f"{table}.organization_id", f"{table}.id"])


def one_of(column: str, *values: str) -> CheckConstraint:
    """A CHECK over text instead of an enum type (enum operators are not leakproof under row-level security)."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def append_only(*, erasable: tuple[str, ...] = ()) -> dict[str, Any]:
    """Table info: the service may insert and read, never update or delete.

    `erasable` columns hold personal data: they alone may be overwritten, so that a person can be forgotten.
    """
    return {"info": {"append_only": True, "erasable": erasable} if erasable else {"append_only": True}}
