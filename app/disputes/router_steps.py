"""HTTP of the steps of a dispute: assign, review, wait, resolve, decide its credit, withdraw, reopen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from app.disputes import casework, queries, resolving
from app.disputes.rules import DisputeInvalid
from app.disputes.schemas import DisputeAssign, DisputeRead, DisputeReopen, DisputeResolve, DisputeStep
from app.disputes.schemas_shown import shown_dispute
from app.infra.database import WriteSession
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, writes
from app.organizations.queries import local_today

router = APIRouter(prefix="/disputes", tags=["disputes"])
Writing = Annotated[Write, writes("disputes:read", "disputes:write")]
Deciding = Annotated[Write, writes("disputes:read", "disputes:approve")]
Step = Callable[[WriteSession, date, int | None], Awaitable[None]]
_STEP = problems(404, 409, 412)


@router.post(
    "/{dispute_id}/assign",
    operation_id="assignDispute",
    summary="Assign a dispute",
    response_model=DisputeRead,
    responses=_STEP,
)
async def assign(dispute_id: UUID, body: DisputeAssign, write: Writing) -> Response:
    """To a user, a team, or both. They are told by e-mail."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        to = body.assignment()
        await casework.assign_dispute(session, dispute_id, to, today=today, expected_version=version)

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/review",
    operation_id="reviewDispute",
    summary="Take a dispute into review",
    response_model=DisputeRead,
    responses=_STEP,
)
async def review(dispute_id: UUID, body: DisputeStep, write: Writing) -> Response:
    """After the customer has answered, the clock runs on. Who takes an unassigned dispute has it."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await casework.review_dispute(
            session, dispute_id, today=today, note=body.note or None, expected_version=version
        )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/await-customer",
    operation_id="awaitCustomerOfDispute",
    summary="Wait for the customer's answer",
    response_model=DisputeRead,
    responses=_STEP,
)
async def await_customer(dispute_id: UUID, body: DisputeStep, write: Writing) -> Response:
    """The SLA clock stands still until the dispute is taken into review again."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await casework.await_customer(
            session, dispute_id, today=today, note=body.note or None, expected_version=version
        )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/resolve",
    operation_id="resolveDispute",
    summary="Resolve a dispute",
    response_model=DisputeRead,
    responses=_STEP,
)
async def resolve(dispute_id: UUID, body: DisputeResolve, write: Writing) -> Response:
    """`credited`: issue and apply a credit memo; above the caller's limit it waits for somebody else's approval.

    `rejected`: everything is owed and collectable again. `paid`: apply the payment that is named.
    """
    if body.resolution == "paid" and body.payment_id is not None:
        write.principal.require("payments:write")

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        if body.resolution == "credited":
            dispute = await queries.get_dispute(session, dispute_id, session.actor)
            order = body.credit(dispute.currency, today)
            await resolving.credit_dispute(session, dispute_id, order, today=today, expected_version=version)
        elif body.resolution == "rejected":
            if not body.note:
                await queries.get_dispute(session, dispute_id, session.actor)
                raise DisputeInvalid("say why it is rejected", pointer="/note")
            await resolving.reject_dispute(session, dispute_id, today=today, note=body.note, expected_version=version)
        else:
            await resolving.pay_dispute(
                session,
                dispute_id,
                payment_id=body.payment_id,
                effective_date=body.effective_date or today,
                today=today,
                note=body.note or None,
                expected_version=version,
            )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/approve-credit",
    operation_id="approveDisputeCredit",
    summary="Approve the credit of a dispute",
    response_model=DisputeRead,
    responses=_STEP,
)
async def approve_credit(dispute_id: UUID, body: DisputeStep, write: Deciding) -> Response:
    """Never by the person who asked for it, and never above the approver's limit."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await resolving.approve_credit(
            session, dispute_id, today=today, note=body.note or None, expected_version=version
        )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/reject-credit",
    operation_id="rejectDisputeCredit",
    summary="Refuse the credit of a dispute",
    response_model=DisputeRead,
    responses=_STEP,
)
async def reject_credit(dispute_id: UUID, body: DisputeStep, write: Deciding) -> Response:
    """Nothing is posted; the dispute goes on."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await resolving.reject_credit(
            session, dispute_id, today=today, note=body.note or None, expected_version=version
        )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/withdraw-credit",
    operation_id="withdrawDisputeCredit",
    summary="Take back the request for a credit",
    response_model=DisputeRead,
    responses=_STEP,
)
async def withdraw_credit(dispute_id: UUID, body: DisputeStep, write: Writing) -> Response:
    """Only whoever asked for it; the dispute goes on and can be resolved in another way."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await resolving.withdraw_credit(
            session, dispute_id, today=today, note=body.note or None, expected_version=version
        )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/withdraw",
    operation_id="withdrawDispute",
    summary="Withdraw a dispute",
    response_model=DisputeRead,
    responses=_STEP,
)
async def withdraw(dispute_id: UUID, body: DisputeStep, write: Writing) -> Response:
    """The customer does not contest it any more: everything is owed and collectable again."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await resolving.withdraw_dispute(
            session, dispute_id, today=today, note=body.note or None, expected_version=version
        )

    return await _step(write, dispute_id, work)


@router.post(
    "/{dispute_id}/reopen",
    operation_id="reopenDispute",
    summary="Reopen a dispute",
    response_model=DisputeRead,
    responses=_STEP,
)
async def reopen(dispute_id: UUID, body: DisputeReopen, write: Writing) -> Response:
    """A rejected, paid or withdrawn one, as far as its parts are open again. It never comes back by itself."""

    async def work(session: WriteSession, today: date, version: int | None) -> None:
        await casework.reopen_dispute(session, dispute_id, today=today, note=body.note, expected_version=version)

    return await _step(write, dispute_id, work)


async def _step(write: Write, dispute_id: UUID, work: Step) -> Response:
    """Run one step; `If-Match` is checked when it is sent."""
    version = write.expected_version(required=False)

    async def step(session: WriteSession) -> Answer:
        await work(session, await local_today(session, write.now), version)
        made = await shown_dispute(session, write.principal, dispute_id)
        return answer(made, version=made.version)

    return await write.run(step)
