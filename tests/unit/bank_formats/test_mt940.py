"""MT940 and MT942: signs, dates across the year, references, the three ways of writing field 86."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.core.money import Money
from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.identity import identify
from app.integrations.bank_formats.records import Entry, EntryStatus, Party, StatementFile
from tests.unit.bank_formats.messages import IBAN, camt, detail, entry

LINE = ":61:2403150314CR100,00NTRFNONREF//BANKREF-0001"


def mt940(
    *lines: str, opening: str = "C240313EUR10,00", closing: str = "C240314EUR110,00", account: str = IBAN
) -> bytes:
    text = (":20:STMT", f":25:{account}", ":28C:00052/001", f":60F:{opening}", *lines, f":62F:{closing}", "-")
    return "\r\n".join(text).encode()


def read(*lines: str, **options: str) -> StatementFile:
    return parse_bank_file(mt940(*lines, **options))


def one(*lines: str, **options: str) -> Entry:
    (found,) = read(*lines, **options).statements[0].entries
    return found


def test_statement_header_and_totals() -> None:
    file = read(LINE)
    (found,) = file.statements
    assert file.format == "mt940"
    assert (found.statement_id, found.account_identifier, found.is_iban) == ("STMT", IBAN, True)
    assert (found.sequence, found.page_number, found.account_currency) == (52, 1, "EUR")
    assert found.opening is not None
    assert (found.opening.minor, found.opening.on) == (1000, date(2024, 3, 13))
    assert control_totals(found).holds is True


@pytest.mark.parametrize(
    ("mark", "signed", "is_reversal"),
    [
        ("C", 500, False),
        ("D", -500, False),
        ("RC", -500, True),
        ("RD", 500, True),
        ("CR", 500, False),
        ("DR", -500, False),
        ("RCR", -500, True),
        ("RDR", 500, True),
        ("CD", 500, False),
    ],
)
def test_marks_funds_codes_and_signs(mark: str, signed: int, is_reversal: bool) -> None:
    found = one(f":61:2403150314{mark}5,NTRFNONREF")
    assert (found.signed_minor, found.is_reversal) == (signed, is_reversal)


@pytest.mark.parametrize(
    ("dates", "valued", "booked"),
    [
        ("2403150314", date(2024, 3, 15), date(2024, 3, 14)),
        ("2312290102", date(2023, 12, 29), date(2024, 1, 2)),
        ("2401021229", date(2024, 1, 2), date(2023, 12, 29)),
        ("2402280229", date(2024, 2, 28), date(2024, 2, 29)),
        ("240315", date(2024, 3, 15), None),
        ("240315    ", date(2024, 3, 15), None),
        ("9912310101", date(1999, 12, 31), date(2000, 1, 1)),
    ],
)
def test_entry_date_is_the_one_nearest_to_the_value_date(dates: str, valued: date, booked: date | None) -> None:
    found = one(f":61:{dates}CR1,NTRFNONREF")
    assert (found.value_date, found.booking_date) == (valued, booked)


@pytest.mark.parametrize(("text", "minor"), [("5,", 500), ("0,5", 50), ("000000000012,62", 1262), ("1234,567", None)])
def test_amounts(text: str, minor: int | None) -> None:
    (found,) = read(f":61:240315CR{text}NTRFNONREF").statements
    assert [e.amount_minor for e in found.entries] == ([] if minor is None else [minor])
    assert found.refused_entry_count == (1 if minor is None else 0)


@pytest.mark.parametrize(
    "line", [":61:240230CR1,NTRFX", ":61:24031XCR1,NTRFX", ":61:240315XX1,NTRFX", ":61:240315CRNTRFX"]
)
def test_a_line_that_cannot_be_read_refuses_the_entry_not_the_file(line: str) -> None:
    (found,) = read(line, ":86:its text", LINE, ":86:other").statements
    assert [e.ordinal for e in found.entries] == [2]
    assert found.entries[0].transactions[0].unstructured == ("other",)
    assert found.problems[0].where == "entry 1"
    assert found.refused_entry_count == 1


@pytest.mark.parametrize(
    ("rest", "customer", "bank", "name"),
    [
        ("NTRFABC 1//BANK-77", "ABC 1", "BANK-77", None),
        ("NTRFNONREF//NONREF", None, None, None),
        ("NTRFKREF+//8AE3169901918BD3", None, "8AE3169901918BD3", None),
        ("N0440121470966      W.P. Example", "0121470966", None, "W.P. Example"),
        ("NTRF", None, None, None),
    ],
)
def test_references_of_the_line(rest: str, customer: str | None, bank: str | None, name: str | None) -> None:
    found = one(f":61:2403150314CR1,{rest}")
    assert (found.entry_reference, found.bank_reference) == (customer, bank)
    assert found.transactions[0].payer.name == name


def test_supplement_with_original_amount_charges_and_rate() -> None:
    found = one(":61:2403150314CR100,NTRFABC//BANK-77", "/OCMT/USD110,50//CHGS/EUR0,50//EXCH/1,105/")
    (transaction,) = found.transactions
    assert transaction.instructed == Money(11050, "USD")
    assert [c.amount for c in transaction.charges] == [Money(50, "EUR")]
    assert transaction.exchange is not None
    assert transaction.exchange.rate == Decimal("1.105")
    assert found.additional_information == ("/OCMT/USD110,50//CHGS/EUR0,50//EXCH/1,105/",)


class TestSubfields:
    def test_sepa_keywords_over_full_subfields(self) -> None:
        text = (
            ":86:166?00GUTSCHRIFT?109075?20EREF+2024-0000-1111-2222-33?2144?22KREF+CUST-9"
            "?23SVWZ+Rechnung 4711 und Rech?24nung 4712?25ABWA+Tochter GmbH"
            "?30SOGEDEFF?31DE75512108001245126199?32Nordwind Handels GmbH & Co?33KG?34000"
        )
        found = one(LINE, *wrapped(text))
        (transaction,) = found.transactions
        assert transaction.end_to_end_id == "2024-0000-1111-2222-3344"
        assert transaction.references.other == (("customer_reference", "CUST-9"),)
        assert transaction.unstructured == ("Rechnung 4711 und Rechnung 4712",)
        assert transaction.payer == Party(
            name="Nordwind Handels GmbH & Co KG",
            account=IBAN,
            is_iban=True,
            bank="SOGEDEFF",
            ultimate_name="Tochter GmbH",
        )
        assert transaction.payee == Party()
        assert found.proprietary_code == "NTRF+166"
        assert transaction.returned is None

    def test_the_other_party_of_a_debit_is_the_payee(self) -> None:
        found = one(":61:2403150314DR1,NTRFNONREF", ":86:116?00UEBERWEISUNG?20SVWZ+rent?32Landlord")
        assert found.transactions[0].payer == Party()
        assert found.transactions[0].payee.name == "Landlord"

    def test_a_reference_ends_with_a_subfield_that_is_not_full(self) -> None:
        found = one(LINE, ":86:166?20EREF+E-1?21Invoice 9?22and 10")
        (transaction,) = found.transactions
        assert transaction.end_to_end_id == "E-1"
        assert transaction.unstructured == ("Invoice 9 and 10",)

    def test_no_end_to_end_id(self) -> None:
        assert one(LINE, ":86:166?20EREF+NOTPROVIDED?21SVWZ+x").transactions[0].end_to_end_id is None

    def test_keywords_inside_one_subfield(self) -> None:
        found = one(LINE, ":86:166?20SVWZ+INV 7 IBAN+DE75512108001245126199 BIC+SOGEDEFF")
        (transaction,) = found.transactions
        assert transaction.unstructured == ("INV 7",)
        assert (transaction.payer.account, transaction.payer.bank) == (IBAN, "SOGEDEFF")

    def test_lines_from_before_sepa_are_kept_in_both_readings(self) -> None:
        found = one(LINE, ":86:051?20INVOICE 4711 OF 14.03.2024A?21BC AND 4712")
        (transaction,) = found.transactions
        assert transaction.unstructured == ("INVOICE 4711 OF 14.03.2024ABC AND 4712",)
        assert "INVOICE 4711 OF 14.03.2024A BC AND 4712" in transaction.additional_information

    def test_returned_transfer(self) -> None:
        found = one(LINE, ":86:159?00RETOURE?20EREF+E-9?21MTLG:Konto gesperrt?34903")
        (transaction,) = found.transactions
        assert transaction.returned is not None
        assert transaction.returned.detail == "903"
        assert (transaction.end_to_end_id, transaction.unstructured) == ("E-9", ("Konto gesperrt",))


def wrapped(text: str, width: int = 65) -> list[str]:
    """A field as the bank writes it: cut at the width of a line, spaces at line ends lost."""
    return [text[start : start + width].rstrip() for start in range(0, len(text), width)]


@pytest.mark.parametrize("shift", range(40))
def test_wrapping_at_any_place_changes_nothing(shift: int) -> None:
    text = (
        f":86:166?00{'G' * shift}?20EREF+E2E-2024-1?22SVWZ+Rechnung 4711 und Rech?23nung 4712 zur Lieferung 987"
        "?2465 vom Montag?32Nordwind Handels GmbH"
    )
    (transaction,) = one(LINE, *wrapped(text)).transactions
    assert transaction.unstructured == ("Rechnung 4711 und Rechnung 4712 zur Lieferung 98765 vom Montag",)
    assert transaction.end_to_end_id == "E2E-2024-1"
    assert transaction.payer.name == "Nordwind Handels GmbH"


class TestSlashCodesAndFreeText:
    def test_slash_codes(self) -> None:
        found = one(
            LINE,
            ":86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNANL2A/NAME/Bakkerij",
            "De Molen/REMI/Factuur 2024/118 en 119/EREF/E-55",
        )
        (transaction,) = found.transactions
        assert (transaction.payer.account, transaction.payer.is_iban) == ("NL91ABNA0417164300", True)
        assert transaction.payer.bank == "ABNANL2A"
        assert transaction.unstructured == ("Factuur 2024/118 en 119",)
        assert transaction.end_to_end_id == "E-55"

    def test_counterparty_structured_remittance_and_return(self) -> None:
        found = one(
            LINE,
            ":86:/RTRN/MD06//CNTP/NL91ABNA0417164300/ABNANL2A/Bakkerij/Delft//REMI/STRD/CUR/9070000005//EREF/E1/",
        )
        (transaction,) = found.transactions
        assert transaction.payer.name == "Bakkerij"
        assert [r.value for r in transaction.creditor_references] == ["9070000005"]
        assert transaction.returned is not None
        assert transaction.returned.reason == "MD06"

    def test_unknown_slash_codes_stay_text(self) -> None:
        assert one(LINE, ":86:/PT/FT/PY/INV 5").transactions[0].unstructured == ("/PT/FT/PY/INV 5",)

    def test_free_lines_and_several_fields(self) -> None:
        full = "GIRO ORDERED BY: JANE EXAMPLE WITH A VERY LONG STREET NAME RE"  # 61 characters and the tag
        assert len(full) == 61
        found = one(LINE, f":86:{full}", "CHNUNG 4711", ":86:second", ":12:30 o'clock")
        assert found.transactions[0].unstructured == (f"{full}CHNUNG 4711", "second", ":12:30 o'clock")


def test_pages_and_several_statements() -> None:
    page = mt940(LINE).replace(b":62F:", b":62M:")
    second = mt940(LINE, opening="C240314EUR110,", closing="C240315EUR210,").replace(b"00052/001", b"00052/002")
    file = parse_bank_file(page + b"\r\n" + second)
    assert [(s.page_number, s.is_last_page) for s in file.statements] == [(1, False), (2, True)]
    assert [control_totals(s).holds for s in file.statements] == [True, True]


def test_swift_envelope_and_no_separator() -> None:
    body = mt940(LINE)[:-1]
    enveloped = b"{1:F01BANKDEFFXXXX0000000000}{2:O9401200240314BANKDEFF}{4:\r\n" + body + b"-}\r\n"
    assert len(parse_bank_file(enveloped).statements[0].entries) == 1
    assert len(parse_bank_file(body + body).statements) == 2


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("50880050/0194774600888", ("50880050/0194774600888", False)),
        ("1291.99.348EUR", ("1291.99.348", False)),
        (f"SOGEDEFF/{IBAN}", (IBAN, True)),
        (f"{IBAN}EUR", (IBAN, True)),
        ("/PL61109010140000071219812874", ("PL61109010140000071219812874", True)),
    ],
)
def test_accounts(account: str, expected: tuple[str, bool]) -> None:
    found = read(LINE, account=account).statements[0]
    assert (found.account_identifier, found.is_iban) == expected


MT942 = b"""\
:20:INTERIM
:25:DE75512108001245126199
:28C:52/1
:34F:EURD0,
:13D:2403141200+0100
:61:2403150314CR100,NTRFNONREF//BANKREF-0001
:61:2403150314EC7,NTRFNONREF
:90D:0EUR0,
:90C:2EUR107,
-
"""


def test_interim_report_is_not_counted_and_its_sums_are_checked() -> None:
    file = parse_bank_file(MT942)
    (found,) = file.statements
    assert file.format == "mt942"
    assert [e.status for e in found.entries] == [EntryStatus.PENDING, EntryStatus.PENDING]
    assert [e.signed_minor for e in found.entries] == [10000, 700]
    assert found.problems == ()
    (wrong,) = parse_bank_file(MT942.replace(b"2EUR107,", b"2EUR108,")).statements
    assert [p.code for p in wrong.problems] == ["statement.control_total_differs"]


def test_difference_of_the_balances_is_shown() -> None:
    (found,) = read(LINE, closing="C240314EUR110,05").statements
    assert [p.code for p in found.problems] == ["statement.control_total_differs"]


def test_text_outside_utf8_is_read_and_told() -> None:
    file = parse_bank_file(mt940(LINE, ":86:Grüße").decode().encode("cp1252"))
    assert file.statements[0].entries[0].transactions[0].unstructured == ("Grüße",)
    assert [p.code for p in file.problems] == ["file.encoding_guessed"]


def test_control_characters_are_dropped() -> None:
    file = parse_bank_file(b"\x01\r\n" + mt940(LINE, ":86:a\x03b") + b"\x03")
    assert file.statements[0].entries[0].transactions[0].unstructured == ("ab",)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (mt940(LINE).replace(b":25:", b":29:"), "bank_file.account_missing"),
        (b":61:1409010902DR1,62NTRFX//Y\n:86:171?00X\n", "bank_file.account_missing"),
        (mt940(LINE)[:-40], "bank_file.truncated"),
        (mt940(LINE) + b"\n" + mt940(LINE)[:60], "bank_file.truncated"),
        (mt940(LINE, ":86:a\0b"), "bank_file.malformed"),
        (mt940(LINE, ":86:" + "x" * 30_000), "bank_file.text_too_long"),
        (mt940(LINE, account=""), "bank_file.account_missing"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(BankFileRefused) as caught:
        parse_bank_file(data)
    assert caught.value.reason_code == code


def test_an_entry_after_the_end_is_told_not_lost_in_silence() -> None:
    file = parse_bank_file(mt940(LINE) + b"\n:61:2403150314CR1,NTRFNONREF\n")
    assert len(file.statements) == 1
    assert [p.code for p in file.problems] == ["file.account_missing"]


def test_the_same_money_in_camt_and_mt940_has_the_same_key() -> None:
    by_reference = parse_bank_file(camt(entry(reference="BANKREF-0001")))
    without = entry(
        reference=None,
        details=detail(refs="<EndToEndId>E-1</EndToEndId>", inside="<RmtInf><Ustrd>Invoice 9</Ustrd></RmtInf>"),
    )
    by_text = parse_bank_file(camt(without))
    text = ":86:166?00GUTSCHRIFT?20EREF+E-1?21SVWZ+Invoice 9?32Payer"

    def key(file: StatementFile) -> str:
        (identity,) = identify(file.statements[0])
        return identity.entry_key

    assert key(read(LINE, text)) == key(by_reference)
    assert key(read(":61:2403150314CR100,00NTRFNONREF", text)) == key(by_text)


@pytest.mark.parametrize(
    ("text", "minor"), [("1.250,00", 125_000), ("1,250.00", 125_000), ("1.234.567,8", 123_456_780)]
)
def test_thousands_signs_are_read_where_both_signs_stand(text: str, minor: int) -> None:
    assert one(f":61:2403150314C{text}NTRFNONREF//B1").amount_minor == minor


@pytest.mark.parametrize("text", ["1.250", "1,250", "1,2,3", "1.2.3", "12,345.678,9"])
def test_an_amount_that_may_be_two_things_is_refused(text: str) -> None:
    (found,) = read(f":61:2403150314C{text}NTRFNONREF//B1").statements
    assert (found.entries, found.refused_entry_count) == ((), 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_unicode_by_its_mark(encoding: str) -> None:
    text = mt940(LINE).decode().replace("STMT", "STÜCK")
    data = (b"\xfe\xff" if encoding == "utf-16-be" else b"") + text.encode(encoding)
    assert parse_bank_file(data).statements[0].statement_id == "STÜCK"
