"""What assignment, absence cover, targets and playbooks take and give over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.collections.models import (
    AssignmentRun,
    CollectorCover,
    CollectorTarget,
    Playbook,
    PlaybookRevision,
    RuleVersion,
)
from app.collections.portfolio.assignment import Preview
from app.collections.rules import BATCH_LIMIT, RULES_LIMIT, AssignmentRule, attainment_basis_points
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
    lines,
    text,
    unset,
)

Group = Annotated[str, text(64)]
Letters = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9](-[A-Z0-9])?$"), Field(examples=["A-F"])]
Month = Annotated[str, StringConstraints(pattern=r"^(20|21)[0-9]{2}-(0[1-9]|1[0-2])$"), Field(examples=["2026-11"])]
Subject = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z_]{0,39}:[A-Za-z0-9_.-]{1,60}$"),
    Field(description="What it is about: kind and code", examples=["outcome:refused"]),
]


def month_start(month: str) -> date:
    """The first day of a month given as yyyy-mm."""
    return date(int(month[:4]), int(month[5:]), 1)


class AssignmentCreate(Input):
    """Accounts for a collector; null takes them from everybody."""

    account_ids: Annotated[list[UUID], Field(min_length=1, max_length=BATCH_LIMIT)]
    collector_id: UUID | None
    reason: Reason | None = None


class AssignmentResult(BaseModel):
    """How many accounts had another collector."""

    changed: int


class AssignmentRuleBody(Input):
    """Accounts that meet all conditions go to these collectors, spread evenly; the first rule that fits counts."""

    code: Code
    collector_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]
    segments: Annotated[list[Group], Field(max_length=50)] = []
    countries: Annotated[list[Country], Field(max_length=250)] = []
    risk_classes: Annotated[list[Group], Field(max_length=50)] = []
    letters: Annotated[list[Letters], Field(max_length=36, description="First letters of the name")] = []
    open_from: Amount | None = None
    open_to: Amount | None = Field(default=None, description="Up to below this amount")
    currency: Currency | None = None

    def rule(self, index: int) -> AssignmentRule:
        """The plain rule. Raises AmountInvalid."""
        facts = self.model_dump(exclude={"open_from", "open_to"})
        facts |= {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
        for name in ("open_from", "open_to"):
            value = getattr(self, name)
            if value is not None:
                facts[f"{name}_minor"] = to_minor(value, self.currency or "EUR", pointer=f"/rules/{index}/{name}")
        return AssignmentRule(**facts)


class AssignmentRulesCreate(Input):
    """A new version of the rules, in their order; an empty one ends them."""

    rules: Annotated[list[AssignmentRuleBody], Field(max_length=RULES_LIMIT)]
    valid_from: BusinessDate | None = Field(default=None, description="Today when missing")
    note: Comment | None = None

    def plain(self) -> list[AssignmentRule]:
        """The plain rules."""
        return [rule.rule(index) for index, rule in enumerate(self.rules)]


class AssignmentRuleRead(BaseModel):
    """A rule of a version."""

    code: str
    collector_ids: list[UUID]
    segments: list[str]
    countries: list[str]
    risk_classes: list[str]
    letters: list[str]
    open_from: AmountOut | None
    open_to: AmountOut | None
    currency: str | None


class AssignmentRulesRead(BaseModel):
    """A version of the assignment rules."""

    id: UUID
    ordinal: int
    valid_from: date
    note: str | None
    actor_name: str
    recorded_at: datetime
    rules: list[AssignmentRuleRead]


def assignment_rules_read(row: RuleVersion) -> AssignmentRulesRead:
    """From the row."""

    def amount(rule: Mapping[str, Any], name: str) -> str | None:
        return None if rule[name] is None else to_text(rule[name], rule["currency"])

    rules = [
        {**rule, "open_from": amount(rule, "open_from_minor"), "open_to": amount(rule, "open_to_minor")}
        for rule in row.rules
    ]
    names = ("id", "ordinal", "valid_from", "note", "actor_name", "recorded_at")
    return AssignmentRulesRead.model_validate({name: getattr(row, name) for name in names} | {"rules": rules})


class AssignmentPreview(BaseModel):
    """What the rules would do."""

    accounts: int
    changed: int
    unmatched: int = Field(description="Accounts that no rule fits: they stay as they are")
    by_collector: dict[str, int]
    by_rule: dict[str, int]


def assignment_preview(found: Preview) -> AssignmentPreview:
    """From a dry run."""
    by_collector = {str(collector): count for collector, count in found.by_collector.items()}
    return AssignmentPreview(
        accounts=found.accounts,
        changed=found.changed,
        unmatched=found.unmatched,
        by_collector=by_collector,
        by_rule=dict(found.by_rule),
    )


class AssignmentRunCreate(Input):
    """Apply the rules in force to all accounts."""

    only_unassigned: bool = False


class AssignmentRunRead(BaseModel):
    """An application of the rules, in the background."""

    id: UUID
    rule_version_id: UUID
    state: Literal["waiting", "running", "done"]
    only_unassigned: bool
    accounts: int
    changed: int
    actor_name: str
    version: int
    created_at: datetime
    updated_at: datetime


def run_read(row: AssignmentRun) -> AssignmentRunRead:
    """From the row."""
    return AssignmentRunRead.model_validate(row, from_attributes=True)


class AssignmentHistoryRow(BaseModel):
    """A change of an account's collector."""

    id: UUID
    account_id: UUID
    from_collector_id: UUID | None
    collector_id: UUID | None
    effective_date: date
    origin: Literal["manual", "rule"]
    rule_code: str | None
    reason: str | None
    actor_name: str
    recorded_at: datetime


class AssignmentHistory(BaseModel):
    """Collectors that an account had, latest first."""

    data: list[AssignmentHistoryRow]


class CoverCreate(Input):
    """Who sees to a collector's accounts during an absence; both days belong to it."""

    collector_id: UUID
    cover_id: UUID
    start_date: BusinessDate
    end_date: BusinessDate
    reason: Reason | None = None


class CoverRead(BaseModel):
    """An absence cover."""

    id: UUID
    collector_id: UUID
    cover_id: UUID
    start_date: date
    end_date: date
    reason: str | None
    cancelled: bool
    allowed_actions: list[Literal["cancel"]]
    version: int
    created_at: datetime
    updated_at: datetime


def cover_read(row: CollectorCover) -> CoverRead:
    """From the row."""
    names = ("id", "collector_id", "cover_id", "start_date", "end_date", "reason", "cancelled", "version", "created_at",
             "updated_at")  # fmt: skip
    facts = {name: getattr(row, name) for name in names} | {"allowed_actions": [] if row.cancelled else ["cancel"]}
    return CoverRead.model_validate(facts)


class CoverList(BaseModel):
    """Covers that run or are to come, and who sees to whose accounts today."""

    data: list[CoverRead]
    today: dict[str, UUID] = Field(description="Collector → stand-in")


class TargetCreate(Input):
    """What a collector should bring in during a month."""

    collector_id: UUID
    month: Month
    currency: Currency
    amount: Amount
    contacts: Annotated[int, Field(ge=0, le=100_000)] = 0


class TargetUpdate(Input):
    """A new amount or number of contacts."""

    amount: Amount = unset()
    contacts: Annotated[int, Field(ge=0, le=100_000)] = unset()


class TargetRead(BaseModel):
    """A target."""

    id: UUID
    collector_id: UUID
    month: str
    currency: str
    amount: AmountOut
    contacts: int
    version: int


def target_read(row: CollectorTarget) -> TargetRead:
    """From the row."""
    return TargetRead(
        id=row.id,
        collector_id=row.collector_id,
        month=row.month.strftime("%Y-%m"),
        currency=row.currency,
        amount=to_text(row.amount_minor, row.currency),
        contacts=row.contacts,
        version=row.version,
    )


class AttainmentRow(BaseModel):
    """A collector's month in one currency: target and what was reached."""

    collector_id: UUID
    collector_name: str
    currency: str
    target_id: UUID | None
    target_amount: AmountOut | None
    collected_amount: AmountOut
    amount_percent: str | None = Field(examples=["87.50"])
    target_contacts: int | None
    contacts: int
    contacts_percent: str | None
    promises: int


class Attainment(BaseModel):
    """Targets of a month beside what was reached. By the collector that an account has now."""

    month: str
    data: list[AttainmentRow]


def attainment_row(row: Any) -> AttainmentRow:
    """From a row of `targets.attainment`."""
    currency, target = row["currency"], row["target_minor"]
    return AttainmentRow(
        collector_id=row["collector_id"],
        collector_name=row["display_name"],
        currency=currency,
        target_id=row["target_id"],
        target_amount=None if target is None else to_text(target, currency),
        collected_amount=to_text(row["collected_minor"], currency),
        amount_percent=_percent(row["collected_minor"], target),
        target_contacts=row["target_contacts"],
        contacts=row["contacts"],
        contacts_percent=_percent(row["contacts"], row["target_contacts"]),
        promises=row["promises"],
    )


def _percent(reached: int, target: int | None) -> str | None:
    points = None if target is None else attainment_basis_points(reached, target)
    return None if points is None else f"{points // 100}.{points % 100:02d}"


class PlaybookCreate(Input):
    """How a kind of work is done, in Markdown, and what it is about."""

    code: Code
    title: Name
    body: Annotated[str, lines(100_000)]
    subjects: Annotated[list[Subject], Field(max_length=50)] = []


class PlaybookUpdate(Input):
    """A new title or text is a new revision."""

    title: Name = unset()
    body: Annotated[str, lines(100_000)] = unset()
    subjects: Annotated[list[Subject], Field(max_length=50)] = unset()
    active: bool = unset()


class PlaybookRead(BaseModel):
    """A playbook with its latest text. The text is Markdown: show it without raw HTML."""

    id: UUID
    code: str
    title: str
    body: str
    revision: int
    subjects: list[str]
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


def playbook_read(row: Playbook) -> PlaybookRead:
    """From the row."""
    return PlaybookRead.model_validate(row, from_attributes=True)


class PlaybookRevisionRead(BaseModel):
    """A text that a playbook had."""

    revision: int
    title: str
    body: str
    actor_name: str
    recorded_at: datetime


class PlaybookRevisions(BaseModel):
    """The texts that a playbook had, latest first."""

    data: list[PlaybookRevisionRead]


def revision_read(row: PlaybookRevision) -> PlaybookRevisionRead:
    """From the row."""
    return PlaybookRevisionRead.model_validate(row, from_attributes=True)
