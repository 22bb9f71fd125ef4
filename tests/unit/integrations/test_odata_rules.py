"""`$filter` becomes SQL with arguments, never with the caller's text in it; what is not understood is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.odata.feeds import FEEDS
from app.integrations.odata.metadata import metadata_xml
from app.integrations.odata.rules import Property, QueryInvalid, parse_filter, parse_order, parse_select

PROPERTIES = {
    found.name: found
    for found in (
        Property("Id", "Edm.Guid", "i.id"),
        Property("Name", "Edm.String", "a.name"),
        Property("Amount", "Edm.Decimal", "x.amount"),
        Property("Days", "Edm.Int64", "x.days"),
        Property("Due", "Edm.Date", "x.due"),
        Property("At", "Edm.DateTimeOffset", "x.at"),
        Property("Active", "Edm.Boolean", "x.active"),
    )
}


@pytest.mark.parametrize(
    ("text", "sql", "arguments"),
    [
        ("Name eq 'O''Brien'", "(a.name = $5::text)", ["O'Brien"]),
        ("Amount ge 10.50 and Days lt -3", "((x.amount >= $5::numeric) AND (x.days < $6::bigint))",
         [Decimal("10.50"), -3]),
        ("Due le 2026-02-28", "(x.due <= $5::date)", [date(2026, 2, 28)]),
        ("At gt 2026-01-01T00:00:00Z", "(x.at > $5::timestamptz)", [datetime(2026, 1, 1, tzinfo=UTC)]),
        ("At gt 2026-01-01T01:00:00.1234567+01:00", "(x.at > $5::timestamptz)",
         [datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)]),
        ("At ge 2026-01-01", "(x.at >= $5::timestamptz)", [datetime(2026, 1, 1, tzinfo=UTC)]),
        ("Id eq 01a20152-2a8a-728f-9523-5e9ff2abb417", "(i.id = $5::uuid)",
         [UUID("01a20152-2a8a-728f-9523-5e9ff2abb417")]),
        ("Name eq null", "(a.name IS NULL)", []),
        ("null ne Name", "(a.name IS NOT NULL)", []),
        ("Name ne 'a'", "(a.name IS DISTINCT FROM $5::text)", ["a"]),
        ("not (Active)", "(NOT coalesce(x.active, false))", []),
        ("Active eq true or Days eq 1", "((x.active = true) OR (x.days = $5::bigint))", [1]),
        ("Name in ('a','b')", "((a.name = $5::text) OR (a.name = $6::text))", ["a", "b"]),
        ("contains(tolower(Name),'gmbh')", "(strpos(lower(a.name), $5::text) > 0)", ["gmbh"]),
        ("startswith(Name,'A') eq false", "((starts_with(a.name, $5::text)) = false)", ["A"]),
        ("year(Due) eq 2026", "(extract(year FROM x.due)::bigint = $5::bigint)", [2026]),
        ("(Days eq 1 or Days eq 2) and Active", "(((x.days = $5::bigint) OR (x.days = $6::bigint)) AND x.active)",
         [1, 2]),
    ],
)  # fmt: skip
def test_conditions(text: str, sql: str, arguments: list[Any]) -> None:
    found = parse_filter(text, PROPERTIES, first=5)
    assert (found.sql, found.arguments) == (sql, arguments)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "Name", "Name eq", "Name eq 'a", "Nam eq 'a'", "Name eq 5", "Amount eq 'a'", "Due eq 2026-02-30",
     "Name eq 'a' and", "(Name eq 'a'", "Name eq 'a')", "Name eq 'a' 'b'", "Name gt null", "null eq null",
     "Name; DROP TABLE accounts", "Name eq 'a' -- x", "exists(Name)", "contains(Days,'a')", "tolower(Days) eq 'a'",
     "Name in ()", "Amount eq 1e5", "Amount eq 1.2.3", "Id eq 'x'", "Name eq 'a\x00'", "Name eq '\ud800'",
     "(" * 60 + "Active" + ")" * 60, "not " * 60 + "Active", " or ".join(["Active"] * 300), "Active" + " " * 4_000,
     "At gt 2026-01-01T25:00:00Z", "year(Name) eq 1", "Name eq Days"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(QueryInvalid) as refused:
        parse_filter(text, PROPERTIES, first=1)
    assert refused.value.errors[0].pointer == "/query/$filter"


@given(st.text(max_size=80))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        found = parse_filter(text, PROPERTIES, first=1)
    except QueryInvalid:
        return
    assert all(f"${number}::" in found.sql for number in range(1, len(found.arguments) + 1))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40))
def test_a_text_value_is_an_argument_whatever_it_holds(value: str) -> None:
    quoted = value.replace("'", "''")
    found = parse_filter(f"Name eq '{quoted}'", PROPERTIES, first=1)
    assert (found.sql, found.arguments) == ("(a.name = $1::text)", [value])


def test_order_and_selection() -> None:
    assert [(p.name, down) for p, down in parse_order("Due desc, Name", PROPERTIES)] == [("Due", True), ("Name", False)]
    assert [p.name for p in parse_select("Due,Id", PROPERTIES)] == ["Id", "Due"]
    assert len(parse_select("*", PROPERTIES)) == len(PROPERTIES)
    for bad in ("Due down", "", "Nope", "Due asc asc", ",".join(["Due"] * 6)):
        with pytest.raises(QueryInvalid):
            parse_order(bad, PROPERTIES)
    with pytest.raises(QueryInvalid):
        parse_select("Due,Nope", PROPERTIES)


def test_the_model_is_well_formed_and_names_every_feed() -> None:
    edm = "{http://docs.oasis-open.org/odata/ns/edm}"
    root = ElementTree.fromstring(metadata_xml())
    assert {found.get("Name") for found in root.iter(f"{edm}EntitySet")} == {feed.name for feed in FEEDS}
    for feed in FEEDS:
        assert len(feed.properties) == len(feed.columns), "no name stands twice"
        assert feed.key in feed.properties
