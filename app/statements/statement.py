"""The account statement: what is open on a day, with what is contested, promised and credited, and how to pay it.

Open amounts are those of the business date: rows dated up to `as_of` count, as in the aging report. What was
disputed on the day is shown, and what is promised now, never more than is open. Accounts merged into this one belong to
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import get_account
from app.core.aging import AgingBounds, days_past_due
from app.core.errors import TooLarge
from app.infra.database import ReadSession
from app.organizations.queries import organization_facts
from app.statements import queries
from app.statements.instructions import Instruction, instructions_of

ITEMS_MAX = 20_000
CREDITS_MAX = 20_000


class StatementTooLarge(TooLarge):
    """More open items than a statement holds: take the list of instalments instead."""

    code = "statement.too_large"


@dataclass(slots=True)
class Totals:
    """The sums of one currency, in minor units. `balance` is open less credits and money not yet applied."""

    currency: str
    buckets: list[int]
    items: int = 0
    open_minor: int = 0
    overdue_minor: int = 0
    disputed_minor: int = 0
    promised_minor: int = 0
    credits_minor: int = 0
    unapplied_minor: int = 0

    @property
    def balance_minor(self) -> int:
        """Open less credits and unapplied cash; negative when the customer is owed."""
        return self.open_minor - self.credits_minor - self.unapplied_minor


@dataclass(frozen=True, slots=True)
class Item:
    """An open instalment; disputed and promised are parts of what is open and may overlap."""

    row: Any
    days_late: int
    bucket: int
    disputed_minor: int
    promised_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that stands on a statement."""

    account: Any
    organization: str
    as_of: date
    labels: tuple[str, ...]
    items: list[Item]
    credits: list[Any]
    promises: list[Any]
    banks: list[Any]
    totals: list[Totals] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)


async def account_statement(session: ReadSession, account_id: UUID, as_of: date) -> Statement:
    """The statement on a business date; read it in one snapshot. Raises AccountNotFound, StatementTooLarge."""
    account = await get_account(session, account_id)
    facts = await organization_facts(session)
    family = await queries.account_family(session, account_id)
    # Compiling the statement takes longer than running it for one account.
    await session.driver.execute("SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan")
    later = await queries.moved_later(session, as_of)
    rows = await queries.open_items(session, family, as_of, later=later, limit=ITEMS_MAX + 1)
    credits = await queries.open_credits(session, family, as_of, later=later, limit=CREDITS_MAX + 1)
    if len(rows) > ITEMS_MAX or len(credits) > CREDITS_MAX:
        raise StatementTooLarge(f"a statement holds at most {ITEMS_MAX} open items and {CREDITS_MAX} credits")
    items = sorted((_item(row, as_of, facts.aging) for row in rows), key=_place)
    entities = sorted({row["legal_entity_id"] for row in (*rows, *credits)})
    banks = await queries.own_banks(session, entities)
    return Statement(
        account=account,
        organization=facts.name,
        as_of=as_of,
        labels=tuple(facts.aging.labels()),
        items=items,
        credits=credits,
        promises=await queries.account_promises(session, family, as_of),
        banks=banks,
        totals=totals_of(items, credits, facts.aging.bucket_count),
        instructions=instructions_of(account, rows, credits, banks),
    )


def _place(item: Item) -> tuple[Any, ...]:
    row = item.row
    return row["currency"], row["due_date"], row["invoice_date"], row["number"], row["ordinal"]


def _item(row: Any, as_of: date, bounds: AgingBounds) -> Item:
    late = days_past_due(as_of, row["due_date"])
    disputed, promised = (min(row["open_minor"], row[f"{name}_minor"]) for name in ("disputed", "promised"))
    return Item(row, max(0, late), bounds.bucket_index(late), disputed, promised)


def totals_of(items: list[Item], credits: list[Any], buckets: int) -> list[Totals]:
    """The sums by currency, in the order of their codes."""
    found: dict[str, Totals] = {}
    for item in items:
        sums = found.setdefault(item.row["currency"], Totals(item.row["currency"], [0] * buckets))
        open_minor = item.row["open_minor"]
        sums.items += 1
        sums.open_minor += open_minor
        sums.buckets[item.bucket] += open_minor
        sums.overdue_minor += open_minor if item.days_late > 0 else 0
        sums.disputed_minor += item.disputed_minor
        sums.promised_minor += item.promised_minor
    for row in credits:
        sums = found.setdefault(row["currency"], Totals(row["currency"], [0] * buckets))
        if row["kind"] == "payment":
            sums.unapplied_minor += row["left_minor"]
        else:
            sums.credits_minor += row["left_minor"]
    return [found[currency] for currency in sorted(found)]
