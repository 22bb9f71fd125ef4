"""EDI files that are broken or meant to break: refused with a reason, soon, in little memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.integrations.remittance_formats.detect import is_edi
from app.integrations.remittance_formats.errors import RemittanceFileRefused
from tests.unit.remittance_formats.messages import PAYMENT, REMADV, edifact, read, x12

X12 = x12((*PAYMENT, "RMR*IV*1**1320"))
EDIFACT = edifact((*REMADV, "DOC+380+1'", "MOA+12:5'"))
SIZE = 2_000_000


@pytest.mark.parametrize(
    "data",
    [
        X12[:-40] + b"~" * SIZE,
        X12[:-40] + b"~A" * (SIZE // 2),
        X12[:-40] + b" " * SIZE,
        X12[:-40] + b"*" * SIZE,
        b"ISA*" * (SIZE // 4),
        EDIFACT[:-20] + b"+" * SIZE,
        EDIFACT[:-20] + b"?" * SIZE,
        EDIFACT[:-20] + b"'" * SIZE,
        EDIFACT[:-20] + b"DOC+1'" * (SIZE // 6),
        b"UNA:+.? '" * (SIZE // 9),
        b"UNB+UNOA" + b":" * SIZE,
        b"ISA" + b"\0" * SIZE,
    ],
)
def test_large_files_end_soon_and_in_little_memory(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("x12_820", "edifact"):
        monkeypatch.setattr(f"app.integrations.remittance_formats.{module}.MAX_SEGMENTS", 5_000)
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(RemittanceFileRefused):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 5


@pytest.mark.parametrize("whole", [X12, EDIFACT])
def test_a_file_cut_anywhere_is_refused(whole: bytes) -> None:
    for cut in range(0, len(whole) - 3, 5):
        with pytest.raises(RemittanceFileRefused):
            read(whole[:cut])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([X12, EDIFACT]), st.integers(0, 400), st.binary(min_size=1, max_size=6))
def test_damage_is_read_or_refused_and_nothing_else(whole: bytes, place: int, damage: bytes) -> None:
    try:
        found = read(whole[:place] + damage + whole[place + len(damage) :])
    except RemittanceFileRefused:
        return
    assert found.advices or found.left_out


@pytest.mark.parametrize("data", [b"", b"ISA", b"UNA", b"document_number,amount\n1,2\n", b"PK\x03\x04", b"ISAAC;1\n"])
def test_what_is_no_edi(data: bytes) -> None:
    assert not is_edi(data)


def test_unicode_with_its_mark() -> None:
    assert len(read(X12.decode().encode("utf-16")).advices) == 1
    assert len(read(b"\xef\xbb\xbf" + EDIFACT.decode("latin-1").encode()).advices) == 1
