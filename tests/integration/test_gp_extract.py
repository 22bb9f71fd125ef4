"""Tables of Dynamics GP come in by the shipped mappings: signs, padding, empty dates, voids, applications, balances."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from app.integrations.presets import overruled, preset
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.factories import Tenant
from tests.integration.importing import load

CUSTOMERS = b"""CUSTNMBR,CUSTNAME,CPRCSTNM,PYMTRMID,CURNCYID,CRLMTTYP,CRLMTAMT,HOLD,INACTIVE,CITY
AARON001       ,Aaron Fitz Electrical     ,               ,Net 30               ,USD,2,35000.00000,0,0,Chicago
ADAMPARK0001   ,Adam Park Resort          ,AARON001       ,2/10 net 30          ,USD,1,0.00000,1,0,Indianapolis
"""
OPEN = b"""\
CUSTNMBR,RMDTYPAL,DOCNUMBR,DOCDATE,DUEDATE,GLPOSTDT,ORTRXAMT,CURTRXAM,CSPORNBR,CURNCYID,VOIDSTTS,CHEKNMBR,CSHRCTYP
AARON001       ,1,INV1001        ,2026-03-01|,2026-03-31|,2026-03-01|,1000.00000,200.00000,PO-7,USD,0,,0
AARON001       ,1,INV1002        ,2026-03-05|,1900-01-01|,1900-01-01|,50.00000,50.00000,,USD,0,,0
AARON001       ,1,INV1003        ,2026-03-06|,2026-04-05|,2026-03-06|,77.00000,0.00000,,USD,1,,0
AARON001       ,3,DM1            ,2026-03-07|,2026-04-06|,2026-03-07|,10.00000,10.00000,,USD,0,,0
AARON001       ,7,CM1            ,2026-03-08|,1900-01-01|,2026-03-08|,100.00000,0.00000,,USD,0,,0
AARON001       ,9,PYMNT1         ,2026-03-20|,1900-01-01|,2026-03-20|,725.00000,40.00000,,USD,0,CHK 88,0
""".replace(b"|", b" 00:00:00.000")
APPLIED = b"""CUSTNMBR,APFRDCTY,APFRDCNM,APTODCTY,APTODCNM,APPTOAMT,DISTKNAM,WROFAMNT,CURNCYID,DATE1
AARON001       ,9,PYMNT1         ,1,INV1001        ,685.00000,14.50000,0.50000,USD,2026-03-20|
AARON001       ,7,CM1            ,1,INV1001        ,100.00000,0.00000,0.00000,USD,2026-03-21|
""".replace(b"|", b" 00:00:00.000")
BALANCES = b"CUSTNMBR,CUSTBLNC\nAARON001       ,220.00000\nADAMPARK0001   ,0.00000\n"


async def bring(
    database: RolledBackDatabase, tenant: Tenant, folder: Path, name: str, content: bytes, **more: Any
) -> dict[str, Any]:
    mapping = overruled(preset(name), more)
    mapping["options"] = {**mapping["options"], "currency": "USD"}
    return await load(
        database, tenant, folder, content, preset(name)["kind"], mapping, {"currency": "USD", **mapping["options"]}
    )


async def everything(database: RolledBackDatabase, tenant: Tenant, folder: Path) -> list[dict[str, Any]]:
    steps = (
        ("gp-RM00101", CUSTOMERS), ("gp-RM20101-documents", OPEN), ("gp-RM20101-payments", OPEN),
        ("gp-RM20201", APPLIED), ("gp-RM00103", BALANCES),
    )  # fmt: skip
    return [await bring(database, tenant, folder, name, content) for name, content in steps]


async def test_an_extract_comes_in_whole_balances_agree_and_again_it_changes_nothing(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    first = await everything(database, tenant, tmp_path)
    for row in first:
        assert (row["state"], row["errors"]) == ("completed", []), (row["kind"], row["details"])
    assert [row["rows_created"] for row in first] == [2, 4, 1, 2, 0]
    assert first[4]["rows_unchanged"] == 2, "both balances agree"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        rows = await session.driver.fetch(
            "SELECT i.number, i.kind, i.purchase_order, n.due_date, n.open_minor FROM invoices i"
            " JOIN instalments n ON n.invoice_id = i.id WHERE i.source = 'gp' ORDER BY i.number"
        )
        child = await session.driver.fetchrow("SELECT * FROM accounts WHERE number = 'ADAMPARK0001'")
        parent = await session.driver.fetchrow("SELECT * FROM accounts WHERE number = 'AARON001'")
        payment = await session.driver.fetchrow("SELECT * FROM payments WHERE source = 'gp'")
        await assert_books_agree(session)
    assert [(row["number"], row["kind"], row["open_minor"]) for row in rows] == [
        ("DM1", "debit_memo", 1_000), ("INV1001", "invoice", 20_000), ("INV1002", "invoice", 5_000),
    ]  # fmt: skip
    assert rows[2]["due_date"] == date(2026, 4, 4), "the terms of the customer, where the extract names no day"
    assert (parent["credit_limit_minor"], child["credit_limit_minor"]) == (3_500_000, None)
    assert (child["parent_id"], child["source_credit_status"]) == (parent["id"], "hold")
    assert (payment["method"], payment["bank_reference"], payment["unapplied_minor"]) == ("cheque", "CHK 88", 4_000)
    again = await everything(database, tenant, tmp_path)
    assert [row["rows_created"] + row["rows_updated"] for row in again] == [0, 0, 0, 0, 0]


async def test_a_later_application_is_added_and_a_later_void_is_followed(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    await everything(database, tenant, tmp_path)
    more = APPLIED + b"AARON001,9,PYMNT1,1,INV1002,40.00000,0,0,USD,2026-03-25\n"
    row = await bring(database, tenant, tmp_path, "gp-RM20201", more)
    assert (row["rows_created"], row["rows_unchanged"], row["errors"]) == (1, 2, [])
    voided = OPEN.replace(b",10.00000,10.00000,,USD,0,", b",10.00000,0.00000,,USD,1,")
    row = await bring(database, tenant, tmp_path, "gp-RM20101-documents", voided)
    assert (row["rows_updated"], row["errors"]) == (1, [])
    row = await bring(database, tenant, tmp_path, "gp-RM00103", BALANCES)
    assert [error[2] for error in row["errors"]] == ["import.balance_differs"]
    assert row["details"] == ["the source says 220.00 USD, here it is 210.00; the difference is -10.00"]


async def test_smartlist_headers_and_an_open_only_extract(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    await bring(database, tenant, tmp_path, "gp-RM00101", CUSTOMERS)
    content = (
        OPEN.replace(b"CUSTNMBR", b"Customer Number").replace(b"DOCNUMBR", b"Document Number")
        .replace(b"ORTRXAMT", b"Original Trx Amount").replace(b"CURTRXAM", b"Current Trx Amount")
    )  # fmt: skip
    documents = await bring(database, tenant, tmp_path, "gp-RM20101-open-only", content)
    cash = await bring(database, tenant, tmp_path, "gp-RM20101-payments-open-only", content)
    balances = await bring(database, tenant, tmp_path, "gp-RM00103", BALANCES)
    for row in (documents, cash, balances):
        assert (row["state"], row["errors"]) == ("completed", []), row["details"]
