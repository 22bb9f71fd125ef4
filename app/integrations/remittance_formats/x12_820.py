"""X12 820 payment order / remittance advice (versions 003030 to 008020): interchange, groups, sets, and their loops.

Separators are those of each ISA. Control numbers and counts (SE, GE, IEA) must hold, or nothing is taken.
RMR: 04 paid, 05 document amount, 06 discount, 07/08 adjustment; ADX: 01 amount (negative lowers the payment), 02
reason, 03/04 document of the adjustment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.integrations.remittance_formats.advice import Adjustment, AdviceDraft, LeftOut, LineDraft
from app.integrations.remittance_formats.errors import RemittanceFileRefused, SegmentFault
from app.integrations.remittance_formats.segments import (
    MAX_PARTS,
    MAX_SEGMENT_CHARACTERS,
    MAX_SEGMENTS,
    Segment,
    amount,
    compact_date,
    require_count,
    require_reference,
)

DEFAULT_CURRENCY = "USD"  # of the format, where no CUR names another
_ISA_ELEMENTS = 16
_CREDIT_QUALIFIERS = frozenset({"CM", "CR", "C8", "CT"})
_REASONS = {
    "01": "pricing error", "03": "extension error", "04": "item not accepted: damaged",
    "05": "item not accepted: quality", "06": "quantity contested", "07": "incorrect product",
    "11": "returns: damage", "12": "returns: quality", "15": "discount not allowed", "20": "goods not delivered",
    "51": "interest penalty charge", "52": "credit for previous overpayment", "59": "item not received",
    "72": "authorized return", "75": "total order not received", "81": "credit as agreed",
    "86": "duplicate payment", "CM": "covered by credit memo", "CS": "adjustment", "E3": "withholding",
    "H5": "allowance", "J1": "non-reimbursable", "L3": "penalty",
}  # fmt: skip
"""Adjustment reason codes (data element 426) in words; others are given by their code."""


def looks_like_x12(text: str) -> bool:
    """Whether a text begins as an X12 interchange."""
    return text.startswith("ISA") and len(text) > 20 and not (text[3].isalnum() or text[3] in " \t\r\n")


@dataclass(slots=True)
class Interchange:
    """What stands in the interchanges of a file: transaction sets in order, each with its place."""

    sets: list[tuple[str, list[Segment]]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_x12(text: str, *, take_tests: bool) -> Interchange:
    """The 820 sets of all interchanges, their envelopes checked. Raises RemittanceFileRefused."""
    found = Interchange()
    segments = _segments(text)
    for isa in segments:
        if isa.tag != "ISA":
            raise RemittanceFileRefused("malformed", f"segment {isa.number} ({isa.tag[:10]!r}) stands outside of ISA")
        _interchange(isa, segments, found, take_tests=take_tests)
    return found


def _segments(text: str) -> Iterator[Segment]:
    position = number = blanks = 0
    element_mark = component_mark = end_mark = ""
    text = text.rstrip("\r\n \t")
    while position < len(text):
        if text.startswith("ISA", position) and not text[position + 3 : position + 4].isalnum():
            element_mark, component_mark, end_mark = _separators(text, position)
        if not element_mark:
            raise RemittanceFileRefused("malformed", "the file does not begin with a whole ISA segment")
        end = text.find(end_mark, position)
        end = len(text) if end < 0 else end
        if end - position > MAX_SEGMENT_CHARACTERS:
            raise RemittanceFileRefused("malformed", f"segment {number + 1} is longer than {MAX_SEGMENT_CHARACTERS}")
        raw = text[position:end].strip("\r\n ")
        position = end + 1
        blanks += not raw
        if blanks > MAX_SEGMENTS:
            raise RemittanceFileRefused("malformed", f"the file holds more than {MAX_SEGMENTS} empty segments")
        if not raw:
            continue
        number += 1
        if number > MAX_SEGMENTS:
            raise RemittanceFileRefused("too_large", f"the file holds more than {MAX_SEGMENTS} segments")
        tag, *parts = raw.split(element_mark, MAX_PARTS)
        whole = tag == "ISA"  # its last element is the component separator itself
        yield Segment(number, tag.strip(), tuple((p,) if whole else tuple(p.split(component_mark)) for p in parts))
        position = _skip_blanks(text, position)


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in "\r\n \t":
        position += 1
    return position


def _separators(text: str, start: int) -> tuple[str, str, str]:
    """Element, component and segment separators: of the third sign behind ISA, and behind its sixteenth element."""
    mark = text[start + 3 : start + 4]
    place = start + 2
    for _ in range(_ISA_ELEMENTS):
        place = text.find(mark, place + 1, start + 400)
        if place < 0:
            raise RemittanceFileRefused("malformed", "ISA has fewer than 16 elements")
    component, end = text[place + 1 : place + 2], text[place + 2 : place + 3]
    if end == "\r" and text[place + 3 : place + 4] == "\n":
        end = "\n"
    marks = (mark, component, end)
    if "" in marks or len(set(marks)) < 3 or any(sign.isalnum() or sign == " " for sign in marks):
        raise RemittanceFileRefused("malformed", "the separators of ISA are not three different signs")
    return marks


def _interchange(isa: Segment, segments: Iterator[Segment], found: Interchange, *, take_tests: bool) -> None:
    control = isa.get(13)
    is_test = isa.get(15) == "T" and not take_tests
    groups = 0
    for segment in segments:
        if segment.tag == "GS":
            groups += 1
            for place, members in _group(segment, segments, control):
                if members[0].get(1) != "820":
                    detail = f"a transaction set {members[0].get(1)[:10]} is no remittance advice"
                    found.left_out.append(LeftOut(place, "not_a_remittance", detail))
                elif is_test:
                    detail = "ISA15 marks the interchange as a test; take_tests takes it"
                    found.left_out.append(LeftOut(place, "test_interchange", detail))
                else:
                    found.sets.append((place, members))
        elif segment.tag == "IEA":
            require_count(segment, 1, groups, "groups")
            require_reference(segment, 2, control)
            return
        elif segment.tag not in ("TA1", "ISB", "ISE"):
            raise RemittanceFileRefused("malformed", f"segment {segment.number} ({segment.tag[:10]!r}) is in no group")
    raise RemittanceFileRefused("truncated", f"the interchange {control[:20]} ends before its trailer IEA")


def _group(gs: Segment, segments: Iterator[Segment], control: str) -> list[tuple[str, list[Segment]]]:
    sets: list[tuple[str, list[Segment]]] = []
    members: list[Segment] = []
    for segment in segments:
        if segment.tag == "ST":
            if members:
                raise RemittanceFileRefused(
                    "truncated", f"segment {segment.number}: ST before the SE of the one before"
                )
            members = [segment]
        elif segment.tag == "GE" and not members:
            require_count(segment, 1, len(sets), "transaction sets")
            require_reference(segment, 2, gs.get(6))
            return sets
        elif not members:
            raise RemittanceFileRefused("malformed", f"segment {segment.number} ({segment.tag[:10]!r}) is in no set")
        else:
            members.append(segment)
            if segment.tag == "SE":
                require_count(segment, 1, len(members), "segments")
                require_reference(segment, 2, members[0].get(2))
                sets.append((f"ISA {control} GS {gs.get(6)} ST {members[0].get(2)}", members))
                members = []
    raise RemittanceFileRefused("truncated", f"the group {gs.get(6)[:20]} ends before its trailer GE")


def read_set(place: str, members: list[Segment], currency: str | None) -> AdviceDraft | LeftOut:
    """One 820 set. `currency` is meant where no CUR names one. Raises SegmentFault, its element with the segment."""
    draft = AdviceDraft(place, _currency(members) or currency or DEFAULT_CURRENCY)
    reader = _Set(draft)
    for segment in members[1:-1]:
        try:
            reader.take(segment)
        except SegmentFault as fault:
            raise SegmentFault(f"{segment.number}/{fault.element}", fault.detail) from None
    if reader.left_out is not None:
        return LeftOut(place, *reader.left_out)
    if draft.total is None:
        raise SegmentFault(f"{members[0].number}/BPR02", "the set has no BPR with the amount of the payment")
    if not draft.lines and not draft.adjustments:
        return LeftOut(place, "no_documents", "the payment names no documents (no RMR)")
    if draft.total <= 0:
        return LeftOut(place, "no_payment", "documents are only netted against each other; nothing is paid")
    return draft


def _currency(members: list[Segment]) -> str | None:
    """CUR of the payer (PR) or any; one inside a loop of the documents does not count."""
    for segment in members:
        if segment.tag in ("RMR", "ENT"):
            return None
        if segment.tag == "CUR" and segment.get(2):
            return segment.get(2).upper()
    return None


class _Set:
    """Takes the segments of a set in order; the loop that is open decides what a segment is about."""

    def __init__(self, draft: AdviceDraft) -> None:
        self._draft = draft
        self._line: LineDraft | None = None
        self._adjustment: Adjustment | None = None
        self._party = ""
        self.left_out: tuple[str, str] | None = None

    def take(self, segment: Segment) -> None:
        """One segment. Raises SegmentFault."""
        handler = getattr(self, f"_{segment.tag.lower()}", None)
        if handler is not None and segment.tag in _HANDLED:
            handler(segment)

    def _bpr(self, segment: Segment) -> None:
        draft = self._draft
        draft.total = amount(segment, 2, draft.currency)
        draft.payer_bank_identifier = segment.get(9) or None
        draft.expected_date = compact_date(segment.get(16), "BPR16")
        if segment.get(1) == "P":
            self.left_out = ("prenotification", "a prenotification announces no payment")
        elif segment.get(3) == "D":
            self.left_out = ("debit", "BPR03 says debit: the payer takes money, it does not pay")

    def _trn(self, segment: Segment) -> None:
        if self._line is None:
            self._draft.payment_reference = self._draft.payment_reference or segment.get(2) or None

    def _n1(self, segment: Segment) -> None:
        self._party = segment.get(1)
        if self._party == "PR":
            self._draft.payer_name = segment.get(2) or self._draft.payer_name
        if self._party in ("PR", "BY", "ST") and segment.get(3) == "91" and segment.get(4):
            self._draft.hints.append(("number", segment.get(4)))

    def _ent(self, segment: Segment) -> None:
        self._line, self._adjustment = None, None

    def _ref(self, segment: Segment) -> None:
        kind, value = segment.get(1), segment.get(2)
        if self._adjustment is not None:
            if kind in ("CM", "DB", "CL", "DL", "IV", "R7") and self._adjustment.number is None and value:
                self._adjustment.number = value
        elif self._line is None and value:
            if kind in ("IT", "14", "11") and self._party in ("", "PR"):
                self._draft.hints.append(("number", value))
            elif kind in ("CK", "TN", "EA") and self._draft.payment_reference is None:
                self._draft.payment_reference = value
        elif self._line is not None and not self._line.number and kind in ("IV", "CM", "OI"):
            self._line.number = value

    def _dtm(self, segment: Segment) -> None:
        if self._line is None and self._draft.expected_date is None and segment.get(1) in ("097", "009", "107", "050"):
            self._draft.expected_date = compact_date(segment.get(2), "DTM02")

    def _rmr(self, segment: Segment) -> None:
        currency = self._draft.currency
        line = LineDraft(segment.number, segment.get(2), segment.get(1) in _CREDIT_QUALIFIERS)
        line.paid, line.gross = amount(segment, 4, currency), amount(segment, 5, currency)
        line.discount = amount(segment, 6, currency) or 0
        if line.paid is None and line.gross is None:
            raise SegmentFault("RMR04", "neither the paid amount nor the amount of the document is given")
        change = amount(segment, 8, currency)
        if change:
            line.adjustments.append(Adjustment(change, _reason(segment.get(7))))
        self._line, self._adjustment = line, None
        self._draft.lines.append(line)

    def _adx(self, segment: Segment) -> None:
        change = amount(segment, 1, self._draft.currency)
        if change is None:
            raise SegmentFault("ADX01", "the amount of the adjustment is missing")
        self._adjustment = Adjustment(change, _reason(segment.get(2)), segment.get(4) or None)
        if self._line is None:
            self._draft.adjustments.append(self._adjustment)
        else:
            self._line.adjustments.append(self._adjustment)


_HANDLED = frozenset({"BPR", "TRN", "N1", "ENT", "REF", "DTM", "RMR", "ADX"})


def _reason(code: str) -> str | None:
    return (_REASONS.get(code) or f"reason {code}") if code else None
