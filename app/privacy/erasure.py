"""Erase the personal data of an account on request. Ledger rows, amounts, dates and numbers stay.

Bytes of files go in a second step, after the commit: a transaction that fails has deleted nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.queries import lock_account
from app.core.errors import NotFound
from app.core.ids import new_id
from app.documents.storage import document_store
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.jobs import owe
from app.privacy import sql
from app.privacy.errors import LegalCaseOpen
from app.privacy.logged import forget_logged, logged_subjects
from app.privacy.models import PersonalDataErasure
from app.privacy.words import statements
from app.settings import Settings
from app.statements.queries import account_family

FILES_KIND = "privacy.files"
FILES_AT_ONCE = 100
KEPT = (
    "ledger rows with their amounts, dates, numbers and references of the bank",
    "the change log's facts: who did what when, amounts, dates, states and numbers; the words in it go",
    "documents of invoices, contracts and credit files, as far as the law asks for them",
)
"""What stays after an erasure, told with each one."""


@dataclass(frozen=True, slots=True)
class ErasePersonalData:
    """Whose data, who asked for it and why. `erase_name` also forgets the account's own name (a private person)."""

    account_id: UUID
    requested_by: str
    reason: str
    force: bool = False
    erase_name: bool = False


@dataclass(slots=True)
class Erased:
    """How many rows of each kind were erased, and how many files go or stay because something else needs them."""

    rows: dict[str, int]
    files_erased: int = 0
    files_kept: int = 0


async def erase_personal_data(session: WriteSession, command: ErasePersonalData) -> PersonalDataErasure:
    """Erase, and write down who asked, why, and what went. Repeating it finds nothing more.

    Raises AccountNotFound; LegalCaseOpen unless forced; ChangeLogDamaged.
    """
    await lock_account(session, command.account_id)
    family = await account_family(session, command.account_id)
    key, driver = session.organization_id, session.driver
    cases = [row["number"] for row in await driver.fetch(sql.OPEN_CASES, key, family)]
    if cases and not command.force:
        detail = "a legal case of the account is open; its evidence would go: close it first, or force"
        raise LegalCaseOpen(detail, pointer="/force", cases=", ".join(cases))
    subjects = await logged_subjects(session, family)
    emails = [row["email"] for row in await driver.fetch(sql.CONTACT_EMAILS, key, family)]
    threads = [row["id"] for row in await driver.fetch(sql.THREADS, key, family)]
    erased = await erase_threads(session, threads, family)
    erased.rows["contacts"] = await erase_contacts(session, family)
    erased.rows["outgoing_emails"] += _count(await driver.execute(sql.EMAILS_TO, key, emails))
    await _reports_to(session, emails, erased)
    for kind, statement in (*sql.OF_ACCOUNTS.items(), *statements()):
        count = _count(await driver.execute(statement, key, family))
        erased.rows[kind] = erased.rows.get(kind, 0) + count
    if command.erase_name:
        erased.rows["accounts"] = _count(await driver.execute(sql.ACCOUNT_NAMES, key, family))
    erased.rows["change_log"] = await forget_logged(session, subjects, own_name=command.erase_name)
    return await _written_down(session, command, erased, forced=bool(cases))


async def _reports_to(session: WriteSession, emails: Sequence[str], erased: Erased) -> None:
    """Scheduled reports go to these addresses no more, and what says that they did is forgotten."""
    key, driver = session.organization_id, session.driver
    for row in await driver.fetch(sql.REPORT_SCHEDULES, key, emails):
        facts = {"active": row["active"], "recipients": row["left"]}
        change = ChangeRow("report_schedule", row["id"], "report_schedule.recipients_erased", after=facts)
        record_change(session, change)
        erased.rows["report_schedules"] = erased.rows.get("report_schedules", 0) + 1
    erased.rows["report_deliveries"] = _count(await driver.execute(sql.REPORT_DELIVERIES, key, emails))


async def erase_contacts(session: WriteSession, account_ids: Sequence[UUID]) -> int:
    """Forget the people of these accounts; the empty rows stay for what refers to them."""
    rows = await session.driver.fetch(sql.CONTACTS, session.organization_id, list(account_ids))
    for row in rows:
        facts = {"account_id": row["account_id"], "fields": []}
        record_change(session, ChangeRow("contact", row["id"], "contact.erased", after=facts))
    return len(rows)


async def erase_threads(session: WriteSession, thread_ids: Sequence[UUID], account_ids: Sequence[UUID] = ()) -> Erased:
    """Erase texts, addresses and files of threads, and with `account_ids` the evidence files and inquiries' files."""
    key, driver = session.organization_id, session.driver
    found = await driver.fetch(sql.DOCUMENTS_OF_THREADS, key, list(thread_ids))
    found += await driver.fetch(sql.DOCUMENTS_OF_ACCOUNTS, key, list(account_ids))
    documents = sorted({row["id"] for row in found})
    erased = Erased({})
    for kind, statement in sql.OF_THREADS.items():
        erased.rows[kind] = _count(await driver.execute(statement, key, list(thread_ids)))
    await driver.execute(sql.UNLINK, key, documents, list(thread_ids), list(account_ids))
    erased.files_erased = await free_documents(session, documents)
    erased.files_kept = len(documents) - erased.files_erased
    return erased


async def forget_reports(session: WriteSession, delivery_ids: Sequence[UUID]) -> None:
    """Forget to whom reports of schedules went, with the e-mails and files."""
    found = await session.driver.fetchrow(sql.FORGET_REPORTS, session.organization_id, list(delivery_ids))
    assert found is not None
    await session.driver.execute(sql.EMAILS_BY_ID, session.organization_id, found["emails"])
    await free_documents(session, found["documents"])


async def free_documents(session: WriteSession, document_ids: Sequence[UUID]) -> int:
    """Give up the documents that nothing needs any more; their bytes go by a job after the commit."""
    freed = await session.driver.fetch(sql.FREE_DOCUMENTS, session.organization_id, list(document_ids))
    for row in freed:
        record_change(session, ChangeRow("document", row["id"], "document.erased", after={}))
    if freed:
        owe(session, FILES_KIND, "all")
    return len(freed)


async def _written_down(
    session: WriteSession, command: ErasePersonalData, erased: Erased, *, forced: bool
) -> PersonalDataErasure:
    row = PersonalDataErasure(
        organization_id=session.organization_id,
        id=new_id(),
        account_id=command.account_id,
        requested_by=command.requested_by,
        reason=command.reason,
        forced=forced,
        erased={kind: count for kind, count in erased.rows.items() if count},
        files_erased=erased.files_erased,
        files_kept=erased.files_kept,
        actor_id=session.actor.id,
        actor_name=session.actor.name,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    after = {"erasure_id": row.id, "erased": row.erased, "files": row.files_erased, "forced": forced}
    event = "account.personal_data_erased"
    record_change(session, ChangeRow("account", command.account_id, event, after=after))
    return row


async def delete_bytes(
    database: Database, settings: Settings, organization_id: UUID, *, written_before: datetime
) -> int:
    """Delete the bytes of up to FILES_AT_ONCE documents given up; how many were looked at. Safe to repeat.

    Bytes written again since `written_before` stay: somebody is storing the same content anew.
    """
    async with database.read(organization_id) as read:
        rows = await read.driver.fetch(sql.WITHOUT_USE, organization_id, FILES_AT_ONCE)
    gone: list[UUID] = []
    needed = [row["id"] for row in rows if row["needed"]]
    for row in rows:
        if not row["needed"]:
            store = document_store(settings, row["kept_in"])
            await store.remove(organization_id, row["sha256"], written_before)
            try:
                await store.get(organization_id, row["sha256"])
            except NotFound:
                gone.append(row["id"])
    async with database.write(organization_id, SYSTEM) as session:
        await session.driver.execute(sql.BYTES_GONE, organization_id, gone, sql.ERASED)
        await session.driver.execute(sql.BYTES_GONE, organization_id, needed, "document")
    return len(gone) + len(needed)


def _count(status: str) -> int:
    """Rows of a command: `UPDATE 12`."""
    return int(status.rsplit(" ", 1)[-1])
