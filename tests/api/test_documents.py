"""Documents over HTTP: stored once, typed by content, attached to records, downloaded safely."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.ids import new_id
from app.documents import router
from tests.api.test_invoices import invoice
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant, make_tenant
from tests.unit.documents.test_rules import PDF, PNG


async def upload(client: httpx.AsyncClient, content: bytes, name: str, subject: Any, **more: str) -> httpx.Response:
    kind, subject_id = subject
    data = {"subject_kind": kind, "subject_id": str(subject_id), **more}
    return await client.post("/v1/documents", files={"file": (name, content, "text/html")}, data=data)


@pytest.fixture
async def invoice_id(client: httpx.AsyncClient, tenant: Tenant) -> str:
    return str((await client.post("/v1/invoices", json=invoice(tenant))).json()["id"])


async def test_the_same_content_is_stored_once_and_belongs_to_many(
    client: httpx.AsyncClient, tenant: Tenant, invoice_id: str, tmp_path: Path
) -> None:
    first = await upload(client, PDF, "Lieferschein 7ü.pdf", ("invoice", invoice_id), category="proof_of_delivery")
    assert first.status_code == 201, first.text
    made = first.json()
    assert (made["media_type"], made["size_bytes"], made["name"]) == (
        "application/pdf",
        len(PDF),
        "Lieferschein 7ü.pdf",
    )
    assert made["allowed_actions"] == ["download", "link", "unlink"]
    second = await upload(client, PDF, "copy.pdf", ("account", tenant.account_id), note="sent by the customer")
    assert second.json()["id"] == made["id"]
    assert [link["name"] for link in second.json()["links"]] == ["Lieferschein 7ü.pdf", "copy.pdf"]
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1
    (listed,) = (
        await client.get("/v1/documents", params={"subject_kind": "invoice", "subject_id": invoice_id})
    ).json()["data"]
    assert [link["subject_kind"] for link in listed["links"]] == ["invoice"]
    where = f"/v1/documents/{made['id']}"
    content = await client.get(f"{where}/content")
    assert content.content == PDF
    assert content.headers["content-type"] == "application/pdf"
    assert content.headers["content-disposition"] == (
        "attachment; filename=\"Lieferschein 7_.pdf\"; filename*=UTF-8''Lieferschein%207%C3%BC.pdf"
    )
    assert content.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "sandbox" in content.headers["content-security-policy"]
    link_id = next(link["id"] for link in second.json()["links"] if link["subject_kind"] == "account")
    assert (await client.delete(f"{where}/links/{link_id}")).status_code == 204
    assert (await client.delete(f"{where}/links/{link_id}")).status_code == 404
    again = await client.post(f"{where}/links", json={"subject_kind": "account", "subject_id": str(tenant.account_id)})
    assert len(again.json()["links"]) == 2
    assert (await client.get(f"{where}/content")).status_code == 200


async def test_what_is_not_taken_leaves_nothing_behind(
    client: httpx.AsyncClient, tenant: Tenant, invoice_id: str, tmp_path: Path
) -> None:
    subject = ("invoice", invoice_id)
    for content, name, code in (
        (b"<html><script>", "a.pdf", "document.type_refused"),
        (PNG, "a.pdf", "document.type_refused"),
        (b"MZ\x00", "a.exe", "document.type_refused"),
        (PDF, "...", "document.name_invalid"),
    ):
        refused = await upload(client, content, name, subject)
        assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text
    unknown = await upload(client, PDF, "a.pdf", ("invoice", new_id()))
    assert (unknown.status_code, unknown.json()["code"]) == (422, "document.subject_unknown")
    for data in (
        {},
        {"subject_kind": "moon", "subject_id": invoice_id},
        {"subject_kind": "invoice", "subject_id": "x"},
    ):
        refused = await client.post("/v1/documents", files={"file": ("a.pdf", PDF)}, data=data)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] in ("/subject_kind", "/subject_id")
    for body in ({"json": {}}, {"data": {"subject_kind": "invoice"}}, {"content": b"--x", "headers": {
        "Content-Type": "multipart/form-data; boundary=x"}}):  # fmt: skip
        assert (await client.post("/v1/documents", **body)).status_code == 422
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_size_is_bounded(client: httpx.AsyncClient, invoice_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "FORM_BYTES_MAX", 2_000)
    refused = await upload(client, PDF + b"x" * 3_000, "a.pdf", ("invoice", invoice_id))
    assert (refused.status_code, refused.json()["code"]) == (413, "document.too_large")


async def test_a_document_is_seen_through_its_records_only(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    authenticator: StaticAuthenticator,
    invoice_id: str,
) -> None:
    document_id = UUID((await upload(client, PDF, "a.pdf", ("invoice", invoice_id))).json()["id"])
    blind = {"Authorization": f"Bearer {authenticator.grant(tenant, *(ALL_SCOPES - {'invoices:read'}))}"}
    stranger = await make_tenant(database, name="Somebody Else")
    other = {"Authorization": f"Bearer {authenticator.grant(stranger)}"}
    for headers in (blind, other):
        for path in (f"/v1/documents/{document_id}", f"/v1/documents/{document_id}/content"):
            assert (await client.get(path, headers=headers)).status_code == 404
    params = {"subject_kind": "invoice", "subject_id": invoice_id}
    assert (await client.get("/v1/documents", params=params, headers=blind)).status_code == 403
    assert (await client.get("/v1/documents", params=params, headers=other)).json()["data"] == []


async def test_an_upload_may_be_repeated_under_its_key(client: httpx.AsyncClient, invoice_id: str) -> None:
    headers = {"Idempotency-Key": "u-1"}
    data = {"subject_kind": "invoice", "subject_id": invoice_id}
    files = {"file": ("a.pdf", PDF)}
    first = await client.post("/v1/documents", files=files, data=data, headers=headers)
    again = await client.post("/v1/documents", files=files, data=data, headers=headers)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    files = {"file": ("a.pdf", PDF + b"other")}
    refused = await client.post("/v1/documents", files=files, data=data, headers=headers)
    assert refused.json()["code"] == "idempotency.other_request"
