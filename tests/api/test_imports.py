"""Imports over HTTP: uploads in both forms, bounds, scopes, idempotency, errors by page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.infra.database import Database
from app.integrations.import_run import run_import
from tests.conftest import StaticAuthenticator
from tests.factories import Tenant, make_tenant
from tests.integration.importing import MAPPING, table
from tests.unit.bank_formats.messages import camt, entry

ROWS = table("R1;C-1;2026-01-05;2026-02-04;1000.10", "R2;C-9;2026-01-06;2026-02-05;20.00")


def form(content: bytes = ROWS, **texts: Any) -> dict[str, Any]:
    """A multipart request."""
    data = {"kind": "invoices", "mapping": json.dumps(MAPPING), **texts}
    return {"data": data, "files": {"file": ("march/../invoices.csv", content, "text/csv")}}


@pytest.fixture
def run(database: Database, tenant: Tenant, tmp_path: Path) -> Any:
    """Do what the worker does for an import."""

    async def work(import_id: str) -> None:
        from uuid import UUID

        await run_import(database, tmp_path, tenant.organization_id, UUID(import_id))

    return work


async def test_a_form_is_accepted_at_once_and_loaded_by_the_worker(client: httpx.AsyncClient, run: Any) -> None:
    answer = await client.post("/v1/imports", **form())
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert answer.headers["Location"] == f"/v1/imports/{made['id']}"
    assert (made["state"], made["file_name"], made["percent"]) == ("queued", "invoices.csv", 0)
    assert made["allowed_actions"] == ["cancel"]
    await run(made["id"])
    found = (await client.get(answer.headers["Location"])).json()
    assert (found["state"], found["rows_created"], found["rows_refused"], found["percent"]) == ("completed", 1, 1, 100)
    (total,) = found["control_totals"]
    assert (total["currency"], total["read"], total["created"]) == (
        "EUR", {"rows": 2, "amount": "1020.10"}, {"rows": 1, "amount": "1000.10"},
    )  # fmt: skip
    errors = (await client.get(f"{answer.headers['Location']}/errors?severity=refused")).json()
    assert errors["data"] == [
        {"row_number": 3, "severity": "refused", "field": "account_number", "code": "import.reference_unknown",
         "detail": "no account 'C-9'"}
    ]  # fmt: skip
    listed = (await client.get("/v1/imports?kind=invoices&state=completed")).json()
    assert [item["id"] for item in listed["data"]] == [made["id"]]
    ended = await client.post(f"{answer.headers['Location']}/cancel")
    assert (ended.status_code, ended.json()["code"]) == (409, "import.finished")


async def test_the_body_may_be_the_file_itself(client: httpx.AsyncClient, run: Any) -> None:
    lines = b'{"number":"A-7","name":"Seven","currency":"EUR"}\n{"number":"A-8","name":"Eight","currency":"EUR"}\n'
    query = {"kind": "accounts", "options": json.dumps({"source": "gp"}), "dry_run": "true"}
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await client.post("/v1/imports", params=query, content=lines, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["dry_run"] is True
    await run(answer.json()["id"])
    found = (await client.get(f"/v1/imports/{answer.json()['id']}")).json()
    assert (found["state"], found["rows_created"], found["options"]) == ("completed", 2, {"source": "gp"})


async def test_a_key_replays_the_import_and_refuses_another_file(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "load-1"}
    first = await client.post("/v1/imports", **form(), headers=headers)
    again = await client.post("/v1/imports", **form(), headers=headers)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post("/v1/imports", **form(ROWS + b"x"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.other_request")


async def test_cancelling_stops_what_has_not_begun(client: httpx.AsyncClient, run: Any) -> None:
    made = (await client.post("/v1/imports", **form())).json()
    answer = await client.post(f"/v1/imports/{made['id']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    await run(made["id"])
    assert (await client.get(f"/v1/imports/{made['id']}")).json()["rows_read"] == 0


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (form(kind="invoice"), "import.upload_invalid"),
        (form(mapping="{"), "import.upload_invalid"),
        (form(mapping='["a"]'), "import.upload_invalid"),
        (form(mapping='{"columns": {"number": "\\ud800"}}'), "import.upload_invalid"),
        (form(mapping='{"columns": {"number": "a\\u0000"}}'), "import.upload_invalid"),
        (form(mapping='{"a":' * 50_000), "import.upload_invalid"),
        (form(mapping='{"columns": {"nomber": "No"}}'), "import.mapping_invalid"),
        (form(mapping='{"format": {"date_formats": ["%Y"]}}'), "import.mapping_invalid"),
        (form(options='{"rounding": "up"}'), "import.options_invalid"),
        (form(dry_run="perhaps"), "import.upload_invalid"),
        (form(b""), "import.upload_invalid"),
        (form(surprise="1"), "import.upload_invalid"),
        ({"data": {"kind": "invoices"}, "files": {"other": ("a", b"b")}}, "import.upload_invalid"),
        ({"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
         "import.upload_invalid"),
        ({"content": b"abc", "headers": {"Content-Type": "multipart/form-data"}}, "import.upload_invalid"),
        ({"content": b"abc"}, "import.upload_invalid"),
    ],
)  # fmt: skip
async def test_a_request_that_is_not_understood_is_refused(
    client: httpx.AsyncClient, request_: dict[str, Any], code: str, tmp_path: Path
) -> None:
    answer = await client.post("/v1/imports", **request_)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_file_past_the_bound_is_refused_while_it_comes(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from app.infra import files

    app: Any = client._transport.app  # type: ignore[attr-defined]
    monkeypatch.setattr(app.state.settings, "upload_limit_bytes", 5_000_000)
    seen = 0

    async def zeros() -> AsyncIterator[bytes]:
        nonlocal seen
        for _ in range(1_000):
            seen += 1
            yield bytes(1_000_000)

    headers = {"Content-Type": "text/csv"}
    answer = await client.post("/v1/imports?kind=invoices", content=zeros(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, files.FileTooLarge.code)
    assert seen < 10
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_scopes_of_the_import_and_of_what_it_loads(
    client: httpx.AsyncClient, authenticator: StaticAuthenticator, tenant: Tenant, database: Database
) -> None:
    for scopes, status in (
        (("imports:write", "invoices:write"), 202),
        (("imports:write",), 403),
        (("invoices:write",), 403),
        (("imports:read",), 403),
    ):
        headers = {"Authorization": f"Bearer {authenticator.grant(tenant, *scopes)}"}
        assert (await client.post("/v1/imports", **form(), headers=headers)).status_code == status, scopes
    made = (await client.post("/v1/imports", **form())).json()
    stranger = await make_tenant(database, name="Other")
    headers = {"Authorization": f"Bearer {authenticator.grant(stranger)}"}
    for path in (f"/v1/imports/{made['id']}", f"/v1/imports/{made['id']}/errors"):
        assert (await client.get(path, headers=headers)).status_code == 404
    assert (await client.post(f"/v1/imports/{made['id']}/cancel", headers=headers)).status_code == 404


async def test_bank_statements_and_entries_are_read(client: httpx.AsyncClient, run: Any) -> None:
    account = "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>"
    content = camt(entry("12.50"), entry("2.50", direction="DBIT", reference="OUT-0000009"), account=account,
                   opening="0.00", closing="10.00")  # fmt: skip
    files = {"file": ("s.xml", content, "application/xml")}
    made = await client.post("/v1/imports", data={"kind": "bank_statement"}, files=files)
    assert made.status_code == 202, made.text
    await run(made.json()["id"])
    (statement,) = (await client.get(f"/v1/bank-statements?import_id={made.json()['id']}")).json()["data"]
    assert (statement["opening_balance"], statement["closing_balance"]) == ("0.00", "10.00")
    assert (statement["credits"], statement["debits"], statement["balance_check"]) == ("12.50", "2.50", "ok")
    one = await client.get(f"/v1/bank-statements/{statement['id']}")
    assert one.json() == statement
    listed = (await client.get(f"/v1/bank-entries?statement_id={statement['id']}&is_credit=true")).json()["data"]
    assert [(e["amount"], e["outcome"], e["position"]) for e in listed] == [("12.50", "payment", "1.1")]
    entry_ = await client.get(f"/v1/bank-entries/{listed[0]['id']}")
    assert entry_.json() == listed[0]
    assert (await client.get(f"/v1/payments/{listed[0]['payment_id']}")).json()["amount"] == "12.50"
    missing = await client.get(f"/v1/bank-entries/{statement['id']}")
    assert (missing.status_code, missing.json()["code"]) == (404, "bank_entry.not_found")
