"""Lines of two formats: which are one, which are two."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.identity import identify
from app.integrations.bank_twins import Line, Stored, pair
from tests.unit.bank_formats.messages import camt, entry

DAY = date(2024, 3, 14)
(IDENTITY,) = identify(parse_bank_file(camt(entry("100.00"))).statements[0])
LINE = Line(IDENTITY, 10000, DAY, date(2024, 3, 15), "BANK-REF-0001", "E2E-1", "DE02120300000000202051")
STORED = Stored(
    "fp:1:1", (UUID(int=1),), True, "EUR", 10000, DAY, date(2024, 3, 15), "BANKREF0001", None, None, {}
)  # fmt: skip


def is_twin(**changes: object) -> bool:
    return bool(pair([LINE], [replace(STORED, **changes)], "camt.053"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bank_reference": None},
        {"bank_reference": "OTHER-SCHEME-77"},
        {"end_to_end_id": "E2E-1"},
        {"booking_date": None},
        {"value_date": None},
        {"also_read": {"camt.054": "x"}},
        {"also_read": {"camt.053": IDENTITY.entry_key}},
    ],
)
def test_one(changes: dict[str, object]) -> None:
    assert is_twin(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_minor": -10000},
        {"signed_minor": 10001},
        {"currency": "USD"},
        {"booking_date": date(2024, 3, 13)},
        {"booking_date": None, "value_date": date(2024, 3, 14)},
        {"end_to_end_id": "E2E-2"},
        {"counterparty_identifier": "DE89370400440532013000"},
        {"also_read": {"camt.053": "another line"}},
    ],
)
def test_two(changes: dict[str, object]) -> None:
    assert not is_twin(**changes)


def test_the_line_with_more_evidence_is_taken_and_each_once() -> None:
    plain = replace(STORED, entry_key="fp:2:1", ids=(UUID(int=2),), bank_reference=None)
    for stored in ([plain, STORED], [STORED, plain]):
        assert pair([LINE], stored, "camt.053")[IDENTITY.entry_key].entry_key == "fp:1:1"
