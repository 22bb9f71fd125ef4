"""A postal address as it is written on a letter, by the habit of its country. Pure.

Source of the order of postal code and town: the addressing systems of the Universal Postal Union (S42).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import Locale, UnknownLocaleError

_CODE_BEHIND_REGION = frozenset({"US", "CA", "AU", "IN"})
"""`Springfield IL 62701`"""
_CODE_BELOW = frozenset({"GB", "IE", "GG", "JE", "IM"})
"""The town, and the postal code in a line of its own."""


def address_lines(row: Mapping[str, Any], sender_country: str | None = None, language: str = "en") -> tuple[str, ...]:
    """The lines under the name: supplement, street, town with postal code, and the country where it is another one.

    `row` has the account's columns. Without street and town there is no address: no lines at all.
    """
    street, city, code, region = (_text(row, name) for name in ("street", "city", "postal_code", "region"))
    country = _text(row, "country")
    if not street and not city:
        return ()
    if country in _CODE_BEHIND_REGION:
        place = [" ".join(filter(None, (city, region, code)))]
    elif country in _CODE_BELOW:
        place = [city, region, code]
    else:
        place = [" ".join(filter(None, (code, city))), region]
    abroad = country if country and country != sender_country else ""
    lines = (_text(row, "address_supplement"), street, *place, _country_name(abroad, language))
    return tuple(line for line in lines if line)


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row[name] or "")


def _country_name(country: str, language: str) -> str:
    """In capitals, as posts ask for it; the code itself where it is unknown."""
    if not country:
        return ""
    try:
        name = Locale.parse(language.replace("-", "_")).territories.get(country)
    except (UnknownLocaleError, ValueError):
        name = None
    return str(name or country).upper()
