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
    "aging-detail": _ROWS | {"basis", "bounds"},
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


def check_names(definition: ReportDefinition, names: frozenset[str], place: str = "/query") -> None:
    """Refuse the first name that the report has no use for. Raises ReportOptionInvalid."""
    for name in sorted(names - EVERY - TAKES[definition.name]):
        if name != "group_by":
            raise ReportOptionInvalid(
                f"{name} has no meaning for the report {definition.name}", pointer=f"{place}/{name}"
            )


def check_group(definition: ReportDefinition, group_by: str, place: str = "/query") -> None:
    """Refuse a group that the report does not make. Raises ReportOptionInvalid."""
    if group_by in definition.groups:
        return
    known = ", ".join(definition.groups)
    raise ReportOptionInvalid(f"the report {definition.name} is by {known}", pointer=f"{place}/group_by")
