"""The ERP's extracts: two CSV files with headers of their own, and the mapping files that translate them.

`accounts.csv`: comma, decimal point. `invoices.csv`: semicolon, decimal comma, thousands point, dd.mm.yyyy, German
headers. Read with the mapping files by the same import that users have.
"""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

from app.core import money
from app.demo.generator.company import SOURCE
from app.demo.generator.customers import Customer
from app.demo.generator.documents import Document

_ACCOUNT_COLUMNS = {
    "number": "CustNo",
    "name": "CustName",
    "parent_number": "BillToParent",
    "currency": "CurCode",
    "payment_terms": "TermsCode",
    "country": "CountryCode",
    "language": "LangCode",
    "time_zone": "TZ",
    "segment": "CustGroup",
    "risk_class": "RiskCat",
    "credit_limit": "CreditLim",
    "contact_name": "APContact",
    "contact_email": "APMail",
    "contact_phone": "APPhone",
    "bank_identifier": "BankAcct",
    "collector": "CreditRep",
    "external_id": "RecId",
}
_INVOICE_COLUMNS = {
    "kind": "Belegart",
    "number": "Belegnummer",
    "account_number": "Debitor",
    "legal_entity": "Buchungskreis",
    "currency": "Währung",
    "amount": "Bruttobetrag",
    "tax_amount": "Steuerbetrag",
    "invoice_date": "Belegdatum",
    "accounting_date": "Buchungsdatum",
    "due_date": "Fällig am",
    "payment_terms": "Zahlungsbedingung",
    "purchase_order": "Bestellnummer Kunde",
    "delivery_reference": "Lieferschein",
    "contract_reference": "Vertrag",
    "open_amount": "Offener Betrag",
    "external_id": "Belegschlüssel",
}
_ACCOUNT_FORMAT = {
    "delimiter": ",",
    "encoding": "utf-8",
    "decimal_separator": ".",
    "thousands_separator": "",
    "date_formats": ["%Y-%m-%d"],
}
_INVOICE_FORMAT = {
    "delimiter": ";",
    "encoding": "utf-8",
    "decimal_separator": ",",
    "thousands_separator": ".",
    "date_formats": ["%d.%m.%Y"],
}


def _german_amount(minor: int, currency: str) -> str:
    """`1.234,56`: thousands point, decimal comma."""
    whole, _, part = money.to_text(minor, currency).partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    return f"{grouped},{part}" if part else grouped


def _german_date(day: date | None) -> str:
    return day.strftime("%d.%m.%Y") if day is not None else ""


def _account_row(customer: Customer) -> list[str]:
    limit = customer.credit_limit_minor
    return [
        customer.number,
        customer.name,
        customer.parent.number if customer.parent is not None else "",
        customer.currency,
        customer.terms,
        customer.country.code,
        customer.country.language,
        customer.country.time_zone,
        customer.segment,
        customer.risk_class,
        money.to_text(limit, customer.currency) if limit is not None else "",
        customer.contact_name,
        customer.contact_email,
        customer.contact_phone,
        customer.listed_identifier,
        customer.collector,
        f"C{customer.number}",
    ]


def _document_row(document: Document) -> list[str]:
    currency = document.currency
    return [
        document.kind,
        document.number,
        document.customer.number,
        document.entity,
        currency,
        _german_amount(document.amount, currency),
        _german_amount(document.tax, currency),
        _german_date(document.invoice_date),
        _german_date(document.accounting_date),
        _german_date(document.due_date),
        document.terms,
        document.purchase_order,
        document.delivery,
        document.contract,
        _german_amount(document.opening_open, currency),
        document.external_id,
    ]


def _write_csv(path: Path, headers: list[str], rows: list[list[str]], delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow(headers)
        writer.writerows(rows)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """JSON as people read it: indented, umlauts as they are."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _mapping(kind: str, file_format: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    return {"kind": kind, "format": file_format, "columns": columns, "constants": {"source": SOURCE}, "options": {}}


def write_extracts(folder: Path, customers: list[Customer], documents: list[Document]) -> None:
    """Write both extracts and both mapping files into `folder`."""
    _write_csv(
        folder / "accounts.csv",
        list(_ACCOUNT_COLUMNS.values()),
        [_account_row(customer) for customer in customers],
        ",",
    )
    _write_csv(
        folder / "invoices.csv",
        list(_INVOICE_COLUMNS.values()),
        [_document_row(document) for document in documents],
        ";",
    )
    write_json(folder / "mapping_accounts.json", _mapping("accounts", _ACCOUNT_FORMAT, _ACCOUNT_COLUMNS))
    write_json(folder / "mapping_invoices.json", _mapping("invoices", _INVOICE_FORMAT, _INVOICE_COLUMNS))
