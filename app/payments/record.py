"""Record receipts: one by one or thousands at once, by the same set-wise statements.

A receipt that is refused leaves nothing behind; the others of the batch are recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import PaymentId, new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.ledger.errors import LegalEntityUnknown
from app.ledger.posting import LegalEntityFacts, check_open, legal_entity_facts, post
from app.payments.errors import (
    AccountUnknown,
    BankAccountUnknown,
    DuplicateBankEntry,
    DuplicateExternalId,
    LegalEntityMissing,
)
from app.payments.postings import Held, receipt_transfer
from app.payments.queries import existing_accounts
from app.payments.rules import check_payment_amount

Method = Literal["bank_transfer", "direct_debit", "cheque", "card", "cash", "other"]
EVENT = "payment.recorded"
_BANK_ACCOUNTS = "SELECT id, legal_entity_id FROM bank_accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_INSERT = """
INSERT INTO payments (organization_id, id, legal_entity_id, bank_account_id, account_id, original_account_id, currency,
    amount_minor, value_date, accounting_date, account_since, method, payer_name, payer_bank_identifier,
    remittance_text, remittance, bank_reference, end_to_end_id, bank_entry_identity, source, external_id,
    matching_state)
SELECT $1, r.id, r.legal_entity_id, r.bank_account_id, r.account_id, r.account_id, r.currency, r.amount_minor,
    r.value_date, r.accounting_date, r.accounting_date, r.method, r.payer_name, r.payer_bank_identifier,
    r.remittance_text, r.remittance, r.bank_reference, r.end_to_end_id, r.bank_entry_identity, r.source, r.external_id,
    r.matching_state
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::date[], $9::date[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::text[], $20::text[])
    AS r(id, legal_entity_id, bank_account_id, account_id, currency, amount_minor, value_date, accounting_date, method,
         payer_name, payer_bank_identifier, remittance_text, remittance, bank_reference, end_to_end_id,
         bank_entry_identity, source, external_id, matching_state)
ON CONFLICT DO NOTHING RETURNING id
"""
_TAKEN = """
SELECT id, bank_entry_identity, source, external_id FROM payments
WHERE organization_id = $1 AND (bank_entry_identity = ANY($2::text[])
    OR (source, external_id) IN (SELECT * FROM unnest($3::text[], $4::text[])))
"""


@dataclass(frozen=True, slots=True)
class RecordPayment:
    """A receipt as the bank or a person reports it. `account_id` None: unidentified.

    The legal entity follows from the own bank account when that is given. `accounting_date` is the value date unless
    given; with `into_open_period` a date in a closed period becomes the first open one (the value date stays true).
    `match` False keeps the automatic matcher away.
    """

    amount_minor: int
    currency: str
    value_date: date
    legal_entity_id: UUID | None = None
    bank_account_id: UUID | None = None
    account_id: UUID | None = None
    accounting_date: date | None = None
    method: Method = "bank_transfer"
    payer_name: str | None = None
    payer_bank_identifier: str | None = None
    remittance_text: str | None = None
    remittance: Mapping[str, Any] = field(default_factory=dict)
    bank_reference: str | None = None
    end_to_end_id: str | None = None
    bank_entry_identity: str | None = None
    source: str = "manual"
    external_id: str | None = None
    into_open_period: bool = False
    match: bool = True


@dataclass(frozen=True, slots=True)
class _Receipt:
    """One receipt on its way into the table."""

    id: UUID
    command: RecordPayment
    legal_entity_id: UUID
    accounting_date: date


async def record_payment(session: WriteSession, command: RecordPayment) -> PaymentId:
    """Record one receipt. Raises the refusal (duplicate, unknown account, closed period …)."""
    (result,) = await record_payments(session, [command])
    if isinstance(result, DomainError):
        raise result
    return result


async def record_payments(session: WriteSession, commands: Sequence[RecordPayment]) -> list[PaymentId | DomainError]:
    """Record many receipts set-wise; the answer has, in order, the id or the refusal of each.

    Refusals: PaymentInvalid, CurrencyUnknown, AccountUnknown, BankAccountUnknown, LegalEntityMissing, PeriodClosed,
    DuplicateBankEntry, DuplicateExternalId (both with the `payment_id` that is there already).
    """
    accounts = await existing_accounts(session, {c.account_id for c in commands if c.account_id is not None})
    banks = await _bank_accounts(session, {c.bank_account_id for c in commands if c.bank_account_id is not None})
    results: list[PaymentId | DomainError] = []
    receipts: list[_Receipt] = []
    for command in commands:
        try:
            receipt = await _prepare(session, command, accounts, banks)
        except DomainError as refusal:
            results.append(refusal)
            continue
        receipts.append(receipt)
        results.append(PaymentId(receipt.id))
    if not receipts:
        return results
    inserted = await _insert(session, receipts)
    if len(inserted) < len(receipts):
        duplicates = await _duplicates(session, [r for r in receipts if r.id not in inserted])
        results = [r if isinstance(r, DomainError) else duplicates.get(r, r) for r in results]
    for receipt in receipts:
        if receipt.id in inserted:
            _book(session, receipt)
    return results


async def _bank_accounts(session: WriteSession, ids: set[UUID]) -> dict[UUID, UUID]:
    """The legal entity of each own bank account."""
    if not ids:
        return {}
    rows = await session.driver.fetch(_BANK_ACCOUNTS, session.organization_id, list(ids))
    return {row["id"]: row["legal_entity_id"] for row in rows}


async def _prepare(
    session: WriteSession, command: RecordPayment, accounts: set[UUID], banks: Mapping[UUID, UUID]
) -> _Receipt:
    """Check one receipt: amount, parties, period."""
    check_payment_amount(command.amount_minor, command.currency)
    if command.account_id is not None and command.account_id not in accounts:
        raise AccountUnknown("no such account", pointer="/account_id")
    entity_id = command.legal_entity_id
    if command.bank_account_id is not None:
        owner = banks.get(command.bank_account_id)
        if owner is None:
            raise BankAccountUnknown("no such own bank account", pointer="/bank_account_id")
        if entity_id is not None and entity_id != owner:
            raise BankAccountUnknown("the bank account is another legal entity's", pointer="/bank_account_id")
        entity_id = owner
    if entity_id is None:
        raise LegalEntityMissing("give a legal entity or an own bank account", pointer="/legal_entity_id")
    try:
        entity = await legal_entity_facts(session, entity_id)
    except LegalEntityUnknown:
        raise LegalEntityMissing("no such legal entity", pointer="/legal_entity_id") from None
    on = accounting_date_of(command, entity)
    check_open(entity, on, pointer="/accounting_date" if command.accounting_date else "/value_date")
    return _Receipt(new_id(), command, entity_id, on)


def accounting_date_of(command: RecordPayment, entity: LegalEntityFacts) -> date:
    """The day on which the receipt is booked: given, else the value date; moved into the open period on request."""
    on = command.accounting_date or command.value_date
    if command.into_open_period and entity.closed_through is not None and on <= entity.closed_through:
        return entity.closed_through + timedelta(days=1)
    return on


async def _insert(session: WriteSession, receipts: Sequence[_Receipt]) -> set[UUID]:
    # In the order of their keys, so that two imports of the same entries wait for each other instead of deadlocking.
    receipts = sorted(receipts, key=_keys)
    commands = [receipt.command for receipt in receipts]
    texts = (
        [[getattr(command, name) for command in commands] for name in names]
        for names in (
            ("method", "payer_name", "payer_bank_identifier", "remittance_text"),
            ("bank_reference", "end_to_end_id", "bank_entry_identity", "source", "external_id"),
        )
    )
    about_payer, references = texts
    rows = await session.driver.fetch(
        _INSERT,
        session.organization_id,
        [receipt.id for receipt in receipts],
        [receipt.legal_entity_id for receipt in receipts],
        [command.bank_account_id for command in commands],
        [command.account_id for command in commands],
        [command.currency for command in commands],
        [command.amount_minor for command in commands],
        [command.value_date for command in commands],
        [receipt.accounting_date for receipt in receipts],
        *about_payer,
        [json.dumps(command.remittance) for command in commands],
        *references,
        ["waiting" if command.match else "held" for command in commands],
    )
    return {row["id"] for row in rows}


def _keys(receipt: _Receipt) -> tuple[str, str, str]:
    command = receipt.command
    return (command.bank_entry_identity or "", command.source, command.external_id or "")


async def _duplicates(session: WriteSession, receipts: Sequence[_Receipt]) -> dict[UUID, DomainError]:
    """Why receipts were not inserted: the refusal of each, naming the payment that has the key."""
    commands = [receipt.command for receipt in receipts]
    referenced = [command for command in commands if command.external_id is not None]
    rows = await session.driver.fetch(
        _TAKEN,
        session.organization_id,
        [command.bank_entry_identity for command in commands if command.bank_entry_identity is not None],
        [command.source for command in referenced],
        [command.external_id for command in referenced],
    )
    by_entry = {row["bank_entry_identity"]: row["id"] for row in rows if row["bank_entry_identity"] is not None}
    by_reference = {(row["source"], row["external_id"]): row["id"] for row in rows if row["external_id"] is not None}
    found: dict[UUID, DomainError] = {}
    for receipt in receipts:
        command = receipt.command
        known = by_entry.get(command.bank_entry_identity) if command.bank_entry_identity is not None else None
        if known is not None:
            found[receipt.id] = DuplicateBankEntry("the bank entry was read before", payment_id=known)
            continue
        known = by_reference.get((command.source, command.external_id))
        detail = f"{command.source} has a payment {command.external_id} already"
        found[receipt.id] = DuplicateExternalId(detail, pointer="/external_ref", payment_id=known)
    return found


def _book(session: WriteSession, receipt: _Receipt) -> None:
    command = receipt.command
    held = Held(receipt.id, receipt.legal_entity_id, command.account_id, command.currency)
    post(session, [receipt_transfer(held, command.amount_minor, receipt.accounting_date, EVENT)])
    record_change(
        session,
        ChangeRow(
            entity_type="payment",
            entity_id=receipt.id,
            event=EVENT,
            after={
                "amount_minor": command.amount_minor,
                "currency": command.currency,
                "account_id": command.account_id,
                "value_date": command.value_date,
            },
            effective_date=receipt.accounting_date,
        ),
    )
