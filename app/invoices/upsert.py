"""Create or update documents from the system that owns them, by (source, external id).

After posting nothing is overwritten. A new amount or tax posts a correction, dated `today` or the first open day;
another currency, account, legal entity, kind, number or date voids the document and issues it anew (refused once money
is applied), both as of the first open day from the document's own date on, so that no report shows it twice or not at
all. Due dates and references are brought up to date. Payment terms and lines are those of the issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.money import allocate
from app.core.reference_keys import reference_key
from app.infra.change_log import ChangeRow, record_change
from app.infra.constraints import is_transient, refusal_of
from app.infra.database import WriteSession, attempt
from app.infra.versions import check_version
from app.invoices.adjustments import RequestAdjustment, post_system_adjustment
from app.invoices.due_dates import move_due_date
from app.invoices.errors import CorrectionBelowSettled, InvoiceHasApplications, InvoiceVoid
from app.invoices.issue import issue_invoices
from app.invoices.late_facts import first_open_day
from app.invoices.queries import LockedInvoice, find_invoice_id, lock_document
from app.invoices.rules import IssueInvoice, check_invoice, split_correction, split_settlement
from app.invoices.sql import upserts
from app.invoices.sql.adjustments import standing_adjustments
from app.invoices.sql.changes import last_change
from app.invoices.void import earliest_void, void_locked
from app.ledger import rules as chart
from app.ledger.posting import legal_entity_facts, post
from app.ledger.rules import TransferRow

SAMPLED_FROM = 20
"""From so many references on it is worth a question whether a batch is known already."""
BY_SOURCE = "changed by its source"
_PENDING = InvoiceVoid("the document was voided at this moment; send it again")
_IDENTITY = ("kind", "number", "legal_entity_id", "account_id", "currency", "invoice_date")
_DESCRIPTION = ("purchase_order", "delivery_reference", "contract_reference")


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one command: `created`, `updated`, `corrected`, `reissued` or `unchanged`."""

    id: UUID
    outcome: str


async def upsert_invoice(
    session: WriteSession, command: IssueInvoice, *, today: date, expected_version: int | None = None
) -> Upserted:
    """Create or update one document, which must have that version if one is named. Raises its refusal."""
    if expected_version is not None:
        known = await find_invoice_id(session, command.source, command.external_id or "")
        check_version(expected_version, (await lock_document(session, known)).version if known else 0)
    (result,) = await upsert_invoices(session, [command], today=today)
    if isinstance(result, DomainError):
        raise result
    return result


async def upsert_invoices(
    session: WriteSession, commands: Sequence[IssueInvoice], *, today: date
) -> list[Upserted | DomainError]:
    """Create or update each document; the answer has, in order, the outcome or the refusal of each.

    A command without external id is issued. One for a document that stands earlier in the batch is done after it. What
    is refused leaves nothing behind, what is unchanged writes nothing.
    """
    present = await _on_record(session, commands)
    new = [i for i, command in enumerate(commands) if _reference(command) not in present]
    issued = await issue_invoices(session, [commands[i] for i in new]) if new else []
    results: list[Upserted | DomainError] = [_PENDING] * len(commands)
    for index, made in zip(new, issued, strict=True):
        results[index] = made if isinstance(made, DomainError) else Upserted(made, "created")
    waiting = [i for i, found in enumerate(results) if isinstance(found, DomainError) and commands[i].external_id]
    fresh = {found.id: i for i, found in enumerate(results) if waiting and isinstance(found, Upserted)}
    while waiting:
        first: dict[tuple[str, str], int] = {}
        later = [index for index in waiting if first.setdefault(_reference(commands[index]), index) != index]
        known = {reference: present.pop(reference) for reference in first if reference in present}
        missing = [reference for reference in first if reference not in known]
        if missing:
            known |= await upserts.invoices_by_reference(session, missing)
        for reference in sorted(known, key=lambda key: known[key]["id"]):  # one order for all who lock several
            index, row = first[reference], known[reference]
            if fresh.get(row["id"], -1) < index:  # else it came into being by a later command
                try:
                    results[index] = await _bring_up_to_date(session, commands[index], row, today)
                except DomainError as refusal:
                    results[index] = refusal
                    if isinstance(refusal, InvoiceVoid):  # by a rival just now, who may have issued it anew
                        later.append(index)
        waiting = sorted(later)
    return results


async def _on_record(session: WriteSession, commands: Sequence[IssueInvoice]) -> dict[tuple[str, str], Any]:
    """Documents of the batch that are on record, if it looks like an extract that is loaded again: then they need not
    be prepared for issuing. A few references tell; of a fresh batch nothing more is asked."""
    references = list(dict.fromkeys(_reference(command) for command in commands if command.external_id))
    if len(references) < SAMPLED_FROM:
        return {}
    sample = [references[0], references[len(references) // 2], references[-1]]
    if not await upserts.invoices_by_reference(session, sample):
        return {}
    return await upserts.invoices_by_reference(session, references)


def _reference(command: IssueInvoice) -> tuple[str, str]:
    return command.source, command.external_id or ""


async def _bring_up_to_date(session: WriteSession, command: IssueInvoice, found: Any, today: date) -> Upserted:
    """Post what differs, whole or not at all. Raises the refusal, also one that only the database found."""
    check_invoice(command)
    closed = (await legal_entity_facts(session, found["legal_entity_id"])).closed_through
    if _is_unchanged(command, found, closed):
        return Upserted(found["id"], "unchanged")
    try:
        async with attempt(session):
            return await _update(session, command, found["id"], today)
    except DomainError:
        raise
    except Exception as error:
        refusal = None if is_transient(error) else refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def _is_unchanged(command: IssueInvoice, found: Any, closed: date | None) -> bool:
    """Nothing that an upsert follows differs: most rows of an extract that is loaded again."""
    if _is_another(command, found, closed):
        return False
    if any(getattr(command, name) != found[name] for name in (*_DESCRIPTION, "amount_minor", "tax_minor")):
        return False
    if command.open_minor is not None and not found["applied_minor"] and command.open_minor != found["open_minor"]:
        return False
    if command.instalments:
        given = [(part.due_date, part.amount_minor) for part in command.instalments]
        return given == list(zip(found["due_dates"], found["amounts"], strict=True))
    return command.due_date is None or len(found["amounts"]) != 1 or command.due_date == found["due_dates"][0]


def _is_another(command: IssueInvoice, found: Any, closed: date | None) -> bool:
    """What cannot be corrected but only issued anew differs.

    The accounting date counts when the source names one, and neither it nor the present one lies in a closed period:
    a late fact stays where it was posted, and so does what was issued anew.
    """
    if any(getattr(command, name) != found[name] for name in _IDENTITY):
        return True
    if command.instalments and len(command.instalments) != len(found["amounts"]):
        return True
    on = command.accounting_date
    if on is None or on == found["accounting_date"] or found["corrects_id"] is not None:
        return False
    return closed is None or min(on, found["accounting_date"]) > closed


async def _update(session: WriteSession, command: IssueInvoice, invoice_id: UUID, today: date) -> Upserted:
    """Lock the document, compare it as it is now, and post what differs."""
    document = await lock_document(session, invoice_id)
    if document.invoice.voided_at is not None:
        raise InvoiceVoid("the document was voided at this moment; send it again")
    found = await upserts.invoice_facts(session, invoice_id)
    closed = (await legal_entity_facts(session, found["legal_entity_id"])).closed_through
    if _is_another(command, found, closed):
        return await _reissue(session, command, document)
    on = max([day for day in (today, found["accounting_date"], found["last_reopened"]) if day is not None])
    on = await first_open_day(session, found["legal_entity_id"], on)
    source_owns = command.open_minor is not None and not found["applied_minor"]
    if source_owns and (await standing_adjustments(session, invoice_id)).adjusted_minor:
        source_owns = False  # people settled part of it here
    corrected = await _correct(session, command, found, on, source_owns)
    if source_owns and command.open_minor is not None:
        corrected |= await _settle(session, invoice_id, command.open_minor, on)
    updated = await _describe(session, command, found)
    updated |= await _follow_due_dates(session, command, invoice_id, max(today, found["accounting_date"]))
    return Upserted(invoice_id, "corrected" if corrected else "updated" if updated else "unchanged")


async def _reissue(session: WriteSession, command: IssueInvoice, document: LockedInvoice) -> Upserted:
    invoice = document.invoice
    if any(part.applied_minor for part in document.parts):
        raise InvoiceHasApplications("money is applied to the document; undo that before its source changes it")
    on = await first_open_day(session, invoice.legal_entity_id, earliest_void(document))
    await void_locked(session, document, on, BY_SOURCE)
    posting = await first_open_day(session, command.legal_entity_id, command.posting_date)
    if on > invoice.accounting_date:  # the voided document is still seen on the days before
        posting = max(posting, on)
    (made,) = await issue_invoices(session, [replace(command, accounting_date=posting, corrects_id=invoice.id)])
    if isinstance(made, DomainError):
        raise made
    return Upserted(made, "reissued")


async def _correct(session: WriteSession, command: IssueInvoice, found: Any, on: date, source_owns: bool) -> bool:
    """Post the difference of amount and tax; by instalment where the source gives them."""
    delta, delta_tax = command.amount_minor - found["amount_minor"], command.tax_minor - found["tax_minor"]
    given = [part.amount_minor for part in command.instalments]
    if not delta and not delta_tax and given in ([], list(found["amounts"])):
        return False
    short = -delta - found["open_minor"]
    if short > 0 and source_owns:  # the source settled less than was thought: give that back first
        await _settle(session, found["id"], found["open_minor"] + short, on)
    parts = (await lock_document(session, found["id"])).parts
    opens = [part.open_minor for part in parts]
    if given:
        deltas = [wanted - present for wanted, present in zip(given, found["amounts"], strict=True)]
    elif -delta > sum(opens):
        raise CorrectionBelowSettled("the source lowers the amount below what is settled here", pointer="/amount")
    else:
        deltas = split_correction(opens, delta)
    if any(-change > left for change, left in zip(deltas, opens, strict=True)):
        raise CorrectionBelowSettled("the source lowers an instalment below what is settled here", pointer="/amount")
    weights = [abs(change) for change in deltas]
    taxes = allocate(delta_tax, weights) if delta_tax and any(weights) else [0] * len(deltas)
    for part, change, tax in zip(parts, deltas, taxes, strict=True):
        if change:
            kind = "source_correction"
            await post_system_adjustment(session, RequestAdjustment(part.id, kind, -change, on, kind, BY_SOURCE, -tax))
    await upserts.add_correction(session, found["id"], delta, delta_tax)
    if not any(weights):
        await _correct_tax_alone(session, found, delta_tax, on)
    _log(session, found["id"], "invoice.corrected", found, command, ("amount_minor", "tax_minor"), on)
    return True


async def _correct_tax_alone(session: WriteSession, found: Any, delta_tax: int, on: date) -> None:
    """The customer owes the same; less of it (or more) is tax."""
    row = TransferRow(
        legal_entity_id=found["legal_entity_id"],
        event="invoice.tax_corrected",
        debit_account=chart.SOURCE_CORRECTIONS,
        credit_account=chart.TAX_PAYABLE,
        amount_minor=delta_tax,
        currency=found["currency"],
        effective_date=on,
        account_id=found["account_id"],
        source_id=found["id"],
    )
    post(session, [row])
    await upserts.touch(session, found["id"])


async def _settle(session: WriteSession, invoice_id: UUID, open_minor: int, on: date) -> bool:
    """Follow the open amount of the source, which owns the balance of what nobody applied money to here."""
    parts = (await lock_document(session, invoice_id)).parts
    amounts = [part.amount_minor + part.corrected_minor for part in parts]
    gains = split_settlement([part.open_minor for part in parts], amounts, open_minor)
    for part, gain in zip(parts, gains, strict=True):
        if gain:
            kind = "opening_settlement"
            await post_system_adjustment(session, RequestAdjustment(part.id, kind, -gain, on, kind, BY_SOURCE))
    return any(gains)


async def _describe(session: WriteSession, command: IssueInvoice, found: Any) -> bool:
    changed = [name for name in _DESCRIPTION if getattr(command, name) != found[name]]
    if not changed:
        return False
    order = command.purchase_order
    key = reference_key(order) or None if order else None
    values = (order, key, command.delivery_reference, command.contract_reference)
    await upserts.update_descriptions(session, found["id"], values)
    await upserts.touch(session, found["id"])
    _log(session, found["id"], "invoice.updated", found, command, changed, None)
    return True


async def _follow_due_dates(session: WriteSession, command: IssueInvoice, invoice_id: UUID, on: date) -> bool:
    """Other due dates than the present ones; but one agreed here stays, while the source names the original one."""
    wanted = [part.due_date for part in command.instalments]
    if not wanted and command.due_date is not None:
        wanted = [command.due_date]
    parts = (await lock_document(session, invoice_id)).parts
    if len(wanted) != len(parts):
        return False
    moved = False
    for part, due in zip(parts, wanted, strict=True):
        if due == part.due_date:
            continue
        last = await last_change(session, part.id)
        if last is not None and last.reason != BY_SOURCE and due == part.original_due_date:
            continue
        day = max(on, last.effective_date) if last is not None else on
        await move_due_date(session, part, due_date=due, effective_date=day, reason=BY_SOURCE)
        moved = True
    return moved


def _log(
    session: WriteSession,
    invoice_id: UUID,
    event: str,
    found: Any,
    command: IssueInvoice,
    names: Sequence[str],
    on: date | None,
) -> None:
    before = {name: found[name] for name in names}
    after = {name: getattr(command, name) for name in names}
    record_change(session, ChangeRow("invoice", invoice_id, event, before, after, on, BY_SOURCE))
