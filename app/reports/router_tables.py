"""What the routers of all table-made reports share: the common questions of a query, one snapshot, and the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from app.core.clock import utc_now
from app.infra.database import Database, ReadSession
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.principal import Principal
from app.ledger.two_times import snapshot_at
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format, make_download, send_download
from app.reports.schemas import GroupBy
from app.reports.schemas_table import report_read
from app.reports.tables import Report

REPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    **problems(409, 413),
    200: {"content": FILE_CONTENT, "description": "The report"},
}
Build = Callable[[ReadSession, ReportRequest], Awaitable[Report]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions that every report of balances knows."""

    request: Request
    page: PageRequest
    as_of: Any
    known_at: Any
    group_by: str
    legal_entity_id: UUID | None
    account_id: UUID | None
    currency: str | None
    in_currency: str | None
    format: str


def asked(
    request: Request,
    page: Annotated[PageRequest, Depends(page_request)],
    as_of: Annotated[BusinessDate | None, Query(description="Business date; today when missing")] = None,
    known_at: Annotated[Instant | None, Query(description="Rows recorded up to this instant; all when missing")] = None,
    group_by: GroupBy = "organization",
    legal_entity_id: UUID | None = None,
    account_id: UUID | None = None,
    currency: Annotated[Currency | None, Query(description="Only amounts of this currency")] = None,
    in_currency: Annotated[
        Currency | None, Query(description="Convert everything to it by dated rates and add it up")
    ] = None,
    format: Format = "json",
) -> Asked:
    """Dependency of every report of balances."""
    return Asked(request, page, as_of, known_at, group_by, legal_entity_id, account_id, currency, in_currency, format)


def by_default(asked: Asked, group_by: str) -> Asked:
    """The question of a report that has a group of its own when none is asked for."""
    return asked if "group_by" in asked.request.query_params else replace(asked, group_by=group_by)


async def answer_report(
    asked: Asked, principal: Principal, build: Build, *, months: int = 0, **options: Any
) -> Response:
    """Build the report in one snapshot and answer it: JSON in pages, or a file with everything, which is logged.

    Options that are None are left to the report. Raises KnownAtNotSettled, CursorInvalid, and what the report raises.
    """
    whole = asked.format != "json"
    given = {name: str(value) for name, value in options.items() if value is not None}
    start = 0 if whole else _offset(asked.page)
    read: Database = asked.request.app.state.report_database
    made = None
    async with snapshot_at(read, principal.organization_id, asked.as_of, asked.known_at, utc_now()) as (session, times):
        wanted = ReportRequest(
            times.as_of, times.known_at, asked.group_by, asked.legal_entity_id, asked.account_id, asked.currency,
            asked.in_currency, months, start, None if whole else asked.page.limit, given,
        )  # fmt: skip
        report = await build(session, wanted)
        if whole:
            made = await make_download(session, report, asked.format)
    if made is not None:
        return await send_download(asked.request, principal, report.name, made)
    cursor = asked.page.next_cursor([start + asked.page.limit], asked.page.scope) if report.main.has_more else None
    return resource_response(report_read(report, cursor))


async def answer_file(
    request: Request, principal: Principal, build: Build, wanted: ReportRequest, form: str
) -> Response:
    """The report as a file, which is logged, for routers whose JSON has a shape of its own. Raises what it raises."""
    read: Database = request.app.state.report_database
    async with read.read(principal.organization_id, snapshot=True) as session:
        report = await build(session, wanted)
        made = await make_download(session, report, form)
    return await send_download(request, principal, report.name, made)


def _offset(page: PageRequest) -> int:
    """The first row of the page: the order of a report is total, so that a count is a stable cursor."""
    after = page.after(1, page.scope)
    if after is None:
        return 0
    if not isinstance(after[0], int) or after[0] < 0:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    return after[0]
