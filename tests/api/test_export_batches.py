"""Batches for an ERP over HTTP: whole, once, of the same bytes, answered row by row; and known when they come back."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
from defusedxml import ElementTree

from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.integration.importing import load
from tests.integration.test_gp_extract import CUSTOMERS, bring

MAPPED = {
    role: f"{code}" for code, role in enumerate(
        ("receivables", "unapplied_cash", "unidentified_cash", "bank", "revenue", "tax_payable", "discounts_allowed"),
        start=1000,
    )
}  # fmt: skip
OPEN = (
    "CUSTNMBR,RMDTYPAL,DOCNUMBR,DOCDATE,DUEDATE,ORTRXAMT,CURTRXAM,CURNCYID\n"
    "AARON001,1,INV1,2026-03-01,2026-03-31,100,100,EUR\nAARON001,1,INV2,2026-03-02,2026-04-01,60,60,EUR\n"
)


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None, status: int = 201) -> Any:
    answer = await client.post(f"/v1/{path}", json=body or {})
    assert answer.status_code == status, answer.text
    return answer.json()


async def map_accounts(client: httpx.AsyncClient, tenant: Tenant) -> None:
    path = f"/v1/legal-entities/{tenant.legal_entity_id}/account-mapping"
    version = (await client.get(path)).headers["ETag"]
    answer = await client.put(path, json={"accounts": MAPPED}, headers={"If-Match": version})
    assert answer.status_code == 200, answer.text


async def invoice(client: httpx.AsyncClient, tenant: Tenant, number: str, amount: str, on: str = "2026-03-01") -> Any:
    body = {
        "number": number, "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
        "amount": amount, "currency": "EUR", "invoice_date": on, "due_date": on,
    }  # fmt: skip
    return await post(client, "invoices", body)


async def test_the_journal_leaves_once_balanced_and_what_was_rejected_leaves_again(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await invoice(client, tenant, "R-1", "100.00")
    await invoice(client, tenant, "R-2", "20.00", on="2026-04-01")
    refused = await post(client, "journal-exports", status=422)
    assert refused["code"] == "export_batch.account_unmapped"
    assert "revenue of main" in refused["detail"]
    await map_accounts(client, tenant)
    march = await post(client, "journal-exports", {"effective_from": "2026-03-01", "effective_to": "2026-03-31"})
    assert (march["number"], march["rows_count"], march["state"]) == (1, 1, "open")
    assert march["totals"] == [{"currency": "EUR", "rows": 1, "debit": "100.00", "credit": "100.00"}]
    rest = await post(client, "journal-exports")
    assert rest["rows_count"] == 1
    assert (await post(client, "journal-exports", status=409))["code"] == "export_batch.nothing_new"
    path = f"/v1/journal-exports/{march['id']}"
    files = {}
    for form in ("csv", "json", "xlsx"):
        first, again = [(await client.get(f"{path}/file?format={form}")).content for _ in range(2)]
        assert first == again, form
        files[form] = first
    lines = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    assert [(x["gl_account"], x["debit"], x["credit"], x["document"]) for x in lines] == [
        ("1000", "100.00", "", "R-1"), ("1004", "", "100.00", "R-1"),
    ]  # fmt: skip
    assert zipfile.ZipFile(io.BytesIO(files["xlsx"])).testzip() is None
    done = await post(
        client, f"journal-exports/{march['id']}/acknowledge",
        {"results": [{"ordinal": 1, "state": "rejected", "error": "period is closed"}]}, 200,
    )  # fmt: skip
    assert (done["state"], done["rows_rejected"], done["allowed_actions"]) == ("acknowledged", 1, [])
    rows = (await client.get(f"{path}/rows?state=rejected")).json()["data"]
    assert rows[0]["error"] == "period is closed"
    differs = {"results": [{"ordinal": 1, "state": "accepted"}]}
    assert (await post(client, f"journal-exports/{march['id']}/acknowledge", differs, 409))["code"] == (
        "export_batch.answer_differs"
    )
    third = await post(client, "journal-exports")
    assert third["rows_count"] == 1, "the rejected row goes into the next one"
    taken = await post(client, f"journal-exports/{third['id']}/acknowledge", {"rest": "accepted"}, 200)
    assert (taken["rows_accepted"], taken["state"]) == (1, "acknowledged")
    back = await post(client, f"journal-exports/{rest['id']}/cancel", None, 200)
    assert back["state"] == "cancelled"
    assert (await post(client, "journal-exports"))["rows_count"] == 1
    assert (await client.get(f"/v1/cash-receipt-exports/{march['id']}")).status_code == 404
    listed = (await client.get("/v1/journal-exports?state=cancelled")).json()["data"]
    assert [found["number"] for found in listed] == [2]


async def gp_payment(client: httpx.AsyncClient, tenant: Tenant, account_id: str, amount: str, reference: str) -> Any:
    body = {
        "amount": amount, "currency": "EUR", "value_date": "2026-03-20", "bank_account_id": str(tenant.bank_account_id),
        "account_id": account_id, "payer_name": "Aaron & Fitz <Ltd>", "bank_reference": reference,
    }  # fmt: skip
    return await post(client, "payments", body)


async def test_cash_goes_to_dynamics_gp_and_comes_back_known(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    await bring(
        database, tenant, tmp_path, "gp-RM00101", CUSTOMERS.replace(b"USD", b"EUR"), options={"currency": "EUR"}
    )
    assert (await load_gp(database, tenant, tmp_path, "gp-RM20101-documents", OPEN))["rows_created"] == 2
    (account,) = (await client.get("/v1/accounts?source=gp&external_id=AARON001")).json()["data"]
    invoices = {i["number"]: i for i in (await client.get("/v1/invoices?source=gp&expand=instalments")).json()["data"]}
    first = await gp_payment(client, tenant, account["id"], "130.00", "B-1")
    stranger = await gp_payment(client, tenant, str(tenant.account_id), "5.00", "B-2")
    for number, amount in (("INV1", "100.00"), ("INV2", "30.00")):
        found = (await client.get(f"/v1/invoices/{invoices[number]['id']}")).json()
        line = {"instalment_id": found["instalments"][0]["id"], "amount": amount}
        await post(
            client,
            f"payments/{first['id']}/applications",
            {"lines": [line], "currency": "EUR", "effective_date": "2026-03-21"},
        )
    body = {"source": "gp", "checkbook_id": "UPTOWN TRUST", "currency_ids": {"EUR": "Z-EURO"}}
    batch = await post(client, "cash-receipt-exports", body)
    assert (batch["rows_count"], batch["left_out"]) == (3, {"payments_of_unknown_customers": 1}), stranger["id"]
    path = f"/v1/cash-receipt-exports/{batch['id']}"
    content = (await client.get(f"{path}/file")).content
    assert content == (await client.get(f"{path}/file?format=xml")).content
    root = ElementTree.fromstring(content)
    assert [child.tag for child in root] == ["RMCashReceiptsType", "RMApplyType", "RMApplyType"]
    receipt = {node.tag: node.text for node in root.find("RMCashReceiptsType/taRMCashReceiptInsert")}
    assert receipt == {
        "CUSTNMBR": "AARON001", "DOCNUMBR": "DC0000001000001", "DOCDATE": "2026-03-20", "ORTRXAMT": "130.00",
        "GLPOSTDT": "2026-03-20", "BACHNUMB": "DC00000001", "CSHRCTYP": "0", "CHEKBKID": "UPTOWN TRUST",
        "CHEKNMBR": "B-1", "TRXDSCRN": "Aaron & Fitz <Ltd>", "CURNCYID": "Z-EURO",
    }  # fmt: skip
    applied = {node.tag: node.text for node in root.find("RMApplyType/taRMApply")}
    assert applied == {
        "APTODCNM": "INV1", "APFRDCNM": "DC0000001000001", "APPTOAMT": "100.00", "APFRDCTY": "9", "APTODCTY": "1",
        "DISTKNAM": "0.00", "WROFAMNT": "0.00", "APPLYDATE": "2026-03-21", "GLPOSTDT": "2026-03-21",
    }  # fmt: skip
    lines = (await client.get(f"{path}/file?format=csv&part=applications")).text.splitlines()
    assert (lines[0].split(",")[:2], len(lines)) == (["ROW", "APTODCNM"], 3)
    # The ERP refuses the receipt: what it settles falls with it, and all three leave again under another number.
    answer = {"results": [{"ordinal": 1, "state": "rejected", "error": "customer on hold"}]}
    done = await post(client, f"cash-receipt-exports/{batch['id']}/acknowledge", answer, 200)
    assert (done["rows_rejected"], done["state"]) == (3, "acknowledged")
    second = await post(client, "cash-receipt-exports", body)
    assert second["rows_count"] == 3
    accepted = {"results": [{"ordinal": 1, "state": "accepted", "erp_reference": "X"}], "rest": "accepted"}
    await post(client, f"cash-receipt-exports/{second['id']}/acknowledge", accepted, 200)
    await post(client, f"cash-receipt-exports/{second['id']}/acknowledge", accepted, 200)
    await come_back(database, tenant, tmp_path)
    unapplied = (await client.get(f"/v1/applications?payment_id={first['id']}")).json()["data"]
    group = next(row["group_id"] for row in unapplied if row["amount"] == "30.00")
    await post(client, f"applications/{group}/reverse", {"effective_date": "2026-03-25", "reason": "wrong"})
    third = await post(client, "cash-receipt-exports", body)
    root = ElementTree.fromstring((await client.get(f"/v1/cash-receipt-exports/{third['id']}/file")).content)
    undone = {node.tag: node.text for node in root.find("RMUnapplyTransactionType/taRMUnapplyTransaction")}
    assert (undone["DOCNUMBR"], undone["APTODCNM"], undone["RMDTYPAL"]) == ("DC0000002000001", "INV2", "9")


async def load_gp(
    database: RolledBackDatabase, tenant: Tenant, folder: Path, name: str, content: str
) -> dict[str, Any]:
    from app.integrations.presets import preset

    mapping = preset(name)
    done = await load(database, tenant, folder, content.encode(), mapping["kind"], dict(mapping), {
        **mapping["options"], "currency": "EUR",
    })  # fmt: skip
    assert done["errors"] == [], done["details"]
    return done


async def come_back(database: RolledBackDatabase, tenant: Tenant, folder: Path) -> None:
    """GP's own extracts name the receipt and what it settles: nothing is doubled."""
    receipts = (
        "CUSTNMBR,RMDTYPAL,DOCNUMBR,DOCDATE,ORTRXAMT,CURTRXAM,CURNCYID\n"
        "AARON001,9,DC0000002000001,2026-03-20,130,0,EUR\n"
    )
    done = await load_gp(database, tenant, folder, "gp-RM20101-payments", receipts)
    assert (done["rows_created"], done["rows_unchanged"]) == (0, 1)
    applied = "CUSTNMBR,APFRDCTY,APFRDCNM,APTODCTY,APTODCNM,APPTOAMT,DISTKNAM,WROFAMNT,CURNCYID,DATE1\n"
    for number, amount in (("INV1", "100"), ("INV2", "30")):
        applied += f"AARON001,9,DC0000002000001,1,{number},{amount},0,0,EUR,2026-03-21\n"
    done = await load_gp(database, tenant, folder, "gp-RM20201", applied)
    assert (done["rows_created"], done["rows_unchanged"]) == (0, 2)
