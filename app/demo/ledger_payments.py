"""`python -m app.demo.ledger_payments LEDGER PAYMENTS`: payments out of a ledger that knows only when it was paid.

A ledger of the layout `invoice,cust,issue,due,paid,amount` names no payments. Everything that one customer paid on one
day becomes one payment, without any reference: what a matcher has to find out by itself.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

HEADER = ("external_id", "payment_date", "amount", "currency", "account_number")


def write_payments(ledger: Path, payments: Path, *, currency: str) -> int:
    """Write one row for each customer and day; returns how many. Amounts are exact decimals."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with ledger.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["paid"]:
                sums[row["paid"], row["cust"]] += Decimal(row["amount"])
    with payments.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for (paid, customer), amount in sorted(sums.items()):
            writer.writerow((f"{customer}/{paid}", paid, f"{amount:f}", currency, customer))
    return len(sums)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(f"usage: {sys.argv[0]} LEDGER PAYMENTS [CURRENCY]")
    made = write_payments(Path(sys.argv[1]), Path(sys.argv[2]), currency=sys.argv[3] if len(sys.argv) == 4 else "USD")
    print(f"{made} payments")
