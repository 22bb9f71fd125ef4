"""Playbooks: how a kind of work is done here, in Markdown, versioned, shown where the work is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.collections.errors import PlaybookNotFound
from app.collections.models import Playbook, PlaybookRevision
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import check_version
from app.organizations.service import add_row, save_changes


@dataclass(frozen=True, slots=True)
class PlaybookRef:
    """A playbook as it is shown beside a resource."""

    id: UUID
    code: str
    title: str
    revision: int


async def write_playbook(
    session: WriteSession, code: str, title: str, body: str, subjects: Collection[str]
) -> Playbook:
    """Add a playbook; `subjects` are `action_type:call`, `outcome:refused`, `dispute_reason:damaged` and the like.

    Raises PlaybookTaken.
    """
    row = Playbook(
        organization_id=session.organization_id,
        id=new_id(),
        code=code,
        title=title,
        body=body,
        subjects=sorted(set(subjects)),
    )
    await add_row(session, row)
    await _keep(session, row)
    record_change(session, ChangeRow("playbook", row.id, "playbook.created", after={"code": code, "revision": 1}))
    return row


async def _keep(session: WriteSession, row: Playbook) -> None:
    session.add(
        PlaybookRevision(
            organization_id=session.organization_id,
            id=new_id(),
            playbook_id=row.id,
            revision=row.revision,
            title=row.title,
            body=row.body,
            actor_name=session.actor.name,
        )
    )
    await session.flush()


async def get_playbook(session: ReadSession, playbook_id: UUID, *, lock: bool = False) -> Playbook:
    """The playbook with its latest text. Raises PlaybookNotFound."""
    key = (session.organization_id, playbook_id)
    found = await session.get(Playbook, key, with_for_update=True if lock else None, populate_existing=True)
    if found is None:
        raise PlaybookNotFound("no such playbook")
    return found


async def change_playbook(
    session: WriteSession, playbook_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> Playbook:
    """Change title, text, subjects or whether it is in use. A new title or text is a new revision.

    Raises PlaybookNotFound, StaleVersion.
    """
    row = await get_playbook(session, playbook_id, lock=True)
    check_version(expected_version, row.version)
    wanted = dict(changes)
    if "subjects" in wanted:
        wanted["subjects"] = sorted(set(wanted["subjects"]))
    revised = any(name in wanted and wanted[name] != getattr(row, name) for name in ("title", "body"))
    if revised:
        wanted["revision"] = row.revision + 1
    await save_changes(session, row, wanted, "playbook", row.id, unlogged=frozenset({"body"}))
    if revised:
        await _keep(session, row)
    return row


async def revisions_of(session: ReadSession, playbook_id: UUID) -> list[PlaybookRevision]:
    """The texts that a playbook had, latest first. Raises PlaybookNotFound."""
    await get_playbook(session, playbook_id)
    statement = (
        select(PlaybookRevision)
        .where(PlaybookRevision.organization_id == session.organization_id, PlaybookRevision.playbook_id == playbook_id)
        .order_by(PlaybookRevision.revision.desc())
        .limit(200)
    )
    return list((await session.execute(statement)).scalars())


async def playbooks_for(session: ReadSession, subjects: Collection[str]) -> dict[str, list[PlaybookRef]]:
    """Playbooks in use by subject (`kind:code`): what to show beside reason codes, outcomes and action types."""
    rows = await session.driver.fetch(
        "SELECT id, code, title, revision, subjects FROM playbooks"
        " WHERE organization_id = $1 AND active AND subjects && $2::text[] ORDER BY code LIMIT 500",
        session.organization_id,
        list(subjects),
    )
    found: dict[str, list[PlaybookRef]] = {}
    for row in rows:
        for subject in set(row["subjects"]) & set(subjects):
            ref = PlaybookRef(row["id"], row["code"], row["title"], row["revision"])
            found.setdefault(subject, []).append(ref)
    return found
