"""Stories of remittance advices: announced money finds its lines, whichever comes first."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any
from uuid import UUID

import httpx
from openpyxl import Workbook

from app.core.ids import new_id
from app.infra.jobs import Handler, JobContext
from app.payments.withdraw import ReversePayment, reverse_payment
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue
from tests.unit.remittance_formats.messages import PAYMENT, x12
from workers import matching, remittances

PATH = "/v1/remittance-advices"


async def _work(database: RolledBackDatabase, tenant: Tenant, handler: Handler) -> None:
    """What a worker does with a job."""
    job = JobContext(
        database=database,
        claims=database,
        settings=Settings(log_level="error"),
        organization_id=tenant.organization_id,
        job_id=new_id(),
        kind="test",
        key="run",
        payload={},
        lease_token=new_id(),
    )
    await handler(job)


async def _invoice(database: RolledBackDatabase, tenant: Tenant, number: str, amount_minor: int, **more: Any) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, amount_minor, date(2026, 3, 1), number=number, **more)


async def _pay(client: httpx.AsyncClient, tenant: Tenant, amount: str, **facts: Any) -> str:
    body = {
        "amount": amount, "currency": "EUR", "value_date": "2026-04-02",
        "legal_entity_id": str(tenant.legal_entity_id), **facts,
    }  # fmt: skip
    made = await client.post("/v1/payments", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _advise(client: httpx.AsyncClient, amount: str | None, *lines: dict[str, str], **facts: Any) -> str:
    body = {"currency": "EUR", "amount": amount, "lines": list(lines), "expected_date": "2026-04-02", **facts}
    made = await client.post(PATH, json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _read(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(path)).json()
    return found


async def _open_minor(database: RolledBackDatabase, tenant: Tenant) -> dict[str, int]:
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch(
            "SELECT i.number, s.open_minor FROM instalments s JOIN invoices i ON i.organization_id = s.organization_id"
            " AND i.id = s.invoice_id WHERE s.organization_id = $1 ORDER BY i.number",
            tenant.organization_id,
        )
    return {row["number"]: row["open_minor"] for row in rows}


async def _owed(database: RolledBackDatabase, tenant: Tenant) -> set[str]:
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch("SELECT kind FROM jobs WHERE organization_id = $1", tenant.organization_id)
    return {row["kind"] for row in rows}


async def test_an_x12_file_then_its_payment_with_a_deduction(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _invoice(database, tenant, "RE-1", 1000_00)
    await _invoice(database, tenant, "RE-2", 510_00)
    content = x12((*PAYMENT, "RMR*IV*RE-1**820*1000", "ADX*-180*04", "REF*DB*DM-9", "RMR*IV*RE-2**510"))
    content = content.replace(b"BPR*C*1320", b"BPR*C*1330")
    made = await client.post(f"{PATH}/upload", files={"file": ("advice.edi", content)})
    advice = made.json()["advices"][0]["remittance_advice_id"]
    await _work(database, tenant, remittances.handle)
    payment = await _pay(client, tenant, "1330.00", remittance_text="TRACE-4711", payer_name="ACME CORP")
    await _work(database, tenant, matching.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "joined"
    assert (await _read(client, f"/v1/payments/{payment}"))["status"] == "applied"
    assert await _open_minor(database, tenant) == {"RE-1": 180_00, "RE-2": 0}
    (dispute,) = (await _read(client, "/v1/disputes"))["data"]
    assert dispute["disputed_amount"] == "180.00", dispute


DAMAGED = {
    "document_number": "RE-2026-0001", "gross_amount": "1000.00", "deduction_amount": "180.00",
    "deduction_reason": "damaged goods",
}  # fmt: skip


async def test_an_advice_then_its_payment_the_next_day_with_a_deduction(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _invoice(database, tenant, "RE-2026-0001", 1000_00)
    await _invoice(database, tenant, "RE-2026-0002", 500_00)
    await _invoice(database, tenant, "RE-2026-0003", 1320_00)
    second = {"document_number": "RE-2026-0002", "amount": "500.00"}
    advice = await _advise(client, "1320.00", DAMAGED, second, payment_reference="AVIS-4711")
    assert "remittances" in await _owed(database, tenant)
    await _work(database, tenant, remittances.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "open"

    payment = await _pay(client, tenant, "1320.00", remittance_text="AVIS 4711", payer_name="Somebody's Bank")
    await _work(database, tenant, matching.handle)
    found = await _read(client, f"{PATH}/{advice}")
    assert found["state"] == "joined"
    (joined,) = found["payments"]
    assert (joined["payment_id"], joined["evidence"], joined["line_positions"]) == (payment, "reference", [1, 2])
    paid = await _read(client, f"/v1/payments/{payment}")
    assert (paid["status"], paid["matching_state"]) == ("applied", "done"), paid
    assert await _open_minor(database, tenant) == {
        "RE-2026-0001": 180_00, "RE-2026-0002": 0, "RE-2026-0003": 1320_00,
    }, "not the invoice of just this amount"  # fmt: skip
    async with database.read(tenant.organization_id) as read:
        lines = await read.driver.fetchval(
            "SELECT lines FROM proposals WHERE organization_id = $1 AND payment_id = $2",
            tenant.organization_id, UUID(payment),
        )  # fmt: skip
    kept = [(line["deduction_minor"], line["deduction_reason"]) for line in lines if line["deduction_minor"]]
    assert kept == [(180_00, "damaged goods")]
    await _work(database, tenant, remittances.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "settled"


async def test_a_payment_tried_in_vain_waits_again_when_its_advice_arrives(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    for number, minor in (("RE-2026-0001", 1000_00), ("RE-2026-0002", 500_00), ("RE-2026-0003", 411_00)):
        await _invoice(database, tenant, number, minor)
    payment = await _pay(client, tenant, "1320.00", account_id=str(tenant.account_id), end_to_end_id="E2E-99001")
    await _work(database, tenant, matching.handle)
    tried = await _read(client, f"/v1/payments/{payment}")
    assert tried["matching_state"] in ("no_match", "proposed")

    second = {"document_number": "RE-2026-0002", "amount": "500.00"}
    advice = await _advise(client, None, DAMAGED, second, payment_reference="E2E99001")
    await _work(database, tenant, remittances.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "joined"
    assert (await _read(client, f"/v1/payments/{payment}"))["matching_state"] == "waiting"
    assert "matching" in await _owed(database, tenant)
    await _work(database, tenant, matching.handle)
    paid = await _read(client, f"/v1/payments/{payment}")
    assert (paid["status"], paid["matching_state"]) == ("applied", "done"), paid
    assert (await _open_minor(database, tenant))["RE-2026-0001"] == 180_00


async def test_two_payments_of_one_advice_each_take_their_lines(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _invoice(database, tenant, "RE-2026-0001", 1000_00)
    await _invoice(database, tenant, "RE-2026-0002", 500_00)
    second = {"document_number": "RE-2026-0002", "amount": "500.00"}
    advice = await _advise(client, "1320.00", DAMAGED, second, payment_reference="AVIS-4711")
    first = await _pay(client, tenant, "820.00", remittance_text="AVIS-4711 1/2")
    await _work(database, tenant, remittances.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "open", "half of the money has not come"
    other = await _pay(client, tenant, "500.00", remittance_text="AVIS-4711 2/2", value_date="2026-04-03")
    await _work(database, tenant, remittances.handle)
    found = await _read(client, f"{PATH}/{advice}")
    assert {one["payment_id"]: one["line_positions"] for one in found["payments"]} == {first: [1], other: [2]}
    await _work(database, tenant, matching.handle)
    assert await _open_minor(database, tenant) == {"RE-2026-0001": 180_00, "RE-2026-0002": 0}


async def test_one_payment_of_two_advices(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _invoice(database, tenant, "RE-2026-0001", 1000_00)
    await _invoice(database, tenant, "RE-2026-0002", 500_00)
    account = str(tenant.account_id)
    one = await _advise(client, None, DAMAGED, account_id=account)
    two = await _advise(client, None, {"document_number": "RE-2026-0002", "amount": "500.00"}, account_id=account)
    payment = await _pay(client, tenant, "1320.00", payer_name="BRANDT MASCHINENBAU GMBH")
    await _work(database, tenant, matching.handle)
    for advice in (one, two):
        found = await _read(client, f"{PATH}/{advice}")
        assert [(paid["payment_id"], paid["evidence"]) for paid in found["payments"]] == [(payment, "payer")]
    assert await _open_minor(database, tenant) == {"RE-2026-0001": 180_00, "RE-2026-0002": 0}


async def test_two_advices_that_fit_equally_are_left_to_a_person_who_cancels_one(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _invoice(database, tenant, "RE-2026-0001", 1000_00)
    await _invoice(database, tenant, "RE-2026-0002", 820_00)
    right = await _advise(client, None, DAMAGED, payment_reference="AVIS-4711")
    wrong = await _advise(
        client, None, {"document_number": "RE-2026-0002", "amount": "820.00"}, payment_reference="AVIS-4711"
    )
    payment = await _pay(client, tenant, "820.00", remittance_text="AVIS-4711")
    await _work(database, tenant, remittances.handle)
    states = [(await _read(client, f"{PATH}/{id_}"))["state"] for id_ in (right, wrong)]
    assert states == ["open", "open"]
    assert (await client.post(f"{PATH}/{wrong}/cancel", json={"reason": "wrong file"})).status_code == 200
    assert (await client.post(f"{PATH}/{right}/rejoin")).status_code == 200
    await _work(database, tenant, remittances.handle)
    assert [one["payment_id"] for one in (await _read(client, f"{PATH}/{right}"))["payments"]] == [payment]


async def test_a_payment_that_bounces_opens_its_advice_again(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _invoice(database, tenant, "RE-2026-0001", 1000_00)
    advice = await _advise(client, None, DAMAGED, payment_reference="AVIS-4711")
    payment = await _pay(client, tenant, "820.00", remittance_text="AVIS-4711")
    await _work(database, tenant, matching.handle)
    await _work(database, tenant, remittances.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "settled"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await reverse_payment(session, ReversePayment(UUID(payment), date(2026, 4, 10), "returned", None, None))
    await _work(database, tenant, remittances.handle)
    found = await _read(client, f"{PATH}/{advice}")
    assert (found["state"], found["payments"]) == ("open", [])
    again = await _pay(client, tenant, "820.00", remittance_text="AVIS-4711", value_date="2026-04-12")
    await _work(database, tenant, matching.handle)
    assert [one["payment_id"] for one in (await _read(client, f"{PATH}/{advice}"))["payments"]] == [again]


async def test_a_cancelled_advice_takes_its_lines_back(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    advice = await _advise(client, "820.00", {"document_number": "RE-404", "amount": "820.00"})
    payment = await _pay(client, tenant, "820.00")
    await _work(database, tenant, matching.handle)
    assert (await _read(client, f"{PATH}/{advice}"))["state"] == "joined"
    assert (await _read(client, f"/v1/payments/{payment}"))["matching_state"] == "no_match"
    assert (await client.post(f"{PATH}/{advice}/cancel", json={})).status_code == 200
    assert (await _read(client, f"/v1/payments/{payment}"))["matching_state"] == "waiting"


async def test_an_advice_decides_however_it_came(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """As CSV, as workbook and as the text of an e-mail: each settles two of four documents of equal amounts."""
    for place in range(12):
        await _invoice(database, tenant, f"RE-2026-01{place:02}", 100_00)
    mapping = {"columns": {"payment_reference": "Avis", "document_number": "No", "amount": "Paid", "currency": "Cur"}}
    table = "Avis,No,Paid,Cur\nAVIS-7001,RE-2026-0100,100.00,EUR\nAVIS-7001,RE-2026-0103,70.00,EUR\n"
    book = Workbook()
    assert book.active is not None
    for row in (
        ["Avis", "No", "Paid", "Cur"], ["AVIS-7002", "RE-2026-0105", 100, "EUR"],
        ["AVIS-7002", "RE-2026-0107", 80.5, "EUR"],
    ):  # fmt: skip
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    for name, content in (("advice.csv", table.encode()), ("advice.xlsx", stream.getvalue())):
        made = await client.post(
            f"{PATH}/upload", data={"mapping": json.dumps(mapping)}, files={"file": (name, content)}
        )
        assert (made.status_code, made.json().get("created")) == (200, 1), made.text
    text = "Reference: AVIS-7003\nRE-2026-0109 100.00 EUR\nRE-2026-0111 55.00 EUR\nTotal 155.00 EUR"
    told = await client.post(f"{PATH}/from-text", json={"text": text})
    assert told.status_code == 201, told.text

    paid = [
        await _pay(client, tenant, amount, remittance_text=f"your advice {reference}")
        for reference, amount in (("AVIS-7001", "170.00"), ("AVIS-7002", "180.50"), ("AVIS-7003", "155.00"))
    ]
    await _work(database, tenant, matching.handle)
    states = [(await _read(client, f"/v1/payments/{payment}"))["status"] for payment in paid]
    assert states == ["applied"] * 3
    left = {number: minor for number, minor in (await _open_minor(database, tenant)).items() if minor != 100_00}
    assert left == {
        "RE-2026-0100": 0, "RE-2026-0103": 30_00, "RE-2026-0105": 0, "RE-2026-0107": 19_50,
        "RE-2026-0109": 0, "RE-2026-0111": 45_00,
    }  # fmt: skip
