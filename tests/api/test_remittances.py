"""Remittance advices over HTTP: recorded once each, read, replaced, cancelled; from text and from files."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue
from tests.unit.remittance_formats.messages import PAYMENT, REMADV, edifact, x12

ADVICE = {
    "currency": "EUR",
    "amount": "1320.00",
    "payment_reference": "PAY-0815",
    "payer_name": "Brandt Maschinenbau GmbH",
    "expected_date": "2026-04-02",
    "lines": [
        {"document_number": "RE-1", "gross_amount": "1000.00", "deduction_amount": "180.00",
         "deduction_reason": "damaged goods"},
        {"document_number": "RE-2", "amount": "500.00"},
    ],
}  # fmt: skip
PATH = "/v1/remittance-advices"


async def _post(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await client.post(PATH, json={**ADVICE, **changes})


async def test_an_advice_is_recorded_with_its_lines_and_totals(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, instalment = await issue(session, tenant, 1000_00, date(2026, 3, 1), number="RE-1")
    made = await _post(client)
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["state"], body["totals_check"], body["difference_amount"]) == ("open", "agrees", "0.00")
    assert body["allowed_actions"] == ["cancel", "rejoin"]
    lines = (await client.get(f"{PATH}/{body['id']}/lines")).json()["data"]
    assert [(line["document_number"], line["amount"], line["resolution"]) for line in lines] == [
        ("RE-1", "820.00", "resolved"), ("RE-2", "500.00", "unresolved"),
    ]  # fmt: skip
    assert lines[0]["instalment_id"] == str(instalment)
    assert (lines[0]["gross_amount"], lines[0]["deduction_reason"]) == ("1000.00", "damaged goods")


async def test_lists_filters_and_counts(client: httpx.AsyncClient) -> None:
    first = (await _post(client)).json()["id"]
    second = (await _post(client, amount="1300.00", payment_reference="OTHER-77")).json()
    assert second["totals_check"] == "differs"
    assert second["difference_amount"] == "-20.00"
    for query, ids in (
        ({"payment_reference": "pay 0815"}, [first]),
        ({"totals_check": "differs"}, [second["id"]]),
        ({"state": "joined"}, []),
        ({"unresolved": "true", "sort": "-amount"}, [first, second["id"]]),
        ({"expected_from": "2026-04-03"}, []),
        ({"payment_reference": "-"}, []),
    ):
        page = (await client.get(PATH, params=query)).json()
        assert [row["id"] for row in page["data"]] == ids, query
    assert (await client.get(f"{PATH}/counts")).json() == {"open": 2, "joined": 0, "settled": 0, "cancelled": 0}


async def test_the_same_advice_is_recorded_once_until_it_is_cancelled(client: httpx.AsyncClient) -> None:
    made = (await _post(client)).json()
    again = await _post(client, lines=list(reversed(ADVICE["lines"])))  # type: ignore[call-overload]
    assert (again.status_code, again.json()["code"]) == (409, "remittance_advice.duplicate")
    gone = await client.post(f"{PATH}/{made['id']}/cancel", json={"reason": "sent in error"})
    assert (gone.json()["state"], gone.json()["allowed_actions"]) == ("cancelled", [])
    assert (await _post(client)).status_code == 201
    twice = await client.post(f"{PATH}/{made['id']}/cancel", json={})
    assert (twice.status_code, twice.json()["code"]) == (409, "remittance_advice.not_open")


async def test_another_advice_with_the_reference_and_amount_is_marked(client: httpx.AsyncClient) -> None:
    first = (await _post(client)).json()
    other = (await _post(client, lines=[{"document_number": "RE-9", "amount": "1320.00"}])).json()
    assert (first["repeats_id"], other["repeats_id"]) == (None, first["id"])
    page = (await client.get(PATH, params={"repeats": "true"})).json()
    assert [row["id"] for row in page["data"]] == [other["id"]]


async def test_an_upsert_replaces_what_is_open_and_versions_hold(client: httpx.AsyncClient) -> None:
    path = f"{PATH}/by-ref/edi/820-1"
    made = await client.put(path, json=ADVICE)
    assert (made.status_code, made.json()["external_ref"]) == (201, {"source": "edi", "id": "820-1"})
    same = await client.put(path, json=ADVICE)
    assert (same.status_code, same.json()["version"]) == (200, 1)
    lines = [{"document_number": "RE-3", "amount": "1320.00"}]
    changed = await client.put(path, json={**ADVICE, "lines": lines})
    assert (changed.status_code, changed.json()["id"], changed.json()["lines_count"]) == (200, made.json()["id"], 1)
    address = f"{PATH}/{made.json()['id']}/cancel"
    assert (await client.post(address, json={}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.post(address, json={}, headers={"If-Match": '"2"'})).status_code == 200
    late = await client.put(path, json=ADVICE)
    assert (late.status_code, late.json()["code"]) == (409, "remittance_advice.not_open")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"lines": [{"document_number": "RE-1"}]}, "/lines/0/amount"),
        ({"lines": [{"document_number": "RE-1", "amount": "1.001"}]}, "/lines/0/amount"),
        ({"amount": "0"}, "/amount"),
        ({"account_id": "018f0000-0000-7000-8000-000000000001"}, "/account_id"),
        ({"legal_entity_id": "018f0000-0000-7000-8000-000000000001"}, "/legal_entity_id"),
        ({"lines": [{"document_number": "RE-1", "amount": "-5.00"}], "amount": None}, "/amount"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(
    client: httpx.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    refused = await _post(client, **change)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"].endswith(pointer), refused.text


async def test_the_text_of_an_e_mail(client: httpx.AsyncClient) -> None:
    text = (
        "Reference: PAY-0815\nRE-1 1001 1.000,00 EUR less 180,00 (damaged goods)\nRE-1002 12,00 7,00\nTotal 832,00 EUR"
    )
    made = await client.post(f"{PATH}/from-text", json={"text": text})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["amount"], body["lines_amount"], body["totals_check"]) == ("832.00", "820.00", "differs")
    assert body["unread_lines"] == ["RE-1002 12,00 7,00"]
    assert (body["channel"], body["payment_reference"]) == ("email_text", "PAY-0815")
    refused = await client.post(f"{PATH}/from-text", json={"text": "hello"})
    assert (refused.status_code, refused.json()["code"]) == (422, "remittance_advice.text_unreadable")


CSV = (
    "Avis;Rechnung;Brutto;Skonto;Abzug;Grund;Zahlbetrag\n"
    "A-100;RE-1;1.000,00;;180,00;Bruch;820,00\n"
    "A-100;RE-2;500,00;10,00;;;490,00\n"
    "A-200;RE-3;75,00;;;;75,00\n"
)
MAPPING = {
    "columns": {
        "payment_reference": "Avis", "document_number": "Rechnung", "gross_amount": "Brutto",
        "discount_amount": "Skonto", "deduction_amount": "Abzug", "deduction_reason": "Grund", "amount": "Zahlbetrag",
    },
    "format": {"delimiter": ";", "decimal_separator": ",", "thousands_separator": "."},
    "constants": {"currency": "EUR", "account_number": "C-1"},
}  # fmt: skip


async def _upload(
    client: httpx.AsyncClient, content: bytes, mapping: dict[str, Any] | None = None, name: str = "advice.csv"
) -> httpx.Response:
    form = {"mapping": json.dumps(mapping)} if mapping else {}
    return await client.post(f"{PATH}/upload", data=form, files={"file": (name, content)})


async def test_a_csv_file_of_two_advices(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = await _upload(client, CSV.encode(), MAPPING)
    assert made.status_code == 200, made.text
    body = made.json()
    assert (body["created"], body["duplicates"]) == (2, 0)
    assert [(one["payment_reference"], one["amount"], one["lines_count"]) for one in body["advices"]] == [
        ("A-100", "1310.00", 2), ("A-200", "75.00", 1),
    ]  # fmt: skip
    read = (await client.get(f"{PATH}/{body['advices'][0]['remittance_advice_id']}")).json()
    assert (read["channel"], read["account_id"]) == ("csv", str(tenant.account_id))
    again = (await _upload(client, CSV.encode(), MAPPING)).json()
    assert (again["created"], again["duplicates"]) == (0, 2)
    assert again["advices"][0]["remittance_advice_id"] == body["advices"][0]["remittance_advice_id"]


async def test_a_faulty_row_refuses_the_file_and_is_named(client: httpx.AsyncClient) -> None:
    refused = await _upload(client, CSV.replace("75,00;;;;75,00", "75,00;;;;74,00").encode(), MAPPING)
    assert (refused.status_code, refused.json()["code"]) == (422, "import.rows_refused")
    assert refused.json()["errors"][0]["pointer"] == "/rows/4"
    assert (await client.get(PATH)).json()["data"] == []
    unknown = {**MAPPING, "constants": {"currency": "EUR", "account_number": "C-404"}}
    assert (await _upload(client, CSV.encode(), unknown)).json()["code"] == "import.rows_refused"
    assert (await _upload(client, b"", MAPPING)).status_code == 422
    assert (await _upload(client, CSV.encode(), {"columns": {"nonsense": "Avis"}})).status_code == 422


def _workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


HEAD = ["document_number", "amount", "currency", "payment_reference", "expected_date"]


async def test_a_workbook(client: httpx.AsyncClient) -> None:
    content = _workbook([
        HEAD, ["RE-1", 0.1 + 0.2, "EUR", "A-1", date(2026, 4, 2)], [4711, 1200, "EUR", "A-1", date(2026, 4, 2)], [],
    ])  # fmt: skip
    made = await _upload(client, content, name="advice.xlsx")
    assert made.status_code == 200, made.text
    (one,) = made.json()["advices"]
    assert (one["amount"], one["lines_count"]) == ("1200.30", 2)
    read = (await client.get(f"{PATH}/{one['remittance_advice_id']}")).json()
    assert (read["channel"], read["expected_date"]) == ("xlsx", "2026-04-02")


async def test_formulas_are_never_computed(client: httpx.AsyncClient) -> None:
    content = _workbook([HEAD, ["RE-1", "=1000-180", "EUR", "A-1", date(2026, 4, 2)]])
    refused = await _upload(client, content, name="advice.xlsx")
    assert (refused.status_code, refused.json()["code"]) == (422, "import.rows_refused"), "no value was saved beside it"
    text = _workbook([HEAD, ["RE-1", 10, "EUR", '=HYPERLINK("http://evil.example","A")', None]])
    made = (await _upload(client, text, name="advice.xlsx")).json()
    assert made["advices"][0]["payment_reference"] is None


def _archive(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _with_sheet(xml: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(_workbook([HEAD]))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return _archive({**parts, "xl/worksheets/sheet1.xml": xml})


_SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


@pytest.mark.parametrize(
    "content",
    [
        _archive({"xl/bomb.xml": b"\0" * 80_000_000}),
        _archive({f"part{n}.xml": b"" for n in range(600)}),
        _archive({"hello.txt": b"hello"}),
        b"PK\x03\x04" + b"garbage" * 100,
        _workbook([HEAD])[:-200],
        _with_sheet(b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]>' + _SHEET % b""),
        _with_sheet('<?xml version="1.0" encoding="UTF-16"?>'.encode("utf-16") + _SHEET % b""),
        _with_sheet(_SHEET % b'<row r="1"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>'),
        _with_sheet(_SHEET % b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>'),
        _with_sheet(_SHEET % (b'<row r="1"><c r="A1" t="s"><v>99999</v></c></row>')),
        _with_sheet(b"<nonsense>"),
    ],
    ids=["bomb", "parts", "no workbook", "garbage", "cut", "doctype", "utf-16", "far column", "far row", "no string",
         "xml"],
)  # fmt: skip
async def test_hostile_workbooks_are_refused(client: httpx.AsyncClient, content: bytes) -> None:
    refused = await _upload(client, content, name="advice.xlsx")
    assert refused.status_code == 422, refused.text
    assert refused.json()["code"] in ("import.file_refused", "import.rows_refused"), refused.text


EDI = (*PAYMENT, "RMR*IV*RE-1**820*1000", "ADX*-180*04", "RMR*IV*RE-2**500")


async def test_an_x12_file_names_account_and_place(client: httpx.AsyncClient, tenant: Tenant) -> None:
    content = x12(EDI, ("BPR*P*0*C*ACH", "RMR*IV*1**1")).replace(b"C-1001", b"C-1")
    made = await _upload(client, content, name="advice.edi")
    assert made.status_code == 200, made.text
    (one,) = made.json()["advices"]
    assert (one["amount"], one["currency"], one["totals_check"]) == ("1320.00", "EUR", "agrees")
    assert (one["place"], one["account_id"]) == ("ISA 000000101 GS 7 ST 0001", str(tenant.account_id))
    assert [(part["place"][-4:], part["code"]) for part in made.json()["left_out"]] == [("0002", "prenotification")]
    read = (await client.get(f"{PATH}/{one['remittance_advice_id']}")).json()
    assert (read["channel"], read["totals_check"]) == ("x12_820", "agrees")
    assert (await _upload(client, content, name="advice.edi")).json()["duplicates"] == 1


async def test_an_edifact_file_and_its_faults(client: httpx.AsyncClient) -> None:
    content = edifact((*REMADV, "DOC+380+RE-1'", "MOA+12:5'", "UNS+S'", "MOA+12:5'"))
    found = await client.post(f"{PATH}/upload", content=content, headers={"Content-Type": "application/edifact"})
    assert (found.status_code, found.json()["created"]) == (200, 1), found.text
    read = (await client.get(f"{PATH}/{found.json()['advices'][0]['remittance_advice_id']}")).json()
    assert (read["channel"], read["payment_reference"]) == ("edifact_remadv", "PAY-99")
    refused = await _upload(client, content.replace(b"MOA+12:5'", b"MOA+12:five'"), name="advice.edi")
    assert (refused.status_code, refused.json()["code"]) == (422, "remittance_file.refused")
    assert refused.json()["errors"][0]["pointer"] == "/segments/13/MOA01"
    assert (await _upload(client, content.replace(b"UNZ+1", b"UNZ+2"), name="a.edi")).json()["code"] == refused.json()[
        "code"
    ]


def _remadv(code: str, *documents: str, number: str = "AVIS-4711") -> bytes:
    head = tuple(text.replace("AVIS-4711+9'", f"{number}+{code}'") for text in REMADV)
    return edifact((*head, *documents))


async def test_a_remadv_cancels_or_replaces_the_one_before(client: httpx.AsyncClient) -> None:
    first = (await _upload(client, _remadv("9", "DOC+380+RE-1'", "MOA+12:5'"), name="a.edi")).json()
    former = first["advices"][0]["remittance_advice_id"]
    replacing = _remadv("5", "DOC+380+RE-1'", "MOA+12:7'", number="AVIS-4712")
    replaced = (await _upload(client, replacing, name="b.edi")).json()
    assert [one["remittance_advice_id"] for one in replaced["withdrawn"]] == [former]
    present = replaced["advices"][0]["remittance_advice_id"]
    read = (await client.get(f"{PATH}/{former}")).json()
    assert (read["state"], read["cancel_reason"]) == ("cancelled", "replaced by the payer: UNB REF77 UNH 1")
    again = (await _upload(client, replacing, name="b.edi")).json()
    assert (again["duplicates"], again["withdrawn"]) == (1, []), "what is on record takes nothing back"
    cancelled = (await _upload(client, _remadv("1"), name="c.edi")).json()
    assert [one["remittance_advice_id"] for one in cancelled["withdrawn"]] == [present]
    assert (cancelled["advices"], cancelled["left_out"]) == ([], [])
    none_left = (await _upload(client, _remadv("1"), name="c.edi")).json()
    assert [part["code"] for part in none_left["left_out"]] == ["cancellation"]
    assert (await client.get(f"{PATH}/counts")).json() == {"open": 0, "joined": 0, "settled": 0, "cancelled": 2}
