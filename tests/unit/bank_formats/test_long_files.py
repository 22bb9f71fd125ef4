"""Line formats in sizes and shapes where a careless reader takes time that grows with the square."""

from __future__ import annotations

import time

import pytest

from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from tests.unit.bank_formats.test_bai2 import bai2
from tests.unit.bank_formats.test_lockbox import cheque, lockbox, overflow
from tests.unit.bank_formats.test_mt940 import LINE, mt940
from tests.unit.bank_formats.test_ofx import ENTRY, sgml

MEGABYTE = 1 << 20
OFX = sgml(ENTRY)
CASES = {
    "mt940 one endless field": mt940(LINE, ":86:x", *["y" * 60] * 30_000),
    "mt940 many fields of one entry": mt940(LINE, *[":86:" + "y" * 61] * 30_000),
    "mt940 many subfields": mt940(LINE, *[":86:166" + "?20SVWZ+a" * 2_000] * 2),
    "mt940 many entries": mt940(*[LINE] * 20_000),
    "mt940 separators": mt940(LINE) + b"\n-" * MEGABYTE,
    "bai2 broken lines": bai2("16,142,5000,,,,text", *["y" * 20] * 80_000),
    "bai2 many continuations": bai2("16,142,5000,,,,text/", *["88,a/"] * 80_000),
    "bai2 many commas": bai2("16,142,5000" + "," * 19_000 + "/"),
    "bai2 run together": bai2("16,142,5000,,,,text" + "/ 03" * 4_000, *["/ " * 9_000] * 50),
    "bai2 many entries": bai2(*["16,142,5000,,,,text/"] * 20_000),
    "ofx open sections": OFX.replace(b"INV 4711", b"<![CDATA[" * 4 + b"x\n<![CDATA[" * 100_000),
    "ofx no tags": OFX.replace(b"INV 4711", b"< x\n" * 300_000),
    "ofx entries never closed": OFX.replace(b"INV 4711", b"<STMTTRN><TRNAMT>1\n" * 50_000),
    "lockbox overflows of the first": lockbox(
        cheque(1, 100, "A"),
        *[cheque(2, 100, "B")] * 10_000,
        *[overflow(1, "X")] * 10_000,
        total=0,
        count=0,
        batches=((1, 1, 100),),
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_time_stays_in_proportion(name: str) -> None:
    started = time.process_time()
    refusal = None
    try:
        parse_bank_file(CASES[name])
    except BankFileRefused as refused:
        refusal = refused.reason_code
    assert refusal in {None, "bank_file.text_too_long", "bank_file.truncated"}
    assert time.process_time() - started < 8  # a square would take minutes
