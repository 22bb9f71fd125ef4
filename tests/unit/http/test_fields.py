"""Shared field types: what passes, what is refused, and that the JSON schema says the same."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from app.infra.http.fields import (
    Amount,
    BusinessDate,
    Comment,
    Country,
    Currency,
    ExternalRef,
    Input,
    Instant,
    Name,
    Number,
    SignedAmount,
    Source,
    lines,
    text,
    visible,
)


def _accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Name, "Müller & Söhne GmbH"),
        (Name, "x" * 200),
        (Number, "INV 2026/07-001"),
        (Number, "é"),
        (Amount, "0"),
        (Amount, "1250.00"),
        (Amount, "1250.000000"),
        (SignedAmount, "-1.5"),
        (Currency, "JPY"),
        (BusinessDate, "2024-02-29"),
        (BusinessDate, "1900-01-01"),
        (BusinessDate, "2200-12-31"),
        (Comment, "two\nlines\tand a tab"),
        (Comment, ""),
        (Source, "gp"),
        (Country, "DE"),
    ],
)
def test_accepted(kind: Any, value: str) -> None:
    assert _accepts(kind, value)


@pytest.mark.parametrize("kind", [Name, Number, Comment, Source])
@pytest.mark.parametrize("value", ["a\x00b", "a\ud800", "a\x1b[0m", "a\x85b", "x" * 5000])
def test_control_characters_and_lone_surrogates_are_refused(kind: Any, value: str) -> None:
    assert not _accepts(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Name, "   "),
        (Name, "\u3000"),
        (Name, "a\nb"),
        (Number, " a"),
        (Number, "a\xa0"),
        (Number, "a\n"),
        (Number, ""),
        (Amount, 12),
        (Amount, 12.5),
        (Amount, "-1"),
        (Amount, "1e3"),
        (Amount, "01"),
        (Amount, "1."),
        (Amount, "1,000.00"),
        (Amount, "١"),
        (Amount, "NaN"),
        (Amount, "1\n"),
        (Currency, "eur"),
        (Currency, "XXX"),
        (Currency, 978),
        (Currency, ["EUR"]),
        (BusinessDate, "2023-02-30"),
        (BusinessDate, "2023-2-3"),
        (BusinessDate, "20230203"),
        (BusinessDate, "2023-W05-5"),
        (BusinessDate, "1899-12-31"),
        (BusinessDate, "2201-01-01"),
        (BusinessDate, "2023-02-03T00:00:00"),
        (BusinessDate, "٢٠٢٣-02-03"),
        (BusinessDate, 1675382400),
        (BusinessDate, True),
        (BusinessDate, datetime(2023, 2, 3)),  # noqa: DTZ001 - that it is refused is the test
        (Source, "a/b"),
        (Country, "de"),
    ],
)
def test_refused(kind: Any, value: object) -> None:
    assert not _accepts(kind, value)


def test_text_loses_the_blanks_at_its_ends_and_a_number_keeps_every_character() -> None:
    assert TypeAdapter(Name).validate_python(" Acme  Parts ") == "Acme  Parts"
    assert TypeAdapter(Number).validate_python("A  1") == "A  1"


def test_a_date_comes_out_as_a_date() -> None:
    assert TypeAdapter(BusinessDate).validate_python("2026-03-31") == date(2026, 3, 31)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        ExternalRef.model_validate({"source": "gp", "id": "1", "ide": "2"})


class _Everything(Input):
    name: Annotated[str, text(20)]
    number: Annotated[str, visible(12)]
    comment: Annotated[str, lines(40)]
    amount: Amount
    currency: Currency


_SCHEMA = jsonschema_rs.validator_for(_Everything.model_json_schema())
_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=24) | st.sampled_from(
    [" ", "a ", "\u200b", "0.00"]
)


@given(name=_TEXTS, number=_TEXTS, comment=_TEXTS, amount=_TEXTS, currency=st.sampled_from(["EUR", "XXX"]))
def test_what_fits_the_schema_is_accepted_and_the_reverse(**values: str) -> None:
    for field, value in values.items():
        whole = {"name": "a", "number": "a", "comment": "", "amount": "1", "currency": "EUR", field: value}
        assert _SCHEMA.is_valid(whole) == _accepts(_Everything, whole), (field, value)


def test_blanks_are_cut_off_but_no_control_characters() -> None:
    kind = TypeAdapter(Annotated[str, text(5)])
    assert kind.validate_python(" a b ") == "a b"
    for refused in ("a\r", "\ta", "\x1fa", "     ", "      a"):
        assert not _accepts(Annotated[str, text(5)], refused)


class _Settings(Input):
    days: Annotated[int, Field(ge=0, le=5)] = 0
    active: bool = False


class _Bundle(Input):
    parts: list[_Settings]


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ({"days": 5}, True),
        ({"days": 5.0}, True),  # a whole number in JSON schema
        ({"days": "5"}, False),
        ({"days": True}, False),
        ({"days": 5.5}, False),
        ({"days": 6}, False),
        ({"active": True}, True),
        ({"active": 0}, False),
        ({"active": "true"}, False),
        ({"active": None}, False),
    ],
)
def test_json_says_what_it_means(body: dict[str, Any], passes: bool) -> None:
    assert _accepts(_Settings, body) is passes
    assert _accepts(_Bundle, {"parts": [body]}) is passes
    assert jsonschema_rs.validator_for(_Settings.model_json_schema()).is_valid(body) is passes


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("2026-03-31T12:00:00Z", True),
        ("2026-03-31t12:00:00.123456789z", True),
        ("1900-01-01T00:00:00+23:59", True),
        ("2199-12-31T23:59:59-23:59", True),
        ("2026-03-31T12:00:00", False),
        ("2026-03-31 12:00:00Z", False),
        ("2026-03-31", False),
        ("0.5", False),
        ("1775000000", False),
        ("1899-12-31T23:59:59Z", False),
        ("2026-03-31T24:00:00Z", False),
        (1775000000, False),
    ],
)
def test_an_instant_names_its_offset(value: object, passes: bool) -> None:
    assert _accepts(Instant, value) is passes
    schema = TypeAdapter(Instant).json_schema()
    assert jsonschema_rs.validator_for(schema).is_valid(value) is passes


def test_an_instant_is_a_day_of_the_calendar() -> None:
    assert not _accepts(Instant, "2023-02-30T12:00:00Z")
    found = TypeAdapter(Instant).validate_python("2026-03-31T12:00:00+02:00")
    assert (found.isoformat(), found.utcoffset()) == ("2026-03-31T10:00:00+00:00", timedelta(0))
