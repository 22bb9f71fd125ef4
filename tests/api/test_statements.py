"""Account statements: what stands on them, how they are paid, sent on demand and by schedule."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pypdf import PdfReader

from app.core.clock import business_date, utc_now
from app.core.ids import new_id
from app.core.payment_references import creditor_reference, grouped_reference, qr_reference
from app.infra.jobs import JobContext
from app.settings import Settings
from app.statements.making import statement_pdf
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.receivables import add_account, issue, pay
from workers import statements as jobs

DAY = date(2026, 3, 2)
ANY_HOUR = {"quiet_from": "00:00", "quiet_to": "00:00", "daily_cap": None, "weekly_cap": None}


@pytest.fixture
async def any_hour(client: httpx.AsyncClient) -> None:
    """Tests run at night, too."""
    made = await client.put("/v1/correspondence-settings", json=ANY_HOUR, headers={"If-Match": '"0"'})
    assert made.status_code == 200, made.text


async def _contact(client: httpx.AsyncClient, account_id: UUID, **facts: Any) -> str:
    body = {"role": "accounts_payable", "name": "Ada", "email": "ada@brandt.example", **facts}
    made = await client.post(f"/v1/accounts/{account_id}/contacts", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _owing(database: RolledBackDatabase, tenant: Tenant, **more: Any) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 250_50, DAY, number=f"RE-{new_id()}", due_date=DAY + timedelta(days=30), **more)


async def _send(client: httpx.AsyncClient, tenant: Tenant, **body: Any) -> httpx.Response:
    return await client.post(f"/v1/accounts/{tenant.account_id}/statement/send", json=body)


async def test_a_payment_instruction_has_reference_and_code(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _owing(database, tenant)
    found = (await client.get(f"/v1/accounts/{tenant.account_id}/statement")).json()
    (one,) = found["payment_instructions"]
    reference = creditor_reference("C-1")
    assert (one["amount"], one["reference"], one["code"]) == ("250.50", reference, "epc")
    assert one["payload"].split("\n") == [
        "BCD", "002", "1", "SCT", "", "Acme GmbH", "DE89370400440532013000", "EUR250.50", "", reference,
    ]  # fmt: skip
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await pay(session, tenant, 300_00, DAY)
    assert (await client.get(f"/v1/accounts/{tenant.account_id}/statement")).json()["payment_instructions"] == []


async def test_a_swiss_entity_gets_a_qr_bill(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    where = f"/v1/legal-entities/{tenant.legal_entity_id}"
    place = {"street": "Rue du Lac 1268", "postal_code": "2501", "city": "Biel", "country": "CH"}
    assert (await client.patch(where, json=place, headers={"If-Match": '"1"'})).status_code == 200
    bank = {"legal_entity_id": str(tenant.legal_entity_id), "name": "QR", "identifier": "CH44 3199 9123 0008 8901 2",
            "currency": "CHF"}  # fmt: skip
    assert (await client.post("/v1/bank-accounts", json=bank)).status_code == 201
    await _owing(database, tenant, currency="CHF")
    address = f"/v1/accounts/{tenant.account_id}/statement"
    (one,) = (await client.get(address)).json()["payment_instructions"]
    reference = qr_reference("C-1")
    assert reference is not None
    assert (one["code"], one["reference"], one["bank_account"]) == ("swiss_qr_bill", reference, "CH4431999123000889012")
    lines = one["payload"].split("\n")
    assert (lines[:4], lines[18:20], lines[27:29]) == (
        ["SPC", "0200", "1", "CH4431999123000889012"], ["250.50", "CHF"], ["QRR", reference],
    )  # fmt: skip
    paper = await client.get(address, params={"format": "pdf", "language": "fr"})
    last = PdfReader(io.BytesIO(paper.content)).pages[-1].extract_text()
    assert "Section paiement" in last
    assert grouped_reference(reference) in last


@pytest.mark.usefixtures("any_hour")
async def test_a_statement_is_sent_on_demand_and_kept(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _owing(database, tenant)
    await _contact(client, tenant.account_id, role="management", email="boss@brandt.example")
    payable = await _contact(client, tenant.account_id)
    made = await _send(client, tenant, language="de")
    assert made.status_code == 201, made.text
    sent = made.json()
    assert (sent["state"], sent["contact_id"], sent["recipient"], sent["delivery"], sent["period"]) == (
        "sent", payable, "ada@brandt.example", "planned", None,
    )  # fmt: skip
    assert sent["totals"] == [{"currency": "EUR", "open": "250.50", "overdue": "250.50", "balance": "250.50"}]
    paper = await client.get(f"/v1/account-statements/{sent['id']}/document")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.content)).pages)
    assert "Kontoauszug" in text
    async with database.read(tenant.organization_id) as read:
        mail = await read.driver.fetchrow("SELECT * FROM outgoing_emails")
        assert mail["subject"].startswith("Kontoauszug C-1")
        assert "250,50 EUR" in mail["text"]
        assert grouped_reference(sent["reference"]) in mail["text"]
        assert mail["attachments"] == [UUID(sent["document_id"])]
    listed = (await client.get("/v1/account-statements", params={"account_id": str(tenant.account_id)})).json()
    assert [row["id"] for row in listed["data"]] == [sent["id"]]
    assert (await client.get(made.headers["Location"])).json()["document_id"] == sent["document_id"]
    log = (await client.get("/v1/export-log")).json()["data"]
    assert [row["name"] for row in log] == ["account-statement"]


async def test_what_cannot_be_sent_says_why(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _owing(database, tenant)
    assert (await _send(client, tenant)).json()["code"] == "account_statement.no_contact"
    silent = await _contact(client, tenant.account_id, do_not_contact=True)
    assert (await _send(client, tenant)).json()["code"] == "account_statement.no_contact"
    refused = (await _send(client, tenant, contact_id=silent)).json()
    assert (refused["state"], refused["refusal"], refused["delivery"]) == ("not_sent", "do_not_contact", None)
    nobody_asked = await _send(client, tenant, contact_id=silent, answer=True)
    assert (nobody_asked.status_code, nobody_asked.json()["errors"][0]["pointer"]) == (422, "/answer")


@pytest.mark.usefixtures("any_hour")
async def test_own_words_a_template_and_a_letter(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _owing(database, tenant)
    await _contact(client, tenant.account_id)
    template = {"code": "account-statement", "name": "Statement", "language": "en", "purpose": "payment",
                "subject": "Yours as of {{ values.as_of }}", "body": "Sums: {{ values.sums }}",
                "sample_values": {"as_of": "today", "sums": "1"}}  # fmt: skip
    made = await client.post("/v1/correspondence-templates", json=template)
    assert made.status_code == 201, made.text
    await _send(client, tenant, as_of="2026-04-11")
    await _send(client, tenant, subject="Own words", body="As agreed.")
    letter = (await _send(client, tenant, channel="letter")).json()
    assert (letter["state"], letter["message_state"], letter["delivery"]) == ("sent", "made", None)
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch("SELECT subject, text FROM outgoing_emails ORDER BY id")
        document = await read.driver.fetchval(
            "SELECT document_id FROM correspondence_messages WHERE id = $1", UUID(letter["message_id"])
        )
    assert rows[0]["subject"].startswith("Yours as of 11 April 2026")
    assert "Balance: 250,50 EUR" in rows[0]["text"]
    assert rows[1]["subject"].startswith("Own words")
    assert str(document) == letter["document_id"]


async def _night(database: RolledBackDatabase, tenant: Tenant, night: date, data_dir: Settings) -> int:
    """What the workers do in a night; how many statements were owed."""

    def job(kind: str, key: str, payload: dict[str, Any]) -> JobContext:
        return JobContext(database, database, data_dir, tenant.organization_id, new_id(), kind, key, payload, new_id())

    await jobs.night(job(jobs.KIND, night.isoformat(), {}))
    async with database.write(tenant.organization_id, tenant.actor) as session:
        owed = await session.driver.fetch("DELETE FROM jobs WHERE kind = $1 RETURNING key, payload", jobs.SEND)
    for row in owed:
        for _ in range(2):  # a worker that dies after the commit runs it again
            await jobs.send(job(jobs.SEND, row["key"], row["payload"]))
    return len(owed)


@pytest.mark.usefixtures("any_hour")
async def test_by_schedule_each_account_gets_one_statement_a_period(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    await _owing(database, tenant)
    today = business_date(utc_now(), "Europe/Berlin")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        quiet = await add_account(session, "C-QUIET")
        off = await add_account(session, "C-OFF")
        alone = await add_account(session, "C-ALONE")
        for account, number in ((off, "RE-OFF"), (alone, "RE-ALONE")):
            await issue(session, tenant, 10_00, DAY, number=number, account_id=account)
    for account in (tenant.account_id, quiet, off):
        await _contact(client, account)
    schedule = {"scope": "organization", "frequency": "weekly", "weekday": today.isoweekday()}
    made = await client.post("/v1/statement-schedules", json=schedule)
    assert made.status_code == 201, made.text
    assert (await client.post("/v1/statement-schedules", json=schedule)).status_code == 409
    own = {"scope": "account", "account_id": str(off), "frequency": "off"}
    assert (await client.post("/v1/statement-schedules", json=own)).status_code == 201
    settings = service.state.settings
    assert await _night(database, tenant, today, settings) == 2, "one account owes nothing, one is off"
    assert await _night(database, tenant, today, settings) == 0
    assert await _night(database, tenant, today + timedelta(days=1), settings) == 0
    rows = (await client.get("/v1/account-statements")).json()["data"]
    found = {row["account_id"]: (row["state"], row["refusal"], row["as_of"]) for row in rows}
    assert found == {
        str(tenant.account_id): ("sent", None, today.isoformat()),
        str(alone): ("not_sent", "no_contact", today.isoformat()),
    }
    assert await _night(database, tenant, today + timedelta(days=7), settings) == 2
    async with database.read(tenant.organization_id) as read:
        assert await read.driver.fetchval("SELECT count(*) FROM outgoing_emails") == 2
    shown = (await client.get(f"/v1/accounts/{off}/statement-schedule")).json()
    assert (shown["schedule"]["scope"], shown["next_on"]) == ("account", None)
    shown = (await client.get(f"/v1/accounts/{alone}/statement-schedule")).json()
    assert (shown["schedule"]["scope"], shown["next_on"]) == (
        "organization", (today + timedelta(days=7)).isoformat(),
    )  # fmt: skip


@pytest.mark.usefixtures("any_hour")
async def test_without_an_e_mail_address_a_letter_waits_to_be_printed(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    today = business_date(utc_now(), "Europe/Berlin")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 10_00, DAY, number="RE-POST")
        place = "UPDATE accounts SET street = 'Weg 1', postal_code = '10115', city = 'Berlin' WHERE id = $1"
        await session.driver.execute(place, tenant.account_id)
    schedule = {"scope": "organization", "frequency": "weekly", "weekday": today.isoweekday()}
    assert (await client.post("/v1/statement-schedules", json=schedule)).status_code == 201
    assert await _night(database, tenant, today, service.state.settings) == 1
    (row,) = (await client.get("/v1/account-statements")).json()["data"]
    assert (row["channel"], row["state"], row["message_state"]) == ("letter", "sent", "made")
    pdf = await client.get(f"/v1/documents/{row['document_id']}/content")
    assert pdf.content.startswith(b"%PDF")


@pytest.mark.usefixtures("any_hour")
async def test_a_schedule_that_changed_since_sends_nothing(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    await _owing(database, tenant)
    await _contact(client, tenant.account_id)
    today = business_date(utc_now(), "Europe/Berlin")
    body = {"scope": "segment", "segment": "wholesale", "frequency": "weekly", "weekday": today.isoweekday()}
    made = (await client.post("/v1/statement-schedules", json=body)).json()
    assert await _night(database, tenant, today, service.state.settings) == 0, "the account is in no segment"
    where = f"/v1/accounts/{tenant.account_id}"
    changed = await client.patch(where, json={"segment": "wholesale"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    job = JobContext(
        database, database, service.state.settings, tenant.organization_id, new_id(), jobs.SEND,
        f"{tenant.account_id}:x", {"schedule_id": made["id"], "as_of": today.isoformat()}, new_id(),
    )  # fmt: skip
    address = f"/v1/statement-schedules/{made['id']}"
    off = await client.patch(address, json={"frequency": "off"}, headers={"If-Match": '"1"'})
    assert (off.status_code, off.json()["weekday"]) == (200, None), off.text
    await jobs.send(job)
    assert (await client.get("/v1/account-statements")).json()["data"] == []
    assert (await client.delete(address, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.delete(address, headers={"If-Match": '"2"'})).status_code == 204
    assert (await client.get(f"{where}/statement-schedule")).json()["schedule"] is None


async def test_only_an_account_is_the_daily_work(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    token = authenticator.grant(tenant, "correspondence:read", "correspondence:write")
    headers = {"Authorization": f"Bearer {token}"}
    wide = {"scope": "organization", "frequency": "monthly", "month_day": 31}
    assert (await client.post("/v1/statement-schedules", json=wide, headers=headers)).status_code == 403
    own = {**wide, "scope": "account", "account_id": str(tenant.account_id)}
    made = await client.post("/v1/statement-schedules", json=own, headers=headers)
    assert (made.status_code, made.json()["allowed_actions"]) == (201, ["update", "delete"]), made.text
    wrong = await client.post("/v1/statement-schedules", json={**own, "month_day": None})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/month_day")


async def test_the_paper_for_other_rooms(database: RolledBackDatabase, tenant: Tenant) -> None:
    await _owing(database, tenant)
    made = await statement_pdf(database, tenant.organization_id, tenant.account_id, DAY, language="es")
    assert made.name == "statement-C-1-2026-03-02.pdf"
    assert made.words.language == "es"
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(made.content)).pages)
    assert "Estado de cuenta" in text
