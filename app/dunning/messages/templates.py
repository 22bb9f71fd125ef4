"""Templates: shipped ones, and what an organization put in their place; tried before they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.ids import new_id
from app.dunning.messages import queries
from app.dunning.messages.errors import DunningTemplateNotFound
from app.dunning.messages.models import DunningTemplate, DunningTemplateRevision
from app.dunning.messages.rules import language_order
from app.dunning.messages.shipped.templates import CODES, WORDINGS, Template, find_shipped, shipped_template
from app.dunning.messages.values import sample_values
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.rendering.sandbox import renderer
from app.infra.versions import RECORDED_NOW, check_version

TEXTS = ("subject", "text", "html", "letter", "sms")


@dataclass(frozen=True, slots=True)
class TemplateContent:
    """What somebody puts in place of a template."""

    name: str
    subject: str
    text: str
    html: str | None = None
    letter: str | None = None
    sms: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of some codes, own ones before shipped ones."""

    own: Mapping[tuple[str, str], Template]

    def find(self, code: str, *languages: str | None) -> Template | None:
        """The template of that code in the first of these languages in which there is one; own before shipped."""
        for language in language_order(*languages):
            found = self.own.get((code, language)) or shipped_template(code, language)
            if found is not None:
                return found
        return next((found for (own_code, _), found in sorted(self.own.items()) if own_code == code), None)


async def load_templates(session: ReadSession, codes: Iterable[str]) -> Templates:
    """The templates of these codes."""
    rows = await queries.templates_of(session, codes)
    return Templates({key: template_of(row) for key, row in rows.items()})


def template_of(row: Any) -> Template:
    """A template from its row (a record or a mapped object)."""
    get = row.__getitem__ if hasattr(row, "keys") else lambda name: getattr(row, name)
    return Template(
        code=get("code"), language=get("language"), name=get("name"), subject=get("subject"), text=get("text"),
        html=get("html"), letter=get("letter"), sms=get("sms"), revision=get("revision"), shipped=False,
    )  # fmt: skip


def sources_of(template: Template | TemplateContent) -> dict[str, str]:
    """What is rendered of it: its parts that are not empty, by name."""
    return {name: value for name in TEXTS if (value := getattr(template, name))}


async def try_template(content: TemplateContent | Template, language: str, today: date) -> dict[str, str]:
    """Every part with sample values, so that faults show before it is stored. Raises TemplateInvalid."""
    return await renderer().render(sources_of(content), sample_values(language, today))


@dataclass(frozen=True, slots=True)
class ListedTemplate:
    """A template in the list: the own one (with its version), or the shipped one (version 0)."""

    template: Template
    version: int
    active: bool


async def all_templates(session: ReadSession) -> list[ListedTemplate]:
    """Every template: shipped ones as they are or as they were replaced, and added ones; by code and language."""
    own = {(row.code, row.language): row for row in await queries.own_templates(session)}
    listed = [ListedTemplate(template_of(row), row.version, row.active) for row in own.values()]
    for language in WORDINGS:
        for code in CODES:
            found = shipped_template(code, language)
            if found is not None and (code, language) not in own:
                listed.append(ListedTemplate(found, 0, True))
    order = {code: index for index, code in enumerate(CODES)}
    return sorted(listed, key=lambda one: (order.get(one.template.code, len(order)), one.template.code,
                                           one.template.language))  # fmt: skip


async def get_template(session: ReadSession, code: str, language: str) -> ListedTemplate:
    """The template of that code in exactly that language. Raises DunningTemplateNotFound."""
    row = await queries.find_own_template(session, code, language)
    if row is not None:
        return ListedTemplate(template_of(row), row.version, row.active)
    shipped = shipped_template(code, language)
    if shipped is None:
        raise DunningTemplateNotFound("no such template")
    return ListedTemplate(shipped, 0, True)


async def put_template(
    session: WriteSession, code: str, language: str, content: TemplateContent, *, expected_version: int | None
) -> None:
    """Put a template that was tried in place of the present one, or add it; code and language stay.

    Raises StaleVersion, DunningTemplateExists.
    """
    row = await queries.find_own_template(session, code, language, lock=True)
    check_version(expected_version, row.version if row else 0)
    before = {name: getattr(row, name) for name in TEXTS} if row else None
    if row is None:
        row = DunningTemplate(
            organization_id=session.organization_id, id=new_id(), code=code, language=language, version=0, revision=0
        )
        session.add(row)
    else:
        row.updated_at = RECORDED_NOW
    for name in (*TEXTS, "name", "active"):
        setattr(row, name, getattr(content, name))
    row.version += 1
    if before != {name: getattr(row, name) for name in TEXTS}:
        row.revision += 1
        kept = {name: getattr(row, name) for name in TEXTS}
        session.add(
            DunningTemplateRevision(
                organization_id=session.organization_id, id=new_id(), template_id=row.id, revision=row.revision,
                actor_name=session.actor.name, **kept,
            )
        )  # fmt: skip
    await session.flush()
    facts = {"code": code, "language": language, "revision": row.revision, "active": row.active}
    event = "dunning_template.created" if before is None else "dunning_template.updated"
    record_change(session, ChangeRow("dunning_template", row.id, event, None, facts))


def fallback(code: str, *languages: str | None) -> Template:
    """The shipped template of that code, or the first reminder's: a notice never fails for want of a text."""
    found = find_shipped(code, *languages) or find_shipped("first_reminder", *languages)
    assert found is not None
    return found
