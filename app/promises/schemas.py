"""What the promises room takes and gives over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.money import to_minor, to_text
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Comment, Currency, Input, Reason, text
from app.promises.make import MakePromise, Reschedule
from app.promises.models import Promise
from app.promises.rules import GRACE_DAYS_MAX, INSTALMENTS_LIMIT, promise_actions

PromiseStatus = Literal["open", "partly_kept", "kept", "broken", "cancelled"]
PromiseAction = Literal["cancel", "reschedule"]
GraceDays = Annotated[int, Field(ge=0, le=GRACE_DAYS_MAX, description="Business days after the date; the money's value"
                                 " date counts. Without: the organization's")]  # fmt: skip


class PromisedInstalment(Input):
    """An instalment of a promise; without an amount it takes what the others leave, the oldest due first."""

    instalment_id: UUID
    amount: Amount | None = None


class PromiseCreate(Input):
    """A promise to pay so much by a date. Without instalments it is for the account as a whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "01981d8e-6a00-7000-8000-000000000001",
                    "currency": "EUR",
                    "amount": "500.00",
                    "promised_date": "2026-11-27",
                }
            ]
        },
    )
    account_id: UUID
    currency: Currency
    promised_date: BusinessDate
    amount: Amount | None = Field(default=None, description="Without: all that is open, undisputed and not promised")
    instalments: Annotated[list[PromisedInstalment], Field(max_length=INSTALMENTS_LIMIT)] = []
    grace_days: GraceDays | None = None
    made_on: BusinessDate | None = Field(default=None, description="Today unless an earlier promise is entered later")
    include_disputed: bool = False
    method: Annotated[str, text(60)] | None = Field(default=None, description="How it will be paid")
    contact_id: UUID | None = None
    note: Comment | None = None

    def command(self) -> MakePromise:
        """The plain command; amounts in minor units. Raises AmountInvalid with the pointer of the field."""
        currency = self.currency
        items = [
            (
                item.instalment_id,
                None
                if item.amount is None
                else to_minor(item.amount, currency, pointer=f"/instalments/{index}/amount"),
            )
            for index, item in enumerate(self.instalments)
        ]
        return MakePromise(
            account_id=self.account_id,
            currency=currency,
            promised_date=self.promised_date,
            amount_minor=None if self.amount is None else to_minor(self.amount, currency),
            items=items,
            grace_days=self.grace_days,
            made_on=self.made_on,
            include_disputed=self.include_disputed,
            method=self.method,
            contact_id=self.contact_id,
            note=self.note,
        )


class PromiseCancel(Input):
    """Why a promise is taken back."""

    reason: Reason


class PromiseReschedule(Input):
    """A later date for what is left, or for another amount."""

    promised_date: BusinessDate
    amount: Amount | None = None
    grace_days: GraceDays | None = None
    note: Comment | None = None
    reason: Reason | None = None

    def command(self, currency: str, expected_version: int | None) -> Reschedule:
        """The plain command."""
        minor = None if self.amount is None else to_minor(self.amount, currency)
        return Reschedule(self.promised_date, minor, self.grace_days, self.note, self.reason, expected_version)


class PromiseItemRead(BaseModel):
    """An instalment of a promise: promised of it, and received."""

    instalment_id: UUID
    invoice_id: UUID
    invoice_number: str
    due_date: date
    amount: AmountOut
    kept_amount: AmountOut
    open_amount: AmountOut


class PromiseRead(BaseModel):
    """A promise to pay, and what it has become."""

    id: UUID
    account_id: UUID
    scope: Literal["account", "instalments"]
    currency: str
    amount: AmountOut
    kept_amount: AmountOut = Field(description="Money that counts for this promise")
    made_on: date
    promised_date: date
    grace_days: int
    kept_until: date = Field(description="Last value date of money that keeps it")
    status: PromiseStatus
    decided_on: date | None
    decided_at: datetime | None
    reason: str | None
    includes_disputed: bool
    reschedules_id: UUID | None
    rescheduled_count: int
    method: str | None
    contact_id: UUID | None
    collector_id: UUID | None
    taken_by_id: UUID | None
    taken_by: str
    note: str | None
    instalments: list[PromiseItemRead]
    allowed_actions: list[PromiseAction]
    version: int
    created_at: datetime
    updated_at: datetime


_PLAIN = (
    "id", "account_id", "scope", "currency", "made_on", "promised_date", "grace_days", "kept_until", "status",
    "decided_on", "decided_at", "reason", "includes_disputed", "reschedules_id", "rescheduled_count", "method",
    "contact_id", "collector_id", "taken_by_id", "taken_by", "note", "version", "created_at", "updated_at",
)  # fmt: skip


def promise_read(promise: Promise, items: Sequence[Any], *, rescheduled: bool) -> PromiseRead:
    """From the row and those of `queries.items_of`; `rescheduled`: another promise took its place."""
    facts = {name: getattr(promise, name) for name in _PLAIN}
    return PromiseRead.model_validate(
        facts
        | {
            "amount": to_text(promise.amount_minor, promise.currency),
            "kept_amount": to_text(promise.kept_minor, promise.currency),
            "instalments": [item_read(item, promise.currency) for item in items],
            "allowed_actions": promise_actions(promise.status, rescheduled=rescheduled),
        }
    )


def item_read(item: Any, currency: str) -> PromiseItemRead:
    """From a row of `queries.items_of`."""
    return PromiseItemRead(
        instalment_id=item["instalment_id"],
        invoice_id=item["invoice_id"],
        invoice_number=item["number"],
        due_date=item["due_date"],
        amount=to_text(item["amount_minor"], currency),
        kept_amount=to_text(item["done_minor"], currency),
        open_amount=to_text(item["open_minor"], currency),
    )


class PromiseCounts(BaseModel):
    """Badges."""

    open: int
    partly_kept: int
    due_today: int
    in_grace: int = Field(description="The date has passed, the grace has not")
    broken: int = Field(description="Broken in the last 7 days")
