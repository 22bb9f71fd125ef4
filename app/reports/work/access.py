"""The reports on access, as tables: who holds what, which duties meet in one hand, and who did both."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from app.core.money import to_text
from app.infra.database import ReadSession
from app.reports import access
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import period_of
from app.reports.portfolio.framing import framed
from app.reports.tables import Cell, Column, Report, ReportTable

PERIOD_DAYS = 90
SCOPES = ("audit:read", "users:read", "api-clients:read")
_HOLDERS = (
    Column("id", internal=True), Column("kind"), Column("name"), Column("email"), Column("active"), Column("roles"),
    Column("scopes"), Column("approval_limits", title="Approval limits"),
    Column("valid_secrets", "count", "Valid secrets"), Column("created_on", "date"), Column("last_used_on", "date"),
    Column("conflicts", title="Duties that should be apart"),
)  # fmt: skip
_ROLES = (Column("role"), Column("duty"), Column("other"), Column("detail"))
_DEEDS = (Column("user_id", internal=True), Column("name"), Column("duty"), Column("times", "count"))


async def review(session: ReadSession, request: ReportRequest) -> Report:
    """Users and API clients with their access; only active ones with `active` = `true`."""
    active = {"true": True, "false": False}.get(request.options.get("active", ""))
    found = await access.access_holders(session, access.PERSONS_LIMIT, active=active)
    rows = [_cells(holder) for holder in found]
    end = None if request.limit is None else request.start + request.limit
    table = ReportTable("holders", "Who holds which access", _HOLDERS, rows[request.start : end],
                        has_more=end is not None and len(rows) > end)  # fmt: skip
    notes = ["Access counts as it is now. Last use is told to the day here."]
    return framed("access-review", "Access review", request, (table,), notes)


async def segregation(session: ReadSession, request: ReportRequest) -> Report:
    """Conflicts by role and holder, and what was really done in the period. Raises ReportOptionInvalid."""
    start, end = period_of(request, request.as_of - timedelta(days=PERIOD_DAYS))
    holders = [_cells(holder) for holder in await access.conflicting_holders(session)]
    roles = [
        (role, held.conflict.duty, held.conflict.other, held.conflict.detail)
        for role, conflicts in sorted(access.role_conflicts().items())
        for held in conflicts
    ]
    deeds = [
        (str(acted.actor_id), acted.name, duty, times)
        for acted in await access.conflicting_deeds(session, start, end)
        for duty, times in sorted(acted.times.items())
    ]
    tables = (
        ReportTable("holders", "Holders of both duties", _HOLDERS, holders),
        ReportTable("roles", "Conflicts of roles", _ROLES, roles),
        ReportTable("deeds", "Who did both", _DEEDS, deeds),
    )
    return framed("segregation-of-duties", "Segregation of duties", request, tables, ["Access counts as it is now."],
                  period=f"{start.isoformat()} to {end.isoformat()}")  # fmt: skip


def _cells(holder: access.Holder) -> tuple[Cell, ...]:
    row = holder.row
    limits: Any = row["approval_limit"]
    limits = json.loads(limits) if isinstance(limits, str) else limits
    used = row["last_used_at"]
    return (
        str(row["id"]), row["kind"], row["name"], row["email"], "yes" if row["active"] else "no",
        ", ".join(sorted(row["roles"])), ", ".join(sorted(holder.scopes)),
        ", ".join(f"{to_text(minor, code)} {code}" for code, minor in sorted(limits.items())), row["secrets"],
        row["created_at"].date(), None if used is None else used.date(),
        "; ".join(f"{held.conflict.duty} and {held.conflict.other}" for held in holder.conflicts),
    )  # fmt: skip


REVIEW = ReportDefinition("access-review", "Access review", SCOPES, ("organization",), review)
SEGREGATION = ReportDefinition("segregation-of-duties", "Segregation of duties", SCOPES, ("organization",), segregation)
