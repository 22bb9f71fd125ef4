"""Money of one portfolio that paid an invoice of another: each collector's reports hold the own side of it only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.receivables import issue, pay, settle
from tests.scenarios.test_data_scope import Office, office

__all__ = ["office"]


async def _rows(office: Office, name: str, report: str, **asked: Any) -> dict[str, Any]:
    found = await office.get(name, f"/v1/reports/{report}", group_by="account", **asked)
    return {row["code"]: row for row in found["rows"]}


async def test_money_that_crosses_portfolios(office: Office) -> None:
    day = office.today - timedelta(days=5)
    async with office.database.write(office.tenant.organization_id, office.tenant.actor) as session:
        _, item = await issue(session, office.tenant, 5_000, day, account_id=office.accounts["ada"], number="RE-x")
        payment = await pay(session, office.tenant, 5_000, day, account_id=office.accounts["bo"])
        await settle(session, payment, item, 3_000, day, allow_other_account=True)
    receivables = {"A-ada": "120.00", "A-bo": "200.00", "C-1": "400.00"}
    unapplied = {"A-ada": "0.00", "A-bo": "20.00", "C-1": "0.00"}
    for name, numbers in (("admin", ["A-ada", "A-bo", "C-1"]), ("ada", ["A-ada"]), ("bo", ["A-bo"])):
        figures = await _rows(office, name, "key-figures")
        assert sorted(figures) == numbers, name
        for number, row in figures.items():
            assert (row["receivables_amount"], row["unapplied_amount"]) == (receivables[number], unapplied[number])
            assert row["countback_dso"] is not None
        for report in ("delinquency", "top-balances"):
            shown = await _rows(office, name, report)
            assert {code: row["receivables_amount"] for code, row in shown.items()} == {
                number: receivables[number] for number in numbers
            }
