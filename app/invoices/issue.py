"""Issue invoices, debit memos and finance charges: one by one or thousands at once, by the same set-wise statements.

A document that is refused leaves nothing behind; the others of the batch are issued.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import payment_terms_by_id
from app.accounts.rules import InstalmentPlan, PaymentTerms
from app.core.errors import DomainError
from app.core.ids import InvoiceId, new_id
from app.core.reference_keys import reference_key, stored_keys
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.invoices.errors import AccountUnknown, ExternalIdTaken, NumberTaken, PaymentTermsUnknown
from app.invoices.queries import AccountFacts, account_facts
from app.invoices.rules import (
    IssueInvoice,
    differs_from_agreed,
    plan_instalments,
    split_opening_settlement,
    split_tax,
    status_of_instalment,
)
from app.invoices.sql import issuing
from app.invoices.sql.adjustments import insert_posted_adjustments
from app.ledger import rules as chart
from app.ledger.posting import LegalEntityFacts, check_open, legal_entity_facts, post
from app.ledger.rules import TransferRow

_CREDIT_SIDE = {
    "invoice": chart.REVENUE,
    "debit_memo": chart.REVENUE,
    "finance_charge": chart.FINANCE_CHARGE_INCOME,
}


@dataclass(frozen=True, slots=True)
class _Issued:
    """One document on its way into the tables."""

    id: UUID
    command: IssueInvoice
    payment_terms_id: UUID | None
    terms_differ: bool
    plans: tuple[InstalmentPlan, ...]
    instalment_ids: tuple[UUID, ...]
    settled: list[int]


async def issue_invoice(session: WriteSession, command: IssueInvoice) -> InvoiceId:
    """Issue one document. Raises the refusal (number taken, unknown account, closed period, wrong sums …)."""
    (result,) = await issue_invoices(session, [command])
    if isinstance(result, DomainError):
        raise result
    return result


async def issue_invoices(session: WriteSession, commands: Sequence[IssueInvoice]) -> list[InvoiceId | DomainError]:
    """Issue many documents set-wise; the answer has, in order, the id or the refusal of each."""
    accounts = await account_facts(session, {command.account_id for command in commands})
    wanted = {command.payment_terms_id for command in commands} | {a.payment_terms_id for a in accounts.values()}
    terms = await payment_terms_by_id(session, {found for found in wanted if found is not None})
    entities = await _legal_entities(session, {command.legal_entity_id for command in commands})
    claimed = issuing.TakenNumbers()  # within this batch; the database answers for all others when they are inserted
    results: list[InvoiceId | DomainError] = []
    issued: list[_Issued] = []
    for command in commands:
        try:
            prepared = _prepare(command, entities, accounts, terms, claimed)
        except DomainError as refusal:
            results.append(refusal)
            continue
        issued.append(prepared)
        results.append(InvoiceId(prepared.id))
    if not issued:
        return results
    inserted = await _insert(session, issued)
    if len(inserted) < len(issued):
        refusals = await _refusals(session, [document for document in issued if document.id not in inserted])
        results = [r if isinstance(r, DomainError) else refusals.get(r, r) for r in results]
    for document in issued:
        if document.id in inserted:
            _book(session, document)
    return results


async def _refusals(session: WriteSession, refused: Sequence[_Issued]) -> dict[UUID, DomainError]:
    """Why documents were not inserted: their number or their external id is in use."""
    taken = await issuing.taken_numbers(session, [document.command for document in refused])
    found: dict[UUID, DomainError] = {}
    for document in refused:
        try:
            _claim(taken, document.command)
        except DomainError as refusal:
            found[document.id] = refusal
        else:
            found[document.id] = NumberTaken("the number was taken meanwhile", pointer="/number")
    return found


def _claim(taken: issuing.TakenNumbers, command: IssueInvoice) -> None:
    """Take number and external id. Raises NumberTaken, ExternalIdTaken."""
    if not taken.number_is_free(command):
        detail = f"the number {command.number} is taken within legal entity, kind and source"
        raise NumberTaken(detail, pointer="/number")
    if not taken.external_id_is_free(command):
        raise ExternalIdTaken("the source has a document with this external id already", pointer="/external_ref")
    taken.claim(command)


async def _legal_entities(session: WriteSession, ids: set[UUID]) -> dict[UUID, LegalEntityFacts | DomainError]:
    """Legal entities by id, or the refusal of those that do not exist."""
    found: dict[UUID, LegalEntityFacts | DomainError] = {}
    for id_ in ids:
        try:
            found[id_] = await legal_entity_facts(session, id_)
        except DomainError as refusal:
            found[id_] = refusal
    return found


def _prepare(
    command: IssueInvoice,
    entities: dict[UUID, LegalEntityFacts | DomainError],
    accounts: dict[UUID, AccountFacts],
    terms: dict[UUID, PaymentTerms],
    claimed: issuing.TakenNumbers,
) -> _Issued:
    """Check one document against the rules, the period and the numbers in use; plan its instalments."""
    entity = entities[command.legal_entity_id]
    if isinstance(entity, DomainError):
        raise entity
    check_open(entity, command.posting_date, pointer="/accounting_date")
    account = accounts.get(command.account_id)
    if account is None:
        raise AccountUnknown("no such account", pointer="/account_id")
    terms_id = command.payment_terms_id or account.payment_terms_id
    agreed = terms.get(account.payment_terms_id) if account.payment_terms_id else None
    if command.payment_terms_id is not None and command.payment_terms_id not in terms:
        raise PaymentTermsUnknown("no such payment terms", pointer="/payment_terms_id")
    plans = plan_instalments(command, terms.get(terms_id) if terms_id else None)
    _claim(claimed, command)
    settled_minor = 0 if command.open_minor is None else command.amount_minor - command.open_minor
    return _Issued(
        id=new_id(),
        command=command,
        payment_terms_id=terms_id,
        terms_differ=terms_id != account.payment_terms_id or differs_from_agreed(command, agreed),
        plans=plans,
        instalment_ids=tuple(new_id() for _ in plans),
        settled=split_opening_settlement(plans, settled_minor),
    )


async def _insert(session: WriteSession, documents: Sequence[_Issued]) -> set[UUID]:
    """Insert the documents whose number and external id are free, with what belongs to them; their ids."""
    inserted = await issuing.insert_invoices(session, [_invoice_row(document) for document in documents])
    issued = [document for document in documents if document.id in inserted]
    if not issued:
        return inserted
    await issuing.insert_instalments(session, [row for document in issued for row in _instalment_rows(document)])
    lines = [row for document in issued for row in _line_rows(document)]
    if lines:
        await issuing.insert_lines(session, lines)
    settlements = [row for document in issued for row in _settlement_rows(session, document)]
    if settlements:
        await insert_posted_adjustments(session, settlements)
    return inserted


def _invoice_row(document: _Issued) -> tuple[Any, ...]:
    command = document.command
    order = command.purchase_order
    return (
        document.id,
        command.kind,
        command.number,
        *stored_keys(command.number),
        command.source,
        command.external_id,
        command.legal_entity_id,
        command.account_id,
        command.currency,
        command.amount_minor,
        command.tax_minor,
        command.invoice_date,
        command.posting_date,
        document.payment_terms_id,
        document.terms_differ,
        order,
        reference_key(order) or None if order else None,
        command.delivery_reference,
        command.contract_reference,
        command.corrects_id,
    )


def _instalment_rows(document: _Issued) -> list[tuple[Any, ...]]:
    command = document.command
    rows: list[tuple[Any, ...]] = []
    for plan, instalment_id, settled in zip(document.plans, document.instalment_ids, document.settled, strict=True):
        later = [[offer.discount_date.isoformat(), offer.discount_minor] for offer in plan.offers[1:]]
        rows.append(
            (
                instalment_id,
                document.id,
                plan.ordinal,
                command.account_id,
                command.legal_entity_id,
                command.currency,
                plan.due_date,
                command.posting_date,
                command.invoice_date,
                plan.amount_minor,
                settled,
                plan.discount_minor,
                plan.discount_date,
                json.dumps(later) if later else "[]",
                status_of_instalment(plan.amount_minor - settled, plan.amount_minor),
            )
        )
    return rows


def _line_rows(document: _Issued) -> list[tuple[Any, ...]]:
    return [
        (new_id(), document.id, position, line.description, line.quantity, line.amount_minor, line.tax_minor)
        for position, line in enumerate(document.command.lines, start=1)
    ]


def _settlement_rows(session: WriteSession, document: _Issued) -> list[tuple[Any, ...]]:
    command = document.command
    return [
        (
            new_id(),
            instalment_id,
            command.legal_entity_id,
            command.account_id,
            command.currency,
            "opening_settlement",
            "opening_settlement",
            None,
            settled,
            0,
            command.posting_date,
            session.actor.name,
            session.actor.id,
        )
        for instalment_id, settled in zip(document.instalment_ids, document.settled, strict=True)
        if settled
    ]


def _book(session: WriteSession, document: _Issued) -> None:
    """Post receivables against revenue and tax, and the opening settlement; write the change."""
    command = document.command
    on: date = command.posting_date
    rows: list[TransferRow] = []
    plans = document.plans
    taxes = [command.tax_minor] if len(plans) == 1 else split_tax(command.tax_minor, [p.amount_minor for p in plans])
    for index, (plan, instalment_id) in enumerate(zip(document.plans, document.instalment_ids, strict=True)):
        tax = taxes[index]
        for account, amount in ((_CREDIT_SIDE[command.kind], plan.amount_minor - tax), (chart.TAX_PAYABLE, tax)):
            rows.append(_transfer(document, "invoice.issued", account, amount, instalment_id, on))
        settled = document.settled[index]
        if settled:
            rows.append(
                _transfer(document, "invoice.opening_settlement", chart.OPENING_BALANCE, -settled, instalment_id, on)
            )
    post(session, rows)
    record_change(
        session,
        ChangeRow(
            entity_type="invoice",
            entity_id=document.id,
            event="invoice.issued",
            after={
                "kind": command.kind,
                "number": command.number,
                "account_id": command.account_id,
                "amount_minor": command.amount_minor,
                "currency": command.currency,
                "due_date": document.plans[0].due_date,
            },
            effective_date=on,
        ),
    )


def _transfer(
    document: _Issued, event: str, credit_account: str, amount_minor: int, instalment_id: UUID, on: date
) -> TransferRow:
    command = document.command
    return TransferRow(
        legal_entity_id=command.legal_entity_id,
        event=event,
        debit_account=chart.RECEIVABLES,
        credit_account=credit_account,
        amount_minor=amount_minor,
        currency=command.currency,
        effective_date=on,
        account_id=command.account_id,
        instalment_id=instalment_id,
        source_id=document.id,
    )
