"""X12 820: separators, envelopes, loops, and which reading of the amounts the payment proves."""

from __future__ import annotations

from datetime import date

import pytest

from app.integrations.remittance_formats.errors import RemittanceFileRefused
from app.remittances.rules import AdvisedLine
from tests.unit.remittance_formats.messages import PAYMENT, read, x12

TWO = (
    "ENT*1",
    "RMR*IV*RE-1*PI*820*1000",
    "REF*PO*4500",
    "DTM*003*20260301",
    "ADX*-180*04",
    "REF*DB*DM-9",
    "RMR*IV*RE-2**500*510*10",
)
WANTED = (
    AdvisedLine("RE-1", 820_00, 0, 180_00, "item not accepted: damaged DM-9", 1000_00),
    AdvisedLine("RE-2", 500_00, 10_00, 0, None, 510_00),
)


@pytest.mark.parametrize(
    ("element", "component", "end"),
    [
        ("*", ">", "~"),
        ("*", ">", "~\r\n"),
        ("|", "^", "\n"),
        ("\x1d", "\x1f", "\x1c"),
        ("+", "<", "'\n"),
        ("*", ":", "\r\n"),
    ],
)
def test_any_separators_of_the_envelope(element: str, component: str, end: str) -> None:
    (advice,) = read(x12((*PAYMENT, *TWO), element=element, component=component, end=end)).advices
    command = advice.command
    assert command.lines == WANTED
    assert (command.total_minor, command.currency, command.channel) == (1320_00, "EUR", "x12_820")
    assert (command.payment_reference, command.expected_date) == ("TRACE-4711", date(2026, 4, 2))
    assert (command.payer_name, command.payer_bank_identifier) == ("ACME CORP", "123456789")
    assert (advice.place, advice.account_hints) == ("ISA 000000101 GS 7 ST 0001", (("number", "C-1001"),))


def lines(total: str, *body: str) -> list[tuple[str, int, int, int]]:
    command = read(x12((f"BPR*C*{total}*C*ACH************20260402", "TRN*1*T1", *body))).advices[0].command
    assert command.currency == "USD"
    return [
        (line.document_number, line.amount_minor, line.discount_minor, line.deduction_minor) for line in command.lines
    ]


@pytest.mark.parametrize(
    ("total", "body", "wanted"),
    [
        ("820", ("RMR*IV*1**1000", "ADX*-180*04"), [("1", 820_00, 0, 180_00)]),  # beside the paid amount
        ("820", ("RMR*IV*1**820", "ADX*-180*04"), [("1", 820_00, 0, 180_00)]),  # inside of it
        ("820", ("RMR*IV*1**1000", "ADX*180*04"), [("1", 820_00, 0, 180_00)]),  # without its sign
        ("820", ("RMR*IV*1**820*1000**04*-180",), [("1", 820_00, 0, 180_00)]),  # RMR07 and 08
        ("850", ("RMR*IV*1**1000", "RMR*CM*2**-150"), [("1", 1000_00, 0, 0), ("2", -150_00, 0, 0)]),
        ("850", ("RMR*IV*1**1000", "RMR*CM*2**150"), [("1", 1000_00, 0, 0), ("2", -150_00, 0, 0)]),
        ("1150", ("RMR*IV*1**1000", "RMR*CM*2**150"), [("1", 1000_00, 0, 0), ("2", 150_00, 0, 0)]),
        ("990", ("RMR*IV*1***1000*10",), [("1", 990_00, 10_00, 0)]),  # paid is not given
        ("400", ("RMR*IV*1*PP*400*1000",), [("1", 400_00, 0, 0)]),  # a part payment keeps nothing back
        ("950", ("ENT*1", "ADX*-50*01", "RMR*IV*1**1000"), [("1", 950_00, 0, 50_00)]),
        (
            "1950",
            ("ENT*1", "ADX*-50*01*CM*DM7", "RMR*IV*1**1000", "RMR*IV*2**1000"),
            [("1", 1000_00, 0, 0), ("2", 1000_00, 0, 0), ("DM7", -50_00, 0, 0)],
        ),
        ("10", ("RMR*IV*1**10", "RMR*IV*2**0*0"), [("1", 10_00, 0, 0)]),
    ],
)
def test_the_payment_proves_the_reading(
    total: str, body: tuple[str, ...], wanted: list[tuple[str, int, int, int]]
) -> None:
    assert lines(total, *body) == wanted


def test_what_no_reading_proves_says_so() -> None:
    command = read(x12(("BPR*C*99*C*CHK", "RMR*IV*1**100", "ADX*-5*04"))).advices[0].command
    assert (command.total_minor, command.lines_minor) == (99_00, 95_00)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (("BPR*P*0*C*ACH", "RMR*IV*1**1"), "prenotification"),
        (("BPR*C*5*D*ACH", "RMR*IV*1**5"), "debit"),
        (("BPR*D*5*C*ACH",), "no_documents"),
        (("BPR*C*0*C*NON", "RMR*IV*1**5", "RMR*CM*2**-5"), "no_payment"),
    ],
)
def test_what_is_no_payment_is_left_out_with_its_reason(body: tuple[str, ...], code: str) -> None:
    found = read(x12(body, (*PAYMENT, *TWO)))
    assert [part.code for part in found.left_out] == [code]
    assert [advice.place[-4:] for advice in found.advices] == ["0002"]


def test_tests_and_other_sets_are_left_out() -> None:
    trial = x12((*PAYMENT, *TWO), usage="T")
    assert [part.code for part in read(trial).left_out] == ["test_interchange"]
    assert len(read(trial, take_tests=True).advices) == 1
    other = x12(("BGN*1",)).replace(b"ST*820", b"ST*997")
    assert [part.code for part in read(other).left_out] == ["not_a_remittance"]


GOOD = x12((*PAYMENT, *TWO), (*PAYMENT[:1], "TRN*1*T2", "RMR*IV*7**1320"))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"SE*13*0001", b"SE*14*0001", "control_total"),
        (b"SE*13*0001", b"SE*13*0009", "control_total"),
        (b"GE*2*7", b"GE*1*7", "control_total"),
        (b"GE*2*7", b"GE*2*8", "control_total"),
        (b"IEA*1*000000101", b"IEA*2*000000101", "control_total"),
        (b"IEA*1*000000101", b"IEA*1*000000102", "control_total"),
        (b"IEA*1*000000101~\n", b"", "truncated"),
        (b"SE*13*0001~\n", b"", "truncated"),
        (b"RMR*IV*RE-1*PI*820*1000~\n", b"", "control_total"),
        (b"GE*2*7~\n", b"", "malformed"),
        (b"SE*13*0001", b"SE*x*0001", "malformed"),
    ],
)
def test_an_envelope_that_does_not_hold_refuses_the_file(old: bytes, new: bytes, reason: str) -> None:
    assert len(read(GOOD).advices) == 2
    with pytest.raises(RemittanceFileRefused) as caught:
        read(GOOD.replace(old, new))
    assert caught.value.reason == f"remittance_file.{reason}"


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        (b"PI*820*", b"PI*8,2,0*", "/segments/9/RMR04"),
        (b"PI*820*", b"PI*820.001*", "/segments/9/RMR04"),
        (b"PI*820*1000", b"PI**", "/segments/9/RMR04"),
        (b"*20260402", b"*20260231", "/segments/4/BPR16"),
        (b"BPR*C*1320", b"BPR*C*one", "/segments/4/BPR02"),
        (b"IV*RE-1*", b"IV**", "/segments/9"),
        (b"CUR*PR*EUR", b"CUR*PR*EURO", "/segments/4/BPR02"),
    ],
)
def test_a_faulty_segment_is_named(old: bytes, new: bytes, pointer: str) -> None:
    with pytest.raises(RemittanceFileRefused) as caught:
        read(x12((*PAYMENT, *TWO)).replace(old, new, 1))
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_several_interchanges_each_with_its_own_separators() -> None:
    found = read(x12((*PAYMENT, *TWO)) + b"\r\n" + x12((*PAYMENT, *TWO), element="|", component=":", end="\n"))
    assert [advice.command.lines for advice in found.advices] == [WANTED, WANTED]


def test_yen_has_no_decimals() -> None:
    body = ("BPR*C*132000*C*FWT", "CUR*PR*JPY", "RMR*IV*1**132000")
    assert read(x12(body)).advices[0].command.total_minor == 132_000
