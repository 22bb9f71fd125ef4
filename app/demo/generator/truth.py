"""`truth.csv`: what each transaction of the statements truly is, keyed by the bank's reference.

One row for each settled document, at least one for each transaction (without a document when nothing is settled).
All amounts are integers in minor units. For each transaction: the sum of `settled_minor` plus the rest that stays
unapplied is `amount_minor`; a netted credit memo settles a negative amount.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.demo.generator.transactions import Transaction

COLUMNS = (
    "bank_reference", "bank_account", "booking_date", "value_date", "direction", "amount_minor", "currency",
    "category", "traits", "style", "account_number", "end_to_end_id", "returns_bank_reference",
    "document_kind", "document_number", "legal_entity", "document_account", "settled_minor", "discount_minor",
    "deduction_minor",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrueLine:
    """So much cash settles this document; its open amount falls by settled + discount."""

    kind: str
    number: str
    legal_entity: str
    account_number: str
    settled_minor: int
    discount_minor: int
    deduction_minor: int


@dataclass(frozen=True, slots=True)
class TrueTransaction:
    """The truth about one transaction. `account_number` is None where no customer stands behind it."""

    bank_reference: str
    bank_account: str
    booking_date: str
    value_date: str
    direction: str
    amount_minor: int
    currency: str
    category: str
    traits: frozenset[str]
    style: str
    account_number: str | None
    end_to_end_id: str
    returns_bank_reference: str | None
    lines: tuple[TrueLine, ...] = field(default=())


def _rows(transaction: Transaction) -> Iterator[list[str | int]]:
    common: list[str | int] = [
        transaction.reference,
        transaction.own.identifier,
        transaction.booking.isoformat(),
        transaction.value.isoformat(),
        "credit" if transaction.credit else "debit",
        transaction.amount,
        transaction.own.currency,
        transaction.category.value,
        " ".join(sorted(transaction.traits)),
        transaction.style,
        transaction.customer.number if transaction.customer is not None else "",
        transaction.end_to_end,
        transaction.returns.reference if transaction.returns is not None else "",
    ]
    if not transaction.lines:
        yield [*common, "", "", "", "", "", "", ""]
    for line in transaction.lines:
        document = line.part.document
        yield [
            *common, document.kind, document.number, document.entity, document.customer.number,
            line.settled, line.discount, line.deduction,
        ]  # fmt: skip


def write_truth(path: Path, transactions: Iterable[Transaction]) -> None:
    """Write the file; the order is that of the transactions."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for transaction in transactions:
            writer.writerows(_rows(transaction))


def read_truth(path: Path) -> dict[str, TrueTransaction]:
    """The file again, by bank reference. Raises ValueError when a transaction's rows disagree with each other."""
    result: dict[str, TrueTransaction] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            key = row["bank_reference"]
            line: tuple[TrueLine, ...] = ()
            if row["document_number"]:
                line = (
                    TrueLine(
                        row["document_kind"], row["document_number"], row["legal_entity"], row["document_account"],
                        int(row["settled_minor"]), int(row["discount_minor"]), int(row["deduction_minor"]),
                    ),
                )  # fmt: skip
            known = result.get(key)
            if known is not None and known.amount_minor != int(row["amount_minor"]):
                raise ValueError(f"two amounts for bank reference {key}")
            result[key] = TrueTransaction(
                key, row["bank_account"], row["booking_date"], row["value_date"], row["direction"],
                int(row["amount_minor"]), row["currency"], row["category"], frozenset(row["traits"].split()),
                row["style"], row["account_number"] or None, row["end_to_end_id"],
                row["returns_bank_reference"] or None, (known.lines if known is not None else ()) + line,
            )  # fmt: skip
    return result
