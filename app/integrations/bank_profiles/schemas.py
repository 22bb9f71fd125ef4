"""Bodies of bank profiles. The parts of a definition are those of `app.integrations.bank_csv.profile`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.infra.http.fields import AmountOut, Currency, Input, Name, text, unset
from app.integrations.bank_csv.profile import FIELDS, HEADER_ROW_MAX, TEXTS_MAX
from app.integrations.bank_csv.proposing import Proposal
from app.integrations.bank_profiles.models import BankProfile

ProfileName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$"),
    Field(description="What an import names as `preset`", examples=["house-bank"]),
]
Line = Annotated[str, text(200)]
Texts = Annotated[list[Line], Field(max_length=TEXTS_MAX)]
Tables = Annotated[dict[Line, Texts], Field(max_length=20)]
BankColumn = Literal[
    "booking_date", "value_date", "amount", "debit", "credit", "indicator", "currency", "balance", "fee", "account",
    "text", "type", "counterparty_name", "counterparty_account", "counterparty_bank", "ultimate_name",
    "bank_reference", "end_to_end_id", "payment_reference", "mandate_id", "cheque_number", "original_reference",
]  # fmt: skip
assert BankColumn.__args__ == FIELDS  # type: ignore[attr-defined]  # a Literal cannot be made from a tuple


class BankProfileFormat(Input):
    """How texts, numbers and dates are written."""

    delimiter: Annotated[str, Field(max_length=4, description="One character, or auto", examples=[";"])] = "auto"
    encoding: Annotated[
        Literal["auto", "utf-8", "utf-8-sig", "utf-16", "cp1252", "windows-1252", "latin-1", "iso-8859-1"],
        Field(description="auto: UTF-8 where the bytes are in order, else the code page of Windows"),
    ] = "auto"
    decimal_separator: Literal[".", ","] = "."
    thousands_separator: Literal["", ".", ",", "'", "’", " ", "\u00a0", "\u202f"] = ""
    date_formats: Annotated[
        list[Annotated[str, Field(max_length=20, examples=["%d.%m.%Y"])]],
        Field(min_length=1, max_length=10, description="A day that two of them read differently is refused"),
    ] = ["%Y-%m-%d"]


class BankProfileSign(Input):
    """Which way money goes.

    `signed`: one amount with its sign. `two_columns`: debit and credit. `indicator`: a column of words beside an
    amount without sign; `suffix`: the same words behind the amount in its cell.
    """

    kind: Literal["signed", "two_columns", "indicator", "suffix"] = "signed"
    positive_is: Annotated[Literal["credit", "debit"], Field(description="signed: credit is money in")] = "credit"
    debit_is: Annotated[Literal["positive", "negative"], Field(description="two_columns: how debits are written")] = (
        "positive"
    )
    credit: Texts = []
    debit: Texts = []


class BankProfileDefinition(Input):
    """How the CSV statements of one bank are written. What it does not say is refused, never guessed."""

    format: BankProfileFormat = BankProfileFormat()
    header_row: Annotated[
        int | None,
        Field(ge=0, le=HEADER_ROW_MAX, description="Line of the headers; null: looked for; 0: none, columns by number"),
    ] = None
    columns: Annotated[
        dict[BankColumn, Line | Annotated[list[Line], Field(min_length=1, max_length=20)]],
        Field(description="Header by field; `text` may be several"),
    ]
    optional: Annotated[list[BankColumn], Field(max_length=50, description="Columns that may be missing")] = []
    other_headers: Annotated[Tables, Field(description="What a header may also be called")] = {}
    sign: BankProfileSign = BankProfileSign()
    fee_sign: Annotated[Literal["positive", "negative"], Field(description="How a fee taken off is written")] = (
        "positive"
    )
    currency: Currency | None = None
    account: Annotated[Line | None, Field(description="Identifier of the own bank account")] = None
    account_label: Annotated[Line | None, Field(description="What stands before it above the header")] = None
    skip: Annotated[Tables, Field(description="Rows left out: texts by header")] = {}
    pending: Annotated[Tables, Field(description="Rows that are not booked yet")] = {}
    reversals: Annotated[Tables, Field(description="Rows that take a payment back")] = {}
    footer: Annotated[Texts, Field(description="A line that begins so ends the statement")] = []
    balance_breaks: Annotated[
        Literal["refuse", "note"], Field(description="When a balance does not follow from the one before it")
    ] = "refuse"

    def content(self) -> dict[str, Any]:
        """As it is kept."""
        return self.model_dump(exclude_none=True)


_EXAMPLE = {
    "format": {"delimiter": ";", "decimal_separator": ",", "thousands_separator": ".", "date_formats": ["%d.%m.%Y"]},
    "columns": {"booking_date": "Buchungstag", "amount": "Betrag", "text": ["Verwendungszweck"], "balance": "Saldo"},
    "currency": "EUR",
}


class BankProfileCreate(Input):
    """A profile of one's own."""

    name: ProfileName
    title: Name
    definition: Annotated[BankProfileDefinition, Field(examples=[_EXAMPLE])]


class BankProfileUpdate(Input):
    """Fields that are left out stay as they are; a definition is given whole. `active` false: no longer taken."""

    name: ProfileName = unset()
    title: Name = unset()
    definition: BankProfileDefinition = unset()
    active: bool = unset()


class BankProfileRead(BaseModel):
    """How the CSV statements of one bank are written; an import names it as `preset`."""

    id: UUID
    name: str
    title: str
    definition: dict[str, Any]
    active: bool
    allowed_actions: list[Literal["edit"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: BankProfile, *, may_edit: bool) -> BankProfileRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate({**plain, "allowed_actions": ["edit"] if may_edit else []})


class BankColumnGuessRead(BaseModel):
    """A column of the sample and what it probably is."""

    header: str
    field: str | None
    confidence: Annotated[int, Field(ge=0, le=100)]
    reasons: list[str]


class BankEntryGuessRead(BaseModel):
    """How an entry of the sample reads by the proposal, to be compared with the bank's own page."""

    booking_date: str | None
    value_date: str | None
    amount: AmountOut
    currency: str
    is_credit: bool
    counterparty_name: str | None
    text: str


class BankProfileGuessRead(BaseModel):
    """A proposed profile. `proven`: the balances of the sample follow from its amounts and signs.

    `fitting`: profiles that read the sample as it is, shipped ones and own ones. `refused`: why the proposal does not.
    """

    definition: dict[str, Any]
    columns: list[BankColumnGuessRead]
    missing: list[str]
    notes: list[str]
    proven: bool
    refused: str | None
    fitting: list[str]
    entries: list[BankEntryGuessRead]

    @classmethod
    def of(cls, found: Proposal) -> BankProfileGuessRead:
        """From the proposal."""
        return cls.model_validate(found.as_document())
