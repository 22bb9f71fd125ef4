"""From the name of a report and texts of a query to what its service is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from uuid import UUID

from app.core.errors import DomainError
from app.core.money import exponent
from app.reports.catalogue import REPORTS
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.parameters import check_group, check_names
from app.reports.portfolio.rules import ReportOptionInvalid
from app.reports.schedules.errors import ParametersInvalid, ReportUnknown

PARAMETERS_MAX = 24
VALUE_LENGTH_MAX = 200
MONTHS_MAX = 60
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def definition_of(name: str) -> ReportDefinition:
    """The report of that name. Raises ReportUnknown."""
    found = REPORTS.get(name)
    if found is None:
        raise ReportUnknown(f"no report is called {name[:60]!r}", pointer="/report")
    return found


def request_of(definition: ReportDefinition, parameters: Mapping[str, str], today: date) -> ReportRequest:
    """What the report is asked, all rows of it; `as_of` is today when it is missing.

    Names that every report knows are read here, its own options are left to the report itself.

    Raises ParametersInvalid.
    """
    if len(parameters) > PARAMETERS_MAX:
        raise ParametersInvalid(f"at most {PARAMETERS_MAX} parameters", pointer="/parameters")
    given = dict(parameters)
    for name, value in given.items():
        if not _NAME.fullmatch(name) or len(value) > VALUE_LENGTH_MAX:
            raise ParametersInvalid("parameters are texts under names such as group_by", pointer="/parameters")
    group_by = given.pop("group_by", definition.groups[0] if definition.groups else "organization")
    try:
        check_group(definition, group_by, "/parameters")
        check_names(definition, frozenset(given), "/parameters")
    except ReportOptionInvalid as refusal:
        raise ParametersInvalid(refusal.detail, pointer=refusal.errors[0].pointer) from None
    as_of, known_at = given.pop("as_of", None), given.pop("known_at", None)
    return ReportRequest(
        as_of=today if as_of is None else _date("as_of", as_of),
        known_at=None if known_at is None else _instant("known_at", known_at),
        group_by=group_by,
        legal_entity_id=_id("legal_entity_id", given.pop("legal_entity_id", None)),
        account_id=_id("account_id", given.pop("account_id", None)),
        currency=_currency("currency", given.pop("currency", None)),
        in_currency=_currency("in_currency", given.pop("in_currency", None)),
        months=_count("months", given.pop("months", "0"), MONTHS_MAX),
        options=given,
    )


def _invalid(name: str, what: str) -> ParametersInvalid:
    return ParametersInvalid(f"{name} is {what}", pointer=f"/parameters/{name}")


def _date(name: str, text: str) -> date:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise _invalid(name, "a date, yyyy-mm-dd") from None


def _instant(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(name, "an instant of RFC 3339") from None
    if found.tzinfo is None:
        raise _invalid(name, "an instant with its offset")
    return found.astimezone(UTC)


def _id(name: str, text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise _invalid(name, "an id") from None


def _currency(name: str, text: str | None) -> str | None:
    try:
        if text is not None:
            exponent(text)
    except DomainError:
        raise _invalid(name, "a currency code of ISO 4217") from None
    return text


def _count(name: str, text: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > highest:
        raise _invalid(name, f"a whole number from 0 to {highest}")
    return int(text)
