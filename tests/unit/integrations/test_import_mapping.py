"""Mapping files and options: what is understood, and what is refused before a row is read."""

from __future__ import annotations

from typing import Any

import pytest

from app.integrations.errors import MappingInvalid, OptionsInvalid
from app.integrations.import_mapping import ImportMapping, ImportOptions, TextFormat, read_mapping, read_options
from app.integrations.imports import merged_options

COLUMNS = {"number": "No", "account_number": "Cust", "amount": "Gross", "invoice_date": "Date"}


def test_a_whole_mapping_is_read() -> None:
    made = read_mapping(
        "invoices",
        {
            "kind": "invoices",
            "format": {"delimiter": "\t", "encoding": "ISO_8859-1", "decimal_separator": ",",
                       "thousands_separator": ".", "date_formats": ["%d.%m.%y"]},
            "columns": COLUMNS,
            "constants": {"currency": "EUR"},
            "values": {"kind": {"RE": "invoice"}},
            "options": {"source": "gp"},
        },
    )  # fmt: skip
    assert made.format == TextFormat("\t", "iso-8859-1", ",", ".", ("%d.%m.%y",))
    assert made.format.codec == "latin-1"
    assert (made.columns, made.constants, made.values) == (COLUMNS, {"currency": "EUR"}, {"kind": {"RE": "invoice"}})


def test_without_columns_the_headers_are_the_field_names() -> None:
    assert read_mapping("payments", {}) == ImportMapping()


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"kind": "accounts"}, "/mapping/kind"),
        ({"colums": {}}, "/mapping/colums"),
        ({"columns": []}, "/mapping/columns"),
        ({"columns": {**COLUMNS, "nomber": "x"}}, "/mapping/columns/nomber"),
        ({"columns": {**COLUMNS, "reason": ""}}, "/mapping/columns/reason"),
        ({"columns": {**COLUMNS, "reason": "a\nb"}}, "/mapping/columns/reason"),
        ({"columns": {"number": "No"}}, "/mapping/columns"),
        ({"columns": COLUMNS, "constants": {"currency": 7}}, "/mapping/constants/currency"),
        ({"values": {"color": {"a": "b"}}}, "/mapping/values/color"),
        ({"format": {"delimiter": ",,"}}, "/mapping/format/delimiter"),
        ({"format": {"delimiter": '"'}}, "/mapping/format/delimiter"),
        ({"format": {"encoding": "utf-7"}}, "/mapping/format/encoding"),
        ({"format": {"decimal_separator": ",", "thousands_separator": ","}}, "/mapping/format/thousands_separator"),
        ({"format": {"date_formats": []}}, "/mapping/format/date_formats"),
        ({"format": {"date_formats": ["%d.%m"]}}, "/mapping/format/date_formats"),
        ({"format": {"date_formats": ["%d.%m.%Y %H:%M"]}}, "/mapping/format/date_formats"),
        ({"format": {"quote": "'"}}, "/mapping/format/quote"),
    ],
)
def test_every_fault_is_named(content: dict[str, Any], pointer: str) -> None:
    with pytest.raises(MappingInvalid) as refused:
        read_mapping("invoices", content)
    assert pointer in {error.pointer for error in refused.value.errors}


def test_the_request_overrules_the_options_of_the_mapping_file() -> None:
    together = merged_options({"options": {"source": "a", "currency": "EUR"}}, {"source": "b"})
    assert read_options(together) == ImportOptions(source="b", currency="EUR")


@pytest.mark.parametrize(
    "option", [{"rounding": "up"}, {"speed": "high"}, {"source": "a b"}, {"currency": 1}, {"source": ""}]
)
def test_an_option_that_is_not_understood_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(OptionsInvalid) as refused:
        read_options(option)
    assert [error.pointer for error in refused.value.errors] == [f"/options/{next(iter(option))}"]
