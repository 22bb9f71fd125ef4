"""What legal cases take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.collections.legal.cases import CaseEntry, PrepareCase, ReferCase, recovered_minor
from app.collections.legal.evidence import Evidence
from app.collections.models import LegalCase, LegalCaseEntry
from app.collections.rules import LEVEL_MAX, case_actions
from app.collections.schemas import Code
from app.core.money import to_minor, to_text
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Comment,
    Currency,
    Input,
    Name,
    Reason,
    text,
    unset,
)

CaseKind = Literal["legal_case", "agency_placement"]
CaseStatus = Literal["prepared", "referred", "in_progress", "recovered", "partly_recovered", "lost", "recalled"]
CaseAction = Literal["refer", "recall", "update", "progress", "close", "record_entry"]
Level = Annotated[int, Field(ge=1, le=LEVEL_MAX)]
Group = Annotated[str, text(64)]


FeePercent = Annotated[str, Field(pattern=r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$", examples=["12.50"])]


def _basis_points(percent: str | None) -> int | None:
    return None if percent is None else to_minor(percent, "EUR")  # two decimals: hundredths of a percent


class CaseCreate(Input):
    """A legal case or agency placement to be prepared."""

    kind: CaseKind
    account_id: UUID
    currency: Currency
    reason_code: Code
    instalment_ids: Annotated[list[UUID], Field(max_length=500, description="None: everything overdue")] = []
    partner: Name | None = Field(default=None, description="Lawyer, court or agency")
    partner_reference: Annotated[str, text(64)] | None = None
    fee_percent: FeePercent | None = None
    owner_id: UUID | None = None
    note: Comment | None = None

    def command(self) -> PrepareCase:
        """The plain command."""
        return PrepareCase(
            kind=self.kind,
            account_id=self.account_id,
            currency=self.currency,
            reason_code=self.reason_code,
            instalment_ids=tuple(self.instalment_ids),
            partner=self.partner,
            partner_reference=self.partner_reference,
            fee_basis_points=_basis_points(self.fee_percent),
            owner_id=self.owner_id,
            note=self.note,
        )


class CaseUpdate(Input):
    """What changes of an open case."""

    partner: Name = unset()
    partner_reference: Annotated[str, text(64)] | None = unset()
    owner_id: UUID | None = unset()
    note: Comment | None = unset()


class CaseRefer(Input):
    """To whom the case goes."""

    partner: Name | None = None
    partner_reference: Annotated[str, text(64)] | None = None
    fee_percent: FeePercent | None = None

    def command(self, expected_version: int | None) -> ReferCase:
        """The plain command."""
        return ReferCase(self.partner, self.partner_reference, _basis_points(self.fee_percent), expected_version)


class CaseProgress(Input):
    """What the partner does."""

    note: Reason | None = None


class CaseClose(Input):
    """The result; it must fit what was recovered."""

    result: Literal["recovered", "partly_recovered", "lost"]
    reason: Reason | None = None


class CaseRecall(Input):
    """Why the case is taken back."""

    reason: Reason


class CaseEntryCreate(Input):
    """A cost or a recovery, in the currency of the case."""

    kind: Literal["cost", "recovery"]
    amount: Amount
    on_date: BusinessDate
    description: Name
    payment_id: UUID | None = None

    def command(self, currency: str) -> CaseEntry:
        """The plain command. Raises AmountInvalid."""
        minor = to_minor(self.amount, currency)
        return CaseEntry(self.kind, minor, self.on_date, self.description, self.payment_id)


class CaseEntryReverse(Input):
    """Why an entry is taken back."""

    on_date: BusinessDate
    reason: Reason


class CaseItemRead(BaseModel):
    """An instalment of a case."""

    instalment_id: UUID
    invoice_id: UUID
    invoice_number: str
    due_date: date
    claimed_amount: AmountOut
    open_amount: AmountOut
    collected_amount: AmountOut = Field(description="Money applied since the referral")


class CaseEntryRead(BaseModel):
    """A cost or a recovery; negative ones take an earlier one back."""

    id: UUID
    kind: Literal["cost", "recovery"]
    amount: AmountOut
    on_date: date
    description: str
    payment_id: UUID | None
    reverses_id: UUID | None
    actor_name: str
    recorded_at: datetime


class CaseRead(BaseModel):
    """A legal case or agency placement."""

    id: UUID
    number: str
    kind: CaseKind
    account_id: UUID
    currency: str
    status: CaseStatus
    claim_amount: AmountOut
    cost_amount: AmountOut
    recovered_amount: AmountOut = Field(description="Entered, or applied to the items, whichever is more")
    net_amount: AmountOut = Field(description="Recovered less costs")
    reason_code: str
    partner: str | None
    partner_reference: str | None
    fee_percent: str | None
    owner_id: UUID | None
    note: str | None
    prepared_on: date
    referred_on: date | None
    closed_on: date | None
    close_reason: str | None
    items: list[CaseItemRead]
    entries: list[CaseEntryRead]
    allowed_actions: list[CaseAction]
    version: int
    created_at: datetime
    updated_at: datetime


_CASE = (
    "id", "number", "kind", "account_id", "currency", "status", "reason_code", "partner", "partner_reference",
    "owner_id", "note", "prepared_on", "referred_on", "closed_on", "close_reason", "version", "created_at",
    "updated_at",
)  # fmt: skip


def case_read(case: LegalCase, items: Sequence[Any], entries: Sequence[LegalCaseEntry]) -> CaseRead:
    """From the rows; lists leave the entries out."""
    currency, recovered = case.currency, recovered_minor(case, items)
    facts = {name: getattr(case, name) for name in _CASE}
    facts |= {
        "claim_amount": to_text(case.claim_minor, currency),
        "cost_amount": to_text(case.cost_minor, currency),
        "recovered_amount": to_text(recovered, currency),
        "net_amount": to_text(recovered - case.cost_minor, currency),
        "fee_percent": None if case.fee_basis_points is None else to_text(case.fee_basis_points, "EUR"),
        "items": [_item(item, currency) for item in items],
        "entries": [_entry(entry, currency) for entry in entries],
        "allowed_actions": case_actions(case.status),
    }
    return CaseRead.model_validate(facts)


def _item(item: Any, currency: str) -> CaseItemRead:
    return CaseItemRead(
        instalment_id=item["instalment_id"],
        invoice_id=item["invoice_id"],
        invoice_number=item["number"],
        due_date=item["due_date"],
        claimed_amount=to_text(item["amount_minor"], currency),
        open_amount=to_text(item["open_minor"], currency),
        collected_amount=to_text(item["collected_minor"], currency),
    )


def _entry(entry: LegalCaseEntry, currency: str) -> CaseEntryRead:
    names = ("id", "kind", "on_date", "description", "payment_id", "reverses_id", "actor_name", "recorded_at")
    facts = {name: getattr(entry, name) for name in names} | {"amount": to_text(entry.amount_minor, currency)}
    return CaseEntryRead.model_validate(facts)


class EvidenceRow(BaseModel):
    """One fact of the file: when, what kind, in words, and its amount if it has one."""

    on_date: date | None
    kind: Literal["action", "promise", "payment", "dispute"]
    text: str
    amount: AmountOut | None
    currency: str | None


class EvidenceRead(BaseModel):
    """The facts of a case for its evidence file."""

    case: CaseRead
    account_number: str
    account_name: str
    legal_name: str | None
    country: str | None
    rows: list[EvidenceRow]


def evidence_read(found: Evidence) -> EvidenceRead:
    """From the facts, in the order of their dates."""
    rows = [
        EvidenceRow(on_date=r["done_on"], kind="action", amount=None, currency=None,
                    text=f"{r['type']}: {r['subject']} → {r['outcome_code']} ({r['done_by']})")
        for r in found.actions
    ] + [
        EvidenceRow(on_date=r["made_on"], kind="promise", amount=to_text(r["amount_minor"], r["currency"]),
                    currency=r["currency"], text=f"promised for {r['promised_date']}: {r['status']}")
        for r in found.promises
    ] + [
        EvidenceRow(on_date=r["value_date"], kind="payment", amount=to_text(r["amount_minor"], r["currency"]),
                    currency=r["currency"], text="application undone" if r["undone"] else "payment applied")
        for r in found.payments
    ] + [
        EvidenceRow(on_date=r["opened_on"], kind="dispute", amount=to_text(r["amount_minor"], r["currency"]),
                    currency=r["currency"], text=f"dispute {r['number']}: {r['state']}")
        for r in found.disputes
    ]  # fmt: skip
    rows.sort(key=lambda row: (row.on_date or date.min, row.kind))
    return EvidenceRead(
        case=case_read(found.case, found.items, found.entries),
        account_number=found.account["number"],
        account_name=found.account["name"],
        legal_name=found.account["legal_name"],
        country=found.account["country"],
        rows=rows,
    )
