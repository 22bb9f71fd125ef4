"""Open disputes: by a person for parts of one or several instalments, or from the deductions of a short payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from app.core.ids import new_id
from app.core.money import to_text
from app.disputes import queries
from app.disputes.catalogue import ensure_catalogue, reason_in_use, team_in_use
from app.disputes.errors import AssigneeUnknown, DisputedInstalmentNotOpen, DisputedInstalmentUnknown
from app.disputes.models import Dispute, DisputeLine, DisputeReason
from app.disputes.moves import add_transition
from app.disputes.notices import tell_assigned
from app.disputes.past import keep_lines
from app.disputes.rules import (
    LINES_MAX,
    DisputedTooMuch,
    DisputeInvalid,
    dispute_number,
    reason_named,
    sla_due,
)
from app.documents.service import Subject, link_document
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.organizations.queries import local_today, organization_facts
from app.payments.deductions import KeptBack, open_deductions_with
from app.payments.types import InstalmentFacts
from app.payments.writes import lock_instalments

Origin = Literal["manual", "deduction"]
_Key = tuple[str, UUID, UUID, str]  # reason, account, legal entity, currency


@dataclass(frozen=True, slots=True)
class DisputedPart:
    """So much of this instalment; without an amount all of it that is open and not disputed yet."""

    instalment_id: UUID
    amount_minor: int | None = None
    currency: str | None = None  # what the caller takes the instalment's currency for


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """A dispute to be opened. Without a team the reason's team sees to it."""

    parts: tuple[DisputedPart, ...]
    reason_code: str
    opened_on: date
    description: str | None = None
    customer_reference: str | None = None
    team: str | None = None
    assignee_id: UUID | None = None
    origin: Origin = "manual"
    payment_id: UUID | None = None
    document_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Deduction:
    """What a payer kept back of an instalment, in minor units of its currency, and why in the payer's words.

    Without an amount: all that is still open and not disputed.
    """

    instalment_id: UUID
    amount_minor: int | None
    reason: str | None = None


async def open_dispute(session: WriteSession, command: OpenDispute) -> UUID:
    """Open a dispute; answers its id. Locks the instalments in the order of their ids.

    Raises DisputeInvalid, DisputedInstalmentUnknown, DisputedInstalmentNotOpen, DisputedTooMuch,
    DisputeReasonUnknown, DisputeTeamUnknown, AssigneeUnknown, DocumentNotFound.
    """
    await ensure_catalogue(session)
    ids = [part.instalment_id for part in command.parts]
    if not 0 < len(ids) <= LINES_MAX or len(set(ids)) != len(ids):
        raise DisputeInvalid(f"1 to {LINES_MAX} instalments, each once", pointer="/lines")
    reason = await reason_in_use(session, command.reason_code)
    instalments = await lock_instalments(session, ids)
    amounts = _amounts(command.parts, instalments, await _disputed_already(session, ids))
    team_id = reason.team_id if command.team is None else (await team_in_use(session, command.team)).id
    if command.assignee_id is not None and not await queries.users_by_id(session, [command.assignee_id]):
        raise AssigneeUnknown("no active user has this id", pointer="/assignee_id")
    dispute = await _insert(session, command, reason, team_id, amounts, instalments)
    for document_id in command.document_ids:
        await link_document(session, document_id, Subject("dispute", dispute.id))
    await tell_assigned(session, dispute, reason)
    return dispute.id


async def open_from_deduction(
    session: WriteSession, *, payment_id: UUID, deductions: Sequence[Deduction], on: date | None = None
) -> list[UUID]:
    """Open disputes for what a payer kept back, after the payment was applied, in the same transaction.

    One for each reason, account, legal entity and currency. What is not open any more, or disputed already, is left
    out, so that a repeated call opens nothing twice. The payer's words choose the reason; unknown ones are `other`.
    The clock runs from `on`, the organization's date at the recorded instant unless it is given.
    """
    await ensure_catalogue(session)
    ids = {deduction.instalment_id for deduction in deductions if deduction.amount_minor != 0}
    if not ids:
        return []
    opened_on = on or await _recorded_on(session)
    catalogue = [(r.code, r.label, r.aliases) for r in await queries.all_reasons(session) if r.active]
    instalments = await lock_instalments(session, ids)
    disputed = await _disputed_already(session, list(ids))
    groups: defaultdict[_Key, dict[UUID, int]] = defaultdict(dict)
    words: defaultdict[_Key, list[str]] = defaultdict(list)
    for deduction in deductions:
        facts = instalments.get(deduction.instalment_id)
        if facts is None:
            continue
        free = facts.balance.left_minor - disputed.get(facts.id, 0)
        minor = free if deduction.amount_minor is None else min(deduction.amount_minor, free)
        code = reason_named(deduction.reason, catalogue)
        if minor <= 0:
            continue
        disputed[facts.id] = disputed.get(facts.id, 0) + minor
        key = (code, facts.account_id, facts.legal_entity_id, facts.currency)
        groups[key][facts.id] = groups[key].get(facts.id, 0) + minor
        if deduction.reason and deduction.reason not in words[key]:
            words[key].append(deduction.reason)
    made = []
    for key, amounts in sorted(groups.items(), key=lambda pair: [str(part) for part in pair[0]]):
        parts = [DisputedPart(instalment_id, minor) for instalment_id, minor in sorted(amounts.items())]
        for start in range(0, len(parts), LINES_MAX):
            command = OpenDispute(
                parts=tuple(parts[start : start + LINES_MAX]),
                reason_code=key[0],
                opened_on=opened_on,
                description="; ".join(words[key])[:2_000] or None,
                origin="deduction",
                payment_id=payment_id,
            )
            made.append(await open_dispute(session, command))
    return made


async def _dispute_kept_back(session: WriteSession, payment_id: UUID, kept: Sequence[KeptBack]) -> list[UUID]:
    deductions = [Deduction(one.instalment_id, one.amount_minor, one.reason) for one in kept]
    return await open_from_deduction(session, payment_id=payment_id, deductions=deductions)


open_deductions_with(_dispute_kept_back)


async def _recorded_on(session: WriteSession) -> date:
    """The organization's local date at the recorded instant of this transaction."""
    instant = await session.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
    return await local_today(session, instant)


async def _disputed_already(session: WriteSession, ids: Sequence[UUID]) -> dict[UUID, int]:
    """What active disputes hold of these locked instalments."""
    found: dict[UUID, int] = {}
    for row in await queries.active_lines(session, ids):
        found[row["instalment_id"]] = found.get(row["instalment_id"], 0) + row["disputed_minor"]
    return found


def _amounts(
    parts: Sequence[DisputedPart], instalments: Mapping[UUID, InstalmentFacts], disputed: Mapping[UUID, int]
) -> dict[UUID, int]:
    """The amount of each part, checked against what is open and not disputed yet."""
    amounts: dict[UUID, int] = {}
    owners = set()
    for index, part in enumerate(parts):
        pointer = f"/lines/{index}"
        facts = instalments.get(part.instalment_id)
        if facts is None:
            raise DisputedInstalmentUnknown("no such instalment", pointer=f"{pointer}/instalment_id")
        owners.add((facts.account_id, facts.legal_entity_id, facts.currency))
        if part.currency is not None and part.currency != facts.currency:
            raise DisputeInvalid(f"the instalment is in {facts.currency}", pointer="/currency")
        left = facts.balance.left_minor
        if left <= 0:
            detail = "nothing of the instalment is open"
            raise DisputedInstalmentNotOpen(detail, pointer=f"{pointer}/instalment_id")
        free = left - disputed.get(facts.id, 0)
        minor = free if part.amount_minor is None else part.amount_minor
        if part.amount_minor is not None and minor <= 0:
            raise DisputeInvalid("the amount must be positive", pointer=f"{pointer}/amount")
        if minor > free or free <= 0:
            shown = to_text(max(free, 0), facts.currency)
            detail = f"{shown} {facts.currency} of the instalment are open and not disputed yet"
            raise DisputedTooMuch(detail, pointer=f"{pointer}/amount", available=shown)
        amounts[facts.id] = minor
    if len(owners) > 1:
        raise DisputeInvalid("all parts are of one account, legal entity and currency", pointer="/lines")
    return amounts


async def _insert(
    session: WriteSession,
    command: OpenDispute,
    reason: DisputeReason,
    team_id: UUID | None,
    amounts: Mapping[UUID, int],
    instalments: Mapping[UUID, InstalmentFacts],
) -> Dispute:
    facts = instalments[command.parts[0].instalment_id]
    calendar = (await organization_facts(session)).calendar
    dispute_id, total = new_id(), sum(amounts.values())
    dispute = Dispute(
        organization_id=session.organization_id,
        id=dispute_id,
        number=dispute_number(dispute_id),
        account_id=facts.account_id,
        legal_entity_id=facts.legal_entity_id,
        currency=facts.currency,
        reason_id=reason.id,
        description=command.description,
        customer_reference=command.customer_reference,
        origin=command.origin,
        payment_id=command.payment_id,
        state="open",
        team_id=team_id,
        assignee_id=command.assignee_id,
        opened_on=command.opened_on,
        opened_by=session.actor.name,
        opened_by_id=session.actor.id,
        amount_minor=total,
        disputed_minor=total,
        sla_due_on=sla_due(calendar, command.opened_on, reason.sla_business_days),
    )
    session.add(dispute)
    await session.flush()
    for instalment_id, minor in amounts.items():
        session.add(
            DisputeLine(
                organization_id=session.organization_id,
                id=new_id(),
                dispute_id=dispute_id,
                instalment_id=instalment_id,
                amount_minor=minor,
                open_at_opening_minor=instalments[instalment_id].balance.left_minor,
                disputed_minor=minor,
            )
        )
    add_transition(session, dispute, None, command.opened_on, command.description)
    await session.flush()
    await keep_lines(session, dispute, command.opened_on)
    after = {
        "number": dispute.number,
        "account_id": dispute.account_id,
        "amount_minor": total,
        "currency": dispute.currency,
        "reason_code": reason.code,
        "origin": command.origin,
        "payment_id": command.payment_id,
        "team_id": team_id,
        "assignee_id": command.assignee_id,
        "instalment_ids": [str(instalment_id) for instalment_id in amounts],
    }
    record_change(session, ChangeRow("dispute", dispute_id, "dispute.opened", None, after, command.opened_on))
    return dispute
