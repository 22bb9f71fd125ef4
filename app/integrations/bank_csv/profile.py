"""A profile: how a bank (or a payment service) writes its statements as CSV. Pure.

It says how texts, numbers and dates are written, which column is what, and which way money goes. Nothing is guessed
while a file is read: what the profile does not say is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import FieldError, RuleViolation
from app.core.money import CURRENCIES
from app.integrations.import_mapping import TextFormat, read_format

TEXT_LENGTH_MAX = 200
TEXTS_MAX = 100
COLUMNS_MAX = 20
HEADER_ROW_MAX = 200
FIELDS = (
    "booking_date", "value_date", "amount", "debit", "credit", "indicator", "currency", "balance", "fee", "account",
    "text", "type", "counterparty_name", "counterparty_account", "counterparty_bank", "ultimate_name",
    "bank_reference", "end_to_end_id", "payment_reference", "mandate_id", "cheque_number", "original_reference",
)  # fmt: skip
"""What a column can be. `text` may be several columns; `payment_reference` is a structured reference (RF, QR …)."""
MANY = frozenset({"text"})
SIGNED, TWO_COLUMNS, INDICATOR, SUFFIX = "signed", "two_columns", "indicator", "suffix"
_NEEDED = {
    SIGNED: ("amount",), TWO_COLUMNS: ("debit", "credit"), INDICATOR: ("amount", "indicator"), SUFFIX: ("amount",),
}  # fmt: skip
_SECTIONS = (
    "kind", "title", "about", "format", "header_row", "columns", "optional", "other_headers", "sign", "fee_sign",
    "currency", "account", "account_label", "skip", "pending", "reversals", "footer", "balance_breaks",
)  # fmt: skip
Fault = Callable[[str, str], None]


class ProfileInvalid(RuleViolation):
    """The profile of a bank names unknown parts, lacks needed ones, or contradicts itself."""

    code = "bank_profile.invalid"


@dataclass(frozen=True, slots=True)
class Sign:
    """Which way money goes.

    `signed`: one column, positive is money in (or out, `positive_is` debit). `two_columns`: debit and credit, of which
    the debits may be written as negative. `indicator`: a column of words beside an amount without sign. `suffix`: the
    same words behind the amount in its own cell.
    """

    kind: str = SIGNED
    positive_is_credit: bool = True
    debit_is_negative: bool = False
    credit: frozenset[str] = frozenset()
    debit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as it is used. `columns`: headers by field; with `header_row` 0 they are numbers from 1.

    `skip`, `pending`, `reversals`: rows whose column has one of these texts are left out, not booked yet, or take
    money back. `footer`: a line that begins so ends the statement. `account_label`: what stands before the account
    above the header. `fee_positive`: a fee is written without a sign although it is taken off.
    """

    form: TextFormat
    columns: Mapping[str, tuple[str, ...]]
    sign: Sign
    header_row: int | None = None
    optional: frozenset[str] = frozenset()
    other_headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    currency: str | None = None
    account: str | None = None
    account_label: str | None = None
    skip: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pending: Mapping[str, frozenset[str]] = field(default_factory=dict)
    reversals: Mapping[str, frozenset[str]] = field(default_factory=dict)
    footer: tuple[str, ...] = ()
    fee_positive: bool = True
    breaks_refused: bool = True

    def header_of(self, name: str) -> str | None:
        """The header of a field that has one column, or None."""
        return next(iter(self.columns.get(name, ())), None)


def read_profile(content: Mapping[str, Any]) -> Profile:
    """The profile of a JSON object. Raises ProfileInvalid, naming every part at fault by its pointer."""
    faults: list[FieldError] = []

    def fault(pointer: str, detail: str) -> None:
        faults.append(FieldError(pointer, ProfileInvalid.code, detail))

    for name in sorted(set(content) - set(_SECTIONS)):
        fault(f"/{name[:64]}", f"a profile has {', '.join(_SECTIONS)}")
    columns = _columns(content.get("columns"), fault)
    sign = _sign(content.get("sign"), fault)
    _check_columns(columns, sign, fault)
    header_row = _header_row(content.get("header_row"), columns, fault)
    currency = content.get("currency")
    if currency is not None and currency not in CURRENCIES:
        fault("/currency", "this must be a currency of ISO 4217")
    optional = _texts(content.get("optional"), "/optional", fault)
    for name in sorted(optional - set(FIELDS)):
        fault("/optional", f"{name[:40]!r} is not a field; fields are {', '.join(FIELDS)}")
    profile = Profile(
        form=read_format(content.get("format"), fault),
        columns=columns,
        sign=sign,
        header_row=header_row,
        optional=optional,
        other_headers={
            header: tuple(sorted(texts))
            for header, texts in _tables(content.get("other_headers"), "/other_headers", fault).items()
        },
        currency=currency if isinstance(currency, str) else None,
        account=_line(content.get("account"), "/account", fault),
        account_label=_line(content.get("account_label"), "/account_label", fault),
        skip=_tables(content.get("skip"), "/skip", fault),
        pending=_tables(content.get("pending"), "/pending", fault),
        reversals=_tables(content.get("reversals"), "/reversals", fault),
        footer=tuple(sorted(_texts(content.get("footer"), "/footer", fault))),
        fee_positive=_choice(content, "fee_sign", ("positive", "negative"), fault) == "positive",
        breaks_refused=_choice(content, "balance_breaks", ("refuse", "note"), fault) == "refuse",
    )
    if faults:
        raise ProfileInvalid("the profile is refused; see errors", errors=tuple(faults[:100]))
    return profile


def _columns(found: Any, fault: Fault) -> dict[str, tuple[str, ...]]:
    made: dict[str, tuple[str, ...]] = {}
    for name, titles in _object(found, "/columns", fault).items():
        pointer = f"/columns/{name[:64]}"
        if name not in FIELDS:
            fault(pointer, f"{name[:40]!r} is not a field; fields are {', '.join(FIELDS)}")
            continue
        given = [titles] if isinstance(titles, str) else titles
        if not isinstance(given, list) or not 1 <= len(given) <= (COLUMNS_MAX if name in MANY else 1):
            fault(pointer, "the header of the column" + (", or a list of headers" if name in MANY else ""))
        elif all(_is_line(title) for title in given):
            made[name] = tuple(title.strip() for title in given)
        else:
            fault(pointer, f"a header is one line of text, up to {TEXT_LENGTH_MAX} characters")
    return made


def _check_columns(columns: Mapping[str, tuple[str, ...]], sign: Sign, fault: Fault) -> None:
    for name in _NEEDED[sign.kind]:
        if name not in columns:
            fault("/columns", f"{name} is needed where the sign is {sign.kind}")
    for name in {"amount", "debit", "credit", "indicator"} - set(_NEEDED[sign.kind]):
        if name in columns:
            fault(f"/columns/{name}", f"this has no meaning where the sign is {sign.kind}")
    if not {"booking_date", "value_date"} & columns.keys():
        fault("/columns", "booking_date or value_date is needed")
    taken = [title for name, titles in columns.items() if name not in MANY for title in titles]
    for title in sorted({title for title in taken if taken.count(title) > 1}):
        if title != columns.get("booking_date", ("",))[0] or title != columns.get("value_date", ("",))[0]:
            fault("/columns", f"{title[:60]!r} is named for two fields")


def _header_row(found: Any, columns: Mapping[str, tuple[str, ...]], fault: Fault) -> int | None:
    """The line of the headers; None: it is looked for; 0: there is none, and headers are numbers."""
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= HEADER_ROW_MAX:
        fault("/header_row", f"the line of the headers, 1 to {HEADER_ROW_MAX}; 0 where there are none")
        return None
    if found == 0 and not all(title.isdecimal() for titles in columns.values() for title in titles):
        fault("/columns", "without a header line columns are numbers, such as 1")
    return found


def _sign(found: Any, fault: Fault) -> Sign:
    given = dict(_object(found, "/sign", fault))
    kind = given.pop("kind", SIGNED)
    if kind not in _NEEDED:
        fault("/sign/kind", f"one of {', '.join(_NEEDED)}")
        kind = SIGNED
    positive = given.pop("positive_is", "credit")
    if positive not in ("credit", "debit"):
        fault("/sign/positive_is", "credit (money in) or debit (money out)")
    negative = given.pop("debit_is", "positive")
    if negative not in ("positive", "negative"):
        fault("/sign/debit_is", "positive or negative: how debits are written in their column")
    credit = _texts(given.pop("credit", None), "/sign/credit", fault)
    debit = _texts(given.pop("debit", None), "/sign/debit", fault)
    for name in given:
        fault(f"/sign/{name[:64]}", "a sign has kind, positive_is, debit_is, credit and debit")
    words = {word.casefold() for word in credit}, {word.casefold() for word in debit}
    if kind in (INDICATOR, SUFFIX) and not all(words):
        fault("/sign", f"{kind} needs the texts for credit and for debit")
    if words[0] & words[1]:
        fault("/sign", "a text is credit or debit, not both")
    return Sign(kind, positive == "credit", negative == "negative", frozenset(words[0]), frozenset(words[1]))


def _object(found: Any, pointer: str, fault: Fault) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        fault(pointer, "this must be an object")
        return {}
    return found


def _tables(found: Any, pointer: str, fault: Fault) -> dict[str, frozenset[str]]:
    """Lists of texts by header."""
    given = _object(found, pointer, fault)
    if len(given) > COLUMNS_MAX or not all(_is_line(header) for header in given):
        fault(pointer, f"at most {COLUMNS_MAX} headers, each one line of text")
        return {}
    return {header.strip(): _texts(texts, f"{pointer}/{header}", fault) for header, texts in given.items()}


def _texts(found: Any, pointer: str, fault: Fault) -> frozenset[str]:
    if found is None:
        return frozenset()
    if not isinstance(found, list) or len(found) > TEXTS_MAX or not all(_is_line(text) for text in found):
        fault(pointer, f"a list of up to {TEXTS_MAX} texts, each one line of up to {TEXT_LENGTH_MAX} characters")
        return frozenset()
    return frozenset(text.strip() for text in found)


def _line(found: Any, pointer: str, fault: Fault) -> str | None:
    if found is None:
        return None
    if not _is_line(found):
        fault(pointer, f"one line of text, up to {TEXT_LENGTH_MAX} characters")
        return None
    return str(found).strip()


def _choice(content: Mapping[str, Any], name: str, choices: tuple[str, ...], fault: Fault) -> str:
    """One of the choices, the first when nothing is said."""
    found = content.get(name, choices[0])
    if found not in choices:
        fault(f"/{name}", f"one of {', '.join(choices)}")
        return choices[0]
    return str(found)


def _is_line(found: Any) -> bool:
    return isinstance(found, str) and bool(found.strip()) and len(found) <= TEXT_LENGTH_MAX and found.isprintable()
