"""HTTP of the reports on access: segregation of duties, access review."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession
from app.infra.http.fields import BusinessDate, resource_response
from app.infra.http.paging import CursorInvalid, Page, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers, reads
from app.infra.principal import Principal
from app.organizations.queries import local_today
from app.reports import access
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import answer_file
from app.reports.schemas_access import (
    AccessHolderRead,
    RoleConflictsRead,
    SegregationOfDutiesRead,
    conflict_read,
    deeds_read,
    holder_read,
)
from app.reports.work.access import REVIEW, SCOPES, SEGREGATION

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
Reading = Annotated[ReadSession, reads(*SCOPES)]
Caller = Annotated[Principal, callers(*SCOPES)]
RESPONSES: dict[int | str, dict[str, Any]] = {
    **problems(413),
    200: {"content": FILE_CONTENT, "description": "The report"},
}
PERIOD_DAYS = 90


@router.get("/segregation-of-duties", operation_id="getSegregationOfDuties", summary="Duties that meet in one hand",
            response_model=SegregationOfDutiesRead, responses=RESPONSES)  # fmt: skip
async def segregation(
    request: Request,
    principal: Caller,
    read: Reading,
    start: Annotated[BusinessDate | None, Query(description="First day of what was done; 90 days back")] = None,
    end: Annotated[BusinessDate | None, Query(description="Last day; today when missing")] = None,
    format: Format = "json",
) -> Response:
    """Conflicts by role and by person or program, and who really did two duties that belong apart."""
    last = end or await local_today(read, utc_now())
    first = start or last - timedelta(days=PERIOD_DAYS)
    if format != "json":
        asked = ReportRequest(last, options={"start": first.isoformat()})
        return await answer_file(request, principal, SEGREGATION.build, asked, format)
    made = SegregationOfDutiesRead(
        start=first,
        end=last,
        roles=[
            RoleConflictsRead(role=role, conflicts=[conflict_read(held) for held in conflicts])
            for role, conflicts in sorted(access.role_conflicts().items())
        ],
        holders=[holder_read(holder) for holder in await access.conflicting_holders(read)],
        deeds=[deeds_read(acted) for acted in await access.conflicting_deeds(read, first, last)],
    )
    return resource_response(made)


@router.get("/access-review", operation_id="listAccessHolders", summary="Who holds which access, and used it when",
            response_model=Page[AccessHolderRead], responses=RESPONSES)  # fmt: skip
async def access_review(
    request: Request,
    principal: Caller,
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    active: bool | None = None,
    format: Format = "json",
) -> Response:
    """API clients, then users, each with roles, scopes, approval limits, last use and the conflicts in them."""
    if format != "json":
        options = {} if active is None else {"active": "true" if active else "false"}
        asked = ReportRequest(await local_today(read, utc_now()), options=options)
        return await answer_file(request, principal, REVIEW.build, asked, format)
    after = page.after(2, "access")
    try:
        behind = None if after is None else (str(after[0]), UUID(after[1]))
    except (ValueError, TypeError, AttributeError):
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor") from None
    found = await access.access_holders(read, page.limit + 1, after=behind, active=active)
    shown, more = found[: page.limit], len(found) > page.limit
    cursor = page.next_cursor([shown[-1].row["kind"], shown[-1].row["id"]], "access") if more else None
    data = [holder_read(holder) for holder in shown]
    return resource_response(Page[AccessHolderRead](data=data, has_more=more, next_cursor=cursor))
