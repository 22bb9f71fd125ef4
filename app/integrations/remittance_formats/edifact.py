"""UN/EDIFACT interchanges (syntax 1 to 4): separators of UNA, release character, envelopes with their counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.integrations.remittance_formats.advice import LeftOut
from app.integrations.remittance_formats.errors import RemittanceFileRefused
from app.integrations.remittance_formats.segments import (
    MAX_PARTS,
    MAX_SEGMENT_CHARACTERS,
    MAX_SEGMENTS,
    Segment,
    require_count,
    require_reference,
)

_DEFAULT_MARKS = ":+.? '"  # component, element, decimal, release, reserved, terminator
_ENCODINGS = {"UNOD": "iso8859-2", "UNOE": "iso8859-5", "UNOF": "iso8859-7"}
_TAG = re.compile(r"[A-Z]{3}")


def looks_like_edifact(text: str) -> bool:
    """Whether a text begins as an EDIFACT interchange."""
    return (text.startswith("UNA") and "UNB" in text[9:20]) or bool(re.match(r"UNB[^A-Za-z0-9\s]UN[A-Z]{2}", text))


def declared_text(data: bytes, text: str) -> str:
    """The text again in the character set of UNB, where bytes outside ASCII need it."""
    if text.isascii():
        return text
    declared = re.search(r"UNB.(UNO[A-Z])", text[:400])
    encoding = _ENCODINGS.get(declared[1]) if declared else None
    return data.decode(encoding, "replace") if encoding else text


@dataclass(slots=True)
class Messages:
    """The messages of a file in order, each with its place."""

    messages: list[tuple[str, list[Segment]]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_edifact(text: str, wanted: str, *, take_tests: bool) -> Messages:
    """The messages of that type in all interchanges, their envelopes checked. Raises RemittanceFileRefused."""
    found = Messages()
    segments = _segments(text)
    for unb in segments:
        if unb.tag != "UNB":
            raise RemittanceFileRefused("malformed", f"segment {unb.number} ({unb.tag[:10]!r}) stands outside of UNB")
        _interchange(unb, segments, found, wanted, take_tests=take_tests)
    return found


def _segments(text: str) -> Iterator[Segment]:
    marks, position, number = _DEFAULT_MARKS, 0, 0
    splitter = _splitter(marks)
    while position < len(text):
        if text[position] in "\r\n \t":
            position += 1
            continue
        if text.startswith("UNA", position):
            marks = text[position + 3 : position + 9]
            if len(marks) < 6 or len({marks[0], marks[1], marks[5]}) < 3 or any(ch.isalnum() for ch in marks):
                raise RemittanceFileRefused("malformed", "UNA does not name different separators")
            splitter = _splitter(marks)
            position += 9
            continue
        number += 1
        if number > MAX_SEGMENTS:
            raise RemittanceFileRefused("too_large", f"the file holds more than {MAX_SEGMENTS} segments")
        elements, position = _segment(text, position, marks, splitter, number)
        tag = elements[0][0].strip()
        if not _TAG.fullmatch(tag):
            raise RemittanceFileRefused("malformed", f"segment {number}: {tag[:10]!r} is no tag of a segment")
        yield Segment(number, tag, tuple(tuple(parts) for parts in elements[1:]))


def _splitter(marks: str) -> re.Pattern[str]:
    component, element, _, release, _, end = tuple(marks)
    special = re.escape(component + element + end + ("" if release == " " else release))
    released = "" if release == " " else f"|{re.escape(release)}(?s:.)"
    return re.compile(f"[^{special}]+{released}|[{special}]")


def _segment(
    text: str, position: int, marks: str, splitter: re.Pattern[str], number: int
) -> tuple[list[list[str]], int]:
    """The elements of one segment (the tag is the first), and where the next one begins."""
    component, element, _, release, _, end = tuple(marks)
    elements: list[list[str]] = [[""]]
    start, parts = position, 1
    while position < len(text):
        match = splitter.match(text, position)
        assert match is not None
        piece, position = match[0], match.end()
        if position - start > MAX_SEGMENT_CHARACTERS or parts > MAX_PARTS:
            raise RemittanceFileRefused("malformed", f"segment {number} is longer than {MAX_SEGMENT_CHARACTERS}")
        if piece == end:
            return elements, position
        if piece == element:
            elements.append([""])
            parts += 1
        elif piece == component:
            elements[-1].append("")
            parts += 1
        elif len(piece) == 2 and piece[0] == release != " ":
            elements[-1][-1] += piece[1]
        else:  # line ends are no part of the data: some senders break lines at a fixed length
            elements[-1][-1] += piece.replace("\r", "").replace("\n", "")
    raise RemittanceFileRefused("truncated", f"segment {number} has no end")


def _interchange(unb: Segment, segments: Iterator[Segment], found: Messages, wanted: str, *, take_tests: bool) -> None:
    control = unb.get(5)
    is_test = unb.get(11) == "1" and not take_tests
    units, messages = 0, 0
    for segment in segments:
        if segment.tag == "UNG":
            units += 1
            inside = 0
            group = segment
        elif segment.tag == "UNE":
            require_count(segment, 1, inside, "messages")
            require_reference(segment, 2, group.get(5))
        elif segment.tag == "UNH":
            messages += 1
            inside = messages if not units else inside + 1
            place, members = _message(segment, segments, control)
            kind = segment.get(2, 1)
            if kind != wanted:
                detail = f"a message {kind[:10]} is no remittance advice"
                found.left_out.append(LeftOut(place, "not_a_remittance", detail))
            elif is_test:
                detail = "UNB marks the interchange as a test; take_tests takes it"
                found.left_out.append(LeftOut(place, "test_interchange", detail))
            else:
                found.messages.append((place, members))
        elif segment.tag == "UNZ":
            require_count(segment, 1, units or messages, "groups" if units else "messages")
            require_reference(segment, 2, control)
            return
        else:
            raise RemittanceFileRefused("malformed", f"segment {segment.number} ({segment.tag}) is in no message")
    raise RemittanceFileRefused("truncated", f"the interchange {control[:20]} ends before its trailer UNZ")


def _message(unh: Segment, segments: Iterator[Segment], control: str) -> tuple[str, list[Segment]]:
    members = [unh]
    for segment in segments:
        if segment.tag in ("UNH", "UNZ", "UNE", "UNB"):
            break
        members.append(segment)
        if segment.tag == "UNT":
            require_count(segment, 1, len(members), "segments")
            require_reference(segment, 2, unh.get(1))
            return f"UNB {control} UNH {unh.get(1)}", members
    raise RemittanceFileRefused("truncated", f"the message {unh.get(1)[:20]} ends before its trailer UNT")
