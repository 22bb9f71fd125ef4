"""Segments of EDI files, as both standards have them: a tag, elements, components, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.core.errors import RuleViolation
from app.core.money import to_minor
from app.integrations.bank_formats.fields import FieldRefused, calendar_date
from app.integrations.remittance_formats.errors import RemittanceFileRefused, SegmentFault

MAX_SEGMENTS = 400_000
MAX_SEGMENT_CHARACTERS = 20_000
MAX_PARTS = 500
_AMOUNT_LENGTH_MAX = 24


@dataclass(frozen=True, slots=True)
class Segment:
    """`number` counts from 1 in the file. `elements[0]` is the first element behind the tag."""

    number: int
    tag: str
    elements: tuple[tuple[str, ...], ...]

    def get(self, element: int, component: int = 1) -> str:
        """The text of an element (from 1) and component (from 1), trimmed; empty past the end."""
        if element > len(self.elements) or component > len(self.elements[element - 1]):
            return ""
        return self.elements[element - 1][component - 1].strip()

    def joined(self, element: int) -> str:
        """All components of an element as one text."""
        if element > len(self.elements):
            return ""
        return " ".join(part.strip() for part in self.elements[element - 1] if part.strip())


def file_text(data: bytes) -> str:
    """The text of an EDI file. Control characters stay: they may be separators.

    Raises RemittanceFileRefused for NUL bytes that no Unicode encoding explains.
    """
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise RemittanceFileRefused("encoding", f"the file says {encoding} and is not") from None
    if b"\0" in data:
        raise RemittanceFileRefused("encoding", "the file holds NUL bytes; it is no text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # of UNOC, and of what most senders of X12 mean


def amount(segment: Segment, element: int, currency: str, component: int = 1) -> int | None:
    """Signed minor units of a decimal; None when empty. A comma is a decimal sign too; there are no thousands signs.

    Raises SegmentFault: not a number, decimals that the currency lacks.
    """
    text = segment.get(element, component)
    if not text:
        return None
    name = f"{segment.tag}{element:02}"
    sign, plain = (-1, text[:-1]) if text.endswith("-") else (1, text)  # EDIFACT allows a sign behind, too
    digits = plain.replace(",", ".").removeprefix("-").removeprefix("+")
    if len(digits) > _AMOUNT_LENGTH_MAX or digits.count(".") > 1 or not digits.replace(".", "", 1).isdecimal():
        raise SegmentFault(name, f"{text[:40]!r} is not an amount")
    try:
        minor = to_minor(Decimal(plain.replace(",", ".")), currency)
    except (RuleViolation, ArithmeticError) as error:
        raise SegmentFault(name, getattr(error, "detail", f"{text[:40]!r} is not an amount")) from None
    return sign * minor


def compact_date(text: str, element: str) -> date | None:
    """CCYYMMDD or YYMMDD, more behind it (a time) is left out; None when empty. Raises SegmentFault."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) in (6, 8, 10, 12, 14)):
        raise SegmentFault(element, f"{text[:20]!r} is not a date")
    try:
        if len(text) in (6, 10):
            year = int(text[:2])
            return calendar_date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[4:6]))
        return calendar_date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except FieldRefused as refused:
        raise SegmentFault(element, refused.detail) from None


def stated_count(segment: Segment, element: int) -> int:
    """A control count. Raises RemittanceFileRefused when it is none."""
    text = segment.get(element)
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        name = f"{segment.tag}{element:02}"
        raise RemittanceFileRefused("malformed", f"segment {segment.number}: {name} {text[:20]!r} is not a count")
    return int(text)


def require_count(segment: Segment, element: int, found: int, of_what: str) -> None:
    """Raise RemittanceFileRefused when the file states another count than it holds."""
    stated = stated_count(segment, element)
    if stated != found:
        detail = f"segment {segment.number}: {segment.tag}{element:02} states {stated} {of_what}, the file has {found}"
        raise RemittanceFileRefused("control_total", detail)


def require_reference(segment: Segment, element: int, opened: str) -> None:
    """Raise RemittanceFileRefused when a trailer closes another envelope than was opened."""
    found = segment.get(element)
    same_number = found.isdigit() and opened.isdigit() and int(found[:18]) == int(opened[:18])
    if found != opened and not same_number:
        name = f"{segment.tag}{element:02}"
        detail = f"segment {segment.number}: {name} is {found[:35]!r}, the envelope was opened as {opened[:35]!r}"
        raise RemittanceFileRefused("control_total", detail)
