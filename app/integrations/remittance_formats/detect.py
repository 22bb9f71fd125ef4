"""Which EDI format a file of remittance advices is in, and the one entrance that reads either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from app.core.errors import DomainError, FieldError
from app.core.money import CURRENCIES
from app.integrations.remittance_formats.advice import AdviceDraft, EdiAdvice, LeftOut, Withdrawal, command_of
from app.integrations.remittance_formats.edifact import declared_text, looks_like_edifact, read_edifact
from app.integrations.remittance_formats.errors import FAULTS_MAX, RemittanceFileRefused, SegmentFault
from app.integrations.remittance_formats.remadv import read_message
from app.integrations.remittance_formats.segments import Segment, file_text
from app.integrations.remittance_formats.x12_820 import looks_like_x12, read_set, read_x12
from app.remittances.rules import Channel, check_advice

SNIFF_BYTES = 400


@dataclass(frozen=True, slots=True)
class RemittanceFile:
    """The advices of a file in its order, and what of it is none."""

    format: Channel
    parts: tuple[EdiAdvice | Withdrawal, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def advices(self) -> tuple[EdiAdvice, ...]:
        """Without what takes back an advice that was sent before."""
        return tuple(part for part in self.parts if isinstance(part, EdiAdvice))


def is_edi(head: bytes) -> bool:
    """Whether the first bytes of a file (some hundred) begin X12 or EDIFACT."""
    try:
        text = _start(file_text(head[: SNIFF_BYTES - SNIFF_BYTES % 2]))
    except RemittanceFileRefused:
        return False
    return looks_like_x12(text) or looks_like_edifact(text)


def read_remittance_file(
    data: bytes, *, currency: str | None, received_on: date, take_tests: bool = False
) -> RemittanceFile:
    """Every advice of an X12 820 or EDIFACT REMADV file.

    `currency` is meant where the file names none (X12: USD without it). Raises RemittanceFileRefused: the envelope
    does not hold together, or segments are at fault, which are named (`/segments/12/RMR04`, at most FAULTS_MAX).
    """
    text = _start(file_text(data))
    read: Callable[[str, list[Segment], str | None], AdviceDraft | LeftOut | Withdrawal]
    sets: Sequence[tuple[str, list[Segment]]]
    if looks_like_x12(text):
        interchange = read_x12(text, take_tests=take_tests)
        sets, left_out, read, channel = interchange.sets, interchange.left_out, read_set, _X12
    elif looks_like_edifact(text):
        messages = read_edifact(_start(declared_text(data, text)), "REMADV", take_tests=take_tests)
        sets, left_out, read, channel = messages.messages, messages.left_out, read_message, _EDIFACT
    else:
        raise RemittanceFileRefused("unknown_format", "the file is neither X12 nor EDIFACT")
    parts: list[EdiAdvice | Withdrawal] = []
    faults: list[FieldError] = []
    for place, members in sets:
        try:
            draft = read(place, members, currency)
            if isinstance(draft, LeftOut):
                left_out.append(draft)
                continue
            if isinstance(draft, Withdrawal):
                parts.append(draft)
                continue
            if draft.currency not in CURRENCIES:
                raise SegmentFault(str(members[0].number), f"{draft.currency[:12]!r} is no currency")
            command = command_of(draft, channel, received_on)
            check_advice(command)
        except SegmentFault as fault:
            faults.append(FieldError(f"/segments/{fault.element}", "remittance_file.segment_invalid", fault.detail))
        except DomainError as refusal:
            faults.append(FieldError(f"/segments/{members[0].number}", refusal.code, refusal.detail))
        else:
            parts.append(EdiAdvice(place, command, tuple(dict.fromkeys(draft.hints)), draft.replaces))
        if len(faults) >= FAULTS_MAX:
            break
    if faults:
        detail = f"{len(faults)} faults in segments; nothing was taken"
        raise RemittanceFileRefused("segment_invalid", detail, tuple(faults))
    if not parts and not left_out:
        raise RemittanceFileRefused("no_advice", "the file holds no remittance advice")
    return RemittanceFile(channel, tuple(parts), tuple(left_out))


_X12: Channel = "x12_820"
_EDIFACT: Channel = "edifact_remadv"


def _start(text: str) -> str:
    return text.removeprefix("\ufeff").lstrip("\r\n \t")
