"""From a database constraint to the refusal that a person understands. Rooms register theirs in `errors.py`."""

from __future__ import annotations

from collections.abc import Callable

from asyncpg import exceptions as pg
from sqlalchemy.exc import DBAPIError

from app.core.errors import Conflict, DomainError, FieldError, Forbidden, RuleViolation, Unavailable
from app.infra.data_scope import acting_within

_REGISTERED: dict[str, Callable[[], DomainError]] = {}


class ReferenceUnknown(RuleViolation):
    """An id in the request names nothing in this organization."""

    code = "reference_unknown"


class TextNotStorable(RuleViolation):
    """Text with NUL bytes or lone surrogates, which the database cannot keep."""

    code = "text_not_storable"


class Busy(Conflict):
    """Another request holds the same rows; try again."""

    code = "busy"


class OutsideDataScope(RuleViolation):
    """An id in the request names nothing that the caller may see."""

    code = "outside_data_scope"


class LeavesDataScope(Forbidden):
    """The account as it would be is none that the caller may see: of another collector, or of none."""

    code = "leaves_data_scope"


def on_constraint(name: str, refusal: Callable[[], DomainError]) -> None:
    """Answer with this refusal when the constraint (or unique index) of that name is violated."""
    _REGISTERED[name] = refusal


def driver_error(error: BaseException) -> pg.PostgresError | None:
    """The PostgreSQL error inside a SQLAlchemy one, or the error itself."""
    seen: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while seen is not None:
        if isinstance(seen, pg.PostgresError):
            return seen
        seen = seen.__cause__
    return None


def is_transient(error: BaseException) -> bool:
    """True for a deadlock or a serialization failure: the same work may be run again."""
    return isinstance(driver_error(error), pg.DeadlockDetectedError | pg.SerializationError)


def refusal_of(error: BaseException) -> DomainError | None:
    """The refusal that a database error stands for, or None when it is a fault of ours."""
    found = driver_error(error)
    if found is None:
        return _unreachable(error)
    name = getattr(found, "constraint_name", None) or ""
    if name in _REGISTERED:
        return _REGISTERED[name]()
    if isinstance(found, pg.InsufficientPrivilegeError) and acting_within() is not None:
        return _outside(found)
    if isinstance(found, pg.UniqueViolationError):
        return Conflict("a record with the same key exists already", constraint=name)
    if isinstance(found, pg.ForeignKeyViolationError):
        field = name.rsplit("organization_id_", 1)[-1]
        detail = f"{field} names nothing in this organization"
        return ReferenceUnknown(detail, errors=(FieldError(f"/{field}", ReferenceUnknown.code, detail),))
    if isinstance(found, pg.CheckViolationError):
        return RuleViolation("a rule of the database refuses these values", constraint=name)
    if isinstance(found, pg.LockNotAvailableError):
        return Busy("another request is changing the same rows; try again")
    if isinstance(found, pg.CharacterNotInRepertoireError | pg.UntranslatableCharacterError):
        return TextNotStorable("text must not hold NUL bytes or lone surrogates")
    if isinstance(found, pg.NumericValueOutOfRangeError | pg.DatetimeFieldOverflowError):
        return RuleViolation("a number or date is out of range")
    if isinstance(found, pg.PostgresConnectionError | pg.OperatorInterventionError | pg.TooManyConnectionsError):
        return Unavailable("the database does not answer; try again")
    return None


def _outside(error: pg.InsufficientPrivilegeError) -> DomainError | None:
    """A policy refused the row of a caller with a data scope; anything else of that kind is a fault of ours."""
    if "row-level security" not in str(error):
        return None
    if 'table "accounts"' in str(error):
        return LeavesDataScope("the account would be none of your data scope", pointer="/collector_id")
    return OutsideDataScope("what the request refers to is not in your data scope")


def _unreachable(error: BaseException) -> DomainError | None:
    seen: BaseException | None = error
    while seen is not None:
        # InternalClientError: the driver was told to use a connection whose server has died under it.
        if isinstance(seen, ConnectionError | OSError | pg.InterfaceError | pg.InternalClientError | TimeoutError):
            return Unavailable("the database does not answer; try again")
        if isinstance(seen, UnicodeEncodeError):
            return TextNotStorable("text must not hold NUL bytes or lone surrogates")
        seen = seen.__cause__ or (seen.orig if isinstance(seen, DBAPIError) else None)
    return None
