"""OFX bank and card statements: version 1 (SGML, leaves without end tags) and version 2 (XML), by one small reader.

Amounts are signed, money in is positive. FITID is the bank's reference, unique within the account. There is no opening
balance, so control totals cannot be checked; the ledger balance is kept as the closing one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from app.core.money import Money
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import (
    FieldRefused,
    calendar_date,
    given,
    read_account,
    read_money,
)
from app.integrations.bank_formats.finish import finish_statement
from app.integrations.bank_formats.line_text import MAX_LINE_FORMAT_BYTES, comma_money, decode, squeeze_spaces
from app.integrations.bank_formats.records import (
    Balance,
    Effect,
    Entry,
    EntryStatus,
    Exchange,
    Party,
    Problem,
    References,
    Statement,
    StatementFile,
    Transaction,
)
from app.integrations.bank_formats.source import ByteSource

MAX_ENTRIES = 250_000
_LOOKS = re.compile(r"\s*(?:OFXHEADER\s*:|(?:<\?[^>]{0,400}\?>\s*)*<OFX>)", re.IGNORECASE)
# a `<` in a text that begins no tag belongs to the text
_TOKEN = re.compile(r"<(/?)([A-Za-z0-9._]{1,64})>([^<]*(?:<(?!/?[A-Za-z0-9._]{1,64}>)[^<]*)*)", re.ASCII)
_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS"})
_PARTS = frozenset(
    {"BANKACCTFROM", "CCACCTFROM", "LEDGERBAL", "AVAILBAL", "BANKTRANLIST", "PAYEE", "CURRENCY", "ORIGCURRENCY"}
    | {"BANKACCTTO", "CCACCTTO"}
)
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{2}[0-9.]*)?(?:\[.*\])?", re.ASCII)


@dataclass(slots=True)
class _Raw:
    """A statement or a transaction: values by (part, name), the part being an inner aggregate or empty."""

    values: dict[tuple[str, str], str] = field(default_factory=dict)
    entries: list[_Raw] = field(default_factory=list)

    def get(self, name: str, part: str = "") -> str | None:
        return self.values.get((part, name))


def looks_like_ofx(head: str) -> bool:
    """Whether a text begins as OFX 1 or 2."""
    return _LOOKS.match(head) is not None


def parse_ofx(source: ByteSource, *, default_currency: str | None = None) -> StatementFile:
    """Read an OFX file; each bank or card statement response in it is a statement.

    Raises BankFileRefused when it holds none, ends early, or carries a document type.
    """
    text, problems = decode(source.read_all(max_bytes=MAX_LINE_FORMAT_BYTES))
    if _FORBIDDEN.search(text):
        raise BankFileRefused("bank_file.dtd_forbidden", "document types and entities are not accepted in bank files")
    text = _without_cdata(text)
    raws = list(_statements(text))
    if not raws:
        raise BankFileRefused("bank_file.no_statement", "the file holds no bank or card statement")
    if not text.rstrip().upper().endswith("</OFX>"):
        raise BankFileRefused("bank_file.truncated", "the file ends before </OFX>")
    return StatementFile(
        format="ofx",
        version=None,
        message_id=None,
        created_at=None,
        statements=tuple(_statement(raw, default_currency) for raw in raws),
        problems=problems,
    )


def _without_cdata(text: str) -> str:
    """The text of CDATA sections escaped like other text."""
    first, *others = text.split("<![CDATA[")
    pieces = [first]
    for other in others:
        inside, end, after = other.partition("]]>")
        pieces += [html.escape(inside, quote=False), after] if end else [other]
    return "".join(pieces)


def _statements(text: str) -> Iterator[_Raw]:
    """Walks the tags once; which inner aggregate a leaf stands in is remembered by its begin and end."""
    statement: _Raw | None = None
    entry: _Raw | None = None
    part = ""
    count = 0
    for match in _TOKEN.finditer(text):
        name = match[2].upper()
        if match[1]:
            if name in _STATEMENTS and statement is not None:
                yield statement
                statement = None
            elif name == "STMTTRN" and statement is not None and entry is not None:
                statement.entries.append(entry)
                entry = None
            elif name == part:
                part = ""
        elif name in _STATEMENTS:
            statement, entry, part = _Raw(), None, ""
        elif statement is None:
            continue
        elif name == "STMTTRN":
            count += 1
            if count > MAX_ENTRIES:
                raise BankFileRefused("bank_file.too_large", f"the file holds more than {MAX_ENTRIES} entries")
            entry, part = _Raw(), ""
        elif name in _PARTS:
            part = name
        else:
            value = squeeze_spaces(html.unescape(match[3]))
            if value:
                (entry or statement).values.setdefault((part, name), value)
    if statement is not None:
        raise BankFileRefused("bank_file.truncated", "a statement is not closed")


def _statement(raw: _Raw, default_currency: str | None) -> Statement:
    number = raw.get("ACCTID", "BANKACCTFROM") or raw.get("ACCTID", "CCACCTFROM")
    identifier, is_iban = read_account(number)
    if identifier is None:
        raise BankFileRefused("bank_file.account_missing", "a statement names no account")
    currency = raw.get("CURDEF") or default_currency
    if currency is None:
        raise BankFileRefused("bank_file.currency_missing", "a statement names no currency")
    problems: list[Problem] = []
    entries: list[Entry] = []
    refused_count = 0
    for number_in_file, item in enumerate(raw.entries, 1):
        where = f"entry {number_in_file}"
        try:
            entry = _entry(item, number_in_file, currency)
        except FieldRefused as refused:
            refused_count += 1
            problems.append(Problem(where, f"entry.{refused.code}", refused.detail, Effect.REFUSED))
        else:
            entries.append(entry)
            problems.extend(entry.problems)
    return finish_statement(
        Statement(
            statement_id=None,
            account_identifier=identifier,
            account_currency=currency,
            entries=tuple(entries),
            is_iban=is_iban,
            account_bank=raw.get("BANKID", "BANKACCTFROM"),
            from_date=_optional_date(raw.get("DTSTART", "BANKTRANLIST"), problems),
            to_date=_optional_date(raw.get("DTEND", "BANKTRANLIST"), problems),
            closing=_ledger_balance(raw, currency, problems),
            refused_entry_count=refused_count,
            problems=tuple(problems),
        ),
        default_currency=default_currency,
    )


def _ledger_balance(raw: _Raw, currency: str, problems: list[Problem]) -> Balance | None:
    text = raw.get("BALAMT", "LEDGERBAL")
    if text is None:
        return None
    try:
        money = _signed(text, currency)
        on = _date(raw.get("DTASOF", "LEDGERBAL"))
    except FieldRefused as refused:
        problems.append(Problem("balance LEDGERBAL", f"balance.{refused.code}", refused.detail))
        return None
    return Balance(money.minor, money.currency, on, "LEDGERBAL")


def _signed(text: str | None, currency: str) -> Money:
    """A signed amount; point or comma is the decimal sign. Raises FieldRefused."""
    plain = (text or "").strip()
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    if digits[:1].isdigit():
        found = comma_money(digits, currency)
        return Money(-found.minor if plain.startswith("-") else found.minor, found.currency)
    return read_money(plain.replace(",", "."), currency)


def _optional_date(text: str | None, problems: list[Problem]) -> date | None:
    try:
        return _date(text)
    except FieldRefused as refused:
        problems.append(Problem("statement", "statement.date_invalid", refused.detail))
        return None


def _date(text: str | None) -> date | None:
    """The day of an OFX date-time as written; its time zone is the bank's own."""
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    if match is None:
        raise FieldRefused("date_invalid", f"{text[:40]!r} is not a date")
    return calendar_date(int(match[1]), int(match[2]), int(match[3]))


def _entry(raw: _Raw, number: int, account_currency: str) -> Entry:
    where = f"entry {number}"
    # CURRENCY says that the amount is in another currency, ORIGCURRENCY only where it came from
    currency = raw.get("CURSYM", "CURRENCY") or account_currency
    signed = _signed(raw.get("TRNAMT"), currency)
    is_credit = signed.minor >= 0
    problems = list(_problems(raw, is_credit, where))
    dates: list[date | None] = []
    for name in ("DTPOSTED", "DTAVAIL"):
        try:
            dates.append(_date(raw.get(name)))
        except FieldRefused as refused:
            dates.append(None)
            problems.append(Problem(where, "entry.date_invalid", f"{name}: {refused.detail}"))
    if dates == [None, None]:
        detail = "neither booking nor value date; kept for a person"
        problems.append(Problem(where, "entry.date_missing", detail, Effect.HELD))
    amount = Money(abs(signed.minor), signed.currency)
    return Entry(
        ordinal=number,
        amount_minor=amount.minor,
        currency=amount.currency,
        is_credit=is_credit,
        status=EntryStatus.BOOKED,
        booking_date=dates[0],
        value_date=dates[1],
        transactions=(_transaction(raw, amount, is_credit, account_currency),),
        bank_reference=given(raw.get("FITID")),
        entry_reference=given(raw.get("REFNUM")),
        proprietary_code=raw.get("TRNTYPE"),
        problems=tuple(problems),
    )


def _problems(raw: _Raw, is_credit: bool, where: str) -> Iterator[Problem]:
    if {"DEBIT": False, "CREDIT": True}.get(raw.get("TRNTYPE") or "", is_credit) is not is_credit:
        detail = f"type {raw.get('TRNTYPE')} against the sign of the amount; kept for a person"
        yield Problem(where, "entry.direction_differs", detail, Effect.HELD)
    if raw.get("CORRECTFITID") is not None:
        detail = f"corrects the entry {raw.get('CORRECTFITID')}; kept for a person"
        yield Problem(where, "entry.correction", detail, Effect.HELD)


def _transaction(raw: _Raw, amount: Money, is_credit: bool, account_currency: str) -> Transaction:
    name = raw.get("NAME") or raw.get("NAME", "PAYEE")
    account, is_iban = read_account(raw.get("ACCTID", "BANKACCTTO"))
    party = Party(name=name, account=account, is_iban=is_iban, bank=raw.get("BANKID", "BANKACCTTO"))
    memo = raw.get("MEMO") or name
    other = [("reference_number", given(raw.get("REFNUM"))), ("server_id", given(raw.get("SRVRTID")))]
    return Transaction(
        ordinal=1,
        amount_minor=amount.minor,
        currency=amount.currency,
        is_credit=is_credit,
        is_whole_entry=True,
        references=References(
            cheque_number=given(raw.get("CHECKNUM")),
            other=tuple((key, value) for key, value in other if value is not None),
        ),
        payer=party if is_credit else Party(),
        payee=Party() if is_credit else party,
        unstructured=(memo,) if memo else (),
        exchange=_exchange(raw, account_currency),
    )


def _exchange(raw: _Raw, account_currency: str) -> Exchange | None:
    for part in ("ORIGCURRENCY", "CURRENCY"):
        symbol, text = raw.get("CURSYM", part), raw.get("CURRATE", part)
        if symbol is None:
            continue
        try:
            rate = Decimal(text.replace(",", ".")) if text else None
        except InvalidOperation:
            rate = None
        return Exchange(rate if rate is not None and rate.is_finite() else None, symbol, account_currency, None)
    return None
