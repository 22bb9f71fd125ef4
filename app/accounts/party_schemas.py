"""What goes in and out over HTTP: contacts, payer identities, payment terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.accounts.commands import ContactCommand
from app.accounts.rules import (
    MAX_DISCOUNT_TIERS,
    MAX_INSTALMENTS,
    MAX_MONTHS_AFTER,
    MAX_NET_DAYS,
    DiscountTier,
    InstalmentShare,
    PaymentTerms,
    PaymentTermsInvalid,
)
from app.accounts.schemas import ContactFields, ContactRole, IdentityValue, contact_command, may_write
from app.accounts.terms_notation import MAX_TEXT_LENGTH, describe_terms, parse_terms_text, terms_from_json, terms_text
from app.core.errors import FieldError
from app.infra.http.fields import Input, Name, Number, changes, unset

IdentityKind = Literal["bank_identifier", "payer_name", "vat_id", "electronic_address", "registered_id"]
IdentityOrigin = Literal["entered", "learned"]
Percent = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]?|100)(\.[0-9]{1,2})?$"),
    Field(description="Percent, with up to two decimals", examples=["2"]),
]
TermsText = Annotated[
    str,
    StringConstraints(pattern=r"^[\x20-\x7e]{1,400}$", max_length=MAX_TEXT_LENGTH),
    Field(
        description="The terms as people write them: '2/10 net 30', 'net 30 EOM', '30 days then end of month', "
        "'10th of following month', '30% net 0, 70% net 60'",
        examples=["2/10 net 30"],
    ),
]


class ContactUpdate(ContactFields):
    """Fields to change; what is left out stays, null clears it. Consents are changed channel by channel."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"phone": "+49 30 123456"}]})
    role: ContactRole = unset()

    def command(self, present_role: str) -> ContactCommand:
        """The plain command."""
        return contact_command(self, changes(self).get("role", present_role))


class ConsentsRead(BaseModel):
    """Whether the person agreed to be reached on a channel; null is not known."""

    email: bool | None = None
    letter: bool | None = None
    phone: bool | None = None
    sms: bool | None = None


class ContactRead(BaseModel):
    """A person or mailbox at the customer."""

    id: UUID
    account_id: UUID
    role: ContactRole
    name: str | None
    email: str | None
    phone: str | None
    language: str | None
    consents: ConsentsRead
    do_not_contact: bool
    allowed_actions: list[Literal["update", "erase"]]
    version: int
    created_at: datetime
    updated_at: datetime


def contact_read(row: Mapping[str, Any], scopes: frozenset[str]) -> ContactRead:
    """From a row of `contacts`, with what this caller may do."""
    actions: list[Any] = ["update", "erase"] if may_write(scopes) else []
    plain = {name: row[name] for name in ContactRead.model_fields if name not in ("consents", "allowed_actions")}
    return ContactRead(**plain, consents=ConsentsRead(**row["consents"]), allowed_actions=actions)


class PayerIdentityCreate(Input):
    """A bank identifier or payer name that stands for the account."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "bank_identifier", "value": "DE89 3704 0044 0532 0130 00"}]}
    )
    kind: IdentityKind
    value: IdentityValue


class PayerIdentityRead(BaseModel):
    """A bank identifier or payer name that stands for the account: entered by a person or learned from money."""

    id: UUID
    account_id: UUID
    kind: IdentityKind
    value: str
    normalized_value: str = Field(description="The form that is compared")
    origin: IdentityOrigin
    confirmations: int = Field(description="How often money under this identity was applied to the account")
    active: bool
    allowed_actions: list[Literal["deactivate"]]
    version: int
    created_at: datetime
    updated_at: datetime


def identity_read(row: Mapping[str, Any], scopes: frozenset[str]) -> PayerIdentityRead:
    """From a row of `payer_identities`, with what this caller may do."""
    plain = {name: row[name] for name in PayerIdentityRead.model_fields if name != "allowed_actions"}
    return PayerIdentityRead(**plain, allowed_actions=["deactivate"] if row["active"] and may_write(scopes) else [])


class DiscountTierBody(Input):
    """`percent` off when paid within `days` days."""

    percent: Percent
    days: Annotated[int, Field(ge=0, le=MAX_NET_DAYS)]


class InstalmentShareBody(Input):
    """`percent` of the amount, due after `net_days` days."""

    percent: Percent
    net_days: Annotated[int, Field(ge=0, le=MAX_NET_DAYS)]


class TermsDefinition(Input):
    """When an invoice falls due and which discount it earns, field by field.

    The due date, in this order: the invoice date, or the end of its month with `days_from_month_end`; plus `net_days`
    (or those of each instalment); plus `months_after`; then the end of that month with `end_of_month`, or its
    `day_of_month`.
    """

    net_days: Annotated[int, Field(ge=0, le=MAX_NET_DAYS)] = 0
    end_of_month: bool = False
    days_from_month_end: bool = False
    months_after: Annotated[int, Field(ge=0, le=MAX_MONTHS_AFTER)] = 0
    day_of_month: Annotated[int, Field(ge=1, le=31)] | None = None
    discounts: Annotated[list[DiscountTierBody], Field(max_length=MAX_DISCOUNT_TIERS)] = []
    instalments: Annotated[list[InstalmentShareBody], Field(max_length=MAX_INSTALMENTS)] = []

    def terms(self, code: str) -> PaymentTerms:
        """The plain terms. Raises PaymentTermsInvalid with pointers into `definition`."""
        try:
            return PaymentTerms(
                code=code,
                net_days=self.net_days,
                end_of_month=self.end_of_month,
                days_from_month_end=self.days_from_month_end,
                months_after=self.months_after,
                day_of_month=self.day_of_month,
                discounts=tuple(DiscountTier(_basis_points(tier.percent), tier.days) for tier in self.discounts),
                instalments=tuple(InstalmentShare(_basis_points(p.percent), p.net_days) for p in self.instalments),
            )
        except PaymentTermsInvalid as refusal:
            within = tuple(
                FieldError(e.pointer if e.pointer == "/code" else f"/definition{e.pointer}", e.code, e.detail)
                for e in refusal.errors
            )
            raise type(refusal)(refusal.detail, errors=within) from None


def _basis_points(percent: str) -> int:
    whole, _, part = percent.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _percent(basis_points: int) -> str:
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") if part else str(whole)


def terms_of(code: str, written: str | None, definition: TermsDefinition | None) -> PaymentTerms | None:
    """The terms from one of the two forms, or None without either. Raises PaymentTermsInvalid."""
    if written is not None and definition is not None:
        raise PaymentTermsInvalid("give the terms as a text or as a definition, not both", pointer="/definition")
    if written is not None:
        return replace(parse_terms_text(written), code=code)
    return definition.terms(code) if definition is not None else None


class PaymentTermsCreate(Input):
    """Terms under a code, given either as a text or as a definition."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "2-10-N30", "terms": "2/10 net 30"}]})
    code: Number
    name: Name | None = None
    terms: TermsText | None = None
    definition: TermsDefinition | None = None


class PaymentTermsUpdate(Input):
    """Fields to change; what is left out stays. Documents issued before keep their due dates."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"terms": "2/14 net 30"}]})
    name: Name = unset()
    terms: TermsText = unset()
    definition: TermsDefinition = unset()
    active: bool = unset()


class PaymentTermsRead(BaseModel):
    """Agreed payment terms."""

    id: UUID
    code: str
    name: str
    terms: str = Field(description="The terms in their short form")
    description: str = Field(description="The terms in one English sentence")
    definition: TermsDefinition
    active: bool
    allowed_actions: list[Literal["update"]]
    version: int
    created_at: datetime
    updated_at: datetime


def terms_read(row: Mapping[str, Any], scopes: frozenset[str]) -> PaymentTermsRead:
    """From a row of `payment_terms`, with what this caller may do."""
    terms = terms_from_json(row["code"], row["definition"])
    definition = TermsDefinition(
        net_days=terms.net_days,
        end_of_month=terms.end_of_month,
        days_from_month_end=terms.days_from_month_end,
        months_after=terms.months_after,
        day_of_month=terms.day_of_month,
        discounts=[DiscountTierBody(percent=_percent(tier.percent_bp), days=tier.days) for tier in terms.discounts],
        instalments=[
            InstalmentShareBody(percent=_percent(part.share_bp), net_days=part.net_days) for part in terms.instalments
        ],
    )
    plain = {name: row[name] for name in ("id", "code", "name", "active", "version", "created_at", "updated_at")}
    return PaymentTermsRead(
        **plain,
        terms=terms_text(terms),
        description=describe_terms(terms),
        definition=definition,
        allowed_actions=["update"] if may_write(scopes) else [],
    )
