"""How an account is dunned: its policy, and for each open instalment the last step, the next one, and what holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.dunning.facts import load_facts
from app.dunning.groups.members import holders_of, survivors_of
from app.dunning.planning import Account, Hold, Item, Policy, Step, covered_by_credit, due_on, next_step, withholds
from app.dunning.policy.in_force import Held, policies_held, policy_book
from app.dunning.queries import chains_of
from app.infra.database import ReadSession

ITEMS_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Chain:
    """An open instalment: its row, the step that comes next, when, and what would withhold it."""

    row: Any
    step: Step | None = None
    next_on: date | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account is dunned, with the names of its policy's steps."""

    held: Held | None
    chains: list[Chain]
    names: dict[UUID, str]


async def account_standing(session: ReadSession, account_id: UUID, *, today: date) -> Standing:
    """How the account is dunned today, with what it took over by merges; one that was merged away is not."""
    rows = await chains_of(session, await holders_of(session, [account_id]), ITEMS_LIMIT)
    survivor_id = (await survivors_of(session, [account_id])).get(account_id)
    if survivor_id is not None:
        return Standing(None, [Chain(row, hold=Hold("merged", None, survivor_id)) for row in rows], {})
    book = await policy_book(session, today)
    held = (await policies_held(session, book, [account_id])).get(account_id)
    if held is None:
        return Standing(None, [Chain(row) for row in rows], {})
    policy = book.policies[held.version_id]
    ids = {row["instalment_id"] for row in rows}
    loaded = await load_facts(session, {account_id: policy}, today, instalment_ids=ids)
    facts = loaded.accounts[0] if loaded.accounts else Account(account_id, ())
    items = {item.instalment_id: item for item in facts.items}
    covered = covered_by_credit(facts, policy, today)
    chains = [_chain(row, items.get(row["instalment_id"]), facts, policy, covered, today) for row in rows]
    names = await session.driver.fetch(
        "SELECT id, name FROM dunning_steps WHERE organization_id = $1 AND version_id = $2",
        session.organization_id,
        held.version_id,
    )
    return Standing(held, chains, {row["id"]: row["name"] for row in names})


def _chain(row: Any, item: Item | None, facts: Account, policy: Policy, covered: dict[UUID, str], today: date) -> Chain:
    """A finance charge that came with a reminder is no item: it is asked for with its debt."""
    if item is None:
        return Chain(row)
    if item.standing == "unknown":
        return Chain(row, hold=Hold("outcome_unknown"))
    step = next_step(policy, item, today)
    if step is None:
        return Chain(row)
    next_on = None if item.standing == "waiting" else due_on(policy, item, step)
    return Chain(row, step, next_on, withholds(facts, item, step, covered, today))
