"""BAI2: type codes decide the direction; continuations, funds types and trailers are read as the format says."""

from __future__ import annotations

from datetime import date

import pytest

from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.records import EntryStatus, Statement


def bai2(
    *records: str, account: str = "03,10200,USD,010,10000,,,015,15000,,/", group: str = "1", currency: str = "USD"
) -> bytes:
    lines = (
        "01,SENDER,RECEIVER,240315,0712,7,80,1,2/",
        f"02,RECEIVER,BANKID,{group},240314,2359,{currency},2/",
        account,
        *records,
        "49,30000,3/",
        "98,30000,1,5/",
        "99,30000,1,7/",
    )
    return "\r\n".join(lines).encode()


def read(*records: str, **options: str) -> Statement:
    return parse_bank_file(bai2(*records, **options)).statements[0]


def test_file_group_account_and_totals() -> None:
    file = parse_bank_file(bai2("16,142,5000,,BANKREF-77,CUST-1,ACH, with a comma/"))
    (found,) = file.statements
    assert (file.format, file.message_id, file.created_at) == ("bai2", "7", "240315 0712")
    assert (found.account_identifier, found.account_currency, found.account_bank) == ("10200", "USD", "BANKID")
    assert (found.from_date, found.to_date) == (date(2024, 3, 14), date(2024, 3, 14))
    assert control_totals(found).holds is True
    assert found.problems == ()
    (entry,) = found.entries
    assert (entry.signed_minor, entry.booking_date, entry.value_date) == (5000, date(2024, 3, 14), None)
    assert (entry.bank_reference, entry.entry_reference, entry.proprietary_code) == ("BANKREF-77", "CUST-1", "142")
    assert entry.transactions[0].unstructured == ("ACH, with a comma",)
    assert entry.transactions[0].references.other == (("customer_reference", "CUST-1"),)


@pytest.mark.parametrize(
    ("code", "signed"),
    [("100", 1), ("115", 1), ("399", 1), ("400", -1), ("475", -1), ("699", -1), ("920", 1), ("959", 1), ("960", -1)],
)
def test_the_type_code_gives_the_direction(code: str, signed: int) -> None:
    assert [e.signed_minor for e in read(f"16,{code},1,,,/").entries] == [signed]


@pytest.mark.parametrize("code", ["010", "099", "720", "890", "905", "AB1", "1", ""])
def test_other_codes_are_refused_not_guessed(code: str) -> None:
    found = read(f"16,{code},1,,,/", "16,142,2,,,/")
    assert [e.ordinal for e in found.entries] == [2]
    assert found.refused_entry_count == 1


@pytest.mark.parametrize("amount", ["", "-5", "+5", "1.50", "1e3", "9" * 20])
def test_amounts_are_unsigned_integers(amount: str) -> None:
    found = read(f"16,142,{amount},,,/")
    assert (found.entries, found.refused_entry_count) == ((), 1)


@pytest.mark.parametrize(
    ("funds", "valued"),
    [
        ("", None),
        ("Z", None),
        ("0", None),
        ("1", None),
        ("V,240316,1200", date(2024, 3, 16)),
        ("V,240316,", date(2024, 3, 16)),
        ("S,1,2,3", None),
        ("S,,2,3", None),
        ("D,3,0,1,1,2,3,4", None),
    ],
)
def test_funds_types_do_not_shift_the_references(funds: str, valued: date | None) -> None:
    (entry,) = read(f"16,142,5000,{funds},BANKREF-77,CUST-1,text/").entries
    assert (entry.bank_reference, entry.entry_reference, entry.value_date) == ("BANKREF-77", "CUST-1", valued)
    assert entry.transactions[0].unstructured == ("text",)


@pytest.mark.parametrize("funds", ["X", "V,240231,", "D,x", "D,100"])
def test_an_unknown_funds_type_refuses_the_entry(funds: str) -> None:
    assert read(f"16,142,5000,{funds},,/").refused_entry_count == 1


@pytest.mark.parametrize(
    "records",
    [
        ("16,142,5000,,BANKREF-77,CUST-1,INVOICE 4711/", "88,AND 4712/"),
        ("16,142,5000,,BANKREF-77,CUST-1/", "88,INVOICE 4711", "88,AND 4712"),
        ("16,142,5000,V,240316/", "88,1200,BANKREF-77,CUST-1,INVOICE 4711/", "88,AND 4712/"),
        ("16,142,5000/", "88,,BANKREF-77/", "88,CUST-1,INVOICE 4711/", "88,AND 4712/"),
    ],
)
def test_continuations_of_fields_and_of_text(records: tuple[str, ...]) -> None:
    (entry,) = read(*records).entries
    assert (entry.bank_reference, entry.entry_reference) == ("BANKREF-77", "CUST-1")
    assert entry.transactions[0].unstructured == ("INVOICE 4711", "AND 4712")


def test_summaries_run_on_into_continuations() -> None:
    account = "03,10200,,010,10000,,,/"
    found = read("88,190,700,3,S,1,2,3,015/", "88,15000,,,400,0,,/", account=account)
    assert found.opening is not None
    assert found.closing is not None
    assert (found.opening.minor, found.closing.minor) == (10000, 15000)


def test_negative_balances() -> None:
    found = read(account="03,10200,USD,010,-10000,,,015,+15000,,/")
    assert found.opening is not None
    assert found.closing is not None
    assert (found.opening.minor, found.closing.minor) == (-10000, 15000)


def test_records_run_together_and_broken_lines() -> None:
    text = bai2("16,142,2000,Z,,,FIRST/ 16,142,3000,Z,,,SECOND         111", "222        /").replace(
        b"49,30000,3/\r\n98", b"49,30000,3/  98"
    )
    (found,) = parse_bank_file(text).statements
    assert [(e.amount_minor, e.transactions[0].unstructured) for e in found.entries] == [
        (2000, ("FIRST",)),
        (3000, ("SECOND 111 222",)),
    ]
    assert found.problems == ()


def test_a_slash_inside_a_text_stays() -> None:
    (entry,) = read("16,142,5000,,,,INV 22/03/66 A/B/").entries
    assert entry.transactions[0].unstructured == ("INV 22/03/66 A/B",)


@pytest.mark.parametrize(("group", "status"), [("1", EntryStatus.BOOKED), ("3", EntryStatus.BOOKED)])
def test_update_and_correction_count(group: str, status: EntryStatus) -> None:
    assert read("16,142,5000,,,/", group=group).entries[0].status is status


@pytest.mark.parametrize("group", ["2", "4"])
def test_deletions_and_tests_do_not_count(group: str) -> None:
    found = read("16,142,5000,,,/", group=group)
    assert found.entries[0].status is EntryStatus.INFO
    assert "statement.group_not_counted" in {p.code for p in found.problems}


def test_currency_of_account_group_caller_or_format() -> None:
    plain = "03,10200,,010,0,,/"
    assert read(account="03,10200,GBP,010,0,,/").account_currency == "GBP"
    assert read(account=plain, currency="CAD").account_currency == "CAD"
    nothing = bai2(account=plain, currency="")
    assert parse_bank_file(nothing, default_currency="EUR").statements[0].account_currency == "EUR"
    assumed = parse_bank_file(nothing).statements[0]
    assert assumed.account_currency == "USD"
    assert "statement.currency_assumed" in {p.code for p in assumed.problems}


def test_yen_have_no_decimals() -> None:
    assert read("16,142,5000,,,/", account="03,10200,JPY,010,0,,/").entries[0].amount_minor == 5000


def test_reversals_and_returns() -> None:
    debit, back = read("16,555,5000,,,,NSF/", "16,252,700,,,,OOPS/").entries
    assert (debit.signed_minor, debit.is_reversal) == (-5000, False)
    assert debit.transactions[0].returned is not None
    assert (back.signed_minor, back.is_reversal) == (700, True)


def test_a_trailer_that_differs_is_told() -> None:
    found = read("16,142,5001,,,/")
    assert {"statement.trailer_differs", "statement.control_total_differs"} == {p.code for p in found.problems}


GOOD = bai2("16,142,5000,,,/")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (GOOD[: GOOD.index(b"99,")], "bank_file.truncated"),
        (GOOD.replace(b"49,30000,3/\r\n", b""), "bank_file.truncated"),
        (GOOD.replace(b"03,10200,USD,010,10000,,,015,15000,,/\r\n", b""), "bank_file.malformed"),
        (GOOD.replace(b"240314", b"240231"), "bank_file.malformed"),
        (GOOD.replace(b"03,10200", b"03,"), "bank_file.account_missing"),
        (GOOD.replace(b"03,10200,USD", b"03,10200,XYZ"), "bank_file.currency_missing"),
        (b"01,A,B,240315,0712,7,80,1,2/\n99,0,0,2/\n", "bank_file.no_statement"),
        (GOOD + b"\0", "bank_file.malformed"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(BankFileRefused) as caught:
        parse_bank_file(data)
    assert caught.value.reason_code == code
