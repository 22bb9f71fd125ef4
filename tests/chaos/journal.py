"""What was acknowledged: the writers' own record, compared with the database in the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class IssuedInvoice:
    """An invoice that the API acknowledged."""

    id: str
    instalment_id: str
    amount_minor: int


@dataclass(frozen=True)
class AppliedGroup:
    """An application that the API acknowledged."""

    payment_id: str
    instalment_id: str
    amount_minor: int


@dataclass
class Journal:
    """Acknowledged effects by their business key or id, and what happened on the way."""

    invoices: dict[str, IssuedInvoice] = field(default_factory=dict)  # by number
    payments: dict[str, tuple[str, int]] = field(default_factory=dict)  # bank reference -> id, amount
    groups: dict[str, AppliedGroup] = field(default_factory=dict)  # by group id
    undone: dict[str, str] = field(default_factory=dict)  # group id of the undo -> group id undone
    imports: dict[str, dict[str, int]] = field(default_factory=dict)  # import id -> number -> amount
    answers: list[tuple[str, str, dict[str, object], str]] = field(default_factory=list)  # path, key, body, id
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    doubtful: int = 0  # requests whose first answer was lost
    replayed: int = 0  # of those, the ones that had been done
    faults: list[str] = field(default_factory=list)
    longest_wait_seconds: float = 0.0
