"""Bank profiles over HTTP: made, named by an import, changed, put out of use; a sample gets a proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from app.infra.database import Database
from app.integrations.import_run import run_import
from tests.factories import Tenant

PROFILE: dict[str, Any] = {
    "name": "house-bank",
    "title": "House bank",
    "definition": {
        "format": {"delimiter": ";", "decimal_separator": ",", "date_formats": ["%d.%m.%Y"]},
        "columns": {"booking_date": "Tag", "amount": "Wert", "text": ["Text", "Info"], "balance": "Stand"},
        "account": "DE89370400440532013000",
    },
}
CSV = b"Tag;Text;Info;Wert;Stand\n13.11.2026;RE-1;x;100,00;150,00\n14.11.2026;Entgelt;;-2,00;148,00\n"
BANK = {"kind": "bank_statement"}


async def test_an_own_profile_from_its_proposal_to_the_payments(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    headed = CSV.replace(b"Tag", b"Buchungstag").replace(b"Wert", b"Betrag").replace(b"Stand", b"Saldo")
    guessed = (await client.post("/v1/bank-profiles/guess", content=headed)).json()
    assert (guessed["proven"], guessed["missing"], guessed["refused"]) == (True, [], None)
    assert [(one["amount"], one["is_credit"]) for one in guessed["entries"]] == [("100.00", True), ("2.00", False)]
    kept = await client.post("/v1/bank-profiles", json={"name": "g", "title": "G", "definition": guessed["definition"]})
    assert kept.status_code == 201, kept.text

    made = await client.post("/v1/bank-profiles", json=PROFILE)
    assert made.status_code == 201, made.text
    started = await client.post("/v1/imports", data={**BANK, "preset": "house-bank"}, files={"file": ("u.csv", CSV)})
    assert started.status_code == 202, started.text
    assert started.json()["mapping"]["columns"]["amount"] == "Wert"  # later changes do not touch it
    await run_import(database, tmp_path, tenant.organization_id, UUID(started.json()["id"]))
    done = (await client.get(f"/v1/imports/{started.json()['id']}")).json()
    assert (done["state"], done["rows_created"], done["error"]) == ("completed", 2, None)
    (payment,) = (await client.get("/v1/payments")).json()["data"]
    assert (payment["amount"], payment["currency"]) == ("100.00", "EUR")
    (statement,) = (await client.get("/v1/bank-statements")).json()["data"]
    assert (statement["balance_check"], statement["opening_balance"]) == ("ok", "50.00")


async def test_a_refused_file_names_line_and_column(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    await client.post("/v1/bank-profiles", json=PROFILE)
    wrong = CSV.replace(b"-2,00", b"2.00")
    started = await client.post("/v1/imports", data={**BANK, "preset": "house-bank"}, files={"file": ("u.csv", wrong)})
    await run_import(database, tmp_path, tenant.organization_id, UUID(started.json()["id"]))
    error = (await client.get(f"/v1/imports/{started.json()['id']}")).json()["error"]
    assert (error["code"], error["line"], error["column"]) == ("bank_file.csv_amount", 3, "Wert")
    assert error["errors"][0]["pointer"] == "/lines/3/Wert"


async def test_profiles_are_listed_changed_and_put_out_of_use(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/bank-profiles", json=PROFILE)).json()
    assert made["allowed_actions"] == ["edit"]
    taken = await client.post("/v1/bank-profiles", json=PROFILE)
    assert (taken.status_code, taken.json()["code"]) == (409, "bank_profile.name_taken")
    shipped = await client.post("/v1/bank-profiles", json={**PROFILE, "name": "csv-us"})
    assert shipped.json()["code"] == "bank_profile.name_taken"
    listed = (await client.get("/v1/bank-profiles", params={"active": "true", "name": "house-bank"})).json()
    assert [one["id"] for one in listed["data"]] == [made["id"]]
    address = f"/v1/bank-profiles/{made['id']}"
    assert (await client.get(address)).headers["ETag"] == '"1"'
    assert (await client.patch(address, json={"active": False})).status_code == 428
    off = await client.patch(address, json={"active": False}, headers={"If-Match": '"1"'})
    assert (off.json()["active"], off.json()["version"]) == (False, 2)
    stale = await client.patch(address, json={"title": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    gone = await client.post("/v1/imports", data={**BANK, "preset": "house-bank"}, files={"file": ("u.csv", CSV)})
    assert (gone.status_code, gone.json()["code"]) == (404, "bank_profile.not_found")


async def test_profiles_and_samples_at_fault_are_refused(client: httpx.AsyncClient) -> None:
    definition = {**PROFILE["definition"], "columns": {"amount": "Wert"}}
    answer = await client.post("/v1/bank-profiles", json={**PROFILE, "definition": definition})
    assert (answer.status_code, answer.json()["code"]) == (422, "bank_profile.invalid")
    assert answer.json()["errors"][0]["pointer"] == "/columns"
    for sample in (b"", b"colour,shape\n", b"Date,Text,Amount\n\0"):
        refused = await client.post("/v1/bank-profiles/guess", content=sample)
        assert (refused.status_code, refused.json()["code"]) == (422, "bank_file.refused"), sample
    unknown = await client.post(
        "/v1/imports", data={**BANK, "mapping": '{"colour": 1}'}, files={"file": ("u.csv", CSV)}
    )  # fmt: skip
    assert (unknown.status_code, unknown.json()["code"]) == (422, "bank_profile.invalid")
