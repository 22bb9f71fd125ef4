"""OFX 1 and 2: signed amounts, dates with time zones, names, corrections."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.records import Entry, Party, StatementFile

ENTRY = (
    "<TRNTYPE>CREDIT<DTPOSTED>20240314120000.000[-5:EST]<TRNAMT>100.00<FITID>FIT-00000001<NAME>Nordwind<MEMO>INV 4711"
)


def sgml(*entries: str, currency: str = "<CURDEF>CAD", account: str = "<BANKID>16000<ACCTID>12300 0001") -> bytes:
    lines = "".join(f"<STMTTRN>{entry}\n</STMTTRN>\n" for entry in entries)
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"
        "<OFX><SIGNONMSGSRSV1><SONRS><DTSERVER>20240315</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>0"
        f"<STMTRS>{currency}<BANKACCTFROM>{account}<ACCTTYPE>CHECKING</BANKACCTFROM>"
        f"<BANKTRANLIST><DTSTART>20240301<DTEND>20240315\n{lines}</BANKTRANLIST>"
        "<LEDGERBAL><BALAMT>-382.34<DTASOF>20240315</LEDGERBAL><AVAILBAL><BALAMT>1<DTASOF>20240315</AVAILBAL>"
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    ).encode("cp1252")


def xml(*entries: str) -> bytes:
    """The same as version 2: every leaf is closed."""
    text = sgml(*entries).decode("cp1252").split("\n\n", 1)[1]
    closed = []
    for piece in text.split("<"):
        name, _, value = piece.partition(">")
        closed.append(f"<{name}>{value.rstrip()}</{name}>" if value.strip() else f"<{piece}" if piece else "")
    return ('<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="200"?>' + "".join(closed)).encode()


def one(text: str) -> Entry:
    (found,) = parse_bank_file(sgml(text)).statements[0].entries
    return found


@pytest.mark.parametrize("data", [sgml(ENTRY), xml(ENTRY)])
def test_both_versions_read_the_same(data: bytes) -> None:
    file: StatementFile = parse_bank_file(data)
    (found,) = file.statements
    assert file.format == "ofx"
    assert (found.account_identifier, found.account_bank, found.account_currency) == ("12300 0001", "16000", "CAD")
    assert (found.from_date, found.to_date) == (date(2024, 3, 1), date(2024, 3, 15))
    assert found.closing is not None
    assert (found.closing.minor, found.closing.on) == (-38234, date(2024, 3, 15))
    assert control_totals(found).holds is None
    (entry,) = found.entries
    assert (entry.signed_minor, entry.booking_date, entry.value_date) == (10000, date(2024, 3, 14), None)
    assert (entry.bank_reference, entry.proprietary_code) == ("FIT-00000001", "CREDIT")
    (transaction,) = entry.transactions
    assert (transaction.payer.name, transaction.payee) == ("Nordwind", Party())
    assert transaction.unstructured == ("INV 4711",)


@pytest.mark.parametrize(
    ("amount", "signed"), [("-6.60", -660), ("+6.60", 660), ("6,60", 660), ("-.5", -50), ("0", 0), ("7", 700)]
)
def test_signed_amounts(amount: str, signed: int) -> None:
    assert one(f"<TRNTYPE>OTHER<DTPOSTED>20240314<TRNAMT>{amount}<FITID>1").signed_minor == signed


@pytest.mark.parametrize("amount", ["1,234.567,8", "1.234", "1.001", "abc", "", "--5", "1e5"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    (found,) = parse_bank_file(sgml(f"<DTPOSTED>20240314<TRNAMT>{amount}<FITID>1", ENTRY)).statements
    assert found.refused_entry_count == 1
    assert len(found.entries) == 1


def test_a_debit_names_the_payee() -> None:
    (transaction,) = one("<TRNTYPE>CHECK<DTPOSTED>20240314<TRNAMT>-25<FITID>1<CHECKNUM>319<NAME>Fee").transactions
    assert (transaction.payer, transaction.payee.name) == (Party(), "Fee")
    assert transaction.references.cheque_number == "319"
    assert transaction.unstructured == ("Fee",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<TRNTYPE>DEBIT<DTPOSTED>20240314<TRNAMT>5<FITID>1", "entry.direction_differs"),
        ("<TRNTYPE>CREDIT<DTPOSTED>20240314<TRNAMT>-5<FITID>1", "entry.direction_differs"),
        ("<TRNTYPE>OTHER<DTPOSTED>20240314<TRNAMT>5<FITID>2<CORRECTFITID>1<CORRECTACTION>DELETE", "entry.correction"),
        ("<TRNTYPE>OTHER<TRNAMT>5<FITID>1", "entry.date_missing"),
        ("<TRNTYPE>OTHER<DTPOSTED>20240230<TRNAMT>5<FITID>1", "entry.date_missing"),
    ],
)
def test_what_needs_a_person_is_held(text: str, code: str) -> None:
    held = one(text).held_reason
    assert held is not None
    assert held.code == code


def test_other_currency_and_original_currency() -> None:
    other = one("<DTPOSTED>20240314<TRNAMT>5<FITID>1<CURRENCY><CURRATE>1.3<CURSYM>USD</CURRENCY>")
    assert (other.currency, other.amount_minor) == ("USD", 500)
    converted = one("<DTPOSTED>20240314<TRNAMT>5<FITID>1<ORIGCURRENCY><CURRATE>1.3<CURSYM>USD</ORIGCURRENCY><MEMO>x")
    assert converted.currency == "CAD"
    exchange = converted.transactions[0].exchange
    assert exchange is not None
    assert (exchange.rate, exchange.source_currency) == (Decimal("1.3"), "USD")
    assert converted.transactions[0].unstructured == ("x",)


def test_payee_address_account_and_entities() -> None:
    found = one(
        "<DTPOSTED>20240314<TRNAMT>5<FITID>1<PAYEE><NAME>A &amp; B</NAME><CITY>Ulm</PAYEE>"
        "<BANKACCTTO><BANKID>77<ACCTID>DE75512108001245126199</BANKACCTTO><MEMO><![CDATA[x < y & z]]>"
    )
    (transaction,) = found.transactions
    assert (transaction.payer.name, transaction.payer.account) == ("A & B", "DE75512108001245126199")
    assert transaction.payer.is_iban
    assert transaction.unstructured == ("x < y & z",)
    assert one("<DTPOSTED>20240314<TRNAMT>5<FITID>1<MEMO>5 < 6").transactions[0].unstructured == ("5 < 6",)


GOOD = sgml(ENTRY)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (GOOD[:-1], "bank_file.truncated"),
        (GOOD[: GOOD.index(b"</BANKTRANLIST>")], "bank_file.truncated"),
        (GOOD.replace(b"STMTRS>", b"OTHERS>"), "bank_file.no_statement"),
        (GOOD.replace(b"<ACCTID>12300 0001", b""), "bank_file.account_missing"),
        (GOOD.replace(b"<CURDEF>CAD", b""), "bank_file.currency_missing"),
        (GOOD.replace(b"<OFX>", b'<!DOCTYPE OFX SYSTEM "x"><OFX>'), "bank_file.dtd_forbidden"),
        (xml(ENTRY).replace(b"<OFX>", b'<!DOCTYPE x [<!ENTITY a "b">]><OFX>'), "bank_file.dtd_forbidden"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(BankFileRefused) as caught:
        parse_bank_file(data)
    assert caught.value.reason_code == code
