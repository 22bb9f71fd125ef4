"""What must not hold up a running service: indexes built and constraints validated while rows are written.

`env.py` puts these steps of a table that exists already into a revision of their own. Each can be repeated: a revision
that was killed half-way is simply run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text

_INVALID = """
SELECT 1 FROM pg_index i WHERE i.indexrelid = to_regclass(:name) AND NOT i.indisvalid
"""


@contextmanager
def online() -> Iterator[None]:
    """Outside a transaction, and without a bound on waiting: these steps wait for others and hold up nobody."""
    with op.get_context().autocommit_block():
        yield


def drop_half_built(name: str) -> None:
    """Drop what a killed `CREATE INDEX CONCURRENTLY` left: an index that is kept up to date but never read."""
    if op.get_bind().execute(text(_INVALID), {"name": name}).first() is not None:
        op.execute(f'DROP INDEX CONCURRENTLY "{name}"')


def validate(table: str, constraint: str) -> None:
    """Check the rows that were there before a constraint was; reads and writes go on meanwhile."""
    op.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{constraint}"')
