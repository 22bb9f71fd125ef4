"""Amounts as babel writes them; what a template gets."""

from __future__ import annotations

import pytest

from app.correspondence.values import shown_amount as by_babel
from app.dunning.messages.values import payment_reference, shown_amount


@pytest.mark.parametrize(
    "language", ["en", "de", "de-CH", "de-AT", "fr", "fr-CH", "es", "pl", "sv", "en-IN", "it", "ja"]
)
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_amounts_are_those_of_babel(language: str, currency: str) -> None:
    for minor in (0, 1, 99, 100, 12_345, 1_234_567, 123_456_789_012, -4_200):
        assert shown_amount(minor, currency, language) == by_babel(minor, currency, language)


def test_a_payment_reference_is_structured_where_the_number_gives_one() -> None:
    assert payment_reference("C-1000").startswith("RF")
    assert payment_reference("顧客") == "顧客"
