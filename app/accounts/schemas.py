"""What the accounts room takes and gives over HTTP: accounts and batches of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.accounts.commands import (
    ADDRESS_LENGTHS_MAX,
    EMAIL_LENGTH_MAX,
    EMAIL_PATTERN,
    GROUPING_LENGTH_MAX,
    IDENTITY_LENGTH_MAX,
    PHONE_LENGTH_MAX,
    AccountCommand,
    AccountInvalid,
    ContactCommand,
)
from app.accounts.upsert import Upserted
from app.core.errors import DomainError, FieldError
from app.core.money import to_minor, to_text
from app.infra.http.fields import (
    Amount,
    AmountOut,
    Country,
    Currency,
    ExternalRef,
    Input,
    Name,
    Number,
    changes,
    text,
    unset,
)
from app.infra.http.problems import ProblemField

BATCH_ITEMS_LIMIT = 1_000
Status = Literal["active", "inactive", "merged"]
CreditStatus = Literal["ok", "watch", "hold", "stop"]
AccountAction = Literal["update", "activate", "deactivate", "add_contact", "add_payer_identity"]
ContactRole = Literal["accounts_payable", "dunning", "management", "legal", "sales", "other"]
Outcome = Literal["created", "updated", "unchanged", "refused"]

Email = Annotated[
    str,
    StringConstraints(pattern=EMAIL_PATTERN, max_length=EMAIL_LENGTH_MAX),
    Field(examples=["accounts.payable@brandt.example"]),
]
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$"),
    Field(description="BCP 47 language, with a region if need be", examples=["de"]),
]
TimeZone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$"),
    Field(description="IANA time zone", examples=["Europe/Berlin"]),
]
Grouping = Annotated[str, text(GROUPING_LENGTH_MAX)]
Street = Annotated[
    str,
    text(ADDRESS_LENGTHS_MAX["street"]),
    Field(description="With the number of the house, in the order of its country", examples=["Hafenstrasse 12"]),
]
AddressSupplement = Annotated[
    str, text(ADDRESS_LENGTHS_MAX["address_supplement"]), Field(description="Building, floor, care of")
]
PostalCode = Annotated[str, text(ADDRESS_LENGTHS_MAX["postal_code"])]
City = Annotated[str, text(ADDRESS_LENGTHS_MAX["city"])]
Region = Annotated[
    str, text(ADDRESS_LENGTHS_MAX["region"]), Field(description="State or province where addresses name it")
]
IdentityValue = Annotated[str, text(IDENTITY_LENGTH_MAX)]
CreditLimit = Annotated[
    Amount | None, Field(description="In the account's currency; null is unlimited, 0 blocks every order")
]


class Consents(Input):
    """Whether the person agreed to be reached on a channel; a channel left out is not known."""

    email: bool = unset()
    letter: bool = unset()
    phone: bool = unset()
    sms: bool = unset()


class ContactFields(Input):
    """A person or mailbox at the customer."""

    name: Name | None = unset()
    email: Email | None = unset()
    phone: Annotated[str, text(PHONE_LENGTH_MAX)] | None = unset()
    language: Language | None = unset()
    consents: Consents = unset()
    do_not_contact: bool = unset()


class ContactCreate(ContactFields):
    """A new contact of an account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"role": "accounts_payable", "name": "Jo Brandt", "email": "ap@brandt.example"}]
        }
    )
    role: ContactRole = "accounts_payable"

    def command(self) -> ContactCommand:
        """The plain command."""
        return contact_command(self, self.role)


def contact_command(body: ContactFields, role: str) -> ContactCommand:
    """The plain command of the fields that the body names."""
    given = changes(body)
    if "consents" in given:
        given["consents"] = changes(given["consents"])
    return ContactCommand(**{**given, "role": role})


class _AccountFields(Input):
    """What may be said of an account; what is left out stays as it is, null clears it."""

    legal_name: Name | None = unset()
    parent_id: UUID | None = unset()
    payment_terms_id: UUID | None = unset()
    language: Language | None = unset()
    time_zone: TimeZone | None = unset()
    street: Street | None = unset()
    address_supplement: AddressSupplement | None = unset()
    postal_code: PostalCode | None = unset()
    city: City | None = unset()
    region: Region | None = unset()
    country: Country | None = unset()
    segment: Grouping | None = unset()
    risk_class: Grouping | None = unset()
    collector_id: UUID | None = unset()
    credit_limit: CreditLimit = unset()


class AccountUpsert(_AccountFields):
    """An account as the system that owns it knows it. Parent, terms and collector by id, or by number, code, e-mail."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": "C-100045",
                    "name": "Brandt Maschinenbau GmbH",
                    "currency": "EUR",
                    "country": "DE",
                    "parent_number": "C-100001",
                    "payment_terms_code": "2/10 net 30",
                    "credit_limit": "50000.00",
                }
            ]
        }
    )
    number: Number
    name: Name
    currency: Currency
    parent_number: Number | None = unset()
    payment_terms_code: Number | None = unset()
    collector_email: Email | None = unset()
    credit_status: Annotated[
        CreditStatus, Field(description="What the source says: a harder one acts at once, a milder one takes it back")
    ] = unset()
    active: bool = unset()
    contact: ContactCreate = unset()
    bank_identifier: IdentityValue = unset()
    payer_name: IdentityValue = unset()

    def command(self, reference: ExternalRef | None) -> AccountCommand:
        """The plain command; amounts in minor units. Raises AmountInvalid, AccountInvalid with a pointer."""
        given = changes(self)
        for by_id, by_name in _EITHER:
            if by_id in given and by_name in given:
                raise AccountInvalid(f"give {by_id} or {by_name}, not both", pointer=f"/{by_name}")
        given.pop("external_ref", None)
        if reference is not None:
            given |= {"source": reference.source, "external_id": reference.id}
        if "contact" in given:
            given["contact"] = given["contact"].command()
        return AccountCommand(**with_limit(given, self.currency))


_EITHER = (
    ("parent_id", "parent_number"),
    ("payment_terms_id", "payment_terms_code"),
    ("collector_id", "collector_email"),
)


def with_limit(given: dict[str, Any], currency: str) -> dict[str, Any]:
    """The fields with `credit_limit` in minor units of the currency. Raises AmountInvalid."""
    if "credit_limit" in given:
        limit = given.pop("credit_limit")
        given["credit_limit_minor"] = None if limit is None else to_minor(limit, currency, pointer="/credit_limit")
    return given


class AccountCreate(AccountUpsert):
    """A new account, or one item of a batch."""

    external_ref: ExternalRef | None = unset()


class AccountUpdate(_AccountFields):
    """Fields to change; what is left out stays, null clears it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"segment": "wholesale", "credit_limit": "75000.00"}]})
    number: Number = unset()
    name: Name = unset()
    currency: Currency = unset()
    external_ref: ExternalRef = unset()

    def changes(self, currency: str) -> dict[str, Any]:
        """Fields of AccountCommand by name; `currency` is the present one. Raises AmountInvalid."""
        given = changes(self)
        reference = given.pop("external_ref", None)
        if reference is not None:
            given |= {"source": reference.source, "external_id": reference.id}
        return with_limit(given, given.get("currency", currency))


class AccountRead(BaseModel):
    """A customer account."""

    id: UUID
    number: str
    name: str
    legal_name: str | None
    external_ref: ExternalRef | None
    parent_id: UUID | None = Field(description="The account that pays for this one")
    currency: str
    payment_terms_id: UUID | None
    language: str | None
    time_zone: str | None
    street: str | None
    address_supplement: str | None
    postal_code: str | None
    city: str | None
    region: str | None
    country: str | None
    segment: str | None
    risk_class: str | None
    collector_id: UUID | None
    credit_limit: AmountOut | None = Field(description="Null is unlimited, 0 blocks")
    credit_status: CreditStatus
    status: Status
    allowed_actions: list[AccountAction]
    version: int
    created_at: datetime
    updated_at: datetime


_PLAIN = (
    "id", "number", "name", "legal_name", "parent_id", "currency", "payment_terms_id", "language", "time_zone",
    "street", "address_supplement", "postal_code", "city", "region", "country", "segment", "risk_class",
    "collector_id", "credit_status", "status", "version", "created_at",
    "updated_at",
)  # fmt: skip


def may_write(scopes: frozenset[str]) -> bool:
    """Whether a caller with these scopes may change anything in this room."""
    return "accounts:write" in scopes


def account_actions(status: str, scopes: frozenset[str]) -> list[AccountAction]:
    """What this caller may do with an account in this state."""
    if status == "merged" or not may_write(scopes):
        return []
    turn: AccountAction = "deactivate" if status == "active" else "activate"
    return ["update", turn, "add_contact", "add_payer_identity"]


def account_read(row: Mapping[str, Any], scopes: frozenset[str]) -> AccountRead:
    """From a row of `queries.account_rows`, with what this caller may do."""
    limit = row["credit_limit_minor"]
    reference = None if row["external_id"] is None else ExternalRef(source=row["source"], id=row["external_id"])
    return AccountRead(
        external_ref=reference,
        credit_limit=None if limit is None else to_text(limit, row["currency"]),
        allowed_actions=account_actions(row["status"], scopes),
        **{name: row[name] for name in _PLAIN},
    )


class AccountBatch(Input):
    """Accounts to create or bring up to date, found by their reference, else by their number."""

    items: Annotated[list[AccountCreate], Field(min_length=1, max_length=BATCH_ITEMS_LIMIT)]


class BatchProblem(BaseModel):
    """Why an item was refused; pointers are into the request."""

    code: str
    detail: str
    errors: list[ProblemField]


class BatchResult(BaseModel):
    """What became of one item."""

    index: int
    outcome: Outcome
    id: UUID | None
    problem: BatchProblem | None


class BatchResults(BaseModel):
    """One result for each item, in their order."""

    created: int
    updated: int
    unchanged: int
    refused: int
    results: list[BatchResult]


def batch_results(results: Sequence[Upserted | DomainError]) -> BatchResults:
    """The answer of a batch."""
    made = [_batch_result(index, result) for index, result in enumerate(results)]
    count = {outcome: sum(result.outcome == outcome for result in made) for outcome in _OUTCOMES}
    return BatchResults(results=made, **count)


_OUTCOMES: tuple[Outcome, ...] = ("created", "updated", "unchanged", "refused")


def _batch_result(index: int, result: Upserted | DomainError) -> BatchResult:
    if isinstance(result, DomainError):
        fields = [
            ProblemField(pointer=error.pointer, code=error.code, detail=error.detail)
            for error in item_errors(index, result)
        ]
        problem = BatchProblem(code=result.code, detail=result.detail, errors=fields)
        return BatchResult(index=index, outcome="refused", id=None, problem=problem)
    outcome: Any = result.outcome
    return BatchResult(index=index, outcome=outcome, id=result.id, problem=None)


def item_errors(index: int, refusal: DomainError) -> list[FieldError]:
    """The fields at fault of one item, with pointers into the whole batch."""
    found = refusal.errors or (FieldError("", refusal.code, refusal.detail),)
    return [FieldError(f"/items/{index}{error.pointer}", error.code, error.detail) for error in found]
