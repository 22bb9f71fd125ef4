"""Shared field types of requests and responses. What fits their JSON schema is accepted, but for facts of the trade.

Patterns are written for Rust's regex, ECMA 262 and Python alike: no look-around, no `\\s`, no `\\d`. Lone surrogates
cannot stand in a JSON schema; Pydantic refuses them in every `str`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any

from annotated_types import GroupedMetadata
from fastapi import Response
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import TypeAliasType

from app.core.money import CURRENCIES
from app.infra.http.requests import etag, type_json

CONTROL = r"\x00-\x1f\x7f-\x9f"
BLANK = r" \xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff"
NUMBER_LENGTH_MAX = 64
DATE_MIN, DATE_MAX = date(1900, 1, 1), date(2200, 12, 31)
_VISIBLE_ENDS = rf"^[^{CONTROL}{BLANK}](?:[^{CONTROL}]*[^{CONTROL}{BLANK}])?$"
_ONE_LINE = rf"^[^{CONTROL}]*[^{CONTROL}{BLANK}][^{CONTROL}]*$"
_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


def _make_strict(schema: Any) -> None:
    """Bind booleans and integers in this part of a core schema to JSON's own; other models inside bind theirs."""
    if isinstance(schema, dict):
        for part in schema.values():
            _make_strict(part)
        if schema.get("type") == "bool":
            schema["strict"] = True
        elif schema.get("type") == "int":
            bound = core_schema.no_info_before_validator_function(_json_number, core_schema.int_schema() | schema)
            schema.clear()
            schema.update(bound)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _make_strict(part)


def _json_number(value: Any) -> Any:
    if isinstance(value, bool | str):  # 5.0 is a whole number in JSON schema, "5" and true are not
        raise PydanticCustomError("int_type", "Input should be a whole number")
    return value


class Input(BaseModel):
    """Base of every request body: unknown fields are refused, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """JSON says what it means: 0 is not false, and "5" is not 5."""
        schema = handler(source)
        _make_strict(schema)
        return schema


class _Line(GroupedMetadata):
    """The constraints of `text`, and after them the blanks cut off: a control character at an end is refused."""

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length

    def __iter__(self) -> Iterator[object]:
        yield StringConstraints(min_length=1, max_length=self.max_length, pattern=_ONE_LINE)
        yield AfterValidator(str.strip)


def text(max_length: int) -> GroupedMetadata:
    """One line with something visible in it, up to `max_length` characters; blanks at both ends are cut off.

    Use as `name: Annotated[str, text(200)]`.
    """
    return _Line(max_length)


def lines(max_length: int) -> StringConstraints:
    """Free text of several lines (tab, line feed and carriage return pass), may be empty."""
    return StringConstraints(max_length=max_length, pattern=_LINES)


def visible(max_length: int) -> StringConstraints:
    """An identifier: one line, kept exactly as sent, no blanks at its ends."""
    return StringConstraints(min_length=1, max_length=max_length, pattern=_VISIBLE_ENDS)


Name = Annotated[str, text(200)]
Reason = Annotated[str, text(500)]
Comment = Annotated[str, lines(4000)]

Number = TypeAliasType(
    "Number",
    Annotated[
        str,
        visible(NUMBER_LENGTH_MAX),
        Field(description="A business number: kept exactly, no control characters, no blanks at its ends"),
    ],
)
Source = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    Field(description="The system that a record comes from", examples=["gp"]),
]
ExternalId = Annotated[str, visible(200), Field(description="The record's key in that system", examples=["1000231"])]
Country = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="ISO 3166-1 alpha-2", examples=["DE"])
]


class ExternalRef(Input):
    """The key of a record in the system that it comes from; unique within a kind of resource."""

    source: Source
    id: ExternalId


AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,15})(\.[0-9]{1,12})?$"
Amount = TypeAliasType(
    "Amount",
    Annotated[
        str,
        StringConstraints(pattern=AMOUNT_PATTERN),
        Field(
            description="A plain decimal text. Decimals past those of the currency must be zero.",
            examples=["1250.00"],
        ),
    ],
)
SignedAmount = TypeAliasType(
    "SignedAmount",
    Annotated[
        str,
        StringConstraints(pattern=AMOUNT_PATTERN.replace("^", "^-?", 1)),
        Field(description="An amount that may be negative", examples=["-12.50"]),
    ],
)
AmountOut = TypeAliasType(
    "AmountOut",
    Annotated[
        str,
        WithJsonSchema(
            {
                "type": "string",
                "pattern": r"^-?[0-9]{1,19}(\.[0-9]{1,4})?$",
                "description": "A plain decimal text with the currency's decimals",
                "examples": ["1250.00"],
            }
        ),
    ],
)


def _currency(value: Any) -> Any:
    if not isinstance(value, str) or value not in CURRENCIES:
        raise PydanticCustomError("currency_unknown", "Input should be a currency code of ISO 4217")
    return value


Currency = TypeAliasType(
    "Currency",
    Annotated[
        str,
        BeforeValidator(_currency),
        WithJsonSchema(
            {"type": "string", "enum": sorted(CURRENCIES), "description": "ISO 4217 code", "examples": ["EUR"]}
        ),
    ],
)

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_business_date(value: Any) -> date:
    """A date from exactly `yyyy-mm-dd` (ISO 8601) between 1900-01-01 and 2200-12-31; nothing else passes."""
    if type(value) is date:
        found = value
    elif not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise PydanticCustomError("date_format", "Input should be a date as yyyy-mm-dd")
    else:
        try:
            found = date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("date_unknown", "Input should be a day of the calendar") from None
    if not DATE_MIN <= found <= DATE_MAX:
        raise PydanticCustomError("date_range", "Input should lie between 1900-01-01 and 2200-12-31")
    return found


BusinessDate = Annotated[
    date,
    BeforeValidator(parse_business_date),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "pattern": r"^(19[0-9]{2}|2[01][0-9]{2}|2200)-[0-9]{2}-[0-9]{2}$",
            "description": "yyyy-mm-dd between 1900-01-01 and 2200-12-31",
            "examples": ["2026-03-31"],
        }
    ),
]

INSTANT_PATTERN = (
    r"^(19[0-9]{2}|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_INSTANT = re.compile(INSTANT_PATTERN, re.ASCII)


def parse_instant(value: Any) -> datetime:
    """An instant from the text of RFC 3339 with its offset, of the years 1900 to 2199; no number of seconds passes."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise PydanticCustomError("instant_format", "Input should be an instant as 2026-03-31T12:00:00Z, 1900 to 2199")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except ValueError:
        raise PydanticCustomError("date_unknown", "Input should be a day of the calendar") from None


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": INSTANT_PATTERN,
            "description": "An instant with its offset (RFC 3339)",
            "examples": ["2026-03-31T12:00:00Z"],
        }
    ),
]


def _nothing() -> Any:
    return None


def unset() -> Any:
    """Default of a field of a PATCH body: may be left out (nothing changes), but null is refused unless typed so.

    Use as `name: Name = unset()` and read the body with `changes()`.
    """
    return Field(default_factory=_nothing)


def changes(body: BaseModel) -> dict[str, Any]:
    """The fields that a PATCH body names, by their Python values."""
    return {name: getattr(body, name) for name in body.model_fields_set}


def resource_response(body: BaseModel, version: int | None = None) -> Response:
    """200 with one resource, and its version as `ETag`."""
    headers = {} if version is None else {"ETag": etag(version)}
    return Response(body.model_dump_json(), headers=headers, media_type=type_json)


ETAG_HEADER: dict[str, Any] = {
    "ETag": {"description": "The resource's version, for If-Match", "schema": {"type": "string"}}
}
