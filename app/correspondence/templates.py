"""Templates of messages: tried before they are stored, every revision kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.correspondence import queries
from app.correspondence.models import CorrespondenceTemplate, CorrespondenceTemplateRevision
from app.correspondence.values import sample_values
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.rendering.sandbox import renderer
from app.infra.versions import RECORDED_NOW, check_version


@dataclass(frozen=True, slots=True)
class TemplateContent:
    """What a template is."""

    code: str
    name: str
    language: str
    purpose: str
    subject: str
    body: str
    active: bool = True
    sample: dict[str, str] | None = None


async def try_template(content: TemplateContent, today: date) -> dict[str, str]:
    """Subject and body with sample values, so that faults show when it is stored. Raises TemplateInvalid."""
    values = sample_values(today)
    values["values"] = {**values["values"], **(content.sample or {})}
    return await renderer().render({"subject": content.subject, "body": content.body}, values)


async def create_template(session: WriteSession, content: TemplateContent) -> UUID:
    """Store a template that was tried. Raises TemplateExists."""
    template = CorrespondenceTemplate(organization_id=session.organization_id, id=new_id(), version=1, revision=1)
    template.code, template.language = content.code, content.language
    _fill(template, content)
    session.add(template)
    await session.flush()
    await _keep(session, template)
    _record(session, template, "created")
    return template.id


async def update_template(
    session: WriteSession, template_id: UUID, content: TemplateContent, *, expected_version: int | None
) -> None:
    """Change a template that was tried; code and language stay. Raises TemplateNotFound, StaleVersion."""
    template = await queries.get_template(session, template_id, lock=True)
    check_version(expected_version, template.version)
    changed = (template.subject, template.body) != (content.subject, content.body)
    _fill(template, content)
    template.version, template.updated_at = template.version + 1, RECORDED_NOW
    if changed:
        template.revision += 1
    await session.flush()
    if changed:
        await _keep(session, template)
    _record(session, template, "updated")


def _fill(template: CorrespondenceTemplate, content: TemplateContent) -> None:
    for name in ("name", "purpose", "subject", "body", "active"):
        setattr(template, name, getattr(content, name))


async def _keep(session: WriteSession, template: CorrespondenceTemplate) -> None:
    session.add(
        CorrespondenceTemplateRevision(
            organization_id=session.organization_id,
            id=new_id(),
            template_id=template.id,
            revision=template.revision,
            subject=template.subject,
            body=template.body,
            actor_name=session.actor.name,
        )
    )
    await session.flush()


def _record(session: WriteSession, template: CorrespondenceTemplate, event: str) -> None:
    facts = {"code": template.code, "language": template.language, "revision": template.revision}
    change = ChangeRow("correspondence_template", template.id, f"correspondence_template.{event}", None, facts)
    record_change(session, change)
