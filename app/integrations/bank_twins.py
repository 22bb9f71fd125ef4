"""The same booking line read before in another format, though nothing in the two identifies it alike. Pure.

A short reference in one format, a cut text in another, a page that another file does not have: then amount, direction
and day decide, each line on record standing for one line only; end-to-end ids and accounts that differ say no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.integrations.bank_formats.identity import EntryIdentity

PREFIX_LENGTH_MIN = 6


@dataclass(frozen=True, slots=True)
class Stored:
    """A booking line on record with what it was also read as: by format, the key there."""

    entry_key: str
    ids: tuple[UUID, ...]
    is_booked: bool
    currency: str
    signed_minor: int
    booking_date: date | None
    value_date: date | None
    bank_reference: str | None
    end_to_end_id: str | None
    counterparty_identifier: str | None
    also_read: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A booking line of the file in the same terms."""

    identity: EntryIdentity
    signed_minor: int
    booking_date: date | None
    value_date: date | None
    bank_reference: str | None
    end_to_end_id: str | None
    counterparty_identifier: str | None


def pair(lines: Sequence[Line], stored: Iterable[Stored], file_format: str) -> dict[str, Stored]:
    """By key of the file's line, the line on record that it is. Each on record serves once for each format."""
    found: dict[str, Stored] = {}
    free: list[Stored] = []
    keys = {line.identity.entry_key for line in lines}
    for one in stored:
        before = one.also_read.get(file_format)
        if before is None:
            free.append(one)
        elif before in keys:
            found[before] = one
    scored = [
        (-evidence, place, spot)
        for place, line in enumerate(lines)
        if line.identity.entry_key not in found
        for spot, one in enumerate(free)
        if (evidence := _evidence(line, one)) is not None
    ]
    taken_lines: set[int] = set()
    taken_spots: set[int] = set()
    for _, place, spot in sorted(scored):
        if place not in taken_lines and spot not in taken_spots:
            taken_lines.add(place)
            taken_spots.add(spot)
            found[lines[place].identity.entry_key] = free[spot]
    return found


def _evidence(line: Line, one: Stored) -> int | None:
    """How much speaks for it; None: they are two."""
    entry = line.identity.entry
    if (one.currency, one.signed_minor) != (entry.currency, line.signed_minor) or not _same_day(line, one):
        return None
    points = 0
    for mine, theirs in (
        (line.end_to_end_id, one.end_to_end_id),
        (line.counterparty_identifier, one.counterparty_identifier),
    ):
        if mine and theirs:
            if mine != theirs:
                return None
            points += 2
    if line.bank_reference and one.bank_reference:
        mine, theirs = _squeezed(line.bank_reference), _squeezed(one.bank_reference)
        shorter, longer = sorted((mine, theirs), key=len)
        if len(shorter) >= PREFIX_LENGTH_MIN and (longer.startswith(shorter) or longer.endswith(shorter)):
            points += 3
    return points


def _same_day(line: Line, one: Stored) -> bool:
    if line.booking_date is not None and one.booking_date is not None:
        return line.booking_date == one.booking_date
    if line.value_date is not None and one.value_date is not None:
        return line.value_date == one.value_date
    return (line.booking_date or line.value_date) == (one.booking_date or one.value_date)


def _squeezed(text: str) -> str:
    return "".join(ch for ch in text.casefold() if ch.isalnum())
