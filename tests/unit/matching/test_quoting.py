"""How payers quote numbers: only a part of a number teaches something."""

from __future__ import annotations

import pytest

from app.cash_application.matching.quoting import quoted_parts


@pytest.mark.parametrize(
    ("text", "number", "learned"),
    [
        ("734512", "INV-2026-00734512", {"999999": "734512"}),
        ("Rechnung 004711 vom", "RE-2026-004711", {"999999": "004711"}),
        ("RE-2026-004711", "RE-2026-004711", {}),
        ("re 2026 004711", "RE-2026-004711", {}),
        ("711", "RE-2026-004711", {}),
        ("990815", "RE-2026-004711", {}),
        ("", "RE-2026-004711", {}),
    ],
)
def test_a_part_of_a_number_is_learned_with_its_shape(text: str, number: str, learned: dict[str, str]) -> None:
    assert quoted_parts(text, [number]) == learned
