"""Dunning e-mails over SMTP: built beforehand, handed over on pooled connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.core.errors import DomainError, Unavailable
from app.core.ids import OrganizationId
from app.documents.queries import documents_by_id
from app.documents.storage import document_store
from app.dunning.messages.delivery import Outgoing
from app.infra.database import Database
from app.infra.mail.message import Attachment, Draft, build_message, message_id_of
from app.infra.mail.smtp import Mailer, Sent
from app.settings import Settings

ATTACHED_FILES_KEPT = 200
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class EmailTransport:
    """Builds messages of one organization and hands them over."""

    database: Database
    settings: Settings
    organization_id: OrganizationId
    mailer: Mailer
    _files: dict[UUID, Attachment] = field(default_factory=dict)

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """Build each message; what cannot be built has failed, what cannot be read now is tried later."""
        sender = self.mailer.server.sender
        try:
            await self._load({document_id for one in messages for document_id in one.row["attachments"]})
        except (Unavailable, OSError) as error:
            for one in messages:
                if one.row["attachments"]:
                    one.refusal = Sent("retry", f"its files cannot be read: {type(error).__name__}")
        for one in messages:
            one.message_id = message_id_of(one.id, sender.address)
            if one.refusal is None:
                self._build(one)

    def _build(self, one: Outgoing) -> None:
        row, sender = one.row, self.mailer.server.sender
        try:
            draft = Draft(
                message_id=message_id_of(one.id, sender.address), recipient=one.recipient, subject=row["subject"],
                text=row["text"], created_at=row["created_at"], html=row["html"], reply_to=one.reply_to,
                in_reply_to=one.references[-1] if one.references else None, cc=tuple(row["cc"]),
                references=one.references, unsubscribe_urls=_unsubscribe_urls(row["unsubscribe_url"], one),
                automatic=True,
            )  # fmt: skip
            one.wire = build_message(draft, sender, [self._files[found] for found in row["attachments"]])
        except DomainError as refusal:
            one.refusal = Sent("failed", f"{refusal.code}: {refusal.detail}")
        except KeyError:
            one.refusal = Sent("failed", "a file that goes along is gone")

    async def send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        """Hand it over to the server."""
        return await self.mailer.send(message.recipient, message.wire, copies_to=message.row["cc"], may_go=may_go)

    async def _load(self, document_ids: set[UUID]) -> None:
        wanted = document_ids - set(self._files)
        if not wanted:
            return
        if len(self._files) > ATTACHED_FILES_KEPT:
            self._files.clear()
            wanted = document_ids
        async with self.database.read(self.organization_id) as session:
            found = await documents_by_id(session, wanted)
        for document in found:
            store = document_store(self.settings, document.kept_in)
            content = await store.get(self.organization_id, document.sha256)
            self._files[document.id] = Attachment(document.name, document.media_type, content)


def _unsubscribe_urls(url: str | None, one: Outgoing) -> tuple[str, ...]:
    """The page, and an address for programs that know only e-mail: what comes there is taken in (see `inbound.py`)."""
    if url is None:
        return ()
    return (url, f"mailto:{one.reply_to}?subject=unsubscribe%20{one.id}") if one.reply_to else (url,)
