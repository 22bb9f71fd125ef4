"""Bodies of disputes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_minor, to_text
from app.disputes.casework import Assignment
from app.disputes.models import Dispute, DisputeComment, DisputeCredit, DisputeLine, DisputeTransition
from app.disputes.opening import DisputedPart, OpenDispute
from app.disputes.resolving import CreditOrder
from app.disputes.rules import LINES_MAX, ActionFacts, allowed_actions
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Comment,
    Currency,
    Input,
    Number,
    Reason,
    text,
    unset,
)
from app.infra.principal import Principal

DisputeState = Literal[
    "open", "in_review", "awaiting_customer", "resolved_credited", "resolved_rejected", "resolved_paid", "withdrawn"
]
DisputeOrigin = Literal["manual", "deduction"]
DisputeAction = Literal[
    "approve-credit", "assign", "await-customer", "comment", "edit", "reject-credit", "reopen", "resolve", "review",
    "withdraw", "withdraw-credit",
]  # fmt: skip
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,59}$", examples=["damaged_goods"])]
Description = Annotated[str, Field(max_length=4000)]
DOCUMENTS_MAX = 20


class DisputeLineCreate(Input):
    """So much of this instalment; without an amount all of it that is open and not disputed yet."""

    instalment_id: UUID
    amount: Amount | None = None


class DisputeCreate(Input):
    """Contest parts of one or several instalments of one account."""

    lines: Annotated[list[DisputeLineCreate], Field(min_length=1, max_length=LINES_MAX)]
    currency: Currency
    reason_code: Code
    description: Comment | None = None
    customer_reference: Annotated[str, text(200)] | None = None
    team: Code | None = Field(default=None, description="The reason's team when missing")
    assignee_id: UUID | None = None
    opened_on: BusinessDate | None = Field(default=None, description="Today when missing; not in the future")
    document_ids: Annotated[list[UUID], Field(max_length=DOCUMENTS_MAX)] = []

    def command(self, today: date) -> OpenDispute:
        """The service's command."""
        return OpenDispute(
            parts=tuple(
                DisputedPart(
                    line.instalment_id,
                    None
                    if line.amount is None
                    else to_minor(line.amount, self.currency, pointer=f"/lines/{index}/amount"),
                    currency=self.currency,
                )
                for index, line in enumerate(self.lines)
            ),
            reason_code=self.reason_code,
            opened_on=min(self.opened_on or today, today),
            description=self.description or None,
            customer_reference=self.customer_reference,
            team=self.team,
            assignee_id=self.assignee_id,
            document_ids=tuple(self.document_ids),
        )


class DisputeLineLower(Input):
    """What stays disputed of this instalment; the rest is owed and collectable again."""

    instalment_id: UUID
    amount: Amount


class DisputeUpdate(Input):
    """Fields that are left out stay as they are."""

    description: Comment | None = unset()
    customer_reference: Annotated[str, text(200)] | None = unset()
    reason_code: Code = unset()
    lines: Annotated[list[DisputeLineLower], Field(min_length=1, max_length=LINES_MAX)] = unset()

    def changes(self, currency: str) -> dict[str, Any]:
        """The fields that are named, amounts in minor units."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "lines" in found:
            found["lines"] = {
                line.instalment_id: to_minor(line.amount, currency, pointer=f"/lines/{index}/amount")
                for index, line in enumerate(self.lines)
            }
        return found


class DisputeAssign(Input):
    """Null takes the dispute away from whoever had it; a team that is left out stays."""

    assignee_id: UUID | None
    team: Code | None = unset()

    def assignment(self) -> Assignment:
        """The service's command."""
        return Assignment(self.assignee_id, self.team, "team" in self.model_fields_set)


class DisputeStep(Input):
    """A word about the step."""

    note: Comment | None = None


class DisputeReopen(Input):
    """Why it is contested again."""

    note: Reason


class DisputeResolve(Input):
    """How the dispute ends. `credited` issues and applies a credit memo, `paid` applies a payment to it."""

    resolution: Literal["credited", "rejected", "paid"]
    note: Comment | None = Field(default=None, description="Needed for a rejection")
    effective_date: BusinessDate | None = Field(default=None, description="Of credit memo and application; today")
    amount: Amount | None = Field(default=None, description="Of the credit; everything disputed when missing")
    tax_amount: Amount | None = Field(default=None, description="Of the credit; by the invoices' ratio when missing")
    credit_memo_number: Number | None = Field(default=None, description="`CM-` and the dispute's number when missing")
    payment_id: UUID | None = Field(default=None, description="With `paid`: apply this payment (needs payments:write)")

    def credit(self, currency: str, today: date) -> CreditOrder:
        """The service's command."""
        return CreditOrder(
            effective_date=self.effective_date or today,
            amount_minor=None if self.amount is None else to_minor(self.amount, currency),
            tax_minor=None if self.tax_amount is None else to_minor(self.tax_amount, currency, pointer="/tax_amount"),
            credit_memo_number=self.credit_memo_number,
            note=self.note or None,
        )


class DisputeCommentCreate(Input):
    """A comment."""

    text: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]


class DisputeCommentRead(BaseModel):
    """What somebody wrote."""

    id: UUID
    text: str
    author_name: str
    author_id: UUID | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: DisputeComment) -> DisputeCommentRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DisputeTransitionRead(BaseModel):
    """One step of the dispute's history."""

    id: UUID
    from_state: DisputeState | None
    to_state: DisputeState
    effective_date: date
    note: str | None
    actor_name: str
    actor_id: UUID | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: DisputeTransition) -> DisputeTransitionRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class DisputeLineRead(BaseModel):
    """A disputed part, and what stays collectable of the instalment."""

    instalment_id: UUID
    invoice_id: UUID
    invoice_number: str
    ordinal: int
    due_date: date
    amount: AmountOut = Field(description="Disputed when the dispute was opened")
    disputed_amount: AmountOut
    open_amount: AmountOut = Field(description="Of the instalment")
    undisputed_amount: AmountOut = Field(description="Open and disputed by nobody: dunned, charged interest, promised")


class DisputeCreditRead(BaseModel):
    """A credit for the dispute: asked for, approved or rejected."""

    id: UUID
    state: Literal["requested", "approved", "rejected"]
    amount: AmountOut
    effective_date: date
    credit_memo_number: str
    credit_memo_id: UUID | None
    note: str | None
    requested_by: str
    requested_by_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str | None

    @classmethod
    def of(cls, row: DisputeCredit, currency: str) -> DisputeCreditRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "amount"}
        return cls.model_validate({**plain, "amount": to_text(row.amount_minor, currency)})


class DisputeRead(BaseModel):
    """A dispute with its parts, credits and what the caller may do next."""

    id: UUID
    number: str
    state: DisputeState
    origin: DisputeOrigin
    account_id: UUID
    account_number: str
    account_name: str
    legal_entity_id: UUID
    payment_id: UUID | None = Field(description="The short payment that opened it")
    currency: str
    amount: AmountOut = Field(description="Disputed when it was opened")
    disputed_amount: AmountOut
    credited_amount: AmountOut
    paid_amount: AmountOut
    released_amount: AmountOut = Field(description="Rejected or withdrawn: owed and collectable again")
    reason_code: str
    reason_label: str
    description: str | None
    customer_reference: str | None
    team: str | None
    assignee_id: UUID | None
    assignee_name: str | None
    opened_on: date
    opened_by: str
    sla_due_on: date
    awaiting_since: date | None = Field(description="The clock stands still since")
    sla_breached_on: date | None
    resolved_on: date | None
    resolved_by: str | None
    resolution_note: str | None
    reopened_count: int
    lines: list[DisputeLineRead]
    credits: list[DisputeCreditRead]
    allowed_actions: list[DisputeAction]
    version: int
    created_at: datetime
    updated_at: datetime


class DisputeCounts(BaseModel):
    """Active disputes that the caller may see, for badges."""

    active: int
    open: int
    in_review: int
    awaiting_customer: int
    sla_breached: int
    unassigned: int
    mine: int
    credit_pending: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page of disputes needs besides its rows, looked up once for all of them."""

    lines: Mapping[UUID, list[DisputeLine]]
    credits: Mapping[UUID, list[DisputeCredit]]
    instalments: Mapping[UUID, Any]
    undisputed: Mapping[UUID, int]
    accounts: Mapping[UUID, tuple[str, str]]
    users: Mapping[UUID, tuple[str, str]]
    reasons: Mapping[UUID, Any]
    teams: Mapping[UUID, Any]


def dispute_read(row: Dispute, shown: Shown, caller: Principal) -> DisputeRead:
    """From the row and what was looked up."""
    amounts = ("amount", "credited", "paid", "released")
    pending = next((credit for credit in shown.credits[row.id] if credit.state == "requested"), None)
    facts = ActionFacts(
        state=row.state,
        scopes=caller.scopes,
        actor_id=caller.actor.id,
        credit_requested=pending is not None,
        credit_requested_by=None if pending is None else pending.requested_by_id,
    )
    number, name = shown.accounts[row.account_id]
    user = shown.users.get(row.assignee_id) if row.assignee_id is not None else None
    plain = {name: getattr(row, name) for name in DisputeRead.model_fields if hasattr(row, name)}
    return DisputeRead.model_validate(
        {
            **plain,
            **{
                name if name == "amount" else f"{name}_amount": to_text(getattr(row, f"{name}_minor"), row.currency)
                for name in amounts
            },
            "disputed_amount": to_text(sum(_still_disputed(line, shown) for line in shown.lines[row.id]), row.currency),
            "account_number": number,
            "account_name": name,
            "reason_code": shown.reasons[row.reason_id].code,
            "reason_label": shown.reasons[row.reason_id].label,
            "team": None if row.team_id is None else shown.teams[row.team_id].code,
            "assignee_name": None if user is None else user[1],
            "lines": [_line(line, shown, row.currency) for line in shown.lines[row.id]],
            "credits": [DisputeCreditRead.of(credit, row.currency) for credit in shown.credits[row.id]],
            "allowed_actions": allowed_actions(facts),
        }
    )


def _still_disputed(line: DisputeLine, shown: Shown) -> int:
    """Never more than is open: money that arrived a moment ago has not shrunk the dispute yet."""
    return min(line.disputed_minor, int(shown.instalments[line.instalment_id]["open_minor"]))


def _line(line: DisputeLine, shown: Shown, currency: str) -> DisputeLineRead:
    document = shown.instalments[line.instalment_id]
    return DisputeLineRead(
        instalment_id=line.instalment_id,
        invoice_id=document["invoice_id"],
        invoice_number=document["number"],
        ordinal=document["ordinal"],
        due_date=document["due_date"],
        amount=to_text(line.amount_minor, currency),
        disputed_amount=to_text(_still_disputed(line, shown), currency),
        open_amount=to_text(document["open_minor"], currency),
        undisputed_amount=to_text(shown.undisputed[line.instalment_id], currency),
    )
