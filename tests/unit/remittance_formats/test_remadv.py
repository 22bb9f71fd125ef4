"""EDIFACT REMADV: syntax, envelopes, groups of segments, amounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.integrations.remittance_formats.advice import Withdrawal
from app.integrations.remittance_formats.errors import RemittanceFileRefused
from app.remittances.rules import AdvisedLine
from tests.unit.remittance_formats.messages import REMADV, edifact, read

BODY = (
    "DOC+380+RE-1'",
    "MOA+9:1000.00'",
    "MOA+12:820.00'",
    "DTM+137:20260301:102'",
    "AJT+3'",
    "MOA+165:180.00'",
    "RFF+CA:DM9'",
    "DOC+381+GS-7'",
    "MOA+12:50'",
    "DOC+380+RE?+2?:b'",
    "MOA+77:100,00'",
    "MOA+52:2'",
    "MOA+12:98'",
    "UNS+S'",
    "MOA+12:868:EUR'",
)
WANTED = (
    AdvisedLine("RE-1", 820_00, 0, 180_00, "damaged goods DM9", 1000_00),
    AdvisedLine("GS-7", -50_00),
    AdvisedLine("RE+2:b", 98_00, 2_00, 0, None, 100_00),
)


@pytest.mark.parametrize("line_end", ["\n", "", "\r\n"])
def test_a_whole_message(line_end: str) -> None:
    (advice,) = read(edifact((*REMADV, *BODY), line_end=line_end)).advices
    command = advice.command
    assert command.lines == WANTED
    assert (command.total_minor, command.lines_minor, command.currency) == (868_00, 868_00, "EUR")
    assert (command.payment_reference, command.expected_date) == ("PAY-99", date(2026, 4, 2))
    assert (command.payer_name, command.payer_bank_identifier) == ("M'üller GmbH", "DE89370400440532013000")
    assert advice.account_hints == (("registered_id", "0088:4012345000009"), ("vat_id", "DE123456789"))
    assert command.channel == "edifact_remadv"


def test_other_separators_and_lines_broken_at_a_fixed_length() -> None:
    plain = edifact((*REMADV, *BODY), una="", line_end="").decode("latin-1")
    broken = "\r\n".join(plain[place : place + 80] for place in range(0, len(plain), 80))
    assert read(broken.encode("latin-1")).advices[0].command.lines == WANTED
    turned = plain.translate(str.maketrans(":+?'", "|*!~"))
    lines = read(("UNA|*,! ~" + turned).encode("latin-1")).advices[0].command.lines
    assert lines == (*WANTED[:2], replace(WANTED[2], document_number="RE*2|b"))


def amounts(*body: str, total: str | None = None) -> list[tuple[int, int, int]]:
    ending = ("UNS+S'", f"MOA+12:{total}'") if total else ("UNS+S'",)
    command = read(edifact((*REMADV, *body, *ending))).advices[0].command
    return [(line.amount_minor, line.discount_minor, line.deduction_minor) for line in command.lines]


@pytest.mark.parametrize(
    ("body", "total", "wanted"),
    [
        (("DOC+380+1'", "MOA+9:100'"), None, [(100_00, 0, 0)]),
        (("DOC+380+1'", "MOA+9:100'", "MOA+52:3'"), "97", [(97_00, 3_00, 0)]),
        (("DOC+380+1'", "MOA+77:100'", "MOA+12:40'"), "40", [(40_00, 0, 0)]),  # a part payment
        (("DOC+380+1'", "MOA+77:100'", "AJT+11'", "MOA+165:-5'"), "95", [(95_00, 0, 5_00)]),
        (("DOC+380+1'", "MOA+12:100'", "DOC+381+2'", "MOA+12:-30'"), "70", [(100_00, 0, 0), (-30_00, 0, 0)]),
        (("DOC+380+1'", "MOA+12:100'", "DOC+381+2'", "MOA+12:30'"), None, [(100_00, 0, 0), (-30_00, 0, 0)]),
    ],
)
def test_amounts(body: tuple[str, ...], total: str | None, wanted: list[tuple[int, int, int]]) -> None:
    assert amounts(*body, total=total) == wanted


def test_no_currency_is_asked_for_and_another_one_is_refused() -> None:
    bare = edifact((*REMADV[:-1], "DOC+380+1'", "MOA+12:5'"))
    with pytest.raises(RemittanceFileRefused) as caught:
        read(bare)
    assert caught.value.errors[0].detail == "the message names no currency: say which"
    assert read(bare, currency="CHF").advices[0].command.currency == "CHF"
    with pytest.raises(RemittanceFileRefused, match="1 faults"):
        read(edifact((*REMADV, "DOC+380+1'", "MOA+12:5:USD'")))


def test_what_is_no_advice_is_left_out_with_its_reason() -> None:
    assert [part.code for part in read(edifact(REMADV)).left_out] == ["no_documents"]
    assert [part.code for part in read(edifact((*REMADV, *BODY), kind="INVOIC")).left_out] == ["not_a_remittance"]
    trial = edifact((*REMADV, *BODY), test="1")
    assert [part.code for part in read(trial).left_out] == ["test_interchange"]
    assert len(read(trial, take_tests=True).advices) == 1


def function(code: str, *body: str) -> tuple[str, ...]:
    """The message with another function (BGM, third element)."""
    return tuple(text.replace("AVIS-4711+9'", f"AVIS-4711+{code}'") for text in (*REMADV, *body))


def test_a_cancellation_names_what_it_takes_back_whatever_its_documents_say() -> None:
    (part,) = read(edifact(function("1", "RFF+ACW:AVIS-4700'", "DOC+380+RE-1'"))).parts
    assert isinstance(part, Withdrawal)
    assert part.references == ("AVIS-4700", "PAY-99", "AVIS-4711")
    assert (part.payer_name, part.payer_bank_identifier) == ("M'üller GmbH", "DE89370400440532013000")
    (advice,) = read(edifact(function("5", *BODY))).advices
    assert advice.replaces is not None
    assert advice.replaces.references == ("PAY-99", "AVIS-4711")
    assert read(edifact((*REMADV, *BODY))).advices[0].replaces is None


GOOD = edifact((*REMADV, *BODY), (*REMADV, *BODY))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"UNT+26+1'", b"UNT+25+1'", "control_total"),
        (b"UNT+26+1'", b"UNT+26+7'", "control_total"),
        (b"UNZ+2+REF77'", b"UNZ+1+REF77'", "control_total"),
        (b"UNZ+2+REF77'", b"UNZ+2+REF78'", "control_total"),
        (b"UNZ+2+REF77'", b"", "truncated"),
        (b"UNT+26+2'", b"", "truncated"),
        (b"DOC+381+GS-7'", b"", "control_total"),
        (b"UNZ+2+REF77'", b"UNZ+2+REF77", "truncated"),
        (b"UNA:+.? '", b"UNA:::::'", "malformed"),
    ],
)
def test_an_envelope_that_does_not_hold_refuses_the_file(old: bytes, new: bytes, reason: str) -> None:
    assert len(read(GOOD).advices) == 2
    with pytest.raises(RemittanceFileRefused) as caught:
        read(GOOD.replace(old, new))
    assert caught.value.reason == f"remittance_file.{reason}"


def test_groups_count_their_messages() -> None:
    grouped = GOOD.replace(b"UNH+1", b"UNG+REMADV+A+B+260401:1200+9+UN+D:96A'UNH+1", 1).replace(
        b"UNZ+2", b"UNE+2+9'UNZ+1"
    )
    assert len(read(grouped).advices) == 2
    with pytest.raises(RemittanceFileRefused, match="states 3 messages"):
        read(grouped.replace(b"UNE+2", b"UNE+3"))
