"""Statements of the own bank accounts: entries (single or batch), windows of time, balances that follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from app.demo.generator.company import OwnBankAccount
from app.demo.generator.transactions import Transaction


@dataclass(slots=True)
class Entry:
    """One line of a statement. A batch has several transactions and a reference of its own."""

    transactions: list[Transaction]
    reference: str

    @property
    def first(self) -> Transaction:
        """The transaction that gives the entry its dates and sign; in a batch all agree in them."""
        return self.transactions[0]

    @property
    def amount(self) -> int:
        """Minor units, without sign."""
        return sum(transaction.amount for transaction in self.transactions)


@dataclass(slots=True)
class Statement:
    """One statement: opening + entries = closing, and `sequence` follows the previous one's."""

    own: OwnBankAccount
    sequence: int
    first_day: date
    last_day: date
    opening: int
    closing: int
    entries: list[Entry]

    @property
    def file_name(self) -> str:
        """`2024-W03.xml` for a week (ISO 8601), `2024-03.xml` for a month."""
        if self.own.weekly:
            year, week, _ = self.last_day.isocalendar()
            return f"{year}-W{week:02d}.xml"
        return f"{self.last_day:%Y-%m}.xml"


def _windows(own: OwnBankAccount, since: date, until: date) -> Iterator[tuple[date, date]]:
    """Weeks from Monday or calendar months without a gap; the first and the last may be cut."""
    start = since
    while start <= until:
        if own.weekly:
            end = start + timedelta(days=6 - start.weekday())
        else:
            end = (start.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        end = min(end, until)
        yield start, end
        start = end + timedelta(days=1)


def _entries(own: OwnBankAccount, transactions: list[Transaction]) -> list[Entry]:
    """Group batches by day and kind, then give every entry and every transaction its own bank reference."""
    groups: dict[tuple[object, ...], list[Transaction]] = {}
    for position, transaction in enumerate(transactions):
        if transaction.batch and transaction.returns is None:
            key: tuple[object, ...] = (transaction.booking, transaction.batch, transaction.credit, transaction.value)
        else:
            key = (transaction.booking, position)
        groups.setdefault(key, []).append(transaction)
    entries = []
    for serial, group in enumerate(groups.values(), start=1):
        reference = f"{own.prefix}{group[0].booking:%y%m%d}{serial:07d}"
        if len(group) == 1:
            group[0].reference = reference
        else:
            for place, transaction in enumerate(group, start=1):
                transaction.reference = f"{reference}T{place:04d}"
        entries.append(Entry(group, reference))
    return entries


def build_statements(own: OwnBankAccount, transactions: list[Transaction], since: date, until: date) -> list[Statement]:
    """All statements of one own account. Sets the reference of each transaction, which must be sorted by booking."""
    entries = _entries(own, transactions)
    statements: list[Statement] = []
    balance, at = own.opening_minor, 0
    for sequence, (first_day, last_day) in enumerate(_windows(own, since, until), start=1):
        start = at
        while at < len(entries) and entries[at].first.booking <= last_day:
            at += 1
        chosen = entries[start:at]
        closing = balance + sum(transaction.signed for entry in chosen for transaction in entry.transactions)
        statements.append(Statement(own, sequence, first_day, last_day, balance, closing, chosen))
        balance = closing
    return statements
