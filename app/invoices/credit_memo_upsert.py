"""Create or update credit memos from the system that owns them, by (source, external id).

After posting nothing is overwritten: another amount, tax, currency, account, legal entity, number or date voids the
credit memo and issues it anew, which is refused once it is applied or refunded. Both are dated on the first open day
from its own date on. Reason and credited invoice are brought up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession, attempt
from app.infra.versions import check_version
from app.invoices.credit_memos import (
    IssueCreditMemo,
    check_credit_memo,
    check_credited,
    earliest_withdrawal,
    issue_credit_memos,
    settle_by_source,
    void_credit_memo,
)
from app.invoices.errors import CreditMemoHasApplications, CreditMemoNotFound, CreditMemoVoid
from app.invoices.late_facts import first_open_day
from app.invoices.models import CreditMemo
from app.invoices.sql import credit_memos as queries
from app.invoices.upsert import BY_SOURCE, Upserted

_IDENTITY = ("number", "legal_entity_id", "account_id", "currency", "amount_minor", "tax_minor", "credit_date")
_DESCRIPTION = ("invoice_id", "reason_code", "reason")


async def upsert_credit_memo(
    session: WriteSession, command: IssueCreditMemo, *, today: date, expected_version: int | None = None
) -> Upserted:
    """Create or update one credit memo, which must have that version if one is named. Raises its refusal."""
    if expected_version is not None:
        known = await queries.memos_by_reference(session, [_reference(command)])
        version = 0
        for found in known.values():
            version = (await queries.lock_credit_memo(session, found["id"])).version
        check_version(expected_version, version)
    (result,) = await upsert_credit_memos(session, [command], today=today)
    if isinstance(result, DomainError):
        raise result
    return result


async def upsert_credit_memos(
    session: WriteSession, commands: Sequence[IssueCreditMemo], *, today: date
) -> list[Upserted | DomainError]:
    """Create or update each; the answer has, in order, the outcome (as of invoices) or the refusal of each.

    A command without external id is issued. One for a document that stands earlier in the batch is done after it.
    """
    issued = await issue_credit_memos(session, commands)  # what is on record comes back refused
    results = [made if isinstance(made, DomainError) else Upserted(made, "created") for made in issued]
    fresh = {result.id: index for index, result in enumerate(results) if isinstance(result, Upserted)}
    waiting = [i for i, made in enumerate(results) if isinstance(made, DomainError) and commands[i].external_id]
    while waiting:
        first: dict[tuple[str, str], int] = {}
        later = [index for index in waiting if first.setdefault(_reference(commands[index]), index) != index]
        known = await queries.memos_by_reference(session, list(first))
        for reference in sorted(known, key=lambda key: known[key]["id"]):
            index, found = first[reference], known[reference]
            if fresh.get(found["id"], -1) < index:
                try:
                    results[index] = await _bring_up_to_date(session, commands[index], found, today)
                except DomainError as refusal:
                    results[index] = refusal
                    if isinstance(refusal, CreditMemoVoid):  # by a rival just now, who may have issued it anew
                        later.append(index)
        waiting = sorted(later)
    return results


async def void_deleted_credit_memo(
    session: WriteSession, source: str, external_id: str, *, today: date, expected_version: int | None = None
) -> UUID:
    """Void the credit memo that was deleted at its source, dated today (or the first day that can be posted to).

    Answers its id. Raises CreditMemoNotFound, CreditMemoHasApplications, StaleVersion.
    """
    found = (await queries.memos_by_reference(session, [(source, external_id)])).get((source, external_id))
    if found is None:
        raise CreditMemoNotFound("the source has no such credit memo here, or it is void already")
    memo = await queries.lock_credit_memo(session, found["id"])
    on = await first_open_day(session, memo.legal_entity_id, max(today, earliest_withdrawal(memo)))
    await void_credit_memo(
        session, memo.id, effective_date=on, reason="deleted at its source", expected_version=expected_version
    )
    return memo.id


def _reference(command: IssueCreditMemo) -> tuple[str, str]:
    return command.source, command.external_id or ""


async def _bring_up_to_date(session: WriteSession, command: IssueCreditMemo, found: Any, today: date) -> Upserted:
    check_credit_memo(command)
    if not _is_another(command, found):
        follows = _follows(command, found) and command.open_minor != found["open_minor"]
        if not follows and all(getattr(command, name) == found[name] for name in _DESCRIPTION):
            return Upserted(found["id"], "unchanged")
    async with attempt(session):
        memo = await queries.lock_credit_memo(session, found["id"])
        if memo.voided_at is not None:
            raise CreditMemoVoid("the credit memo was voided at this moment; send it again")
        present = (await queries.memos_by_reference(session, [_reference(command)]))[_reference(command)]
        if _is_another(command, present):
            return await _reissue(session, command, memo)
        return await _update(session, command, present, memo, today)


def _is_another(command: IssueCreditMemo, found: Any) -> bool:
    """What can only be issued anew differs. The accounting date alone is not followed."""
    return any(getattr(command, name) != found[name] for name in _IDENTITY)


def _follows(command: IssueCreditMemo, found: Any) -> bool:
    """The source owns the open amount of what nobody applied or refunded here."""
    return command.open_minor is not None and not found["applied_minor"] and not found["refunded_minor"]


async def _reissue(session: WriteSession, command: IssueCreditMemo, memo: CreditMemo) -> Upserted:
    if memo.applied_minor:
        raise CreditMemoHasApplications("it is applied; undo that before its source changes it")
    on = await first_open_day(session, memo.legal_entity_id, earliest_withdrawal(memo))
    await void_credit_memo(session, memo.id, effective_date=on, reason=BY_SOURCE, expected_version=None)
    posting = await first_open_day(session, command.legal_entity_id, command.posting_date)
    if on > memo.accounting_date:  # the voided one is still seen on the days before
        posting = max(posting, on)
    (made,) = await issue_credit_memos(session, [replace(command, accounting_date=posting)])
    if isinstance(made, DomainError):
        raise made
    return Upserted(made, "reissued")


async def _update(
    session: WriteSession, command: IssueCreditMemo, found: Any, memo: CreditMemo, today: date
) -> Upserted:
    outcome = "unchanged"
    changed = [name for name in _DESCRIPTION if getattr(command, name) != found[name]]
    if changed:
        if command.invoice_id is not None:
            check_credited(command, await queries.credited_invoices(session, [command.invoice_id]))
        await queries.update_descriptions(session, memo.id, command.invoice_id, command.reason_code, command.reason)
        before = {name: found[name] for name in changed}
        after = {name: getattr(command, name) for name in changed}
        record_change(session, ChangeRow("credit_memo", memo.id, "credit_memo.updated", before, after, None, BY_SOURCE))
        outcome = "updated"
    if _follows(command, found) and command.open_minor is not None and command.open_minor != found["open_minor"]:
        on = await first_open_day(session, memo.legal_entity_id, max(today, earliest_withdrawal(memo)))
        await settle_by_source(session, memo, command.open_minor, on, BY_SOURCE)
        outcome = "corrected"
    return Upserted(memo.id, outcome)
