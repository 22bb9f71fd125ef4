"""A matching run: payments that wait, in batches; each batch is one transaction and leaves nothing half done.

A batch reads facts, asks the pure engine for proposals, applies those in the automatic band, keeps every proposal with
its reasons, and takes the payments off the waiting list. A worker that dies repeats only the batch it was in.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.identities import IdentityCommand, learn_payer_identities
from app.cash_application import facts, queries
from app.cash_application.applying import ProposedLine, commands, effective_date
from app.cash_application.matching.engine import match
from app.cash_application.matching.types import Band, ItemKind, PaymentFacts, Proposal, Settings
from app.cash_application.models import MatchingRun
from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession, attempt
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW
from app.payments.apply import apply_many
from app.payments.types import Apply

JOB = "matching"
ONE_AT_A_TIME = "run"  # the key of every matching job: the runs of an organization never overlap
PAYMENTS_PER_BATCH = 500
BATCHES_LIMIT = 10_000
REFERENCE_TEACHES = 0.6  # the reference score from which on an automatic match shows who the payer is
_FIRST = UUID(int=0)


@dataclass(slots=True)
class _Decided:
    """One payment of a batch on its way into the tables."""

    payment: PaymentFacts
    row: Any
    proposal: Proposal
    proposal_id: UUID
    lines: list[ProposedLine]
    state: str = "open"
    group_id: UUID | None = None
    note: str | None = None


async def start_run(session: WriteSession, *, trigger: str, today: date, retry: bool = False) -> UUID:
    """Record a run and owe its job. With `retry` payments without a match, or only proposed, wait again."""
    if retry:
        await queries.retry_unmatched(session)
    run_id = new_id()
    total = await queries.count_waiting(session)
    session.add(
        MatchingRun(
            organization_id=session.organization_id,
            id=run_id,
            state="queued",
            trigger=trigger,
            today=today,
            payments_total=total,
        )
    )
    await session.flush()
    record_change(session, ChangeRow("matching_run", run_id, "matching_run.started", after={"payments": total}))
    owe(session, JOB, ONE_AT_A_TIME)
    return run_id


async def run_owed(database: Database, organization_id: UUID, today: date) -> None:
    """Work through the runs that were asked for, one after the other; without one, match what waits after a load."""
    async with database.write(organization_id, SYSTEM) as session:
        owed = await queries.unfinished_runs(session)
        if not owed and await queries.count_waiting(session):
            owed = [await start_run(session, trigger="load", today=today)]
    for run_id in owed:
        await run_matching(database, organization_id, run_id)


async def run_matching(database: Database, organization_id: UUID, run_id: UUID) -> None:
    """Work through the waiting payments in batches. Safe to repeat: what was decided does not wait any more."""
    async with database.write(organization_id, SYSTEM) as session:
        run = await queries.get_run(session, run_id)
        if run.state in ("completed", "failed"):
            return
        run.state = "running"
        report: dict[str, Any] = run.report or {}
    async with database.read(organization_id) as reading:
        parties = await facts.load_parties(reading)
    after = _FIRST
    for _ in range(BATCHES_LIMIT):
        async with database.write(organization_id, SYSTEM) as session:
            last = await _batch(session, run_id, parties, report, after)
        if last is None:
            break
        after = last
    async with database.write(organization_id, SYSTEM) as session:
        run = await queries.get_run(session, run_id)
        run.state, run.finished_at = "completed", RECORDED_NOW
        record_change(session, ChangeRow("matching_run", run_id, "matching_run.completed", after=_brief(report)))


async def _batch(
    session: WriteSession, run_id: UUID, parties: facts.Parties, report: dict[str, Any], after: UUID
) -> UUID | None:
    """Match one batch; answers the last payment's id, or None when nothing waits."""
    rows = await queries.waiting_payments(session, after, PAYMENTS_PER_BATCH)
    if not rows:
        return None
    settings, automatic = await facts.load_settings(session)
    decided = await _propose(session, rows, parties, settings)
    if automatic:
        await _apply(session, [d for d in decided if d.proposal.band is Band.AUTOMATIC and d.lines])
    payment_ids = [UUID(d.payment.id) for d in decided]
    await queries.supersede_open(session, payment_ids)
    await queries.insert_proposals(session, run_id, [_row(d) for d in decided])
    await queries.set_matching_states(session, [(UUID(d.payment.id), _matching_state(d)) for d in decided])
    await _learn(session, decided)
    for one in decided:
        _count(report, one)
    await queries.advance_run(session, run_id, len(decided), report)
    return rows[-1]["id"]  # type: ignore[no-any-return]


async def _propose(
    session: WriteSession, rows: Sequence[Any], parties: facts.Parties, settings: Settings
) -> list[_Decided]:
    payments = [facts.payment_facts(row) for row in rows]
    items = await facts.load_items(session, payments, parties)
    earlier = await facts.load_earlier(session, payments)
    proposals = match(payments, items.items, parties.index, parties.identities, settings, earlier)
    credit_ids = {item.id for item in items.items if item.kind is ItemKind.CREDIT_MEMO}
    decided = []
    for payment, row, proposal in zip(payments, rows, proposals, strict=True):
        lines = [
            ProposedLine(
                item_id=UUID(part.item_id),
                is_credit=part.item_id in credit_ids,
                amount_minor=part.amount_minor,
                discount_minor=part.discount_minor,
                write_off_minor=part.write_off_minor,
                accounting_date=items.accounting_dates[part.item_id],
            )
            for part in proposal.allocations
        ]
        decided.append(_Decided(payment, row, proposal, new_id(), lines))
    return decided


async def _apply(session: WriteSession, decided: Sequence[_Decided]) -> None:
    """Apply set-wise what needs one command; what nets credit memos is applied command by command, whole or not."""
    simple: list[tuple[_Decided, Apply]] = []
    for one in decided:
        on = effective_date(one.row["accounting_date"], one.lines, one.row["closed_through"])
        made = commands(UUID(one.payment.id), one.lines, on, origin="automatic", proposal_id=one.proposal_id)
        if len(made) == 1:
            simple.append((one, made[0]))
        else:
            await _apply_together(session, one, made)
    results = await apply_many(session, [command for _, command in simple]) if simple else []
    for (one, _), result in zip(simple, results, strict=True):
        if isinstance(result, DomainError):
            one.note = f"{result.code}: {result.detail}"
        else:
            one.state, one.group_id = "applied", result.group_id


async def _apply_together(session: WriteSession, one: _Decided, made: Sequence[Apply]) -> None:
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


async def _learn(session: WriteSession, decided: Sequence[_Decided]) -> None:
    """What was applied automatically because of a reference shows whose bank identifier and name these are."""
    learned = [
        IdentityCommand(UUID(one.proposal.account_id), kind, value)
        for one in decided
        if one.state == "applied" and one.proposal.account_id and one.proposal.scores.reference >= REFERENCE_TEACHES
        for kind, value in (
            ("bank_identifier", one.payment.payer_bank_identifier),
            ("payer_name", one.payment.payer_name),
        )
        if value
    ]
    if learned:
        await learn_payer_identities(session, learned)


def _matching_state(one: _Decided) -> str:
    if one.state == "applied":
        return "done"
    return "proposed" if one.lines else "no_match"


def _row(one: _Decided) -> tuple[Any, ...]:
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
        json.dumps(asdict(proposal.scores)),
        json.dumps([asdict(reason) for reason in proposal.reasons]),
        json.dumps(lines),
        json.dumps([asdict(alternative) for alternative in proposal.alternatives]),
        one.state,
        one.group_id,
        one.note,
    )


def _count(report: dict[str, Any], one: _Decided) -> None:
    """Add one payment to the run's report: by outcome, with lines, and the value in its currency."""
    outcome = "applied" if one.state == "applied" else str(one.proposal.band) if one.lines else "none"
    if outcome == "automatic":  # sure, but held back: automatic application is off, or the books refused it
        outcome = "proposed"
    entry = report.setdefault(outcome, {"payments": 0, "lines": 0, "value_minor": {}})
    entry["payments"] += 1
    entry["lines"] += len(one.lines)
    value = Counter(entry["value_minor"])
    value[one.payment.currency] += one.payment.amount_minor
    entry["value_minor"] = dict(value)
    if outcome != "applied":
        reasons = report.setdefault("why_not", {})
        code = one.note.split(":")[0] if one.note else _first_code(one.proposal)
        reasons[code] = reasons.get(code, 0) + 1


def _first_code(proposal: Proposal) -> str:
    return proposal.reasons[0].code if proposal.reasons else "none"


def _brief(report: dict[str, Any]) -> dict[str, Any]:
    return {name: entry["payments"] for name, entry in report.items() if name != "why_not"}
