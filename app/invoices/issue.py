"""Issue invoices, debit memos and finance charges: one by one or thousands at once, by the same set-wise statements.

A document that is refused leaves nothing behind; the others of the batch are issued.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.accounts.queries import payment_terms_by_id
from app.accounts.rules import InstalmentPlan, PaymentTerms
from app.core.errors import DomainError
from app.core.ids import InvoiceId, new_id
from app.core.reference_keys import reference_key, stored_keys
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
from app.invoices.sql.issuing import IssueRow
from app.ledger import rules as chart
from app.ledger.posting import LegalEntityFacts, check_open, legal_entity_facts

_CREDIT_SIDE = {
    "invoice": chart.REVENUE,
    "debit_memo": chart.REVENUE,
    "finance_charge": chart.FINANCE_CHARGE_INCOME,
}


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
    rows: list[IssueRow] = []
    for command in commands:
        try:
            own = _rows(command, entities, accounts, terms, claimed)
        except DomainError as refusal:
            results.append(refusal)
            continue
        rows += own
        results.append(InvoiceId(own[0].id))
    if not rows:
        return results
    refused = await issuing.insert_documents(session, rows)
    if refused:
        refusals = await _refusals(session, [(r, c) for r, c in zip(results, commands, strict=True) if r in refused])
        results = [r if isinstance(r, DomainError) else refusals.get(r, r) for r in results]
    lines = [row for result, command in zip(results, commands, strict=True) for row in _line_rows(result, command)]
    if lines:
        await issuing.insert_lines(session, lines)
    return results


async def _refusals(session: WriteSession, refused: Sequence[tuple[Any, IssueInvoice]]) -> dict[UUID, DomainError]:
    """Why documents were not inserted: their number or their external id is in use."""
    taken = await issuing.taken_numbers(session, [command for _, command in refused])
    found: dict[UUID, DomainError] = {}
    for id_, command in refused:
        try:
            _claim(taken, command)
        except DomainError as refusal:
            found[id_] = refusal
        else:
            found[id_] = NumberTaken("the number was taken meanwhile", pointer="/number")
    return found


def _claim(taken: issuing.TakenNumbers, command: IssueInvoice) -> None:
    """Take number and external id. Raises NumberTaken, ExternalIdTaken."""
    used = taken.claim(command)
    if used == "number":
        detail = f"the number {command.number} is taken within legal entity, kind and source"
        raise NumberTaken(detail, pointer="/number")
    if used is not None:
        raise ExternalIdTaken("the source has a document with this external id already", pointer="/external_ref")


async def _legal_entities(session: WriteSession, ids: set[UUID]) -> dict[UUID, LegalEntityFacts | DomainError]:
    """Legal entities by id, or the refusal of those that do not exist."""
    found: dict[UUID, LegalEntityFacts | DomainError] = {}
    for id_ in ids:
        try:
            found[id_] = await legal_entity_facts(session, id_)
        except DomainError as refusal:
            found[id_] = refusal
    return found


def _rows(
    command: IssueInvoice,
    entities: dict[UUID, LegalEntityFacts | DomainError],
    accounts: dict[UUID, AccountFacts],
    terms: dict[UUID, PaymentTerms],
    claimed: issuing.TakenNumbers,
) -> list[IssueRow]:
    """Check one document against the rules, the period and the numbers in use: a row for each of its instalments."""
    entity = entities[command.legal_entity_id]
    if isinstance(entity, DomainError):
        raise entity
    on = command.accounting_date or command.invoice_date
    check_open(entity, on, pointer="/accounting_date")
    account = accounts.get(command.account_id)
    if account is None:
        raise AccountUnknown("no such account", pointer="/account_id")
    agreed_id = account.payment_terms_id
    terms_id = command.payment_terms_id or agreed_id
    if command.payment_terms_id is not None and command.payment_terms_id not in terms:
        raise PaymentTermsUnknown("no such payment terms", pointer="/payment_terms_id")
    plans = plan_instalments(command, terms.get(terms_id) if terms_id else None)
    _claim(claimed, command)
    agreed = terms.get(agreed_id) if agreed_id else None
    differ = terms_id != agreed_id or (agreed is not None and differs_from_agreed(command, agreed)) or None
    if command.kind == "finance_charge":
        differ = None  # nobody agrees on terms for being charged
    number, order = command.number, command.purchase_order
    row = IssueRow(
        new_id(), command.kind, number, *stored_keys(number), command.source, command.external_id,
        command.legal_entity_id, command.account_id, command.currency, command.amount_minor, command.tax_minor,
        command.invoice_date, on if on is not command.invoice_date else None, terms_id, differ, order,
        reference_key(order) or None if order else None, command.delivery_reference, command.contract_reference,
        command.corrects_id, _CREDIT_SIDE[command.kind], plans[0].due_date,
    )  # fmt: skip
    if len(plans) == 1 and command.open_minor is None and not plans[0].offers:
        return [row]
    return _instalment_rows(row, command, plans)


def _instalment_rows(row: IssueRow, command: IssueInvoice, plans: Sequence[InstalmentPlan]) -> list[IssueRow]:
    """A row for each instalment; what the source says is settled is taken from the one that falls due first."""
    settled_minor = 0 if command.open_minor is None else command.amount_minor - command.open_minor
    taxes = [command.tax_minor] if len(plans) == 1 else split_tax(command.tax_minor, [p.amount_minor for p in plans])
    rows = []
    for plan, tax, settled in zip(plans, taxes, split_opening_settlement(plans, settled_minor), strict=True):
        later = [[offer.discount_date.isoformat(), offer.discount_minor] for offer in plan.offers[1:]]
        rows.append(
            row._replace(
                due_date=plan.due_date,
                ordinal=plan.ordinal,
                part_minor=plan.amount_minor,
                part_tax_minor=tax,
                settled_minor=settled,
                discount_minor=plan.discount_minor,
                discount_date=plan.discount_date,
                later_discounts=json.dumps(later) if later else None,
                status=status_of_instalment(plan.amount_minor - settled, plan.amount_minor),
            )
        )
    return rows


def _line_rows(result: InvoiceId | DomainError, command: IssueInvoice) -> list[tuple[Any, ...]]:
    if isinstance(result, DomainError):
        return []
    return [
        (new_id(), result, position, line.description, line.quantity, line.amount_minor, line.tax_minor)
        for position, line in enumerate(command.lines, start=1)
    ]
