"""Facts of applying, for the pure tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from app.payments.rules import plan_application
from app.payments.types import (
    Apply,
    ApplyLine,
    Authority,
    Balance,
    InstalmentFacts,
    PlannedLine,
    Quote,
    Source,
    SourceFacts,
)

ENTITY, OTHER_ENTITY, PARENT, CHILD, STRANGER = (uuid5(UUID(int=0), name) for name in "epxyz")
CLERK = Authority(late_discount=False, write_off_limit_minor=500)
APPROVER = Authority(late_discount=True, write_off_limit_minor=None)


def day(number: int) -> date:
    """A day of March 2026."""
    return date(2026, 3, number)


def payment(left_minor: int = 10_000, **changes: Any) -> SourceFacts:
    """A payment of value date 5 March, identified as PARENT's."""
    facts: dict[str, Any] = {
        "source": Source("payment", uuid5(UUID(int=1), str(left_minor))),
        "legal_entity_id": ENTITY,
        "account_id": PARENT,
        "currency": "EUR",
        "value_date": day(5),
        "not_before": day(5),
        "balance": Balance(left_minor, changes.pop("reopened_on", None)),
        "amount_minor": left_minor,
        "withdrawn_minor": 0,
        "version": 1,
        "base_currency": "EUR",
    }
    return SourceFacts(**(facts | changes))


def instalment(open_minor: int = 10_000, **changes: Any) -> InstalmentFacts:
    """An instalment of an invoice of 1 March, of PARENT."""
    facts: dict[str, Any] = {
        "id": uuid5(UUID(int=2), f"{open_minor} {sorted(changes.items())}"),
        "account_id": PARENT,
        "legal_entity_id": ENTITY,
        "currency": "EUR",
        "accounting_date": day(1),
        "amount_minor": open_minor,
        "balance": Balance(open_minor, changes.pop("reopened_on", None)),
    }
    return InstalmentFacts(**(facts | changes))


def plan(
    source: SourceFacts,
    *lines: tuple[InstalmentFacts, ApplyLine],
    on: date = day(6),
    groups: dict[UUID, UUID] | None = None,
    quotes: dict[Quote, Decimal | None] | None = None,
    authority: Authority = CLERK,
    **command: Any,
) -> list[PlannedLine]:
    """Plan one command on these facts."""
    asked = Apply(source.source, tuple(line for _, line in lines), on, **command)
    owed = {facts.id: facts for facts, _ in lines}
    return plan_application(asked, source, owed, groups or {}, quotes or {}, authority)


def pays(owed: InstalmentFacts, amount_minor: int, **more: Any) -> tuple[InstalmentFacts, ApplyLine]:
    """A line that pays so much."""
    return owed, ApplyLine(owed.id, amount_minor, **more)
