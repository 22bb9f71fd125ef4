"""What the accounts room is asked to do, as plain values; checked and brought to one form before any SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal
from uuid import UUID

from app.core.clock import zone
from app.core.errors import RuleViolation
from app.core.money import MAX_MINOR, exponent

NUMBER_LENGTH_MAX = 64
NAME_LENGTH_MAX = 200
GROUPING_LENGTH_MAX = 64
ADDRESS_LENGTHS_MAX = {"street": 140, "address_supplement": 140, "postal_code": 16, "city": 70, "region": 70}
"""The parts of a postal address besides the country, with their longest texts in characters."""
EMAIL_LENGTH_MAX = 254
PHONE_LENGTH_MAX = 64
IDENTITY_LENGTH_MAX = 200
CONTACT_ROLES = ("accounts_payable", "dunning", "management", "legal", "sales", "other")
CHANNELS = ("email", "letter", "phone", "sms")
CREDIT_STATUSES = ("ok", "watch", "hold", "stop")
# One "@" with a dotted domain of letters, digits and dashes (the HTML standard's form, plus the dot).
EMAIL_PATTERN = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$"
)
_EMAIL = re.compile(EMAIL_PATTERN, re.ASCII)
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}))?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_BLANKS = re.compile(r"[\s\u200b-\u200f\ufeff]+")


class AccountInvalid(RuleViolation):
    """A field of the account, contact or payer identity is not in the form that it must have."""

    code = "account.invalid"


class Unset(Enum):
    """The field was not given: an update leaves it as it is (None clears it)."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Given = Literal[Unset.UNSET]


@dataclass(frozen=True, slots=True)
class ContactCommand:
    """A person or mailbox at the customer."""

    role: str = "accounts_payable"
    name: str | Given | None = UNSET
    email: str | Given | None = UNSET
    phone: str | Given | None = UNSET
    language: str | Given | None = UNSET
    consents: Mapping[str, bool] | Given = UNSET
    do_not_contact: bool | Given = UNSET


@dataclass(frozen=True, slots=True)
class AccountCommand:
    """An account to be created or brought up to date. What is UNSET keeps its value, None clears it.

    Parent, payment terms and collector are named by id, or by number, code and e-mail address. The credit limit is in
    minor units of `currency`: None is unlimited, 0 blocks. `contact`, `bank_identifier` and `payer_name` are added
    to the account; none of them is ever taken away by a command without them.
    """

    number: str
    name: str
    currency: str
    source: str | None = None
    external_id: str | None = None
    legal_name: str | Given | None = UNSET
    parent_id: UUID | Given | None = UNSET
    parent_number: str | Given | None = UNSET
    payment_terms_id: UUID | Given | None = UNSET
    payment_terms_code: str | Given | None = UNSET
    language: str | Given | None = UNSET
    time_zone: str | Given | None = UNSET
    street: str | Given | None = UNSET
    address_supplement: str | Given | None = UNSET
    postal_code: str | Given | None = UNSET
    city: str | Given | None = UNSET
    region: str | Given | None = UNSET
    country: str | Given | None = UNSET
    segment: str | Given | None = UNSET
    risk_class: str | Given | None = UNSET
    collector_id: UUID | Given | None = UNSET
    collector_email: str | Given | None = UNSET
    credit_limit_minor: int | Given | None = UNSET
    credit_status: str | Given = UNSET
    active: bool | Given = UNSET
    contact: ContactCommand | None = None
    bank_identifier: str | None = None
    payer_name: str | None = None


def normalized_account(command: AccountCommand) -> AccountCommand:
    """The command in its one form: texts trimmed, empty ones None, language and country in canonical case.

    Raises AccountInvalid, CurrencyUnknown, TimeZoneUnknown, each with the pointer of the field.
    """
    exponent(command.currency)
    if (command.source is None) != (command.external_id is None):
        raise AccountInvalid("source and external id come together", pointer="/external_ref")
    if command.source is not None and not _SOURCE.fullmatch(command.source):
        raise AccountInvalid("the source is letters, digits, dots and dashes", pointer="/external_ref/source")
    limit = command.credit_limit_minor
    if isinstance(limit, int) and not 0 <= limit <= MAX_MINOR:
        raise AccountInvalid("the credit limit is zero or more, and in range", pointer="/credit_limit")
    if command.credit_status is not UNSET and command.credit_status not in CREDIT_STATUSES:
        raise AccountInvalid(f"the credit status is one of {', '.join(CREDIT_STATUSES)}", pointer="/credit_status")
    return replace(
        command,
        number=_required(command.number, NUMBER_LENGTH_MAX, "/number"),
        name=_required(command.name, NAME_LENGTH_MAX, "/name"),
        external_id=_text(command.external_id, NAME_LENGTH_MAX, "/external_ref/id"),
        legal_name=_text(command.legal_name, NAME_LENGTH_MAX, "/legal_name"),
        parent_number=_text(command.parent_number, NUMBER_LENGTH_MAX, "/parent_number"),
        payment_terms_code=_text(command.payment_terms_code, NUMBER_LENGTH_MAX, "/payment_terms_code"),
        language=canonical_language(command.language),
        time_zone=_time_zone(_text(command.time_zone, NUMBER_LENGTH_MAX, "/time_zone")),
        **{name: _text(getattr(command, name), limit, f"/{name}") for name, limit in ADDRESS_LENGTHS_MAX.items()},
        country=canonical_country(command.country),
        segment=_text(command.segment, GROUPING_LENGTH_MAX, "/segment"),
        risk_class=_text(command.risk_class, GROUPING_LENGTH_MAX, "/risk_class"),
        collector_email=_text(command.collector_email, EMAIL_LENGTH_MAX, "/collector_email"),
        contact=normalized_contact(command.contact, "/contact") if command.contact else None,
        bank_identifier=_text(command.bank_identifier, IDENTITY_LENGTH_MAX, "/bank_identifier"),
        payer_name=_text(command.payer_name, IDENTITY_LENGTH_MAX, "/payer_name"),
    )


def normalized_contact(contact: ContactCommand, at: str = "") -> ContactCommand:
    """The contact with trimmed texts. Raises AccountInvalid: role, e-mail, channel or text not in order."""
    if contact.role not in CONTACT_ROLES:
        raise AccountInvalid(f"the role is one of {', '.join(CONTACT_ROLES)}", pointer=f"{at}/role")
    email = _text(contact.email, EMAIL_LENGTH_MAX, f"{at}/email")
    if isinstance(email, str) and not _EMAIL.fullmatch(email):
        raise AccountInvalid("this is not an e-mail address", pointer=f"{at}/email")
    for channel in contact.consents if contact.consents is not UNSET else ():
        if channel not in CHANNELS:
            raise AccountInvalid(f"a channel is one of {', '.join(CHANNELS)}", pointer=f"{at}/consents")
    return replace(
        contact,
        name=_text(contact.name, NAME_LENGTH_MAX, f"{at}/name"),
        email=email,
        phone=_text(contact.phone, PHONE_LENGTH_MAX, f"{at}/phone"),
        language=canonical_language(contact.language, at),
    )


def canonical_language(value: str | Given | None, at: str = "") -> str | Given | None:
    """`de`, `pt-BR` (BCP 47: language in lower case, region in upper case). Raises AccountInvalid."""
    value = _text(value, 16, f"{at}/language")
    if not isinstance(value, str):
        return value
    match = _LANGUAGE.fullmatch(value)
    if match is None:
        raise AccountInvalid("a language is a code such as de or pt-BR", pointer=f"{at}/language")
    return match[1].lower() + (f"-{match[2].upper()}" if match[2] else "")


def canonical_country(value: str | Given | None) -> str | Given | None:
    """ISO 3166-1 alpha-2 in upper case. Raises AccountInvalid."""
    value = _text(value, 16, "/country")
    if not isinstance(value, str):
        return value
    if not _COUNTRY.fullmatch(value.upper()):
        raise AccountInvalid("a country is a code of two letters (ISO 3166-1)", pointer="/country")
    return value.upper()


def identity_text(value: str, pointer: str = "/value") -> str:
    """A payer name or bank identifier as entered, trimmed. Raises AccountInvalid."""
    return _required(value, IDENTITY_LENGTH_MAX, pointer)


def _time_zone(value: str | Given | None) -> str | Given | None:
    if isinstance(value, str):
        zone(value)
    return value


def _required(value: str, length_max: int, pointer: str) -> str:
    found = _text(value, length_max, pointer)
    if not isinstance(found, str):
        raise AccountInvalid(f"{pointer[1:]} is missing", pointer=pointer)
    return found


def _text(value: Any, length_max: int, pointer: str) -> Any:
    """One line without control characters, blanks at its ends cut off; nothing visible becomes None."""
    if not isinstance(value, str):
        return value
    found = value.strip()
    if not _BLANKS.sub("", found):
        return None
    if len(found) > length_max:
        raise AccountInvalid(f"{pointer[1:]} has more than {length_max} characters", pointer=pointer)
    if found.isprintable():  # nearly every text, and told at once
        return found
    if any(ch < " " or "\x7f" <= ch <= "\x9f" or "\ud800" <= ch <= "\udfff" for ch in found):
        raise AccountInvalid(f"{pointer[1:]} holds characters that cannot be kept", pointer=pointer)
    return found
