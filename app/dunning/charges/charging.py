"""Charge accounts for being late: fees, interest and compensation as finance charge documents; and undo it.

`charge_notice` is what a notice calls at the moment when it is approved. It may be repeated: the same source key is
charged once, a day of an instalment, a fee of a step and a compensation of a document never twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.dunning.charges import queries, writes
from app.dunning.charges.assessing import (
    Assessment,
    ChargeRequest,
    ItemPlan,
    Quote,
    assess_all,
    gather,
    quote,
    running_of,
)
from app.dunning.charges.errors import ChargeReversed
from app.dunning.charges.models import Charge
from app.dunning.charges.rules import FeeRule, charge_number
from app.dunning.charges.texts import line_text
from app.dunning.charges.writes import ChargeRow, OpenCharge
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices.adjustments import RequestAdjustment, post_system_adjustment, reverse_adjustment
from app.invoices.issue import issue_invoices
from app.invoices.late_facts import first_open_day
from app.invoices.rules import InstalmentCommand, IssueInvoice, LineCommand
from app.invoices.void import void_invoice

__all__ = ["ChargeRequest", "Charged", "FeeRule", "Quote", "charge_notice", "charge_notices", "quote", "reverse_charge"]
SOURCE = "dunning"
"""The source of the documents: their numbers meet no others."""
LINES_MAX = 500
"""More items than that are shown as one line of a kind."""


@dataclass(frozen=True, slots=True)
class Charged:
    """What was charged, in minor units; all zero and no ids when nothing was due. `refusal`: why it was not posted."""

    charge_id: UUID | None
    invoice_id: UUID | None
    fee_minor: int = 0
    interest_minor: int = 0
    compensation_minor: int = 0
    corrected_minor: int = 0
    refusal: DomainError | None = None


async def charge_notice(session: WriteSession, request: ChargeRequest) -> Charged:
    """Charge one account, once for its source key. Raises what refuses the document (unknown legal entity …)."""
    (result,) = await charge_notices(session, [request])
    if result.refusal is not None:
        raise result.refusal
    return result


async def charge_notices(session: WriteSession, requests: Sequence[ChargeRequest]) -> list[Charged]:
    """Charge many accounts set-wise; the answer has, in order, what became of each.

    Locks the instalments in the order of their ids. A closed period is no obstacle: the document is dated as the
    request says and posted on the first open day.
    """
    running = await running_of(session, requests)
    ids = {id_ for request in requests for id_ in request.instalment_ids} | set(running)
    await writes.lock_debts(session, ids)  # before looking: whoever charged meanwhile is seen
    standing = await queries.find_posted(session, {request.source_key for request in requests})
    fresh = list({r.source_key: r for r in requests if r.source_key not in standing}.values())
    made: dict[str, Charged] = {key: _shown(row) for key, row in standing.items()}
    if fresh:
        made.update(await _charge(session, fresh, ids, running))
    return [made[request.source_key] for request in requests]


async def _charge(
    session: WriteSession, requests: Sequence[ChargeRequest], ids: set[UUID], running: Sequence[UUID]
) -> dict[str, Charged]:
    accounts = {request.account_id for request in requests}
    await writes.release_voided(session, accounts, max(request.as_of for request in requests))
    assessments = assess_all(await gather(session, ids), requests, running)
    nothing = Charged(None, None)
    results = {assessment.request.source_key: nothing for assessment in assessments}
    posted = await _documents(session, [a for a in assessments if a.items])
    rows = []
    for assessment, outcome in posted:
        if isinstance(outcome, DomainError):
            results[assessment.request.source_key] = Charged(None, None, refusal=outcome)
        elif outcome is not None:
            rows.append(outcome)
    if rows:
        await writes.insert_charges(session, rows)
    for row in rows:
        results[row.source_key] = Charged(
            row.id, row.invoice_id, row.total("fee"), row.total("interest"), row.total("compensation"),
            row.corrected_minor,
        )  # fmt: skip
        _log(session, row)
    return results


async def _documents(
    session: WriteSession, assessments: Sequence[Assessment]
) -> list[tuple[Assessment, ChargeRow | DomainError | None]]:
    """Issue a document for each assessment that comes to more than it gives back; else give back from open charges."""
    settings = await queries.charge_settings(session)
    giving = {a.request.account_id for a in assessments if a.net_minor <= 0}
    charges = await writes.open_charges(session, giving) if giving else []
    rows: list[ChargeRow | None] = []
    commands: list[IssueInvoice] = []
    for assessment in assessments:
        row: ChargeRow | None
        if assessment.net_minor > 0:
            row = _row(assessment, assessment.items, (None,) * len(assessment.items))
        else:
            row = await _with_adjustments(session, assessment, charges)
        rows.append(row)
        if row is not None and any(a is None for a in row.adjustments):
            command = await _command(session, row, settings.payment_days)
            commands.append(command)
    issued = iter(await issue_invoices(session, commands)) if commands else iter(())
    found: list[tuple[Assessment, ChargeRow | DomainError | None]] = []
    for assessment, row in zip(assessments, rows, strict=True):
        if row is None or not any(a is None for a in row.adjustments):
            found.append((assessment, row))
            continue
        result = next(issued)
        found.append((assessment, result if isinstance(result, DomainError) else _with_invoice(row, result)))
    return found


def _row(assessment: Assessment, items: Sequence[ItemPlan], adjustments: Sequence[UUID | None]) -> ChargeRow:
    r = assessment.request
    return ChargeRow(new_id(), r.account_id, r.legal_entity_id, r.currency, r.source_key, r.as_of, r.step_ordinal,
                     tuple(items), tuple(adjustments), None)  # fmt: skip


def _with_invoice(row: ChargeRow, invoice_id: UUID) -> ChargeRow:
    return ChargeRow(row.id, row.account_id, row.legal_entity_id, row.currency, row.source_key, row.as_of,
                     row.step_ordinal, row.items, row.adjustments, invoice_id)  # fmt: skip


async def _with_adjustments(
    session: WriteSession, assessment: Assessment, charges: Sequence[OpenCharge]
) -> ChargeRow | None:
    """More is given back than charged: what comes back is taken off finance charges that are not paid yet.

    Where nothing is open it is left for later: the days stay charged too much, and the next charge is lowered by them.
    """
    request = assessment.request
    kept: list[ItemPlan] = [item for item in assessment.items if item.amount_minor > 0]
    adjustments: list[UUID | None] = [None] * len(kept)
    own = [
        c for c in charges
        if (c.account_id, c.legal_entity_id, c.currency)
        == (request.account_id, request.legal_entity_id, request.currency)
    ]  # fmt: skip
    for item in assessment.items:
        minor = -item.amount_minor
        charge = next((c for c in own if c.open_minor >= minor), None) if minor > 0 else None
        if charge is None:
            continue
        on = await first_open_day(session, request.legal_entity_id, max(request.as_of, charge.not_before))
        adjustment_id = await post_system_adjustment(
            session, RequestAdjustment(charge.instalment_id, "waived_charge", minor, on, "interest_corrected")
        )
        charge.open_minor -= minor
        kept.append(item)
        adjustments.append(adjustment_id)
    return _row(assessment, kept, adjustments) if kept else None


async def _command(session: WriteSession, row: ChargeRow, payment_days: int) -> IssueInvoice:
    """The finance charge document of what the row charges without an adjustment."""
    pairs = zip(row.items, row.adjustments, strict=True)
    items = [item for item, adjustment in pairs if adjustment is None]
    amount = sum(item.amount_minor for item in items)
    return IssueInvoice(
        kind="finance_charge",
        number=charge_number(row.id.int),
        legal_entity_id=row.legal_entity_id,
        account_id=row.account_id,
        currency=row.currency,
        amount_minor=amount,
        invoice_date=row.as_of,
        accounting_date=await first_open_day(session, row.legal_entity_id, row.as_of),
        source=SOURCE,
        external_id=str(row.id),
        # Given explicitly, so that no discount of the agreed terms is offered on it.
        instalments=(InstalmentCommand(row.as_of + timedelta(days=payment_days), amount),),
        lines=_lines(items),
    )


def _lines(items: Sequence[ItemPlan]) -> tuple[LineCommand, ...]:
    if len(items) > LINES_MAX:
        kinds = {item.kind: item for item in items}
        return tuple(
            LineCommand(kind, sum(item.amount_minor for item in items if item.kind == kind)) for kind in sorted(kinds)
        )
    lines = []
    for item in items:
        first = min((piece.first for piece in item.pieces), default=None)
        last = max((piece.last for piece in item.pieces), default=None)
        back = item.amount_minor < 0
        text = line_text(item.kind, item.debt.language, item.debt.number, first, last, back)
        lines.append(LineCommand(text, item.amount_minor))
    return tuple(lines)


async def reverse_charge(
    session: WriteSession, charge_id: UUID, *, on: date, reason: str, expected_version: int | None = None
) -> Charge:
    """Undo a charge that was wrong: its document is void, its days, fees and compensations can be charged again.

    Raises ChargeNotFound, StaleVersion, ChargeReversed, and what refuses the void: InvoiceHasApplications,
    InvoiceHasAdjustments, EffectiveDateTooEarly.
    """
    charge = await queries.get_charge(session, charge_id, lock=True)
    check_version(expected_version, charge.version)
    if charge.state == "reversed":
        raise ChargeReversed("the charge is reversed already")
    if charge.invoice_id is not None:
        effective = await first_open_day(session, charge.legal_entity_id, max(on, charge.as_of))
        await void_invoice(session, charge.invoice_id, effective_date=effective, reason=reason)
    for item in (await queries.items_of(session, [charge.id]))[charge.id]:
        if item.adjustment_id is not None:
            effective = await first_open_day(session, charge.legal_entity_id, max(on, charge.as_of))
            await reverse_adjustment(session, item.adjustment_id, effective_date=effective, reason=reason)
    await writes.release(session, [charge.id], on, reason)
    after = {"state": "reversed", "source_key": charge.source_key, "account_id": charge.account_id}
    change = ChangeRow("charge", charge.id, "charge.reversed", {"state": "posted"}, after, on, reason)
    record_change(session, change)
    return await queries.get_charge(session, charge_id)


async def follow_voids(session: WriteSession, invoice_ids: Sequence[UUID], today: date) -> int:
    """Charges whose document somebody voided are reversed too; answers how many."""
    charges = await writes.charges_of_documents(session, invoice_ids)
    for charge in charges:
        reason = "its document was voided"
        await writes.release(session, [charge["id"]], today, reason)
        after = {"state": "reversed", "source_key": charge["source_key"], "account_id": charge["account_id"]}
        change = ChangeRow("charge", charge["id"], "charge.reversed", {"state": "posted"}, after, today, reason)
        record_change(session, change)
    return len(charges)


async def reverse_source(session: WriteSession, source_key: str, *, on: date, reason: str) -> bool:
    """Undo the charge of a source key, if one stands; whether there was one. Raises as `reverse_charge`."""
    charge = (await queries.find_posted(session, [source_key])).get(source_key)
    if charge is not None:
        await reverse_charge(session, charge.id, on=on, reason=reason)
    return charge is not None


def _shown(row: Charge) -> Charged:
    return Charged(
        row.id, row.invoice_id, row.fee_minor, row.interest_minor, row.compensation_minor, row.corrected_minor
    )


def _log(session: WriteSession, row: ChargeRow) -> None:
    facts = {
        "account_id": row.account_id,
        "currency": row.currency,
        "source_key": row.source_key,
        "fee_minor": row.total("fee"),
        "interest_minor": row.total("interest"),
        "compensation_minor": row.total("compensation"),
        "corrected_minor": row.corrected_minor,
        "invoice_id": row.invoice_id,
    }
    record_change(session, ChangeRow("charge", row.id, "charge.posted", None, facts, row.as_of))
