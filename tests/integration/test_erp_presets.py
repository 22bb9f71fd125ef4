"""Small extracts of SAP, Dynamics 365 Finance, NetSuite and QuickBooks by their shipped mappings."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.integrations.import_fields import BANK_STATEMENT, ROW_KINDS
from app.integrations.import_mapping import read_mapping, read_options
from app.integrations.presets import overruled, preset, presets
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.factories import Tenant
from tests.integration.importing import fetch, load


class Extracts:
    """Loads tables by preset; every row must be in order unless the test says otherwise."""

    def __init__(self, database: RolledBackDatabase, tenant: Tenant, folder: Path) -> None:
        self.database, self.tenant, self.folder = database, tenant, folder

    async def load(self, name: str, content: str, *, refused: int = 0, **own: Any) -> dict[str, Any]:
        mapping = overruled(preset(name), own)
        done = await load(
            self.database, self.tenant, self.folder, content.encode(), mapping["kind"], mapping,
            dict(mapping.get("options", {})),
        )  # fmt: skip
        assert (done["state"], done["rows_refused"]) == ("completed", refused), (done["error"], done["details"])
        return done

    async def open(self) -> dict[str, tuple[int, str, date]]:
        rows = await fetch(
            self.database, self.tenant,
            "SELECT i.number, n.open_minor, n.currency, n.due_date FROM invoices i"
            " JOIN instalments n ON n.invoice_id = i.id WHERE i.voided_at IS NULL",
        )  # fmt: skip
        return {row["number"]: (row["open_minor"], row["currency"], row["due_date"]) for row in rows}

    async def memos(self) -> dict[str, tuple[int, str]]:
        rows = await fetch(
            self.database, self.tenant, "SELECT number, open_minor, currency FROM credit_memos WHERE voided_at IS NULL"
        )
        return {row["number"]: (row["open_minor"], row["currency"]) for row in rows}

    async def cash(self) -> dict[str, tuple[int, str]]:
        rows = await fetch(self.database, self.tenant, "SELECT external_id, unapplied_minor, status FROM payments")
        return {row["external_id"]: (row["unapplied_minor"], row["status"]) for row in rows}


@pytest.fixture
def extracts(database: RolledBackDatabase, tenant: Tenant, tmp_path: Path) -> Extracts:
    return Extracts(database, tenant, tmp_path)


@pytest.mark.parametrize("name", sorted(name for name, found in presets().items() if found["kind"] != BANK_STATEMENT))
def test_every_shipped_mapping_is_in_order(name: str) -> None:
    found = preset(name)
    assert found["kind"] in ROW_KINDS
    read_mapping(found["kind"], found)
    read_options(found.get("options", {}))


KNA1 = "KUNNR|NAME1|LAND1|ORT01|SPRAS|LOEVM\n0000004711|Brandt GmbH|DE|Köln|D|\n0000004712|Lindqvist AB|SE|Lund|E|X\n"
ITEMS = (
    "BUKRS|KUNNR|BELNR|GJAHR|BUZEI|BLART|SHKZG|BLDAT|BUDAT|ZFBDT|ZBD1T|ZBD2T|ZBD3T|WRBTR|WAERS|WSKTO|AUGBL|AUGGJ|AUGDT"
    "|REBZG|REBZJ|REBZZ|STBLG\n"
)


def item(number: str, kind: str, sign: str, amount: str, **more: str) -> str:
    cell = {
        "BUKRS": "1000", "KUNNR": "0000004711", "BELNR": number, "GJAHR": "2026", "BUZEI": "001", "BLART": kind,
        "SHKZG": sign, "BLDAT": "20260301", "BUDAT": "20260302", "ZFBDT": "20260301", "ZBD1T": "0", "ZBD2T": "0",
        "ZBD3T": "0", "WRBTR": amount, "WAERS": "EUR", "WSKTO": "0.00", "AUGBL": "", "AUGGJ": "0000",
        "AUGDT": "00000000", "REBZG": "", "REBZJ": "0000", "REBZZ": "000", "STBLG": "", **more,
    }  # fmt: skip
    return "|".join(cell[name] for name in ITEMS.strip().split("|")) + "\n"


async def test_sap(extracts: Extracts) -> None:
    await extracts.load("sap-KNA1", KNA1)
    await extracts.load("sap-KNB1", "KUNNR,BUKRS,ZTERM\n0000004711,1000,Net 30\n")
    (account,) = await fetch(
        extracts.database, extracts.tenant,
        "SELECT a.name, a.status, t.code FROM accounts a JOIN payment_terms t ON t.id = a.payment_terms_id",
    )  # fmt: skip
    assert tuple(account) == ("Brandt GmbH", "active", "Net 30")
    cleared = {"AUGBL": "1400000001", "AUGGJ": "2026", "AUGDT": "20260320"}
    content = ITEMS + "".join(
        [
            item("100", "DR", "S", "1000.00", ZBD1T="14", ZBD2T="30", ZBD3T="45"),
            item("101", "DR", "S", "200.00", ZBD1T="14", ZBD2T="30"),
            item("102", "DR", "S", "300.00-", ZBD1T="14", WAERS="USD", ZFBDT="00000000"),
            item("103", "DR", "S", "500.00", WSKTO="15.00", **cleared),
            item("104", "DG", "H", "50.00"),
            item("105", "DR", "S", "10.00", STBLG="106"),
            item("1400000001", "DZ", "H", "485.00", **cleared),
            item("1400000002", "DZ", "H", "400.00", REBZG="100", REBZJ="2026", REBZZ="001"),
        ]
    )
    done = await extracts.load("sap-BSID-documents", content)
    assert done["rows_created"] == 5, "the reversed one was never here"
    await extracts.load("sap-BSID-payments", content)
    await extracts.load("sap-BSAD-applications", content)
    await extracts.load("sap-BSID-partial", content)
    assert await extracts.open() == {
        "100": (60_000, "EUR", date(2026, 4, 15)),
        "101": (20_000, "EUR", date(2026, 3, 31)),
        "102": (30_000, "USD", date(2026, 3, 15)),
        "103": (0, "EUR", date(2026, 3, 1)),
    }
    assert await extracts.memos() == {"104": (5_000, "EUR")}
    assert {key: state for key, (_, state) in (await extracts.cash()).items()} == {
        "0000004711/1000/1400000001/2026": "applied", "0000004711/1000/1400000002/2026": "applied",
    }  # fmt: skip
    standing = item("101", "DR", "S", "200.00", ZBD1T="14", ZBD2T="30")
    reversed_ = content.replace(standing, item("101", "DR", "S", "200.00", STBLG="199"))
    assert (await extracts.load("sap-BSID-documents", reversed_))["rows_updated"] == 1
    assert "101" not in await extracts.open()
    async with extracts.database.write(extracts.tenant.organization_id, extracts.tenant.actor) as session:
        await assert_books_agree(session)


TRANS = "RecId,AccountNum,TransType,Invoice,TransDate,DocumentDate,DueDate,AmountCur,CurrencyCode,PaymReference\n"


async def test_dynamics_365_finance(extracts: Extracts) -> None:
    await extracts.load("d365-CustTable", "AccountNum,Name,Currency,CustGroup,Blocked\nUS-001,Contoso,USD,30,All\n")
    content = TRANS + (
        "1,US-001,2,CIV-1,2026-03-01,2026-03-01,2026-03-31,1000.00,USD,\n"
        "2,US-001,2,CIV-2,2026-03-02,2026-03-02,2026-04-01,500.00,EUR,\n"
        "3,US-001,2,CCN-1,2026-03-05,2026-03-05,1900-01-01,-100.00,USD,\n"
        "4,US-001,15,,2026-03-20,1900-01-01,1900-01-01,-700.00,USD,CHK 7\n"
    )
    for name in ("documents", "credits", "payments"):
        await extracts.load(f"d365-CustTrans-{name}", content)
    settled = (
        "TransRecId,OffsetRecId,SettleAmountCur,UtilizedCashDisc,CurrencyCode,TransDate\n"
        "1,4,600.00,0,USD,2026-03-20\n4,1,-600.00,0,USD,2026-03-20\n1,3,100.00,0,USD,2026-03-21\n3,1,-100.00,0,USD,x\n"
    )
    await extracts.load("d365-CustSettlement", settled)
    found = {number: values[:2] for number, values in (await extracts.open()).items()}
    assert found == {"CIV-1": (30_000, "USD"), "CIV-2": (50_000, "EUR")}
    assert await extracts.memos() == {"CCN-1": (0, "USD")}
    assert await extracts.cash() == {"4": (10_000, "partially_applied")}
    # The credit note was unsettled: the pair is gone from the next extract.
    again = settled.replace("1,3,100.00,0,USD,2026-03-21\n3,1,-100.00,0,USD,x\n", "")
    options = {"source": "d365", "on_missing_application": "undo"}
    await extracts.load("d365-CustSettlement", again, options=options)
    assert await extracts.memos() == {"CCN-1": (10_000, "USD")}


async def test_dynamics_365_finance_open_only(extracts: Extracts) -> None:
    await extracts.load("d365-CustTable", "CustomerAccount,OrganizationName,SalesCurrencyCode\nUS-001,Contoso,USD\n")
    content = "REFRECID,ACCOUNTNUM,TRANSDATE,DUEDATE,AMOUNTCUR,CURRENCYCODE\n77,US-001,3/1/2026,3/31/2026,42.50,USD\n"
    await extracts.load("d365-CustTransOpen", content)
    assert await extracts.open() == {"77": (4_250, "USD", date(2026, 3, 31))}


SEARCH = "Internal ID,Type,Document Number,ID,Name,Date,Due Date,Currency,Amount,Amount Remaining,Status\n"


async def test_netsuite(extracts: Extracts) -> None:
    customers = "Internal ID,ID,Name,Currency,Terms,Email\n9,C9,Wye Ltd,British pound,Net 30,a@wye.example\n"
    await extracts.load("netsuite-customers", customers)
    content = SEARCH + (
        '1,Invoice,INV1,C9,Wye Ltd,3/1/2026,3/31/2026,British pound,"1,200.00",700.00,Invoice : Open\n'
        "2,Invoice,INV2,C9,Wye Ltd,3/2/2026,4/1/2026,Euro,80.00,80.00,Invoice : Open\n"
        "3,Credit Memo,CM1,C9,Wye Ltd,3/3/2026,,British pound,-100.00,0.00,Credit Memo : Fully Applied\n"
        "4,Invoice,INV4,C9,Wye Ltd,3/4/2026,4/3/2026,British pound,5.00,0.00,Invoice : Voided\n"
        "5,Payment,PYMT5,C9,Wye Ltd,3/9/2026,,British pound,-450.00,,Payment : Deposited\n"
    )
    await extracts.load("netsuite-documents", content)
    await extracts.load("netsuite-payments", content)
    applied = (
        "Internal ID,Type,Date,Currency,Applied To Transaction : Internal ID,Applied To Link Amount\n"
        "5,Payment,3/9/2026,British pound,1,400.00\n3,Credit Memo,3/3/2026,British pound,1,100.00\n"
        "5,Payment,3/9/2026,British pound,,50.00\n"
    )
    await extracts.load("netsuite-applications", applied)
    assert {n: v[:2] for n, v in (await extracts.open()).items()} == {"INV1": (70_000, "GBP"), "INV2": (8_000, "EUR")}
    assert await extracts.cash() == {"5": (5_000, "partially_applied")}
    voided = content.replace("Euro,80.00,80.00,Invoice : Open", "Euro,80.00,0.00,Invoice : Voided")
    assert (await extracts.load("netsuite-documents", voided))["rows_updated"] == 1
    assert "INV2" not in await extracts.open()


async def test_netsuite_open_only(extracts: Extracts) -> None:
    content = SEARCH + '1,Invoice,INV1,C9,Wye Ltd,3/1/2026,3/31/2026,Euro,"1,200.00",700.00,Invoice : Open\n'
    await extracts.load("netsuite-transactions", content)
    assert (await extracts.open())["INV1"] == (70_000, "EUR", date(2026, 3, 31))


async def test_quickbooks(extracts: Extracts) -> None:
    customers = "Customer,Phone numbers,Email,Full name\nKookies by Kathy,555,k@k.example,Kathy K\n"
    await extracts.load("quickbooks-customers", customers)
    content = (
        "Date,Transaction type,Num,Name,Due date,Amount,Open balance,Currency,Memo/Description\n"
        '03/01/2026,Invoice,1001,Kookies by Kathy,03/31/2026,"1,500.00",500.00,EUR,\n'
        "03/02/2026,Invoice,1002,Kookies by Kathy,04/01/2026,75.00,75.00,USD,\n"
        "03/03/2026,Credit Memo,1003,Kookies by Kathy,,-40.00,-40.00,EUR,\n"
        "03/04/2026,Invoice,1004,Kookies by Kathy,04/03/2026,0.00,0.00,EUR,Voided\n"
        "03/09/2026,Payment,88,Kookies by Kathy,,-1000.00,-20.00,EUR,\n"
    )
    where = {"Amount": ["<0", ">0"]}
    await extracts.load("quickbooks-open-invoices", content, where=where)
    await extracts.load("quickbooks-open-payments", content)
    assert {n: v[:2] for n, v in (await extracts.open()).items()} == {"1001": (50_000, "EUR"), "1002": (7_500, "USD")}
    assert await extracts.memos() == {"1003": (4_000, "EUR")}
    assert await extracts.cash() == {"Payment/Kookies by Kathy/03/09/2026/88": (2_000, "unapplied")}
    assert (await extracts.load("quickbooks-open-invoices", content, where=where))["rows_unchanged"] == 3
