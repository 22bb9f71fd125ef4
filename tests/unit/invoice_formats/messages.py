"""Electronic invoices for tests, in both syntaxes and inside of a PDF."""

from __future__ import annotations

import io

from pypdf import PdfWriter

UBL_NS = "urn:oasis:names:specification:ubl:schema:xsd:"
BUYER = (
    '<cbc:EndpointID schemeID="0088">4012345000009</cbc:EndpointID>'
    "<cac:PartyIdentification><cbc:ID>C-1</cbc:ID></cac:PartyIdentification>"
    "<cac:PartyName><cbc:Name>Buyer</cbc:Name></cac:PartyName>"
    "<cac:PartyTaxScheme><cbc:CompanyID>DE 123 456 789</cbc:CompanyID>"
    "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
    "<cac:PartyLegalEntity><cbc:RegistrationName>Buyer GmbH</cbc:RegistrationName></cac:PartyLegalEntity>"
)


def ubl_totals(net: str = "1000.00", tax: str = "190.00", gross: str = "1190.00", more: str = "", pay: str = "") -> str:
    """TaxTotal and LegalMonetaryTotal; amounts in EUR, other elements of the total in `more`."""
    return (
        f'<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{tax}</cbc:TaxAmount></cac:TaxTotal>'
        f'<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">{net}</cbc:TaxExclusiveAmount>'
        f'<cbc:TaxInclusiveAmount currencyID="EUR">{gross}</cbc:TaxInclusiveAmount>{more}'
        f'<cbc:PayableAmount currencyID="EUR">{pay or gross}</cbc:PayableAmount></cac:LegalMonetaryTotal>'
    )


def ubl(
    number: str = "RE-2026-1",
    *,
    root: str = "Invoice",
    head: str = "<cbc:DueDate>2026-03-31</cbc:DueDate>",
    buyer: str = BUYER,
    seller: str = "Example Ltd",
    references: str = "<cac:OrderReference><cbc:ID>PO-7</cbc:ID></cac:OrderReference>",
    payment: str = "<cac:PaymentMeans><cbc:PaymentID>RF18 5390 0754 7034</cbc:PaymentID></cac:PaymentMeans>",
    totals: str = "",
    currency: str = "EUR",
    lines: str = "",
) -> bytes:
    """A UBL invoice of 1190.00 EUR, or a credit note."""
    kind = "Invoice" if root == "Invoice" else "CreditNote"
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{UBL_NS}{kind}-2"'
        f' xmlns:cac="{UBL_NS}CommonAggregateComponents-2" xmlns:cbc="{UBL_NS}CommonBasicComponents-2">'
        f"<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>{number}</cbc:ID>"
        f"<cbc:IssueDate>2026-03-01</cbc:IssueDate>{head}"
        f"<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{references}"
        f"<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>{seller}</cbc:Name></cac:PartyName>"
        f"</cac:Party></cac:AccountingSupplierParty><cac:AccountingCustomerParty><cac:Party>{buyer}</cac:Party>"
        f"</cac:AccountingCustomerParty>{payment}{totals or ubl_totals()}{lines}</{root}>"
    )
    return text.encode()


TERMS = (
    '<ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format="102">20260331'
    "</udt:DateTimeString></ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>"
)
SUMMATION = (
    "<ram:TaxBasisTotalAmount>1000.00</ram:TaxBasisTotalAmount>"
    '<ram:TaxTotalAmount currencyID="EUR">190.00</ram:TaxTotalAmount>'
    "<ram:GrandTotalAmount>1190.00</ram:GrandTotalAmount><ram:DuePayableAmount>1190.00</ram:DuePayableAmount>"
)


def cii(
    number: str = "RE-2026-1",
    *,
    type_code: str = "380",
    terms: str = TERMS,
    summation: str = SUMMATION,
    buyer: str = "<ram:ID>C-1</ram:ID><ram:Name>Buyer GmbH</ram:Name>",
) -> bytes:
    """A cross industry invoice of 1190.00 EUR."""
    base = "urn:un:unece:uncefact:data:standard:"
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><rsm:CrossIndustryInvoice xmlns:rsm="{base}CrossIndustryInvoice:100"'
        f' xmlns:ram="{base}ReusableAggregateBusinessInformationEntity:100" xmlns:udt="{base}UnqualifiedDataType:100">'
        "<rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>"
        "<ram:ID>urn:factur-x.eu:1p0:basicwl</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>"
        f"</rsm:ExchangedDocumentContext><rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>{type_code}"
        '</ram:TypeCode><ram:IssueDateTime><udt:DateTimeString format="102">20260301</udt:DateTimeString>'
        "</ram:IssueDateTime></rsm:ExchangedDocument><rsm:SupplyChainTradeTransaction>"
        "<ram:ApplicableHeaderTradeAgreement><ram:SellerTradeParty><ram:Name>Example Ltd</ram:Name>"
        f"</ram:SellerTradeParty><ram:BuyerTradeParty>{buyer}</ram:BuyerTradeParty><ram:BuyerOrderReferencedDocument>"
        "<ram:IssuerAssignedID>PO-7</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>"
        "</ram:ApplicableHeaderTradeAgreement><ram:ApplicableHeaderTradeDelivery/>"
        "<ram:ApplicableHeaderTradeSettlement><ram:PaymentReference>RF18539007547034</ram:PaymentReference>"
        f"<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>{terms}"
        f"<ram:SpecifiedTradeSettlementHeaderMonetarySummation>{summation}"
        "</ram:SpecifiedTradeSettlementHeaderMonetarySummation></ram:ApplicableHeaderTradeSettlement>"
        "</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"
    )
    return text.encode()


def pdf(*attachments: tuple[str, bytes]) -> bytes:
    """A PDF of one blank page with files attached."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    for name, content in attachments:
        writer.add_attachment(name, content)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()
