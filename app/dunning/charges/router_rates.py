"""HTTP of what late charges are computed by: interest rates, agreements, compensation, settings."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from app.dunning.charges import queries, rates
from app.dunning.charges.models import InterestAgreement
from app.dunning.charges.schemas_rates import (
    AgreementCreate,
    AgreementRead,
    AgreementUpdate,
    ChargeSettingsFields,
    ChargeSettingsRead,
    CompensationRead,
    Compensations,
    CompensationSet,
    RateSet,
    RateTableCreate,
    RateTableRead,
    RateTables,
    Scope,
    TableCode,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Currency, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes

router = APIRouter(prefix="/dunning", tags=["dunning"])
Reading = Annotated[ReadSession, reads("dunning:read")]
Approving = Annotated[Write, writes("dunning:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
Code = Annotated[TableCode, Path()]
Day = Annotated[BusinessDate, Path()]


@router.get("/interest-rates", operation_id="listInterestRates", summary="List tables of interest rates",
            response_model=RateTables, responses=problems())  # fmt: skip
async def list_tables(read: Reading) -> Response:
    """The statutory tables that the service ships, with the organization's own rates laid over them, and its own."""
    return resource_response(RateTables(data=[RateTableRead.of(table) for table in await rates.read_tables(read)]))


@router.post("/interest-rates", operation_id="createInterestRateTable", summary="Add a table of interest rates",
             status_code=201, response_model=RateTableRead, responses=problems(409))  # fmt: skip
async def create_table(body: RateTableCreate, write: Approving) -> Response:
    """Without rates yet: enter them one by one."""

    async def work(session: WriteSession) -> Answer:
        await rates.create_table(session, body.code, body.name)
        made = RateTableRead.of(await rates.read_table(session, body.code))
        return created(made, location=f"/v1/dunning/interest-rates/{body.code}")

    return await write.run(work)


@router.get("/interest-rates/{table_code}", operation_id="getInterestRates", summary="Read a table of interest rates",
            response_model=RateTableRead, responses=problems(404))  # fmt: skip
async def get_table(table_code: Code, read: Reading) -> Response:
    """One table with its dated rates."""
    return resource_response(RateTableRead.of(await rates.read_table(read, table_code)))


@router.put("/interest-rates/{table_code}/{valid_from}", operation_id="setInterestRate", summary="Set a dated rate",
            response_model=RateTableRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def set_rate(table_code: Code, valid_from: Day, body: RateSet, write: Approving) -> Response:
    """From that day on, also in place of a shipped one. An own rate is changed with its version in `If-Match`.

    What was charged before keeps the rate that it was charged at.
    """

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await rates.set_rate(session, body.command(table_code, valid_from), version)
        return answer(RateTableRead.of(await rates.read_table(session, table_code)))

    return await write.run(work)


@router.delete("/interest-rates/{table_code}/{valid_from}", operation_id="withdrawInterestRate",
               summary="Take an own rate back", status_code=204, responses=problems(404, 412))  # fmt: skip
async def withdraw_rate(table_code: Code, valid_from: Day, write: Approving) -> Response:
    """The shipped rate of that day, if there is one, holds again."""

    async def work(session: WriteSession) -> Answer:
        await rates.withdraw_rate(session, table_code, valid_from, write.expected_version(required=False))
        return Answer(None, 204)

    return await write.run(work)


@router.post("/interest-agreements", operation_id="createInterestAgreement", summary="Agree on an interest rate",
             status_code=201, response_model=AgreementRead, responses=problems(404, 409))  # fmt: skip
async def create_agreement(body: AgreementCreate, write: Approving) -> Response:
    """For an account, a segment or everybody; the most specific one of a day holds."""

    async def work(session: WriteSession) -> Answer:
        agreement_id = await rates.agree(session, body.command())
        made = AgreementRead.of(await queries.get_agreement(session, agreement_id))
        return created(made, version=made.version, location=f"/v1/dunning/interest-agreements/{agreement_id}")

    return await write.run(work)


@router.get("/interest-agreements", operation_id="listInterestAgreements", summary="List agreements on interest",
            response_model=Page[AgreementRead], responses=problems())  # fmt: skip
async def list_agreements(
    read: Reading,
    page: Paging,
    scope: Scope | None = None,
    account_id: UUID | None = None,
    segment: str | None = None,
    on: BusinessDate | None = None,
) -> Response:
    """Agreements by filter; `on` shows those that hold on a day."""
    equal = {"scope": scope, "account_id": account_id, "segment": segment}
    statement = queries.statement_of(InterestAgreement, read.organization_id, equal)
    if on is not None:
        ends = InterestAgreement.valid_to
        statement = statement.where(InterestAgreement.valid_from <= on, ends.is_(None) | (ends >= on))
    sort, keys = choose_sort(page, {"created": (SortKey(InterestAgreement.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [AgreementRead.of(row[0]) for row in rows]
    return resource_response(Page[AgreementRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/interest-agreements/{interest_agreement_id}", operation_id="getInterestAgreement",
            summary="Read an agreement", response_model=AgreementRead, responses=problems(404))  # fmt: skip
async def get_agreement(interest_agreement_id: UUID, read: Reading) -> Response:
    """One agreement; `ETag` is its version."""
    found = AgreementRead.of(await queries.get_agreement(read, interest_agreement_id))
    return resource_response(found, found.version)


@router.patch("/interest-agreements/{interest_agreement_id}", operation_id="endInterestAgreement",
              summary="Set the last day of an agreement", response_model=AgreementRead,
              responses=problems(404, 409, 412, 428))  # fmt: skip
async def end_agreement(interest_agreement_id: UUID, body: AgreementUpdate, write: Approving) -> Response:
    """For another rate end the agreement and make a new one, so that the past stays explained."""

    async def work(session: WriteSession) -> Answer:
        await rates.end_agreement(session, interest_agreement_id, body.valid_to, write.expected_version())
        made = AgreementRead.of(await queries.get_agreement(session, interest_agreement_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.get("/compensation", operation_id="listCompensation", summary="List compensations for late debts",
            response_model=Compensations, responses=problems())  # fmt: skip
async def list_compensation(read: Reading) -> Response:
    """The shipped sums (EUR 40; GBP 40, 70 or 100) and the organization's own, by currency."""
    found = await rates.read_schedules(read)
    return resource_response(Compensations(data=[CompensationRead.of(*entry) for entry in found]))


@router.put("/compensation/{currency}", operation_id="setCompensation", summary="Set the compensation of a currency",
            response_model=CompensationRead, responses=problems(409, 412, 428))  # fmt: skip
async def set_compensation(currency: Annotated[Currency, Path()], body: CompensationSet, write: Approving) -> Response:
    """In place of the shipped one, from now on. `If-Match` names the version read (0 for a shipped one or none)."""

    async def work(session: WriteSession) -> Answer:
        await rates.set_schedule(session, currency, body.plain(currency), write.expected_version())
        entry = next(entry for entry in await rates.read_schedules(session) if entry[0] == currency)
        return answer(CompensationRead.of(*entry), version=entry[3])

    return await write.run(work)


@router.get("/charge-settings", operation_id="getChargeSettings", summary="Read how lateness is charged",
            response_model=ChargeSettingsRead, responses=problems())  # fmt: skip
async def get_settings(read: Reading) -> Response:
    """The defaults until somebody changes them; `ETag` is the version."""
    found = ChargeSettingsRead.of(await queries.charge_settings(read))
    return resource_response(found, found.version)


@router.put("/charge-settings", operation_id="updateChargeSettings", summary="Change how lateness is charged",
            response_model=ChargeSettingsRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def put_settings(body: ChargeSettingsFields, write: Approving) -> Response:
    """It holds for what is charged from now on."""

    async def work(session: WriteSession) -> Answer:
        await rates.update_settings(session, body.plain(), write.expected_version())
        made = ChargeSettingsRead.of(await queries.charge_settings(session))
        return answer(made, version=made.version)

    return await write.run(work)
