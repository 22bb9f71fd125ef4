"""Send a statement: facts → PDF (no transaction) → document, message and history in one transaction.

The message is a thread of correspondence: the rules of contact hold, replies come back into it, and it leaves through
the outbox, at most once. A statement of a period exists once for each account: its unique key says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from app.accounts.party_queries import active_contacts
from app.core.ids import new_id
from app.core.money import to_text
from app.correspondence.compose import AttachedFile, Compose, Prepared, prepare
from app.correspondence.errors import TemplateNotFound
from app.correspondence.queries import get_message
from app.correspondence.sending import send
from app.documents.service import KeptContent, add_document, keep_content
from app.documents.storage import document_store
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Actor, Database, ReadSession, WriteSession
from app.settings import Settings
from app.statements.errors import StatementContactMissing
from app.statements.making import PDF, MadeStatement, render_statement
from app.statements.messages import statement_message, statement_values
from app.statements.models import AccountStatement
from app.statements.statement import Statement, account_statement

TEMPLATE = "account-statement"
_ROLES = ("accounts_payable", "dunning", "management", "other", "sales", "legal")


@dataclass(frozen=True, slots=True)
class SendStatement:
    """Whose statement, of which day, by which way. Without contact the one for accounts payable is found.

    `period` and `schedule_id` are those of a schedule. `answer`: the customer asked for it.
    """

    account_id: UUID
    as_of: date
    channel: Literal["email", "letter"] = "email"
    contact_id: UUID | None = None
    language: str | None = None
    subject: str | None = None
    body: str | None = None
    answer: bool = False
    period: str | None = None
    schedule_id: UUID | None = None
    skip_zero: bool = False
    only_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A statement that is rendered and stored, with its message; not yet written down. Without message: nobody to
    write to, for the reason of `refusal`.
    """

    command: SendStatement
    made: MadeStatement
    kept: KeptContent | None
    prepared: Prepared | None
    refusal: str | None = None


async def prepare_statement(
    database: Database,
    settings: Settings,
    organization_id: UUID,
    command: SendStatement,
    *,
    actor: Actor,
    now: datetime,
) -> Ready | None:
    """Read, render and store; None where nothing is to be sent (nothing open, nothing overdue).

    Raises AccountNotFound, ContactNotFound, StatementTooLarge, StatementContactMissing (on demand only).
    """
    async with database.read(organization_id, snapshot=True) as session:
        statement = await account_statement(session, command.account_id, command.as_of)
        contact_id = command.contact_id or await _contact(session, command)
        if contact_id is None and command.channel == "email" and command.period is not None:
            command = await _by_letter(session, command, statement)
    if _is_skipped(statement, command):
        return None
    made = await render_statement(statement, command.language)
    if contact_id is None and command.channel == "email":
        if command.period is None:
            raise StatementContactMissing("the account has no contact with an e-mail address", pointer="/contact_id")
        return Ready(command, made, None, None, "no_contact")
    kept = await keep_content(document_store(settings), organization_id, made.content, made.name, media_type=PDF)
    prepared = await _message(database, organization_id, command, contact_id, made, actor, now)
    return Ready(command, made, kept, prepared)


def _is_skipped(statement: Statement, command: SendStatement) -> bool:
    """Zero: nothing open and no credit left, not merely a balance in which both cancel out."""
    if command.skip_zero and not statement.items and not statement.credits:
        return True
    return command.only_overdue and not any(totals.overdue_minor > 0 for totals in statement.totals)


async def _contact(session: ReadSession, command: SendStatement) -> UUID | None:
    if command.channel == "letter":
        return None
    contacts = (await active_contacts(session, [command.account_id])).get(command.account_id, [])
    return choose_contact(contacts)


async def _by_letter(session: ReadSession, command: SendStatement, statement: Statement) -> SendStatement:
    """Nobody to write an e-mail to: a scheduled statement becomes a letter that waits to be printed, as reminders do.

    Only where there is a postal address; and not where somebody objects to any contact, which is no want of an address.
    """
    contacts = (await active_contacts(session, [command.account_id])).get(command.account_id, [])
    able = not contacts or any(not row["do_not_contact"] for row in contacts)
    account = statement.account
    if able and account["city"] and (account["street"] or account["postal_code"]):
        return replace(command, channel="letter")
    return command


def choose_contact(contacts: Sequence[Any]) -> UUID | None:
    """Who gets statements: accounts payable, else whoever is next by role; with an e-mail address and no objection."""
    able = [
        row
        for row in contacts
        if row["email"] and not row["do_not_contact"] and (row["consents"] or {}).get("email") is not False
    ]
    ranked = sorted(able, key=lambda row: _ROLES.index(row["role"]))
    return ranked[0]["id"] if ranked else None


async def _message(
    database: Database,
    organization_id: UUID,
    command: SendStatement,
    contact_id: UUID | None,
    made: MadeStatement,
    actor: Actor,
    now: datetime,
) -> Prepared:
    """By the organization's own template `account-statement` where it has one, else by the shipped words."""
    compose = Compose(
        account_id=command.account_id,
        channel=command.channel,
        contact_id=contact_id,
        language=made.words.language,
        purpose="payment",
        answer=command.answer,
        values=statement_values(made.statement, made.words),
    )
    subject, body = statement_message(made.statement, made.words)
    free = replace(compose, subject=command.subject or subject, body=command.body or body)
    if command.subject is None and command.body is None:
        try:
            wanted = replace(compose, template_code=TEMPLATE)
            return await prepare(database, organization_id, wanted, author=actor.name, now=now)
        except TemplateNotFound:
            pass
    return await prepare(database, organization_id, free, author=actor.name, now=now)


async def write_statement(session: WriteSession, ready: Ready, now: datetime) -> UUID | None:
    """Write down and send what was prepared; answers the statement's id, None when the period has one already.

    What the rules of contact refuse is written down too, as `not_sent` with the reason.
    """
    command = ready.command
    if command.period is not None and await _exists(session, command.account_id, command.period):
        return None
    message_id, refusal, document_id, recipient, contact_id = None, ready.refusal, None, None, None
    if ready.prepared is not None and ready.kept is not None:
        document_id = await add_document(session, ready.kept)
        file = AttachedFile(document_id, ready.made.name, PDF, ready.kept.size_bytes)
        by_mail = command.channel == "email"
        prepared = replace(ready.prepared, attachments=(file,) if by_mail else (), letter=None)
        message_id = await send(session, prepared, None if by_mail else ready.kept, now)
        message = await get_message(session, message_id)
        refusal = message.refusal if message.state == "refused" else None
        recipient, contact_id = message.recipient, message.contact_id
    statement = ready.made.statement
    row = AccountStatement(
        organization_id=session.organization_id,
        id=new_id(),
        version=1,
        account_id=command.account_id,
        schedule_id=command.schedule_id,
        period=command.period,
        as_of=command.as_of,
        language=ready.made.words.language,
        channel=command.channel,
        state="not_sent" if refusal else "sent",
        refusal=refusal,
        contact_id=contact_id,
        recipient=recipient,
        message_id=message_id,
        document_id=document_id,
        reference=next((one.reference for one in statement.instructions if one.reference), None),
        totals=_totals(statement),
        items=len(statement.items),
        requested_by=session.actor.name,
        sent_at=None if refusal else now,
    )
    session.add(row)
    await session.flush()
    facts = {
        "account_id": command.account_id, "contact_id": contact_id, "state": row.state, "channel": command.channel,
        "as_of": command.as_of, "period": command.period, "document_id": document_id, "reason": refusal,
    }  # fmt: skip
    record_change(session, ChangeRow("account_statement", row.id, f"account_statement.{row.state}", None, facts))
    return row.id


async def _exists(session: ReadSession, account_id: UUID, period: str) -> bool:
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM account_statements WHERE organization_id = $1 AND account_id = $2"
            " AND period = $3)",
            session.organization_id,
            account_id,
            period,
        )
    )


def _totals(statement: Statement) -> list[dict[str, str]]:
    return [
        {
            "currency": totals.currency,
            "open": to_text(totals.open_minor, totals.currency),
            "overdue": to_text(totals.overdue_minor, totals.currency),
            "balance": to_text(totals.balance_minor, totals.currency),
        }
        for totals in statement.totals
    ]


async def send_scheduled(
    database: Database, settings: Settings, organization_id: UUID, command: SendStatement, now: datetime
) -> UUID | None:
    """Send the statement of a schedule's period, unless there is one; safe to repeat."""
    async with database.read(organization_id) as session:
        if command.period is not None and await _exists(session, command.account_id, command.period):
            return None
    ready = await prepare_statement(database, settings, organization_id, command, actor=SYSTEM, now=now)
    if ready is None:
        return None
    async with database.write(organization_id, SYSTEM) as session:
        return await write_statement(session, ready, now)
