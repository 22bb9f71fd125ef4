"""Electronic invoices: what both syntaxes say, sums that must hold, paths in refusals, hostile files."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.integrations.invoice_formats.detect import read_invoice_file
from app.integrations.invoice_formats.errors import InvoiceFileRefused
from app.integrations.invoice_formats.records import EDiscount, EInvoice
from tests.unit.invoice_formats.messages import SUMMATION, TERMS, UBL_NS, cii, pdf, ubl, ubl_totals


def core(found: EInvoice) -> tuple[object, ...]:
    return (
        found.number, found.issue_date, found.due_date, found.currency, found.gross_minor, found.tax_minor,
        found.payable_minor, found.purchase_order, found.buyer.customer_numbers, found.buyer.name,
    )  # fmt: skip


WANTED = (
    "RE-2026-1", date(2026, 3, 1), date(2026, 3, 31), "EUR", 1190_00, 190_00, 1190_00, "PO-7", ("C-1",), "Buyer GmbH",
)  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        ubl(),
        cii(),
        b"\xef\xbb\xbf" + ubl(),
        ubl().decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        pdf(("factur-x.xml", cii())),
        pdf(("logo.xml", b"<x/>"), ("ZUGFeRD-invoice.xml", cii()), ("terms.txt", b"hello")),
        pdf(("xrechnung.xml", ubl())),
        b"<StandardBusinessDocument><StandardBusinessDocumentHeader/>" + ubl()[38:] + b"</StandardBusinessDocument>",
    ],
)
def test_the_same_invoice_in_every_dress(data: bytes) -> None:
    found = read_invoice_file(data)
    assert core(found) == WANTED
    assert (found.payment_reference or "").replace(" ", "") == "RF18539007547034"
    assert not found.is_credit


def test_identifiers_of_the_buyer() -> None:
    buyer = read_invoice_file(ubl()).buyer
    assert (buyer.vat_ids, buyer.electronic_addresses) == (("DE 123 456 789",), ("0088:4012345000009",))
    other = read_invoice_file(
        cii(
            buyer='<ram:ID>C-1</ram:ID><ram:GlobalID schemeID="0088">401</ram:GlobalID><ram:Name>B</ram:Name>'
            '<ram:URIUniversalCommunication><ram:URIID schemeID="EM">a@b.example</ram:URIID>'
            '</ram:URIUniversalCommunication><ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">1</ram:ID>'
            '</ram:SpecifiedTaxRegistration><ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR1</ram:ID>'
            "</ram:SpecifiedTaxRegistration>"
        )
    ).buyer
    assert (other.vat_ids, other.registered_ids, other.electronic_addresses) == (
        ("FR1",),
        ("0088:401",),
        ("EM:a@b.example",),
    )


@pytest.mark.parametrize(
    ("data", "is_credit"),
    [
        (ubl(root="CreditNote", head="<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>"), True),
        (ubl(head="<cbc:InvoiceTypeCode>381</cbc:InvoiceTypeCode>"), True),
        (ubl(head="<cbc:InvoiceTypeCode>384</cbc:InvoiceTypeCode>"), False),
        (cii(type_code="381"), True),
        (cii(type_code="326"), False),
    ],
)
def test_credit_notes_by_root_and_type(data: bytes, is_credit: bool) -> None:
    assert read_invoice_file(data).is_credit is is_credit


def prepaid(amount: str, pay: str) -> bytes:
    more = f'<cbc:PrepaidAmount currencyID="EUR">{amount}</cbc:PrepaidAmount>'
    return ubl(totals=ubl_totals(more=more, pay=pay))


def test_prepaid_and_rounding() -> None:
    found = read_invoice_file(prepaid("190.00", "1000.00"))
    assert (found.gross_minor, found.prepaid_minor, found.payable_minor) == (1190_00, 190_00, 1000_00)
    rounded = ubl_totals(
        gross="1190.00", more='<cbc:PayableRoundingAmount currencyID="EUR">0.02</cbc:PayableRoundingAmount>'
    )
    found = read_invoice_file(ubl(totals=rounded.replace("1190.00</cbc:Pay", "1190.02</cbc:Pay")))
    assert (found.gross_minor, found.payable_minor) == (1190_02, 1190_02)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (ubl(number=""), "/Invoice/ID"),
        (ubl(number="R" * 65), "/Invoice/ID"),
        (ubl(currency="EURO"), "/Invoice/DocumentCurrencyCode"),
        (ubl(currency="USD"), "/Invoice/LegalMonetaryTotal/PayableAmount"),
        (ubl().replace(b"2026-03-01", b"2026-02-30"), "/Invoice/IssueDate"),
        (ubl().replace(b"<cbc:IssueDate>2026-03-01</cbc:IssueDate>", b""), "/Invoice/IssueDate"),
        (ubl(head="<cbc:DueDate>soon</cbc:DueDate>"), "/Invoice/DueDate"),
        (ubl(totals=ubl_totals(gross="1190.01")), "/Invoice/LegalMonetaryTotal/TaxInclusiveAmount"),
        (ubl(totals=ubl_totals(pay="1000.00")), "/Invoice/LegalMonetaryTotal/PayableAmount"),
        (ubl(totals=ubl_totals(pay="1.190,00")), "/Invoice/LegalMonetaryTotal/PayableAmount"),
        (ubl(totals=ubl_totals(pay="1190.001")), "/Invoice/LegalMonetaryTotal/PayableAmount"),
        (ubl(totals="<cac:LegalMonetaryTotal/>"), "/Invoice/LegalMonetaryTotal/PayableAmount"),
        (ubl(head="<cbc:InvoiceTypeCode>325</cbc:InvoiceTypeCode>"), "/Invoice/InvoiceTypeCode"),
        (cii().replace(b"20260301", b"20261301"), "/CrossIndustryInvoice/ExchangedDocument/IssueDateTime"),
        (
            cii(summation=SUMMATION.replace(">1190.00</ram:Due", ">1190.0x</ram:Due")),
            "/CrossIndustryInvoice/SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/"
            "SpecifiedTradeSettlementHeaderMonetarySummation/DuePayableAmount",
        ),
    ],
)
def test_a_refusal_names_the_element(data: bytes, path: str) -> None:
    with pytest.raises(InvoiceFileRefused) as caught:
        read_invoice_file(data)
    assert path in [error.pointer for error in caught.value.errors]


def test_all_faults_are_named_at_once() -> None:
    bad = ubl(number="", head="<cbc:DueDate>soon</cbc:DueDate>", totals=ubl_totals(pay="x"))
    with pytest.raises(InvoiceFileRefused) as caught:
        read_invoice_file(bad)
    assert len(caught.value.errors) == 3


def test_instalments_and_discounts() -> None:
    def term(day: str, amount: str) -> str:
        part = f"<ram:PartialPaymentAmount>{amount}</ram:PartialPaymentAmount>"
        return TERMS.replace("20260331", day).replace("<ram:DueDate", part + "<ram:DueDate", 1)

    found = read_invoice_file(cii(terms=term("20260331", "590.00") + term("20260430", "600.00")))
    assert [(part.due_date.month, part.amount_minor) for part in found.instalments] == [(3, 590_00), (4, 600_00)]
    assert found.due_date is None
    tiers = "#SKONTO#TAGE=7#PROZENT=3.00#\n#SKONTO#TAGE=14#PROZENT=2.00#\n"
    note = f"<cac:PaymentTerms><cbc:Note>{tiers}</cbc:Note></cac:PaymentTerms>"
    assert read_invoice_file(ubl(payment=note)).discounts == (
        EDiscount(Decimal("3.00"), 7),
        EDiscount(Decimal("2.00"), 14),
    )
    of_part = note.replace("2.00#", "2.00#BASISBETRAG=100.00#")
    assert read_invoice_file(ubl(payment=of_part)).discounts[1].base_minor == 100_00
    terms = TERMS.replace(
        "</ram:SpecifiedTradePaymentTerms>",
        '<ram:ApplicableTradePaymentDiscountTerms><ram:BasisPeriodMeasure unitCode="DAY">10</ram:BasisPeriodMeasure>'
        "<ram:CalculationPercent>2</ram:CalculationPercent></ram:ApplicableTradePaymentDiscountTerms>"
        "</ram:SpecifiedTradePaymentTerms>",
    )
    assert read_invoice_file(cii(terms=terms)).discounts == (EDiscount(Decimal(2), 10),)


def test_an_embedded_file_is_dropped_and_its_size_does_not_matter() -> None:
    held = (
        "<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject"
        f' mimeCode="application/pdf">{"QUJD" * 100_000}</cbc:EmbeddedDocumentBinaryObject></cac:Attachment>'
        "</cac:AdditionalDocumentReference>"
    )
    assert (
        core(read_invoice_file(ubl(references="<cac:OrderReference><cbc:ID>PO-7</cbc:ID></cac:OrderReference>" + held)))
        == WANTED
    )


BOMB = b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10 if n else b"ha") for n in range(12))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unknown_format"),
        (b"hello", "unknown_format"),
        (b"PK\x03\x04zip", "unknown_format"),
        (b"<html/>", "unknown_format"),
        (b'<Invoice xmlns="urn:other"/>', "unknown_format"),
        (b"<!DOCTYPE a [" + BOMB + b"]><Invoice>&x11;</Invoice>", "dtd_forbidden"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><Invoice/>', "dtd_forbidden"),
        (ubl()[:-20], "malformed"),
        (ubl().replace(b"UTF-8", b"no-such-thing"), "encoding"),
        (ubl(number="&#xD800;"), "malformed"),
        (ubl(number="x" * 30_000), "too_large"),
        (b"<Invoice>" * 100, "too_large"),
        (b"<Invoice>" + b"<a/>" * 9_000 + b"</Invoice>", "too_large"),
        (pdf(), "no_attachment"),
        (pdf(("a.xml", b"<a/>"), ("b.xml", b"<b/>")), "several_attachments"),
        (pdf(("factur-x.xml", b"<a/>")), "unknown_format"),
        (b"%PDF-1.7\n" + b"garbage" * 50, "pdf_unreadable"),
        (b"%PDF-1.7\n", "pdf_unreadable"),
        (pdf(("factur-x.xml", b" " * 6_000_000)), "too_large"),
    ],
)
def test_hostile_files_are_refused_soon(data: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.integrations.invoice_formats.xml_tree.MAX_NODES", 5_000)
    started = time.process_time()
    with pytest.raises(InvoiceFileRefused) as caught:
        read_invoice_file(data)
    assert caught.value.reason == f"invoice_file.{reason}", caught.value.detail
    assert time.process_time() - started < 5


def test_zugferd_one() -> None:
    old = (
        cii().decode()
        .replace("CrossIndustryInvoice", "CrossIndustryDocument")
        .replace("rsm:ExchangedDocumentContext", "rsm:SpecifiedExchangedDocumentContext")
        .replace("rsm:ExchangedDocument>", "rsm:HeaderExchangedDocument>")
        .replace("rsm:SupplyChainTradeTransaction", "rsm:SpecifiedSupplyChainTradeTransaction")
        .replace("ApplicableHeaderTrade", "ApplicableSupplyChainTrade")
        .replace("HeaderMonetarySummation", "MonetarySummation").replace("IssuerAssignedID", "ID")
    )  # fmt: skip
    assert core(read_invoice_file(old.encode())) == WANTED


def test_an_accounting_currency_beside_is_no_fault() -> None:
    both = ubl_totals() + '<cac:TaxTotal><cbc:TaxAmount currencyID="PLN">800.00</cbc:TaxAmount></cac:TaxTotal>'
    assert core(read_invoice_file(ubl(totals=both))) == WANTED


def test_a_namespace_of_ubl_is_asked_for() -> None:
    assert UBL_NS.encode() in ubl()
    assert replace(read_invoice_file(ubl()), number="X").number == "X"
