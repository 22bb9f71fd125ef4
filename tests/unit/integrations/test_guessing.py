"""Proposed mappings: headers in four languages, and what the cells say; the proposal is itself a mapping in order."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from app.integrations.guess_command import fitting_presets, propose
from app.integrations.guessing import Guess, guess, shown
from app.integrations.import_mapping import read_mapping, read_options

GERMAN = """Belegart;Belegnummer;Debitor;Name;Währung;Bruttobetrag;Belegdatum;Fällig am;Sachbearbeiter
RE;RE-1;4711;Brandt GmbH;EUR;1.250,00;02.11.2026;02.12.2026;ab
GS;GS-1;4711;Brandt GmbH;EUR;50,00;04.11.2026;;cd
"""
ENGLISH = """Customer No,Invoice Number,Invoice Date,Due Date,Currency,Amount,Balance,PO Number
C1,I1,2026-03-01,2026-03-31,USD,"1,200.50",200.50,PO1
C2,I2,2026-03-02,2026-04-01,GBP,80.00,80.00,PO2
"""
FRENCH = """N° client;Raison sociale;N° facture;Date de facture;Date d'échéance;Montant TTC;Devise
C1;Dupont;F1;13/03/2026;12/04/2026;1 200,50;EUR
C2;Martin;F2;14/03/2026;13/04/2026;80,00;EUR
"""
SPANISH = """Código de cliente;Razón social;Número de factura;Fecha factura;Vencimiento;Importe total;Pendiente;Moneda
C1;García;F1;13/03/2026;12/04/2026;1.200,50;200,50;EUR
C2;Ruiz;F2;14/03/2026;13/04/2026;80,00;80,00;EUR
"""
PAYMENTS = """Zahlungsdatum;Kundennummer;Betrag;Währung;Auftraggeber;Verwendungszweck
02.11.2026;4711;100,00;EUR;Brandt GmbH;RE-1
03.11.2026;4712;80,50;EUR;Lind AB;RE-2
"""
CUSTOMERS = """Kundennummer;Firma;Straße;PLZ;Ort;Land;E-Mail;Währung
4711;Brandt GmbH;Ring 1;50667;Köln;DE;a@b.example;EUR
4712;Lind AB;Väg 2;22100;Lund;SE;c@d.example;SEK
"""


def of(text: str, kind: str | None = None) -> Guess:
    delimiter = ";" if ";" in text.splitlines()[0] else ","
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    found = guess(header, rows, kind=kind)
    read_mapping(found.kind, shown(found))
    read_options(found.mapping["options"])
    return found


@pytest.mark.parametrize(
    ("text", "kind", "columns"),
    [
        (GERMAN, "invoices", {"kind": "Belegart", "number": "Belegnummer", "account_number": "Debitor",
                              "account_name": "Name", "currency": "Währung", "amount": "Bruttobetrag",
                              "invoice_date": "Belegdatum", "due_date": "Fällig am"}),
        (ENGLISH, "invoices", {"account_number": "Customer No", "number": "Invoice Number", "amount": "Amount",
                               "invoice_date": "Invoice Date", "due_date": "Due Date", "currency": "Currency",
                               "open_amount": "Balance", "purchase_order": "PO Number"}),
        (FRENCH, "invoices", {"account_number": "N° client", "account_name": "Raison sociale", "number": "N° facture",
                              "invoice_date": "Date de facture", "due_date": "Date d'échéance",
                              "amount": "Montant TTC", "currency": "Devise"}),
        (SPANISH, "invoices", {"account_number": "Código de cliente", "account_name": "Razón social",
                               "number": "Número de factura", "invoice_date": "Fecha factura",
                               "due_date": "Vencimiento", "amount": "Importe total", "open_amount": "Pendiente",
                               "currency": "Moneda"}),
        (PAYMENTS, "payments", {"payment_date": "Zahlungsdatum", "account_number": "Kundennummer", "amount": "Betrag",
                                "currency": "Währung", "payer_name": "Auftraggeber",
                                "remittance_text": "Verwendungszweck"}),
        (CUSTOMERS, "accounts", {"number": "Kundennummer", "name": "Firma", "street": "Straße", "postal_code": "PLZ",
                                 "city": "Ort", "country": "Land", "contact_email": "E-Mail", "currency": "Währung"}),
    ],
)  # fmt: skip
def test_headers_in_four_languages(text: str, kind: str, columns: dict[str, str]) -> None:
    found = of(text)
    assert (found.kind, found.mapping["columns"], found.missing) == (kind, columns, ())
    for column in found.columns:
        assert column.reasons
        assert (column.field is None) == (column.confidence == 0)


def test_numbers_and_dates_are_read_from_the_cells() -> None:
    german = of(GERMAN).mapping
    assert german["format"] == {
        "delimiter": "auto", "encoding": "auto", "decimal_separator": ",", "thousands_separator": ".",
        "date_formats": ["%d.%m.%Y"],
    }  # fmt: skip
    assert german["values"] == {"kind": {"RE": "invoice", "GS": "credit_memo"}}
    english = of(ENGLISH).mapping["format"]
    assert (english["decimal_separator"], english["thousands_separator"]) == (".", ",")
    assert of(FRENCH).mapping["format"]["date_formats"] == ["%d/%m/%Y"], "the 13th is no month"


def test_what_is_unclear_is_said() -> None:
    found = of("Customer,Invoice,Date,Amount\nC1,I1,03/04/2026,1200\n")
    assert any("other way round" in note for note in found.notes)
    assert any("decimals" in note for note in found.notes)
    assert found.mapping["options"]["currency"] == "base"
    wrong = of("Customer No,Invoice Number,Invoice Date,Amount,Currency\nC1,I1,soon,much,Taler\n", "invoices")
    by_header = {column.header: column for column in wrong.columns}
    assert by_header["Currency"].confidence < 60
    assert "not all" in by_header["Currency"].reasons[-1]


def test_the_command_prints_a_mapping_and_why(tmp_path: Path) -> None:
    file = tmp_path / "rechnungen.csv"
    file.write_bytes(GERMAN.encode("cp1252"))
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        status = propose(file, kind=None, as_json=False, out=Console(file=out), err=Console(file=err, width=200))
    assert status == 0
    mapping = json.loads((tmp_path / "out").read_text())
    assert mapping["columns"]["due_date"] == "Fällig am", "the code page of Windows is found out"
    read_mapping("invoices", mapping)
    assert "headers such as 'fallig am' mean due_date" in (tmp_path / "err").read_text()


def test_tables_of_known_systems_are_recognised() -> None:
    gp = ["CUSTNMBR", "RMDTYPAL", "DOCNUMBR", "DOCDATE", "DUEDATE", "ORTRXAMT", "CURTRXAM", "CURNCYID", "VOIDSTTS"]
    assert any(name.startswith("gp-RM") for name in fitting_presets(gp))
    assert fitting_presets(["Customer", "Amount"]) == []
