"""Electronic invoices over HTTP: who is found, what is recorded, what a second upload does."""

from __future__ import annotations

from typing import Any

import httpx

from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account
from tests.unit.invoice_formats.messages import BUYER, TERMS, cii, pdf, ubl, ubl_totals

PATH = "/v1/invoice-files"
STRANGER = BUYER.replace(">C-1<", ">X-9<").replace("Buyer GmbH", "Brandt Maschinenbau AG")


async def send(client: httpx.AsyncClient, content: bytes, status: int = 200, **query: Any) -> dict[str, Any]:
    made = await client.post(PATH, params=query, files={"file": ("invoice.xml", content)})
    assert made.status_code == status, made.text
    found: dict[str, Any] = made.json()
    return found


async def test_an_invoice_with_everything(client: httpx.AsyncClient, tenant: Tenant) -> None:
    skonto = "<cac:PaymentTerms><cbc:Note>#SKONTO#TAGE=14#PROZENT=2.00#\n</cbc:Note></cac:PaymentTerms>"
    prepaid = '<cbc:PrepaidAmount currencyID="EUR">190.00</cbc:PrepaidAmount>'
    payment = (
        "<cac:PaymentMeans><cbc:PaymentID>RF18539007547034</cbc:PaymentID><cac:PayeeFinancialAccount>"
        "<cbc:ID>DE89 3704 0044 0532 0130 00</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>"
    )
    content = ubl(payment=payment + skonto, totals=ubl_totals(more=prepaid, pay="1000.00"))
    made = await send(client, content)
    assert (made["outcome"], made["kind"], made["account_id"]) == ("created", "invoice", str(tenant.account_id))
    assert (made["account_found_by"], made["notes"], made["prepaid_amount"]) == (["customer_number"], [], "190.00")
    read = (await client.get(f"/v1/invoices/{made['invoice_id']}")).json()
    assert (read["amount"], read["tax_amount"], read["open_amount"]) == ("1190.00", "190.00", "1000.00")
    assert (read["due_date"], read["purchase_order"]) == ("2026-03-31", "PO-7")
    assert read["payment_reference"] == "RF18539007547034"
    (part,) = read["instalments"]
    assert (part["discount_date"], part["discount_amount"]) == ("2026-03-15", "23.80")
    documents = (
        await client.get("/v1/documents", params={"subject_kind": "invoice", "subject_id": made["invoice_id"]})
    ).json()
    assert [(one["id"], one["media_type"]) for one in documents["data"]] == [(made["document_id"], "application/xml")]
    again = await send(client, content)
    assert (again["outcome"], again["invoice_id"]) == ("unchanged", made["invoice_id"])
    moved = await send(client, content.replace(b"2026-03-31", b"2026-04-15"))
    assert (moved["outcome"], moved["invoice_id"]) == ("updated", made["invoice_id"])


async def test_a_dry_run_says_what_would_be_and_writes_nothing(client: httpx.AsyncClient) -> None:
    tried = await send(client, ubl(), dry_run="true")
    assert (tried["outcome"], tried["dry_run"], tried["amount"]) == ("created", True, "1190.00")
    assert (await client.get(f"/v1/invoices/{tried['invoice_id']}")).status_code == 404
    of_it = {"subject_kind": "invoice", "subject_id": tried["invoice_id"]}
    assert (await client.get("/v1/documents", params=of_it)).json()["data"] == []
    assert (await send(client, ubl(buyer=STRANGER), 422, dry_run="true"))["code"] == "invoice_file.buyer_unknown"
    made = await send(client, ubl())
    assert (made["outcome"], made["dry_run"]) == ("created", False)
    assert (await send(client, ubl(), dry_run="true"))["outcome"] == "unchanged"


async def test_the_original_comes_back_byte_by_byte(client: httpx.AsyncClient) -> None:
    content = ubl()
    made = await send(client, content)
    kept = await client.get(f"/v1/documents/{made['document_id']}/content")
    assert kept.content == content


async def test_identifiers_are_learned_and_must_agree(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    refused = await send(client, ubl(buyer=STRANGER), 422)
    assert refused["code"] == "invoice_file.buyer_unknown"
    assert refused["errors"][0]["pointer"] == "/Invoice/AccountingCustomerParty/Party"
    (proposed,) = refused["proposed_accounts"]
    assert (proposed["id"], proposed["number"]) == (str(tenant.account_id), "C-1")
    told = await send(client, ubl(buyer=STRANGER), account_id=proposed["id"])
    assert (told["outcome"], told["account_found_by"]) == ("created", ["caller"])
    known = await send(client, ubl("RE-2", buyer=STRANGER))
    assert known["account_found_by"] == ["vat_id", "electronic_address"]
    async with database.write(tenant.organization_id, tenant.actor) as session:
        other = await add_account(session, "X-9")
    clash = await send(client, ubl("RE-3", buyer=STRANGER), 422)
    assert clash["code"] == "invoice_file.buyer_ambiguous"
    assert {one["id"] for one in clash["accounts"]} == {str(tenant.account_id), str(other)}
    identities = (await client.get(f"/v1/accounts/{tenant.account_id}/payer-identities")).json()["data"]
    assert {(one["kind"], one["normalized_value"], one["origin"]) for one in identities} == {
        ("vat_id", "DE123456789", "learned"), ("electronic_address", "0088:4012345000009", "learned"),
    }  # fmt: skip


async def test_a_hybrid_pdf_and_its_credit_note(client: httpx.AsyncClient, tenant: Tenant) -> None:
    def term(day: str, amount: str) -> str:
        part = f"<ram:PartialPaymentAmount>{amount}</ram:PartialPaymentAmount>"
        return TERMS.replace("20260331", day).replace("<ram:DueDate", part + "<ram:DueDate", 1)

    content = pdf(("factur-x.xml", cii(terms=term("20260331", "590.00") + term("20260430", "600.00"))))
    made = (await client.post(PATH, content=content, headers={"Content-Type": "application/pdf"})).json()
    assert (made["outcome"], made["syntax"], made["profile"]) == ("created", "cii", "urn:factur-x.eu:1p0:basicwl")
    read = (await client.get(f"/v1/invoices/{made['invoice_id']}")).json()
    assert [(p["due_date"], p["amount"]) for p in read["instalments"]] == [
        ("2026-03-31", "590.00"),
        ("2026-04-30", "600.00"),
    ]
    of = "<cac:InvoiceDocumentReference><cbc:ID>RE-2026-1</cbc:ID></cac:InvoiceDocumentReference>"
    credits = f"<cac:BillingReference>{of}</cac:BillingReference>"
    note = ubl("GS-1", root="CreditNote", head="", references=credits)
    memo = await send(client, note)
    assert (memo["outcome"], memo["kind"], memo["invoice_id"]) == ("created", "credit_memo", None)
    found = (await client.get(f"/v1/credit-memos/{memo['credit_memo_id']}")).json()
    assert (found["amount"], found["invoice_id"], found["reason"]) == (
        "1190.00",
        made["invoice_id"],
        "credits RE-2026-1",
    )
    assert (await send(client, note))["outcome"] == "unchanged"


async def test_signs(client: httpx.AsyncClient) -> None:
    negative = ubl("N-1", totals=ubl_totals("-100.00", "-19.00", "-119.00"), head="")
    memo = await send(client, negative)
    assert (memo["kind"], memo["amount"], memo["tax_amount"]) == ("credit_memo", "119.00", "19.00")
    turned = ubl(
        "N-2",
        root="CreditNote",
        totals=ubl_totals("-100.00", "-19.00", "-119.00"),
        head="<cbc:DueDate>2026-04-01</cbc:DueDate>",
    )
    assert (await send(client, turned))["kind"] == "debit_memo"
    nothing = await send(client, ubl("N-3", totals=ubl_totals("0", "0", "0")), 422)
    assert nothing["code"] == "invoice_file.amount_not_receivable"
    assert nothing["errors"][0]["pointer"] == "/Invoice/LegalMonetaryTotal/PayableAmount"


async def test_what_another_source_owns_gets_the_copy(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = {
        "number": "RE-2026-1", "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
        "currency": "EUR", "amount": "1190.00", "invoice_date": "2026-03-01", "due_date": "2026-03-31",
        "external_ref": {"source": "erp", "id": "4711"},
    }  # fmt: skip
    known = (await client.post("/v1/invoices", json=body)).json()["id"]
    made = await send(client, ubl())
    assert (made["outcome"], made["invoice_id"]) == ("attached", known)
    assert (await client.get(f"/v1/invoices/{known}")).json()["payment_reference"] == "RF18 5390 0754 7034"
    differs = await send(client, ubl(totals=ubl_totals("1000.00", "191.00", "1191.00")), 422)
    assert (differs["code"], differs["document_id"]) == ("invoice_file.contradicts_record", known)


async def test_refusals(client: httpx.AsyncClient) -> None:
    theirs = await send(client, ubl(buyer=BUYER.replace("Buyer GmbH", "Acme GmbH")), 422)
    assert theirs["code"] == "invoice_file.not_our_claim"
    assert (await send(client, ubl(), 422, legal_entity="nobody"))["code"] == "invoice_file.seller_unknown"
    assert (await send(client, ubl(), 422, account_number="C-404"))["code"] == "invoice_file.buyer_unknown"
    broken = await send(client, ubl(currency="EURO"), 422)
    assert (broken["code"], broken["reason"]) == ("invoice_file.refused", "invoice_file.field_invalid")
    assert broken["errors"][0]["pointer"] == "/Invoice/DocumentCurrencyCode"
    early = await send(client, ubl(head="<cbc:DueDate>2026-02-01</cbc:DueDate>"), 422)
    assert early["errors"][0]["pointer"] == "/due_date"
    assert (await client.get("/v1/invoices")).json()["data"] == []


async def test_a_payment_that_quotes_the_reference_is_matched(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    from tests.scenarios.test_remittances import _pay, _work
    from workers import matching

    made = await send(client, ubl())
    payment = await _pay(client, tenant, "1190.00", remittance_text="Zahlung RF18539007547034", payer_name="Somebody")
    await _work(database, tenant, matching.handle)
    assert (await client.get(f"/v1/payments/{payment}")).json()["status"] == "applied"
    assert (await client.get(f"/v1/invoices/{made['invoice_id']}")).json()["status"] == "settled"
