"""Personal data forgotten on request, and what is older than its period."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.collections.legal.cases import PrepareCase, prepare_case
from app.core.clock import utc_now
from app.core.ids import new_id
from app.documents.service import Subject, add_document, keep_content
from app.documents.storage import document_store
from app.infra.files import FileMissing
from app.infra.seal import seal, verify_chain
from app.privacy.erasure import delete_bytes
from app.privacy.retention import apply_retention
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay, settle

DAY = date(2026, 3, 2)
PDF = b"%PDF-1.7 said by a person"


async def _thread(database: RolledBackDatabase, tenant: Tenant, at: Any) -> UUID:
    """A thread with one incoming message."""
    thread, message = new_id(), new_id()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "INSERT INTO correspondences (organization_id, id, account_id, subject, token, purpose, last_message_at,"
            " last_direction) VALUES ($1, $2, $3, 'Grace about RE-1', $4, 'general', $5, 'in')",
            tenant.organization_id, thread, tenant.account_id, str(thread), at,
        )  # fmt: skip
        await session.driver.execute(
            "INSERT INTO correspondence_messages (organization_id, id, correspondence_id, direction, channel, state,"
            " sender, subject, body, at, author) VALUES ($1, $2, $3, 'in', 'email', 'received', 'grace@example.com',"
            " 'Grace about RE-1', 'my child is ill', $4, 'grace@example.com')",
            tenant.organization_id, message, thread, at,
        )  # fmt: skip
    return thread


async def _person(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> UUID:
    """An account of which much is known: a contact, a payer, remittance texts, a letter, notes."""
    contact = {
        "role": "accounts_payable",
        "name": "Grace Hopper",
        "email": "grace@example.com",
        "phone": "+49301234567",
    }
    assert (await client.post(f"/v1/accounts/{tenant.account_id}/contacts", json=contact)).status_code == 201
    place = {"street": "Hopper Lane 1", "city": "Hamburg"}
    moved = await client.patch(f"/v1/accounts/{tenant.account_id}", json=place, headers={"If-Match": '"1"'})
    assert moved.status_code == 200, moved.text
    remark = {"kind": "behaviour", "body": "Grace pays late when her child is ill"}
    noted = await client.post(f"/v1/accounts/{tenant.account_id}/credit/remarks", json=remark)
    assert noted.status_code == 201, noted.text
    identity = {"kind": "payer_name", "value": "Grace Hopper"}
    made = await client.post(f"/v1/accounts/{tenant.account_id}/payer-identities", json=identity)
    assert made.status_code == 201, made.text
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, item = await issue(session, tenant, 100_00, DAY, number="RE-1")
        facts = {"payer_name": "Grace Hopper", "remittance_text": "RE-1 Grace", "payer_bank_identifier": "DE11"}
        await settle(session, await pay(session, tenant, 60_00, DAY, **facts), item, 60_00, DAY)
    return await _thread(database, tenant, utc_now())


async def test_a_person_is_forgotten_and_the_ledger_stays(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    thread = await _person(client, database, tenant)
    settings = service.state.settings
    store = document_store(settings)
    own = await keep_content(store, tenant.organization_id, PDF, "Grace Hopper.pdf")
    shared = await keep_content(store, tenant.organization_id, PDF + b" and of the invoice", "invoice.pdf")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice = await session.driver.fetchval(
            "SELECT id FROM invoices WHERE organization_id = $1", tenant.organization_id
        )
        own_id = await add_document(session, own, Subject("correspondence", thread))
        shared_id = await add_document(session, shared, Subject("correspondence", thread))
        await add_document(session, shared, Subject("invoice", invoice))
    address = f"/v1/accounts/{tenant.account_id}/erase-personal-data"
    body = {"requested_by": "letter of 3 March", "reason": "asked to be forgotten"}
    made = await client.post(address, json=body)
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["files_erased"], found["files_kept"], found["forced"]) == (1, 1, False)
    account = (await client.get(f"/v1/accounts/{tenant.account_id}")).json()
    assert (account["street"], account["city"]) == (None, None)
    assert (
        found["erased"]["postal_addresses"]
        == found["erased"]["contacts"]
        == found["erased"]["payments"]
        == found["erased"]["payer_identities"]
        == 1
    )
    await delete_bytes(database, settings, tenant.organization_id, written_before=utc_now() + timedelta(seconds=5))
    with pytest.raises(FileMissing):
        await store.get(tenant.organization_id, own.sha256)
    assert await store.get(tenant.organization_id, shared.sha256)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        left = []
        for table in ("contacts", "payer_identities", "payments", "correspondences", "correspondence_messages",
                      "documents", "timeline_entries", "lessons", "bank_entries", "credit_remarks"):  # fmt: skip
            rows = await session.driver.fetch(f"SELECT x::text AS row FROM {table} x WHERE organization_id = $1",
                                              tenant.organization_id)  # fmt: skip
            left += [(table, row["row"]) for row in rows if "grace" in row["row"].lower()]
        assert left == []
        assert own_id != shared_id
        amounts = await session.driver.fetchrow("SELECT amount_minor, applied_minor FROM payments")
        assert tuple(amounts) == (60_00, 60_00)
    assert (await client.get("/v1/proof")).status_code == 200
    again = (await client.post(address, json=body)).json()
    assert (again["erased"], again["files_erased"]) == ({}, 0), "nothing is left to be erased"
    listed = (await client.get("/v1/personal-data-erasures", params={"account_id": str(tenant.account_id)})).json()
    assert [row["requested_by"] for row in listed["data"]] == ["letter of 3 March"] * 2


async def test_the_change_log_forgets_the_words_and_its_chain_stays_whole(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _person(client, database, tenant)
    account = f"/v1/accounts/{tenant.account_id}"
    hold = {
        "account_id": str(tenant.account_id),
        "level": "hold",
        "reason_code": "other",
        "reason": "Grace lost her job",
    }
    placed = await client.post("/v1/credit/holds", json=hold)
    assert placed.status_code == 201, placed.text
    schedule = {"name": "Monday", "report": "aging", "format": "csv", "frequency": "weekly", "weekday": 1,
                "recipients": ["grace@example.com", "cfo@example.com"]}  # fmt: skip
    both = (await client.post("/v1/report-schedules", json=schedule)).json()
    alone = (await client.post("/v1/report-schedules", json={**schedule, "name": "Own",
                                                             "recipients": ["Grace@example.com"]})).json()  # fmt: skip
    await seal(database, tenant.organization_id)
    async with database.read(tenant.organization_id) as read:
        before = await verify_chain(read)
        said = await read.driver.fetchval("SELECT count(*) FROM change_log WHERE reason LIKE '%Grace%'")
    assert (said, before.first_bad_position, before.erased) == (1, None, 0)
    made = await client.post(f"{account}/erase-personal-data", json={"requested_by": "letter", "reason": "asked"})
    assert made.status_code == 201, made.text
    erased = made.json()["erased"]
    assert erased["change_log"] >= 1
    assert (erased["report_schedules"], erased["credit_holds"]) == (2, 1)
    await seal(database, tenant.organization_id)
    async with database.read(tenant.organization_id) as read:
        found = await verify_chain(read)
        log = await read.driver.fetch("SELECT c::text AS row FROM change_log c")
    assert found.first_bad_position is None
    assert found.erased == erased["change_log"]
    assert [row["row"] for row in log if "lost her job" in row["row"] or "hopper" in row["row"].lower()] == []
    entries = (await client.get("/v1/audit-entries", params={"entity_type": "credit_hold"})).json()["data"]
    assert [(row["event"], row["reason"], row["after"]["level"]) for row in entries] == [
        ("credit_hold.placed", None, "hold")
    ]
    left = (await client.get(f"/v1/report-schedules/{both['id']}")).json()
    assert (left["recipients"], left["active"]) == (["cfo@example.com"], True)
    paused = (await client.get(f"/v1/report-schedules/{alone['id']}")).json()
    assert (paused["recipients"], paused["active"]) == ([], False)


async def test_to_whom_reports_went_goes_after_its_period(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    schedule = {"name": "Monday", "report": "aging", "format": "csv", "frequency": "weekly", "weekday": 1,
                "recipients": ["grace@example.com"]}  # fmt: skip
    made = (await client.post("/v1/report-schedules", json=schedule)).json()
    assert (await client.post(f"/v1/report-schedules/{made['id']}/send")).status_code < 300
    async with database.write(tenant.organization_id, tenant.actor) as session:
        changed = await session.driver.execute("UPDATE report_deliveries SET state = 'queued'")
        assert changed == "UPDATE 1"
    await client.patch("/v1/retention", json={"reports_months": 1}, headers={"If-Match": '"0"'})
    settings, today = service.state.settings, utc_now().date()
    assert await apply_retention(database, settings, tenant.organization_id, today) == {"reports": 0}
    later = await apply_retention(database, settings, tenant.organization_id, today + timedelta(days=70))
    assert later["reports"] == 1
    deliveries = (await client.get(f"/v1/report-schedules/{made['id']}/deliveries")).json()["data"]
    assert [row["recipients"] for row in deliveries] == [[]]


async def test_while_a_legal_case_is_open_only_force_erases(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _person(client, database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        command = PrepareCase("legal_case", tenant.account_id, "EUR", "refuses_to_pay")
        await prepare_case(session, command, today=DAY + timedelta(days=90))
    address = f"/v1/accounts/{tenant.account_id}/erase-personal-data"
    body = {"requested_by": "Grace", "reason": "asked"}
    refused = await client.post(address, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "privacy.legal_case_open")
    forced = await client.post(address, json={**body, "force": True, "erase_name": True})
    assert forced.json()["forced"] is True
    assert (await client.get(f"/v1/accounts/{tenant.account_id}")).json()["name"] == "(erased) C-1"


async def test_what_is_older_than_its_period_goes_as_the_preview_says(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    now = utc_now()
    old = await _thread(database, tenant, now - timedelta(days=800))
    young = await _thread(database, tenant, now - timedelta(days=100))
    await client.get("/v1/reports/aging", params={"format": "csv"})
    unset = await client.get("/v1/retention")
    assert (unset.headers["etag"], unset.json()["correspondence_months"]) == ('"0"', None)
    quiet = (await client.get("/v1/retention/preview")).json()
    assert all(row["count"] == 0 and row["before"] is None for row in quiet["kinds"])
    changed = await client.patch(
        "/v1/retention", json={"correspondence_months": 24, "exports_months": 1}, headers={"If-Match": '"0"'}
    )
    assert (changed.status_code, changed.headers["etag"]) == (200, '"1"')
    stale = await client.patch("/v1/retention", json={"exports_months": 2}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    counts = {row["kind"]: row["count"] for row in (await client.get("/v1/retention/preview")).json()["kinds"]}
    assert counts == {"contacts": 0, "correspondence": 1, "documents": 0, "uploads": 0, "exports": 0, "reports": 0}
    settings, today = service.state.settings, now.date()
    assert await apply_retention(database, settings, tenant.organization_id, today) == {
        "correspondence": 1, "exports": 0,
    }  # fmt: skip
    again = await apply_retention(database, settings, tenant.organization_id, today)
    assert again == {"correspondence": 0, "exports": 0}, "a night that is repeated does nothing"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        rows = await session.driver.fetch("SELECT id, subject FROM correspondences")
        assert {row["id"]: row["subject"] for row in rows} == {old: "(erased)", young: "Grace about RE-1"}
    later = await apply_retention(database, settings, tenant.organization_id, today + timedelta(days=70))
    assert later["exports"] == 1
    assert (await client.get("/v1/export-log")).json()["data"] == []
