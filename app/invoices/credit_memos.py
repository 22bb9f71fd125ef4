"""Credit memos: issued set-wise, voided while unused, refunded in part or whole. The payments room applies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import CreditMemoId, new_id
from app.core.money import MAX_MINOR, to_text
from app.core.reference_keys import stored_keys
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices.errors import (
    AccountUnknown,
    CreditedInvoiceUnknown,
    CreditMemoHasApplications,
    CreditMemoOverApplied,
    CreditMemoVoid,
    EffectiveDateTooEarly,
    ExternalIdTaken,
    NumberTaken,
)
from app.invoices.models import CreditMemo
from app.invoices.queries import account_facts
from app.invoices.rules import InvoiceInvalid, tax_of_part
from app.invoices.sql import credit_memos as queries
from app.ledger import rules as chart
from app.ledger.posting import check_open, legal_entity_facts, post, require_open_period
from app.ledger.rules import TransferRow

Taken = tuple[set[Any], set[Any]]
_EVENTS = {
    "void": "credit_memo.voided",
    "refund": "credit_memo.refunded",
    "opening_settlement": "credit_memo.settled_by_source",
}


@dataclass(frozen=True, slots=True)
class IssueCreditMemo:
    """A credit memo to be issued. Amounts positive, in minor units, tax included."""

    number: str
    legal_entity_id: UUID
    account_id: UUID
    currency: str
    amount_minor: int
    credit_date: date
    source: str = "manual"
    external_id: str | None = None
    accounting_date: date | None = None
    tax_minor: int = 0
    invoice_id: UUID | None = None
    reason_code: str | None = None
    reason: str | None = None
    open_minor: int | None = None

    @property
    def posting_date(self) -> date:
        """The accounting date: the credit date unless given."""
        return self.accounting_date or self.credit_date


async def issue_credit_memo(session: WriteSession, command: IssueCreditMemo) -> CreditMemoId:
    """Issue one. Raises the refusal."""
    (result,) = await issue_credit_memos(session, [command])
    if isinstance(result, DomainError):
        raise result
    return result


async def issue_credit_memos(
    session: WriteSession, commands: Sequence[IssueCreditMemo]
) -> list[CreditMemoId | DomainError]:
    """Issue many set-wise; the answer has, in order, the id or the refusal of each."""
    accounts = await account_facts(session, {command.account_id for command in commands})
    named = {command.invoice_id for command in commands if command.invoice_id is not None}
    credited = await queries.credited_invoices(session, list(named)) if named else {}
    claimed: Taken = (set(), set())  # within this batch; the database answers for others at the insert
    results: list[CreditMemoId | DomainError] = []
    issued: dict[UUID, IssueCreditMemo] = {}
    for command in commands:
        try:
            entity = await legal_entity_facts(session, command.legal_entity_id)
            check_open(entity, command.posting_date, pointer="/accounting_date")
            check_credit_memo(command)
            if command.account_id not in accounts:
                raise AccountUnknown("no such account", pointer="/account_id")
            check_credited(command, credited)
            _claim(claimed, command)
        except DomainError as refusal:
            results.append(refusal)
            continue
        made = CreditMemoId(new_id())
        issued[made] = command
        results.append(made)
    if not issued:
        return results
    inserted = await queries.insert_credit_memos(session, [_row(id_, command) for id_, command in issued.items()])
    if len(inserted) < len(issued):
        refusals = await _refusals(session, {id_: c for id_, c in issued.items() if id_ not in inserted})
        results = [r if isinstance(r, DomainError) else refusals.get(r, r) for r in results]
    made_now = {id_: command for id_, command in issued.items() if id_ in inserted}
    used = [(id_, command) for id_, command in made_now.items() if _settled(command)]
    if used:
        await queries.insert_movements(session, [_opening(session, *pair) for pair in used])
    for id_, command in made_now.items():
        _book(session, id_, command)
    return results


async def _refusals(session: WriteSession, refused: dict[UUID, IssueCreditMemo]) -> dict[UUID, DomainError]:
    """Why documents were not inserted: their number or their external id is in use."""
    taken = await queries.taken(session, list(refused.values()))
    found: dict[UUID, DomainError] = {}
    for id_, command in refused.items():
        try:
            _claim(taken, command)
        except DomainError as refusal:
            found[id_] = refusal
        else:
            found[id_] = NumberTaken("the number was taken meanwhile", pointer="/number")
    return found


async def void_credit_memo(
    session: WriteSession, credit_memo_id: UUID, *, effective_date: date, reason: str, expected_version: int | None
) -> None:
    """Void a credit memo that was neither applied nor refunded: what is open of it goes back to revenue and tax.

    Raises CreditMemoNotFound, StaleVersion, CreditMemoVoid, CreditMemoHasApplications, EffectiveDateTooEarly,
    PeriodClosed.
    """
    memo = await queries.lock_credit_memo(session, credit_memo_id)
    check_version(expected_version, memo.version)
    if memo.voided_at is not None:
        raise CreditMemoVoid("the credit memo is void already")
    if memo.applied_minor or await queries.refunded_minor(session, memo.id):
        raise CreditMemoHasApplications("undo its applications before voiding it; a refunded one stays")
    await _withdraw(session, memo, "void", memo.open_minor, effective_date, reason)


async def refund_credit_memo(
    session: WriteSession,
    credit_memo_id: UUID,
    *,
    amount_minor: int,
    effective_date: date,
    reason: str,
    expected_version: int | None,
) -> None:
    """Pay (part of) the open credit back to the customer. Raises CreditMemoOverApplied, CreditMemoVoid …"""
    memo = await queries.lock_credit_memo(session, credit_memo_id)
    check_version(expected_version, memo.version)
    if memo.voided_at is not None:
        raise CreditMemoVoid("the credit memo is void")
    if amount_minor <= 0:
        raise InvoiceInvalid("the amount must be positive", pointer="/amount")
    if amount_minor > memo.open_minor:
        left = to_text(memo.open_minor, memo.currency)
        raise CreditMemoOverApplied(
            f"the credit memo has {left} {memo.currency} open", pointer="/amount", available=left
        )
    await _withdraw(session, memo, "refund", amount_minor, effective_date, reason)


def earliest_withdrawal(memo: CreditMemo) -> date:
    """The first day on which all that is open now was open: the accounting date, or when something came back."""
    return max(memo.accounting_date, memo.reopened_on or memo.accounting_date)


async def settle_by_source(session: WriteSession, memo: CreditMemo, open_minor: int, on: date, reason: str) -> None:
    """Follow the open amount of the source on a locked credit memo that nobody applied or refunded here."""
    await _withdraw(session, memo, "opening_settlement", memo.open_minor - open_minor, on, reason)


async def _withdraw(
    session: WriteSession, memo: CreditMemo, kind: str, amount_minor: int, on: date, reason: str
) -> None:
    """Take an amount (negative: give it back) out of a locked credit memo."""
    earliest = earliest_withdrawal(memo) if amount_minor > 0 else memo.accounting_date
    if on < earliest:
        detail = f"not before {earliest}, the date of the credit memo or the day on which it was last opened again"
        raise EffectiveDateTooEarly(detail, pointer="/effective_date", not_before=earliest.isoformat())
    await require_open_period(session, memo.legal_entity_id, on)
    movement_id = new_id()
    if amount_minor:  # one that was settled before it came here has nothing left
        row = (movement_id, memo.id, kind, amount_minor, on, reason, session.actor.name)
        await queries.insert_movements(session, [row])
    await queries.withdraw(session, memo.id, kind, amount_minor, on, reason)
    tax = tax_of_part(amount_minor, memo.tax_minor, memo.amount_minor) if kind == "void" else 0
    against = {"refund": chart.BANK, "void": chart.REVENUE, "opening_settlement": chart.OPENING_BALANCE}[kind]
    rows = [
        _transfer(memo, f"credit_memo.{kind}", account, amount, on, movement_id)
        for account, amount in ((against, amount_minor - tax), (chart.TAX_PAYABLE, tax))
    ]
    post(session, rows)
    event = _EVENTS[kind]
    facts = {"open_minor": memo.open_minor - amount_minor}
    before = {"open_minor": memo.open_minor}
    record_change(session, ChangeRow("credit_memo", memo.id, event, before, facts, on, reason))


def _transfer(memo: CreditMemo, event: str, credit_account: str, amount: int, on: date, source_id: UUID) -> TransferRow:
    return TransferRow(
        legal_entity_id=memo.legal_entity_id,
        event=event,
        debit_account=chart.RECEIVABLES,
        credit_account=credit_account,
        amount_minor=amount,
        currency=memo.currency,
        effective_date=on,
        account_id=memo.account_id,
        credit_memo_id=memo.id,
        source_id=source_id,
    )


def check_credit_memo(command: IssueCreditMemo) -> None:
    """Raise InvoiceInvalid when the amounts contradict each other."""
    if not 0 < command.amount_minor <= MAX_MINOR:
        raise InvoiceInvalid("the amount must be positive", pointer="/amount")
    if not 0 <= command.tax_minor <= command.amount_minor:
        raise InvoiceInvalid("the tax must be between zero and the amount", pointer="/tax_amount")
    if command.open_minor is not None and not 0 <= command.open_minor <= command.amount_minor:
        raise InvoiceInvalid("the open amount must be between zero and the amount", pointer="/open_amount")


def check_credited(command: IssueCreditMemo, credited: Mapping[UUID, UUID]) -> None:
    """Raise CreditedInvoiceUnknown unless the credited invoice (if one) is of the same legal entity."""
    if command.invoice_id is not None and credited.get(command.invoice_id) != command.legal_entity_id:
        raise CreditedInvoiceUnknown("the legal entity has no such invoice", pointer="/invoice_id")


def _claim(taken: Taken, command: IssueCreditMemo) -> None:
    """Take number and external id. Raises NumberTaken, ExternalIdTaken."""
    numbers, external_ids = taken
    number = (command.legal_entity_id, command.source, command.number)
    if number in numbers:
        raise NumberTaken(f"the number {command.number} is taken within legal entity and source", pointer="/number")
    if command.external_id is not None:
        reference = (command.source, command.external_id)
        if reference in external_ids:
            detail = "the source has a document with this external id already"
            raise ExternalIdTaken(detail, pointer="/external_ref")
        external_ids.add(reference)
    numbers.add(number)


def _settled(command: IssueCreditMemo) -> int:
    return 0 if command.open_minor is None else command.amount_minor - command.open_minor


def _row(id_: UUID, command: IssueCreditMemo) -> tuple[Any, ...]:
    settled = _settled(command)
    status = "applied" if settled == command.amount_minor else "open"
    return (
        id_,
        command.number,
        *stored_keys(command.number),
        command.source,
        command.external_id,
        command.legal_entity_id,
        command.account_id,
        command.currency,
        command.amount_minor,
        command.tax_minor,
        settled,
        command.credit_date,
        command.posting_date,
        command.invoice_id,
        command.reason_code,
        command.reason,
        status,
    )


def _opening(session: WriteSession, id_: UUID, command: IssueCreditMemo) -> tuple[Any, ...]:
    settled = _settled(command)
    return (new_id(), id_, "opening_settlement", settled, command.posting_date, None, session.actor.name)


def _book(session: WriteSession, id_: UUID, command: IssueCreditMemo) -> None:
    parts = (
        ("credit_memo.issued", chart.REVENUE, command.amount_minor - command.tax_minor),
        ("credit_memo.issued", chart.TAX_PAYABLE, command.tax_minor),
        ("credit_memo.opening_settlement", chart.OPENING_BALANCE, -_settled(command)),
    )
    rows = [
        TransferRow(
            legal_entity_id=command.legal_entity_id,
            event=event,
            debit_account=account,
            credit_account=chart.RECEIVABLES,
            amount_minor=amount,
            currency=command.currency,
            effective_date=command.posting_date,
            account_id=command.account_id,
            credit_memo_id=id_,
            source_id=id_,
        )
        for event, account, amount in parts
    ]
    post(session, rows)
    facts = {
        "number": command.number,
        "account_id": command.account_id,
        "amount_minor": command.amount_minor,
        "currency": command.currency,
    }
    record_change(session, ChangeRow("credit_memo", id_, "credit_memo.issued", None, facts, command.posting_date))
