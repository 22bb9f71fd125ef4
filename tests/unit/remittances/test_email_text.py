"""Advices out of plain text: what is sure is read, what is not is handed back."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DomainError
from app.remittances.email_advice import read_text_advice
from app.remittances.email_text import read_email_text
from app.remittances.errors import TextUnreadable

TODAY = date(2026, 4, 1)


def test_a_table_with_headings() -> None:
    found = read_email_text(
        """Dear Sirs,
we have paid today as follows.

Payment reference: PAY-2026-0815
Value date: 2026-04-02
Payer: Brandt Maschinenbau GmbH

Invoice       Date         Gross      Discount   Net
RE-1001       01.03.2026   1.000,00      20,00   980,00
RE-1002       05.03.2026     500,00       0,00   500,00
CR-2001                     -100,00       0,00  -100,00
Total EUR                                      1.380,00
"""
    )
    assert [(line.document_number, line.amount_minor, line.discount_minor) for line in found.lines] == [
        ("RE-1001", 980_00, 20_00), ("RE-1002", 500_00, 0), ("CR-2001", -100_00, 0),
    ]  # fmt: skip
    assert (found.currency, found.amount_minor) == ("EUR", 1380_00)
    assert found.payment_reference == "PAY-2026-0815"
    assert found.expected_date == date(2026, 4, 2)
    assert found.payer_name == "Brandt Maschinenbau GmbH"
    assert found.unread == ()


def test_a_deduction_with_its_reason() -> None:
    found = read_email_text("RE-2026-001 1.000,00 abzgl. 180,00 (damaged goods)\nSumme: 820,00 EUR")
    (line,) = found.lines
    assert (line.amount_minor, line.deduction_minor, line.deduction_reason) == (820_00, 180_00, "damaged goods")
    found = read_email_text("> Invoice 4711001: gross USD 250.00, less 10.00 for short delivery")
    (line,) = found.lines
    assert (line.document_number, line.amount_minor, line.deduction_minor) == ("4711001", 240_00, 10_00)
    assert line.deduction_reason == "short delivery"


def test_two_columns_without_headings_mean_what_adds_up_to_the_total() -> None:
    rows = "1001001 100.00 98.00\n1001002 200.00 200.00\nTotal 298.00 USD"
    assert [line.amount_minor for line in read_email_text(rows).lines] == [98_00, 200_00]
    rows = "1001001 100.00 2.00\n1001002 200.00 4.00\nTotal 294.00 USD"
    assert [(line.amount_minor, line.discount_minor) for line in read_email_text(rows).lines] == [
        (98_00, 2_00), (196_00, 4_00),
    ]  # fmt: skip


def test_two_columns_without_headings_or_total_are_handed_back() -> None:
    found = read_email_text("1001001 100.00 2.00\n1001002 200.00 4.00", "EUR")
    assert found.lines == ()
    assert len(found.unread) == 2


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("RE-1001 1.234,56", 123456), ("RE-1001 1,234.56", 123456), ("RE-1001 1234.56", 123456),
        ("RE-1001 1'234.56", 123456), ("RE-1001 1 234,56", 123456), ("RE-1001 EUR 500", 50000),
        ("RE-1001 500,- 12,5", 1250), ("RE-1001 (20.00)", -2000), ("RE-1001 20,00-", -2000),
        ("RE-1001 1.234.567,89", 123456789),
    ],
)  # fmt: skip
def test_ways_to_write_an_amount(text: str, minor: int) -> None:
    (line,) = read_email_text(text, "EUR").lines
    assert line.amount_minor == minor


def test_currencies_without_decimals_and_with_three() -> None:
    (line,) = read_email_text("RE-1001 JPY 1,250").lines
    assert line.amount_minor == 1250
    (line,) = read_email_text("RE-1001 12.500 KWD 12,500.125 KWD\nTotal 12500.125 KWD").lines or (None,)
    assert line is None or line.amount_minor == 12_500_125


def test_phone_numbers_and_prose_are_no_documents() -> None:
    found = read_email_text("Call us at +49 30 1234567\nour VAT id DE123456789\nYour invoices of March", "EUR")
    assert found.lines == ()


def test_a_text_without_lines_or_currency_is_refused() -> None:
    with pytest.raises(TextUnreadable):
        read_text_advice("hello", "EUR", TODAY, {})
    with pytest.raises(TextUnreadable):
        read_text_advice("RE-1001 10.00", None, TODAY, {})
    with pytest.raises(TextUnreadable):
        read_text_advice("RE-1001 10.00 EUR\nRE-1002 10.00 USD", None, TODAY, {})


def test_what_the_caller_says_counts_more_than_the_text() -> None:
    text = "Reference: ABC-1234\nRE-1001 10.00 EUR"
    _, command = read_text_advice(text, None, TODAY, {"payment_reference": "XYZ-1", "payer_name": None})
    assert (command.payment_reference, command.currency, command.channel) == ("XYZ-1", "EUR", "email_text")


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DomainError):
        read_text_advice(text, "EUR", TODAY, {})


@pytest.mark.parametrize("unit", ["1.1.", "RE-", "1,", "(((", "a1-", "11 ", "EUR 1 ", "reference: ", "1001/"])
def test_long_repetitions_are_read_in_little_time(unit: str) -> None:
    text = "\n".join([unit * 200] * 400)
    started = time.perf_counter()
    read_email_text(text[:200_000], "EUR")
    assert time.perf_counter() - started < 5
