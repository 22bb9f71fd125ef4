"""Files that are broken or meant to break: refused by a stable code, soon, and in little memory."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from tests.unit.bank_formats.messages import camt, entry

GOOD = camt(entry())
BEFORE_ENTRIES = GOOD[: GOOD.index(b"<Ntry>")]
GIGABYTE = 1 << 30


class Endless(io.RawIOBase):
    """A gigabyte that is made only as far as it is read."""

    def __init__(self, start: bytes, unit: bytes) -> None:
        self._buffer = start
        self._unit = unit * (65536 // len(unit) + 1)
        self._left = GIGABYTE

    def read(self, size: int = -1) -> bytes:
        while len(self._buffer) < size and self._left > 0:
            self._buffer += self._unit
            self._left -= len(self._unit)
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    @property
    def bytes_taken(self) -> int:
        return GIGABYTE - self._left


def refusal(data: bytes | io.RawIOBase) -> str:
    with pytest.raises(BankFileRefused) as caught:
        parse_bank_file(data)  # type: ignore[arg-type]
    assert caught.value.detail
    assert caught.value.facts["reason"] == caught.value.reason_code
    return caught.value.reason_code


@pytest.mark.parametrize(
    ("start", "unit", "code"),
    [
        (b"", b"\0", "bank_file.unknown_format"),
        (b"", b" ", "bank_file.empty"),
        (b"", b"a", "bank_file.unknown_format"),
        (BEFORE_ENTRIES + b"<Ntry><AddtlNtryInf>", b"x", "bank_file.text_too_long"),
        (BEFORE_ENTRIES + b"<Ntry><AddtlNtryInf><![CDATA[", b"x", "bank_file.text_too_long"),
        (BEFORE_ENTRIES + b"<!--", b"x", "bank_file.text_too_long"),
        (BEFORE_ENTRIES + b'<Ntry a="', b"x", "bank_file.text_too_long"),
        (BEFORE_ENTRIES, b"<a>", "bank_file.too_deep"),
        (BEFORE_ENTRIES, b"<a/>", "bank_file.too_many_elements"),
        (BEFORE_ENTRIES, b"".join(b"<a%d/>" % n for n in range(9000)), "bank_file.too_many_elements"),
        (BEFORE_ENTRIES, b"\0", "bank_file.malformed"),
        (GOOD, b"\0", "bank_file.malformed"),
        (GOOD, b" ", "bank_file.text_too_long"),
    ],
)
def test_a_gigabyte_ends_early_and_in_little_memory(start: bytes, unit: bytes, code: str) -> None:
    data = Endless(start, unit)
    tracemalloc.start()
    try:
        assert refusal(data) == code
        assert tracemalloc.get_traced_memory()[1] < 120_000_000
    finally:
        tracemalloc.stop()
    assert data.bytes_taken < 4_000_000


def test_bound_on_bytes() -> None:
    with pytest.raises(BankFileRefused, match="larger than 1000 bytes"):
        parse_bank_file(camt(*[entry()] * 20), max_bytes=1000)


def test_bound_on_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.integrations.bank_formats.camt.MAX_RECORDS", 5)
    assert len(parse_bank_file(camt(*[entry()] * 4)).statements[0].entries) == 4
    assert refusal(camt(*[entry()] * 5)) == "bank_file.too_large"


BOMB = b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10 if n else b"ha") for n in range(12))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bank_file.empty"),
        (b"\xef\xbb\xbf", "bank_file.unknown_format"),
        (b"%PDF-1.4\n", "bank_file.unknown_format"),
        (b'{"entries": []}', "bank_file.unknown_format"),
        (GOOD[:-20], "bank_file.truncated"),
        (GOOD[: len(GOOD) // 2], "bank_file.truncated"),
        (GOOD + b"<more/>", "bank_file.malformed"),
        (GOOD.replace(b"</Ntry>", b"</Entry>"), "bank_file.malformed"),
        (GOOD.replace(b"ST-1", b"&undefined;"), "bank_file.malformed"),
        (GOOD.replace(b"ST-1", b"S\0T"), "bank_file.malformed"),
        (GOOD.replace(b"ST-1", b"&#xD800;"), "bank_file.malformed"),
        (GOOD.replace(b"ST-1", "Stück".encode("latin-1")), "bank_file.malformed"),
        (GOOD.replace(b"UTF-8", b"UTF-16"), "bank_file.encoding"),
        (GOOD.replace(b"UTF-8", b"no-such-thing"), "bank_file.encoding"),
        (GOOD.replace(b"UTF-8", b"Shift_JIS"), "bank_file.encoding"),
        (b'<?xml version="1.0"?><!DOCTYPE x [' + BOMB + b"]><x>&x11;</x>", "bank_file.dtd_forbidden"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/hostname"><x/>', "bank_file.dtd_forbidden"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1/">]><x>&e;</x>', "bank_file.dtd_forbidden"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"/>', "bank_file.unknown_format"),
        (b"<html><body>Session expired</body></html>", "bank_file.unknown_format"),
        (b"<Document><BkToCstmrStmt><GrpHdr/></BkToCstmrStmt></Document>", "bank_file.no_statement"),
        (camt(entry(), account=""), "bank_file.account_missing"),
        (camt(entry(), account="<Acct><Ccy>EUR</Ccy></Acct>"), "bank_file.account_missing"),
    ],
)
def test_broken_files_are_refused_by_code(data: bytes, code: str) -> None:
    assert refusal(data) == code


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1252", "UTF-16"])
def test_declared_encodings_are_read(encoding: str) -> None:
    text = GOOD.decode().replace("ST-1", "Stück").replace("UTF-8", encoding)
    assert parse_bank_file(text.encode(encoding)).statements[0].statement_id == "Stück"


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\r\n  "])
def test_byte_order_mark_and_leading_line(prefix: bytes) -> None:
    assert parse_bank_file(prefix + GOOD).statements[0].statement_id == "ST-1"


@pytest.mark.parametrize("cut", range(0, len(GOOD), 7))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    assert refusal(GOOD[:cut]).startswith("bank_file.")


def test_a_slow_stream_of_small_pieces_reads_the_same() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 3, 3))

    assert parse_bank_file(Dribble(GOOD)) == parse_bank_file(GOOD)


def test_many_problems_are_bounded_and_the_grave_ones_kept() -> None:
    noted = entry(status="")
    found = parse_bank_file(camt(*[noted] * 1500, entry("bad"))).statements[0]
    assert len(found.problems) == 1001
    assert found.problems[0].code == "entry.amount_invalid"
    assert found.problems[-1].code == "statement.more_problems"
    assert len(found.entries) == 1500
