"""BAI lockbox files (fixed width, 80 columns): cheques that a bank opened, banked and listed with their invoices.

1 file, 2 service, 5 lockbox header, 6 cheque, 4 overflow (what the remitter pays), 7 batch total, 8 lockbox total,
9 file trailer. The bank books one deposit a batch: it is the entry, its cheques are the transactions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from app.core.money import Money
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import FieldRefused, calendar_date, given
from app.integrations.bank_formats.finish import finish_statement
from app.integrations.bank_formats.line_text import MAX_LINE_FORMAT_BYTES, decode, squeeze_spaces
from app.integrations.bank_formats.records import (
    Batch,
    Effect,
    Entry,
    EntryStatus,
    Party,
    Problem,
    References,
    Statement,
    StatementFile,
    Transaction,
)
from app.integrations.bank_formats.source import ByteSource
from app.integrations.bank_formats.split import AmountKind, Detail, split_entry

DEFAULT_CURRENCY = "USD"  # the format is of the United States and has no field for it
MAX_RECORDS = 500_000
_LOOKS = re.compile(r"\s*1[0-9]{2}[ -~]{20}[0-9]{10}[ ]*\n")
_HEADER = re.compile(r"5(?P<batch>[0-9]{3})(?P<item>[0-9]{3})(?P<box>.{7})(?P<on>[0-9]{6})", re.ASCII)
_CHEQUE = re.compile(
    r"6(?P<batch>[0-9]{3})(?P<item>[0-9]{3})(?P<amount>[0-9]{10})(?P<bank>.{9})(?P<account>.{10})(?P<number>.{10})"
    r"(?P<on>.{6})(?P<name>.{0,30})",
    re.ASCII,
)
_OVERFLOW = re.compile(r"4(?P<batch>[0-9]{3})(?P<item>[0-9]{3})[0-9]{3}[0-9](?P<text>.*)", re.ASCII)
_BATCH_TOTAL = re.compile(
    r"7(?P<batch>[0-9]{3})[0-9]{3}(?P<box>.{7})(?P<on>[0-9]{6})(?P<count>[0-9]{3})(?P<amount>[0-9]{10})", re.ASCII
)
_BOX_TOTAL = re.compile(r"8[0-9]{6}(?P<box>.{7})(?P<on>[0-9]{6})(?P<count>[0-9]{4})(?P<amount>[0-9]{10})", re.ASCII)
_TRAILER = re.compile(r"9(?P<count>[0-9]{6})", re.ASCII)


@dataclass(slots=True)
class _Cheque:
    match: re.Match[str]
    overflow: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Box:
    number: str
    on: date
    batches: list[tuple[re.Match[str], list[_Cheque]]] = field(default_factory=list)
    open_cheques: list[_Cheque] = field(default_factory=list)
    by_item: dict[str, _Cheque] = field(default_factory=dict)
    total: re.Match[str] | None = None


def looks_like_lockbox(head: str) -> bool:
    """Whether a text begins with a lockbox file header."""
    return _LOOKS.match(head) is not None


def parse_lockbox(source: ByteSource, *, default_currency: str | None = None) -> StatementFile:
    """Read a lockbox file; each lockbox and deposit date is a statement whose account is the lockbox number.

    Raises BankFileRefused when a record cannot be read, or the file ends before its totals.
    """
    text, problems = decode(source.read_all(max_bytes=MAX_LINE_FORMAT_BYTES))
    found = list(problems)
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > MAX_RECORDS:
        raise BankFileRefused("bank_file.too_large", f"the file holds more than {MAX_RECORDS} records")
    trailer = _TRAILER.match(lines[-1])
    if trailer is None:
        raise BankFileRefused("bank_file.truncated", "the file ends before its trailer (record 9)")
    if int(trailer["count"]) != len(lines):
        detail = f"the trailer announces {int(trailer['count'])} records, the file holds {len(lines)}"
        found.append(Problem("file", "file.count_differs", detail))
    currency = default_currency or DEFAULT_CURRENCY
    statements = tuple(_statement(box, currency) for box in _boxes(lines))
    if not statements:
        raise BankFileRefused("bank_file.no_statement", "the file holds no lockbox")
    return StatementFile(
        format="lockbox",
        version=None,
        message_id=None,
        created_at=lines[0][23:33].strip() or None,
        statements=statements,
        problems=tuple(found),
    )


def _boxes(lines: list[str]) -> Iterator[_Box]:
    box: _Box | None = None
    for number, line in enumerate(lines, 1):
        kind = line[0]
        if kind in "129":
            continue
        if kind == "5":
            match = _matched(_HEADER, line, number)
            box = _Box(match["box"].strip(), _day(match["on"], number))
            continue
        if box is None:
            raise BankFileRefused("bank_file.malformed", f"line {number} stands outside of a lockbox")
        if kind == "6":
            cheque = _Cheque(_matched(_CHEQUE, line, number))
            box.open_cheques.append(cheque)
            box.by_item[cheque.match["item"]] = cheque
        elif kind == "4":
            _add_overflow(box, _matched(_OVERFLOW, line, number), number)
        elif kind == "7":
            box.batches.append((_matched(_BATCH_TOTAL, line, number), box.open_cheques))
            box.open_cheques, box.by_item = [], {}
        elif kind == "8":
            box.total = _matched(_BOX_TOTAL, line, number)
            if box.open_cheques:
                raise BankFileRefused("bank_file.malformed", f"line {number}: cheques without a batch total")
            yield box
            box = None
        else:
            raise BankFileRefused("bank_file.malformed", f"line {number} is of no known record type")
    if box is not None:
        raise BankFileRefused("bank_file.truncated", "a lockbox ends before its total (record 8)")


def _matched(pattern: re.Pattern[str], line: str, number: int) -> re.Match[str]:
    match = pattern.match(line)
    if match is None:
        raise BankFileRefused("bank_file.malformed", f"line {number}, a record {line[0]}, cannot be read")
    return match


def _day(text: str, number: int) -> date:
    try:
        return calendar_date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except FieldRefused as refused:
        raise BankFileRefused("bank_file.malformed", f"line {number}: {refused.detail}") from None


def _add_overflow(box: _Box, match: re.Match[str], number: int) -> None:
    owner = box.by_item.get(match["item"])
    if owner is None:
        raise BankFileRefused("bank_file.malformed", f"line {number}: an overflow of no cheque")
    text = squeeze_spaces(match["text"])
    if text:
        owner.overflow.append(text)


def _statement(box: _Box, currency: str) -> Statement:
    problems: list[Problem] = []
    entries: list[Entry] = []
    for total, cheques in box.batches:
        if int(total["amount"]) == 0 and not cheques:
            continue  # an empty day
        entry = _entry(box, total, cheques, len(entries) + 1, currency)
        entries.append(entry)
        problems.extend(entry.problems)
    if box.total is not None:
        deposited = sum(entry.amount_minor for entry in entries)
        if int(box.total["amount"]) != deposited:
            detail = f"the lockbox total is {int(box.total['amount'])}, its batches sum to {deposited} minor units"
            problems.append(Problem("statement", "statement.control_total_differs", detail))
    return finish_statement(
        Statement(
            statement_id=f"{box.number}/{box.on}",
            account_identifier=box.number,
            account_currency=currency,
            entries=tuple(entries),
            from_date=box.on,
            to_date=box.on,
            problems=tuple(problems),
        ),
        default_currency=currency,
    )


def _entry(box: _Box, total: re.Match[str], cheques: list[_Cheque], number: int, currency: str) -> Entry:
    where = f"entry {number}"
    amount = Money(int(total["amount"]), currency)
    details = [_detail(cheque, currency) for cheque in cheques]
    transactions, problems = split_entry(amount, True, details, int(total["count"]), where)
    if len(cheques) != int(total["count"]) and not problems:
        text = f"the batch announces {int(total['count'])} cheques and holds {len(cheques)}"
        problems = (Problem(where, "batch.count_differs", text, Effect.NOTE),)
    name = f"{box.number}/{box.on}/{total['batch']}"
    return Entry(
        ordinal=number,
        amount_minor=amount.minor,
        currency=currency,
        is_credit=True,
        status=EntryStatus.BOOKED,
        booking_date=box.on,
        value_date=None,
        transactions=transactions,
        entry_reference=name,
        batch=Batch(message_id=name, transaction_count=int(total["count"])),
        problems=problems,
    )


def _detail(cheque: _Cheque, currency: str) -> Detail:
    match = cheque.match
    bank, account = match["bank"].strip(), match["account"].strip()
    transaction = Transaction(
        ordinal=1,
        amount_minor=0,
        currency=currency,
        is_credit=True,
        is_whole_entry=False,
        references=References(cheque_number=given(match["number"].strip().lstrip("0"))),
        payer=Party(
            name=squeeze_spaces(match["name"]) or None,
            account="/".join(filter(None, (given(bank), given(account)))) or None,
            bank=given(bank),
        ),
        unstructured=tuple(cheque.overflow),
    )
    return Detail(transaction, ((AmountKind.DETAIL, Money(int(match["amount"]), currency)),), True)
