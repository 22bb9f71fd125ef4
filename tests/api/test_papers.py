"""Account statements and evidence files over HTTP, and the log of exports."""

from __future__ import annotations

import io
from datetime import date, timedelta
from uuid import UUID

import httpx
import openpyxl
from pypdf import PdfReader

from app.collections.legal.cases import PrepareCase, prepare_case
from app.core.clock import business_date, utc_now
from app.desk.papers import evidence_making
from app.documents.service import Subject, add_document, keep_content
from app.documents.storage import document_store
from app.infra.database import SYSTEM
from app.infra.rendering.papers import Grid, Paper, paper_pdf
from app.settings import Settings
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.pictures import png
from tests.receivables import credit, issue, pay, settle

DAY = date(2026, 3, 2)


async def _owing(database: RolledBackDatabase, tenant: Tenant) -> list[UUID]:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        first, item = await issue(session, tenant, 1_000_00, DAY, number="=RE-1", due_date=DAY + timedelta(days=30))
        second, _ = await issue(session, tenant, 250_50, DAY, number="RE-2", due_date=DAY + timedelta(days=60))
        await settle(session, await pay(session, tenant, 300_00, date(2026, 5, 4)), item, 200_00, date(2026, 5, 5))
        await credit(session, tenant, 40_00, date(2026, 4, 1))
    return [first, second]


async def test_the_statement_of_a_past_day_and_of_a_later_one(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _owing(database, tenant)
    address = f"/v1/accounts/{tenant.account_id}/statement"
    past = (await client.get(address, params={"as_of": "2026-04-11"})).json()
    assert [(row["number"], row["open"], row["days_late"], row["bucket"]) for row in past["items"]] == [
        ("=RE-1", "1000.00", 10, "1-30"), ("RE-2", "250.50", 0, "current"),
    ]  # fmt: skip
    (total,) = past["totals"]
    assert (total["open"], total["credit_memos"], total["unapplied"], total["balance"]) == (
        "1250.50", "40.00", "0.00", "1210.50",
    )  # fmt: skip
    later = (await client.get(address, params={"as_of": "2026-05-05"})).json()
    (total,) = later["totals"]
    assert (total["open"], total["overdue"], total["unapplied"], total["balance"]) == (
        "1050.50", "1050.50", "100.00", "910.50",
    )  # fmt: skip
    assert later["bank_accounts"][0]["identifier"] == "DE89370400440532013000"


async def test_paper_workbook_and_csv_in_the_language_of_the_account(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _owing(database, tenant)
    address = f"/v1/accounts/{tenant.account_id}/statement"
    paper = await client.get(address, params={"as_of": "2026-04-11", "format": "pdf", "language": "de"})
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.content)).pages)
    assert "Kontoauszug" in text
    assert "1.210,50" in text
    assert "DE89 3704 0044 0532 0130 00" in text
    workbook = await client.get(address, params={"as_of": "2026-04-11", "format": "xlsx", "language": "fr"})
    sheet = openpyxl.load_workbook(io.BytesIO(workbook.content)).worksheets[0]
    rows = list(sheet.iter_rows())
    assert (sheet.freeze_panes, rows[0][0].value) == ("A2", "Pièce")
    assert (rows[1][0].value, rows[1][0].data_type) == ("=RE-1", "s"), "a number that begins with = is no formula"
    assert rows[1][4].is_date
    assert (rows[1][9].value, rows[1][9].data_type) == (1000, "n")
    csv = (await client.get(address, params={"as_of": "2026-04-11", "format": "csv"})).text
    assert "'=RE-1" in csv
    assert "-40.00" in csv
    log = (await client.get("/v1/export-log")).json()["data"]
    assert [(row["name"], row["format"], row["rows"]) for row in log] == [
        ("account-statement", "csv", 3), ("account-statement", "xlsx", 3), ("account-statement", "pdf", 3),
    ]  # fmt: skip
    assert log[0]["filters"] == {"as_of": "2026-04-11", "account_id": str(tenant.account_id)}


async def test_every_csv_report_is_logged_and_only_auditors_read_the_log(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    for name in ("aging", "disputes", "cash-application"):
        assert (await client.get(f"/v1/reports/{name}", params={"format": "csv"})).status_code == 200
        assert (await client.get(f"/v1/reports/{name}")).status_code == 200
    found = (await client.get("/v1/export-log", params={"format": "csv"})).json()["data"]
    assert [row["name"] for row in found] == ["cash-application", "disputes", "aging"]
    assert found[0]["actor_name"] == "Ada Tester"
    refused = await client.get(
        "/v1/export-log", headers={"Authorization": f"Bearer {authenticator.grant(tenant, 'reports:read')}"}
    )
    assert refused.status_code == 403


async def _case(database: RolledBackDatabase, tenant: Tenant, data_dir: Settings) -> UUID:
    (invoice_id, _) = await _owing(database, tenant)
    enclosed = paper_pdf(Paper("Proof of delivery", (Grid(("a",), (("b",),)),)), DAY)
    proof = await keep_content(document_store(data_dir), tenant.organization_id, enclosed, "proof.pdf")
    photo = await keep_content(document_store(data_dir), tenant.organization_id, png(40, 30), "photo.png")
    bomb = await keep_content(document_store(data_dir), tenant.organization_id, png(30_000, 30_000, rows=1), "bomb.png")
    broken = await keep_content(document_store(data_dir), tenant.organization_id, b"%PDF-1.7 broken", "broken.pdf")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for kept in (proof, photo, bomb, broken):
            await add_document(session, kept, Subject("invoice", invoice_id), category="proof_of_delivery")
        today = business_date(utc_now(), "Europe/Berlin")
        return await prepare_case(
            session, PrepareCase("legal_case", tenant.account_id, "EUR", "refuses_to_pay"), today=today
        )


async def test_an_evidence_file_binds_what_proves_the_claim(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: object
) -> None:
    case_id = await _case(database, tenant, service.state.settings)  # type: ignore[attr-defined]
    made = await client.get(f"/v1/legal-cases/{case_id}/evidence.pdf")
    assert (made.status_code, made.headers["content-type"]) == (200, "application/pdf"), made.text
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(made.content)).pages]
    total = len(pages)
    assert "Proof of delivery" in pages[-1]
    assert f"{total} / {total}" in pages[-1], "pages from elsewhere carry a number, too"
    assert [len(page.images) for page in PdfReader(io.BytesIO(made.content)).pages][-2] == 1, "the photograph is a page"
    assert f"1 / {total}" in pages[0]
    text = "".join(pages)
    assert "Attachment 2: =RE-1: proof.pdf" in text
    assert "photo.png" in text
    state = (await client.get(made.headers["content-location"])).json()
    assert (state["state"], state["pages"], state["attached"]) == ("completed", total, 2)
    assert {(row["name"], row["reason"]) for row in state["left_out"]} == {
        ("=RE-1: bomb.png", "too_many_pixels"), ("=RE-1: broken.pdf", "unreadable"),
    }  # fmt: skip
    kept = await client.get(f"/v1/documents/{state['document_id']}/content")
    assert kept.content == made.content
    again = await client.get(f"/v1/legal-cases/{case_id}/evidence.pdf")
    assert again.headers["content-location"] == made.headers["content-location"]


async def test_a_large_evidence_file_is_made_in_the_background(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: object, monkeypatch: object
) -> None:
    settings = service.state.settings  # type: ignore[attr-defined]
    case_id = await _case(database, tenant, settings)
    monkeypatch.setattr(evidence_making, "DIRECT_DOCUMENTS_MAX", 0)  # type: ignore[attr-defined]
    address = f"/v1/legal-cases/{case_id}/evidence.pdf"
    first = await client.get(address)
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert (await client.get(address)).json()["id"] == first.json()["id"], "asking again queues nothing more"
    file_id = UUID(first.json()["id"])
    for _ in range(2):  # repeatable
        await evidence_making.make_queued(database, settings, tenant.organization_id, file_id, SYSTEM, utc_now())
    ready = await client.get(address)
    assert (ready.status_code, ready.headers["content-type"]) == (200, "application/pdf")
    assert (await client.get(first.headers["location"])).json()["state"] == "completed"
