"""HTTP of the credit file: an account's credit at one look, its exposure and histories, and what is entered in it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.accounts.queries import get_account
from app.core.clock import utc_now
from app.core.money import to_text
from app.credit import queries
from app.credit.checks import CreditView, credit_view, exposure_json
from app.credit.file import entries
from app.credit.file.schemas import (
    BureauScoreBatch,
    BureauScoreRead,
    CreditFileRead,
    CreditRemarkCreate,
    CreditRemarkRead,
    CreditScoreRead,
    CreditSecurityCancel,
    CreditSecurityCreate,
    CreditSecurityRead,
    CreditStatusChangeRead,
    StatementBatch,
    StatementRead,
    score_read,
)
from app.credit.models import (
    BureauScore,
    CreditHold,
    CreditRemark,
    CreditScore,
    CreditSecurity,
    CreditStatusChange,
    FinancialStatement,
)
from app.credit.rules import utilisation_percent
from app.credit.schemas import AccountExposureRead, CreditHoldRead, exposure_read, reasons_read
from app.credit.scoring import risk_of_score
from app.infra.database import ReadSession, WriteSession
from app.infra.http.batches import Atomic, BatchResult, batch_result
from app.infra.http.fields import parse_business_date, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

router = APIRouter(tags=["credit"])
Reading = Annotated[ReadSession, reads("credit:read")]
Writing = Annotated[Write, writes("credit:write")]
Remarking = Annotated[Write, writes("accounts:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
ENTRIES_SHOWN = 20


@router.get("/accounts/{account_id}/credit", operation_id="getAccountCredit", summary="Read an account's credit file",
            response_model=CreditFileRead, responses=problems(404))  # fmt: skip
async def credit_file(account_id: UUID, read: Reading) -> Response:
    """Status and why, exposure, score with its factors, and the newest entries of the file, as of today."""
    view = await credit_view(read, account_id, await local_today(read, utc_now()))
    account, policy, currency = view.account, view.in_force.policy, view.exposure.currency
    score = await queries.latest_score(read, account_id)
    made = CreditFileRead(
        account_id=account_id,
        as_of=view.today,
        credit_status=view.status,
        ladder_level=view.ladder_level,
        ladder_reasons=reasons_read([reason.as_json() for reason in view.ladder_reasons], currency),
        source_credit_status=account["source_credit_status"],
        holds=[CreditHoldRead.of(row) for row in await _newest(read, CreditHold, account_id, standing=True)],
        exposure=_exposure(view, account_id),
        limit_valid_until=account["limit_valid_until"],
        risk_class=account["risk_class"],
        score=None if score is None else score_read(score),
        score_risk=risk_of_score(account["score"], policy.low_risk_score, policy.medium_risk_score),
        days_beyond_terms=account["days_beyond_terms"],
        bureau_scores=[BureauScoreRead.of(row) for row in await _newest(read, BureauScore, account_id)],
        statements=[StatementRead.of(row) for row in await _newest(read, FinancialStatement, account_id)],
        securities=[CreditSecurityRead.of(row) for row in await _newest(read, CreditSecurity, account_id)],
        remarks=[CreditRemarkRead.of(row) for row in await _newest(read, CreditRemark, account_id)],
        last_review_on=account["last_review_on"],
        next_review_on=account["next_review_on"],
        policy_version=view.in_force.version,
    )
    return resource_response(made)


async def _newest(session: ReadSession, table: Any, account_id: UUID, *, standing: bool = False) -> list[Any]:
    statement = queries.statement_of(table, session.organization_id, {"account_id": account_id})
    if standing:
        statement = statement.where(table.released_on.is_(None))
    return list(await session.scalars(statement.order_by(table.id.desc()).limit(ENTRIES_SHOWN)))


@router.get("/accounts/{account_id}/exposure", operation_id="getAccountExposure", summary="Read an account's exposure",
            response_model=AccountExposureRead, responses=problems(404))  # fmt: skip
async def exposure(account_id: UUID, read: Reading) -> Response:
    """What the account and its parent group owe or may come to owe, against their limits, as of today."""
    return resource_response(
        _exposure(await credit_view(read, account_id, await local_today(read, utc_now())), account_id)
    )


def _exposure(view: CreditView, account_id: UUID) -> AccountExposureRead:
    limit, currency = view.account["credit_limit_minor"], view.exposure.currency
    used = view.exposure.used_minor(view.in_force.policy)
    group, top = view.group_exposure, view.top
    group_limit = None if top is None else top["credit_limit_minor"]
    return AccountExposureRead(
        account_id=account_id,
        as_of=view.today,
        exposure=exposure_read(exposure_json(view.exposure)),
        credit_limit=None if limit is None else to_text(limit, currency),
        used_amount=to_text(used, currency),
        available_amount=None if limit is None else to_text(limit - used, currency),
        utilisation_percent=utilisation_percent(limit, used),
        group_account_id=None if top is None else top["id"],
        group_exposure=None if group is None else exposure_read(exposure_json(group)),
        group_credit_limit=None if group_limit is None or group is None else to_text(group_limit, group.currency),
        policy_version=view.in_force.version,
    )


@router.get("/accounts/{account_id}/credit/scores", operation_id="listAccountScores",
            summary="List an account's scores by month", response_model=Page[CreditScoreRead],
            responses=problems(404))  # fmt: skip
async def scores(account_id: UUID, read: Reading, page: Paging) -> Response:
    """The last score of each month, newest first, each with its factors."""
    await get_account(read, account_id)
    statement = queries.statement_of(CreditScore, read.organization_id, {"account_id": account_id})
    sort, keys = choose_sort(page, {"month": (SortKey(CreditScore.month, parse_business_date),)}, "-month")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [score_read({name: getattr(row[0], name) for name in ("month", "score", "factors", "policy_version",
                                                                 "computed_on")}) for row in rows]  # fmt: skip
    return resource_response(Page[CreditScoreRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/accounts/{account_id}/credit/status-changes", operation_id="listAccountStatusChanges",
            summary="List the changes of an account's credit status", response_model=Page[CreditStatusChangeRead],
            responses=problems(404))  # fmt: skip
async def status_changes(account_id: UUID, read: Reading, page: Paging) -> Response:
    """From what to what, when and why, newest first."""
    account = await get_account(read, account_id)
    statement = queries.statement_of(CreditStatusChange, read.organization_id, {"account_id": account_id})
    sort, keys = choose_sort(page, {"created": (SortKey(CreditStatusChange.id, UUID),)}, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [
        CreditStatusChangeRead(
            reasons=reasons_read(row[0].reasons, account["currency"]),
            **{name: getattr(row[0], name) for name in CreditStatusChangeRead.model_fields if name != "reasons"},
        )
        for row in rows
    ]
    return resource_response(Page[CreditStatusChangeRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post("/accounts/{account_id}/credit/remarks", operation_id="addCreditRemark", summary="Add a remark",
             status_code=201, response_model=CreditRemarkRead, responses=problems(404))  # fmt: skip
async def add_remark(account_id: UUID, body: CreditRemarkCreate, write: Remarking) -> Response:
    """What a collector knows of the customer's behaviour or risk. It cannot be changed afterwards."""

    async def work(session: WriteSession) -> Answer:
        await get_account(session, account_id)
        remark_id = await entries.add_remark(session, account_id, body.kind, body.body)
        row = await session.get_one(CreditRemark, (session.organization_id, remark_id), populate_existing=True)
        return created(CreditRemarkRead.of(row))

    return await write.run(work)


@router.post("/credit/bureau-scores/batch", operation_id="addBureauScores", summary="Add up to 1,000 bureau scores",
             response_model=BatchResult, responses=problems(409))  # fmt: skip
async def add_bureau_scores(body: BureauScoreBatch, write: Writing, atomic: Atomic = False) -> Response:
    """Scores of credit bureaus, the account by id or number; one result for each."""

    async def work(session: WriteSession) -> Answer:
        results = await entries.add_bureau_scores(session, [item.command() for item in body.items])
        return answer(batch_result(results, atomic=atomic))

    return await write.run(work)


@router.post("/credit/statements/batch", operation_id="addFinancialStatements",
             summary="Add up to 1,000 financial statements", response_model=BatchResult,
             responses=problems(409))  # fmt: skip
async def add_statements(body: StatementBatch, write: Writing, atomic: Atomic = False) -> Response:
    """Figures of customers' accounts, the account by id or number; one result for each."""

    async def work(session: WriteSession) -> Answer:
        results = await entries.add_statements(session, [item.command() for item in body.items])
        return answer(batch_result(results, atomic=atomic))

    return await write.run(work)


@router.post("/credit/securities", operation_id="addCreditSecurity", summary="Add a security", status_code=201,
             response_model=CreditSecurityRead, responses=problems(409))  # fmt: skip
async def add_security(body: CreditSecurityCreate, write: Writing) -> Response:
    """Insurance, a guarantee or the like: it reduces the unsecured exposure while it is valid."""

    async def work(session: WriteSession) -> Answer:
        security_id = await entries.add_security(session, body.command(), await local_today(session, write.now))
        row = await queries.get_security(session, security_id)
        return created(CreditSecurityRead.of(row), version=row.version)

    return await write.run(work)


@router.get("/credit/securities", operation_id="listCreditSecurities", summary="List securities",
            response_model=Page[CreditSecurityRead], responses=problems())  # fmt: skip
async def list_securities(
    read: Reading, page: Paging, account_id: UUID | None = None, cancelled: bool | None = None
) -> Response:
    """Securities by filter; `sort=valid_until` shows first what ends first."""
    statement = queries.statement_of(CreditSecurity, read.organization_id, {"account_id": account_id})
    if cancelled is not None:
        ended = CreditSecurity.cancelled_on
        statement = statement.where(ended.is_not(None) if cancelled else ended.is_(None))
    if (page.sort or "").removeprefix("-") == "valid_until":
        statement = statement.where(CreditSecurity.valid_until.is_not(None))
    sorts = {
        "created": (SortKey(CreditSecurity.id, UUID),),
        "valid_until": (SortKey(CreditSecurity.valid_until, parse_business_date), SortKey(CreditSecurity.id, UUID)),
    }
    sort, keys = choose_sort(page, sorts, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CreditSecurityRead.of(row[0]) for row in rows]
    return resource_response(Page[CreditSecurityRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post("/credit/securities/{credit_security_id}/cancel", operation_id="cancelCreditSecurity",
             summary="Cancel a security", response_model=CreditSecurityRead,
             responses=problems(404, 409, 412, 428))  # fmt: skip
async def cancel_security(credit_security_id: UUID, body: CreditSecurityCancel, write: Writing) -> Response:
    """It counts no more from today on."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        expected = write.expected_version()
        await entries.cancel_security(session, credit_security_id, body.reason, today, expected)
        row = await queries.get_security(session, credit_security_id)
        return answer(CreditSecurityRead.of(row), version=row.version)

    return await write.run(work)
