"""How a template reads: with sample values, or as a notice would say it; and an example by e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.dunning.errors import NoticeNotFound
from app.dunning.messages.compose import draft_of_notice
from app.dunning.messages.errors import DunningTemplateNotFound, TestSendInvalid
from app.dunning.messages.shipped.templates import Template
from app.dunning.messages.templates import TemplateContent, get_template, sources_of
from app.dunning.messages.values import sample_values
from app.infra.database import Database, WriteSession
from app.infra.mail.outbox import queue_email
from app.infra.rendering.sandbox import renderer
from app.organizations.queries import local_today, organization_facts
from app.settings import Settings

TEST_PURPOSE = "dunning_test"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: a stored template by code, or parts that are not stored yet; of a notice, or a sample."""

    language: str
    code: str | None = None
    content: TemplateContent | None = None
    notice_id: UUID | None = None


async def preview(
    database: Database, settings: Settings, organization_id: UUID, wanted: Wanted, now: datetime
) -> tuple[str, dict[str, str]]:
    """The language, and every part as a customer would read it; nothing is written.

    Raises NoticeNotFound, DunningTemplateNotFound, TemplateInvalid.
    """
    language = wanted.language
    template: Template | TemplateContent | None = wanted.content
    values: dict[str, Any]
    async with database.read(organization_id) as session:
        if wanted.notice_id is not None:
            draft = await draft_of_notice(session, settings, wanted.notice_id, now)
            if draft is None:
                raise NoticeNotFound("no such dunning notice")
            values, language = draft.values, draft.language or "en"
            template = template or draft.template
        else:
            organization = await organization_facts(session)
            today = await local_today(session, now)
            values = sample_values(language, today, organization_name=organization.name)
        if template is None:
            if wanted.code is None:
                raise DunningTemplateNotFound("name a template by its code, or give its parts")
            template = (await get_template(session, wanted.code, language)).template
    return language, await renderer().render(sources_of(template), values)


async def send_test(session: WriteSession, texts: dict[str, str], recipient: str) -> UUID:
    """Put an example into the outbox, marked as such; it is nobody's reminder. Raises RecipientInvalid.

    Raises TestSendInvalid where the subject comes out empty.
    """
    subject = " ".join(texts["subject"].split())
    if not subject:
        raise TestSendInvalid("the subject comes out empty", pointer="/subject")
    return await queue_email(
        session,
        recipient=recipient,
        subject=f"[Test] {subject}"[:300],
        text=texts["text"].strip() + "\n",
        html=texts.get("html"),
        purpose=TEST_PURPOSE,
        subject_kind="organization",
        subject_id=session.organization_id,
    )
