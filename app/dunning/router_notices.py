"""HTTP of dunning notices: lists, the queue of approvals, decisions; and how an account is dunned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.clock import utc_now
from app.core.money import to_text
from app.dunning import deciding, queries
from app.dunning.models import DunningNotice
from app.dunning.policy import queries as policy_queries
from app.dunning.policy.schemas import Channel, block_read
from app.dunning.schemas import (
    AccountDunning,
    ApprovalResults,
    ChainRead,
    NoticeCounts,
    NoticeDetail,
    NoticeDone,
    NoticeRead,
    NoticeReject,
    NoticeRelease,
    NoticesApprove,
    NoticeState,
    approvals_read,
    notice_detail,
    notice_read,
    policy_held,
)
from app.dunning.standing import Chain, Standing, account_standing
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Instant, parse_instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes
from app.organizations.queries import local_today

router = APIRouter(tags=["dunning"])
DunningRead = Annotated[ReadSession, reads("dunning:read")]
DunningApprove = Annotated[Write, writes("dunning:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {
    "created": (SortKey(DunningNotice.id, UUID),),
    "updated": (SortKey(DunningNotice.updated_at, parse_instant), SortKey(DunningNotice.id, UUID)),
}
BLOCKS_LIMIT = 200


async def _notice(session: ReadSession, notice_id: UUID) -> NoticeDetail:
    row = await deciding.get_notice(session, notice_id)
    step = await queries.get_step(session, row.step_id)
    return notice_detail(row, step, (await queries.items_of(session, [row.id])).get(row.id, []))


async def _decide(write: Write, notice_id: UUID, decide: Callable[[WriteSession], Awaitable[None]]) -> Response:
    async def work(session: WriteSession) -> Answer:
        await decide(session)
        made = await _notice(session, notice_id)
        return answer(made, version=made.version)

    return await write.run(work)


async def _page(read: ReadSession, page: PageRequest, wanted: queries.NoticeFilter) -> Response:
    sort, keys = choose_sort(page, _SORTS, "-created")
    statement = queries.notices_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [notice_read(notice, step) for notice, step, *_ in map(tuple, rows)]
    return resource_response(Page[NoticeRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/dunning/notices",
    operation_id="listDunningNotices",
    summary="List notices",
    response_model=Page[NoticeRead],
    responses=problems(),
)
async def list_notices(
    read: DunningRead,
    page: Paging,
    account_id: UUID | None = None,
    run_id: UUID | None = None,
    state: NoticeState | None = None,
    needs_attention: Annotated[bool, Query(description="Unknown, failed or bounced ones")] = False,
    channel: Channel | None = None,
    step: Annotated[int | None, Query(ge=1, le=20)] = None,
    legal_entity_id: UUID | None = None,
    from_date: BusinessDate | None = None,
    to_date: BusinessDate | None = None,
    updated_since: Instant | None = None,
    invoice_id: Annotated[UUID | None, Query(description="Notices in which one of its instalments stands")] = None,
    collector_id: Annotated[UUID | None, Query(description="Of the accounts that are this collector's now")] = None,
) -> Response:
    """The latest first. Notices of a simulation are listed only with its run."""
    wanted = queries.NoticeFilter(
        account_id, run_id, state, needs_attention, channel, step, legal_entity_id, from_date, to_date, updated_since,
        invoice_id, collector_id,
    )  # fmt: skip
    return await _page(read, page, wanted)


@router.get(
    "/dunning/notices/counts",
    operation_id="countDunningNotices",
    summary="Count notices that wait for somebody",
    response_model=NoticeCounts,
    responses=problems(),
)
async def counts(read: DunningRead) -> Response:
    """For badges: what waits for an approval, what is under way, what needs somebody."""
    states, refused = await queries.attention_counts(read)
    plain = {name: states.get(name, 0) for name in NoticeCounts.model_fields}
    attention = sum(states.get(name, 0) for name in queries.ATTENTION) + refused
    return resource_response(NoticeCounts(**plain | {"charge_refused": refused, "needs_attention": attention}))


@router.post(
    "/dunning/notices/approve",
    operation_id="approveDunningNotices",
    summary="Approve notices",
    response_model=ApprovalResults,
    responses=problems(),
)
async def approve_many(body: NoticesApprove, write: DunningApprove) -> Response:
    """By the facts of this moment: what is not due any more is cancelled instead, with the reason."""

    async def work(session: WriteSession) -> Answer:
        found = await deciding.approve_notices(session, body.notice_ids, now=write.now)
        states, _ = await queries.attention_counts(session)
        return answer(approvals_read(found, states.get("pending_approval", 0)))

    return await write.run(work)


@router.get(
    "/dunning/notices/{dunning_notice_id}",
    operation_id="getDunningNotice",
    summary="Read a notice",
    response_model=NoticeDetail,
    responses=problems(404),
)
async def get_notice(dunning_notice_id: UUID, read: DunningRead) -> Response:
    """The notice with its items; `allowed_actions` says what may be done with it."""
    found = await _notice(read, dunning_notice_id)
    return resource_response(found, found.version)


@router.post(
    "/dunning/notices/{dunning_notice_id}/approve",
    operation_id="approveDunningNotice",
    summary="Approve a notice",
    response_model=NoticeDetail,
    responses=problems(404, 409, 412),
)
async def approve(dunning_notice_id: UUID, write: DunningApprove) -> Response:
    """It is charged and goes out. One that is not due any more is cancelled instead: `reason` says why."""

    async def decide(session: WriteSession) -> None:
        version = write.expected_version(required=False)
        await deciding.approve_notice(session, dunning_notice_id, now=write.now, expected_version=version)

    return await _decide(write, dunning_notice_id, decide)


@router.post(
    "/dunning/notices/{dunning_notice_id}/reject",
    operation_id="rejectDunningNotice",
    summary="Reject a notice",
    response_model=NoticeDetail,
    responses=problems(404, 409, 412),
)
async def reject(dunning_notice_id: UUID, body: NoticeReject, write: DunningApprove) -> Response:
    """It does not go out, its step is not done, and it is not proposed again for some days."""

    async def decide(session: WriteSession) -> None:
        await deciding.reject_notice(
            session,
            dunning_notice_id,
            reason=body.reason,
            hold_days=body.hold_days,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )

    return await _decide(write, dunning_notice_id, decide)


@router.post(
    "/dunning/notices/{dunning_notice_id}/cancel",
    operation_id="cancelDunningNotice",
    summary="Stop a notice that has not gone out",
    response_model=NoticeDetail,
    responses=problems(404, 409, 412),
)
async def cancel(dunning_notice_id: UUID, body: NoticeReject, write: DunningApprove) -> Response:
    """As a rejection: its step is not done, its charges are taken back."""

    async def decide(session: WriteSession) -> None:
        await deciding.cancel_notice(
            session,
            dunning_notice_id,
            reason=body.reason,
            hold_days=body.hold_days,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )

    return await _decide(write, dunning_notice_id, decide)


@router.post(
    "/dunning/notices/{dunning_notice_id}/try-again",
    operation_id="retryDunningNotice",
    summary="Let a reminder be planned again",
    response_model=NoticeDetail,
    responses=problems(404, 409, 412),
)
async def try_again(dunning_notice_id: UUID, body: NoticeRelease, write: DunningApprove) -> Response:
    """Of what failed, bounced or was rejected: the next run plans the step anew, to whomever it reaches then."""

    async def decide(session: WriteSession) -> None:
        await deciding.try_again(
            session,
            dunning_notice_id,
            reason=body.reason,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )

    return await _decide(write, dunning_notice_id, decide)


@router.post(
    "/dunning/notices/{dunning_notice_id}/count-as-done",
    operation_id="countDunningNoticeAsDone",
    summary="Say that a reminder reached the customer otherwise",
    response_model=NoticeDetail,
    responses=problems(404, 409, 412),
)
async def count_as_done(dunning_notice_id: UUID, body: NoticeDone, write: DunningApprove) -> Response:
    """By post, by hand, by telephone: the step counts from that day, and the next one follows it."""

    async def decide(session: WriteSession) -> None:
        await deciding.count_as_done(
            session,
            dunning_notice_id,
            on=body.done_on or await local_today(session, write.now),
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )

    return await _decide(write, dunning_notice_id, decide)


@router.get(
    "/accounts/{account_id}/notices",
    operation_id="listAccountNotices",
    summary="List what was sent to an account",
    response_model=Page[NoticeRead],
    responses=problems(404),
)
async def account_notices(
    account_id: UUID, read: DunningRead, page: Paging, state: NoticeState | None = None
) -> Response:
    """The latest first, with what waits and what did not go out."""
    await queries.check_account(read, account_id)
    return await _page(read, page, queries.NoticeFilter(account_id=account_id, state=state))


@router.get(
    "/accounts/{account_id}/dunning",
    operation_id="getAccountDunning",
    summary="Read how an account is dunned",
    response_model=AccountDunning,
    responses=problems(404),
)
async def account_dunning(account_id: UUID, read: DunningRead) -> Response:
    """Its policy and by which scope it has it, its blocks, and for each open item the last and the next step."""
    await queries.check_account(read, account_id)
    now = utc_now()
    today = await local_today(read, now)
    standing = await account_standing(read, account_id, today=today)
    statement = policy_queries.blocks_statement(read.organization_id, account_id, None, today)
    blocks = (await read.execute(statement.limit(BLOCKS_LIMIT))).scalars()
    return resource_response(
        AccountDunning(
            account_id=account_id,
            policy=policy_held(standing.held),
            blocks=[block_read(row) for row in blocks],
            items=[_chain_read(chain, standing) for chain in standing.chains],
        )
    )


def _chain_read(chain: Chain, standing: Standing) -> ChainRead:
    row, step, hold = chain.row, chain.step, chain.hold
    return ChainRead.model_validate(
        {
            "instalment_id": row["instalment_id"],
            "invoice_id": row["invoice_id"],
            "invoice_number": row["number"],
            "due_date": row["due_date"],
            "open_amount": to_text(row["open_minor"], row["currency"]),
            "currency": row["currency"],
            "last_step": row["step_ordinal"],
            "last_done_on": row["done_on"],
            "notice_id": row["notice_id"],
            "notice_state": row["state"],
            "next_step": None if step is None else step.ordinal,
            "next_step_name": None if step is None else standing.names.get(step.id),
            "next_on": chain.next_on,
            "withheld": None if hold is None else hold.reason,
            "withheld_until": None if hold is None else hold.until,
        }
    )
