"""What account statements give over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut, BusinessDate, Input, lines, text, unset
from app.statements.instructions import Instruction
from app.statements.models import AccountStatement, StatementSchedule
from app.statements.rules import Frequency, Rhythm, Scope, next_due
from app.statements.schedules import NewSchedule, rhythm_of
from app.statements.sending import SendStatement
from app.statements.statement import Item, Statement, Totals
from app.statements.texts import PaperLanguage, Words


class StatementItemRead(BaseModel):
    """An open instalment. Disputed and promised are parts of what is open; they may overlap."""

    instalment_id: UUID
    invoice_id: UUID
    number: str
    kind: Literal["invoice", "debit_memo", "finance_charge"]
    ordinal: int
    purchase_order: str | None
    invoice_date: date
    due_date: date
    days_late: int
    bucket: str
    currency: str
    amount: AmountOut
    open: AmountOut
    disputed: AmountOut
    promised: AmountOut


class StatementCreditRead(BaseModel):
    """A credit memo or payment with something left of it."""

    kind: Literal["credit_memo", "payment"]
    id: UUID
    reference: str
    on_date: date
    currency: str
    amount: AmountOut
    left: AmountOut


class StatementPromiseRead(BaseModel):
    """A promise for the whole account that is not yet decided."""

    promised_date: date
    currency: str
    amount: AmountOut
    kept: AmountOut


class StatementBucketRead(BaseModel):
    """What is open in one aging bucket."""

    bucket: str
    amount: AmountOut


class StatementTotalsRead(BaseModel):
    """The sums of one currency."""

    currency: str
    items: int
    buckets: list[StatementBucketRead]
    open: AmountOut
    overdue: AmountOut
    disputed: AmountOut
    promised: AmountOut
    credit_memos: AmountOut
    unapplied: AmountOut
    balance: AmountOut = Field(description="open - credit_memos - unapplied; negative: the customer is owed")


class StatementBankRead(BaseModel):
    """Where to pay: an own bank account of a legal entity that has something open."""

    legal_entity_id: UUID
    legal_entity: str
    name: str | None
    identifier: str | None
    bic: str | None
    currency: str | None


class PaymentInstructionRead(BaseModel):
    """How to pay one legal entity in one currency, with the reference by which the payment finds the account."""

    legal_entity_id: UUID
    legal_entity: str
    currency: str
    amount: AmountOut = Field(description="What is open less credits and money not yet applied")
    bank_account: str | None = Field(description="IBAN or local number; null where no own account is in the currency")
    bic: str | None
    reference: str | None = Field(description="Creditor reference (ISO 11649), or 27 digits with a Swiss QR-IBAN")
    code: Literal["epc", "swiss_qr_bill"] | None = Field(description="Which QR code stands on the paper")
    payload: str | None = Field(description="What the QR code says (EPC069-12, or SPC 0200 of a QR-bill)")


class StatementRead(BaseModel):
    """What an account owes on a business date."""

    account_id: UUID
    number: str
    name: str
    as_of: date
    language: PaperLanguage
    totals: list[StatementTotalsRead]
    items: list[StatementItemRead]
    credits: list[StatementCreditRead]
    promises: list[StatementPromiseRead]
    bank_accounts: list[StatementBankRead]
    payment_instructions: list[PaymentInstructionRead]


def statement_read(statement: Statement, words: Words) -> StatementRead:
    """From the facts."""
    account = statement.account
    return StatementRead(
        account_id=account["id"], number=account["number"], name=account["name"], as_of=statement.as_of,
        language=words.language,
        totals=[_totals(totals, statement.labels) for totals in statement.totals],
        items=[_item(item, statement.labels) for item in statement.items],
        credits=[
            StatementCreditRead(
                kind=row["kind"], id=row["id"], reference=row["reference"], on_date=row["on_date"],
                currency=row["currency"], amount=to_text(row["amount_minor"], row["currency"]),
                left=to_text(row["left_minor"], row["currency"]),
            )
            for row in statement.credits
        ],
        promises=[
            StatementPromiseRead(
                promised_date=row["promised_date"], currency=row["currency"],
                amount=to_text(row["amount_minor"], row["currency"]), kept=to_text(row["kept_minor"], row["currency"]),
            )
            for row in statement.promises
        ],
        bank_accounts=[
            StatementBankRead(**{name: row[name] for name in StatementBankRead.model_fields})
            for row in statement.banks
        ],
        payment_instructions=[_instruction(one) for one in statement.instructions],
    )  # fmt: skip


def _instruction(one: Instruction) -> PaymentInstructionRead:
    bank = one.bank
    return PaymentInstructionRead(
        legal_entity_id=one.legal_entity_id, legal_entity=one.legal_entity, currency=one.currency,
        amount=to_text(one.amount_minor, one.currency), bank_account=bank["identifier"] if bank else None,
        bic=bank["bic"] if bank else None, reference=one.reference, code=one.code, payload=one.payload,
    )  # fmt: skip


def _item(item: Item, labels: tuple[str, ...]) -> StatementItemRead:
    row, currency = item.row, item.row["currency"]
    plain = {name: row[name] for name in ("instalment_id", "invoice_id", "number", "kind", "ordinal", "purchase_order",
                                          "invoice_date", "due_date", "currency")}  # fmt: skip
    return StatementItemRead(
        **plain, days_late=item.days_late, bucket=labels[item.bucket],
        amount=to_text(row["amount_minor"], currency), open=to_text(row["open_minor"], currency),
        disputed=to_text(item.disputed_minor, currency), promised=to_text(item.promised_minor, currency),
    )  # fmt: skip


def _totals(totals: Totals, labels: tuple[str, ...]) -> StatementTotalsRead:
    currency = totals.currency
    buckets = [
        StatementBucketRead(bucket=label, amount=to_text(minor, currency))
        for label, minor in zip(labels, totals.buckets, strict=True)
    ]
    return StatementTotalsRead(
        currency=currency, items=totals.items, buckets=buckets, open=to_text(totals.open_minor, currency),
        overdue=to_text(totals.overdue_minor, currency), disputed=to_text(totals.disputed_minor, currency),
        promised=to_text(totals.promised_minor, currency), credit_memos=to_text(totals.credits_minor, currency),
        unapplied=to_text(totals.unapplied_minor, currency), balance=to_text(totals.balance_minor, currency),
    )  # fmt: skip


class StatementSend(Input):
    """Send a statement now. Subject and body take the place of the organization's template or the shipped words."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"channel": "email"}]})
    channel: Literal["email", "letter"] = "email"
    contact_id: UUID | None = Field(default=None, description="Who gets it; accounts payable if missing")
    as_of: BusinessDate | None = Field(default=None, description="Business date; today if missing")
    language: PaperLanguage | None = Field(default=None, description="The account's own if missing")
    subject: Annotated[str, text(300)] | None = None
    body: Annotated[str, lines(10_000)] | None = None
    answer: bool = Field(
        default=False,
        description="The customer asked for it, by e-mail or as an inquiry: hours and caps do not bind",
    )

    def command(self, account_id: UUID, today: date) -> SendStatement:
        """The plain command."""
        return SendStatement(
            account_id, self.as_of or today, self.channel, self.contact_id, self.language, self.subject, self.body,
            self.answer,
        )  # fmt: skip


class SentTotalsRead(BaseModel):
    """What stood on the statement, in one currency."""

    currency: str
    open: AmountOut
    overdue: AmountOut
    balance: AmountOut


class AccountStatementRead(BaseModel):
    """A statement that was sent, or was not, and why. `document_id` is the paper as it left."""

    id: UUID
    account_id: UUID
    schedule_id: UUID | None
    period: str | None = Field(description="Of a schedule: `2026-W47` or `2026-11`; null on demand")
    as_of: date
    language: PaperLanguage
    channel: Literal["email", "letter"]
    state: Literal["sent", "not_sent"]
    refusal: str | None = Field(description="`no_contact`, or the rule of contact that forbade it")
    contact_id: UUID | None
    recipient: str | None
    message_id: UUID | None
    message_state: str | None = Field(description="`planned` waits for a permitted hour, `made` for the post")
    delivery: Literal["planned", "sending", "sent", "failed", "unknown", "bounced"] | None
    document_id: UUID | None
    reference: str | None
    totals: list[SentTotalsRead]
    items: int
    requested_by: str
    sent_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: AccountStatement, message: Any | None) -> AccountStatementRead:
        """From the row and its message."""
        shown: Any = None
        if message is not None:
            shown = "bounced" if message["bounced_at"] else message["delivery"]
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(**plain, message_state=message["state"] if message else None, delivery=shown)


class _ScheduleFields(Input):
    skip_zero: bool = Field(default=True, description="Nobody gets a statement on which nothing stands")
    only_overdue: bool = Field(default=False, description="Only who is overdue gets one")


Weekday = Annotated[int, Field(ge=1, le=7, description="1 is Monday; goes with weekly")]
MonthDay = Annotated[int, Field(ge=1, le=31, description="Past the end of a month its last day; goes with monthly")]
Segment = Annotated[str, text(64)]


class StatementScheduleCreate(_ScheduleFields):
    """When statements go out on their own. `off` for an account or segment takes it out of the wider schedule."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"scope": "organization", "frequency": "monthly", "month_day": 1}]}
    )
    scope: Scope
    segment: Segment | None = None
    account_id: UUID | None = None
    frequency: Frequency
    weekday: Weekday | None = None
    month_day: MonthDay | None = None

    def command(self) -> NewSchedule:
        """The plain command. Raises ScheduleInvalid."""
        rhythm = Rhythm(self.frequency, self.weekday, self.month_day)
        return NewSchedule(self.scope, rhythm, self.segment, self.account_id, self.skip_zero, self.only_overdue)


class StatementScheduleUpdate(Input):
    """Fields to change. A frequency comes with its day."""

    frequency: Frequency = unset()
    weekday: Weekday | None = unset()
    month_day: MonthDay | None = unset()
    skip_zero: bool = unset()
    only_overdue: bool = unset()


class StatementScheduleRead(BaseModel):
    """A schedule of statements."""

    id: UUID
    scope: Scope
    segment: str | None
    account_id: UUID | None
    frequency: Frequency
    weekday: int | None
    month_day: int | None
    skip_zero: bool
    only_overdue: bool
    next_on: date | None = Field(description="The next day on which statements go out")
    allowed_actions: list[Literal["update", "delete"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: StatementSchedule, today: date, scopes: frozenset[str]) -> StatementScheduleRead:
        """From the row, with what this caller may do."""
        may = "correspondence:write" if row.scope == "account" else "correspondence:approve"
        actions: Any = ["update", "delete"] if may in scopes else []
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(**plain, next_on=next_due(rhythm_of(row), today), allowed_actions=actions)


class EffectiveScheduleRead(BaseModel):
    """What counts for an account: its own schedule, else its segment's, else the organization's; or none."""

    account_id: UUID
    schedule: StatementScheduleRead | None
    next_on: date | None
