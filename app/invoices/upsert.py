"""Create or update documents from the system that owns them, by (source, external id).

After posting nothing is overwritten. A new amount posts a correction; another currency, account, legal entity, kind,
number or date voids the document and issues it anew (refused once money is applied); due date and references are
brought up to date. Corrections are dated `today`, or the first open day when that is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import WriteSession, attempt
from app.invoices import queries, upsert_queries
from app.invoices.adjustments import RequestAdjustment, post_system_adjustment
from app.invoices.due_dates import change_due_date
from app.invoices.errors import CorrectionBelowSettled, InvoiceHasApplications
from app.invoices.issue import issue_invoices
from app.invoices.reference_keys import reference_key
from app.invoices.rules import InvoiceInvalid, IssueInvoice, check_invoice
from app.invoices.void import void_invoice
from app.ledger.posting import legal_entity_facts

_IDENTITY = ("kind", "number", "legal_entity_id", "account_id", "currency", "invoice_date", "tax_minor")
_DESCRIPTION = ("purchase_order", "delivery_reference", "contract_reference")


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one command: `created`, `updated`, `corrected`, `reissued` or `unchanged`."""

    id: UUID
    outcome: str


async def upsert_invoices(
    session: WriteSession, commands: Sequence[IssueInvoice], *, today: date
) -> list[Upserted | DomainError]:
    """Create or update each document; the answer has, in order, the outcome or the refusal of each.

    A command without external id is issued. A later command of the batch for the same document is refused.
    """
    issued = await issue_invoices(session, commands)  # what is on record comes back refused, at no further cost
    results = [made if isinstance(made, DomainError) else Upserted(made, "created") for made in issued]
    fresh = {result.id for result in results if isinstance(result, Upserted)}
    refused = [i for i, made in enumerate(results) if isinstance(made, DomainError) and commands[i].external_id]
    references = [(commands[i].source, commands[i].external_id or "") for i in refused]
    known = await upsert_queries.invoices_by_reference(session, references) if references else {}
    for index, reference in zip(refused, references, strict=True):
        found = known.pop(reference, None)
        if found is None or found["id"] in fresh:
            continue
        try:
            results[index] = await _bring_up_to_date(session, commands[index], found, today)
        except DomainError as refusal:
            results[index] = refusal
    return results


async def _bring_up_to_date(session: WriteSession, command: IssueInvoice, found: Any, today: date) -> Upserted:
    check_invoice(command)
    if _is_unchanged(command, found):
        return Upserted(found["id"], "unchanged")
    async with attempt(session):
        return await _update(session, command, found, today)


def _is_unchanged(command: IssueInvoice, found: Any) -> bool:
    """Nothing that an upsert follows differs: most rows of an extract that is loaded again."""
    if any(getattr(command, name) != found[name] for name in (*_IDENTITY, *_DESCRIPTION, "amount_minor")):
        return False
    if command.open_minor is not None and not found["applied_minor"] and command.open_minor != found["open_minor"]:
        return False
    return command.due_date is None or found["parts"] != 1 or command.due_date == found["first_due"]


async def _update(session: WriteSession, command: IssueInvoice, found: Any, today: date) -> Upserted:
    """Compare one command with the document on record, and post what differs."""
    differing = [name for name in _IDENTITY if getattr(command, name) != found[name]]
    if command.posting_date != found["accounting_date"] and "invoice_date" in differing:
        differing.append("accounting_date")
    if differing:
        return await _reissue(session, command, found, today)
    outcome = "unchanged"
    if command.amount_minor != found["amount_minor"]:
        await _correct(session, command, found, command.amount_minor - found["amount_minor"], today)
        outcome = "corrected"
    if await _sync_open_amount(session, command, found, today):
        outcome = "corrected"
    if await _update_descriptions(session, command, found, today) and outcome == "unchanged":
        outcome = "updated"
    return Upserted(found["id"], outcome)


async def _reissue(session: WriteSession, command: IssueInvoice, found: Any, today: date) -> Upserted:
    if found["applied_minor"]:
        raise InvoiceHasApplications("money is applied to the document; undo that before its source changes it")
    on = await _first_open_day(session, found["legal_entity_id"], max(today, found["accounting_date"]))
    await void_invoice(session, found["id"], effective_date=on, reason="changed by its source")
    posting = await _first_open_day(session, command.legal_entity_id, command.posting_date)
    made = (await issue_invoices(session, [replace(command, accounting_date=posting, corrects_id=found["id"])]))[0]
    if isinstance(made, DomainError):
        raise made
    return Upserted(made, "reissued")


async def _correct(session: WriteSession, command: IssueInvoice, found: Any, delta_minor: int, today: date) -> None:
    """Post the difference of the amount: an increase on the last instalment, a decrease where open is left."""
    if -delta_minor > found["open_minor"]:
        detail = "the source lowers the amount below what is settled here"
        raise CorrectionBelowSettled(detail, pointer="/amount")
    on = await _first_open_day(session, found["legal_entity_id"], max(today, found["accounting_date"]))
    await _spread(session, found, -delta_minor, "source_correction", on)
    await upsert_queries.add_correction(session, found["id"], delta_minor)


async def _sync_open_amount(session: WriteSession, command: IssueInvoice, found: Any, today: date) -> bool:
    """The source owns the balance of a document that nobody applied money to here: follow its open amount."""
    if command.open_minor is None or found["applied_minor"]:
        return False
    open_now = found["open_minor"] + command.amount_minor - found["amount_minor"]
    if command.open_minor == open_now:
        return False
    on = await _first_open_day(session, found["legal_entity_id"], max(today, found["accounting_date"]))
    await _spread(session, found, open_now - command.open_minor, "opening_settlement", on)
    return True


async def _spread(session: WriteSession, found: Any, take_minor: int, kind: str, on: date) -> None:
    """Take an amount off the instalments from the last backwards (negative adds to the last one)."""
    parts = (await queries.list_instalments(session, [found["id"]]))[found["id"]]
    for part in reversed(parts):
        await session.refresh(part)
        take = take_minor if take_minor < 0 else min(take_minor, part.open_minor)
        if take:
            command = RequestAdjustment(part.id, kind, take, on, kind, "changed by its source")
            await post_system_adjustment(session, command)
            take_minor -= take
        if not take_minor:
            return
    raise InvoiceInvalid("more than the document has open", pointer="/open_amount")


async def _update_descriptions(session: WriteSession, command: IssueInvoice, found: Any, today: date) -> bool:
    changed = False
    if any(getattr(command, name) != found[name] for name in _DESCRIPTION):
        order = command.purchase_order
        key = reference_key(order) or None if order else None
        values = (order, key, command.delivery_reference, command.contract_reference)
        await upsert_queries.update_descriptions(session, found["id"], values)
        changed = True
    due = command.due_date
    if due is not None and found["parts"] == 1 and due != found["first_due"]:
        on = max(today, found["accounting_date"])
        await change_due_date(
            session, found["first_id"], due_date=due, effective_date=on, reason="changed by its source"
        )
        changed = True
    return changed


async def _first_open_day(session: WriteSession, legal_entity_id: UUID, wanted: date) -> date:
    closed = (await legal_entity_facts(session, legal_entity_id)).closed_through
    return wanted if closed is None or wanted > closed else closed + timedelta(days=1)
