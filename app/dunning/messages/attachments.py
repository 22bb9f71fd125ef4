"""What goes with messages: copies of the invoices as files or links, and the statement of account, made once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

import structlog

from app.core.errors import DomainError
from app.correspondence.queries import invoice_copies
from app.documents.service import Subject, add_document, keep_content
from app.documents.storage import document_store
from app.dunning.messages.copy_links import copy_token
from app.infra.database import SYSTEM, Database, ReadSession
from app.infra.mail.message import ATTACHMENTS_MAX
from app.infra.rendering.letters import PDF
from app.infra.rendering.papers import paper_pdf
from app.settings import Settings
from app.statements.layout import statement_paper
from app.statements.statement import account_statement
from app.statements.texts import Words

ATTACHED_BYTES_MAX = 10_000_000
"""Of all files of one reminder: they grow by a third on the way, and many mailboxes refuse more."""
LINKS_MAX = 50
log = structlog.get_logger(__name__)


class Draft(Protocol):
    """What is asked of a message on its way."""

    notice: Any
    items: Sequence[Any]
    channel: str
    language: str | None
    today: date
    values: dict[str, Any]
    attachments: tuple[UUID, ...]


async def attach(database: Database, settings: Settings, organization_id: UUID, drafts: Sequence[Draft]) -> None:
    """Find or make the files that the steps ask for. One that cannot be made is left out: the reminder still goes.

    Raises the refusals of the store.
    """
    wanting = [draft for draft in drafts if draft.channel != "sms" and draft.notice["attachments"]]
    if not wanting:
        return
    for draft in wanting:
        if "statement" in draft.notice["attachments"]:
            await _statement(database, settings, organization_id, draft)
    copied = [draft for draft in wanting if _wants_files(draft)]
    if not copied:
        return
    async with database.read(organization_id) as session:
        copies = await invoice_copies(session, {row["invoice_id"] for draft in copied for row in draft.items})
    for draft in copied:
        size, found = 0, list(draft.attachments)
        for invoice_id in dict.fromkeys(row["invoice_id"] for row in draft.items):
            copy = copies.get(invoice_id)
            if copy is None or len(found) >= ATTACHMENTS_MAX or size + copy["size_bytes"] > ATTACHED_BYTES_MAX:
                continue
            size += copy["size_bytes"]
            found.append(copy["document_id"])
        draft.attachments = tuple(dict.fromkeys(found))


def link_secrets(settings: Settings) -> list[str]:
    """What links are signed with: the present secret, and the previous one, whose links still open."""
    found = (settings.token_secret, settings.token_secret_previous)
    return [secret.get_secret_value() for secret in found if secret is not None]


async def link_copies(session: ReadSession, settings: Settings, drafts: Sequence[Draft]) -> None:
    """Links to the stored copies of the invoices, for e-mails whose step asks for links; into their values.

    Without a public address of the service there are none, and the copies go along as files instead.
    """
    secrets = link_secrets(settings)
    wanting = [draft for draft in drafts if _wants_links(draft) and secrets and settings.public_url]
    if not wanting:
        return
    copies = await invoice_copies(session, {row["invoice_id"] for draft in wanting for row in draft.items})
    base = f"{(settings.public_url or '').rstrip('/')}/v1/dunning/copies"
    for draft in wanting:
        numbers = {row["invoice_id"]: row["number"] for row in draft.items if row["invoice_id"] in copies}
        draft.values["copies"] = [
            {
                "name": number,
                "url": f"{base}/"
                + copy_token(secrets[0], session.organization_id, copies[invoice_id]["document_id"], draft.today),
            }
            for invoice_id, number in list(numbers.items())[:LINKS_MAX]
        ]


def _wants_links(draft: Draft) -> bool:
    return draft.channel == "email" and "invoice_links" in draft.notice["attachments"]


def _wants_files(draft: Draft) -> bool:
    """Copies as files; also where links were asked for and none could be made, or the message is a letter."""
    asked = draft.notice["attachments"]
    return "invoice_copies" in asked or ("invoice_links" in asked and not draft.values["copies"])


async def _statement(database: Database, settings: Settings, organization_id: UUID, draft: Draft) -> None:
    account_id = draft.notice["account_id"]
    try:
        async with database.read(organization_id, snapshot=True) as session:
            statement = await account_statement(session, account_id, draft.today)
        paper = statement_paper(statement, Words(draft.language))
        content = await asyncio.to_thread(paper_pdf, paper, draft.today)
    except DomainError as refusal:
        log.warning("dunning.statement_left_out", account_id=str(account_id), reason=refusal.code)
        return
    name = f"statement-{draft.notice['number']}-{draft.today.isoformat()}.pdf"
    kept = await keep_content(document_store(settings), organization_id, content, name, media_type=PDF)
    async with database.write(organization_id, SYSTEM) as writing:
        document_id = await add_document(writing, kept, Subject("account", account_id), category="notice")
    draft.attachments = (*draft.attachments, document_id)
