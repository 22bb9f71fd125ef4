"""The part of an organization that a caller may see, as the database is told it.

A request of a caller with a data scope acts in a role of its own, `SCOPED_ROLE`, for which restrictive row-level
policies hold (`migrations/data_scope.py`); everybody else acts in a role that has none of them and pays nothing for
them. Which transaction is meant is not said by its opener but by the request: whatever opens one meanwhile, opens it
within the caller's scope. Workers are no requests: they act on the whole organization.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

SCOPED_ROLE = "duecourse_scoped"


@dataclass(frozen=True, slots=True)
class DataScope:
    """A caller's scope. `opening` is the SELECT that names it in a transaction; no text of a user stands in it.

    `definition` is what was set for the caller; `withheld` are the OAuth scopes that go beyond it.
    """

    opening: str
    definition: Mapping[str, Any] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()


_acting_within: ContextVar[DataScope | None] = ContextVar("acting_within", default=None)


def act_within(scope: DataScope | None) -> None:
    """From here on, until the request ends, transactions are opened within this scope (None: unlimited)."""
    _acting_within.set(scope)


def acting_within() -> DataScope | None:
    """The scope in which a transaction is to be opened now."""
    return _acting_within.get()


@contextmanager
def acting_anew() -> Iterator[None]:
    """A block that begins without a scope, and leaves none behind that was set in it."""
    before = _acting_within.set(None)
    try:
        yield
    finally:
        _acting_within.reset(before)
