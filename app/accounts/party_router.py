"""HTTP of an account's contacts and payer identities."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.accounts import party_queries
from app.accounts.contacts import create_contact, erase_contact, update_contact
from app.accounts.identities import IdentityCommand, add_payer_identity, deactivate_payer_identity
from app.accounts.models import Contact, PayerIdentity
from app.accounts.party_schemas import (
    ContactRead,
    ContactUpdate,
    PayerIdentityCreate,
    PayerIdentityRead,
    contact_read,
    identity_read,
)
from app.accounts.queries import get_account
from app.accounts.schemas import ContactCreate
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal

router = APIRouter(prefix="/accounts/{account_id}", tags=["accounts"])
Reading = Annotated[ReadSession, reads("accounts:read")]
Caller = Annotated[Principal, callers("accounts:read")]
Writing = Annotated[Write, writes("accounts:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_CONTACT_SORTS = {
    "created": (SortKey(Contact.id, UUID),),
    "updated_at": (SortKey(Contact.updated_at, datetime.fromisoformat), SortKey(Contact.id, UUID)),
}
_IDENTITY_SORTS = {
    "created": (SortKey(PayerIdentity.id, UUID),),
    "confirmations": (SortKey(PayerIdentity.confirmations, int), SortKey(PayerIdentity.id, UUID)),
}


@router.post(
    "/contacts",
    operation_id="createContact",
    summary="Add a contact to an account",
    status_code=201,
    response_model=ContactRead,
    responses={**problems(404), 201: {"description": "The new contact", "headers": ETAG_HEADER}},
)
async def add_contact(account_id: UUID, body: ContactCreate, write: Writing) -> Response:
    """Add a person or mailbox."""

    async def work(session: WriteSession) -> Answer:
        contact_id = await create_contact(session, account_id, body.command())
        made = contact_read(await party_queries.get_contact(session, account_id, contact_id), write.principal.scopes)
        location = f"/v1/accounts/{account_id}/contacts/{contact_id}"
        return created(made, version=made.version, location=location)

    return await write.run(work)


@router.get(
    "/contacts",
    operation_id="listContacts",
    summary="List the contacts of an account",
    response_model=Page[ContactRead],
    responses=problems(404),
)
async def list_contacts(account_id: UUID, read: Reading, caller: Caller, page: Paging) -> Response:
    """Contacts in use, by `created` (default) or `updated_at`."""
    await get_account(read, account_id)
    sort, keys = choose_sort(page, _CONTACT_SORTS, "created")
    statement = party_queries.contacts_statement(read.organization_id, account_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [contact_read(row[0].__dict__, caller.scopes) for row in rows]
    return resource_response(Page[ContactRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/contacts/{contact_id}",
    operation_id="getContact",
    summary="Read a contact",
    response_model=ContactRead,
    responses={**problems(404), 200: {"description": "The contact", "headers": ETAG_HEADER}},
)
async def get_contact(account_id: UUID, contact_id: UUID, read: Reading, caller: Caller) -> Response:
    """One contact; `ETag` is its version."""
    found = contact_read(await party_queries.get_contact(read, account_id, contact_id), caller.scopes)
    return resource_response(found, found.version)


@router.patch(
    "/contacts/{contact_id}",
    operation_id="updateContact",
    summary="Change a contact",
    response_model=ContactRead,
    responses={**problems(404, 412, 428), 200: {"description": "The contact", "headers": ETAG_HEADER}},
)
async def change_contact(account_id: UUID, contact_id: UUID, body: ContactUpdate, write: Writing) -> Response:
    """Change the given fields; `If-Match` is required."""

    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version()
        present = await party_queries.get_contact(session, account_id, contact_id, lock=True)
        command = body.command(present["role"])
        await update_contact(session, account_id, contact_id, command, expected_version=expected)
        made = contact_read(await party_queries.get_contact(session, account_id, contact_id), write.principal.scopes)
        return answer(made, version=made.version)

    return await write.run(work)


@router.delete(
    "/contacts/{contact_id}",
    operation_id="eraseContact",
    summary="Erase a contact",
    status_code=204,
    responses=problems(404, 412),
)
async def remove_contact(account_id: UUID, contact_id: UUID, write: Writing) -> Response:
    """Name, addresses and consents are deleted for good; what refers to the contact stays, without them."""

    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version(required=False)
        await erase_contact(session, account_id, contact_id, expected_version=expected)
        return Answer(None, 204)

    return await write.run(work)


@router.post(
    "/payer-identities",
    operation_id="addPayerIdentity",
    summary="Add a payer identity to an account",
    status_code=201,
    response_model=PayerIdentityRead,
    responses={**problems(404, 409), 201: {"description": "The payer identity", "headers": ETAG_HEADER}},
)
async def add_identity(account_id: UUID, body: PayerIdentityCreate, write: Writing) -> Response:
    """Payments under this bank identifier or payer name belong to the account. One out of use comes back."""

    async def work(session: WriteSession) -> Answer:
        identity_id = await add_payer_identity(session, IdentityCommand(account_id, body.kind, body.value))
        made = identity_read(await party_queries.get_identity(session, account_id, identity_id), write.principal.scopes)
        location = f"/v1/accounts/{account_id}/payer-identities/{identity_id}"
        return created(made, version=made.version, location=location)

    return await write.run(work)


@router.get(
    "/payer-identities",
    operation_id="listPayerIdentities",
    summary="List the payer identities of an account",
    response_model=Page[PayerIdentityRead],
    responses=problems(404),
)
async def list_identities(
    account_id: UUID, read: Reading, caller: Caller, page: Paging, active: bool | None = None
) -> Response:
    """Identities by `created` (default) or `confirmations`, also those out of use unless `active` says otherwise."""
    await get_account(read, account_id)
    sort, keys = choose_sort(page, _IDENTITY_SORTS, "created")
    statement = party_queries.identities_statement(read.organization_id, account_id, active)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [identity_read(row[0].__dict__, caller.scopes) for row in rows]
    return resource_response(Page[PayerIdentityRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/payer-identities/{identity_id}",
    operation_id="getPayerIdentity",
    summary="Read a payer identity",
    response_model=PayerIdentityRead,
    responses={**problems(404), 200: {"description": "The payer identity", "headers": ETAG_HEADER}},
)
async def get_identity(account_id: UUID, identity_id: UUID, read: Reading, caller: Caller) -> Response:
    """One payer identity; `ETag` is its version."""
    found = identity_read(await party_queries.get_identity(read, account_id, identity_id), caller.scopes)
    return resource_response(found, found.version)


@router.post(
    "/payer-identities/{identity_id}/deactivate",
    operation_id="deactivatePayerIdentity",
    summary="Take a payer identity out of use",
    response_model=PayerIdentityRead,
    responses=problems(404, 412),
)
async def deactivate_identity(account_id: UUID, identity_id: UUID, write: Writing) -> Response:
    """No payment is recognised by it any more, and none brings it back; adding it again does."""

    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version(required=False)
        await deactivate_payer_identity(session, account_id, identity_id, expected_version=expected)
        made = identity_read(await party_queries.get_identity(session, account_id, identity_id), write.principal.scopes)
        return answer(made, version=made.version)

    return await write.run(work)
