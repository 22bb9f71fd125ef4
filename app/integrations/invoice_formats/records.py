"""What an electronic invoice says, in one shape for both syntaxes. Pure; amounts are minor units, as signed there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Syntax(StrEnum):
    """UBL 2.1 (Peppol BIS, XRechnung) or UN/CEFACT CII (Factur-X, ZUGFeRD, XRechnung)."""

    UBL = "ubl"
    CII = "cii"


@dataclass(frozen=True, slots=True)
class EParty:
    """Seller or buyer. `path` is where it stands. Identifiers are `scheme:value`, the bare value without a scheme."""

    path: str
    name: str | None = None
    trading_name: str | None = None
    customer_numbers: tuple[str, ...] = ()
    vat_ids: tuple[str, ...] = ()
    electronic_addresses: tuple[str, ...] = ()
    registered_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EInstalment:
    """A part of the amount that falls due on a day of its own; None: the amount is not said."""

    path: str
    due_date: date
    amount_minor: int | None


@dataclass(frozen=True, slots=True)
class EDiscount:
    """So much percent off when paid within so many days of the invoice date.

    `base_minor`: of this amount instead of the whole; None: of the whole.
    """

    percent: Decimal
    days: int
    base_minor: int | None = None


@dataclass(frozen=True, slots=True)
class ELine:
    """A line, as information."""

    description: str
    net_minor: int
    quantity: Decimal | None


@dataclass(frozen=True, slots=True)
class EInvoice:
    """One invoice or credit note. `gross_minor` is what the buyer owes for it, prepaid or not: with tax and rounding.

    `payable_minor` = `gross_minor` - `prepaid_minor`.
    """

    syntax: Syntax
    profile: str
    type_code: str
    is_credit: bool
    number: str
    issue_date: date
    currency: str
    gross_minor: int
    tax_minor: int
    prepaid_minor: int
    payable_minor: int
    seller: EParty
    buyer: EParty
    amount_path: str
    due_date: date | None = None
    instalments: tuple[EInstalment, ...] = ()
    discounts: tuple[EDiscount, ...] = ()
    purchase_order: str | None = None
    delivery_reference: str | None = None
    contract_reference: str | None = None
    buyer_reference: str | None = None
    payment_reference: str | None = None
    preceding: tuple[str, ...] = ()
    payee_accounts: tuple[str, ...] = ()
    lines: tuple[ELine, ...] = ()
    notes: tuple[str, ...] = ()
