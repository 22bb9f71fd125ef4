"""What all portfolio reports share: reading their options, the columns of a group, parameters and notes in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.organizations.queries import organization_facts
from app.reports.aging import group_names
from app.reports.definitions import ReportRequest
from app.reports.portfolio.measures import Converter
from app.reports.portfolio.queries import Scope
from app.reports.portfolio.rules import ReportOptionInvalid
from app.reports.tables import Cell, Column, Report, ReportTable

GROUP_COLUMNS = (
    Column("key", internal=True),
    Column("code"),
    Column("name"),
    Column("currency"),
)
TODAYS = "Collector, segment, country, risk class and parent are those of today."
_ATTRIBUTES = {"collector", "segment", "country", "risk_class", "parent_group"}


def scope_of(request: ReportRequest, group_by: str | None = None) -> Scope:
    """The rows and groups of a request."""
    return Scope(
        group_by or request.group_by, request.known_at, request.legal_entity_id, request.account_id, request.currency
    )


def number_option(request: ReportRequest, name: str, default: int, low: int, high: int) -> int:
    """A whole number among the report's own options. Raises ReportOptionInvalid."""
    text = request.options.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not low <= int(text[:9]) <= high:
        raise ReportOptionInvalid(f"{name} is a whole number from {low} to {high}", pointer=f"/query/{name}")
    return int(text)


def word_option(request: ReportRequest, name: str, allowed: Sequence[str]) -> str:
    """One of these words, the first when it is missing. Raises ReportOptionInvalid."""
    word = request.options.get(name, allowed[0])
    if word not in allowed:
        raise ReportOptionInvalid(f"{name} is one of {', '.join(allowed)}", pointer=f"/query/{name}")
    return word


async def bounds_of(session: ReadSession, request: ReportRequest) -> AgingBounds:
    """The option `bounds` ("0,30,60,90"), or the organization's. Raises AgingBoundsInvalid, ReportOptionInvalid."""
    text = request.options.get("bounds")
    if text is None:
        return (await organization_facts(session)).aging
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        raise ReportOptionInvalid("bounds are whole days, 0,30,60,90", pointer="/query/bounds")
    return AgingBounds(tuple(int(part) for part in parts))


def parameters_of(request: ReportRequest, **more: object) -> dict[str, str]:
    """What was asked for, by the names of the query."""
    asked: dict[str, object] = {
        "group_by": request.group_by,
        "legal_entity_id": request.legal_entity_id,
        "account_id": request.account_id,
        "currency": request.currency,
        "in_currency": request.in_currency,
        **more,
    }
    return {name: str(value) for name, value in asked.items() if value is not None}


def notes_of(request: ReportRequest, converter: Converter | None) -> list[str]:
    """What a reader must know: attributes of today, the rates, and which currencies had none."""
    notes = [TODAYS] if request.group_by in _ATTRIBUTES else []
    if converter is not None:
        notes.append(f"Converted to {converter.currency} at the newest rate on or before the day of each figure.")
        notes += [
            f"There is no rate from {code} to {converter.currency}: its amounts stand by themselves."
            for code in sorted({code for _, code in converter.missing})
        ]
    return notes


async def names_of(session: ReadSession, group_by: str, keys: Sequence[str | None]) -> Mapping[Any, tuple[str, str]]:
    """Code and name by key."""
    return await group_names(session, group_by, [key for key in keys if key is not None])


def group_cells(key: str | None, currency: str, names: Mapping[Any, tuple[str, str]]) -> tuple[Cell, ...]:
    """The cells of GROUP_COLUMNS; a group that is its own name (a segment, a country) shows its key as code."""
    code, name = names.get(key, (key, None))
    return (key, code, name, currency)


def lines_of(group_by: str) -> tuple[str, ...]:
    """The columns that name the lines of a series: one line for all, or one for each group."""
    return () if group_by in ("organization", "currency") else ("name", "code")


def total_cells(currency: str) -> tuple[Cell, ...]:
    """The group cells of a total."""
    return (None, "Total", None, currency)


def page_of(rows: Sequence[Any], request: ReportRequest) -> tuple[Sequence[Any], bool]:
    """The rows of the page that is asked for, and whether more follow."""
    if request.limit is None:
        return rows[request.start :], False
    end = request.start + request.limit
    return rows[request.start : end], len(rows) > end


def framed(
    name: str, title: str, request: ReportRequest, tables: Sequence[ReportTable], notes: Sequence[str],
    **parameters: object,
) -> Report:  # fmt: skip
    """The report around its tables."""
    return Report(
        name, title, request.as_of, request.known_at, parameters_of(request, **parameters), tuple(tables), tuple(notes)
    )


def day_text(first: date, last: date) -> str:
    """A period in words."""
    return f"{first.isoformat()} to {last.isoformat()}"
