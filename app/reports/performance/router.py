"""HTTP of the reports on performance and of the portfolio on one page."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.infra.http.fields import BusinessDate
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.reports.performance import collectors, dunning_effect, status, unapplied
from app.reports.portfolio.rules import PERIOD_DAYS, PERIOD_DAYS_MAX
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import REPORT_RESPONSES, Asked, answer_report, asked, by_default
from app.reports.schemas_table import ReportRead
from app.reports.work import credit_holds, credit_limits, late_charges

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
Question = Annotated[Asked, Depends(asked)]
Bounds = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,4}(,[0-9]{1,4}){0,11}$", description="Upper bounds of the buckets: 0,7,30,60,90"),
]
PeriodDays = Annotated[int, Query(ge=1, le=PERIOD_DAYS_MAX, description="Days of the period that ends on `as_of`")]


@router.get("/portfolio-status", operation_id="reportPortfolioStatus", summary="The portfolio on one page",
            response_model=ReportRead, responses=REPORT_RESPONSES)  # fmt: skip
async def portfolio_status(
    question: Question,
    principal: Annotated[Principal, callers(*status.DEFINITION.scopes)],
    period_days: PeriodDays = PERIOD_DAYS,
    bounds: Bounds = None,
) -> Response:
    """Open, overdue, percent current, DSO, CEI, unapplied, ages, months, top offenders, promises to come, disputes by
    reason. Everything in the organization's currency, unless `in_currency` names another. The PDF is one page."""
    return await answer_report(question, principal, status.DEFINITION.build, period_days=period_days, bounds=bounds)


@router.get("/collector-performance", operation_id="reportCollectorPerformance",
            summary="What collectors brought in, against what was there and against target",
            response_model=ReportRead, responses=REPORT_RESPONSES)  # fmt: skip
async def collector_performance(
    question: Question,
    principal: Annotated[Principal, callers(*collectors.DEFINITION.scopes)],
    start: Annotated[BusinessDate | None, Query(description="First day; that of the month when missing")] = None,
    collector_id: Annotated[UUID | None, Query(description="Only accounts and work of this collector")] = None,
) -> Response:
    """Collected ÷ assigned past due, contacts, promises per contact, kept rate, from `start` to `as_of`. By collector
    unless `group_by` says otherwise; targets are those of collectors and of the whole organization."""
    return await answer_report(
        by_default(question, "collector"), principal, collectors.DEFINITION.build, start=start,
        collector_id=collector_id,
    )  # fmt: skip


@router.get("/dunning-effect", operation_id="reportDunningEffect", summary="What reminders bring",
            response_model=ReportRead, responses=REPORT_RESPONSES)  # fmt: skip
async def effect(
    question: Question,
    principal: Annotated[Principal, callers(*dunning_effect.DEFINITION.scopes)],
    start: Annotated[BusinessDate | None, Query(description="First day of the reminders; 90 days when missing")] = None,
    window_days: Annotated[int, Query(ge=1, le=90, description="Days in which cash is counted")] = 14,
) -> Response:
    """Cash within so many days of a reminder, by step (and group), beside that of reminders which were due and
    withheld."""
    return await answer_report(
        question, principal, dunning_effect.DEFINITION.build, start=start, window_days=window_days
    )


@router.get("/unapplied-cash-aging", operation_id="reportUnappliedCashAging",
            summary="How long money has been unapplied", response_model=ReportRead,
            responses=REPORT_RESPONSES)  # fmt: skip
async def unapplied_aging(
    question: Question,
    principal: Annotated[Principal, callers(*unapplied.DEFINITION.scopes)],
    bounds: Bounds = None,
    detail: Annotated[bool, Query(description="With the payments, one by one; files have them always")] = False,
) -> Response:
    """Unapplied and unidentified cash as of any day, by days since the value date."""
    shown = "true" if detail else None
    return await answer_report(question, principal, unapplied.DEFINITION.build, bounds=bounds, detail=shown)


@router.get("/credit-limits", operation_id="reportCreditLimits", summary="Credit limits and how much is used",
            response_model=ReportRead, responses=REPORT_RESPONSES)  # fmt: skip
async def limits(
    question: Question,
    principal: Annotated[Principal, callers(*credit_limits.DEFINITION.scopes)],
    show: Literal["all", "limited", "over_limit"] = "all",
) -> Response:
    """Account by account: limit, used, available, over, exposure, score, next review. Always by account."""
    return await answer_report(question, principal, credit_limits.DEFINITION.build, show=show)


@router.get("/credit-holds", operation_id="reportCreditHolds", summary="Credit holds and overrides",
            response_model=ReportRead, responses=REPORT_RESPONSES)  # fmt: skip
async def holds(
    question: Question,
    principal: Annotated[Principal, callers(*credit_holds.DEFINITION.scopes)],
    show: Literal["standing", "all"] = "standing",
) -> Response:
    """Those that stood on the day, or all until then: level, reason, by whom, how long, what the account owes."""
    return await answer_report(question, principal, credit_holds.DEFINITION.build, show=show)


@router.get("/late-charges", operation_id="reportLateCharges", summary="Interest, fees and compensation",
            response_model=ReportRead, responses=REPORT_RESPONSES)  # fmt: skip
async def charged(
    question: Question,
    principal: Annotated[Principal, callers(*late_charges.DEFINITION.scopes)],
    start: Annotated[BusinessDate | None, Query(description="First day of the charges; a year when missing")] = None,
) -> Response:
    """What was charged in a period, given back, waived, paid and is still open, by group."""
    return await answer_report(question, principal, late_charges.DEFINITION.build, start=start)
