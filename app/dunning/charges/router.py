"""HTTP of late charges: charges and previews, waivers, charging runs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.clock import utc_now
from app.core.money import to_minor
from app.dunning.charges import queries, runs, waivers
from app.dunning.charges.charging import ChargeRequest, charge_notice, quote, reverse_charge
from app.dunning.charges.errors import NothingToCharge
from app.dunning.charges.models import Charge, ChargeWaiver, ChargingRun
from app.dunning.charges.rules import ChargeRuleInvalid
from app.dunning.charges.schemas import (
    ChargeCreate,
    ChargeDetail,
    ChargePreview,
    ChargePreviews,
    ChargeRead,
    ChargeReverse,
    ChargeState,
    ChargingRunCreate,
    ChargingRunRead,
    RunKind,
    RunState,
    WaiverCreate,
    WaiverDecision,
    WaiverRead,
    WaiverState,
    charge_detail,
)
from app.dunning.charges.waivers import WaiveCharge
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.invoices.models import Adjustment
from app.invoices.queries import get_instalment
from app.organizations.queries import local_today

router = APIRouter(prefix="/dunning", tags=["dunning"])
Reading = Annotated[ReadSession, reads("dunning:read")]
Writing = Annotated[Write, writes("dunning:write")]
Approving = Annotated[Write, writes("dunning:approve")]
Caller = Annotated[Principal, callers()]
Paging = Annotated[PageRequest, Depends(page_request)]


@router.get("/charges/preview", operation_id="previewCharges", summary="See what an account would be charged",
            response_model=ChargePreviews, responses=problems(404))  # fmt: skip
async def preview(
    read: Reading,
    account_id: UUID | None = None,
    instalment_id: UUID | None = None,
    as_of: Annotated[BusinessDate | None, Query(description="Today when missing; may lie ahead")] = None,
    compensation: bool = False,
) -> Response:
    """Interest (and compensation) of what is or was late, day by day, less what was charged before. No effect.

    For an account, or for one instalment.
    """
    on = as_of or await local_today(read, utc_now())
    if account_id is None:
        if instalment_id is None:
            raise ChargeRuleInvalid("name an account or an instalment", pointer="/query/account_id")
        account_id = (await get_instalment(read, instalment_id)).account_id
    requests = await runs.late_requests(read, account_id, on, "preview", compensation=compensation)
    if instalment_id is not None:
        requests = [_only(request, instalment_id) for request in requests if instalment_id in request.instalment_ids]
    found = [one.assessment for one in await quote(read, requests)] if requests else []
    return resource_response(ChargePreviews(data=[ChargePreview.of(one) for one in found if one.items]))


def _only(request: ChargeRequest, instalment_id: UUID) -> ChargeRequest:
    return ChargeRequest(
        request.source_key, request.account_id, request.legal_entity_id, request.currency, (instalment_id,),
        request.as_of, interest=True, compensation=request.compensation, running=False,
    )  # fmt: skip


@router.post("/charges", operation_id="chargeAccount", summary="Charge an account for being late", status_code=201,
             response_model=ChargeDetail, responses=problems(404, 409))  # fmt: skip
async def charge(body: ChargeCreate, write: Writing) -> Response:
    """Posted as a finance charge document. Refused when nothing is due: no day is charged twice."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        as_of = body.as_of or today
        _not_ahead(as_of, today)
        key = f"manual:{write.now.isoformat()}"
        late = await runs.late_requests(session, body.account_id, as_of, key, compensation=body.compensation)
        wanted = (body.legal_entity_id, body.currency)
        found = [r for r in late if (r.legal_entity_id, r.currency) == wanted]
        listed = tuple(body.instalment_ids or (found[0].instalment_ids if found else ()))
        request = ChargeRequest(
            f"{key}:{body.account_id}:{body.legal_entity_id}:{body.currency}", body.account_id, body.legal_entity_id,
            body.currency, listed, as_of, fee=body.fee.rule(body.currency) if body.fee else None,
            interest=body.interest, compensation=body.compensation, running=False,
        )  # fmt: skip
        charged = await charge_notice(session, request)
        if charged.charge_id is None:
            raise NothingToCharge("nothing is due: no late day that is not charged yet, or less than the minimum")
        made = await _detail(session, charged.charge_id)
        return created(made, version=made.version, location=f"/v1/dunning/charges/{made.id}")

    return await write.run(work)


def _not_ahead(as_of: date, today: date) -> None:
    if as_of > today:
        raise ChargeRuleInvalid("days that are not over yet cannot be charged", pointer="/as_of")


@router.get("/charges", operation_id="listCharges", summary="List charges for lateness",
            response_model=Page[ChargeRead], responses=problems())  # fmt: skip
async def list_charges(
    read: Reading,
    page: Paging,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    currency: Currency | None = None,
    state: ChargeState | None = None,
    invoice_id: UUID | None = None,
    as_of_from: BusinessDate | None = None,
    as_of_to: BusinessDate | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """What was charged, by filter."""
    equal = {"account_id": account_id, "legal_entity_id": legal_entity_id, "currency": currency, "state": state,
             "invoice_id": invoice_id}  # fmt: skip
    statement = queries.statement_of(Charge, read.organization_id, equal)
    if as_of_from is not None:
        statement = statement.where(Charge.as_of >= as_of_from)
    if as_of_to is not None:
        statement = statement.where(Charge.as_of <= as_of_to)
    if updated_since is not None:
        statement = statement.where(Charge.updated_at >= updated_since)
    sort, keys = choose_sort(page, {"created": (SortKey(Charge.id, UUID),)}, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ChargeRead.of(row[0]) for row in rows]
    return resource_response(Page[ChargeRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/charges/{charge_id}", operation_id="getCharge", summary="Read a charge", response_model=ChargeDetail,
            responses=problems(404))  # fmt: skip
async def get_charge(charge_id: UUID, read: Reading) -> Response:
    """One charge with its parts: for interest the days, the amount of each and the rate. `ETag` is its version."""
    found = await _detail(read, charge_id)
    return resource_response(found, found.version)


@router.post("/charges/{charge_id}/reverse", operation_id="reverseCharge", summary="Undo a charge",
             response_model=ChargeDetail, responses=problems(404, 409, 412, 428))  # fmt: skip
async def reverse(charge_id: UUID, body: ChargeReverse, write: Approving) -> Response:
    """The document becomes void; days, fees and compensations can be charged again. To let it go, waive it instead."""

    async def work(session: WriteSession) -> Answer:
        on = body.effective_date or await local_today(session, write.now)
        version = write.expected_version()
        await reverse_charge(session, charge_id, on=on, reason=body.reason, expected_version=version)
        made = await _detail(session, charge_id)
        return answer(made, version=made.version)

    return await write.run(work)


async def _detail(session: ReadSession, charge_id: UUID) -> ChargeDetail:
    row = await queries.get_charge(session, charge_id)
    items = (await queries.items_of(session, [charge_id]))[charge_id]
    return charge_detail(row, items, await queries.pieces_of(session, [item.id for item in items]))


@router.post("/charges/{charge_id}/waivers", operation_id="requestChargeWaiver", summary="Ask to waive a charge",
             status_code=201, response_model=WaiverRead, responses=problems(404, 409))  # fmt: skip
async def request_waiver(charge_id: UUID, body: WaiverCreate, write: Writing) -> Response:
    """All or part of what is open. Posted at once for whoever may approve, within the own limit; else it waits."""

    async def work(session: WriteSession) -> Answer:
        row = await queries.get_charge(session, charge_id)
        amount = None if body.amount is None else to_minor(body.amount, row.currency)
        today = await local_today(session, write.now)
        command = WaiveCharge(charge_id, body.reason_code, body.reason, amount)
        alone = waivers.APPROVE in write.principal.scopes
        waiver_id = await waivers.request_waiver(session, command, today, may_decide=alone)
        made = await _waiver(session, waiver_id, write.principal)
        return created(made, version=made.version, location=f"/v1/dunning/charge-waivers/{waiver_id}")

    return await write.run(work)


@router.get("/charge-waivers", operation_id="listChargeWaivers", summary="List waivers of charges",
            response_model=Page[WaiverRead], responses=problems())  # fmt: skip
async def list_waivers(
    read: Reading,
    caller: Caller,
    page: Paging,
    state: WaiverState | None = None,
    account_id: UUID | None = None,
    charge_id: UUID | None = None,
) -> Response:
    """Waivers by filter; `state=requested` is the queue of whoever approves."""
    statement = queries.waivers_statement(read.organization_id)
    for value, condition in (
        (state, Adjustment.state == state),
        (account_id, Adjustment.account_id == account_id),
        (charge_id, ChargeWaiver.charge_id == charge_id),
    ):
        if value is not None:
            statement = statement.where(condition)
    sort, keys = choose_sort(page, {"created": (SortKey(ChargeWaiver.id, UUID),)}, "-created")
    found, cursor = await fetch_page(read, statement, page, keys, sort)
    rows: list[Any] = list(found)
    data = [WaiverRead.of(row[0], row[1], row[2], _actions(row[1], caller)) for row in rows]
    return resource_response(Page[WaiverRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/charge-waivers/{charge_waiver_id}", operation_id="getChargeWaiver", summary="Read a waiver",
            response_model=WaiverRead, responses=problems(404))  # fmt: skip
async def get_waiver(charge_waiver_id: UUID, read: Reading, caller: Caller) -> Response:
    """One waiver; `ETag` is its version."""
    found = await _waiver(read, charge_waiver_id, caller)
    return resource_response(found, found.version)


@router.post("/charge-waivers/{charge_waiver_id}/approve", operation_id="approveChargeWaiver",
             summary="Approve a waiver", response_model=WaiverRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def approve_waiver(charge_waiver_id: UUID, body: WaiverDecision, write: Approving) -> Response:
    """Never by whoever asked, and within the approver's limit; what it waives is posted."""
    return await _decide(charge_waiver_id, body, write, approve=True)


@router.post("/charge-waivers/{charge_waiver_id}/reject", operation_id="rejectChargeWaiver",
             summary="Reject a waiver", response_model=WaiverRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def reject_waiver(charge_waiver_id: UUID, body: WaiverDecision, write: Approving) -> Response:
    """The charge stays owed."""
    return await _decide(charge_waiver_id, body, write, approve=False)


async def _decide(waiver_id: UUID, body: WaiverDecision, write: Write, *, approve: bool) -> Response:
    async def work(session: WriteSession) -> Answer:
        version = write.expected_version()
        await waivers.decide_waiver(session, waiver_id, approve=approve, note=body.note, expected_version=version)
        made = await _waiver(session, waiver_id, write.principal)
        return answer(made, version=made.version)

    return await write.run(work)


async def _waiver(session: ReadSession, waiver_id: UUID, caller: Principal) -> WaiverRead:
    waiver, adjustment, number = await waivers.get_waiver(session, waiver_id)
    return WaiverRead.of(waiver, adjustment, number, _actions(adjustment, caller))


def _actions(adjustment: Adjustment, caller: Principal) -> list[str]:
    return waivers.allowed_actions(adjustment, caller.actor.id, caller.scopes)


@router.post("/charging-runs", operation_id="startChargingRun", summary="Charge every account", status_code=202,
             response_model=ChargingRunRead, responses=problems(409))  # fmt: skip
async def start_run(body: ChargingRunCreate, write: Approving) -> Response:
    """A worker charges account by account; a day is charged by one run. The resource shows how far it has come.

    With `simulate` it adds up what it would charge: look at that before the first run over loaded history.
    """

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        as_of = body.as_of or today
        _not_ahead(as_of, today)
        compensation = body.compensation
        if compensation is None:
            compensation = (await queries.charge_settings(session)).compensation
        run_id = await runs.start_run(session, as_of, "on_demand", compensation=compensation, simulated=body.simulate)
        made = ChargingRunRead.of(await queries.get_run(session, run_id))
        return Answer(made, 202, version=made.version, location=f"/v1/dunning/charging-runs/{run_id}")

    return await write.run(work)


@router.get("/charging-runs", operation_id="listChargingRuns", summary="List charging runs",
            response_model=Page[ChargingRunRead], responses=problems())  # fmt: skip
async def list_runs(
    read: Reading, page: Paging, kind: RunKind | None = None, state: RunState | None = None
) -> Response:
    """Charging runs by filter, the latest first."""
    statement = queries.statement_of(ChargingRun, read.organization_id, {"kind": kind, "state": state})
    sort, keys = choose_sort(page, {"created": (SortKey(ChargingRun.id, UUID),)}, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ChargingRunRead.of(row[0]) for row in rows]
    return resource_response(Page[ChargingRunRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/charging-runs/{charging_run_id}", operation_id="getChargingRun", summary="Read a charging run",
            response_model=ChargingRunRead, responses=problems(404))  # fmt: skip
async def get_run(charging_run_id: UUID, read: Reading) -> Response:
    """One run and how far it has come."""
    found = ChargingRunRead.of(await queries.get_run(read, charging_run_id))
    return resource_response(found, found.version)
