"""A proposed profile for a CSV statement: read from headers and cells, proven by balances, honest where it is open."""

from __future__ import annotations

import pytest

from app.integrations.bank_csv.errors import CsvRefused
from app.integrations.bank_csv.profile import read_profile
from app.integrations.bank_csv.proposing import Proposal, profile_needed, propose
from app.integrations.import_fields import BANK_STATEMENT
from app.integrations.presets import presets

KNOWN = {name: found for name, found in presets().items() if found["kind"] == BANK_STATEMENT}
US = "Date,Description,Amount,Balance\n"
GERMAN = (
    "Kontonummer:;DE12\n\nBuchungstag;Wertstellung;Auftraggeber / Empfänger;Verwendungszweck;Betrag (EUR);Saldo\n"
    "25.11.2026;25.11.2026;ACME;RE-1;1.250,00;2.245,00\n24.11.2026;24.11.2026;Bank;Gebühr;-5,00;995,00\nKontostand;x\n"
)
DUTCH = (
    "Datum;Naam / Omschrijving;Rekening;Tegenrekening;Af Bij;Bedrag (EUR);Mededelingen\n"
    "20261102;ACME;NL12;NL34;Bij;1250,00;RE-1\n20261103;X;NL12;NL34;Af;5,00;y\n"
)


def of(text: str, encoding: str = "utf-8") -> Proposal:
    found = propose(text.encode(encoding), KNOWN)
    if not found.missing:
        read_profile(found.definition)
    return found


def test_balances_prove_the_proposal() -> None:
    found = of(US + '11/13/2026,ACH RE-1,"1,250.00",2250.00\n11/14/2026,FEE,-5.00,2245.00\n')
    assert (found.proven, found.refused, found.missing) == (True, None, ())
    assert found.definition["format"]["date_formats"] == ["%m/%d/%Y"]
    assert "csv-us" in found.fitting
    entry = found.as_document()["entries"][0]
    assert (entry["amount"], entry["is_credit"], entry["text"]) == ("1250.00", True, "ACH RE-1")


def test_balances_turn_a_sign_that_is_the_other_way() -> None:
    found = of(US + "11/13/2026,ACH,-100.00,300.00\n11/14/2026,FEE,5.00,295.00\n")
    assert found.definition["sign"] == {"kind": "signed", "positive_is": "debit"}
    assert found.proven


def test_days_that_may_be_two_are_proposed_so_that_a_load_refuses_them() -> None:
    found = of(US + "11/10/2026,ACH,100.00,300.00\n11/12/2026,FEE,-5.00,295.00\n")
    assert found.definition["format"]["date_formats"] == ["%d/%m/%Y", "%m/%d/%Y"]
    assert not found.proven
    assert found.refused is not None
    assert "line 2" in found.refused


def test_german_list_in_its_code_page_with_lines_around() -> None:
    found = of(GERMAN, "cp1252")
    assert found.definition["columns"] == {
        "booking_date": "Buchungstag", "value_date": "Wertstellung", "counterparty_name": "Auftraggeber / Empfänger",
        "text": ["Verwendungszweck"], "amount": "Betrag (EUR)", "balance": "Saldo",
    }  # fmt: skip
    assert (found.definition["currency"], found.definition["footer"]) == ("EUR", ["Kontostand"])
    assert found.proven
    assert "csv-de-umsaetze" in found.fitting


def test_directions_by_word_columns_and_suffix() -> None:
    found = of(DUTCH)
    assert found.definition["sign"] == {"kind": "indicator", "credit": ["Bij"], "debit": ["Af"]}
    assert found.definition["columns"]["text"] == ["Naam / Omschrijving", "Mededelingen"]
    french = of("Date;Libellé;Débit;Crédit\n25/11/2026;VIR;;1 250,00\n24/11/2026;FRAIS;-5,00;\n")
    assert french.definition["sign"] == {"kind": "two_columns", "debit_is": "negative"}
    suffix = of("Date,Details,Amount\n2026-11-02,x,12.00 CR\n2026-11-03,y,5.00 DR\n")
    assert suffix.definition["sign"] == {"kind": "suffix", "credit": ["CR"], "debit": ["DR"]}
    assert [entry["is_credit"] for entry in suffix.as_document()["entries"]] == [True, False]


def test_what_is_missing_is_said_and_what_is_no_statement_is_refused() -> None:
    assert of("Booking text,Amount,Balance,Currency\nx,1.00,2.00,EUR\n").missing == ("booking_date",)
    with pytest.raises(CsvRefused, match="looks like the header"):
        of("colour,shape\nred,round\n")


def test_a_statement_without_a_profile_is_told_which_would_read_it() -> None:
    refusal = profile_needed((US + "11/13/2026,x,1.00,5.00\n").encode(), KNOWN)
    assert refusal is not None
    assert refusal.reason_code == "bank_file.profile_needed"
    assert "csv-us" in refusal.detail
    assert profile_needed(b"colour,shape\n", KNOWN) is None
