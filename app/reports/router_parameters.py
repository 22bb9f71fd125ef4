"""Refuses what a report of the address has no use for, before anything is read: a condition is never dropped silently.

The list of a route's parameters is its signature; where that is the common question of all reports, it is narrowed to
what the report takes.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request

from app.reports.catalogue import REPORTS
from app.reports.parameters import check_group, check_names
from app.reports.portfolio.rules import ReportOptionInvalid
from app.reports.router_tables import asked


def known_parameters(request: Request) -> None:
    """Dependency of the routers of reports. Raises ReportOptionInvalid, naming the parameter."""
    given = frozenset(request.query_params)
    route: Any = request.scope["route"]
    for name in sorted(given - _names(route.dependant)):
        raise ReportOptionInvalid(f"this report has no parameter {name[:60]}", pointer=f"/query/{name[:60]}")
    definition = REPORTS.get(route.path.rsplit("/", 1)[-1])
    if definition is None or not any(child.call is asked for child in route.dependant.dependencies):
        return
    check_names(definition, given)
    if "group_by" in given:
        check_group(definition, request.query_params["group_by"])


def _names(dependant: Any) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*(_names(child) for child in dependant.dependencies))
