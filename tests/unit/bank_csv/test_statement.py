"""CSV statements by their profiles: never a wrong sign, amount or day, never a lost reference; the rest is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.bank_csv.errors import CsvRefused
from app.integrations.bank_csv.profile import FIELDS, ProfileInvalid, read_profile
from app.integrations.bank_csv.statement import parse_csv
from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.identity import identify
from app.integrations.bank_formats.records import EntryStatus, StatementFile
from app.integrations.bank_formats.source import ByteSource
from app.integrations.import_fields import BANK_STATEMENT
from app.integrations.presets import presets

OWN = "DE89370400440532013000"
SHIPPED = {name: found for name, found in presets().items() if found["kind"] == BANK_STATEMENT}
US = "Date,Description,Amount,Balance\n"
SIGNED: dict[str, Any] = {
    "columns": {"booking_date": "Date", "text": "Text", "amount": "Amount", "balance": "Balance"},
    "optional": ["balance"],
}


def read(content: str | bytes, profile: str | dict[str, Any], **more: Any) -> StatementFile:
    """The file by a shipped profile or by a definition."""
    data = content if isinstance(content, bytes) else content.encode()
    definition = SHIPPED[profile] if isinstance(profile, str) else profile
    facts = {"account": OWN, "currency": "EUR", **more}
    return parse_csv(ByteSource(data, max_bytes=100_000_000), read_profile(definition), **facts)


def refused(content: str | bytes, profile: str | dict[str, Any], **more: Any) -> tuple[str, int | None, str | None]:
    with pytest.raises(CsvRefused) as caught:
        read(content, profile, **more)
    return caught.value.reason_code.removeprefix("bank_file."), caught.value.line, caught.value.column


def amounts(file: StatementFile) -> list[int]:
    return [entry.signed_minor for statement in file.statements for entry in statement.entries]


def test_every_shipped_profile_is_in_order() -> None:
    assert len(SHIPPED) >= 10
    for definition in SHIPPED.values():
        assert {"title", "about"} <= definition.keys()
        read_profile(definition)


def test_united_states() -> None:
    file = read(US + '11/13/2026,ACH RE-1,"1,250.00",2250.00\n11/14/2026,FEE,($5.00),"2,245.00"\n', "csv-us",
                currency="USD")  # fmt: skip
    (statement,) = file.statements
    assert amounts(file) == [125000, -500]
    assert (statement.opening.minor, statement.closing.minor) == (100000, 224500)  # type: ignore[union-attr]
    assert control_totals(statement).holds
    credit = statement.entries[0]
    assert (credit.booking_date, credit.value_date, credit.currency) == (date(2026, 11, 13), None, "USD")
    assert credit.transactions[0].unstructured == ("ACH RE-1",)
    assert (statement.account_identifier, statement.is_iban) == (OWN, True)


def test_german_list_newest_first_with_lines_around_the_table() -> None:
    content = (
        "Umsätze Girokonto;\nKonto:;1234567890\n\n"
        "Buchungstag;Wertstellung;Auftraggeber / Empfänger;Verwendungszweck;Betrag (EUR);Saldo;Gläubiger\n"
        "05.11.2026;06.11.2026;Brandt Maschinenbau;RE-1 /INV;1.250,00;2.245,00;X-7\n"
        "04.11.2026;04.11.2026;Bank;Gebühr;-5,00;995,00;\n"
        "Kontostand;2.245,00\n"
    )
    file = read(content.encode("cp1252"), "csv-de-umsaetze")
    (statement,) = file.statements
    first = statement.entries[0]
    assert amounts(file) == [125000, -500]
    assert first.transactions[0].payer.name == "Brandt Maschinenbau"
    assert first.value_date == date(2026, 11, 6)
    assert first.additional_information == ("Gläubiger: X-7",)  # a column that no field takes is not lost
    assert (statement.opening.minor, statement.closing.minor) == (100000, 224500)  # type: ignore[union-attr]
    assert statement.entries[1].transactions[0].payee.name == "Bank"


def test_camt_csv_of_german_savings_banks_names_its_own_account() -> None:
    header = (
        "Auftragskonto;Buchungstag;Valutadatum;Buchungstext;Verwendungszweck;Glaeubiger ID;Mandatsreferenz;"
        "Kundenreferenz (End-to-End);Sammlerreferenz;Beguenstigter/Zahlungspflichtiger;Kontonummer/IBAN;"
        "BIC (SWIFT-Code);Betrag;Waehrung;Info\n"
    )
    row = "{};02.11.26;03.11.26;GUTSCHR;RE-1;;;{};;ACME;DE02120300000000202051;BYLADEM1001;{};EUR;{}\n"
    content = header + row.format(OWN, "E2E-1", "1.250,00", "Umsatz gebucht")
    content += row.format("DE02120300000000202051", "NOTPROVIDED", "7,00", "Umsatz vorgemerkt")
    one, two = read(content, "csv-de-camt", account=None).statements
    assert (one.account_identifier, two.account_identifier) == (OWN, "DE02120300000000202051")
    entry = one.entries[0]
    assert (entry.transactions[0].end_to_end_id, entry.status) == ("E2E-1", EntryStatus.BOOKED)
    assert entry.transactions[0].payer.is_iban
    assert two.entries[0].status is EntryStatus.PENDING
    assert two.entries[0].transactions[0].end_to_end_id is None


@pytest.mark.parametrize(
    ("profile", "content", "expected"),
    [
        ("csv-uk", "Date,Type,Description,Paid out,Paid in,Balance\n03/11/2026,FPI,RE-1,,\"£1,250.00\",2250.00\n"
         "04/11/2026,DD,RENT,200.00,,2050.00\n", [125000, -20000]),
        ("csv-fr", "Date;Libellé;Débit euros;Crédit euros\n05/11/2026;VIR;;1 250,00\n04/11/2026;FRAIS;-5,00;\n",
         [125000, -500]),
        ("csv-fr-positif", "Date;Libellé;Débit;Crédit\n05/11/2026;VIR;;1\u202f250,00\n04/11/2026;FRAIS;5,00;\n",
         [125000, -500]),
        ("csv-debit-credit", "Date;Description;Debit;Credit\n2026-11-05;x;;12.00\n2026-11-05;y;0.00;1.00\n"
         "2026-11-06;z;3.00;\n", [1200, 100, -300]),
        ("csv-de-soll-haben", "Buchungstag;Verwendungszweck;Umsatz;Soll/Haben\n05.11.2026;x;12,00;H\n"
         "06.11.2026;y;3,00;S\n", [1200, -300]),
        ("csv-signed", "Account overview\nDate\tDescription\tAmount\n2026-11-05T10:00:00Z\tx\t-12.00\n", [-1200]),
    ],
)  # fmt: skip
def test_signs_of_every_shape(profile: str, content: str, expected: list[int]) -> None:
    assert amounts(read(content, profile, currency="GBP" if profile == "csv-uk" else "EUR")) == expected


def test_a_payment_service_takes_its_fee_as_a_movement_of_its_own() -> None:
    header = (
        "Date,Name,Type,Status,Currency,Gross,Fee,Net,From Email Address,Transaction ID,Reference Txn ID,"
        "Invoice Number,Balance,Balance Impact\n"
    )
    content = header + (
        "11/02/2026,Ann,Website Payment,Completed,USD,100.00,-3.20,96.80,a@b.c,9AB123456789,,RE-1,96.80,Credit\n"
        "11/02/2026,Ann,Authorization,Completed,USD,55.00,0.00,55.00,a@b.c,9AB123456788,,RE-2,96.80,Memo\n"
        "11/03/2026,Ann,Payment Reversal,Completed,USD,-100.00,0.00,-100.00,,9AB123456790,9AB123456789,,-3.20,Debit\n"
        "11/03/2026,Bob,Website Payment,Completed,EUR,7.00,0.00,7.00,b@b.c,9AB123456791,,RE-3,7.00,Credit\n"
        "11/04/2026,Eve,Website Payment,Pending,EUR,9.00,0.00,9.00,e@b.c,9AB123456792,,RE-4,7.00,Credit\n"
    )
    file = read(content, "csv-paypal", account="PP-1")
    dollars, euros = file.statements
    assert [entry.signed_minor for entry in dollars.entries] == [10000, -320, -10000]
    assert [entry.signed_minor for entry in euros.entries] == [700, 900]
    assert euros.entries[1].status is EntryStatus.PENDING
    assert control_totals(dollars).holds
    assert control_totals(euros).holds
    back = dollars.entries[2]
    assert back.is_reversal
    assert ("original", "9AB123456789") in back.transactions[0].references.other
    assert "RE-1" in dollars.entries[0].transactions[0].remittance_text
    keys = [key for statement in file.statements for found in identify(statement) for key in found.keys]
    assert len(keys) == len(set(keys)) == 5


def test_balance_transactions_of_stripe() -> None:
    content = (
        "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Available On (UTC),Description,Customer Name\n"
        "txn_123456789,charge,ch_1,100.00,3.20,96.80,eur,2026-11-02 10:00,2026-11-09 00:00,RE-1,Ann\n"
        "txn_123456790,payout,po_1,-96.80,0.00,-96.80,eur,2026-11-09 10:00,2026-11-09 00:00,PAYOUT,\n"
    )
    file = read(content, "csv-stripe", account="acct_1", currency=None)
    assert amounts(file) == [10000, -320, -9680]
    assert file.statements[0].account_currency == "EUR"


def test_columns_by_number_where_there_is_no_header() -> None:
    profile = {**SIGNED, "header_row": 0, "columns": {"booking_date": "1", "text": ["3", "4"], "amount": "2"}}
    file = read("2026-11-05,12.00,RE-1,and more\n", profile)
    assert file.statements[0].entries[0].transactions[0].unstructured == ("RE-1", "and more")


def test_words_behind_amounts_and_months_by_name() -> None:
    profile = {**SIGNED, "sign": {"kind": "suffix", "credit": ["CR"], "debit": ["DR"]},
               "format": {"date_formats": ["%d %b %Y"], "thousands_separator": ","}}  # fmt: skip
    assert amounts(read('Date,Text,Amount\n02 Nov 2026,x,"1,200.00 CR"\n03 Nov 2026,y,5.00DR\n', profile)) == [
        120000,
        -500,
    ]
    assert refused("Date,Text,Amount\n02 Nov 2026,x,5.00\n", profile) == ("csv_sign", 2, "Amount")


def test_the_account_above_the_header() -> None:
    profile = {**SIGNED, "account_label": "IBAN"}
    for above in (f"IBAN: {OWN}\n", f"Holder,ACME\nIBAN,,{OWN}\n"):
        file = read(f"{above}Date,Text,Amount\n2026-11-05,x,1.00\n", profile, account=None)
        assert file.statements[0].account_identifier == OWN
    assert refused("Date,Text,Amount\n2026-11-05,x,1.00\n", profile, account=None)[0] == "csv_account"
    assert refused("Date,Text,Amount\n2026-11-05,x,1.00\n", SIGNED, account=None) == ("csv_account", 2, None)


def test_the_currency_of_the_own_account_where_nothing_else_says_one() -> None:
    content = "Date,Text,Amount\n2026-11-05,x,1.00\n"
    file = read(content, SIGNED, currency=None, currencies={OWN: "CHF"}, account="DE89 3704 0044 0532 0130 00")
    assert file.statements[0].account_currency == "CHF"
    with pytest.raises(BankFileRefused, match="no currency"):
        read(content, SIGNED, currency=None)


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ('13/11/2026,x,"1.250,00",\n', ("csv_date", 2, "Date")),
        ('11/13/2026,x,"1.250,00",\n', ("csv_amount", 2, "Amount")),
        ("11/13/2026,x,1.250,\n", ("csv_amount_ambiguous", 2, "Amount")),
        ("11/13/2026,x,1.255,\n", ("csv_amount_ambiguous", 2, "Amount")),
        ("11/13/2026,x,0.001,\n", ("csv_amount", 2, "Amount")),
        ("11/13/2026,x,,\n", ("csv_amount", 2, "Amount")),
        ("11/13/2026,x,£5.00,\n", ("csv_currency", 2, "Amount")),
        ("11/13/2026,x,GBP 5.00,\n", ("csv_currency", 2, "Amount")),
        ("11/13/2026,x,--5.00,\n", ("csv_amount", 2, "Amount")),
        ("11/13/2026,x,1e3,\n", ("csv_amount", 2, "Amount")),
        ("11/13/2026,x,١٢,\n", ("csv_amount", 2, "Amount")),
        (",x,5.00,\n", ("csv_date", 2, "Date")),
        ("11/13/2026,=1+1,5.00,\n", ("csv_formula", 2, "Description")),
        ("11/13/2026,@SUM(A1),5.00,\n", ("csv_formula", 2, "Description")),
        ("11/13/2026,+cmd|' /C calc'!A0,5.00,\n", ("csv_formula", 2, "Description")),
        ("11/13/2026,x\0y,5.00,\n", ("csv_text", 2, "13")),
        ("11/13/2026,x,5.00\n", ("csv_row", 2, "4")),
        ("11/13/2026,x,5.00,,more\n", ("csv_row", 2, "5")),
        ('11/13/2026,"x,5.00,\n', ("csv_row", 2, None)),
        ("01/05/2026,a,1.00,\n02/05/2026,b,1.00,\n04/05/2026,c,1.00,\n02/06/2026,d,1.00,\n",
         ("csv_date_ambiguous", 5, "Date")),
        ("11/13/2026,a,-10.00,110.00\n11/14/2026,b,5.00,105.00\n", ("csv_sign_contradicted", 3, "Balance")),
        ("11/13/2026,a,10.00,110.00\n11/14/2026,b,5.00,105.00\n", ("csv_sign_contradicted", 3, "Balance")),
        ("11/13/2026,a,10.00,110.00\n11/14/2026,b,5.00,116.00\n", ("csv_balance", 3, "Balance")),
    ],
)  # fmt: skip
def test_what_is_refused_names_line_and_column(rows: str, place: tuple[str, int, str | None]) -> None:
    assert refused(US + rows, "csv-us", currency="USD") == place


def test_texts_of_the_trade_that_begin_like_formulas_are_texts() -> None:
    texts = ["+++123/4567/89012+++", "-RE 1-", "+49 (30) 1234", "@ACME RE-1"]
    rows = "".join(f"11/13/2026,{text},5.00,\n" for text in texts) + '11/13/2026,"=""000123""",5.00,\n'
    file = read(US + rows, "csv-us", currency="USD")
    assert [entry.transactions[0].remittance_text for entry in file.statements[0].entries] == [*texts, "000123"]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(CsvRefused) as caught:
        read(US + "13/13/2026,x,5.00,\n11/13/2026,x,abc,\n", "csv-us", currency="USD")
    assert [error.pointer for error in caught.value.errors] == ["/lines/2/Date", "/lines/3/Amount"]


@pytest.mark.parametrize("columns", [10_000_000, 501])
def test_endless_columns_are_refused_with_their_line(columns: int) -> None:
    wide = US.strip() + ",x" * columns + "\n11/13/2026,x,5.00,\n"
    code, line, column = refused(wide, "csv-us")
    assert (code, line) in {("text_too_long", 1), ("csv_header", 1)}
    assert column is not None
    assert refused(US + "11/13/2026" + "," * 10_000_000 + "\n", "csv-us")[:2] == ("text_too_long", 2)


def test_other_encodings_and_files_without_entries() -> None:
    profile = {**SIGNED, "format": {"encoding": "utf-8"}}
    assert refused("Date,Text,Amount\n2026-11-05,Gebühr,1.00\n".encode("cp1252"), profile) == ("encoding", 2, "15")
    assert refused("a,b,c\n", SIGNED)[:2] == ("csv_header", 1)
    assert refused("Date,Text,Amount,Amount\n", SIGNED) == ("csv_header", 1, "Amount")
    with pytest.raises(BankFileRefused, match="no entries"):
        read("Date,Text,Amount\n", SIGNED)


def test_a_break_of_the_balances_may_pass_as_a_note_but_never_a_wrong_sign() -> None:
    lenient = {**SHIPPED["csv-us"], "balance_breaks": "note"}
    file = read(US + "11/13/2026,a,10.00,110.00\n11/14/2026,b,5.00,116.00\n", lenient)
    assert [problem.code for problem in file.statements[0].problems][:1] == ["statement.balance_break"]
    wrong = US + "11/13/2026,a,10.00,110.00\n11/14/2026,b,5.00,105.00\n"
    assert refused(wrong, lenient)[0] == "csv_sign_contradicted"


def test_balances_at_the_end_of_days_only() -> None:
    rows = "11/14/2026,d,-1.00,106.00\n11/13/2026,c,5.00,107.00\n11/13/2026,b,2.00,\n11/12/2026,a,3.00,100.00\n"
    assert control_totals(read(US + rows, "csv-us").statements[0]).holds


def test_two_equal_lines_are_two_and_another_choice_of_columns_is_another_format() -> None:
    content = "Date,Text,Amount,Balance\n2026-11-05,x,1.00,\n2026-11-05,x,1.00,\n"
    file = read(content, SIGNED)
    one, two = identify(file.statements[0])
    assert one.entry_key != two.entry_key
    other = {**SIGNED, "columns": {**SIGNED["columns"], "bank_reference": "Text", "text": "Text"}}
    assert read(content, other).format != file.format
    assert read(content, SIGNED).statements[0].statement_id == file.statements[0].statement_id


def test_both_columns_filled_and_debits_against_the_profile() -> None:
    header = "Date;Description;Debit;Credit\n"
    assert refused(header + "2026-11-05;x;1.00;2.00\n", "csv-debit-credit") == ("csv_sign", 2, "Credit")
    assert refused(header + "2026-11-05;x;;\n", "csv-debit-credit") == ("csv_amount", 2, "Credit")
    assert refused(header + "2026-11-05;x;-1.00;\n", "csv-debit-credit") == ("csv_sign", 2, "Debit")
    assert refused(header + "2026-11-05;x;;-1.00\n", "csv-debit-credit") == ("csv_sign", 2, "Credit")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"columns": {"booking_date": "Date"}}, "/columns"),
        ({"columns": {"amount": "Amount"}}, "/columns"),
        ({"columns": {"booking_date": "Date", "amount": "Amount", "colour": "x"}}, "/columns/colour"),
        ({"columns": {"booking_date": "Date", "amount": "A", "balance": "A"}}, "/columns"),
        ({"columns": {"booking_date": "Date", "amount": "A", "debit": "B"}}, "/columns/debit"),
        ({"columns": {"booking_date": "Date", "amount": ["A", "B"]}}, "/columns/amount"),
        ({"sign": {"kind": "sometimes"}}, "/sign/kind"),
        ({"sign": {"kind": "suffix", "credit": ["x"]}}, "/sign"),
        ({"sign": {"kind": "suffix", "credit": ["x"], "debit": ["X"]}}, "/sign"),
        ({"header_row": 0}, "/columns"),
        ({"header_row": True}, "/header_row"),
        ({"currency": "XYZ"}, "/currency"),
        ({"format": {"decimal_separator": "'"}}, "/format/decimal_separator"),
        ({"format": {"date_formats": ["%d"]}}, "/format/date_formats"),
        ({"skip": {"Info": "x"}}, "/skip/Info"),
        ({"optional": ["nothing"]}, "/optional"),
        ({"unknown": 1}, "/unknown"),
        ({"balance_breaks": "perhaps"}, "/balance_breaks"),
    ],
)
def test_profiles_at_fault_name_their_parts(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ProfileInvalid) as caught:
        read_profile({**SIGNED, **change})
    assert pointer in [error.pointer for error in caught.value.errors]


@given(
    st.lists(st.tuples(st.integers(-10**9, 10**9), st.integers(0, 200)), min_size=1, max_size=20),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "")]), st.booleans(),
)  # fmt: skip
def test_what_is_written_is_read(rows: list[tuple[int, int]], marks: tuple[str, str], newest_first: bool) -> None:
    point, group = marks
    balance, lines = 0, []
    for minor, day in sorted(rows, key=lambda row: row[1]):
        balance += minor
        on = date.fromordinal(date(2026, 1, 1).toordinal() + day)

        def written(value: int) -> str:
            whole = f"{abs(value) // 100:,}".replace(",", group)
            return f"{'-' if value < 0 else ''}{whole}{point}{abs(value) % 100:02}"

        lines.append((minor, f"{on:%d.%m.%Y};x;{written(minor)};{written(balance)}\n"))
    if newest_first:
        lines.reverse()
    form = {"delimiter": ";", "decimal_separator": point, "thousands_separator": group, "date_formats": ["%d.%m.%Y"]}
    file = read("Date;Text;Amount;Balance\n" + "".join(line for _, line in lines), {**SIGNED, "format": form})
    assert amounts(file) == [minor for minor, _ in lines]
    assert control_totals(file.statements[0]).holds


@given(st.binary(max_size=300), st.sampled_from(sorted(SHIPPED)))
def test_whatever_stands_in_a_file_it_loads_or_is_refused(content: bytes, profile: str) -> None:
    for data in (content, US.encode() + content, b"Buchungstag;Verwendungszweck;Betrag\n" + content):
        with suppress(BankFileRefused):  # any other refusal fails the test
            read(data, profile)


def test_fields_are_told_by_the_reference() -> None:
    assert len(FIELDS) == len(set(FIELDS)) == 22
