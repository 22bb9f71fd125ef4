"""BAI2 balance reporting (Cash Management Balance Reporting Specifications, version 2; X9.121 keeps its records).

01 file, 02 group (bank, as-of date, currency), 03 account with summaries, 16 transaction, 88 continuation, 49, 98 and
99 trailers with totals. Amounts are integers in the minor unit of the currency. The direction of a 16 comes from its
type code alone: 100 to 399 and 920 to 959 are credits, 400 to 699 and 960 to 999 debits; anything else is refused.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from app.core.errors import RuleViolation
from app.core.money import MAX_MINOR, exponent
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import FieldRefused, calendar_date, given, read_account
from app.integrations.bank_formats.finish import finish_statement
from app.integrations.bank_formats.line_text import (
    MAX_LINE_FORMAT_BYTES,
    MAX_RECORD_CHARACTERS,
    Growing,
    decode,
    squeeze_spaces,
)
from app.integrations.bank_formats.records import (
    Balance,
    Effect,
    Entry,
    EntryStatus,
    Problem,
    References,
    ReturnInformation,
    Statement,
    StatementFile,
    Transaction,
)
from app.integrations.bank_formats.source import ByteSource

MAX_RECORDS = 500_000
DEFAULT_CURRENCY = "USD"  # of the format, where neither account nor group names one
_LOOKS = re.compile(r"\s*01,[^,\n]*,[^,\n]*,[0-9]{6},")
# some senders run records together on one line, behind the slash that ends a record
_RUN_TOGETHER = re.compile(
    r"/[ \t]+(?=(?:02,[^,\n]{0,80},[^,\n]{0,80},[1-4],|03,[^,\n]{1,80},|16,[0-9]{3},"
    r"|49,[+-]?[0-9]|98,[+-]?[0-9]|99,[+-]?[0-9]|88,))"
)
_RECORD = re.compile(r"(01|02|03|16|49|88|98|99),(.*)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_NON_MONETARY = "890"
_REVERSALS = frozenset({"252", "258", "552", "558"})
_RETURNS = frozenset({"255", "257", "555", "557"})
_GROUP_STATUS = {"2": "deletes what was sent before", "4": "is a test"}
_OPENING, _CLOSING = "010", "015"


def looks_like_bai2(head: str) -> bool:
    """Whether a text begins with a BAI2 file header."""
    return _LOOKS.match(head) is not None


@dataclass(slots=True)
class _Record:
    code: str
    lines: list[Growing]  # the record and its 88 records, each with lines broken off it
    length: int = 0

    @property
    def content(self) -> str:
        return " ".join(self.lines[0].lines)

    @property
    def more(self) -> list[str]:
        return [" ".join(line.lines) for line in self.lines[1:]]

    def continue_with(self, text: str) -> None:
        self.length += len(text) + 1
        if self.length > MAX_RECORD_CHARACTERS:
            raise BankFileRefused(
                "bank_file.text_too_long", f"one record is longer than {MAX_RECORD_CHARACTERS} characters"
            )
        self.lines.append(Growing(text))


@dataclass(slots=True)
class _Group:
    status: str
    as_of: date
    currency: str | None
    bank: str | None


@dataclass(slots=True)
class _Account:
    group: _Group
    header: _Record
    transactions: list[_Record] = field(default_factory=list)


class _Fields:
    """The comma-separated fields of a record, running on into its continuations."""

    def __init__(self, record: _Record) -> None:
        self._values = deque(record.content.split(","))
        self._more = deque(record.more)

    def next(self) -> str:
        """The next field, empty past the end."""
        while not self._values and self._more:
            self._values = deque(self._more.popleft().split(","))
        return self._values.popleft().strip() if self._values else ""

    @property
    def is_done(self) -> bool:
        return not self._values and not self._more

    def rest(self) -> tuple[str, ...]:
        """What is left, as lines of text."""
        lines = [",".join(self._values), *self._more]
        return tuple(filter(None, map(squeeze_spaces, lines)))


def parse_bai2(source: ByteSource, *, default_currency: str | None = None) -> StatementFile:
    """Read a BAI2 file; each account of each group is a statement of its as-of date.

    Raises BankFileRefused when the file is no BAI2, or ends before its trailer.
    """
    text, problems = decode(source.read_all(max_bytes=MAX_LINE_FORMAT_BYTES))
    records = list(_records(text))
    if not records or records[0].code != "01":
        raise BankFileRefused("bank_file.malformed", "a BAI2 file begins with a record 01")
    if records[-1].code != "99":
        raise BankFileRefused("bank_file.truncated", "the file ends before its trailer (record 99)")
    header = records[0].content.split(",")
    statements = tuple(_statement(account, trailer, default_currency) for account, trailer in _accounts(records))
    if not statements:
        raise BankFileRefused("bank_file.no_statement", "the file holds no account")
    return StatementFile(
        format="bai2",
        version=None,
        message_id=given(header[4]) if len(header) > 4 else None,
        created_at=" ".join(header[2:4]) or None,
        statements=statements,
        problems=problems,
    )


def _records(text: str) -> Iterator[_Record]:
    current: _Record | None = None
    count = 0
    for line in _RUN_TOGETHER.sub("/\n", text).split("\n"):
        match = _RECORD.match(line.lstrip())
        if match is None:
            # a text that was broken without a continuation record
            if current is not None and line.strip():
                current.lines[-1].add(_bare(line))
            continue
        count += 1
        if count > MAX_RECORDS:
            raise BankFileRefused("bank_file.too_large", f"the file holds more than {MAX_RECORDS} records")
        if match[1] == "88":
            if current is None:
                raise BankFileRefused("bank_file.malformed", "a continuation (record 88) continues nothing")
            current.continue_with(_bare(match[2]))
            continue
        if current is not None:
            yield current
        current = _Record(match[1], [Growing(_bare(match[2]))])
    if current is not None:
        yield current


def _bare(text: str) -> str:
    """Without the slash that ends the record and the padding behind it."""
    text = text.rstrip()
    return text[:-1] if text.endswith("/") else text


def _accounts(records: list[_Record]) -> Iterator[tuple[_Account, _Record]]:
    group: _Group | None = None
    account: _Account | None = None
    for record in records:
        if record.code == "02":
            group = _group(record)
        elif record.code == "03":
            if group is None or account is not None:
                raise BankFileRefused("bank_file.malformed", "an account (record 03) stands at the wrong place")
            account = _Account(group, record)
        elif record.code == "16":
            if account is None:
                raise BankFileRefused("bank_file.malformed", "a transaction (record 16) belongs to no account")
            account.transactions.append(record)
        elif record.code == "49":
            if account is None:
                raise BankFileRefused("bank_file.malformed", "an account trailer (record 49) ends nothing")
            yield account, record
            account = None
        elif account is not None:
            raise BankFileRefused("bank_file.truncated", "an account ends before its trailer (record 49)")


def _group(record: _Record) -> _Group:
    fields = _Fields(record)
    _receiver, bank, status, as_of, _time, currency = (fields.next() for _ in range(6))
    try:
        day = _short_date(as_of)
    except FieldRefused as refused:
        raise BankFileRefused("bank_file.malformed", f"a group has no as-of date: {refused.detail}") from None
    return _Group(status, day, currency or None, given(bank))


def _statement(account: _Account, trailer: _Record, default_currency: str | None) -> Statement:
    fields = _Fields(account.header)
    identifier, is_iban = read_account(fields.next())
    if identifier is None:
        raise BankFileRefused("bank_file.account_missing", "an account (record 03) has no number")
    problems: list[Problem] = []
    named = fields.next() or account.group.currency or default_currency
    currency = named or DEFAULT_CURRENCY
    if named is None:
        detail = f"no currency is named; the format means {DEFAULT_CURRENCY}"
        problems.append(Problem("statement", "statement.currency_assumed", detail))
    try:
        exponent(currency)
    except RuleViolation as error:
        raise BankFileRefused("bank_file.currency_missing", error.detail) from None
    balances, checksum = _summaries(fields, currency, account.group.as_of, problems)
    status = EntryStatus.BOOKED
    if account.group.status in _GROUP_STATUS:
        status = EntryStatus.INFO
        detail = f"the group {_GROUP_STATUS[account.group.status]}; its entries are shown, not counted"
        problems.append(Problem("statement", "statement.group_not_counted", detail))
    entries: list[Entry] = []
    refused_count = 0
    for number, record in enumerate(account.transactions, 1):
        checksum += _whole(record.content.split(",")[1:2])
        try:
            entry = _entry(record, number, currency, account.group.as_of, status)
        except FieldRefused as refused:
            refused_count += 1
            problems.append(Problem(f"entry {number}", f"entry.{refused.code}", refused.detail, Effect.REFUSED))
        else:
            entries.append(entry)
            problems.extend(entry.problems)
    stated = _whole(trailer.content.split(",")[:1])
    if stated != checksum:
        detail = f"the account trailer states {stated}, its amounts sum to {checksum}"
        problems.append(Problem("statement", "statement.trailer_differs", detail))
    as_of = account.group.as_of
    return finish_statement(
        Statement(
            statement_id=as_of.isoformat(),
            account_identifier=identifier,
            account_currency=currency,
            entries=tuple(entries),
            is_iban=is_iban,
            account_bank=account.group.bank,
            from_date=as_of,
            to_date=as_of,
            opening=balances.get(_OPENING),
            closing=balances.get(_CLOSING),
            refused_entry_count=refused_count,
            problems=tuple(problems),
        ),
        default_currency=default_currency,
    )


def _whole(values: list[str]) -> int:
    return int(values[0]) if values and _INTEGER.fullmatch(values[0].strip()) else 0


def _summaries(fields: _Fields, currency: str, as_of: date, problems: list[Problem]) -> tuple[dict[str, Balance], int]:
    """The balances among the summaries, and the sum of all summary amounts (the trailer counts them)."""
    balances: dict[str, Balance] = {}
    total = 0
    while not fields.is_done:
        code = fields.next()
        if not code:
            continue  # an empty field before the end of a record
        amount = fields.next()
        fields.next()  # item count
        try:
            _funds(fields, fields.next())
            minor = _amount(amount, signed=True) if amount else 0
        except FieldRefused as refused:
            problems.append(Problem(f"summary {code}", f"summary.{refused.code}", refused.detail))
            break  # what follows cannot be told apart any more
        total += minor
        if amount:
            balances.setdefault(code, Balance(minor, currency, as_of, code))
    return balances, total


def _amount(text: str, *, signed: bool) -> int:
    if not _INTEGER.fullmatch(text) or (not signed and not text[0].isdigit()):
        raise FieldRefused("amount_invalid", f"{text[:40]!r} is not an amount in minor units")
    minor = int(text)
    if abs(minor) > MAX_MINOR:
        raise FieldRefused("amount_invalid", "the amount is out of range")
    return minor


def _funds(fields: _Fields, kind: str) -> date | None:
    """Skips what belongs to a funds type; the value date of type V."""
    if kind == "V":
        text = fields.next()
        fields.next()  # time
        return _short_date(text) if text else None
    if kind == "S":
        for _ in range(3):
            fields.next()
    elif kind == "D":
        count = fields.next()
        if not (count.isascii() and count.isdigit() and int(count) <= 99):
            raise FieldRefused("funds_invalid", f"{count[:20]!r} is not a number of distributions")
        for _ in range(2 * int(count)):
            fields.next()
    elif kind not in ("", "Z", "0", "1", "2"):
        raise FieldRefused("funds_invalid", f"funds type {kind[:20]!r} is unknown")
    return None


def _direction(code: str) -> bool:
    """True for a credit. Raises FieldRefused for a code that says neither."""
    if not (code.isascii() and code.isdigit() and len(code) == 3):
        raise FieldRefused("type_invalid", f"{code[:20]!r} is not a type code")
    number = int(code)
    if 100 <= number <= 399 or 920 <= number <= 959:
        return True
    if 400 <= number <= 699 or 960 <= number <= 999:
        return False
    raise FieldRefused("direction_missing", f"type code {code} says neither credit nor debit")


def _entry(record: _Record, number: int, currency: str, as_of: date, status: EntryStatus) -> Entry:
    fields = _Fields(record)
    code, amount_text = fields.next(), fields.next()
    if code == _NON_MONETARY:
        raise FieldRefused("not_monetary", "information without an amount (type code 890)")
    is_credit = _direction(code)
    if not amount_text:
        raise FieldRefused("amount_missing", "the amount is missing")
    amount = _amount(amount_text, signed=False)
    valued = _funds(fields, fields.next())
    bank_reference, customer = given(fields.next()), given(fields.next())
    lines = fields.rest()
    transaction = Transaction(
        ordinal=1,
        amount_minor=amount,
        currency=currency,
        is_credit=is_credit,
        is_whole_entry=True,
        references=References(other=(("customer_reference", customer),) if customer else ()),
        unstructured=lines,
        returned=ReturnInformation(None, f"BAI {code}") if code in _RETURNS else None,
        additional_information=(customer,) if customer else (),
    )
    return Entry(
        ordinal=number,
        amount_minor=amount,
        currency=currency,
        is_credit=is_credit,
        status=status,
        booking_date=as_of,
        value_date=valued,
        transactions=(transaction,),
        is_reversal=code in _REVERSALS,
        bank_reference=bank_reference,
        entry_reference=customer,
        proprietary_code=code,
    )


def _short_date(text: str) -> date:
    """YYMMDD, in this century from 00 to 79."""
    if not (len(text) == 6 and text.isascii() and text.isdigit()):
        raise FieldRefused("date_invalid", f"{text[:20]!r} is not a date YYMMDD")
    year = int(text[:2])
    return calendar_date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[4:6]))
