"""UN/CEFACT Cross Industry Invoice: Factur-X and ZUGFeRD 1 and 2 in all profiles, XRechnung. By local names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from app.integrations.bank_formats.xml_stream import Node
from app.integrations.invoice_formats.errors import InvoiceFileRefused
from app.integrations.invoice_formats.reading import Reader, all_at, schemed, skonto, texts
from app.integrations.invoice_formats.records import EDiscount, EInstalment, EInvoice, ELine, EParty, Syntax
from app.integrations.invoice_formats.totals import CREDIT_TYPES, Totals, check_type, settle_totals

ROOTS = frozenset({"CrossIndustryInvoice", "CrossIndustryDocument"})
_DAY_UNIT = "DAY"


class _Names:
    """Element names: those of the present schema, or of ZUGFeRD 1."""

    def __init__(self, root: Node) -> None:
        old = root.tag == "CrossIndustryDocument"
        part = "SupplyChainTrade" if old else "HeaderTrade"
        self.context = "SpecifiedExchangedDocumentContext" if old else "ExchangedDocumentContext"
        self.document = "HeaderExchangedDocument" if old else "ExchangedDocument"
        self.trade = "SpecifiedSupplyChainTradeTransaction" if old else "SupplyChainTradeTransaction"
        self.agreement = f"{self.trade}/Applicable{part}Agreement"
        self.delivery = f"{self.trade}/Applicable{part}Delivery"
        self.settlement = f"{self.trade}/Applicable{part}Settlement"
        self.summation = "SpecifiedTradeSettlement" + ("MonetarySummation" if old else "HeaderMonetarySummation")
        self.reference = "ID" if old else "IssuerAssignedID"


def read_cii(root: Node) -> EInvoice:
    """The invoice or credit note. Raises InvoiceFileRefused, FieldsRefused with the paths at fault."""
    reader, names = Reader(root), _Names(root)
    top = f"/{root.tag}"
    document = root.child(names.document)
    currency = reader.document_currency(f"{names.settlement}/InvoiceCurrencyCode")
    number = reader.required(document, f"{top}/{names.document}", "ID", 64)
    issued = reader.cii_day(document, f"{top}/{names.document}", "IssueDateTime")
    if issued is None and not reader.faults:
        reader.fault(f"{top}/{names.document}/IssueDateTime", "the element is missing or empty")
    type_code = reader.text(document, "TypeCode") or "380"
    check_type(type_code, f"{top}/{names.document}/TypeCode")
    known = not any(fault.pointer.endswith("CurrencyCode") for fault in reader.faults)
    settlement = _at(root, names.settlement)
    where = f"{top}/{names.settlement}"
    totals = _totals(reader, settlement, names, where) if known else None
    parts = tuple(_instalments(reader, settlement, where)) if known else ()
    lines = tuple(_lines(reader, names)) if known else ()
    reader.finish()
    assert totals is not None
    assert issued is not None
    gross, tax, payable = settle_totals(totals)
    dates = sorted({part.due_date for part in parts})
    agreement, delivery = _at(root, names.agreement), _at(root, names.delivery)
    reference = names.reference
    return EInvoice(
        syntax=Syntax.CII,
        profile=reader.text(root, f"{names.context}/GuidelineSpecifiedDocumentContextParameter/ID") or "",
        type_code=type_code,
        is_credit=type_code in CREDIT_TYPES,
        number=number,
        issue_date=issued,
        currency=currency,
        gross_minor=gross,
        tax_minor=tax,
        prepaid_minor=totals.prepaid,
        payable_minor=payable,
        seller=_party(reader, agreement, names, "SellerTradeParty"),
        buyer=_party(reader, agreement, names, "BuyerTradeParty"),
        amount_path=totals.payable_path,
        due_date=dates[0] if len(dates) == 1 else None,
        instalments=parts if len(dates) > 1 else (),
        discounts=tuple(_discounts(reader, settlement, issued)),
        purchase_order=reader.text(agreement, f"BuyerOrderReferencedDocument/{reference}", limit=64),
        delivery_reference=reader.text(delivery, f"DespatchAdviceReferencedDocument/{reference}", limit=64),
        contract_reference=reader.text(agreement, f"ContractReferencedDocument/{reference}", limit=64),
        buyer_reference=reader.text(agreement, "BuyerReference"),
        payment_reference=reader.text(settlement, "PaymentReference", limit=140),
        preceding=texts(all_at(settlement, f"InvoiceReferencedDocument/{reference}")),
        payee_accounts=texts(
            found
            for name in ("IBANID", "ProprietaryID")
            for found in all_at(
                settlement, f"SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/{name}"
            )
        ),
        lines=lines,
        notes=texts(all_at(document, "IncludedNote/Content")),
    )


def _at(root: Node, path: str) -> Node | None:
    return root.child(*path.split("/"))


def _totals(reader: Reader, settlement: Node | None, names: _Names, where: str) -> Totals:
    holder = settlement.child(names.summation) if settlement is not None else None
    path = f"{where}/{names.summation}"
    if holder is None:
        raise InvoiceFileRefused("field_invalid", "the totals of the document are missing", path=path)
    tax = None
    for element in holder.all("TaxTotalAmount"):
        if (element.attributes.get("currencyID") or reader.currency) == reader.currency and tax is None:
            tax = reader.amount(element, f"{path}/TaxTotalAmount")
    payable = reader.money(holder, path, "DuePayableAmount")
    if payable is None and reader.money(holder, path, "GrandTotalAmount") is None and not reader.faults:
        reader.fault(f"{path}/DuePayableAmount", "the element is missing or empty")
    return Totals(
        net=reader.money(holder, path, "TaxBasisTotalAmount"),
        tax=tax,
        inclusive=reader.money(holder, path, "GrandTotalAmount"),
        prepaid=reader.money(holder, path, "TotalPrepaidAmount") or 0,
        rounding=reader.money(holder, path, "RoundingAmount") or 0,
        payable=payable,
        inclusive_path=f"{path}/GrandTotalAmount",
        payable_path=f"{path}/DuePayableAmount",
    )


def _instalments(reader: Reader, settlement: Node | None, where: str) -> Iterator[EInstalment]:
    for place, terms in enumerate(all_at(settlement, "SpecifiedTradePaymentTerms"), 1):
        path = f"{where}/SpecifiedTradePaymentTerms[{place}]"
        due = reader.cii_day(terms, path, "DueDateDateTime")
        if due is not None:
            yield EInstalment(path, due, reader.money(terms, path, "PartialPaymentAmount"))


def _discounts(reader: Reader, settlement: Node | None, issued: date) -> Iterator[EDiscount]:
    for terms in all_at(settlement, "SpecifiedTradePaymentTerms"):
        for note in terms.all("Description"):
            yield from skonto(note.text, reader.currency)
        for discount in terms.all("ApplicableTradePaymentDiscountTerms"):
            percent_off = reader.percent(discount, "CalculationPercent")
            measure = discount.child("BasisPeriodMeasure")
            start = reader.cii_day(discount, "/ApplicableTradePaymentDiscountTerms", "BasisDateTime") or issued
            if percent_off is None or measure is None:
                continue
            text = measure.text.strip()
            in_days = (measure.attributes.get("unitCode") or _DAY_UNIT).upper() == _DAY_UNIT
            if in_days and text.isascii() and text.isdigit() and len(text) <= 3 and start >= issued:
                base = reader.money(discount, "/ApplicableTradePaymentDiscountTerms", "BasisAmount")
                yield EDiscount(percent_off, (start - issued).days + int(text), base)


def _party(reader: Reader, agreement: Node | None, names: _Names, name: str) -> EParty:
    path = f"/{reader.root.tag}/{names.agreement}/{name}"
    party = agreement.child(name) if agreement is not None else None
    if party is None:
        return EParty(path)
    registrations = [
        node
        for node in all_at(party, "SpecifiedTaxRegistration/ID")
        if (node.attributes.get("schemeID") or "VA").upper() == "VA"
    ]
    organization = party.child("SpecifiedLegalOrganization")
    legal = list(organization.all("ID")) if organization is not None else []
    return EParty(
        path=path,
        name=reader.text(party, "Name"),
        trading_name=reader.text(party, "SpecifiedLegalOrganization/TradingBusinessName"),
        customer_numbers=texts(party.all("ID")),
        vat_ids=texts(registrations),
        electronic_addresses=tuple(filter(None, map(schemed, all_at(party, "URIUniversalCommunication/URIID")))),
        registered_ids=tuple(filter(None, map(schemed, [*party.all("GlobalID"), *legal]))),
    )


def _lines(reader: Reader, names: _Names) -> Iterator[ELine]:
    for place, line in enumerate(all_at(reader.root, f"{names.trade}/IncludedSupplyChainTradeLineItem"), 1):
        path = f"/{reader.root.tag}/{names.trade}/IncludedSupplyChainTradeLineItem[{place}]"
        holder = line.child("SpecifiedLineTradeSettlement") or line.child("SpecifiedSupplyChainTradeSettlement")
        total = next(
            (
                found
                for kind in (
                    "SpecifiedTradeSettlementLineMonetarySummation",
                    "SpecifiedTradeSettlementMonetarySummation",
                )
                for found in all_at(holder, f"{kind}/LineTotalAmount")
            ),
            None,
        )
        net = reader.amount(total, f"{path}/LineTotalAmount") if total is not None else None
        if net is not None:
            text = reader.text(line, "SpecifiedTradeProduct/Name", "AssociatedDocumentLineDocument/LineID") or str(
                place
            )
            quantity = reader.quantity(line, "SpecifiedLineTradeDelivery/BilledQuantity")
            yield ELine(text, net, quantity)
