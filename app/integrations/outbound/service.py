"""Batches for an ERP: made, given out as files as often as asked, answered row by row, or cancelled.

A batch is one transaction: it is there with all its rows or not at all. Batches of one kind are made one after the
other, and a unique key lets no row stand in two of them unless the first was rejected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from app.core.ids import new_id
from app.core.money import to_text
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.rendering.workbooks import Sheet, workbook
from app.infra.versions import check_version
from app.integrations.outbound import queries, rules
from app.integrations.outbound.errors import (
    AccountUnmapped,
    AnswerDiffers,
    ExportBatchClosed,
    ExportFormatUnknown,
    ExportRowUnknown,
    NothingToExport,
)
from app.integrations.outbound.models import ExportBatch
from app.integrations.outbound.queries import NewRow, Scope

Kind = Literal["journal", "cash_receipts"]
ROWS_MAX = 20_000
PAYMENT = "9"
FORMATS: Mapping[str, Mapping[str, str]] = {
    "journal": {
        "csv": "text/csv; charset=utf-8",
        "json": "application/json",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    },
    "cash_receipts": {"xml": "application/xml", "csv": "text/csv; charset=utf-8"},
}
_NUMERIC = ("debit", "credit")


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What a batch may take, and for which source's books. `settings` as the files need them."""

    kind: Kind
    scope: Scope = field(default_factory=Scope)
    rows_max: int = ROWS_MAX
    target: str = "gl"
    on_unmapped: Literal["refuse", "use_role"] = "refuse"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What the ERP says of one row."""

    ordinal: int
    state: Literal["accepted", "rejected"]
    erp_reference: str | None = None
    error: str | None = None


async def make_batch(session: WriteSession, new: NewBatch) -> UUID:
    """Freeze what is in no batch yet. Raises NothingToExport, AccountUnmapped."""
    number = await queries.lock_kind(session, new.kind)
    batch = ExportBatch(
        organization_id=session.organization_id, id=new_id(), kind=new.kind, number=number, target=new.target,
        legal_entity_id=new.scope.legal_entity_id, effective_from=new.scope.effective_from,
        effective_to=new.scope.effective_to, settings=dict(new.settings), rows_count=0,
        made_by=session.actor.name,
    )  # fmt: skip
    session.add(batch)
    await session.flush()
    if new.kind == "journal":
        rows, totals = await _journal(session, new)
        await queries.insert_rows(session, batch.id, new.target, rows, 1)
        count = len(rows)
    else:
        count, totals = await _cash(session, new, batch)
    if not count:
        raise NothingToExport("all that fits is in a batch already, or cannot leave yet")
    batch.rows_count, batch.totals = count, totals
    await session.flush()
    after = {"kind": new.kind, "number": number, "rows": count}
    record_change(session, ChangeRow("export_batch", batch.id, "export_batch.made", after=after))
    return batch.id


async def _journal(session: WriteSession, new: NewBatch) -> tuple[list[NewRow], list[dict[str, Any]]]:
    """Transfers as debit and credit with the accounts of the general ledger, and their sums by currency."""
    rows: list[NewRow] = []
    sums: dict[str, list[int]] = {}
    unmapped: set[tuple[str, str]] = set()
    for found in await queries.transfers_to_export(session, new.scope, new.rows_max):
        codes: dict[str, str] = {}
        for side in ("debit", "credit"):
            role = found[f"{side}_account"]
            code = found["account_mapping"].get(role)
            if code is None and new.on_unmapped == "refuse":
                unmapped.add((found["legal_entity"], role))
            codes[side] = code or role
        total = sums.setdefault(found["currency"], [0, 0])
        total[0] += found["amount_minor"]
        total[1] += 1
        content = {
            "posting_id": str(found["posting_id"]), "transfer_id": str(found["id"]),
            "entry_date": found["effective_date"].isoformat(), "legal_entity": found["legal_entity"],
            "debit_account": found["debit_account"], "credit_account": found["credit_account"],
            "debit_code": codes["debit"], "credit_code": codes["credit"],
            "amount": to_text(found["amount_minor"], found["currency"]), "currency": found["currency"],
            "customer": found["customer"], "document": found["document"], "event": found["event"],
        }  # fmt: skip
        rows.append(NewRow("transfer", found["id"], content))
    if unmapped:
        named = ", ".join(f"{role} of {entity}" for entity, role in sorted(unmapped))
        raise AccountUnmapped(f"the account mapping names no general-ledger account for {named}"[:900])
    totals = [
        {"currency": currency, "rows": count, "debit": to_text(minor, currency), "credit": to_text(minor, currency)}
        for currency, (minor, count) in sorted(sums.items())
    ]
    return rows, totals


async def _cash(session: WriteSession, new: NewBatch, batch: ExportBatch) -> tuple[int, list[dict[str, Any]]]:
    """Receipts first; then what they (or others that the ERP knows) settle, and what was undone since."""
    batch_number = f"DC{batch.number:08d}"
    sums: dict[str, list[int]] = {}
    receipts: list[NewRow] = []
    for row in await queries.receipts_to_export(session, new.target, new.scope, new.rows_max):
        number = f"DC{batch.number:07d}{len(receipts) + 1:06d}"
        amount = to_text(row["minor"], row["currency"])
        content = rules.receipt_content(
            row, document_number=number, batch_number=batch_number, amount=amount, settings=new.settings
        )
        key = f"{row['customer_key']}/{PAYMENT}/{number}"
        receipts.append(NewRow("receipt", row["id"], content, external_id=key))
        _add(sums, row["currency"], row["minor"])
    if receipts:
        await queries.insert_rows(session, batch.id, new.target, receipts, 1)
    others: list[NewRow] = []
    for row in await queries.applications_to_export(session, new.target, new.scope, new.rows_max):
        names = ("amount_minor", "discount_minor", "write_off_minor")
        amounts = [to_text(row[name], row["currency"]) for name in names]
        made = rules.application_content(
            row["source_key"], row["invoice_key"], (amounts[0], amounts[1], amounts[2]), row["effective_date"]
        )
        if made is not None:
            key = f"{row['source_key']}|{row['invoice_key']}"
            others.append(NewRow("application", row["id"], made, row["payment_id"], key))
    for row in await queries.undone_to_export(session, new.target, new.scope, new.rows_max):
        source_key, _, invoice_key = (row["external_id"] or "").partition("|")
        made = rules.unapplication_content(source_key, invoice_key, row["effective_date"])
        if made is not None:
            others.append(NewRow("unapplication", row["id"], made, row["depends_on"]))
    if others:
        await queries.insert_rows(session, batch.id, new.target, others, len(receipts) + 1)
    batch.left_out = await queries.left_out(session, new.target, new.scope)
    totals = [
        {"currency": currency, "rows": count, "debit": to_text(minor, currency), "credit": to_text(minor, currency)}
        for currency, (minor, count) in sorted(sums.items())
    ]
    return len(receipts) + len(others), totals


def _add(sums: dict[str, list[int]], currency: str, minor: int) -> None:
    total = sums.setdefault(currency, [0, 0])
    total[0] += minor
    total[1] += 1


async def file_of(session: ReadSession, batch: ExportBatch, form: str, part: str = "receipt") -> bytes:
    """The file of a batch, of the same bytes every time. Raises ExportFormatUnknown.

    `part` chooses the rows of a CSV of cash receipts: receipt, application or unapplication.
    """
    if form not in FORMATS[batch.kind]:
        known = ", ".join(FORMATS[batch.kind])
        raise ExportFormatUnknown(f"files of these batches are {known}", pointer="/format")
    rows = await queries.frozen_rows(session, batch.id)
    return await asyncio.to_thread(_render, batch, form, part, rows)


def _render(batch: ExportBatch, form: str, part: str, rows: Sequence[tuple[int, str, Mapping[str, Any]]]) -> bytes:
    if form == "xml":
        return rules.econnect_file(rows)
    if batch.kind == "cash_receipts":
        lines = [{"ROW": str(ordinal), **content} for ordinal, kind, content in rows if kind == part]
        return rules.csv_file(rules.COLUMNS[part], lines)
    journal = rules.journal_lines(batch.number, [(ordinal, content) for ordinal, _, content in rows])
    if form == "csv":
        return rules.csv_file(rules.JOURNAL_COLUMNS, journal)
    if form == "json":
        head = {"batch": batch.number, "id": str(batch.id), "totals": batch.totals}
        return rules.json_file(head, journal)
    from decimal import Decimal

    cells = tuple(
        tuple(Decimal(line[n]) if n in _NUMERIC and line[n] else line[n] or None for n in rules.JOURNAL_COLUMNS)
        for line in journal
    )
    sheet = Sheet("Journal", rules.JOURNAL_COLUMNS, cells)
    return workbook([sheet], title=f"Journal {batch.number}", on=batch.created_at.date())


async def acknowledge(
    session: WriteSession,
    kind: Kind,
    batch_id: UUID,
    answers: Sequence[RowAnswer],
    *,
    rest: Literal["accepted", "rejected"] | None,
    expected_version: int | None = None,
) -> None:
    """Write down what the ERP says of rows; `rest` is its answer for all others that wait.

    The same answer again changes nothing. Raises ExportBatchNotFound, StaleVersion, ExportBatchClosed (cancelled),
    ExportRowUnknown, AnswerDiffers.
    """
    batch = await queries.get_batch(session, kind, batch_id, lock=True)
    check_version(expected_version, batch.version)
    if batch.state == "cancelled":
        raise ExportBatchClosed("the batch was cancelled; its rows are in other batches, or will be", state=batch.state)
    before = await queries.row_answers(session, batch_id, [answer.ordinal for answer in answers])
    fresh: dict[int, tuple[int, str, str | None, str | None]] = {}
    for answer in answers:
        present = before.get(answer.ordinal)
        if present is None:
            raise ExportRowUnknown(f"the batch has no row {answer.ordinal}", pointer="/results")
        said = fresh[answer.ordinal][1] if answer.ordinal in fresh else present
        if said not in ("pending", answer.state):
            raise AnswerDiffers(f"row {answer.ordinal} is {said}", pointer="/results")
        if present == "pending":
            fresh[answer.ordinal] = (answer.ordinal, answer.state, answer.erp_reference, answer.error)
    await queries.write_answers(session, batch_id, list(fresh.values()))
    if rest is not None:
        await queries.answer_rest(session, batch_id, rest, "not taken by the ERP" if rest == "rejected" else None)
    await _close(session, kind, batch_id, "export_batch.acknowledged", None)


async def cancel_batch(
    session: WriteSession, kind: Kind, batch_id: UUID, *, expected_version: int | None = None
) -> None:
    """Take back rows that have no answer yet: they go into the next batch. For a file that never reached the ERP.

    Raises ExportBatchNotFound, StaleVersion, ExportBatchClosed.
    """
    batch = await queries.get_batch(session, kind, batch_id, lock=True)
    check_version(expected_version, batch.version)
    if batch.state != "open":
        raise ExportBatchClosed(f"the batch is {batch.state}", state=batch.state)
    await queries.answer_rest(session, batch_id, "rejected", "the batch was cancelled")
    await _close(session, kind, batch_id, "export_batch.cancelled", "cancelled")


async def _close(session: WriteSession, kind: Kind, batch_id: UUID, event: str, closed_as: str | None) -> None:
    await queries.count_rows(session, batch_id, closed_as)
    after = await queries.get_batch(session, kind, batch_id)
    facts = {
        "number": after.number, "state": after.state, "rows_accepted": after.rows_accepted,
        "rows_rejected": after.rows_rejected,
    }  # fmt: skip
    record_change(session, ChangeRow("export_batch", batch_id, event, after=facts))
