"""HTTP of dunning templates: shipped ones, own ones, how they read, an example by e-mail."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from app.core.clock import business_date, utc_now
from app.dunning.messages.preview import Wanted, preview, send_test
from app.dunning.messages.schemas import (
    DunningTemplatePreview,
    DunningTemplatePreviewed,
    DunningTemplateRead,
    DunningTemplateTest,
    DunningTemplateTested,
    DunningTemplateUpdate,
    TemplateCode,
    TemplateLanguage,
)
from app.dunning.messages.shipped.templates import ITEMS_MARK
from app.dunning.messages.templates import TemplateContent, all_templates, get_template, put_template, try_template
from app.infra.database import ReadSession, WriteSession
from app.infra.http.downloads import FILE, download_headers
from app.infra.http.fields import ETAG_HEADER, resource_response
from app.infra.http.paging import Page
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.infra.rendering.letters import PDF, Letter, letter_pdf

router = APIRouter(tags=["dunning"])
Reading = Annotated[ReadSession, reads("dunning:read")]
Writing = Annotated[Write, writes("dunning:write")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}


@router.get(
    "/dunning/templates",
    operation_id="listDunningTemplates",
    summary="List dunning templates",
    response_model=Page[DunningTemplateRead],
    responses=problems(),
)
async def list_templates(
    read: Reading, code: TemplateCode | None = None, language: TemplateLanguage | None = None
) -> Response:
    """All of them on one page: shipped ones as they are or as they were replaced, and added ones."""
    found = [DunningTemplateRead.of(one) for one in await all_templates(read)]
    data = [one for one in found if code in (None, one.code) and language in (None, one.language)]
    return resource_response(Page[DunningTemplateRead](data=data, has_more=False, next_cursor=None))


@router.get(
    "/dunning/templates/{template_code}/{template_language}",
    operation_id="getDunningTemplate",
    summary="Read a dunning template",
    response_model=DunningTemplateRead,
    responses={**problems(404), **_OK},
)
async def get(template_code: TemplateCode, template_language: TemplateLanguage, read: Reading) -> Response:
    """The organization's own, else the shipped one."""
    found = DunningTemplateRead.of(await get_template(read, template_code, template_language))
    return resource_response(found, found.version)


@router.put(
    "/dunning/templates/{template_code}/{template_language}",
    operation_id="putDunningTemplate",
    summary="Replace or add a dunning template",
    response_model=DunningTemplateRead,
    responses={**problems(409, 412, 428), **_OK},
)
async def put(
    template_code: TemplateCode, template_language: TemplateLanguage, body: DunningTemplateUpdate, write: Writing
) -> Response:
    """Tried with sample values first: what cannot be rendered is refused. `If-Match: "0"` replaces a shipped one.

    An own template that is not `active` leaves the place to the shipped one.
    """
    version = write.expected_version()
    content = body.content()
    await try_template(content, template_language, write.now.date())

    async def work(session: WriteSession) -> Answer:
        await put_template(session, template_code, template_language, content, expected_version=version)
        made = DunningTemplateRead.of(await get_template(session, template_code, template_language))
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/dunning/templates/preview",
    operation_id="previewDunningTemplate",
    summary="Show how a template reads",
    response_model=DunningTemplatePreviewed,
    responses=problems(404),
)
async def show(
    body: DunningTemplatePreview, request: Request, write: Annotated[Write, writes("dunning:read")]
) -> Response:
    """With sample values, or as a notice would say it; nothing is stored or sent."""
    parts = None if body.parts is None else TemplateContent(name="preview", **body.parts.model_dump())
    wanted = Wanted(body.language, body.code, parts, body.notice_id)
    state = request.app.state
    organization_id = write.principal.organization_id
    language, texts = await preview(state.read_database, state.settings, organization_id, wanted, write.now)
    named = {name: texts.get(name) for name in ("subject", "text", "html", "letter", "sms")}
    made = DunningTemplatePreviewed.model_validate({"language": language, **named})

    async def work(_: WriteSession) -> Answer:
        return answer(made)

    return await write.run(work)


@router.get(
    "/dunning/templates/{template_code}/{template_language}/pdf",
    operation_id="getDunningTemplatePdf",
    summary="See a template as a letter",
    response_class=Response,
    responses={**problems(404), 200: {"content": {PDF: FILE}, "description": "The PDF"}},
)
async def get_pdf(
    template_code: TemplateCode,
    template_language: TemplateLanguage,
    request: Request,
    principal: Annotated[Principal, callers("dunning:read")],
) -> Response:
    """With sample values."""
    state, now = request.app.state, utc_now()
    wanted = Wanted(template_language, template_code)
    _, texts = await preview(state.read_database, state.settings, principal.organization_id, wanted, now)
    before, _, after = (texts.get("letter") or texts["text"]).partition(ITEMS_MARK)
    letter = Letter(
        subject=texts["subject"], before=before, after=after, dated="", sender=("Example Supplies Ltd",),
        address=("Example Customer Limited",), table=(("No.", "EUR"), ("INV-1001", "1,250.00")), right=(1,),
        language=template_language[:2],
    )  # fmt: skip
    content = await asyncio.to_thread(letter_pdf, letter, business_date(now, "UTC"))
    name = f"template-{template_code}-{template_language}.pdf"
    return Response(content, media_type=PDF, headers=download_headers(name))


@router.post(
    "/dunning/templates/{template_code}/{template_language}/test",
    operation_id="testDunningTemplate",
    summary="Send an example of a template",
    status_code=202,
    response_model=DunningTemplateTested,
    responses=problems(404),
)
async def test(
    template_code: TemplateCode,
    template_language: TemplateLanguage,
    body: DunningTemplateTest,
    request: Request,
    write: Writing,
) -> Response:
    """An e-mail with sample values, marked as a test; it counts as no contact and is nobody's reminder."""
    state, wanted = request.app.state, Wanted(template_language, template_code)
    _, texts = await preview(state.read_database, state.settings, write.principal.organization_id, wanted, write.now)

    async def work(session: WriteSession) -> Answer:
        email_id = await send_test(session, texts, body.recipient)
        return Answer(DunningTemplateTested(email_id=email_id), 202, None, f"/v1/outgoing-emails/{email_id}")

    return await write.run(work)
