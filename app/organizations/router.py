"""HTTP of the organization: itself, legal entities, own bank accounts, exchange rates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Currency, Number, changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations import queries, service
from app.organizations.errors import OrganizationUnknown
from app.organizations.models import BankAccount, ExchangeRate, LegalEntity
from app.organizations.schemas import (
    BankAccountCreate,
    BankAccountRead,
    BankAccountUpdate,
    ExchangeRateRead,
    ExchangeRatesPut,
    ExchangeRatesResult,
    LegalEntityCreate,
    LegalEntityRead,
    LegalEntityUpdate,
    OrganizationRead,
    OrganizationUpdate,
    bank_account_read,
    exchange_rate_read,
    legal_entity_read,
    organization_read,
)

router = APIRouter(tags=["organizations"])
Caller = Annotated[Principal, callers()]
Reading = Annotated[ReadSession, reads("organizations:read")]
Writing = Annotated[Write, writes("organizations:write")]
Paging = Annotated[PageRequest, Depends(page_request)]


@router.get(
    "/organizations",
    operation_id="listOrganizations",
    summary="List the caller's organization",
    response_model=Page[OrganizationRead],
    responses=problems(),
)
async def list_organizations(read: Reading, caller: Caller) -> Response:
    """A token belongs to one organization: the list holds exactly that one."""
    found = organization_read(await queries.get_organization(read), caller.scopes)
    return resource_response(Page[OrganizationRead](data=[found], has_more=False, next_cursor=None))


@router.get(
    "/organizations/{organization_id}",
    operation_id="getOrganization",
    summary="Read the organization",
    response_model=OrganizationRead,
    responses=problems(404),
)
async def get_organization(organization_id: UUID, read: Reading, caller: Caller) -> Response:
    """The caller's own organization; any other one does not exist for the caller."""
    _require_own(organization_id, read.organization_id)
    row = await queries.get_organization(read)
    return resource_response(organization_read(row, caller.scopes), row.version)


@router.patch(
    "/organizations/{organization_id}",
    operation_id="updateOrganization",
    summary="Change the organization",
    response_model=OrganizationRead,
    responses=problems(404, 409, 412, 428),
)
async def update_organization(organization_id: UUID, body: OrganizationUpdate, write: Writing) -> Response:
    """Change name, time zone, business calendar or aging bounds."""
    _require_own(organization_id, write.principal.organization_id)
    expected = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        row = await service.update_organization(session, changes(body), expected_version=expected)
        return answer(organization_read(row, write.principal.scopes), version=row.version)

    return await write.run(work)


def _require_own(asked: UUID, own: UUID) -> None:
    if asked != own:
        raise OrganizationUnknown("the organization does not exist")


@router.post(
    "/legal-entities",
    operation_id="createLegalEntity",
    summary="Add a legal entity",
    status_code=201,
    response_model=LegalEntityRead,
    responses=problems(409),
)
async def create_legal_entity(body: LegalEntityCreate, write: Writing) -> Response:
    """Add a company code; documents and own bank accounts belong to one."""
    new = service.NewLegalEntity(**body.model_dump())

    async def work(session: WriteSession) -> Answer:
        row = await service.create_legal_entity(session, new)
        made = legal_entity_read(row, write.principal.scopes)
        return created(made, version=row.version, location=f"/v1/legal-entities/{row.id}")

    return await write.run(work)


@router.get(
    "/legal-entities",
    operation_id="listLegalEntities",
    summary="List legal entities",
    response_model=Page[LegalEntityRead],
    responses=problems(),
)
async def list_legal_entities(read: Reading, caller: Caller, page: Paging, code: Number | None = None) -> Response:
    """Legal entities by `created` (default) or `code`."""
    orders = {"created": (SortKey(LegalEntity.id, UUID),), "code": (SortKey(LegalEntity.code, str),)}
    statement = select(LegalEntity).where(LegalEntity.organization_id == read.organization_id)
    if code is not None:
        statement = statement.where(LegalEntity.code == code)
    sort, keys = choose_sort(page, orders, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [legal_entity_read(row[0], caller.scopes) for row in rows]
    return resource_response(Page[LegalEntityRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/legal-entities/{legal_entity_id}",
    operation_id="getLegalEntity",
    summary="Read a legal entity",
    response_model=LegalEntityRead,
    responses=problems(404),
)
async def get_legal_entity(legal_entity_id: UUID, read: Reading, caller: Caller) -> Response:
    """One legal entity; `ETag` is its version."""
    row = await queries.get_legal_entity(read, legal_entity_id)
    return resource_response(legal_entity_read(row, caller.scopes), row.version)


@router.patch(
    "/legal-entities/{legal_entity_id}",
    operation_id="updateLegalEntity",
    summary="Change a legal entity",
    response_model=LegalEntityRead,
    responses=problems(404, 409, 412, 428),
)
async def update_legal_entity(legal_entity_id: UUID, body: LegalEntityUpdate, write: Writing) -> Response:
    """Change name, country or the tax share of write-offs; code and currency stay for ever."""
    expected = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        row = await service.update_legal_entity(session, legal_entity_id, changes(body), expected_version=expected)
        return answer(legal_entity_read(row, write.principal.scopes), version=row.version)

    return await write.run(work)


@router.post(
    "/bank-accounts",
    operation_id="createBankAccount",
    summary="Add an own bank account",
    status_code=201,
    response_model=BankAccountRead,
    responses=problems(404, 409),
)
async def create_bank_account(body: BankAccountCreate, write: Writing) -> Response:
    """Add an own bank account; bank statements find it by identifier and currency."""
    new = service.NewBankAccount(**body.model_dump())

    async def work(session: WriteSession) -> Answer:
        row = await service.create_bank_account(session, new)
        made = bank_account_read(row, write.principal.scopes)
        return created(made, version=row.version, location=f"/v1/bank-accounts/{row.id}")

    return await write.run(work)


@router.get(
    "/bank-accounts",
    operation_id="listBankAccounts",
    summary="List own bank accounts",
    response_model=Page[BankAccountRead],
    responses=problems(),
)
async def list_bank_accounts(
    read: Reading, caller: Caller, page: Paging, legal_entity_id: UUID | None = None, currency: Currency | None = None
) -> Response:
    """Own bank accounts in the order of their creation."""
    statement = select(BankAccount).where(BankAccount.organization_id == read.organization_id)
    if legal_entity_id is not None:
        statement = statement.where(BankAccount.legal_entity_id == legal_entity_id)
    if currency is not None:
        statement = statement.where(BankAccount.currency == currency)
    sort, keys = choose_sort(page, {"created": (SortKey(BankAccount.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [bank_account_read(row[0], caller.scopes) for row in rows]
    return resource_response(Page[BankAccountRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/bank-accounts/{bank_account_id}",
    operation_id="getBankAccount",
    summary="Read an own bank account",
    response_model=BankAccountRead,
    responses=problems(404),
)
async def get_bank_account(bank_account_id: UUID, read: Reading, caller: Caller) -> Response:
    """One own bank account; `ETag` is its version."""
    row = await queries.get_bank_account(read, bank_account_id)
    return resource_response(bank_account_read(row, caller.scopes), row.version)


@router.patch(
    "/bank-accounts/{bank_account_id}",
    operation_id="updateBankAccount",
    summary="Change an own bank account",
    response_model=BankAccountRead,
    responses=problems(404, 409, 412, 428),
)
async def update_bank_account(bank_account_id: UUID, body: BankAccountUpdate, write: Writing) -> Response:
    """Change name or BIC; identifier and currency stay for ever."""
    expected = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        row = await service.update_bank_account(session, bank_account_id, changes(body), expected_version=expected)
        return answer(bank_account_read(row, write.principal.scopes), version=row.version)

    return await write.run(work)


@router.put(
    "/exchange-rates",
    operation_id="putExchangeRates",
    summary="Add or replace exchange rates",
    response_model=ExchangeRatesResult,
    responses=problems(409),
)
async def put_exchange_rates(body: ExchangeRatesPut, write: Writing) -> Response:
    """Up to 1,000 rates by pair and date, all or none. Sending the same again changes nothing."""
    rates = [
        service.NewRate(rate.from_currency, rate.to_currency, rate.rate_date, Decimal(rate.rate)) for rate in body.rates
    ]

    async def work(session: WriteSession) -> Answer:
        changed = await service.put_rates(session, rates)
        return answer(ExchangeRatesResult(received=len(rates), changed=changed))

    return await write.run(work)


@router.get(
    "/exchange-rates",
    operation_id="listExchangeRates",
    summary="List exchange rates",
    response_model=Page[ExchangeRateRead],
    responses=problems(),
)
async def list_exchange_rates(
    read: Reading,
    page: Paging,
    from_currency: Currency | None = None,
    to_currency: Currency | None = None,
    date_from: BusinessDate | None = None,
    date_to: BusinessDate | None = None,
) -> Response:
    """Rates by `rate_date` (default) or `created`."""
    rate_date = (SortKey(ExchangeRate.rate_date, date.fromisoformat), SortKey(ExchangeRate.id, UUID))
    orders = {"rate_date": rate_date, "created": (SortKey(ExchangeRate.id, UUID),)}
    statement = select(ExchangeRate).where(ExchangeRate.organization_id == read.organization_id)
    for column, value in ((ExchangeRate.from_currency, from_currency), (ExchangeRate.to_currency, to_currency)):
        if value is not None:
            statement = statement.where(column == value)
    if date_from is not None:
        statement = statement.where(ExchangeRate.rate_date >= date_from)
    if date_to is not None:
        statement = statement.where(ExchangeRate.rate_date <= date_to)
    sort, keys = choose_sort(page, orders, "rate_date")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [exchange_rate_read(row[0]) for row in rows]
    return resource_response(Page[ExchangeRateRead](data=data, has_more=cursor is not None, next_cursor=cursor))
