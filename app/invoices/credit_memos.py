"""Credit memos: issued set-wise, voided while unused, refunded in part or whole. The payments room applies them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import CreditMemoId, new_id
from app.core.money import MAX_MINOR
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices import credit_memo_queries as queries
from app.invoices.errors import (
    AccountUnknown,
    CreditMemoHasApplications,
    CreditMemoOverApplied,
    CreditMemoVoid,
    EffectiveDateTooEarly,
    ExternalIdTaken,
    NumberTaken,
)
from app.invoices.models import CreditMemo
from app.invoices.queries import account_facts
from app.invoices.reference_keys import stored_keys
from app.invoices.rules import InvoiceInvalid, tax_share
from app.ledger import rules as chart
from app.ledger.posting import check_open, legal_entity_facts, post, require_open_period
from app.ledger.rules import TransferRow


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
    numbers, external_ids = await queries.taken(session, commands)
    results: list[CreditMemoId | DomainError] = []
    issued: list[tuple[UUID, IssueCreditMemo]] = []
    for command in commands:
        try:
            entity = await legal_entity_facts(session, command.legal_entity_id)
            check_open(entity, command.posting_date, pointer="/accounting_date")
            _check(command)
            if command.account_id not in accounts:
                raise AccountUnknown("no such account", pointer="/account_id")
            _claim(numbers, (command.legal_entity_id, command.source, command.number), command)
            if command.external_id is not None:
                _claim_external(external_ids, (command.source, command.external_id))
        except DomainError as refusal:
            results.append(refusal)
            continue
        issued.append((new_id(), command))
        results.append(CreditMemoId(issued[-1][0]))
    if issued:
        await queries.insert_credit_memos(session, [_row(id_, command) for id_, command in issued])
        used = [(id_, command) for id_, command in issued if _settled(command)]
        if used:
            await queries.insert_movements(session, [_opening(session, *pair) for pair in used])
    for id_, command in issued:
        _book(session, id_, command)
    return results


async def void_credit_memo(
    session: WriteSession, credit_memo_id: UUID, *, effective_date: date, reason: str, expected_version: int | None
) -> None:
    """Void an unused credit memo. Raises CreditMemoVoid, CreditMemoHasApplications, PeriodClosed, StaleVersion …"""
    memo = await queries.lock_credit_memo(session, credit_memo_id)
    check_version(expected_version, memo.version)
    if memo.voided_at is not None:
        raise CreditMemoVoid("the credit memo is void already")
    if memo.applied_minor or memo.withdrawn_minor:
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
    if not 0 < amount_minor <= memo.open_minor:
        raise CreditMemoOverApplied("more than the credit memo has open", pointer="/amount")
    await _withdraw(session, memo, "refund", amount_minor, effective_date, reason)


async def _withdraw(
    session: WriteSession, memo: CreditMemo, kind: str, amount_minor: int, on: date, reason: str
) -> None:
    if on < memo.accounting_date:
        raise EffectiveDateTooEarly("it cannot be dated before the credit memo", pointer="/effective_date")
    await require_open_period(session, memo.legal_entity_id, on)
    movement_id = new_id()
    row = (movement_id, memo.id, kind, amount_minor, on, reason, session.actor.name)
    await queries.insert_movements(session, [row])
    await queries.withdraw(session, memo.id, kind, amount_minor, on, reason)
    tax = tax_share(amount_minor, memo.tax_minor, memo.amount_minor) if kind == "void" else 0
    against = chart.BANK if kind == "refund" else chart.REVENUE
    rows = [
        _transfer(memo, f"credit_memo.{kind}", account, amount, on, movement_id)
        for account, amount in ((against, amount_minor - tax), (chart.TAX_PAYABLE, tax))
    ]
    post(session, rows)
    event = "credit_memo.voided" if kind == "void" else "credit_memo.refunded"
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


def _check(command: IssueCreditMemo) -> None:
    if not 0 < command.amount_minor <= MAX_MINOR:
        raise InvoiceInvalid("the amount must be positive", pointer="/amount")
    if not 0 <= command.tax_minor <= command.amount_minor:
        raise InvoiceInvalid("the tax must be between zero and the amount", pointer="/tax_amount")
    if command.open_minor is not None and not 0 <= command.open_minor <= command.amount_minor:
        raise InvoiceInvalid("the open amount must be between zero and the amount", pointer="/open_amount")


def _claim(taken: set[Any], key: tuple[UUID, str, str], command: IssueCreditMemo) -> None:
    if key in taken:
        raise NumberTaken(f"the number {command.number} is taken within legal entity and source", pointer="/number")
    taken.add(key)


def _claim_external(taken: set[Any], key: tuple[str, str]) -> None:
    if key in taken:
        raise ExternalIdTaken("the source has a document with this external id already", pointer="/external_id")
    taken.add(key)


def _settled(command: IssueCreditMemo) -> int:
    return 0 if command.open_minor is None else command.amount_minor - command.open_minor


def _row(id_: UUID, command: IssueCreditMemo) -> tuple[Any, ...]:
    settled = _settled(command)
    status = "applied" if settled == command.amount_minor else "partially_applied" if settled else "open"
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
