"""Statements follow one another; totals are those of the booked entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.money import to_text
from app.integrations.bank_formats.control import continuity_problem, control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.records import Balance, Statement
from tests.unit.bank_formats.messages import camt, entry


def statement(opening: str | None = "10.00", number: int = 52) -> Statement:
    text = camt(opening=opening, closing="10.00").replace(b"<ElctrncSeqNb>52", b"<ElctrncSeqNb>%d" % number)
    return parse_bank_file(text).statements[0]


def closing(minor: int, currency: str = "EUR") -> Balance:
    return Balance(minor, currency, None, "CLBD")


def test_opening_equals_the_previous_closing() -> None:
    assert continuity_problem(closing(1000), 51, statement()) is None
    gap = continuity_problem(closing(999), 51, statement())
    assert gap is not None
    assert gap.code == "statement.balance_gap"
    assert "10.00 EUR" in gap.detail
    assert "9.99 EUR" in gap.detail
    assert continuity_problem(closing(1000, "USD"), 51, statement()) is not None


def test_a_jump_in_the_numbers_is_a_gap_a_new_year_is_none() -> None:
    gap = continuity_problem(closing(1000), 50, statement())
    assert gap is not None
    assert gap.code == "statement.sequence_gap"
    assert continuity_problem(closing(1000), 366, statement(number=1)) is None


def test_nothing_can_be_said_without_balances_or_numbers() -> None:
    assert continuity_problem(None, None, statement()) is None
    assert continuity_problem(closing(1), None, statement(opening=None)) is None


def test_no_balances_no_verdict() -> None:
    totals = control_totals(parse_bank_file(camt(entry("5.00"))).statements[0])
    assert (totals.holds, totals.difference_minor, totals.booked_credit_minor) == (None, None, 500)
    assert totals.reason


signed = st.integers(-(10**11), 10**11)


@given(st.lists(signed, max_size=8), signed, st.integers(-5, 5))
def test_totals_hold_exactly_when_the_closing_does(lines: list[int], opening: int, error: int) -> None:
    closing_minor = opening + sum(lines) + error
    text = camt(
        *(entry(to_text(abs(m), "EUR"), direction="CRDT" if m >= 0 else "DBIT") for m in lines),
        opening=to_text(opening, "EUR"),
        closing=to_text(closing_minor, "EUR"),
    )
    found = parse_bank_file(text).statements[0]
    totals = control_totals(found)
    assert totals.difference_minor == error
    assert totals.holds is (error == 0)
    assert totals.booked_credit_minor - totals.booked_debit_minor == sum(lines)
    assert sum(e.signed_minor for e in found.entries) == sum(lines)
