"""Which bank format a file is in, and the one entrance that reads any of them."""

from __future__ import annotations

from typing import BinaryIO

from app.integrations.bank_formats.bai2 import looks_like_bai2, parse_bai2
from app.integrations.bank_formats.camt import parse_camt
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.lockbox import looks_like_lockbox, parse_lockbox
from app.integrations.bank_formats.mt940 import looks_like_mt940, parse_mt940
from app.integrations.bank_formats.ofx import looks_like_ofx, parse_ofx
from app.integrations.bank_formats.records import StatementFile
from app.integrations.bank_formats.source import ByteSource

MAX_FILE_BYTES = 64 * 1024 * 1024
_LINE_FORMATS = (
    (looks_like_bai2, parse_bai2),
    (looks_like_lockbox, parse_lockbox),
    (looks_like_mt940, parse_mt940),  # last: banks put lines of their own before its first field
)


def parse_bank_file(
    data: bytes | BinaryIO, *, default_currency: str | None = None, max_bytes: int = MAX_FILE_BYTES
) -> StatementFile:
    """Read a bank file of any known format into the common records.

    `data` is the bytes, or a binary stream that is read once, forwards, never past `max_bytes`.
    `default_currency` (ISO 4217) is used only where a statement names no currency at all.
    Formats: camt.052, camt.053, camt.054 (all versions), MT940, MT942, BAI2, OFX 1 and 2, BAI lockbox.
    Raises BankFileRefused when the file as a whole cannot be used; what concerns one entry is in `problems`.
    """
    source = ByteSource(data, max_bytes=max_bytes)
    head = source.head()
    if not head.strip():
        raise BankFileRefused("bank_file.empty", "the file is empty")
    plain = head.decode("utf-16", "ignore").encode() if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head
    text = plain.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    if looks_like_ofx(text):
        return parse_ofx(source, default_currency=default_currency)
    if looks_like_xml(head):
        return parse_camt(source, default_currency=default_currency)
    for looks_like, parse in _LINE_FORMATS:
        if looks_like(text):
            return parse(source, default_currency=default_currency)
    raise BankFileRefused("bank_file.unknown_format", "the file is in no bank format that is known here")


def looks_like_xml(head: bytes) -> bool:
    """Whether the first bytes begin an XML file, in UTF-8, a single-byte encoding or UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "ignore").lstrip().startswith("<")
    if head.startswith((b"<\x00", b"\x00<")):
        return True
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
