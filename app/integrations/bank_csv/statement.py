"""A CSV statement by its profile, in the records that every bank format is read into. Pure.

The file is taken whole or refused with the line and column of every fault. Rows of several accounts or currencies are
one statement each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise

from app.integrations.bank_csv.balances import Chain, chain
from app.integrations.bank_csv.cells import day_in, swapped
from app.integrations.bank_csv.errors import FAULTS_TOLD_MAX, CsvRefused, together
from app.integrations.bank_csv.profile import Profile
from app.integrations.bank_csv.rows import RowRead, RowReader, entries_of
from app.integrations.bank_csv.table import Table, find_table, folded
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import read_account
from app.integrations.bank_formats.finish import finish_statement
from app.integrations.bank_formats.line_text import MAX_LINE_FORMAT_BYTES
from app.integrations.bank_formats.records import Balance, Entry, Problem, Statement, StatementFile
from app.integrations.bank_formats.source import ByteSource

FORMAT = "csv"
_DAYS_THAT_TELL = 3


def parse_csv(
    source: ByteSource,
    profile: Profile,
    *,
    account: str | None = None,
    currency: str | None = None,
    currencies: Mapping[str, str] | None = None,
) -> StatementFile:
    """Read a CSV statement as the profile says.

    `account` (an own bank account's identifier) overrules what profile and file say; `currency` stands where neither
    says one, and `currencies` by account (identifiers without blanks) before it. Raises BankFileRefused.
    """
    table = find_table(source.read_all(max_bytes=MAX_LINE_FORMAT_BYTES), profile)
    known = currencies or {}
    named = account or profile.account or _labelled(table, profile)
    reader = RowReader(profile, table, lambda own: known.get("".join((own or "").split()).upper()) or currency, named)
    rows = _read(reader, table, profile)
    if not rows:
        raise BankFileRefused("bank_file.no_statement", "the file has a header and no entries")
    _check_order(rows, table, profile)
    groups: dict[tuple[str, str], list[RowRead]] = {}
    for row in rows:
        if row.account is None:
            detail = "whose account this is stands nowhere: name it in the profile or by the option bank_account"
            raise CsvRefused("bank_file.csv_account", detail, line=row.line)
        groups.setdefault((row.account, row.currency), []).append(row)
    statements = tuple(_statement(*key, found, profile) for key, found in groups.items())
    return StatementFile(f"{FORMAT}.{_shape(profile)}", None, None, None, statements)


def _read(reader: RowReader, table: Table, profile: Profile) -> list[RowRead]:
    """All rows; every fault is told at once. Raises CsvRefused."""
    rows: list[RowRead] = []
    faults: list[CsvRefused] = []
    for line, cells in table.rows(profile):
        try:
            row = reader.read(line, cells)
            if row is not None and row.booking_date is None and row.value_date is None:
                column = profile.header_of("booking_date") or profile.header_of("value_date")
                raise CsvRefused("bank_file.csv_date", "the row has no day", line=line, column=column)
        except CsvRefused as fault:
            faults.append(fault)
            if len(faults) >= FAULTS_TOLD_MAX:
                break
            continue
        if row is not None:
            rows.append(row)
    if faults:
        raise together(faults)
    return rows


def _labelled(table: Table, profile: Profile) -> str | None:
    """The account that stands above the header, behind its label in the same cell or in the next one."""
    if profile.account_label is None:
        return None
    label = folded(profile.account_label)
    for cells in table.above:
        for place, cell in enumerate(cells):
            if not folded(cell).startswith(label):
                continue
            rest = cell.partition(":")[2].strip()
            found = rest or next((text for text in cells[place + 1 :] if text), "")
            if found:
                return found
    raise CsvRefused("bank_file.csv_account", "no account behind its label above the header", line=1,
                     column=profile.account_label)  # fmt: skip


def _check_order(rows: Sequence[RowRead], table: Table, profile: Profile) -> None:
    """Days that are out of order, and in order with day and month exchanged, are read wrongly. Raises CsvRefused."""
    forms = table.form.date_formats
    other = swapped(forms[0]) if len(forms) == 1 else None
    name = "booking_date" if "booking_date" in table.places else "value_date"
    if other is None or name not in table.places:
        return
    days = [day for row in rows if (day := getattr(row, name)) is not None]
    turned = [day_in(day.strftime(forms[0]), other) for day in days]
    known = [day for day in turned if day is not None]
    if len(known) < len(days) or len(set(days)) < _DAYS_THAT_TELL or _in_order(days) or not _in_order(known):
        return
    line = next(row.line for row, before in zip(rows[1:], days, strict=False) if getattr(row, name) < before)
    detail = f"days are out of order as {forms[0]}, and in order as {other}: day and month are exchanged"
    raise CsvRefused("bank_file.csv_date_ambiguous", detail, line=line, column=profile.header_of(name))


def _in_order(days: Sequence[date]) -> bool:
    pairs = list(pairwise(days))
    return all(one <= two for one, two in pairs) or all(one >= two for one, two in pairs)


def _statement(account: str, currency: str, rows: Sequence[RowRead], profile: Profile) -> Statement:
    found = chain(rows)
    problems = _breaks(found, profile)
    entries: list[Entry] = []
    for row in rows:
        entries += entries_of(row, len(entries) + 1)
    identifier, is_iban = read_account(account)
    days = [day for row in rows if (day := row.booking_date or row.value_date) is not None]
    first, last = min(days), max(days)
    opening, closing = (
        None if minor is None else Balance(minor, currency, day, "running")
        for minor, day in ((found.opening_minor, first), (found.closing_minor, last))
    )
    statement = Statement(
        statement_id=f"csv-{_content(account, currency, entries)}",
        account_identifier=identifier or account,
        account_currency=currency,
        entries=tuple(entries),
        is_iban=is_iban,
        from_date=first,
        to_date=last,
        opening=opening,
        closing=closing,
        problems=tuple(problems),
    )
    return finish_statement(statement, default_currency=None)


def _breaks(found: Chain, profile: Profile) -> Iterable[Problem]:
    """Raises CsvRefused for a sign that the balances contradict, and for any break unless the profile lets it pass."""
    first = found.first_break
    if first is None:
        return ()
    column = profile.header_of("balance")
    if first.sign:
        raise CsvRefused("bank_file.csv_sign_contradicted", first.detail, line=first.row.line, column=column)
    if profile.breaks_refused:
        raise CsvRefused("bank_file.csv_balance", first.detail, line=first.row.line, column=column)
    return (Problem(f"line {first.row.line}", "statement.balance_break", first.detail),)


def _shape(profile: Profile) -> str:
    """What entries are identified by depends on the columns that are read: another choice is another format."""
    said = [sorted(profile.columns.items()), profile.sign.kind, profile.fee_positive]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]


def _content(account: str, currency: str, entries: Iterable[Entry]) -> str:
    """The same for the same entries: a longer list of the same days is another statement."""
    told = [(e.signed_minor, str(e.booking_date), str(e.value_date), e.bank_reference) for e in entries]
    return hashlib.sha256(json.dumps([account, currency, told]).encode()).hexdigest()[:16]
