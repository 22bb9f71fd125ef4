"""One batch of a run: read the facts, ask the engine, and write all that follows in one transaction.

The facts are read in a transaction of their own, and none is open while the engine thinks. So the payments are locked
and looked at again before anything is written: one that changed in between is left for the next pass. What the
documents still have open is checked again by applying itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.cash_application import queries
from app.cash_application.applying import ProposedLine, commands, effective_date
from app.cash_application.deductions import allocated_deductions, dispute_deductions
from app.cash_application.facts import Claim, Facts, TooManyItems, load_facts
from app.cash_application.learning import Taught, teach
from app.cash_application.matching.engine import match
from app.cash_application.matching.formats import NumberFormats
from app.cash_application.matching.types import Band, ItemKind, PaymentFacts, Proposal
from app.cash_application.number_formats import load_formats
from app.cash_application.policy import load_policy
from app.cash_application.reporting import count_outcome
from app.cash_application.residuals import queue_values, take_small_surplus
from app.cash_application.rules import HELD_BACK_TEXTS, Policy
from app.cash_application.sql import outcome as sql
from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import SYSTEM, Database, WriteSession, attempt
from app.payments.apply import apply_many
from app.payments.types import Apply

REFERENCE_TEACHES = 0.6  # the reference score from which on an automatic match shows who the payer is


@dataclass(slots=True)
class Decided:
    """One payment of a batch on its way into the tables."""

    payment: PaymentFacts
    row: Any
    proposal: Proposal
    proposal_id: UUID
    lines: list[ProposedLine]
    state: str = "open"
    group_id: UUID | None = None
    note: str | None = None


async def match_batch(database: Database, organization_id: UUID, run_id: UUID, claims: Sequence[Claim]) -> int:
    """Decide these payments together and write it; how many were decided. Safe to repeat.

    A batch that claims more open items than fit into memory is decided in halves.
    """
    try:
        async with database.read(organization_id, snapshot=True) as reading:
            facts = await load_facts(reading, claims)
            policy = await load_policy(reading)
            formats = await load_formats(reading)
    except TooManyItems:
        half = len(claims) // 2
        first = await match_batch(database, organization_id, run_id, claims[:half])
        return first + await match_batch(database, organization_id, run_id, claims[half:])
    if facts is None:
        return 0
    decided = await asyncio.to_thread(_decide, facts, policy, formats)
    async with database.write(organization_id, SYSTEM) as session:
        versions = await sql.lock_waiting(session, [UUID(one.payment.id) for one in decided])
        decided = [one for one in decided if versions.get(one.row["id"]) == one.row["version"]]
        if decided:
            await _write(session, run_id, decided, policy)
    return len(decided)


def _decide(facts: Facts, policy: Policy, formats: NumberFormats | None) -> list[Decided]:
    proposals = match(facts.payments, facts.items, facts.parties, (), policy.settings, facts.earlier, formats=formats)
    credit_ids = {item.id for item in facts.items if item.kind is ItemKind.CREDIT_MEMO}
    decided = []
    for payment, row, proposal in zip(facts.payments, facts.rows, proposals, strict=True):
        lines = [
            ProposedLine(
                item_id=UUID(part.item_id),
                is_credit=part.item_id in credit_ids,
                amount_minor=part.amount_minor,
                discount_minor=part.discount_minor,
                write_off_minor=part.write_off_minor,
                accounting_date=facts.accounting_dates[part.item_id],
            )
            for part in proposal.allocations
        ]
        decided.append(Decided(payment, row, proposal, new_id(), lines))
    return decided


async def _write(session: WriteSession, run_id: UUID, decided: Sequence[Decided], policy: Policy) -> None:
    await _apply(session, _sure(decided, policy))
    await _settle_residuals(session, decided, policy)
    for one in decided:
        if one.state == "applied":
            deductions = allocated_deductions(one.proposal.allocations)
            await dispute_deductions(session, UUID(one.payment.id), deductions)
    await queries.supersede_open(session, [UUID(one.payment.id) for one in decided])
    amounts = [(one.payment.currency, one.payment.amount_minor) for one in decided]
    values = await queue_values(session, amounts, decided[0].payment.value_date)
    rows = [(*_row(one), value) for one, value in zip(decided, values, strict=True)]
    await queries.insert_proposals(session, run_id, rows)
    await queries.set_matching_states(session, [(UUID(one.payment.id), _matching_state(one)) for one in decided])
    await _learn(session, decided)

    def added(report: dict[str, Any]) -> dict[str, Any]:
        for one in decided:
            count_outcome(report, one.payment, one.proposal, one.state, len(one.lines), one.note)
        return report

    sql.advance_run_last(session, run_id, len(decided), added)


def _sure(decided: Sequence[Decided], policy: Policy) -> list[Decided]:
    """Those to apply now; what is sure and held back all the same says why."""
    sure = []
    for one in decided:
        if one.proposal.duplicate_of is not None:
            one.state = "held"
        if one.proposal.band is Band.AUTOMATIC and one.lines:
            code = policy.held_back(one.proposal)
            if code is None:
                sure.append(one)
            else:
                one.note = f"{code}: {HELD_BACK_TEXTS[code]}"
    return sure


async def _settle_residuals(session: WriteSession, decided: Sequence[Decided], policy: Policy) -> None:
    """Where the organization or the account wants it, the small rest of an applied payment is other income."""
    for one in decided:
        proposal = one.proposal
        if one.state != "applied" or policy.residual_of(proposal.account_id) != "small_to_income":
            continue
        limit = policy.small_difference_of(proposal.account_id)
        on = effective_date(one.row["accounting_date"], one.lines, one.row["closed_through"])
        await take_small_surplus(session, UUID(one.payment.id), proposal.residual_minor, limit, on)


async def _apply(session: WriteSession, decided: Sequence[Decided]) -> None:
    """Apply set-wise what needs one command; what nets credit memos is applied command by command, whole or not."""
    simple: list[tuple[Decided, Apply]] = []
    netted: list[tuple[Decided, list[Apply]]] = []
    for one in decided:
        on = effective_date(one.row["accounting_date"], one.lines, one.row["closed_through"])
        made = commands(UUID(one.payment.id), one.lines, on, origin="automatic", proposal_id=one.proposal_id)
        if len(made) == 1:
            simple.append((one, made[0]))
        else:
            netted.append((one, made))
    results = await apply_many(session, [command for _, command in simple]) if simple else []
    for (one, _), result in zip(simple, results, strict=True):
        if isinstance(result, DomainError):
            one.note = f"{result.code}: {result.detail}"
        else:
            one.state, one.group_id = "applied", result.group_id
    for one, made in netted:
        await _apply_together(session, one, made)


async def _apply_together(session: WriteSession, one: Decided, made: Sequence[Apply]) -> None:
    try:
        async with attempt(session):
            for command in made:
                (result,) = await apply_many(session, [command])
                if isinstance(result, DomainError):
                    raise result
                one.group_id = result.group_id
        one.state = "applied"
    except DomainError as refusal:
        one.group_id, one.note = None, f"{refusal.code}: {refusal.detail}"


async def _learn(session: WriteSession, decided: Sequence[Decided]) -> None:
    """What was applied automatically because of a reference shows whose bank identifier and name these are."""
    await teach(
        session,
        [
            Taught(
                account_id=UUID(one.proposal.account_id),
                payment_id=UUID(one.payment.id),
                origin="automatic",
                payer_name=one.payment.payer_name,
                payer_bank_identifier=one.payment.payer_bank_identifier,
                proposal_id=one.proposal_id,
                application_group_id=one.group_id,
            )
            for one in decided
            if one.state == "applied" and one.proposal.account_id and one.proposal.scores.reference >= REFERENCE_TEACHES
        ],
    )


def _matching_state(one: Decided) -> str:
    if one.state == "applied":
        return "done"
    if one.state == "held":
        return "held"
    return "proposed" if one.lines else "no_match"


def _fields(value: Any) -> dict[str, Any]:
    """A flat data class with slots, as JSON has it; `asdict` would copy everything in it."""
    return {name: getattr(value, name) for name in value.__slots__}


_encode = json.JSONEncoder(default=_fields, separators=(",", ":")).encode  # `json.dumps` makes one each time


def _row(one: Decided) -> tuple[Any, ...]:
    proposal = one.proposal
    lines = [
        {
            "item_id": str(line.item_id),
            "is_credit": line.is_credit,
            "amount_minor": line.amount_minor,
            "discount_minor": line.discount_minor,
            "write_off_minor": line.write_off_minor,
            "deduction_minor": part.deduction_minor,
            "deduction_reason": part.deduction_reason,
            "difference": str(part.difference),
            "accounting_date": line.accounting_date.isoformat(),
        }
        for line, part in zip(one.lines, proposal.allocations, strict=True)
    ]
    return (
        one.proposal_id,
        UUID(one.payment.id),
        UUID(proposal.account_id) if proposal.account_id else None,
        one.payment.currency,
        one.payment.amount_minor,
        proposal.residual_minor,
        str(proposal.residual_treatment),
        proposal.strategy,
        str(proposal.band),
        round(proposal.confidence, 5),
        _encode(proposal.scores),
        _encode(proposal.reasons),
        _encode(lines),
        _encode(proposal.alternatives),
        one.state,
        one.group_id,
        one.note,
        "settlement" if proposal.duplicate_of is None else "duplicate",
        UUID(proposal.duplicate_of) if proposal.duplicate_of is not None else None,
    )
