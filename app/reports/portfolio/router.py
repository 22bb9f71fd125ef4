"""HTTP of the reports on balances: key figures, roll rates, delinquency, the top of the list, write-offs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.reports.portfolio.delinquency import delinquency
from app.reports.portfolio.key_figures import FIGURE_REPORTS
from app.reports.portfolio.roll_rates import COHORT_DAYS, COHORT_MONTHS, roll_rates
from app.reports.portfolio.rules import MONTHS_MAX, PERIOD_DAYS, PERIOD_DAYS_MAX
from app.reports.portfolio.top_lists import TOP, TOP_MAX, top_balances, top_offenders
from app.reports.portfolio.write_offs import write_offs
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import REPORT_RESPONSES, Asked, answer_report, asked
from app.reports.schemas_table import ReportRead

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
Reading = Annotated[Principal, callers("reports:read")]
Question = Annotated[Asked, Depends(asked)]
Bounds = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,4}(,[0-9]{1,4}){0,11}$", description="Upper bounds of the buckets: 0,30,60,90"),
]
PeriodDays = Annotated[int, Query(ge=1, le=PERIOD_DAYS_MAX, description="Days of the period that ends on `as_of`")]
Months = Annotated[
    int, Query(ge=0, le=MONTHS_MAX, description="How many month ends the series in `tables` has; 0: no series")
]
Top = Annotated[int, Query(ge=1, le=TOP_MAX, description="How many of each currency")]
_FIGURES = {report.name: report for report in FIGURE_REPORTS}


@router.get(
    "/key-figures",
    operation_id="reportKeyFigures",
    summary="All key figures of receivables",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def key_figures(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """DSO (also countback and best possible), average days delinquent, CEI, turnover, percent current, days to pay and
    beyond terms, bad-debt ratio and unapplied share, each with the amounts that it is made of."""
    return await answer_report(
        question, principal, _FIGURES["key-figures"].build, months=months, period_days=period_days
    )


@router.get(
    "/dso",
    operation_id="reportDso",
    summary="Days sales outstanding",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def dso(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """DSO, countback DSO, best-possible DSO and average days delinquent."""
    return await answer_report(question, principal, _FIGURES["dso"].build, months=months, period_days=period_days)


@router.get(
    "/cei",
    operation_id="reportCei",
    summary="Collection effectiveness index",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def cei(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """Of what could be collected in the period, how much was: 100 is everything."""
    return await answer_report(question, principal, _FIGURES["cei"].build, months=months, period_days=period_days)


@router.get(
    "/turnover",
    operation_id="reportTurnover",
    summary="Receivables turnover and percent current",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def turnover(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """Sales of the period ÷ the mean of beginning and ending receivables; and what share is not due."""
    return await answer_report(question, principal, _FIGURES["turnover"].build, months=months, period_days=period_days)


@router.get(
    "/payment-behaviour",
    operation_id="reportPaymentBehaviour",
    summary="Weighted days to pay and days beyond terms",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def payment_behaviour(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """Of what payments settled in the period: days from invoice date and from due date to value date, by amount."""
    return await answer_report(
        question, principal, _FIGURES["payment-behaviour"].build, months=months, period_days=period_days
    )


@router.get(
    "/unapplied-cash",
    operation_id="reportUnappliedCash",
    summary="Unapplied and unidentified cash",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def unapplied_cash(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """What of the money received settles nothing yet, as amounts and as a share of the period's receipts."""
    return await answer_report(
        question, principal, _FIGURES["unapplied-cash"].build, months=months, period_days=period_days
    )


@router.get(
    "/roll-rates",
    operation_id="reportRollRates",
    summary="Roll rates, and what of each month's billing is unpaid after 90 days",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def roll_rates_(
    question: Question,
    principal: Reading,
    bounds: Bounds = None,
    cohort_days: Annotated[int, Query(ge=1, le=365, description="Days after the invoice date")] = COHORT_DAYS,
    cohort_months: Annotated[int, Query(ge=1, le=MONTHS_MAX, description="Months of billing")] = COHORT_MONTHS,
    months: Months = 0,
) -> Response:
    """Of what stood in a bucket one bucket-length ago, how much stands in the next one now."""
    return await answer_report(
        question, principal, roll_rates, months=months, bounds=bounds, cohort_days=cohort_days,
        cohort_months=cohort_months,
    )  # fmt: skip


@router.get(
    "/top-balances",
    operation_id="reportTopBalances",
    summary="The accounts that owe most",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def top_balances_(
    question: Question,
    principal: Reading,
    top: Top = TOP,
    by: Literal["receivables", "overdue", "net"] = "receivables",
    bounds: Bounds = None,
) -> Response:
    """Accounts, or parent groups, with the share of each in all and the running share. By legal entity, collector,
    segment, country or risk class each group has its own list of accounts."""
    return await answer_report(question, principal, top_balances, top=top, by=by, bounds=bounds)


@router.get(
    "/top-offenders",
    operation_id="reportTopOffenders",
    summary="The accounts that are worst: amount × lateness × trend",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def top_offenders_(question: Question, principal: Reading, top: Top = TOP) -> Response:
    """Each score is explained in the row: overdue amount × mean days late ÷ 30 × overdue now ÷ overdue 30 days ago.

    Groups as in the top balances."""
    return await answer_report(question, principal, top_offenders, top=top)


@router.get(
    "/delinquency",
    operation_id="reportDelinquency",
    summary="Delinquency analysis",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def delinquency_(question: Question, principal: Reading, bounds: Bounds = None, months: Months = 0) -> Response:
    """How much is overdue, how late and how old, over how many accounts, how concentrated, and the change."""
    return await answer_report(question, principal, delinquency, months=months, bounds=bounds)


@router.get(
    "/write-offs",
    operation_id="reportWriteOffs",
    summary="Write-offs, their reasons, and the bad-debt ratio",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def write_offs_(
    question: Question, principal: Reading, period_days: PeriodDays = PERIOD_DAYS, months: Months = 0
) -> Response:
    """Net write-offs of the period ÷ its sales; `tables` holds the reasons. Small differences are no bad debt."""
    return await answer_report(question, principal, write_offs, months=months, period_days=period_days)
