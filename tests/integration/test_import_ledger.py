"""A ledger with paid dates: its invoices load with the shipped mapping, its paid dates become payments."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.demo.ledger_payments import write_payments
from app.infra.database import Database
from tests.factories import Tenant
from tests.integration.importing import fetch, load

ROOT = Path(__file__).resolve().parents[2]
MAPPING: dict[str, Any] = json.loads((ROOT / "docs/examples/ledger_mapping.json").read_text())
LEDGER = ROOT.parent / "shared" / "data" / "invoices" / "ledger_a.csv"
SMALL = """invoice,cust,issue,due,paid,amount
H1,100,2024-01-01,2024-01-31,2024-02-02,100.10
H2,100,2024-01-03,2024-02-02,2024-02-02,50.00
H3,200,2024-01-03,2024-02-02,2024-02-02,7.5
H4,200,2024-01-04,2024-02-03,,20.00
"""


def test_everything_that_a_customer_paid_on_a_day_is_one_payment(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(SMALL)
    assert write_payments(tmp_path / "ledger.csv", tmp_path / "payments.csv", currency="USD") == 2
    assert (tmp_path / "payments.csv").read_text().splitlines() == [
        "external_id,payment_date,amount,currency,account_number",
        "100/2024-02-02,2024-02-02,150.10,USD,100",
        "200/2024-02-02,2024-02-02,7.5,USD,200",
    ]


async def test_the_shipped_mapping_loads_the_layout(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    row = await load(database, tenant, tmp_path, SMALL.encode(), "invoices", MAPPING, MAPPING["options"])
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", 4, 0)
    (tmp_path / "ledger.csv").write_text(SMALL)
    write_payments(tmp_path / "ledger.csv", tmp_path / "payments.csv", currency="USD")
    content = (tmp_path / "payments.csv").read_bytes()
    paid = await load(database, tenant, tmp_path, content, "payments")
    assert (paid["rows_created"], paid["control_totals"]["USD"]["created"]) == (2, [2, "15760"])


@pytest.mark.slow
@pytest.mark.skipif(not LEDGER.is_file(), reason="the shared ledger is not beside the project")
async def test_the_shared_ledger_loads_to_the_cent(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    with LEDGER.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    minor = sum(int(Decimal(row["amount"]) * 100) for row in rows)
    loaded = await load(database, tenant, tmp_path, LEDGER.read_bytes(), "invoices", MAPPING, MAPPING["options"])
    assert (loaded["state"], loaded["details"][:3]) == ("completed", [])
    assert loaded["control_totals"]["USD"]["created"] == [len(rows), str(minor)]
    write_payments(LEDGER, tmp_path / "payments.csv", currency="USD")
    paid = await load(database, tenant, tmp_path, (tmp_path / "payments.csv").read_bytes(), "payments")
    assert (paid["state"], paid["rows_refused"]) == ("completed", 0)
    by_day: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row["paid"]:
            by_day[row["cust"], row["paid"]] += int(Decimal(row["amount"]) * 100)
    assert paid["control_totals"]["USD"]["created"] == [len(by_day), str(sum(by_day.values()))]
    (sums,) = await fetch(
        database, tenant,
        "SELECT (SELECT sum(open_minor)::bigint FROM instalments) AS open,"
        " (SELECT sum(unapplied_minor)::bigint FROM payments) AS unapplied,"
        " sum(CASE WHEN debit_account = 'receivables' THEN amount_minor ELSE 0 END"
        " - CASE WHEN credit_account = 'unapplied_cash' THEN amount_minor ELSE 0 END)::bigint AS control"
        " FROM transfers",
    )  # fmt: skip
    assert sums["open"] - sums["unapplied"] == sums["control"]
