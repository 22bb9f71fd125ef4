"""A file is known by how it begins, not by words inside it."""

from __future__ import annotations

import io

import pytest

from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from tests.unit.bank_formats.messages import camt, detail, entry
from tests.unit.bank_formats.test_bai2 import bai2
from tests.unit.bank_formats.test_lockbox import TWO
from tests.unit.bank_formats.test_mt940 import LINE, MT942, mt940
from tests.unit.bank_formats.test_ofx import ENTRY, sgml, xml

SAMPLES = [
    ("camt.053", camt(entry())),
    ("camt.054", camt(entry(), message="054")),
    ("mt940", mt940(LINE)),
    ("mt942", MT942),
    ("bai2", bai2("16,142,5000,,,/")),
    ("lockbox", TWO),
    ("ofx", sgml(ENTRY)),
    ("ofx", xml(ENTRY)),
]


@pytest.mark.parametrize(("name", "data"), SAMPLES, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n"])
def test_each_format_from_bytes_and_from_a_stream(name: str, data: bytes, before: bytes) -> None:
    from_bytes = parse_bank_file(before + data)
    assert from_bytes.format == name
    assert parse_bank_file(io.BytesIO(before + data)) == from_bytes
    assert parse_bank_file(data) == from_bytes


def test_words_of_other_formats_inside_do_not_matter() -> None:
    text = "<RmtInf><Ustrd>OFXHEADER: :20: 01,A,B,240315,</Ustrd></RmtInf>"
    assert parse_bank_file(camt(entry(details=detail(inside=text)))).format == "camt.053"
    assert parse_bank_file(mt940(LINE, ":86:OFXHEADER:100 <OFX>")).format == "mt940"
    assert parse_bank_file(bai2("16,142,5000,,,,x", "88,:20:y")).format == "bai2"


@pytest.mark.parametrize(
    "data", [b"date;amount;text\n2024-03-14;5,00;x\n", b"PK\x03\x04", b"1" * 100, b"01,\n", b"\x00" * 9]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(BankFileRefused) as caught:
        parse_bank_file(data)
    assert caught.value.reason_code == "bank_file.unknown_format"
