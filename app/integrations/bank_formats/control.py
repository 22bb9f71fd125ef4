"""Control totals and continuity of statements. Pure functions over the records."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.money import Money, to_text
from app.integrations.bank_formats.records import Balance, EntryStatus, Problem, Statement


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """What a statement's booked entries add up to, against its balances. All in minor units of `currency`.

    `difference_minor` is closing − (opening + booked entries): 0 when it holds, None when it cannot be
    computed, and then `reason` says why.
    """

    currency: str
    entry_count: int
    booked_count: int
    booked_credit_minor: int
    booked_debit_minor: int
    refused_count: int
    opening_minor: int | None
    closing_minor: int | None
    difference_minor: int | None
    reason: str | None

    @property
    def holds(self) -> bool | None:
        """True or False; None when the statement does not say enough."""
        return None if self.difference_minor is None else self.difference_minor == 0


def control_totals(statement: Statement) -> ControlTotals:
    """Opening + booked entries = closing, as far as the statement says enough to check it."""
    currency = statement.account_currency
    booked = [entry for entry in statement.entries if entry.status is EntryStatus.BOOKED]
    credit = sum(entry.amount_minor for entry in booked if entry.is_credit and entry.currency == currency)
    debit = sum(entry.amount_minor for entry in booked if not entry.is_credit and entry.currency == currency)
    opening, closing = statement.opening, statement.closing
    reason: str | None = None
    difference: int | None = None
    if opening is None or closing is None:
        reason = "the statement has no opening or no closing balance"
    elif opening.currency != currency or closing.currency != currency:
        reason = f"a balance is not in the account's currency {currency}"
    elif any(entry.currency != currency for entry in booked):
        reason = f"an entry is not in the account's currency {currency}"
    else:
        difference = closing.minor - (opening.minor + credit - debit)
    return ControlTotals(
        currency=currency,
        entry_count=len(statement.entries),
        booked_count=len(booked),
        booked_credit_minor=credit,
        booked_debit_minor=debit,
        refused_count=statement.refused_entry_count,
        opening_minor=opening.minor if opening else None,
        closing_minor=closing.minor if closing else None,
        difference_minor=difference,
        reason=reason,
    )


def totals_problem(statement: Statement) -> Problem | None:
    """The problem to show when the control totals do not hold, or None."""
    totals = control_totals(statement)
    if not totals.difference_minor:
        return None
    text = to_text(totals.difference_minor, totals.currency)
    return Problem(
        where="statement",
        code="statement.control_total_differs",
        detail=f"closing balance differs from opening balance and booked entries by {text} {totals.currency}"
        + (f"; {totals.refused_count} entries were refused" if totals.refused_count else ""),
    )


def continuity_problem(
    previous_closing: Balance | None, previous_sequence: int | None, statement: Statement
) -> Problem | None:
    """Whether `statement` follows the previous one of the same account: its opening is the previous closing.

    `previous_sequence` is the previous statement's `sequence`; a jump in it is a gap too, a restart at 1 is a
    new year. Returns the problem to show, or None when it follows or when nothing can be said.
    """
    opening = statement.opening
    if previous_closing is not None and opening is not None:
        same = (opening.minor, opening.currency) == (previous_closing.minor, previous_closing.currency)
        if not same:
            before = Money(previous_closing.minor, previous_closing.currency)
            after = Money(opening.minor, opening.currency)
            return Problem(
                where="statement",
                code="statement.balance_gap",
                detail=f"opens at {after}, but the previous statement closed at {before}",
            )
    number = statement.sequence
    if number is not None and previous_sequence is not None and number > previous_sequence + 1:
        return Problem(
            where="statement",
            code="statement.sequence_gap",
            detail=f"number {number} follows number {previous_sequence}",
        )
    return None
