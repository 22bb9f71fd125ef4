"""Lines, totals, fingerprints and references of advices."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from app.remittances.rules import (
    AdviceInvalid,
    AdvisedLine,
    RecordAdvice,
    allowed_actions,
    check_advice,
    content_sha256,
    line_of,
    reference_key,
    reference_keys,
    resolution_of,
    totals_check,
)

ADVICE = RecordAdvice("EUR", (AdvisedLine("RE-1", 820_00), AdvisedLine("RE-2", 100_00)), date(2026, 4, 1))


def test_a_line_from_paid_or_gross_amount() -> None:
    assert (
        line_of("1", amount_minor=None, gross_minor=1000, deduction_minor=180, deduction_reason="x").amount_minor == 820
    )
    assert line_of("1", amount_minor=820, gross_minor=1000, deduction_minor=180).gross_minor == 1000
    for wrong in (
        {"amount_minor": None},
        {"amount_minor": 820, "gross_minor": 1000},
        {"amount_minor": 0},
        {"amount_minor": 5, "discount_minor": -1},
        {"amount_minor": -5, "discount_minor": 1},
        {"amount_minor": 5, "deduction_reason": "x"},
    ):
        with pytest.raises(AdviceInvalid):
            line_of("1", **wrong)  # type: ignore[arg-type]


def test_totals() -> None:
    assert (ADVICE.total_minor, totals_check(ADVICE.total_minor, ADVICE.lines_minor)) == (920_00, "agrees")
    assert totals_check(900_00, ADVICE.lines_minor) == "differs"
    for wrong in (replace(ADVICE, lines=()), replace(ADVICE, amount_minor=0), replace(ADVICE, amount_minor=10**16)):
        with pytest.raises(AdviceInvalid):
            check_advice(wrong)


def test_the_fingerprint_is_of_what_is_said() -> None:
    same = replace(ADVICE, lines=tuple(reversed(ADVICE.lines)), channel="csv", received_on=date(2026, 5, 1))
    assert content_sha256(same) == content_sha256(ADVICE)
    assert content_sha256(replace(ADVICE, lines=(AdvisedLine("RE 1", 820_00), ADVICE.lines[1]))) == content_sha256(
        ADVICE
    )
    for other in (
        replace(ADVICE, currency="USD"),
        replace(ADVICE, payment_reference="P-1"),
        replace(ADVICE, account_id=uuid4()),
        replace(ADVICE, expected_date=date(2026, 4, 2)),
        replace(ADVICE, amount_minor=1),
    ):
        assert content_sha256(other) != content_sha256(ADVICE)


def test_references_meet_whatever_stands_between_their_signs() -> None:
    assert reference_key("PAY-2026-0815") == "PAY20260815"
    assert reference_key("pay 2026 0815") == "PAY20260815"
    assert reference_key("thanks") is None
    assert reference_key("12") is None
    assert "PAY20260815" in reference_keys("your ref PAY-2026/0815 of today")
    assert "PAY20260815" not in reference_keys("XPAY20260815", "PAY202608159", None)


def test_what_may_be_done() -> None:
    assert allowed_actions("open") == allowed_actions("joined") == ("cancel", "rejoin")
    assert allowed_actions("settled") == allowed_actions("cancelled") == ()


def test_a_line_means_the_only_candidate_or_the_one_of_its_amount() -> None:
    one, two = uuid4(), uuid4()
    assert resolution_of([(one, 5)], 7) == one
    assert resolution_of([(one, 5), (two, 7)], 7) == two
    assert resolution_of([(one, 7), (two, 7)], 7) is None
    assert resolution_of([], 7) is None
