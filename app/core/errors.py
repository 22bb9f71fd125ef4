"""The closed set of refusals. Rooms subclass a kind with a stable `code`; only `infra/problems.py` knows HTTP.

DomainError
├── NotFound          the thing does not exist (or belongs to another organization)
├── Conflict          the request clashes with the present state, or with another request
├── StaleVersion      `If-Match` names an older version
├── VersionRequired   an update that must not be lost came without `If-Match`
├── RuleViolation     well-formed, but the rules of the trade refuse it
├── Forbidden         the caller may not do this
├── Unauthenticated   the caller is not known
├── TooLarge          past a stated bound
├── RateLimited       too often
└── Unavailable       not now, try again
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused: JSON pointer into the request, stable code, sentence for a person."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    """A refusal with a stable code, a sentence, the fields at fault and facts for programs."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request was refused"

    def __init__(
        self, detail: str, *, errors: tuple[FieldError, ...] = (), pointer: str | None = None, **facts: object
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts
        self.errors = errors or ((FieldError(pointer, self.code, detail),) if pointer is not None else ())


class NotFound(DomainError):
    """The thing does not exist in the caller's organization."""

    code = "not_found"
    title = "Not found"


class Conflict(DomainError):
    """The request clashes with the present state."""

    code = "conflict"
    title = "Conflict"


class StaleVersion(DomainError):
    """The caller's version is not the present one."""

    code = "stale_version"
    title = "The resource has changed"


class VersionRequired(DomainError):
    """The update needs `If-Match`."""

    code = "version_required"
    title = "If-Match is required"


class RuleViolation(DomainError):
    """Well-formed, but a rule of the trade refuses it."""

    code = "rule_violation"
    title = "The rules refuse this"


class Forbidden(DomainError):
    """The caller is known but may not do this."""

    code = "forbidden"
    title = "Not permitted"


class Unauthenticated(DomainError):
    """The caller is not known."""

    code = "unauthenticated"
    title = "Authentication is required"


class TooLarge(DomainError):
    """The request or file is past a stated bound."""

    code = "too_large"
    title = "Too large"


class RateLimited(DomainError):
    """The caller asked too often; `retry_after_seconds` is in the facts."""

    code = "rate_limited"
    title = "Too many requests"


class Unavailable(DomainError):
    """Something that is needed does not answer now."""

    code = "unavailable"
    title = "Try again later"
