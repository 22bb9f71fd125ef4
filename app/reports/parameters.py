"""What each report can be asked for. Whatever else is asked is refused by name: an answer never leaves out a condition.

Pure. Every report takes `as_of`; its groups stand in its definition. A test holds this list and the catalogue together.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.reports.definitions import ReportDefinition
from app.reports.portfolio.rules import ReportOptionInvalid

EVERY = frozenset({"as_of", "format", "limit", "cursor"})
_PLACE = frozenset({"legal_entity_id", "account_id", "currency"})
_ROWS = _PLACE | {"known_at"}
_AMOUNTS = _ROWS | {"in_currency"}
_FIGURES = _AMOUNTS | {"months", "period_days", "bounds"}
TAKES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("key-figures", "dso", "cei", "turnover", "payment-behaviour", "unapplied-cash", "write-offs"), _FIGURES
    ),
    "roll-rates": _AMOUNTS | {"months", "bounds", "cohort_days", "cohort_months"},
    "top-balances": _AMOUNTS | {"top", "by", "bounds"},
    "top-offenders": _AMOUNTS | {"top", "bounds"},
    "delinquency": _AMOUNTS | {"months", "bounds"},
    "provision-matrix": _AMOUNTS | {"bounds", "observation_months", "horizon_months", "forward_factor", "pool"},
    "aging": _AMOUNTS | {"basis", "credits", "bounds", "detail"},
    "aging-detail": _AMOUNTS | {"basis", "bounds"},
    "portfolio-status": _AMOUNTS | {"period_days", "bounds"},
    "collector-performance": _AMOUNTS | {"start", "collector_id"},
    "dunning-effect": _AMOUNTS | {"start", "window_days"},
    "unapplied-cash-aging": _AMOUNTS | {"bounds", "detail"},
    "disputes": _AMOUNTS | {"opened_from", "opened_to"},
    "promises": _AMOUNTS | {"start", "end", "collector_id"},
    "cash-application": _AMOUNTS | {"start", "end"},
    "credit-limits": frozenset({"account_id", "currency", "show"}),
    "credit-holds": frozenset({"account_id", "currency", "show"}),
    "late-charges": _AMOUNTS | {"start"},
    "insights": frozenset({"month"}),
    "access-review": frozenset({"active"}),
    "segregation-of-duties": frozenset({"start"}),
}  # fmt: skip


_COMMON = _AMOUNTS | {"group_by"}
_OF_USERS = "it is about users and their duties, which belong to the organization"
_OF_ACCOUNTS = "limits and holds stand on the account in its own currency, as they are now"
WHY_NOT: Mapping[str, str] = {
    "aging-detail": "each item stands by itself, with its account, legal entity, collector, "
    "segment and country beside it",
    "portfolio-status": "it is one page of everything; narrow it by legal entity, account or currency",
    "credit-limits": _OF_ACCOUNTS,
    "credit-holds": _OF_ACCOUNTS,
    "insights": "it is what changed in the organization's month, as it was computed then",
    "access-review": _OF_USERS,
    "segregation-of-duties": _OF_USERS,
}
"""Why a report has no use for a group, or for a condition that most reports know."""


def check_names(definition: ReportDefinition, names: frozenset[str], place: str = "/query") -> None:
    """Refuse the first name that the report has no use for. Raises ReportOptionInvalid."""
    for name in sorted(names - EVERY - TAKES[definition.name]):
        if name != "group_by":
            detail = f"{name} has no meaning for the report {definition.name}"
            raise ReportOptionInvalid(detail + _because(definition, name), pointer=f"{place}/{name}")


def check_group(definition: ReportDefinition, group_by: str, place: str = "/query") -> None:
    """Refuse a group that the report does not make. Raises ReportOptionInvalid."""
    if group_by in definition.groups:
        return
    known = ", ".join(definition.groups)
    detail = f"the report {definition.name} is by {known}"
    raise ReportOptionInvalid(detail + _because(definition, "group_by"), pointer=f"{place}/group_by")


def _because(definition: ReportDefinition, name: str) -> str:
    why = WHY_NOT.get(definition.name) if name in _COMMON else None
    return "" if why is None else f": {why}"
