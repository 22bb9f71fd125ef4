"""HTTP of privacy: erasure on request, retention periods, what would go tonight."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today
from app.privacy import queries
from app.privacy.erasure import erase_personal_data
from app.privacy.models import PersonalDataErasure
from app.privacy.retention import change_settings, preview
from app.privacy.schemas import (
    PersonalDataErase,
    PersonalDataErasureRead,
    RetentionOverRead,
    RetentionPreviewRead,
    RetentionRead,
    RetentionUpdate,
)

router = APIRouter(tags=["privacy"])
_SORTS = {"erased": (SortKey(PersonalDataErasure.id, UUID),)}


@router.post(
    "/accounts/{account_id}/erase-personal-data",
    operation_id="erasePersonalData",
    summary="Forget the people of an account; the ledger stays",
    status_code=201,
    response_model=PersonalDataErasureRead,
    responses=problems(404, 409),
)
async def erase(
    account_id: UUID, body: PersonalDataErase, write: Annotated[Write, writes("accounts:approve")]
) -> Response:
    """Contacts, payer names and bank identifiers, remittance texts, letters and e-mails with their files, notes.

    Amounts, dates and numbers stay, as the law of accounting asks. It cannot be undone. Refused while a legal case is
    open, unless forced.
    """

    async def work(session: WriteSession) -> Answer:
        made = await erase_personal_data(session, body.command(account_id))
        return created(PersonalDataErasureRead.of(made))

    return await write.run(work)


@router.get(
    "/personal-data-erasures",
    operation_id="listPersonalDataErasures",
    summary="Which personal data were erased on request",
    response_model=Page[PersonalDataErasureRead],
    responses=problems(),
)
async def list_erasures(
    read: Annotated[ReadSession, reads("audit:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
) -> Response:
    """Newest first."""
    statement = queries.erasures_statement(read.organization_id, account_id)
    sort, keys = choose_sort(page, _SORTS, "-erased")
    found, cursor = await fetch_page(read, statement, page, keys, sort)
    rows: list[Any] = list(found)
    data = [PersonalDataErasureRead.of(row[0]) for row in rows]
    return resource_response(Page[PersonalDataErasureRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/retention",
    operation_id="getRetention",
    summary="How long each kind of data is kept",
    response_model=RetentionRead,
    responses={**problems(), 200: {"headers": ETAG_HEADER}},
)
async def get_retention(read: Annotated[ReadSession, reads("organizations:read")]) -> Response:
    """Months by kind; null is for ever, which is the default."""
    found = RetentionRead.of(await queries.find_settings(read))
    return resource_response(found, found.version)


@router.patch(
    "/retention",
    operation_id="updateRetention",
    summary="Change how long data are kept",
    response_model=RetentionRead,
    responses=problems(412, 428),
)
async def update_retention(body: RetentionUpdate, write: Annotated[Write, writes("organizations:write")]) -> Response:
    """Applies from the next night. See the preview before."""

    async def work(session: WriteSession) -> Answer:
        made = await change_settings(session, changes(body), expected_version=write.expected_version())
        return answer(RetentionRead.of(made), version=made.version)

    return await write.run(work)


@router.get(
    "/retention/preview",
    operation_id="previewRetention",
    summary="What would go tonight",
    response_model=RetentionPreviewRead,
    responses=problems(),
)
async def preview_retention(read: Annotated[ReadSession, reads("organizations:read")]) -> Response:
    """Counts by kind with the very conditions of the night; nothing is changed."""
    today = await local_today(read, utc_now())
    kinds = [RetentionOverRead.of(over) for over in await preview(read, today)]
    return resource_response(RetentionPreviewRead(business_date=today, kinds=kinds))
