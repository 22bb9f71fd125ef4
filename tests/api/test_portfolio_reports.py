"""The reports on balances over HTTP: figures of a small ledger worked out by hand, pages, files, refusals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from app.core.clock import utc_now
from app.invoices.adjustments import RequestAdjustment, request_adjustment
from app.payments.undo import undo_applications
from app.reports.rules import GROUPS
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account, add_rate, issue, pay, settle

JUNE_30 = date(2026, 6, 30)
PROMISED = utc_now().date() + timedelta(days=14)
PATHS = ("key-figures", "dso", "cei", "turnover", "payment-behaviour", "unapplied-cash", "roll-rates", "top-balances",
         "top-offenders", "delinquency", "write-offs")  # fmt: skip


@pytest.fixture
async def ledger(database: RolledBackDatabase, tenant: Tenant) -> dict[str, Any]:
    """January 300.00 (100.00 paid on March 2), April 600.00, June 900.00; 40.00 of January written off in June."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, january = await issue(session, tenant, 30_000, date(2026, 1, 15))
        _, april = await issue(session, tenant, 60_000, date(2026, 4, 20))
        _, june = await issue(session, tenant, 90_000, date(2026, 6, 10))
        payment = await pay(session, tenant, 15_000, date(2026, 3, 2))
        await settle(session, payment, january, 10_000, date(2026, 3, 2))
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await request_adjustment(session, RequestAdjustment(january, "write_off", 4_000, date(2026, 6, 1), "insolvent"))
        other = await add_account(session, "C-2")
        await issue(session, tenant, 5_000, date(2026, 6, 20), account_id=other, currency="USD")
        await add_rate(session, "USD", "EUR", date(2026, 6, 1), Decimal("0.8"))
    return {"january": january, "april": april, "june": june, "other": other}


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    found = await client.get(f"/v1/reports/{path}", params={"as_of": JUNE_30.isoformat(), **query})
    assert found.status_code == 200, found.text
    body: dict[str, Any] = found.json()
    return body


def euros(body: dict[str, Any], rows: str = "rows") -> dict[str, Any]:
    return next(row for row in body[rows] if row["currency"] == "EUR")


async def test_key_figures_of_a_small_ledger(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    row = euros(await get(client, "key-figures", period_days=90))
    # Open: 160.00 of January (due Feb 14), 600.00 of April (due May 20), 900.00 of June (due July 10).
    assert (row["receivables_amount"], row["current_amount"], row["overdue_amount"]) == ("1660.00", "900.00", "760.00")
    assert (row["beginning_amount"], row["sales_amount"]) == ("200.00", "1500.00")
    assert row["dso"] == "99.60"  # 1660 / 1500 * 90
    assert row["best_possible_dso"] == "54.00"
    assert row["average_days_delinquent"] == "45.60"
    # June 900 of 1660 (30 days), May nothing (31 days), April 600 of 760 (30 days), March and February (59 days),
    # January 160 of 300 of its 31 days.
    assert row["countback_dso"] == "166.53"
    assert row["cei"] == "5.00"  # (200 + 1500 - 1660) / (200 + 1500 - 900) * 100
    assert row["turnover"] == "1.6129"
    assert row["percent_current"] == "0.5422"
    assert (row["paid_amount"], row["weighted_days_to_pay"]) == ("0.00", None)
    assert (row["write_offs_amount"], row["bad_debt_ratio"]) == ("40.00", "0.0267")
    assert (row["receipts_amount"], row["unapplied_amount"], row["unapplied_share"]) == ("0.00", "50.00", None)


async def test_days_to_pay_of_the_first_quarter(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    row = euros(await get(client, "payment-behaviour", as_of="2026-03-31", months=0))
    assert (row["paid_amount"], row["weighted_days_to_pay"], row["days_beyond_terms"]) == ("100.00", "46.00", "16.00")


async def test_everything_in_one_currency(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "dso", in_currency="EUR")
    assert [row["currency"] for row in body["rows"]] == ["EUR"]
    assert body["rows"][0]["receivables_amount"] == "1700.00"  # 50.00 USD are 40.00 EUR
    assert "Converted to EUR" in body["notes"][0]
    apart = await get(client, "dso", in_currency="GBP")
    assert [row["currency"] for row in apart["rows"]] == ["EUR", "USD"]
    assert "There is no rate from EUR to GBP: its amounts stand by themselves." in apart["notes"]


async def test_months_are_a_series(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "cei", months=13)
    series = body["tables"][0]
    assert series["name"] == "series"
    days = [row["month_end"] for row in series["rows"] if row["currency"] == "EUR"]
    assert days == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]
    assert series["rows"][-2]["cei"] == body["rows"][0]["cei"]


async def test_roll_rates_and_cohorts(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "roll-rates")
    steps = {row["from_bucket"]: row for row in body["rows"] if row["currency"] == "EUR"}
    # On May 31 April's 600.00 were 11 days late, now they are 41; January's 200.00 were 106 days late.
    assert (steps["1-30"]["then_amount"], steps["1-30"]["now_amount"], steps["1-30"]["roll_rate"]) == (
        "600.00", "600.00", "1.0000",
    )  # fmt: skip
    assert steps["current"]["roll_rate"] is None
    cohorts = {row["month"]: row for row in body["tables"][0]["rows"] if row["currency"] == "EUR"}
    assert (cohorts["2026-01-01"]["billed_amount"], cohorts["2026-01-01"]["unpaid_rate"]) == ("300.00", "0.6667")
    assert cohorts["2026-04-01"]["unpaid_rate"] is None  # the last of April is not 90 days old


async def test_the_top_and_the_worst(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "top-balances", by="overdue")
    assert [(row["code"], row["rank"], row["overdue_amount"], row["share"]) for row in body["rows"]] == [
        ("C-1", 1, "760.00", "1.0000")
    ]
    worst = (await get(client, "top-offenders"))["rows"][0]
    # 160.00 are 136 days late, 600.00 are 41: (160*136 + 600*41)/760 = 61.00 days; 30 days before: 200.00 + 600.00.
    assert (worst["days_overdue"], worst["overdue_before_amount"], worst["trend"]) == ("61.00", "800.00", "0.95")
    assert worst["score"] == "1468.07"
    assert worst["explanation"] == (
        "760.00 EUR overdue × 61.00 days late ÷ 30 × trend 0.95 (800.00 overdue 30 days before)"
    )


async def test_each_group_has_a_list_of_its_own(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, ledger: dict[str, Any]
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 7_000, date(2026, 4, 1), account_id=ledger["other"])
        await session.driver.execute(
            "UPDATE accounts SET segment = CASE number WHEN 'C-2' THEN 'retail' ELSE 'public' END"
            " WHERE organization_id = $1",
            tenant.organization_id,
        )

    def listed(body: dict[str, Any]) -> list[tuple[Any, ...]]:
        return [(row.get("group"), row["code"], row["currency"], row["rank"], row["receivables_amount"], row["share"])
                for row in body["rows"]]  # fmt: skip

    assert listed(await get(client, "top-balances", group_by="segment")) == [
        ("public", "C-1", "EUR", 1, "1660.00", "1.0000"), ("retail", "C-2", "EUR", 1, "70.00", "1.0000"),
        ("retail", "C-2", "USD", 1, "50.00", "1.0000"),
    ]  # fmt: skip
    entity = await get(client, "top-balances", group_by="legal_entity", in_currency="EUR")
    assert [(row["code"], row["rank"], row["receivables_amount"]) for row in entity["rows"]] == [
        ("C-1", 1, "1660.00"), ("C-2", 2, "110.00"),
    ]  # fmt: skip
    assert len({row["group_key"] for row in entity["rows"]}) == 1
    assert [row["receivables_amount"] for row in entity["totals"]] == ["1770.00"]
    for path in ("top-balances", "top-offenders"):
        assert (await get(client, path, group_by="currency"))["rows"] == (await get(client, path))["rows"]
        second = await get(client, path, group_by="segment", limit=1, cursor=(
            await get(client, path, group_by="segment", limit=1))["next_cursor"])  # fmt: skip
        assert [(row["group"], row["rank"]) for row in second["rows"]] == [("retail", 1)]


async def test_delinquency(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "delinquency", months=2)
    row = euros(body)
    assert (row["delinquency_rate"], row["oldest_bucket_amount"], row["overdue_accounts"], row["accounts"]) == (
        "0.4578", "160.00", 1, 1,
    )  # fmt: skip
    assert (row["change_rate"], row["bucket_2_amount"]) == ("-0.0500", "600.00")
    assert euros(body, "totals")["largest_share"] == "1.0000"
    assert [one["name"] for one in body["tables"]] == ["series"]


async def test_write_offs_and_reasons(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "write-offs")
    assert euros(body)["bad_debt_ratio"] == "0.0267"
    assert [(row["reason_code"], row["items"], row["net_amount"]) for row in body["tables"][0]["rows"]] == [
        ("insolvent", 1, "40.00")
    ]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
async def test_every_report_is_a_file_too(
    client: httpx.AsyncClient, ledger: dict[str, Any], path: str, form: str
) -> None:
    found = await client.get(f"/v1/reports/{path}", params={"as_of": JUNE_30.isoformat(), "format": form})
    assert found.status_code == 200, found.text
    assert f"{path}" in found.headers["content-disposition"]
    assert len(found.content) > 50


@pytest.mark.parametrize("path", PATHS)
async def test_pages_and_groups(client: httpx.AsyncClient, ledger: dict[str, Any], path: str) -> None:
    whole = await get(client, path, group_by="account")
    first = await get(client, path, group_by="account", limit=1)
    assert first["rows"] == whole["rows"][:1]
    if first["has_more"]:
        second = await get(client, path, group_by="account", limit=1, cursor=first["next_cursor"])
        assert second["rows"] == whole["rows"][1:2]
    assert first["totals"] == whole["totals"]


@pytest.mark.parametrize("path", [*PATHS, "unapplied-cash-aging", "aging"])
async def test_every_group_at_any_two_times_in_one_currency(
    client: httpx.AsyncClient, ledger: dict[str, Any], path: str
) -> None:
    for group_by in GROUPS:
        early = await get(client, path, group_by=group_by, in_currency="EUR", known_at="2026-01-01T00:00:00Z")
        assert not early["rows"], (group_by, "nothing was known then")
        body = await get(client, path, group_by=group_by, in_currency="EUR")
        assert {row["currency"] for row in body["rows"]} <= {"EUR"}, group_by
        assert body["as_of"] == JUNE_30.isoformat()


async def test_what_is_refused(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    soon = (JUNE_30 + timedelta(days=40_000)).isoformat()
    for path, query in (
        ("top-offenders", {"top": 0}), ("dso", {"period_days": 0}), ("cei", {"as_of": soon + "0"}),
        ("delinquency", {"bounds": "0,30,30"}), ("dso", {"cursor": "x"}),
    ):  # fmt: skip
        refused = await client.get(f"/v1/reports/{path}", params=query)
        assert refused.status_code == 422, (path, query, refused.text)


async def test_items_are_converted_beside_their_own_currency(client: httpx.AsyncClient, ledger: dict[str, Any]) -> None:
    body = await get(client, "aging-detail", in_currency="EUR")
    shown = {row["open_amount"]: (row["currency"], row["in_currency"], row["open_in_currency_amount"])
             for row in body["rows"]}  # fmt: skip
    assert shown["50.00"] == ("USD", "EUR", "40.00")
    assert shown["-50.00"] == ("EUR", "EUR", "-50.00"), "cash without an invoice"
    apart = await get(client, "aging-detail", in_currency="GBP")
    assert {(row["in_currency"], row["open_in_currency_amount"]) for row in apart["rows"]} == {(None, None)}
    assert "There is no rate from USD to GBP: its amounts stand by themselves." in apart["notes"]
    assert "in_currency" not in (await get(client, "aging-detail"))["rows"][0]


async def test_items_say_what_is_promised(client: httpx.AsyncClient, ledger: dict[str, Any], tenant: Tenant) -> None:
    body = {
        "account_id": str(tenant.account_id), "currency": "EUR", "promised_date": PROMISED.isoformat(),
        "instalments": [{"instalment_id": str(ledger["april"]), "amount": "250.00"}],
    }  # fmt: skip
    made = await client.post("/v1/promises", json=body)
    assert made.status_code == 201, made.text
    items = await get(client, "aging-detail", account_id=str(tenant.account_id))
    april = next(row for row in items["rows"] if row["item_id"] == str(ledger["april"]))
    assert (april["open_amount"], april["promised_amount"], april["promised_date"]) == (
        "600.00", "250.00", PROMISED.isoformat(),
    )  # fmt: skip
    assert (april["days_past_due"], april["reminder_step"], april["reminded_on"]) == (41, None, None)


async def test_what_is_undone_later_was_paid_before(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 10_000, date(2026, 4, 1))
        payment = await pay(session, tenant, 10_000, date(2026, 4, 11))
        group = await settle(session, payment, owed, 10_000, date(2026, 4, 11))
        await undo_applications(session, group.group_id, date(2026, 6, 5), "wrong customer")
    series = (await get(client, "payment-behaviour", months=3))["tables"][0]["rows"]
    assert [(row["month_end"], row["paid_amount"], row["weighted_days_to_pay"]) for row in series] == [
        ("2026-04-30", "100.00", "10.00"), ("2026-05-31", "100.00", "10.00"), ("2026-06-30", "0.00", None),
    ]  # fmt: skip
