"""HTTP of bank profiles: how the CSV statements of a bank are written."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response, visible
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.integrations.bank_csv.proposing import SAMPLE_BYTES_MAX, propose
from app.integrations.bank_profiles import queries, service
from app.integrations.bank_profiles.models import BankProfile
from app.integrations.bank_profiles.schemas import (
    BankProfileCreate,
    BankProfileGuessRead,
    BankProfileRead,
    BankProfileUpdate,
)
from app.integrations.errors import UploadInvalid
from app.integrations.import_fields import BANK_STATEMENT
from app.integrations.presets import presets

router = APIRouter(prefix="/bank-profiles", tags=["bank statements"])
_EDIT = "bank-statements:write"
_SORTS = {"name": (SortKey(BankProfile.name, str), SortKey(BankProfile.id, UUID))}
_SAMPLE: dict[str, Any] = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {"type": "string", "format": "binary"},
            "example": "Date,Description,Amount,Balance\n11/13/2026,ACH RE-2026-000123,1250.00,2250.00\n",
        }
    },
}


@router.post(
    "",
    operation_id="createBankProfile",
    summary="Add a bank profile",
    status_code=201,
    response_model=BankProfileRead,
    responses=problems(409),
)
async def create(body: BankProfileCreate, write: Annotated[Write, writes(_EDIT)]) -> Response:
    """A profile of one's own, for a bank whose statements come as CSV. Imports name it as `preset`."""

    async def work(session: WriteSession) -> Answer:
        row = await service.create_profile(session, body.name, body.title, body.definition.content())
        return Answer(BankProfileRead.of(row, may_edit=True), 201, row.version, f"/v1/bank-profiles/{row.id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listBankProfiles",
    summary="List bank profiles",
    response_model=Page[BankProfileRead],
    responses=problems(),
)
async def list_profiles(
    read: Annotated[ReadSession, reads("bank-statements:read")],
    caller: Annotated[Principal, callers("bank-statements:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    active: bool | None = None,
    name: Annotated[str | None, visible(60)] = None,
) -> Response:
    """The organization's own profiles by name; those that are shipped are at GET /v1/import-presets."""
    sort, keys = choose_sort(page, _SORTS, "name")
    statement = queries.profiles_statement(read.organization_id, active=active, name=name)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [BankProfileRead.of(row[0], may_edit=_EDIT in caller.scopes) for row in rows]
    return resource_response(Page[BankProfileRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/guess",
    operation_id="guessBankProfile",
    summary="Propose a bank profile for a sample",
    response_model=BankProfileGuessRead,
    responses=problems(413),
    openapi_extra={"requestBody": _SAMPLE},
)
async def guess(request: Request, write: Annotated[Write, writes(_EDIT)]) -> Response:
    """The body is the file, or its beginning, up to 1 MiB. Nothing is kept.

    The balances of the sample prove amounts and signs; without them compare the entries with what the bank shows.
    """
    sample = bytearray()
    async for piece in request.stream():
        sample += piece
        if len(sample) > SAMPLE_BYTES_MAX:
            raise UploadInvalid(f"a sample has at most {SAMPLE_BYTES_MAX} bytes")
    shipped = {name: found for name, found in presets().items() if found["kind"] == BANK_STATEMENT}
    write.fingerprint = hashlib.sha256(sample).digest()

    async def work(session: WriteSession) -> Answer:
        known = shipped | await queries.active_definitions(session)
        return answer(BankProfileGuessRead.of(await run_in_threadpool(propose, bytes(sample), known)))

    return await write.run(work)


@router.get(
    "/{bank_profile_id}",
    operation_id="getBankProfile",
    summary="Read a bank profile",
    response_model=BankProfileRead,
    responses=problems(404),
)
async def get(
    bank_profile_id: UUID,
    read: Annotated[ReadSession, reads("bank-statements:read")],
    caller: Annotated[Principal, callers("bank-statements:read")],
) -> Response:
    """One profile; `ETag` is its version."""
    row = await queries.get_profile(read, bank_profile_id)
    return resource_response(BankProfileRead.of(row, may_edit=_EDIT in caller.scopes), row.version)


@router.patch(
    "/{bank_profile_id}",
    operation_id="updateBankProfile",
    summary="Change a bank profile, or put it out of use",
    response_model=BankProfileRead,
    responses=problems(404, 409, 412, 428),
)
async def update(bank_profile_id: UUID, body: BankProfileUpdate, write: Annotated[Write, writes(_EDIT)]) -> Response:
    """`If-Match` is required. Imports that were started keep what they were started with."""
    version = write.expected_version()
    wanted = changes(body)
    if "definition" in wanted:
        wanted["definition"] = body.definition.content()

    async def work(session: WriteSession) -> Answer:
        row = await service.update_profile(session, bank_profile_id, wanted, expected_version=version)
        return answer(BankProfileRead.of(row, may_edit=True), version=row.version)

    return await write.run(work)
