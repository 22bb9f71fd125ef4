"""The text of line formats (MT940, BAI2, OFX 1, lockbox): decoding without a declared encoding, lines, numbers."""

from __future__ import annotations

import re
from decimal import Decimal

from app.core.errors import RuleViolation
from app.core.money import CURRENCIES, Money, exponent, to_minor
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.fields import FieldRefused
from app.integrations.bank_formats.records import Problem

MAX_LINE_FORMAT_BYTES = 32 * 1024 * 1024
MAX_LINE_CHARACTERS = 20_000
MAX_RECORD_CHARACTERS = 100_000  # one record or field with its continuation lines
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_COMMA_DECIMAL = re.compile(r"[0-9]{1,24}(?:[,.][0-9]{0,12})?", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){1,6},[0-9]{0,3}|[0-9]{1,3}(?:,[0-9]{3}){1,6}\.[0-9]{0,3}", re.ASCII)
_MAYBE_THOUSANDS = re.compile(r"[0-9]{1,3}[,.][0-9]{3}", re.ASCII)
_UNICODE_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decode(data: bytes) -> tuple[str, tuple[Problem, ...]]:
    """The text with `\\n` line ends and without control characters, and a note when the encoding was a guess.

    UTF-16 where its mark stands in front, UTF-8 where the bytes are that, else Windows-1252 or Latin-1, which read any
    byte: letters outside ASCII may then be wrong, digits never. Raises BankFileRefused for binary content and for
    endless lines.
    """
    data = from_utf16(data)
    if b"\0" in data:
        raise BankFileRefused("bank_file.malformed", "the file holds NUL bytes; it is no text")
    problems: tuple[Problem, ...] = ()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        detail = "the encoding is not declared and not UTF-8; letters outside ASCII may be wrong"
        problems = (Problem("file", "file.encoding_guessed", detail),)
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if any(len(line) > MAX_LINE_CHARACTERS for line in text.split("\n")):
        raise BankFileRefused("bank_file.text_too_long", f"a line is longer than {MAX_LINE_CHARACTERS} characters")
    return text, problems


def from_utf16(data: bytes) -> bytes:
    """The same text in UTF-8 when the mark of UTF-16 stands in front. Raises BankFileRefused when it is not that."""
    for mark, encoding in _UNICODE_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding).encode()
            except UnicodeError:
                raise BankFileRefused("bank_file.encoding", "the file begins as UTF-16 and is not") from None
    return data


class Growing:
    """Lines of one record or field as they come, with a bound on their length. Raises BankFileRefused past it."""

    def __init__(self, first: str) -> None:
        self.lines = [first]
        self._length = len(first)

    def add(self, line: str) -> None:
        """One more line."""
        self._length += len(line) + 1
        if self._length > MAX_RECORD_CHARACTERS:
            raise BankFileRefused(
                "bank_file.text_too_long", f"one record is longer than {MAX_RECORD_CHARACTERS} characters"
            )
        self.lines.append(line)


def comma_money(text: str, currency: str) -> Money:
    """An amount as SWIFT writes it (`1234,5`, `0,`), without a sign; with thousands signs where both signs stand.

    Raises FieldRefused, also for one sign with three digits behind it (`1.250`): it may be either.
    """
    if _GROUPED.fullmatch(text):
        text = text.replace("." if text.rfind(".") < text.rfind(",") else ",", "")
    elif _MAYBE_THOUSANDS.fullmatch(text) and currency in CURRENCIES and exponent(currency) < 3:
        raise FieldRefused("amount_ambiguous", f"{text!r} may mean thousands or decimals")
    if not _COMMA_DECIMAL.fullmatch(text):
        raise FieldRefused("amount_invalid", f"{text[:40]!r} is not an amount")
    try:
        return Money(to_minor(Decimal(text.replace(",", ".")), currency), currency)
    except RuleViolation as error:
        raise FieldRefused("amount_invalid", error.detail) from None


def squeeze_spaces(text: str) -> str:
    """Runs of spaces, tabs and line ends as one space; none around."""
    return " ".join(text.split())
