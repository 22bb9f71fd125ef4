"""What a remittance advice is and says: its total against its lines, its fingerprint, what may be done next. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from app.core.errors import FieldError, RuleViolation
from app.core.money import MAX_MINOR
from app.core.reference_keys import TOKEN, clean, fold, squeeze

State = Literal["open", "joined", "settled", "cancelled"]
Channel = Literal["api", "csv", "xlsx", "email_text", "x12_820", "edifact_remadv"]
TotalsCheck = Literal["agrees", "differs"]
Resolution = Literal["resolved", "ambiguous", "unresolved"]
Action = Literal["cancel", "rejoin"]
LINES_LIMIT = 5_000
REFERENCE_KEY_MINIMUM = 4
WORDS_LIMIT = 160
WORDS_TOGETHER = 5
NUMBER_LENGTH_MAX, REFERENCE_LENGTH_MAX, NAME_LENGTH_MAX, BANK_IDENTIFIER_LENGTH_MAX = 64, 140, 200, 64
REASON_LENGTH_MAX = 64


class AdviceInvalid(RuleViolation):
    """The advice says nothing that could be paid, or contradicts itself."""

    code = "remittance_advice.invalid"


@dataclass(frozen=True, slots=True)
class AdvisedLine:
    """One document of an advice. `amount_minor` is what is paid for it (negative: a credit memo that is netted).

    What the payer keeps stands beside: a discount, and a deduction with its reason. `gross_minor`, where the advice
    gives it, is amount + discount + deduction.
    """

    document_number: str
    amount_minor: int
    discount_minor: int = 0
    deduction_minor: int = 0
    deduction_reason: str | None = None
    gross_minor: int | None = None


@dataclass(frozen=True, slots=True)
class RecordAdvice:
    """An advice as the payer sent it. `amount_minor` None: the sum of the lines.

    `expected_date` is the value date that the payer announces; `received_on` the organization's day of receipt.
    """

    currency: str
    lines: tuple[AdvisedLine, ...]
    received_on: date
    amount_minor: int | None = None
    channel: Channel = "api"
    legal_entity_id: UUID | None = None
    account_id: UUID | None = None
    payer_name: str | None = None
    payer_bank_identifier: str | None = None
    payment_reference: str | None = None
    expected_date: date | None = None
    source: str = "manual"
    external_id: str | None = None

    @property
    def lines_minor(self) -> int:
        """The sum of what is paid for each document."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """The amount of the payment that is announced."""
        return self.lines_minor if self.amount_minor is None else self.amount_minor


def line_of(
    number: str,
    *,
    amount_minor: int | None,
    gross_minor: int | None = None,
    discount_minor: int = 0,
    deduction_minor: int = 0,
    deduction_reason: str | None = None,
    pointer: str = "",
) -> AdvisedLine:
    """A line from what the payer gave: the paid amount, the gross amount, or both.

    Raises AdviceInvalid: neither is given, both and they differ by something else than discount and deduction, a
    negative discount or deduction, a reason without a deduction.
    """
    kept = discount_minor + deduction_minor
    if amount_minor is None:
        if gross_minor is None:
            raise AdviceInvalid("a line has the paid amount, the gross amount, or both", pointer=f"{pointer}/amount")
        amount_minor = gross_minor - kept
    elif gross_minor is not None and gross_minor - kept != amount_minor:
        detail = "gross amount less discount and deduction is not the paid amount"
        raise AdviceInvalid(detail, pointer=f"{pointer}/amount")
    if discount_minor < 0 or deduction_minor < 0:
        raise AdviceInvalid("discount and deduction are not negative", pointer=f"{pointer}/discount_amount")
    if amount_minor < 0 and kept:
        raise AdviceInvalid("a netted credit memo has no discount or deduction", pointer=f"{pointer}/discount_amount")
    if deduction_reason is not None and not deduction_minor:
        raise AdviceInvalid("a reason needs its deduction", pointer=f"{pointer}/deduction_amount")
    if amount_minor == 0 and not kept:
        raise AdviceInvalid("the line pays nothing and keeps nothing back", pointer=f"{pointer}/amount")
    return AdvisedLine(number, amount_minor, discount_minor, deduction_minor, deduction_reason, gross_minor)


def check_advice(command: RecordAdvice) -> None:
    """Raises AdviceInvalid: no lines, too many, the announced payment is not positive or past the bound."""
    if not 1 <= len(command.lines) <= LINES_LIMIT:
        raise AdviceInvalid(f"an advice has 1 to {LINES_LIMIT} lines", pointer="/lines")
    if not 0 < command.total_minor <= MAX_MINOR:
        detail = "the announced payment is more than zero; what is only netted is no payment"
        raise AdviceInvalid(detail, errors=(FieldError("/amount", AdviceInvalid.code, detail),))


def totals_check(amount_minor: int, lines_minor: int) -> TotalsCheck:
    """Whether the lines add up to the announced payment."""
    return "agrees" if amount_minor == lines_minor else "differs"


def reference_key(reference: str | None) -> str | None:
    """The form under which a payment reference is compared: letters and digits, look-alikes folded; None when it is
    too short to mean one payment, or has no digit.
    """
    key = fold(squeeze(reference or ""))
    return key if len(key) >= REFERENCE_KEY_MINIMUM and any(ch.isdigit() for ch in key) else None


def reference_keys(*texts: str | None) -> frozenset[str]:
    """Every key that references and texts of a payment may mean: their words, and up to five neighbours together.

    A key inside a longer word is none: letters and digits end only where another sign stands.
    """
    found: set[str] = set()
    for text in texts:
        words = [fold(word) for word in TOKEN.findall(clean(text or ""))[:WORDS_LIMIT]]
        for start in range(len(words)):
            joined = ""
            for word in words[start : start + WORDS_TOGETHER]:
                joined += word
                if len(joined) >= REFERENCE_KEY_MINIMUM and any(ch.isdigit() for ch in joined):
                    found.add(joined)
    return frozenset(found)


def content_sha256(command: RecordAdvice) -> str:
    """The fingerprint of what the advice says, whoever sends it and in whatever form: equal ones are duplicates.

    The order of the lines does not matter, nor blanks and signs in numbers and references.
    """
    lines = sorted(
        (squeeze(line.document_number), line.amount_minor, line.discount_minor, line.deduction_minor)
        for line in command.lines
    )
    expected = command.expected_date.isoformat() if command.expected_date else ""
    payer = str(command.account_id or "") or squeeze(command.payer_name or command.payer_bank_identifier or "")
    said = [payer, squeeze(command.payment_reference or ""), command.currency, command.total_minor, expected, lines]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def allowed_actions(state: str) -> tuple[Action, ...]:
    """What may be done with an advice in that state: one that is settled is history."""
    return ("cancel", "rejoin") if state in ("open", "joined") else ()


def resolution_of(candidates: Sequence[tuple[UUID, int]], taken_minor: int) -> UUID | None:
    """The document meant by a line: the only candidate, or the only one with just this open amount; else None."""
    if len(candidates) == 1:
        return candidates[0][0]
    fitting = [id_ for id_, open_minor in candidates if open_minor == taken_minor]
    return fitting[0] if len(fitting) == 1 else None
