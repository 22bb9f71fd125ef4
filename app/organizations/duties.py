"""Segregation of duties: which duties the scopes make up, and which of them nobody should hold together. Pure.

A conflict is `refused` when roles or single scopes are put together so that it arises; where one role alone holds both
duties by design (`admin`, `integration`), or where the conflict is of the `reported` kind, the report shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.organizations.rules import ROLES, SegregationViolated, scopes_of

DUTIES: Mapping[str, frozenset[str]] = {
    "collect": frozenset({"collections:write", "promises:write"}),
    "post_cash": frozenset({"payments:write", "cash-application:write"}),
    "refund": frozenset({"payments:approve"}),
    "issue_documents": frozenset({"invoices:write"}),
    "approve_write_offs": frozenset({"invoices:approve"}),
    "approve_credits": frozenset({"disputes:approve"}),
    "approve_limits": frozenset({"credit:approve"}),
    "give_access": frozenset({"users:write", "api-clients:write"}),
}
"""Duty → scopes, any of which is enough to do it."""

_TEXTS = {
    "collect": "collect", "post_cash": "post cash", "refund": "refund payments", "issue_documents": "issue documents",
    "approve_write_offs": "approve write-offs", "approve_credits": "approve credits of disputes",
    "approve_limits": "approve credit limits", "give_access": "give access",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two duties that one person should not hold, what they could hide with them, and whether it is refused."""

    duty: str
    other: str
    risk: str
    refused: bool

    @property
    def detail(self) -> str:
        """A sentence for a person."""
        return f"whoever may {_TEXTS[self.duty]} should not also {_TEXTS[self.other]}: {self.risk}"


CONFLICTS: tuple[Conflict, ...] = (
    Conflict("collect", "post_cash", "money that was collected could be kept and hidden", True),
    Conflict("collect", "approve_write_offs", "a debt that was paid aside could be written off", True),
    Conflict("collect", "approve_credits", "a debt that was paid aside could be credited", False),
    Conflict("collect", "refund", "money could be sent back to somebody else", False),
    Conflict("post_cash", "approve_write_offs", "a receipt could be kept and its invoice written off", False),
    Conflict("post_cash", "refund", "a receipt could be posted and sent to somebody else", False),
    Conflict("post_cash", "issue_documents", "an invoice could be made and settled without a customer", False),
    Conflict("issue_documents", "approve_write_offs", "a document could be issued and written off alone", False),
    Conflict("give_access", "post_cash", "somebody could give themselves what they lack", False),
    Conflict("give_access", "approve_write_offs", "somebody could give themselves what they lack", False),
)


@dataclass(frozen=True, slots=True)
class Held:
    """A conflict that somebody holds, and the scopes through which."""

    conflict: Conflict
    scopes: tuple[str, ...]


def duties_of(scopes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The duties that these scopes make up, each with the scopes that do."""
    held = frozenset(scopes)
    found = {duty: tuple(sorted(held & needed)) for duty, needed in DUTIES.items()}
    return {duty: by for duty, by in found.items() if by}


def conflicts_of(scopes: Iterable[str]) -> tuple[Held, ...]:
    """The conflicts among these scopes, in the order of CONFLICTS."""
    duties = duties_of(scopes)
    return tuple(
        Held(conflict, duties[conflict.duty] + duties[conflict.other])
        for conflict in CONFLICTS
        if conflict.duty in duties and conflict.other in duties
    )


def check_duties(roles: Iterable[str], scopes: Iterable[str] = ()) -> None:
    """Refuse roles and single scopes that put refused duties together. Raises SegregationViolated.

    What one of the roles holds all by itself is that role's design: it is not refused here but shown by the report.
    Who collects does not come to post cash by a role such as `integration` beside it.
    """
    named, single = sorted(set(roles)), frozenset(scopes)
    for held in conflicts_of(scopes_of(named, single)):
        conflict = held.conflict
        designed = any(set(held.scopes) <= ROLES.get(role, frozenset()) for role in named)
        if conflict.refused and not designed:
            pointer = "/scopes" if single & frozenset(held.scopes) else "/roles"
            raise SegregationViolated(conflict.detail, pointer=pointer, scopes=", ".join(held.scopes))
