"""Cells to amounts and dates; the set of keys; the totals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import to_text
from app.integrations.control_totals import ControlTotals, outcome_of
from app.integrations.import_mapping import ImportOptions, TextFormat
from app.integrations.row_values import CellReader, Fault
from app.integrations.seen_keys import SeenKeys

PLAIN = CellReader(TextFormat(), ImportOptions())


@given(
    minor=st.integers(-(10**15), 10**15),
    marks=st.sampled_from([(".", ""), (".", ","), (",", "."), (",", ""), (".", "'"), (",", " "), (",", "\u202f")]),
)
def test_every_amount_survives_every_notation(minor: int, marks: tuple[str, str]) -> None:
    point, group = marks
    whole, cents = to_text(minor, "EUR").split(".")
    text = f"{int(whole):,}".replace(",", group) + point + cents
    text = "-" + text if minor < 0 and not text.startswith("-") else text
    faults: list[Fault] = []
    reader = CellReader(TextFormat(decimal_separator=point, thousands_separator=group), ImportOptions())
    assert (reader.amount(text, "EUR", "amount", faults), faults) == (minor, [])


@given(st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=5))
def test_rounding_moves_no_amount_by_more_than_half_a_cent(amount: Decimal) -> None:
    faults: list[Fault] = []
    made = CellReader(TextFormat(), ImportOptions(rounding="half_up")).amount(f"{amount:f}", "EUR", "amount", faults)
    assert made is not None
    assert abs(Decimal(made) - amount * 100) <= Decimal("0.5")
    assert bool(faults) == (amount * 100 != made)
    assert all(fault.severity == "note" for fault in faults)


@pytest.mark.parametrize(
    "text", ["1,5", "1.234,56", "1e3", "0x10", "--1", "1 000", "+5", ".5", "5.", "\u0663", "1" * 40]
)
def test_what_is_no_amount_is_a_fault(text: str) -> None:
    faults: list[Fault] = []
    assert PLAIN.amount(text, "EUR", "amount", faults) is None
    assert [fault.field for fault in faults] == ["amount"]


@pytest.mark.parametrize("text", ["1.23", "12.34,5", "1.2345,6", "1.234.56", "1,234.56", ".234", "1..234"])
def test_thousands_that_are_not_grouped_by_three_are_a_fault(text: str) -> None:
    faults: list[Fault] = []
    reader = CellReader(TextFormat(decimal_separator=",", thousands_separator="."), ImportOptions())
    assert reader.amount(text, "EUR", "amount", faults) is None
    assert faults


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("%Y-%m-%d", "2024-02-29", date(2024, 2, 29)),
        ("%Y-%m-%d", "2023-02-29", None),
        ("%Y-%m-%d", "2023-02-30", None),
        ("%Y-%m-%d", "20240229", None),
        ("%Y-%m-%d", "2024-1-1", None),
        ("%Y-%m-%d", "1899-12-31", None),
        ("%d.%m.%Y", "29.02.2024", date(2024, 2, 29)),
        ("%d.%m.%Y", "31.04.2024", None),
        ("%m/%d/%y", "12/31/24", date(2024, 12, 31)),
        ("%Y%m%d", "20240229", date(2024, 2, 29)),
    ],
)
def test_dates_are_days_of_the_calendar(form: str, text: str, day: date | None) -> None:
    faults: list[Fault] = []
    reader = CellReader(TextFormat(date_formats=(form,)), ImportOptions())
    assert reader.day(text, "due_date", faults) == day
    assert bool(faults) == (day is None)


def test_the_first_format_that_fits_counts() -> None:
    reader = CellReader(TextFormat(date_formats=("%d/%m/%Y", "%m/%d/%Y")), ImportOptions())
    assert reader.day("03/04/2024", "d", []) == date(2024, 4, 3)
    assert reader.day("03/31/2024", "d", []) == date(2024, 3, 31)


@given(st.lists(st.text(max_size=8), max_size=400))
def test_seen_keys_is_a_set(keys: list[str]) -> None:
    seen, model = SeenKeys(), set()
    for key in keys:
        assert seen.add(key) == (key not in model)
        model.add(key)


def test_seen_keys_grows() -> None:
    seen = SeenKeys()
    assert all(seen.add(str(number)) for number in range(20_000))
    assert not any(seen.add(str(number)) for number in range(20_000))


def test_totals_survive_being_stored_and_add_up() -> None:
    first, second = ControlTotals(), ControlTotals()
    first.count("read", "EUR", 10**15)
    first.count("read", None, None)
    second.count("read", "EUR", -1)
    together = ControlTotals(first.as_json())
    together.add(second)
    assert together.as_json() == {"EUR": {"read": (2, str(10**15 - 1))}, "unknown": {"read": (1, "0")}}
    assert together.rows("read") == 3
    assert [outcome_of(name) for name in ("created", "corrected", "reissued", "unchanged")] == [
        "created", "updated", "updated", "unchanged",
    ]  # fmt: skip
