"""Labelled data for measuring the engine: folders of payments, invoices and matches, and a ledger with paid
dates.

What the engine is given is what a service would know on the day: numbers, names, amounts, dates. The truth
(`matches.csv`, the paid date of the invoices that the payment itself settles) is kept apart in
`Labelled.truth`; ids are only names, sorted as text nowhere in the engine's decisions. In a folder all
payments form one run over all invoices: nothing is known to be paid beforehand, an invoice dated after a
payment is no candidate for it. In a ledger each payment is a run of its own over the items that were truly
open on its day: issued, and not paid before it.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from app.cash_application.matching.types import AccountFacts, OpenItem, PaymentFacts

DECIMALS_LIMIT = 4
DECIMALS_MINIMUM = 2


@dataclass(slots=True)
class Labelled:
    """One run: facts for the engine, and apart from them the true items and category of each payment."""

    payments: list[PaymentFacts]
    items: list[OpenItem]
    accounts: list[AccountFacts]
    truth: dict[str, frozenset[str]] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)


def read_folder(folder: Path) -> Labelled:
    """Read `invoices.csv`, `payments.csv` and `matches.csv` at the precision of the invoice amounts.

    Payments carry the noise of binary fractions (13 decimals); they are rounded half-even to the decimals
    that the invoices use (2 to 4), whatever the currency's own are. Raises FileNotFoundError, KeyError
    (column missing).
    """
    invoices = _rows(folder / "invoices.csv")
    places = max(DECIMALS_MINIMUM, min(DECIMALS_LIMIT, max(_decimals(row["Amount"]) for row in invoices)))
    items = [_item(row, places) for row in invoices]
    names: dict[str, set[str]] = defaultdict(set)
    for row in invoices:
        names[row["Customer ID"]].add(row["Customer Name"])
    accounts = [AccountFacts(id=key, number=key, names=tuple(sorted(found))) for key, found in names.items()]
    payments = [_payment(row, places) for row in _rows(folder / "payments.csv")]
    labelled = Labelled(payments, items, accounts)
    for row in _rows(folder / "matches.csv"):
        invoice_ids = frozenset(str(number) for number in json.loads(row["invoice_ids"]))
        for payment_id in json.loads(row["payment_ids"]):
            labelled.truth[str(payment_id)] = labelled.truth.get(str(payment_id), frozenset()) | invoice_ids
            labelled.categories[str(payment_id)] = row.get("match_category", "")
    return labelled


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _decimals(amount: str) -> int:
    return len(amount.partition(".")[2].rstrip("0"))


def _minor(amount: str, places: int) -> int:
    return int(Decimal(amount).scaleb(places).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _item(row: dict[str, str], places: int) -> OpenItem:
    """The billing number is what stands on the invoice; assignment and document number are further
    references.
    """
    minor = _minor(row["Amount"], places)
    numbers = [row.get(name, "") for name in ("Billing Number", "Assignment Number", "Document Number")]
    return OpenItem(
        id=row["invoice_id"],
        document_id=row["invoice_id"],
        account_id=row["Customer ID"],
        legal_entity_id="1",
        number=numbers[0],
        references=tuple(number for number in numbers[1:] if number),
        currency=row["Currency Code"],
        open_minor=minor,
        amount_minor=minor,
        invoice_date=_date(row["Document Date"]),
        due_date=_date(row["Due Date"]),
    )


def _payment(row: dict[str, str], places: int) -> PaymentFacts:
    return PaymentFacts(
        id=row["payment_id"],
        legal_entity_id="1",
        currency=row["Currency"],
        amount_minor=_minor(row["Amount"], places),
        value_date=_date(row["Posting Date"]),
        payer_name=row["Business Partner"],
        payer_bank_identifier=row["Account Number"],
        remittance_text=row["Memo Line"],
    )


def read_ledger(path: Path) -> Iterator[Labelled]:
    """One run per customer and paid date of a ledger (`invoice, cust, issue, due, paid, amount`), by
    customer.

    The payment is the sum of the invoices paid that day by that customer, who is known; it has no reference.
    Groups whose sum is not positive are left out.
    """
    by_customer: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in _rows(path):
        by_customer[row["cust"]].append(row)
    for customer, rows in by_customer.items():
        account = AccountFacts(id=customer, number=customer, names=())
        items = {row["invoice"]: _ledger_item(row) for row in rows}
        for day in sorted({row["paid"] for row in rows if row["paid"]}):
            paid = [row["invoice"] for row in rows if row["paid"] == day]
            is_open = [items[r["invoice"]] for r in rows if r["issue"] <= day and (not r["paid"] or r["paid"] >= day)]
            amount = sum(items[number].open_minor for number in paid)
            if amount <= 0 or not is_open:
                continue
            payment = PaymentFacts(
                id=f"{customer}/{day}",
                legal_entity_id="1",
                currency="USD",
                amount_minor=amount,
                value_date=_date(day),
                account_id=customer,
            )
            yield Labelled([payment], is_open, [account], {payment.id: frozenset(paid)}, {payment.id: _size(len(paid))})


def _ledger_item(row: dict[str, str]) -> OpenItem:
    minor = _minor(row["amount"], DECIMALS_MINIMUM)
    return OpenItem(
        id=row["invoice"],
        document_id=row["invoice"],
        account_id=row["cust"],
        legal_entity_id="1",
        number=row["invoice"],
        currency="USD",
        open_minor=minor,
        amount_minor=minor,
        invoice_date=_date(row["issue"]),
        due_date=_date(row["due"]),
    )


def _size(count: int) -> str:
    return str(count) if count <= 3 else "4-10" if count <= 10 else "11+"
