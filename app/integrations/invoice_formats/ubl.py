"""UBL 2.1 Invoice and CreditNote (Peppol BIS Billing 3, XRechnung, EN 16931), by local names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from app.integrations.bank_formats.xml_stream import Node
from app.integrations.invoice_formats.reading import Reader, all_at, schemed, skonto, texts
from app.integrations.invoice_formats.records import EDiscount, EInstalment, EInvoice, ELine, EParty, Syntax
from app.integrations.invoice_formats.totals import CREDIT_TYPES, Totals, check_type, settle_totals

ROOTS = frozenset({"Invoice", "CreditNote"})
_TOTAL = "LegalMonetaryTotal"
_DAY_UNITS = frozenset({"DAY", "D", ""})


def read_ubl(root: Node) -> EInvoice:
    """The invoice or credit note. Raises InvoiceFileRefused, FieldsRefused with the paths at fault."""
    reader = Reader(root)
    top = f"/{root.tag}"
    currency = reader.document_currency("DocumentCurrencyCode")
    number = reader.required(root, top, "ID", 64)
    issued = reader.day(root, top, "IssueDate")
    if issued is None and not reader.faults:
        reader.fault(f"{top}/IssueDate", "the element is missing or empty")
    type_name = "CreditNoteTypeCode" if root.tag == "CreditNote" else "InvoiceTypeCode"
    type_code = reader.text(root, type_name) or ("381" if root.tag == "CreditNote" else "380")
    check_type(type_code, f"{top}/{type_name}")
    totals = _totals(reader, top) if not any(f.pointer.endswith("CurrencyCode") for f in reader.faults) else None
    due = reader.day(root, top, "DueDate")
    parts = tuple(_instalments(reader, top)) if totals is not None else ()
    lines = tuple(_lines(reader)) if totals is not None else ()
    reader.finish()
    assert totals is not None
    assert issued is not None
    gross, tax, payable = settle_totals(totals)
    dates = sorted({part.due_date for part in parts})
    means = list(root.all("PaymentMeans"))
    return EInvoice(
        syntax=Syntax.UBL,
        profile=reader.text(root, "CustomizationID") or "",
        type_code=type_code,
        is_credit=root.tag == "CreditNote" or type_code in CREDIT_TYPES,
        number=number,
        issue_date=issued,
        currency=currency,
        gross_minor=gross,
        tax_minor=tax,
        prepaid_minor=totals.prepaid,
        payable_minor=payable,
        seller=_party(reader, "AccountingSupplierParty"),
        buyer=_party(reader, "AccountingCustomerParty"),
        amount_path=totals.payable_path,
        due_date=due or (dates[0] if len(dates) == 1 else None),
        instalments=parts if len(dates) > 1 else (),
        discounts=tuple(_discounts(reader, root, issued)),
        purchase_order=reader.text(root, "OrderReference/ID", limit=64),
        delivery_reference=reader.text(root, "DespatchDocumentReference/ID", limit=64),
        contract_reference=reader.text(root, "ContractDocumentReference/ID", limit=64),
        buyer_reference=reader.text(root, "BuyerReference"),
        payment_reference=next(iter(texts(all_at(root, "PaymentMeans/PaymentID"))), None),
        preceding=texts(all_at(root, "BillingReference/InvoiceDocumentReference/ID")),
        payee_accounts=texts(found for one in means for found in all_at(one, "PayeeFinancialAccount/ID")),
        lines=lines,
        notes=texts(root.all("Note")),
    )


def _totals(reader: Reader, top: str) -> Totals:
    holder = reader.root.child(_TOTAL)
    where = f"{top}/{_TOTAL}"
    tax = None
    for total in reader.root.all("TaxTotal"):  # one in the document's currency, one perhaps in that of accounting
        element = total.child("TaxAmount")
        stated = (element.attributes.get("currencyID") or reader.currency) if element is not None else None
        if element is not None and stated == reader.currency and tax is None:
            tax = reader.amount(element, f"{top}/TaxTotal/TaxAmount")
    payable = reader.money(holder, where, "PayableAmount")
    if payable is None and not reader.faults:
        reader.fault(f"{where}/PayableAmount", "the element is missing or empty")
    return Totals(
        net=reader.money(holder, where, "TaxExclusiveAmount"),
        tax=tax,
        inclusive=reader.money(holder, where, "TaxInclusiveAmount"),
        prepaid=reader.money(holder, where, "PrepaidAmount") or 0,
        rounding=reader.money(holder, where, "PayableRoundingAmount") or 0,
        payable=payable,
        inclusive_path=f"{where}/TaxInclusiveAmount",
        payable_path=f"{where}/PayableAmount",
    )


def _instalments(reader: Reader, top: str) -> Iterator[EInstalment]:
    """Due dates of payment terms, with their amounts; of payment means where the terms have none."""
    found = []
    for place, terms in enumerate(reader.root.all("PaymentTerms"), 1):
        where = f"{top}/PaymentTerms[{place}]"
        name = "InstallmentDueDate" if terms.child("InstallmentDueDate") is not None else "PaymentDueDate"
        due = reader.day(terms, where, name)
        if due is not None:
            found.append(EInstalment(where, due, reader.money(terms, where, "Amount")))
    if not found:
        for place, means in enumerate(reader.root.all("PaymentMeans"), 1):
            where = f"{top}/PaymentMeans[{place}]"
            due = reader.day(means, where, "PaymentDueDate")
            if due is not None:
                found.append(EInstalment(where, due, None))
    yield from found


def _discounts(reader: Reader, root: Node, issued: date) -> Iterator[EDiscount]:
    for terms in root.all("PaymentTerms"):
        for note in terms.all("Note"):
            yield from skonto(note.text, reader.currency)
        percent_off = reader.percent(terms, "SettlementDiscountPercent")
        if percent_off is None:
            continue
        measure = terms.child("SettlementPeriod", "DurationMeasure")
        end = reader.day(terms, "/PaymentTerms", "SettlementPeriod/EndDate")
        if measure is not None and (measure.attributes.get("unitCode") or "").upper() in _DAY_UNITS:
            text = measure.text.strip()
            if text.isascii() and text.isdigit() and len(text) <= 3:
                yield EDiscount(percent_off, int(text))
        elif end is not None and end >= issued:
            yield EDiscount(percent_off, (end - issued).days)


def _party(reader: Reader, name: str) -> EParty:
    holder = reader.root.child(name)
    path = f"/{reader.root.tag}/{name}"
    party = holder.child("Party") if holder is not None else None
    if party is None:
        return EParty(path)
    bare = [node for node in all_at(party, "PartyIdentification/ID") if not node.attributes.get("schemeID")]
    global_ids = [node for node in all_at(party, "PartyIdentification/ID") if node.attributes.get("schemeID")]
    legal = list(all_at(party, "PartyLegalEntity/CompanyID"))
    ours = texts(all_at(holder, "SupplierAssignedAccountID"))
    return EParty(
        path=f"{path}/Party",
        name=reader.text(party, "PartyLegalEntity/RegistrationName", "PartyName/Name"),
        trading_name=reader.text(party, "PartyName/Name"),
        customer_numbers=tuple(dict.fromkeys((*ours, *texts(bare)))),
        vat_ids=texts(
            node
            for scheme in party.all("PartyTaxScheme")
            if (scheme.value("TaxScheme", "ID") or "VAT").upper() in ("VAT", "GST")
            for node in scheme.all("CompanyID")
        ),
        electronic_addresses=tuple(filter(None, map(schemed, party.all("EndpointID")))),
        registered_ids=tuple(filter(None, map(schemed, [*global_ids, *legal]))),
    )


def _lines(reader: Reader) -> Iterator[ELine]:
    kind, quantity = ("InvoiceLine", "InvoicedQuantity")
    if reader.root.tag == "CreditNote":
        kind, quantity = ("CreditNoteLine", "CreditedQuantity")
    for place, line in enumerate(reader.root.all(kind), 1):
        net = reader.money(line, f"/{reader.root.tag}/{kind}[{place}]", "LineExtensionAmount")
        if net is not None:
            text = reader.text(line, "Item/Name", "Item/Description", "ID") or str(place)
            yield ELine(text, net, reader.quantity(line, quantity))
