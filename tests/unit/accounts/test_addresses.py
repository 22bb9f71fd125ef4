"""Postal addresses as posts want them."""

from __future__ import annotations

from typing import Any

from app.accounts.addresses import address_lines


def _row(**parts: str) -> dict[str, Any]:
    names = ("street", "address_supplement", "postal_code", "city", "region", "country")
    return {name: parts.get(name) for name in names}


def test_each_country_has_its_order() -> None:
    german = _row(street="Hafenstr. 12", address_supplement="Tor 3", postal_code="20457", city="Hamburg", country="DE")
    assert address_lines(german, "DE") == ("Tor 3", "Hafenstr. 12", "20457 Hamburg")
    assert address_lines(german, "CH", "de") == ("Tor 3", "Hafenstr. 12", "20457 Hamburg", "DEUTSCHLAND")
    american = _row(street="12 Main St", postal_code="62701", city="Springfield", region="IL", country="US")
    assert address_lines(american, "US") == ("12 Main St", "Springfield IL 62701")
    british = _row(street="1 High Road", postal_code="N1 1AA", city="London", country="GB")
    assert address_lines(british) == ("1 High Road", "London", "N1 1AA", "UNITED KINGDOM")


def test_without_street_and_town_there_is_no_address() -> None:
    assert address_lines(_row(country="DE", postal_code="20457")) == ()
    assert address_lines(_row(city="Hamburg", country="QQ"), None, "xx-unknown") == ("Hamburg", "QQ")
