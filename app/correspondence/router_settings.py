"""HTTP of templates, rules of contact, and contacts that were made or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.correspondence import queries
from app.correspondence.contact_rules import Channel, Outcome
from app.correspondence.models import ContactAttempt, CorrespondenceTemplate
from app.correspondence.preferences import check_preferences, find_preferences, update_preferences
from app.correspondence.rules import Purpose
from app.correspondence.schemas import (
    Code,
    ContactAttemptRead,
    CorrespondenceSettingsRead,
    CorrespondenceSettingsUpdate,
    CorrespondenceTemplateCreate,
    CorrespondenceTemplateRead,
    CorrespondenceTemplateUpdate,
    Language,
)
from app.correspondence.templates import TemplateContent, create_template, try_template, update_template
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, BusinessDate, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes

templates_router = APIRouter(prefix="/correspondence-templates", tags=["correspondence"])
settings_router = APIRouter(prefix="/correspondence-settings", tags=["correspondence"])
attempts_router = APIRouter(prefix="/contact-attempts", tags=["correspondence"])
_TEMPLATE_SORTS = {"created": (SortKey(CorrespondenceTemplate.id, UUID),)}
_ATTEMPT_SORTS = {
    "at": (SortKey(ContactAttempt.at, datetime.fromisoformat), SortKey(ContactAttempt.id, UUID)),
}
Reading = Annotated[ReadSession, reads("correspondence:read")]
Deciding = Annotated[Write, writes("correspondence:approve")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}


@templates_router.post(
    "",
    operation_id="createCorrespondenceTemplate",
    summary="Add a template",
    status_code=201,
    response_model=CorrespondenceTemplateRead,
    responses=problems(409),
)
async def create(body: CorrespondenceTemplateCreate, write: Deciding) -> Response:
    """Tried with sample values first: what cannot be rendered is refused with its line."""
    content = TemplateContent(
        code=body.code, name=body.name, language=body.language, purpose=body.purpose, subject=body.subject,
        body=body.body, active=body.active, sample=dict(body.sample_values),
    )  # fmt: skip
    await try_template(content, write.now.date())

    async def work(session: WriteSession) -> Answer:
        template_id = await create_template(session, content)
        made = CorrespondenceTemplateRead.of(await queries.get_template(session, template_id))
        return created(made, version=made.version, location=f"/v1/correspondence-templates/{template_id}")

    return await write.run(work)


@templates_router.get(
    "",
    operation_id="listCorrespondenceTemplates",
    summary="List templates",
    response_model=Page[CorrespondenceTemplateRead],
    responses=problems(),
)
async def list_templates(
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    code: Code | None = None,
    language: Language | None = None,
    purpose: Purpose | None = None,
    active: bool | None = None,
) -> Response:
    """Templates in the order in which they were added."""
    sort, keys = choose_sort(page, _TEMPLATE_SORTS, "created")
    statement = queries.templates_statement(
        read.organization_id, code=code, language=language, purpose=purpose, active=active
    )
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CorrespondenceTemplateRead.of(row[0]) for row in rows]
    return resource_response(
        Page[CorrespondenceTemplateRead](data=data, has_more=cursor is not None, next_cursor=cursor)
    )


@templates_router.get(
    "/{correspondence_template_id}",
    operation_id="getCorrespondenceTemplate",
    summary="Read a template",
    response_model=CorrespondenceTemplateRead,
    responses={**problems(404), **_OK},
)
async def get(correspondence_template_id: UUID, read: Reading) -> Response:
    """One template; `ETag` is its version."""
    found = CorrespondenceTemplateRead.of(await queries.get_template(read, correspondence_template_id))
    return resource_response(found, found.version)


@templates_router.put(
    "/{correspondence_template_id}",
    operation_id="updateCorrespondenceTemplate",
    summary="Change a template",
    response_model=CorrespondenceTemplateRead,
    responses={**problems(404, 412, 428), **_OK},
)
async def update(correspondence_template_id: UUID, body: CorrespondenceTemplateUpdate, write: Deciding) -> Response:
    """A new revision; messages name the one that they were made from."""
    version = write.expected_version()
    content = TemplateContent(
        code="", name=body.name, language="", purpose=body.purpose, subject=body.subject, body=body.body,
        active=body.active, sample=dict(body.sample_values),
    )  # fmt: skip
    await try_template(content, write.now.date())

    async def work(session: WriteSession) -> Answer:
        await update_template(session, correspondence_template_id, content, expected_version=version)
        made = CorrespondenceTemplateRead.of(await queries.get_template(session, correspondence_template_id))
        return answer(made, version=made.version)

    return await write.run(work)


@settings_router.get(
    "",
    operation_id="getCorrespondenceSettings",
    summary="Read the rules of contact and other settings",
    response_model=CorrespondenceSettingsRead,
    responses={**problems(), **_OK},
)
async def get_settings(read: Reading) -> Response:
    """The shipped ones until somebody changes them."""
    found, version = await find_preferences(read)
    return resource_response(CorrespondenceSettingsRead.of(found, version), version)


@settings_router.put(
    "",
    operation_id="updateCorrespondenceSettings",
    summary="Change the rules of contact and other settings",
    response_model=CorrespondenceSettingsRead,
    responses={**problems(412, 428), **_OK},
)
async def put_settings(body: CorrespondenceSettingsUpdate, write: Deciding) -> Response:
    """They hold from the next contact on, planned ones included."""
    version = write.expected_version()
    check_preferences(body.preferences())

    async def work(session: WriteSession) -> Answer:
        await update_preferences(session, body.preferences(), expected_version=version)
        found, made = await find_preferences(session)
        return answer(CorrespondenceSettingsRead.of(found, made), version=made)

    return await write.run(work)


@attempts_router.get(
    "",
    operation_id="listContactAttempts",
    summary="List contacts made, put off and refused",
    response_model=Page[ContactAttemptRead],
    responses=problems(),
)
async def list_attempts(
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    contact_id: UUID | None = None,
    channel: Channel | None = None,
    outcome: Outcome | None = None,
    on_or_after: BusinessDate | None = None,
) -> Response:
    """Each with the rule that spoke (`-at` shows the latest first)."""
    sort, keys = choose_sort(page, _ATTEMPT_SORTS, "at")
    statement = queries.attempts_statement(
        read.organization_id, on_or_after, account_id=account_id, contact_id=contact_id, channel=channel,
        outcome=outcome,
    )  # fmt: skip
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ContactAttemptRead.of(row[0]) for row in rows]
    return resource_response(Page[ContactAttemptRead](data=data, has_more=cursor is not None, next_cursor=cursor))
