"""What applications take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints
from typing_extensions import TypeAliasType

from app.core.money import to_minor, to_text
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Currency, Input, Reason, text
from app.payments.apply import ApplicationGroup
from app.payments.deductions import DeductionInvalid, KeptBack
from app.payments.models import Application
from app.payments.postings import ApplicationRow
from app.payments.types import LINES_LIMIT, Apply, ApplyLine, Origin, Source

Rate = TypeAliasType(
    "Rate",
    Annotated[
        str,
        StringConstraints(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?$"),
        Field(
            description="Units of the instalment's currency for one unit of the source's; not zero",
            examples=["0.006231"],
        ),
    ],
)


class ApplicationLineCreate(Input):
    """So much of an instalment. Across currencies give the source's amount or the rate; else it is looked up."""

    instalment_id: UUID
    amount: Amount = Field(description="In the instalment's currency, besides discount and write-off")
    discount_amount: Amount = "0"
    write_off_amount: Amount = Field(default="0", description="A small difference that settles the instalment")
    source_amount: Amount | None = Field(default=None, description="What the source loses, in `source_currency`")
    exchange_rate: Rate | None = None
    deduction_amount: Amount = Field(
        default="0", description="What the payer kept back: it stays open and is disputed in the same transaction"
    )
    deduction_reason: Annotated[str, text(200)] | None = Field(
        default=None, description="A reason for disputes by code, label or alias; other words are `other`"
    )


class ApplicationCreate(Input):
    """Settle instalments from one payment or credit memo; whole or not at all."""

    effective_date: BusinessDate
    currency: Currency = Field(description="The instalments' currency, so that no amount can be misread")
    source_currency: Currency | None = Field(default=None, description="The source's currency, when it is another")
    lines: Annotated[list[ApplicationLineCreate], Field(min_length=1, max_length=LINES_LIMIT)]
    allow_other_account: bool = Field(default=False, description="Pay for an account outside the parent group")
    allow_late_discount: bool = Field(default=False, description="Needs payments:approve")
    identify: bool = Field(default=False, description="Give an unidentified payment the account of the lines")
    reason: Reason | None = None

    def command(self, source: Source, expected_version: int | None) -> Apply:
        """The plain command. Raises AmountInvalid with the pointer of the field."""
        return Apply(
            source=source,
            lines=tuple(self._line(index, line) for index, line in enumerate(self.lines)),
            effective_date=self.effective_date,
            allow_other_account=self.allow_other_account,
            allow_late_discount=self.allow_late_discount,
            identify=self.identify,
            expected_version=expected_version,
            source_currency=self.source_currency,
            reason=self.reason,
        )

    def kept_back(self) -> list[KeptBack]:
        """What the payer kept back, of lines that say so. Raises AmountInvalid, DeductionInvalid."""
        found = []
        for index, line in enumerate(self.lines):
            minor = to_minor(line.deduction_amount, self.currency, pointer=f"/lines/{index}/deduction_amount")
            if minor < 0 or (minor == 0 and line.deduction_reason is not None):
                detail = "a deduction has an amount above zero"
                raise DeductionInvalid(detail, pointer=f"/lines/{index}/deduction_amount")
            if minor > 0:
                found.append(KeptBack(line.instalment_id, minor, line.deduction_reason, self.currency))
        return found

    def _line(self, index: int, line: ApplicationLineCreate) -> ApplyLine:
        def minor(name: str, value: str, currency: str) -> int:
            return to_minor(value, currency, pointer=f"/lines/{index}/{name}")

        source_amount = line.source_amount
        return ApplyLine(
            instalment_id=line.instalment_id,
            amount_minor=minor("amount", line.amount, self.currency),
            discount_minor=minor("discount_amount", line.discount_amount, self.currency),
            write_off_minor=minor("write_off_amount", line.write_off_amount, self.currency),
            source_amount_minor=None
            if source_amount is None
            else minor("source_amount", source_amount, self.source_currency or self.currency),
            exchange_rate=None if line.exchange_rate is None else Decimal(line.exchange_rate),
            currency=self.currency,
        )


class ApplicationRead(BaseModel):
    """One application, or with negative amounts the undo of one."""

    id: UUID
    group_id: UUID
    legal_entity_id: UUID
    account_id: UUID
    source_account_id: UUID | None
    payment_id: UUID | None
    credit_memo_id: UUID | None
    instalment_id: UUID
    currency: str
    amount: AmountOut
    discount_amount: AmountOut
    write_off_amount: AmountOut
    source_currency: str
    source_amount: AmountOut
    exchange_rate: str | None
    effective_date: date
    origin: Origin
    proposal_id: UUID | None
    reverses_id: UUID | None
    undone_by_group_id: UUID | None = Field(description="The group that undid this application")
    actor_name: str
    reason: str | None
    recorded_at: datetime
    allowed_actions: list[Literal["reverse"]] = Field(description="Of the whole group")

    @classmethod
    def of(cls, row: Application, undone_by: UUID | None) -> ApplicationRead:
        """From the row and the group that undid it."""
        plain = (
            "id", "group_id", "legal_entity_id", "account_id", "source_account_id", "payment_id", "credit_memo_id",
            "instalment_id", "currency", "source_currency", "effective_date", "origin", "proposal_id", "reverses_id",
            "actor_name", "reason", "recorded_at",
        )  # fmt: skip
        live = row.reverses_id is None and undone_by is None
        return cls(
            undone_by_group_id=undone_by,
            allowed_actions=["reverse"] if live else [],
            **_amounts(row),
            **{name: getattr(row, name) for name in plain},
        )


def _amounts(row: Application | ApplicationRow) -> dict[str, Any]:
    """The amounts and the rate of an application as texts."""
    rate = row.exchange_rate
    return {
        "amount": to_text(row.amount_minor, row.currency),
        "discount_amount": to_text(row.discount_minor, row.currency),
        "write_off_amount": to_text(row.write_off_minor, row.currency),
        "source_amount": to_text(row.source_amount_minor, row.source_currency),
        "exchange_rate": None if rate is None else format(rate.normalize(), "f"),
    }


class ApplicationLineRead(BaseModel):
    """One line of a group; `open_amount` is what the instalment has open afterwards."""

    id: UUID
    instalment_id: UUID
    account_id: UUID
    currency: str
    amount: AmountOut
    discount_amount: AmountOut
    write_off_amount: AmountOut
    source_amount: AmountOut
    exchange_rate: str | None
    open_amount: AmountOut


class ApplicationGroupRead(BaseModel):
    """What one request applied or undid. `group_id` is what `…/reverse` takes."""

    group_id: UUID
    payment_id: UUID | None
    credit_memo_id: UUID | None
    effective_date: date
    origin: Origin
    source_currency: str
    source_left_amount: AmountOut = Field(description="What the payment or credit memo has left afterwards")
    lines: list[ApplicationLineRead]
    dispute_ids: list[UUID] = Field(description="Disputes opened for what the payer kept back")

    @classmethod
    def of(cls, group: ApplicationGroup, dispute_ids: Sequence[UUID] = ()) -> ApplicationGroupRead:
        """From the service's answer, and the disputes that came with it."""
        currency = group.rows[0].source_currency
        made: Sequence[ApplicationLineRead] = [
            ApplicationLineRead(
                id=row.id,
                instalment_id=row.instalment_id,
                account_id=row.account_id,
                currency=row.currency,
                open_amount=to_text(group.open_minor[row.instalment_id], row.currency),
                **_amounts(row),
            )
            for row in group.rows
        ]
        origin: Any = group.origin
        return cls(
            group_id=group.group_id,
            payment_id=group.rows[0].payment_id,
            credit_memo_id=group.rows[0].credit_memo_id,
            effective_date=group.effective_date,
            origin=origin,
            source_currency=currency,
            source_left_amount=to_text(group.source_left_minor, currency),
            lines=list(made),
            dispute_ids=list(dispute_ids),
        )


class ApplicationUndo(Input):
    """As of when and why the group is undone."""

    effective_date: BusinessDate
    reason: Reason
