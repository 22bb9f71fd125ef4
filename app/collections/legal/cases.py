"""Legal cases and agency placements: prepare, refer, progress, costs and recoveries, close, recall."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select

from app.collections import queries
from app.collections.errors import (
    AccountUnknown,
    CaseInvalid,
    CaseStateInvalid,
    EntryNotFound,
    EntryReversed,
    InstalmentUnknown,
    ItemInCase,
    UserUnknown,
)
from app.collections.models import LegalCase, LegalCaseEntry, LegalCaseItem
from app.collections.rules import case_actions, case_number, check_case_move, result_fits
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.service import save_changes

_ITEMS = """
SELECT t.case_id, t.instalment_id, t.amount_minor, t.active, s.invoice_id, v.number, s.due_date, s.open_minor,
    coalesce((SELECT sum(a.amount_minor) FROM applications a JOIN payments p ON p.organization_id = $1
              AND p.id = a.payment_id AND p.value_date >= coalesce(c.referred_on, c.prepared_on)
              WHERE a.organization_id = $1 AND a.instalment_id = t.instalment_id), 0)::bigint AS collected_minor
FROM legal_case_items t
JOIN legal_cases c ON c.organization_id = $1 AND c.id = t.case_id
JOIN instalments s ON s.organization_id = $1 AND s.id = t.instalment_id
JOIN invoices v ON v.organization_id = $1 AND v.id = s.invoice_id
WHERE t.organization_id = $1 AND t.case_id = ANY($2::uuid[]) ORDER BY s.due_date, s.id
"""
_HELD = """
SELECT t.instalment_id, c.id, c.kind, c.status FROM legal_case_items t
JOIN legal_cases c ON c.organization_id = $1 AND c.id = t.case_id
WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[]) AND t.active
"""


@dataclass(frozen=True, slots=True)
class PrepareCase:
    """A case to be prepared: of which instalments (none: everything overdue of the account in that currency)."""

    kind: str
    account_id: UUID
    currency: str
    reason_code: str
    instalment_ids: tuple[UUID, ...] = ()
    partner: str | None = None
    partner_reference: str | None = None
    fee_basis_points: int | None = None
    owner_id: UUID | None = None
    note: str | None = None


async def prepare_case(session: WriteSession, command: PrepareCase, *, today: date) -> UUID:
    """Prepare a case; its items are dunned no more. Returns its id.

    Raises AccountUnknown, UserUnknown, InstalmentUnknown, CaseInvalid (nothing open), ItemInCase.
    """
    accounts = await queries.accounts_by_id(session, [command.account_id])
    if command.account_id not in accounts:
        raise AccountUnknown("no such account", pointer="/account_id")
    if command.owner_id is not None and not await queries.active_users(session, {command.owner_id}):
        raise UserUnknown("no active user has this id", pointer="/owner_id")
    items = await _items_to_claim(session, command, today)
    taken = await held_by_case(session, [instalment_id for instalment_id, _ in items])
    if taken:
        raise ItemInCase("an instalment is in another open case", case_id=str(next(iter(taken.values())).case_id))
    case_id = new_id()
    row = LegalCase(
        organization_id=session.organization_id,
        id=case_id,
        number=case_number(command.kind, case_id),
        kind=command.kind,
        account_id=command.account_id,
        currency=command.currency,
        claim_minor=sum(minor for _, minor in items),
        reason_code=command.reason_code,
        partner=command.partner,
        partner_reference=command.partner_reference,
        fee_basis_points=command.fee_basis_points,
        owner_id=command.owner_id or accounts[command.account_id]["collector_id"],
        note=command.note,
        prepared_on=today,
    )
    session.add(row)
    await session.flush()
    for instalment_id, minor in items:
        facts = {"case_id": case_id, "instalment_id": instalment_id, "amount_minor": minor}
        session.add(LegalCaseItem(organization_id=session.organization_id, id=new_id(), **facts))
    await session.flush()
    after = {"account_id": command.account_id, "kind": command.kind, "status": "prepared"}
    after |= {"claim_minor": str(row.claim_minor), "currency": command.currency}
    record_change(session, ChangeRow("legal_case", case_id, "legal_case.prepared", after=after, effective_date=today))
    return case_id


async def _items_to_claim(session: WriteSession, command: PrepareCase, today: date) -> list[tuple[UUID, int]]:
    rows = await session.driver.fetch(
        "SELECT id, open_minor, due_date FROM instalments WHERE organization_id = $1 AND (account_id = $2 OR account_id"
        " IN (SELECT id FROM accounts WHERE organization_id = $1 AND parent_id = $2 AND status = 'merged'))"
        " AND currency = $3 AND open_minor <> 0 ORDER BY id FOR NO KEY UPDATE",
        session.organization_id,
        command.account_id,
        command.currency,
    )
    known = {row["id"]: row for row in rows}
    for index, instalment_id in enumerate(command.instalment_ids):
        if instalment_id not in known:
            detail = "no open instalment of this account and currency has this id"
            raise InstalmentUnknown(detail, pointer=f"/instalment_ids/{index}")
    wanted = command.instalment_ids or tuple(row["id"] for row in rows if row["due_date"] < today)
    if not wanted:
        raise CaseInvalid("nothing of this account is overdue in this currency", pointer="/instalment_ids")
    return [(instalment_id, known[instalment_id]["open_minor"]) for instalment_id in dict.fromkeys(wanted)]


@dataclass(frozen=True, slots=True)
class CaseHold:
    """An open case that an instalment is in."""

    case_id: UUID
    kind: str
    status: str


async def held_by_case(session: ReadSession, instalment_ids: Collection[UUID]) -> dict[UUID, CaseHold]:
    """Which of these instalments are in an open legal case or agency placement: they are not dunned."""
    rows = await session.driver.fetch(_HELD, session.organization_id, list(instalment_ids))
    return {row["instalment_id"]: CaseHold(row["id"], row["kind"], row["status"]) for row in rows}


async def items_of_cases(session: ReadSession, case_ids: Collection[UUID]) -> dict[UUID, list[asyncpg.Record]]:
    """Items of cases with what was claimed, what is open, and the money applied since the referral."""
    rows = await session.driver.fetch(_ITEMS, session.organization_id, list(case_ids))
    found: dict[UUID, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["case_id"], []).append(row)
    return found


async def entries_of(session: ReadSession, case_id: UUID) -> list[LegalCaseEntry]:
    """Costs and recoveries of a case, in the order of recording."""
    statement = (
        select(LegalCaseEntry)
        .where(LegalCaseEntry.organization_id == session.organization_id, LegalCaseEntry.case_id == case_id)
        .order_by(LegalCaseEntry.id)
        .limit(1_000)
    )
    return list((await session.execute(statement)).scalars())


def recovered_minor(case: LegalCase, items: Sequence[Any]) -> int:
    """What a case brought: recoveries entered, or the money applied to its items since, whichever is more.

    A partner's remittance is often both: entered here and applied as a payment. Adding the two would count it twice.
    """
    return max(case.recovered_minor, sum(int(item["collected_minor"]) for item in items))


async def _lock(session: WriteSession, case_id: UUID, action: str, expected_version: int | None) -> LegalCase:
    case = await queries.get_case(session, case_id, lock=True)
    check_version(expected_version, case.version)
    if action not in case_actions(case.status):
        raise CaseStateInvalid(f"the case is {case.status}", status=case.status)
    return case


async def _move(
    session: WriteSession, case: LegalCase, to_status: str, today: date, reason: str | None, **facts: object
) -> None:
    if not check_case_move(case.status, to_status):
        raise CaseStateInvalid(f"a case that is {case.status} cannot become {to_status}", status=case.status)
    before = {"status": case.status}
    case.status = to_status
    case.version += 1
    case.updated_at = RECORDED_NOW
    await session.flush()
    after = {"account_id": case.account_id, "kind": case.kind, "status": to_status, **facts}
    record_change(
        session,
        ChangeRow("legal_case", case.id, f"legal_case.{to_status}", before, after, effective_date=today,
                  reason=reason),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferCase:
    """To whom a case goes."""

    partner: str | None = None
    partner_reference: str | None = None
    fee_basis_points: int | None = None
    expected_version: int | None = None


async def refer_case(session: WriteSession, case_id: UUID, command: ReferCase, *, today: date) -> None:
    """Hand the case to the lawyer or agency. Raises CaseNotFound, CaseStateInvalid, StaleVersion, CaseInvalid."""
    case = await _lock(session, case_id, "refer", command.expected_version)
    case.partner = command.partner or case.partner
    if case.partner is None:
        raise CaseInvalid("say to whom the case is referred", pointer="/partner")
    case.partner_reference = command.partner_reference or case.partner_reference
    if command.fee_basis_points is not None:
        case.fee_basis_points = command.fee_basis_points
    case.referred_on = today
    await _move(session, case, "referred", today, None, partner=case.partner)


async def progress_case(
    session: WriteSession, case_id: UUID, *, note: str | None, today: date, expected_version: int | None = None
) -> None:
    """The partner is at work. Raises CaseNotFound, CaseStateInvalid, StaleVersion."""
    case = await _lock(session, case_id, "progress", expected_version)
    await _move(session, case, "in_progress", today, note)


async def close_case(
    session: WriteSession, case_id: UUID, *, result: str, reason: str | None, today: date,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """Close a case with a result that its figures bear out; its items are free again.

    Raises CaseNotFound, CaseStateInvalid, StaleVersion, CaseInvalid (the result does not fit the money).
    """
    case = await _lock(session, case_id, "close", expected_version)
    items = (await items_of_cases(session, [case_id])).get(case_id, [])
    recovered, open_minor = recovered_minor(case, items), sum(item["open_minor"] for item in items)
    if not result_fits(result, case.claim_minor, recovered, open_minor):
        raise CaseInvalid("the result does not fit what was recovered and what is open", pointer="/result")
    await _end(session, case, today, reason)
    await _move(session, case, result, today, reason, recovered_minor=str(recovered))


async def recall_case(
    session: WriteSession, case_id: UUID, *, reason: str, today: date, expected_version: int | None = None
) -> None:
    """Take a case back from the partner; its items are collected here again.

    Raises CaseNotFound, CaseStateInvalid, StaleVersion.
    """
    case = await _lock(session, case_id, "recall", expected_version)
    await _end(session, case, today, reason)
    await _move(session, case, "recalled", today, reason)


async def _end(session: WriteSession, case: LegalCase, today: date, reason: str | None) -> None:
    case.closed_on, case.close_reason = today, reason
    await session.driver.execute(
        "UPDATE legal_case_items SET active = false WHERE organization_id = $1 AND case_id = $2 AND active",
        session.organization_id,
        case.id,
    )


async def update_case(
    session: WriteSession, case_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> None:
    """Change partner, reference, fee, owner or note of an open case.

    Raises CaseNotFound, CaseStateInvalid, StaleVersion, UserUnknown.
    """
    case = await _lock(session, case_id, "update", expected_version)
    if changes.get("owner_id") is not None and not await queries.active_users(session, {changes["owner_id"]}):
        raise UserUnknown("no active user has this id", pointer="/owner_id")
    await save_changes(session, case, changes, "legal_case", case.id, event="legal_case.updated",
                       unlogged=frozenset({"note"}))  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """A cost (court fee, commission) or a recovery (what the partner collected)."""

    kind: str
    amount_minor: int
    on_date: date
    description: str
    payment_id: UUID | None = None


async def record_entry(session: WriteSession, case_id: UUID, entry: CaseEntry) -> UUID:
    """Enter a cost or a recovery. Raises CaseNotFound, CaseStateInvalid, CaseInvalid."""
    case = await _lock(session, case_id, "record_entry", None)
    if entry.amount_minor <= 0:
        raise CaseInvalid("an entry is more than nothing", pointer="/amount")
    return await _enter(session, case, entry, None)


async def reverse_entry(session: WriteSession, case_id: UUID, entry_id: UUID, *, on: date, reason: str) -> UUID:
    """Take an entry back by a negative one. Raises CaseNotFound, CaseStateInvalid, EntryNotFound, EntryReversed."""
    case = await _lock(session, case_id, "record_entry", None)
    found = await session.get(LegalCaseEntry, (session.organization_id, entry_id), populate_existing=True)
    if found is None or found.case_id != case_id:
        raise EntryNotFound("the case has no such entry")
    undone = await session.driver.fetchval(
        "SELECT true FROM legal_case_entries WHERE organization_id = $1 AND reverses_id = $2",
        session.organization_id,
        entry_id,
    )
    if undone or found.reverses_id is not None:
        raise EntryReversed("the entry was taken back already")
    return await _enter(session, case, CaseEntry(found.kind, -found.amount_minor, on, reason), entry_id)


async def _enter(session: WriteSession, case: LegalCase, entry: CaseEntry, reverses_id: UUID | None) -> UUID:
    entry_id = new_id()
    session.add(
        LegalCaseEntry(
            organization_id=session.organization_id,
            id=entry_id,
            case_id=case.id,
            kind=entry.kind,
            amount_minor=entry.amount_minor,
            on_date=entry.on_date,
            description=entry.description,
            payment_id=entry.payment_id,
            reverses_id=reverses_id,
            actor_name=session.actor.name,
        )
    )
    if entry.kind == "cost":
        case.cost_minor += entry.amount_minor
    else:
        case.recovered_minor += entry.amount_minor
    case.version += 1
    case.updated_at = RECORDED_NOW
    await session.flush()
    after = {"account_id": case.account_id, "amount_minor": str(entry.amount_minor), "currency": case.currency}
    event = f"legal_case.{entry.kind}_{'reversed' if reverses_id else 'recorded'}"
    record_change(session, ChangeRow("legal_case", case.id, event, after=after, effective_date=entry.on_date))
    return entry_id
