"""HTTP of payment terms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.accounts import queries
from app.accounts.errors import PaymentTermsNotFound
from app.accounts.models import PaymentTerms as PaymentTermsRow
from app.accounts.party_schemas import PaymentTermsCreate, PaymentTermsRead, PaymentTermsUpdate, terms_of, terms_read
from app.accounts.rules import PaymentTermsInvalid
from app.accounts.terms import create_payment_terms, update_payment_terms
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, Number, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal

router = APIRouter(prefix="/payment-terms", tags=["payment terms"])
Reading = Annotated[ReadSession, reads("accounts:read")]
Caller = Annotated[Principal, callers("accounts:read")]
Writing = Annotated[Write, writes("accounts:write")]
_SORTS = {
    "created": (SortKey(PaymentTermsRow.id, UUID),),
    "code": (SortKey(PaymentTermsRow.code, str), SortKey(PaymentTermsRow.id, UUID)),
    "updated_at": (SortKey(PaymentTermsRow.updated_at, datetime.fromisoformat), SortKey(PaymentTermsRow.id, UUID)),
}


@router.post(
    "",
    operation_id="createPaymentTerms",
    summary="Create payment terms",
    status_code=201,
    response_model=PaymentTermsRead,
    responses={**problems(409), 201: {"description": "The new terms", "headers": ETAG_HEADER}},
)
async def create(body: PaymentTermsCreate, write: Writing) -> Response:
    """Create terms from a text such as "2/10 net 30", or from a definition."""

    async def work(session: WriteSession) -> Answer:
        terms = terms_of(body.code, body.terms, body.definition)
        if terms is None:
            raise PaymentTermsInvalid("give the terms as a text or as a definition", pointer="/terms")
        terms_id = await create_payment_terms(session, terms, body.name)
        made = await _document(session, terms_id, write.principal.scopes)
        return created(made, version=made.version, location=f"/v1/payment-terms/{terms_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listPaymentTerms",
    summary="List payment terms",
    response_model=Page[PaymentTermsRead],
    responses=problems(),
)
async def list_terms(
    read: Reading,
    caller: Caller,
    page: Annotated[PageRequest, Depends(page_request)],
    code: Number | None = None,
    active: bool | None = None,
) -> Response:
    """Payment terms by filter, in a stable order (`created`, `code` or `updated_at`)."""
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.payment_terms_statement(read.organization_id, active, code)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [terms_read(row[0].__dict__, caller.scopes) for row in rows]
    return resource_response(Page[PaymentTermsRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{payment_terms_id}",
    operation_id="getPaymentTerms",
    summary="Read payment terms",
    response_model=PaymentTermsRead,
    responses={**problems(404), 200: {"description": "The terms", "headers": ETAG_HEADER}},
)
async def get(payment_terms_id: UUID, read: Reading, caller: Caller) -> Response:
    """One set of terms; `ETag` is its version."""
    found = await _document(read, payment_terms_id, caller.scopes)
    return resource_response(found, found.version)


@router.patch(
    "/{payment_terms_id}",
    operation_id="updatePaymentTerms",
    summary="Change payment terms",
    response_model=PaymentTermsRead,
    responses={**problems(404, 412, 428), 200: {"description": "The terms", "headers": ETAG_HEADER}},
)
async def update(payment_terms_id: UUID, body: PaymentTermsUpdate, write: Writing) -> Response:
    """Change the given fields; `If-Match` is required. Documents issued before keep their due dates."""

    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version()
        code = (await queries.lock_payment_terms(session, payment_terms_id))["code"]
        await update_payment_terms(
            session,
            payment_terms_id,
            terms=terms_of(code, body.terms, body.definition),
            name=body.name,
            active=body.active,
            expected_version=expected,
        )
        made = await _document(session, payment_terms_id, write.principal.scopes)
        return answer(made, version=made.version)

    return await write.run(work)


async def _document(session: ReadSession, terms_id: UUID, scopes: frozenset[str]) -> PaymentTermsRead:
    row = (await queries.payment_terms_rows(session, [terms_id])).get(terms_id)
    if row is None:
        raise PaymentTermsNotFound("no such payment terms")
    return terms_read(row, scopes)
