"""Lockbox files: a deposit a batch, its cheques as transactions, the invoices of the overflow records."""

from __future__ import annotations

from datetime import date

import pytest

from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.records import Effect

HEAD = ("100OURCOMPANYBANKABCDEF2403141800", "2OURCOMPANYBANKABCDEF0000000000400080" + "00801")


def cheque(item: int, cents: int, name: str, batch: int = 1) -> str:
    return f"6{batch:03}{item:03}{cents:010}0550027070012345555{item + 179:010}031024{name:30}OUR COMPANY"


def overflow(item: int, text: str, sequence: int = 1, last: bool = True) -> str:
    return f"4001{item:03}6{sequence:02}{9 if last else 0}{text}"


def lockbox(*records: str, total: int, count: int, batches: tuple[tuple[int, int, int], ...] = ()) -> bytes:
    """`batches`: (number, cheques, cents) of the totals that follow the records."""
    sums = [f"7{number:03}0000022222240314{n:03}{cents:010}" for number, n, cents in batches]
    lines = [*HEAD, "50000000022222240314OURCOMPANYBANKABCDEF", *records, *sums]
    lines += [f"80000000022222240314{count:04}{total:010}"]
    return "\r\n".join((*lines, f"9{len(lines) + 1:06}", "")).encode()


TWO = lockbox(
    cheque(1, 60_00, "NORDWIND INC"),
    overflow(1, "INV-4711", 1, last=False),
    overflow(1, "INV-4712", 2),
    cheque(2, 40_00, "SUEDWIND LLC"),
    total=100_00,
    count=2,
    batches=((1, 2, 100_00),),
)


def test_a_batch_is_an_entry_and_its_cheques_are_transactions() -> None:
    file = parse_bank_file(TWO)
    (found,) = file.statements
    assert (file.format, file.problems, found.problems) == ("lockbox", (), ())
    assert (found.account_identifier, found.account_currency, found.to_date) == ("0022222", "USD", date(2024, 3, 14))
    (entry,) = found.entries
    assert (entry.signed_minor, entry.booking_date) == (100_00, date(2024, 3, 14))
    first, second = entry.transactions
    assert (first.amount_minor, second.amount_minor) == (60_00, 40_00)
    assert first.unstructured == ("INV-4711", "INV-4712")
    assert (first.payer.name, first.payer.account) == ("NORDWIND INC", "055002707/0012345555")
    assert (first.references.cheque_number, second.payer.name) == ("180", "SUEDWIND LLC")


def test_cheques_that_do_not_sum_keep_the_batch_whole() -> None:
    (found,) = parse_bank_file(TWO.replace(b"000000400005500270", b"000000400105500270")).statements
    (entry,) = found.entries
    assert [t.amount_minor for t in entry.transactions] == [100_00]
    assert [p.effect for p in found.problems] == [Effect.KEPT_WHOLE]


def test_missing_cheques_and_totals_are_told() -> None:
    one = lockbox(cheque(1, 60_00, "A"), total=70_00, count=1, batches=((1, 2, 60_00),))
    (found,) = parse_bank_file(one).statements
    assert {p.code for p in found.problems} == {"batch.details_missing", "statement.control_total_differs"}
    wrong_count = parse_bank_file(TWO.replace(b"9000010", b"9000011"))
    assert [p.code for p in wrong_count.problems] == ["file.count_differs"]


def test_an_empty_day_and_another_currency() -> None:
    empty = lockbox(total=0, count=0, batches=((0, 0, 0),))
    (found,) = parse_bank_file(empty, default_currency="CAD").statements
    assert (found.entries, found.problems, found.account_currency) == ((), (), "CAD")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (TWO[: TWO.index(b"9000010")], "bank_file.truncated"),
        (TWO.replace(b"8000000002222224", b"1000000002222224"), "bank_file.truncated"),
        (TWO.replace(b"7001000", b"X001000"), "bank_file.malformed"),
        (TWO.replace(b"0000006000", b"00000060.0"), "bank_file.malformed"),
        (TWO.replace(b"22222240314OUR", b"22222240231OUR"), "bank_file.malformed"),
        (TWO.replace(b"4001001", b"4001009"), "bank_file.malformed"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    assert data != TWO
    with pytest.raises(BankFileRefused) as caught:
        parse_bank_file(data)
    assert caught.value.reason_code == code
