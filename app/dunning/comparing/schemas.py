"""What comparisons of policies take and give over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.dunning.comparing.replay import Tally
from app.dunning.comparing.service import Compare, tally_of
from app.dunning.models import DunningComparison
from app.dunning.policy.schemas import CurrencyAmountRead
from app.dunning.schemas import RunState
from app.dunning.schemas_runs import RunScope
from app.infra.http.fields import BusinessDate, Input


class ComparisonCreate(Input):
    """A version to try against the present one, or against another, over days of the past."""

    candidate_version_id: UUID
    current_version_id: UUID | None = Field(default=None, description="The version in force when missing")
    start_date: BusinessDate
    end_date: BusinessDate
    scope: RunScope = RunScope()

    def command(self) -> Compare:
        """The plain command."""
        scope = self.scope.plain()
        return Compare(self.candidate_version_id, self.start_date, self.end_date, self.current_version_id, scope)


class StepCount(BaseModel):
    """Notices at a step."""

    step: int
    channel: str
    notices: int


class PolicyOutcome(BaseModel):
    """What a version would have done in the period."""

    policy_version_id: UUID
    notices: int
    contacts: int = Field(description="Messages and calls: how often a customer would have been disturbed")
    accounts: int
    items: int
    below_minimum: int
    covered: int = Field(description="Reminders that were due while money of the account lay unapplied for them")
    by_step: list[StepCount]
    reminded: list[CurrencyAmountRead] = Field(description="What was open in the notices, each time it was asked for")
    expected_cash: list[CurrencyAmountRead] = Field(
        description="What usually came of items of that age within the days of an answer, each item counted once"
    )


class ResponseRate(BaseModel):
    """How much of what was open at an age came within the days of an answer, in the data of the comparison."""

    days_past_due: int
    observations: int
    rate: str | None = Field(description="A share between 0 and 1, four decimals; null where nothing was open")


class ComparisonRead(BaseModel):
    """Two versions of policies, tried with what was open on each day of the period."""

    id: UUID
    state: RunState
    start_date: date
    end_date: date
    scope: RunScope
    accounts: int = Field(description="Replayed so far")
    current: PolicyOutcome
    candidate: PolicyOutcome
    response_rates: list[ResponseRate]
    started_by: str
    failure: str | None
    version: int
    created_at: datetime
    updated_at: datetime


def _amounts(by_currency: dict[str, int]) -> list[CurrencyAmountRead]:
    return [
        CurrencyAmountRead(amount=to_text(minor, currency), currency=currency)
        for currency, minor in sorted(by_currency.items())
    ]


def _outcome(version_id: UUID, tally: Tally) -> PolicyOutcome:
    steps = sorted((int(key.split(":")[0]), key.split(":")[1], count) for key, count in tally.by_step.items())
    expected = {
        currency: int(minor.to_integral_value(rounding=ROUND_HALF_UP)) for currency, minor in tally.expected.items()
    }
    return PolicyOutcome(
        policy_version_id=version_id,
        notices=tally.notices,
        contacts=tally.contacts,
        accounts=tally.accounts,
        items=tally.items,
        below_minimum=tally.below_minimum,
        covered=tally.covered,
        by_step=[StepCount(step=step, channel=channel, notices=count) for step, channel, count in steps],
        reminded=_amounts(tally.reminded),
        expected_cash=_amounts(expected),
    )


def _rate(row: dict[str, Any]) -> ResponseRate:
    rate = None
    if row["open_minor"]:
        share = Decimal(row["came_minor"]) / Decimal(row["open_minor"])
        rate = str(share.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP))
    return ResponseRate(days_past_due=row["days"], observations=row["count"], rate=rate)


def comparison_read(row: DunningComparison) -> ComparisonRead:
    """From the row."""
    names = ("id", "state", "start_date", "end_date", "scope", "accounts", "started_by", "failure", "version",
             "created_at", "updated_at")  # fmt: skip
    facts: dict[str, Any] = {name: getattr(row, name) for name in names}
    facts["current"] = _outcome(row.current_version_id, tally_of(row.results.get("current")))
    facts["candidate"] = _outcome(row.candidate_version_id, tally_of(row.results.get("candidate")))
    facts["response_rates"] = [_rate(rate) for rate in row.results.get("rates", [])]
    return ComparisonRead.model_validate(facts)
