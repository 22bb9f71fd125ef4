"""SWIFT MT940 customer statement and MT942 interim report, with the liberties that banks take.

Signs: C credit, D debit, RC reversal of a credit (money out), RD reversal of a debit (money in), EC and ED expected.
The entry date has no year: it is the one nearest to the value date, so that it is right across the turn of the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation

from app.core.money import Money
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import FieldRefused, calendar_date, given, read_account
from app.integrations.bank_formats.finish import finish_statement
from app.integrations.bank_formats.line_text import (
    MAX_LINE_FORMAT_BYTES,
    Growing,
    comma_money,
    decode,
    squeeze_spaces,
)
from app.integrations.bank_formats.mt940_text import EntryText, read_text
from app.integrations.bank_formats.records import (
    Balance,
    Charge,
    Effect,
    Entry,
    EntryStatus,
    Exchange,
    Party,
    Problem,
    References,
    ReturnInformation,
    Statement,
    StatementFile,
    StructuredRemittance,
    Transaction,
)
from app.integrations.bank_formats.source import ByteSource

MAX_ENTRIES = 250_000
_TAG = re.compile(r":(13D?|20|21|25P?|28C?|34F|60[FM]|61|62[FM]|64|65|86|90[CD]|NS|940|942):(.*)", re.DOTALL)
_SEPARATOR = re.compile(r"-(?:\}.*|[A-Z0-9]{0,4})?\s*")
_LOOKS = re.compile(r"(?m)^(?:\{1:F01|:(?:20|25P?|28C?|60[FM]|61|940|942):)")
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})\s*([0-9][0-9,.]*)\s*", re.ASCII)
_LINE = re.compile(
    r"(?P<valued>[0-9]{6})(?P<booked>[0-9]{4})?\s*(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?\s*"
    r"(?P<amount>[0-9][0-9,.]*)(?P<kind>[A-Z][A-Z0-9 ]{3})?(?P<rest>[^\n]*)",
    re.ASCII,
)
_FLOOR = re.compile(r"([A-Z]{3})[CD]?[0-9]", re.ASCII)
_SUM = re.compile(r"([0-9]{1,5})([A-Z]{3})([0-9][0-9,.]*)\s*", re.ASCII)
_ORIGINAL = re.compile(r"/OCMT/([A-Z]{3})([0-9]+,?[0-9]*)/", re.ASCII)
_CHARGES = re.compile(r"/CHGS/([A-Z]{3})([0-9]+,?[0-9]*)/", re.ASCII)
_EXCHANGE = re.compile(r"/EXCH/([0-9]+[,.]?[0-9]*)/", re.ASCII)


def looks_like_mt940(head: str) -> bool:
    """Whether the beginning of a text shows fields of an MT940 or MT942."""
    return _LOOKS.search(head) is not None


@dataclass(slots=True)
class _RawEntry:
    line: str
    texts: Growing = field(default_factory=lambda: Growing(""))
    notes: Growing = field(default_factory=lambda: Growing(""))


@dataclass(slots=True)
class _Block:
    fields: dict[str, str] = field(default_factory=dict)
    entries: list[_RawEntry] = field(default_factory=list)
    is_open_entry: bool = False


def parse_mt940(source: ByteSource, *, default_currency: str | None = None) -> StatementFile:
    """Read an MT940 or MT942 file, one statement for each message in it.

    Raises BankFileRefused when no message names an account, or one ends before its closing balance.
    """
    text, problems = decode(source.read_all(max_bytes=MAX_LINE_FORMAT_BYTES))
    found = list(problems)
    statements: list[Statement] = []
    is_interim = False
    for number, block in enumerate(_blocks(text), 1):
        interim = "34F" in block.fields or "13D" in block.fields
        is_interim = is_interim or interim
        if "25" not in block.fields:
            if not block.entries and not {"60F", "60M", "62F", "62M"} & block.fields.keys():
                continue  # a header or a trailer
            detail = f"{len(block.entries)} entries stand outside of any statement; they name no account"
            found.append(Problem(f"message {number}", "file.account_missing", detail, Effect.REFUSED))
            continue
        statements.append(_statement(block, is_interim=interim, default_currency=default_currency))
    if not statements:
        raise BankFileRefused("bank_file.account_missing", "no statement names an account")
    return StatementFile(
        format="mt942" if is_interim else "mt940",
        version=None,
        message_id=None,
        created_at=None,
        statements=tuple(statements),
        problems=tuple(found),
    )


def _blocks(text: str) -> Iterator[_Block]:
    block = _Block()
    count = 0
    for tag, value in _fields(text):
        if tag == "-" or (tag == "20" and block.fields):
            yield block
            block = _Block()
        if tag == "-":
            continue
        if tag == "61":
            count += 1
            if count > MAX_ENTRIES:
                raise BankFileRefused("bank_file.too_large", f"the file holds more than {MAX_ENTRIES} entries")
            block.entries.append(_RawEntry(value))
            block.is_open_entry = True
        elif tag == "86" and block.is_open_entry:
            for line in value.split("\n"):
                block.entries[-1].texts.add(line)
        elif tag == "NS" and block.is_open_entry:
            for line in value.split("\n"):
                block.entries[-1].notes.add(line)
        else:
            if tag != "86":
                block.is_open_entry = False
            block.fields.setdefault(tag, value)
    yield block


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Each field with its continuation lines; `-` for the end of a message."""
    tag, value = "", Growing("")
    for line in text.split("\n"):
        match = _TAG.match(line)
        if match is None and tag and not _SEPARATOR.fullmatch(line) and not _is_envelope(line):
            value.add(line)
            continue
        if tag:
            yield tag, "\n".join(value.lines)
            tag = ""
        if match is not None:
            tag, value = match[1], Growing(match[2])
        elif _SEPARATOR.fullmatch(line):
            yield "-", ""
    if tag:
        yield tag, "\n".join(value.lines)


def _is_envelope(line: str) -> bool:
    return line.startswith("{1:")


def _statement(block: _Block, *, is_interim: bool, default_currency: str | None) -> Statement:
    problems: list[Problem] = []
    opening = _balance(block, ("60F", "60M"), problems)
    closing = _balance(block, ("62F", "62M"), problems)
    if not is_interim and not {"62F", "62M"} & block.fields.keys():
        raise BankFileRefused("bank_file.truncated", "a statement ends before its closing balance (field 62)")
    currency = _currency(block, opening, closing) or default_currency
    if currency is None:
        raise BankFileRefused("bank_file.currency_missing", "a statement names no currency")
    entries: list[Entry] = []
    refused = 0
    for number, raw in enumerate(block.entries, 1):
        where = f"entry {number}"
        try:
            entry = _entry(raw, number, currency, is_interim=is_interim)
        except FieldRefused as error:
            refused += 1
            problems.append(Problem(where, f"entry.{error.code}", error.detail, Effect.REFUSED))
        else:
            entries.append(entry)
            problems.extend(entry.problems)
    problems.extend(_sum_problems(block, entries))
    identifier, is_iban, bank = _account(block, currency)
    number_text, _, page_text = (block.fields.get("28C") or block.fields.get("28") or "").strip().partition("/")
    return finish_statement(
        Statement(
            statement_id=given(squeeze_spaces(block.fields.get("20", ""))),
            account_identifier=identifier,
            account_currency=currency,
            entries=tuple(entries),
            is_iban=is_iban,
            account_bank=bank,
            electronic_sequence_number=_positive(number_text),
            page_number=_positive(page_text),
            is_last_page="62M" not in block.fields if closing else None,
            from_date=opening.on if opening else None,
            to_date=closing.on if closing else None,
            opening=opening,
            closing=closing,
            refused_entry_count=refused,
            problems=tuple(problems),
        ),
        default_currency=default_currency,
    )


def _positive(text: str) -> int | None:
    text = text.strip()
    return (int(text) or None) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _balance(block: _Block, tags: tuple[str, ...], problems: list[Problem]) -> Balance | None:
    for tag in tags:
        value = block.fields.get(tag)
        if value is None:
            continue
        match = _BALANCE.fullmatch(value.strip())
        try:
            if match is None:
                raise FieldRefused("invalid", f"{value[:40]!r} is not a balance")
            money = comma_money(match[4], match[3])
            on = _short_date(match[2])
        except FieldRefused as refused:
            problems.append(Problem(f"balance {tag}", f"balance.{refused.code}", refused.detail))
            continue
        return Balance(money.minor if match[1] == "C" else -money.minor, money.currency, on, tag)
    return None


def _currency(block: _Block, opening: Balance | None, closing: Balance | None) -> str | None:
    for balance in (opening, closing):
        if balance is not None:
            return balance.currency
    floor = _FLOOR.match(block.fields.get("34F", ""))
    if floor is not None:
        return floor[1]
    totals = _SUM.match(block.fields.get("90C", "") or block.fields.get("90D", ""))
    return totals[2] if totals is not None else None


def _account(block: _Block, currency: str) -> tuple[str, bool, str | None]:
    """Field 25: an IBAN, `bank/account`, or either with the currency behind it."""
    text = squeeze_spaces(block.fields["25"]).strip("/ ")
    bare = re.sub(rf"[/ ]?{currency}$", "", text) or text
    for candidate in (text, bare, *bare.split("/"), *bare.split(" ")):
        identifier, is_iban = read_account(candidate)
        if is_iban and identifier is not None:
            bank = bare.split("/")[0] if "/" in bare and candidate != bare.split("/")[0] else None
            return identifier, True, bank
    if not bare:
        raise BankFileRefused("bank_file.account_missing", "a statement names no account")
    return bare, False, None


def _short_date(text: str) -> date:
    """YYMMDD; 80 to 99 are the last century (SWIFT)."""
    year = int(text[:2])
    return calendar_date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[4:6]))


def _entry_date(text: str, valued: date) -> date:
    """MMDD in the year that brings it nearest to the value date."""
    candidates: list[date] = []
    for year in (valued.year - 1, valued.year, valued.year + 1):
        try:
            candidates.append(calendar_date(year, int(text[:2]), int(text[2:])))
        except FieldRefused:
            continue
    if not candidates:
        raise FieldRefused("date_invalid", f"{text!r} is not a day and month")
    return min(candidates, key=lambda day: abs((day - valued).days))


def _entry(raw: _RawEntry, number: int, currency: str, *, is_interim: bool) -> Entry:
    where = f"entry {number}"
    first, _, supplement = raw.line.partition("\n")
    match = _LINE.fullmatch(first.strip())
    if match is None:
        raise FieldRefused("line_invalid", f"field 61 cannot be read: {first[:60]!r}")
    amount = comma_money(match["amount"], currency)
    valued = _short_date(match["valued"])
    problems: list[Problem] = []
    booked: date | None = None
    if match["booked"]:
        try:
            booked = _entry_date(match["booked"], valued)
        except FieldRefused as refused:
            problems.append(Problem(where, f"entry.{refused.code}", refused.detail))
    mark = match["mark"]
    is_credit = mark in ("C", "RD", "EC")
    status = EntryStatus.PENDING if is_interim or mark.startswith("E") else EntryStatus.BOOKED
    customer, bank_reference, rest = _line_references(match["rest"])
    text = read_text(raw.texts.lines[1:])
    supplements = tuple(filter(None, map(squeeze_spaces, (*supplement.split("\n"), *raw.notes.lines))))
    kind = (match["kind"] or "").strip() or None
    transaction = _transaction(text, amount, is_credit, customer, rest, supplements, kind)
    return Entry(
        ordinal=number,
        amount_minor=amount.minor,
        currency=currency,
        is_credit=is_credit,
        status=status,
        booking_date=booked,
        value_date=valued,
        transactions=(_with_amounts(transaction, raw, currency),),
        is_reversal=mark.startswith("R"),
        bank_reference=bank_reference,
        entry_reference=customer,
        proprietary_code="+".join(filter(None, (kind, text.transaction_code))) or None,
        additional_information=supplements,
        problems=tuple(problems),
    )


def _line_references(rest: str) -> tuple[str | None, str | None, str | None]:
    """Customer reference, the bank's reference behind `//`, and a name that some banks put behind 16 characters."""
    customer, mark, bank = rest.partition("//")
    name = None
    if not mark:
        customer, name = rest[:16], squeeze_spaces(rest[16:]) or None
    if customer.strip().startswith("KREF+"):
        customer = ""  # the reference stands in field 86
    return given(customer), given(bank), name


def _transaction(
    text: EntryText,
    amount: Money,
    is_credit: bool,
    customer: str | None,
    name: str | None,
    supplements: tuple[str, ...],
    kind: str | None,
) -> Transaction:
    if text.name is None:
        text.name = name
    party = text.party
    other = list(text.other)
    if customer is not None and ("customer_reference", customer) not in other:
        other.append(("customer_reference", customer))
    returned = None
    if text.is_return or kind == "NRTI":
        returned = ReturnInformation(text.return_reason, text.return_detail)
    block = StructuredRemittance(creditor_reference=text.creditor_reference)
    return Transaction(
        ordinal=1,
        amount_minor=amount.minor,
        currency=amount.currency,
        is_credit=is_credit,
        is_whole_entry=True,
        references=References(end_to_end_id=text.end_to_end_id, mandate_id=text.mandate_id, other=tuple(other)),
        payer=party if is_credit else Party(),
        payee=Party() if is_credit else party,
        unstructured=tuple(text.unstructured),
        structured=(block,) if text.creditor_reference else (),
        returned=returned,
        purpose=text.purpose,
        additional_information=tuple(
            dict.fromkeys(filter(None, (text.booking_text, customer, text.other_reading, *supplements)))
        ),
    )


def _with_amounts(transaction: Transaction, raw: _RawEntry, currency: str) -> Transaction:
    """Original amount, charges and rate, where the bank writes them with slash codes."""
    text = "".join((raw.line, *raw.texts.lines)).replace("\n", "")
    original, charge, rate = _ORIGINAL.search(text), _CHARGES.search(text), _EXCHANGE.search(text)
    try:
        if original is not None:
            transaction = replace(transaction, instructed=comma_money(original[2], original[1]))
        if charge is not None:
            money = comma_money(charge[2], charge[1])
            transaction = replace(transaction, charges=(Charge(money, False, None, None),))
        if rate is not None:
            source = original[1] if original is not None else None
            quoted = Exchange(Decimal(rate[1].replace(",", ".")), source, currency, None)
            transaction = replace(transaction, exchange=quoted)
    except (FieldRefused, InvalidOperation):
        return transaction  # these are details beside the amount, which stands in field 61
    return transaction


def _sum_problems(block: _Block, entries: list[Entry]) -> Iterator[Problem]:
    """MT942 states count and sum of debits and of credits (fields 90D and 90C)."""
    for tag, is_credit in (("90D", False), ("90C", True)):
        match = _SUM.fullmatch(block.fields.get(tag, "").strip())
        if match is None:
            continue
        own = [entry for entry in entries if entry.is_credit is is_credit]
        try:
            stated = comma_money(match[3], match[2]).minor
        except FieldRefused:
            continue
        if (int(match[1]), stated) != (len(own), sum(entry.amount_minor for entry in own)):
            detail = f"field {tag} states {match[1]} entries and {match[2]} {match[3]}; the entries differ"
            yield Problem("statement", "statement.control_total_differs", detail)
