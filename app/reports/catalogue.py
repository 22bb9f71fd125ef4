"""The reports that a schedule, a job or a download can ask for by name, each with what builds it.

A router, a schedule and a job all say the same thing: `REPORTS[name].build(session, request)` in one snapshot
(`database.read(organization_id, snapshot=True)`), after `resolve_times`.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.reports.definitions import ReportDefinition
from app.reports.performance.definitions import DEFINITIONS as PERFORMANCE_DEFINITIONS
from app.reports.portfolio.delinquency import DELINQUENCY
from app.reports.portfolio.key_figures import FIGURE_DEFINITIONS
from app.reports.portfolio.provision import PROVISION_MATRIX
from app.reports.portfolio.roll_rates import ROLL_RATES
from app.reports.portfolio.top_lists import TOP_DEFINITIONS
from app.reports.portfolio.write_offs import WRITE_OFFS

_ALL: tuple[ReportDefinition, ...] = (
    *FIGURE_DEFINITIONS,
    ROLL_RATES,
    *TOP_DEFINITIONS,
    DELINQUENCY,
    WRITE_OFFS,
    PROVISION_MATRIX,
    *PERFORMANCE_DEFINITIONS,
)
REPORTS: Mapping[str, ReportDefinition] = {definition.name: definition for definition in _ALL}
