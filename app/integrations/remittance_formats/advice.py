"""What both standards say of a payment, and which reading of its amounts the total of the payment proves.

Senders differ in three habits: whether an adjustment is inside the paid amount of its line or beside it, whether
adjustments that lower a payment are negative, and whether credit memos are. The announced total tells which holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product

from app.core.errors import DomainError
from app.integrations.remittance_formats.errors import SegmentFault
from app.remittances.rules import (
    BANK_IDENTIFIER_LENGTH_MAX,
    NAME_LENGTH_MAX,
    NUMBER_LENGTH_MAX,
    REASON_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    AdvisedLine,
    Channel,
    RecordAdvice,
    line_of,
)


@dataclass(slots=True)
class Adjustment:
    """What the payer adds or (negative) keeps back. `number`: a document of its own that stands behind it."""

    minor: int
    reason: str | None
    number: str | None = None


@dataclass(slots=True)
class LineDraft:
    """A document as the segments give it, all amounts signed as given."""

    segment: int
    number: str
    is_credit: bool = False
    paid: int | None = None
    gross: int | None = None
    discount: int = 0
    adjustments: list[Adjustment] = field(default_factory=list)


@dataclass(slots=True)
class AdviceDraft:
    """One payment with its documents. `adjustments` concern the payment as a whole."""

    place: str
    currency: str
    total: int | None = None
    lines: list[LineDraft] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    payer_name: str | None = None
    payer_bank_identifier: str | None = None
    payment_reference: str | None = None
    expected_date: date | None = None
    hints: list[tuple[str, str]] = field(default_factory=list)
    replaces: Withdrawal | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The payer takes back an advice that was sent before: by the references that it may have here, and by payer."""

    place: str
    references: tuple[str, ...]
    payer_name: str | None = None
    payer_bank_identifier: str | None = None
    account_hints: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EdiAdvice:
    """An advice and how it names the payer's account: `(kind, value)`, the surest first.

    Kinds: `number` (ours for the customer), `vat_id`, `registered_id` (`scheme:value`).
    """

    place: str
    command: RecordAdvice
    account_hints: tuple[tuple[str, str], ...] = ()
    replaces: Withdrawal | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Part of the file that is no advice of a payment to us, and why."""

    place: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """One set of habits. `inside`: a line's paid amount has its adjustments in it already."""

    inside: bool
    turn_credits: bool
    turn_adjustments: bool


_READINGS = tuple(
    _Reading(inside, turn_credits, turn_adjustments)
    for turn_adjustments, turn_credits, inside in product((False, True), (True, False), (False, True))
)


def command_of(draft: AdviceDraft, channel: Channel, received_on: date) -> RecordAdvice:
    """The advice in the reading that adds up to its total; in the first one when none does (the advice says so then).

    Raises SegmentFault for a line that contradicts itself.
    """
    readings = list(_distinct(draft))
    lines = readings[0]
    for candidate in readings:
        if draft.total is not None and sum(line.amount_minor for line in candidate) == draft.total:
            lines = candidate
            break
    return RecordAdvice(
        currency=draft.currency,
        lines=lines,
        received_on=received_on,
        amount_minor=draft.total,
        channel=channel,
        payer_name=_cut(draft.payer_name, NAME_LENGTH_MAX),
        payer_bank_identifier=_cut(draft.payer_bank_identifier, BANK_IDENTIFIER_LENGTH_MAX),
        payment_reference=_cut(draft.payment_reference, REFERENCE_LENGTH_MAX),
        expected_date=draft.expected_date,
    )


def _distinct(draft: AdviceDraft) -> Iterator[tuple[AdvisedLine, ...]]:
    """The lines by every reading that can matter for this draft."""
    adjusted = any(line.adjustments for line in draft.lines)
    credits = any(line.is_credit for line in draft.lines)
    for reading in _READINGS:
        if (reading.inside and not adjusted) or (not reading.turn_credits and not credits):
            continue
        if reading.turn_adjustments and not (adjusted or draft.adjustments):
            continue
        yield tuple(_lines(draft, reading))


def _lines(draft: AdviceDraft, reading: _Reading) -> Iterator[AdvisedLine]:
    sign = -1 if reading.turn_adjustments else 1
    alone = len(draft.lines) == 1
    for line in draft.lines:
        adjustments = [replace(item, minor=sign * item.minor) for item in line.adjustments]
        if alone:  # what is kept back of a payment of one document is kept back of that document
            adjustments += [replace(item, minor=sign * item.minor) for item in draft.adjustments if not item.number]
        made = _line(line, adjustments, reading)
        if made is not None:
            yield made
    for place, item in enumerate(draft.adjustments):
        if item.minor and not (alone and not item.number):
            number = item.number or f"{item.reason or 'adjustment'} {place + 1}"
            yield AdvisedLine(_number(number, draft.place), sign * item.minor)


def _line(line: LineDraft, adjustments: Sequence[Adjustment], reading: _Reading) -> AdvisedLine | None:
    """None for a line that pays nothing and keeps nothing back."""
    change = sum(item.minor for item in adjustments)
    discount = abs(line.discount)
    turned = -1 if line.is_credit and reading.turn_credits and (line.paid or line.gross or 0) > 0 else 1
    gross = None if line.gross is None else turned * line.gross
    if line.paid is None:
        amount = (gross or 0) - discount + change
    else:
        amount = turned * line.paid + (0 if reading.inside else change)
    kept = max(0, -change)
    if amount < 0:  # a credit memo is netted as a whole
        return AdvisedLine(_number(line.number, str(line.segment)), amount)
    if not amount and not kept and not discount:
        return None
    if gross is not None and gross - discount - kept != amount:
        gross = None  # a part payment, or more than the document: what is paid counts
    reasons = dict.fromkeys(filter(None, (text for item in adjustments for text in (item.reason, item.number))))
    reason = " ".join(reasons) if kept else None
    try:
        return line_of(
            _number(line.number, str(line.segment)),
            amount_minor=amount,
            gross_minor=gross,
            discount_minor=discount,
            deduction_minor=kept,
            deduction_reason=_cut(reason, REASON_LENGTH_MAX),
        )
    except DomainError as refusal:
        raise SegmentFault(str(line.segment), refusal.detail) from None


def _number(text: str, place: str) -> str:
    if not text or len(text) > NUMBER_LENGTH_MAX:
        raise SegmentFault(place, f"a document number has 1 to {NUMBER_LENGTH_MAX} characters")
    return text


def _cut(text: str | None, length: int) -> str | None:
    if text is None:
        return None
    kept = "".join(ch if ch.isprintable() else " " for ch in text)
    return " ".join(kept.split())[:length] or None
