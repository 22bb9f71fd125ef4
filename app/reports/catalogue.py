"""The reports that a schedule, a job or a download can ask for by name, each with what builds it.

A router, a schedule and a job all say the same thing: `REPORTS[name].build(session, request)` in one snapshot
(`database.read(organization_id, snapshot=True)`), after `resolve_times`.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.reports.definitions import ReportDefinition

_ALL: tuple[ReportDefinition, ...] = ()
REPORTS: Mapping[str, ReportDefinition] = {definition.name: definition for definition in _ALL}
