"""What escalations and their rules take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.collections.escalations import Escalate, Hand, escalation_actions
from app.collections.models import Escalation, RuleVersion
from app.collections.rules import LEVEL_MAX, RULES_LIMIT, EscalationRule, OverdueFacts
from app.collections.schemas import Code
from app.core.money import to_minor, to_text
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Comment,
    Country,
    Currency,
    Input,
    Name,
    Reason,
    text,
)

CaseKind = Literal["legal_case", "agency_placement"]
CaseStatus = Literal["prepared", "referred", "in_progress", "recovered", "partly_recovered", "lost", "recalled"]
CaseAction = Literal["refer", "recall", "update", "progress", "close", "record_entry"]
Level = Annotated[int, Field(ge=1, le=LEVEL_MAX)]
Group = Annotated[str, text(64)]


class EscalationCreate(Input):
    """An account to hand up by hand."""

    account_id: UUID
    reason_code: Code
    until: BusinessDate
    level: Level = 1
    to_user_id: UUID | None = None
    note: Comment | None = None

    def command(self) -> Escalate:
        """The plain command."""
        return Escalate(self.account_id, self.reason_code, self.until, self.level, self.to_user_id, self.note)


class EscalationHand(Input):
    """A higher level, another person, another term."""

    level: Level | None = None
    to_user_id: UUID | None = None
    until: BusinessDate | None = None
    note: Comment | None = None

    def command(self, expected_version: int | None) -> Hand:
        """The plain command."""
        return Hand(self.level, self.to_user_id, self.until, self.note, expected_version)


class EscalationClose(Input):
    """What came of it."""

    resolution: Reason


class EscalationFacts(BaseModel):
    """The figures that the rule saw."""

    overdue_amount: AmountOut
    currency: str
    days_past_due: int
    risk_class: str | None
    broken_promises: int


class EscalationRead(BaseModel):
    """An account in the hands of somebody of more weight."""

    id: UUID
    account_id: UUID
    reason_code: str
    level: int
    status: Literal["open", "closed"]
    origin: Literal["manual", "rule"]
    rule_version_id: UUID | None
    facts: EscalationFacts | None
    to_user_id: UUID | None
    raised_on: date
    raised_by: str
    until: date
    note: str | None
    action_id: UUID | None
    closed_on: date | None
    closed_by: str | None
    resolution: str | None
    allowed_actions: list[Literal["close", "hand_on"]]
    version: int
    created_at: datetime
    updated_at: datetime


class EscalationCounts(BaseModel):
    """Badges of open escalations."""

    open: int
    overdue: int = Field(description="Past their term: the night raises their level")
    ends_today: int
    high: int = Field(description="Above the first level")
    without_person: int


_ESCALATION = (
    "id", "account_id", "reason_code", "level", "status", "origin", "rule_version_id", "to_user_id", "raised_on",
    "raised_by", "until", "note", "action_id", "closed_on", "closed_by", "resolution", "version", "created_at",
    "updated_at",
)  # fmt: skip


def escalation_read(row: Escalation) -> EscalationRead:
    """From the row."""
    facts = None
    if row.facts:
        currency = row.facts["currency"]
        names = ("currency", "days_past_due", "risk_class", "broken_promises")
        facts = {name: row.facts[name] for name in names}
        facts["overdue_amount"] = to_text(row.facts["overdue_minor"], currency)
    plain = {name: getattr(row, name) for name in _ESCALATION}
    return EscalationRead.model_validate(plain | {"facts": facts, "allowed_actions": escalation_actions(row.status)})


class EscalationRuleBody(Input):
    """Accounts that meet all conditions given are escalated. Amounts are of what is late and undisputed."""

    code: Code
    name: Name
    level: Level = 1
    to_user_id: UUID | None = None
    days: Annotated[int, Field(ge=0, le=365, description="Term of the escalation in days")] = 14
    again_after_days: Annotated[int, Field(ge=0, le=365, description="Not again for so long after a closing")] = 14
    days_past_due: Annotated[int, Field(ge=1, le=3650)] | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    risk_classes: Annotated[list[Group], Field(max_length=50)] = []
    credit_statuses: Annotated[list[Literal["ok", "watch", "hold", "stop"]], Field(max_length=4)] = []
    broken_promises: Annotated[int, Field(ge=1, le=100)] | None = None
    segments: Annotated[list[Group], Field(max_length=50)] = []
    countries: Annotated[list[Country], Field(max_length=250)] = []

    def rule(self, index: int) -> EscalationRule:
        """The plain rule. Raises AmountInvalid."""
        facts = self.model_dump(exclude={"amount"})
        facts |= {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
        if self.amount is not None and self.currency is not None:
            facts["amount_minor"] = to_minor(self.amount, self.currency, pointer=f"/rules/{index}/amount")
        return EscalationRule(**facts)


class EscalationRulesCreate(Input):
    """A new version of the rules; an empty one ends them."""

    rules: Annotated[list[EscalationRuleBody], Field(max_length=RULES_LIMIT)]
    valid_from: BusinessDate | None = Field(default=None, description="Today when missing")
    note: Comment | None = None


class EscalationRuleRead(BaseModel):
    """A rule of a version."""

    code: str
    name: str
    level: int
    to_user_id: UUID | None
    days: int
    again_after_days: int
    days_past_due: int | None
    amount: AmountOut | None
    currency: str | None
    risk_classes: list[str]
    credit_statuses: list[str]
    broken_promises: int | None
    segments: list[str]
    countries: list[str]


class EscalationRulesRead(BaseModel):
    """A version of the escalation rules."""

    id: UUID
    ordinal: int
    valid_from: date
    note: str | None
    actor_name: str
    recorded_at: datetime
    rules: list[EscalationRuleRead]


def escalation_rules_read(row: RuleVersion) -> EscalationRulesRead:
    """From the row."""
    rules = [
        {**rule, "amount": None if rule["amount_minor"] is None else to_text(rule["amount_minor"], rule["currency"])}
        for rule in row.rules
    ]
    names = ("id", "ordinal", "valid_from", "note", "actor_name", "recorded_at")
    return EscalationRulesRead.model_validate({name: getattr(row, name) for name in names} | {"rules": rules})


class EscalationPreviewRow(BaseModel):
    """What a rule would raise."""

    account_id: UUID
    code: str
    level: int
    overdue_amount: AmountOut
    currency: str
    days_past_due: int


class EscalationPreview(BaseModel):
    """What the rules would raise today; the first thousand are listed."""

    total: int
    rows: list[EscalationPreviewRow]


def preview_read(found: Sequence[tuple[EscalationRule, OverdueFacts]]) -> EscalationPreview:
    """From a dry run."""
    rows = [
        EscalationPreviewRow(
            account_id=facts.account_id,
            code=rule.code,
            level=rule.level,
            overdue_amount=to_text(facts.overdue_minor, facts.currency),
            currency=facts.currency,
            days_past_due=facts.days_past_due,
        )
        for rule, facts in found[:1_000]
    ]
    return EscalationPreview(total=len(found), rows=rows)
