"""What runs and simulations of dunning take and give over HTTP, and what they withheld."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.dunning.models import DunningRun, DunningWithheldItem
from app.dunning.policy.schemas import Channel
from app.dunning.rules import run_actions
from app.dunning.runs import Scope, StartRun
from app.dunning.schemas import RunKind, RunState, WithheldReason
from app.infra.http.fields import AmountOut, BusinessDate, Input, text


class RunScope(Input):
    """Which accounts, and debts of which legal entity; all that owe where nothing is named."""

    account_ids: Annotated[list[UUID], Field(max_length=1_000)] = []
    segment: Annotated[str, text(64)] | None = None
    collector_id: UUID | None = None
    legal_entity_id: UUID | None = None

    def plain(self) -> Scope:
        """The plain scope."""
        return Scope(tuple(self.account_ids), self.segment, self.collector_id, self.legal_entity_id)


class RunCreate(Input):
    """A run on demand."""

    business_date: BusinessDate | None = Field(
        default=None, description="Today when missing; a day before, and ahead only in a sandbox"
    )
    scope: RunScope = RunScope()

    def command(self, today: date) -> StartRun:
        """The plain command."""
        return StartRun("on_demand", self.business_date or today, self.scope.plain())


class SimulationCreate(Input):
    """A run without effect: also ahead, and as if all accounts in scope had a version, a draft perhaps."""

    business_date: BusinessDate | None = Field(default=None, description="Today when missing; up to a year ahead")
    scope: RunScope = RunScope()
    policy_version_id: UUID | None = None

    def command(self, today: date) -> StartRun:
        """The plain command."""
        return StartRun("simulation", self.business_date or today, self.scope.plain(), self.policy_version_id)


class Total(BaseModel):
    """A sum in a currency."""

    amount: AmountOut
    currency: str


class StepTotal(BaseModel):
    """Notices of a run at one step, on one channel, in one currency."""

    step: int
    channel: Channel
    currency: str
    notices: int
    items: int
    amount: AmountOut
    fees: AmountOut
    interest: AmountOut


class WithheldTotal(BaseModel):
    """What a run withheld for one reason, in one currency."""

    reason: WithheldReason
    currency: str
    items: int
    amount: AmountOut


class RunRead(BaseModel):
    """A run: how far it is, what it planned, what it withheld."""

    id: UUID
    kind: RunKind
    business_date: date
    state: RunState
    scope: RunScope
    policy_version_id: UUID | None
    accounts_total: int
    accounts: int = Field(description="Looked at so far")
    notices: int
    items: int
    withheld: int
    waiting: int = Field(description="Items whose next step has come while the one before is not out yet")
    totals: list[Total]
    started_by: str
    started_at: datetime | None
    finished_at: datetime | None
    failure: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class RunDetail(RunRead):
    """A run with its notices by step, what it withheld by reason, and what it allows."""

    by_step: list[StepTotal]
    withheld_by_reason: list[WithheldTotal]
    notices_by_state: dict[str, int]
    allowed_actions: list[Literal["approve"]]


def _run_facts(row: DunningRun) -> dict[str, Any]:
    names = set(RunRead.model_fields) - {"scope", "policy_version_id", "totals"}
    totals = [
        {"amount": to_text(int(minor), currency), "currency": currency}
        for currency, minor in sorted(row.totals.items())
    ]
    plain = {name: getattr(row, name) for name in names}
    return plain | {"scope": row.scope, "policy_version_id": row.version_id, "totals": totals}


def run_read(row: DunningRun) -> RunRead:
    """From the row."""
    return RunRead.model_validate(_run_facts(row))


def run_detail(row: DunningRun, steps: Sequence[Any], reasons: Sequence[Any], states: Mapping[str, int]) -> RunDetail:
    """From the rows."""
    facts = _run_facts(row)
    facts["by_step"] = [
        StepTotal(
            step=step["step_ordinal"],
            channel=step["channel"],
            currency=step["currency"],
            notices=step["count"],
            items=step["items"],
            amount=to_text(step["minor"], step["currency"]),
            fees=to_text(step["fee_minor"], step["currency"]),
            interest=to_text(step["interest_minor"], step["currency"]),
        )
        for step in steps
    ]
    facts["withheld_by_reason"] = [
        WithheldTotal(
            reason=one["reason"],
            currency=one["currency"],
            items=one["count"],
            amount=to_text(one["minor"], one["currency"]),
        )
        for one in reasons
    ]
    actions = run_actions(row.kind, row.state, states.get("pending_approval", 0))
    return RunDetail.model_validate(facts | {"notices_by_state": dict(states), "allowed_actions": actions})


class WithheldRead(BaseModel):
    """A reminder that was due in a run and not made."""

    id: UUID
    run_id: UUID
    account_id: UUID
    instalment_id: UUID
    step: int
    reason: WithheldReason
    amount: AmountOut
    currency: str
    until: date | None = Field(description="The last day of what holds it, where there is one")
    source_id: UUID | None = Field(description="The promise, plan, block, case or earlier notice that holds it")


def withheld_read(row: DunningWithheldItem) -> WithheldRead:
    """From the row."""
    names = set(WithheldRead.model_fields) - {"step", "amount", "source_id"}
    plain = {name: getattr(row, name) for name in names}
    more = {"step": row.step_ordinal, "amount": to_text(row.amount_minor, row.currency)}
    return WithheldRead.model_validate(plain | more | {"source_id": row.detail.get("source_id")})
