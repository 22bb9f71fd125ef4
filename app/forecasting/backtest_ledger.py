"""A ledger of invoices with their payment dates, read from CSV for a backtest."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from app.core.errors import RuleViolation
from app.core.money import CURRENCIES, exponent
from app.forecasting.model.interface import Ledger, day_of

REQUIRED = ("invoice", "cust", "issue", "due", "paid", "amount")
SEGMENT_COLUMNS = ("segment", "country", "region")
ROWS_MAX = 3_000_000
MINOR_MAX = 10**15
"""Larger than any invoice."""
YEARS_MAX = 60
UNNAMED_CURRENCY = "XXX"
"""ISO 4217's code for no currency: all rows are summed as one, with two places."""


class LedgerUnreadable(RuleViolation):
    """The file is not a ledger: no rows, columns missing, or a value that cannot be read."""

    code = "backtest.ledger_unreadable"


@dataclass(frozen=True, slots=True)
class ReadLedger:
    """What the file says."""

    ledger: Ledger
    until: int
    """The last day on which anything happened: what is open then is open."""
    segment_column: str | None
    skipped_credits: int
    """Rows of zero or less: credits are not collected."""
    moved_to_issue: int
    """Payments dated before the issue count as paid on the day of issue."""
    repeated: int = 0
    """Rows that repeat another one in every value."""
    currencies: tuple[str, ...] = ()
    """More than one: amounts were brought to one scale, on which an average invoice of each weighs the same."""


@dataclass(frozen=True, slots=True)
class _Row:
    invoice: str
    account: str
    issued: date
    due: date
    paid: date | None
    minor: int
    currency: str
    segment: str


def read_ledger(path: Path) -> ReadLedger:
    """Reads `invoice, cust, issue, due, paid, amount` (and `currency`, `segment` or `country` where there are such).

    Dates are ISO 8601; an empty `paid` is an open item. Raises LedgerUnreadable, naming the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="")
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in REQUIRED if name not in header]
            if missing:
                raise LedgerUnreadable(
                    f"{path.name} has no column {', '.join(missing)}; a ledger has {', '.join(REQUIRED)}"
                )
            reader.fieldnames = header
            segment_column = next((name for name in SEGMENT_COLUMNS if name in header), None)
            rows = list(_rows(reader, segment_column))
    except FileNotFoundError:
        raise LedgerUnreadable(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LedgerUnreadable(f"{path.name} cannot be read: {error}") from error
    positive = [row for row in rows if row.minor > 0]
    if not positive:
        raise LedgerUnreadable(f"{path.name} has no invoice above zero")
    good = [row for row in dict.fromkeys(positive) if row.invoice] + [row for row in positive if not row.invoice]
    early = sum(row.paid is not None and row.paid < row.issued for row in good)
    paid = [day_of(row.paid and max(row.paid, row.issued)) for row in good]
    issued = [day_of(row.issued) for row in good]
    if max(issued) - min(issued) > 366 * YEARS_MAX:
        raise LedgerUnreadable(f"{path.name} spans more than {YEARS_MAX} years: a date is wrong")
    ledger = Ledger.from_columns(
        account=[row.account for row in good],
        issued=issued,
        due=[day_of(row.due) for row in good],
        amount_minor=[row.minor for row in good],
        currency=[row.currency for row in good],
        paid=paid,
        segment=[row.segment for row in good],
    )
    known = ledger.paid[ledger.paid < day_of(None)]
    until = int(max(np.max(known, initial=0), np.max(ledger.issued)))
    return ReadLedger(
        on_one_scale(ledger),
        until,
        segment_column,
        skipped_credits=len(rows) - len(positive),
        moved_to_issue=early,
        repeated=len(positive) - len(good),
        currencies=ledger.currencies,
    )


def on_one_scale(ledger: Ledger) -> Ledger:
    """Of several currencies the amounts in units of the most frequent one: equal average invoices, since no rates
    are at hand. Every figure of a backtest is relative, so that the unit does not matter.
    """
    if len(ledger.currencies) < 2:
        return ledger
    count = np.bincount(ledger.currency)
    mean = np.bincount(ledger.currency, ledger.amount_minor.astype(np.float64)) / count
    most = int(count.argmax())
    scaled = np.maximum(np.rint(ledger.amount_minor * (mean[most] / mean)[ledger.currency]), 1).astype(np.int64)
    return replace(
        ledger,
        amount_minor=scaled,
        open_minor=scaled,
        currency=np.zeros_like(ledger.currency),
        currencies=(ledger.currencies[most],),
    )


def _rows(reader: csv.DictReader[str], segment_column: str | None) -> Iterator[_Row]:
    for row in reader:
        line = reader.line_num
        if line > ROWS_MAX:
            raise LedgerUnreadable(f"a ledger has at most {ROWS_MAX} lines")
        if reader.restkey in row:
            raise LedgerUnreadable(f"line {line}: more values than columns; a comma within a value needs quotes")
        account = (row["cust"] or "").strip()
        if not account:
            raise LedgerUnreadable(f"line {line}: cust is empty")
        issued, due = _date(row["issue"], "issue", line), _date(row["due"], "due", line)
        if issued is None or due is None:
            raise LedgerUnreadable(f"line {line}: {'issue' if issued is None else 'due'} is empty")
        currency = (row.get("currency") or UNNAMED_CURRENCY).strip().upper()
        yield _Row(
            invoice=(row["invoice"] or "").strip(),
            account=account,
            issued=issued,
            due=due,
            paid=_date(row["paid"], "paid", line),
            minor=_minor(row["amount"], currency, line),
            currency=currency,
            segment=(row.get(segment_column) or "").strip() if segment_column else "",
        )


def _date(text: str | None, name: str, line: int) -> date | None:
    text = (text or "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise LedgerUnreadable(f"line {line}: {name} {text[:40]!r} is not a date like 2026-01-31") from None


def _minor(text: str | None, currency: str, line: int) -> int:
    """Minor units; surplus decimals of an extract are rounded half to even."""
    try:
        amount = Decimal((text or "").strip())
        places = exponent(currency) if currency in CURRENCIES else 2
        minor = int(amount.scaleb(places).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
        if abs(minor) > MINOR_MAX:
            raise ValueError
        return minor
    except (InvalidOperation, ValueError, OverflowError):
        raise LedgerUnreadable(f"line {line}: amount {(text or '')[:40]!r} is not a number like 1250.00") from None
