"""HTTP of batches that leave for an ERP: journal entries, and cash receipts with their applications."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.exports.service import Export, log_export
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.integrations.outbound import queries, service
from app.integrations.outbound.models import ExportBatch, ExportRow
from app.integrations.outbound.schemas import (
    BatchState,
    CashFormat,
    CashPart,
    CashReceiptExportCreate,
    ExportAcknowledge,
    ExportBatchRead,
    ExportRowRead,
    JournalExportCreate,
    JournalFormat,
    RowState,
)
from app.integrations.outbound.service import FORMATS, Kind, NewBatch

router = APIRouter()
Reading = Annotated[ReadSession, reads("exports:read")]
Caller = Annotated[Principal, callers("exports:read")]
Writing = Annotated[Write, writes("exports:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_JOURNAL: list[str | Enum] = ["journal exports"]
_CASH: list[str | Enum] = ["cash receipt exports"]
_SORTS = {"number": (SortKey(ExportBatch.number, int), SortKey(ExportBatch.id, UUID))}
_ROW_SORTS = {"ordinal": (SortKey(ExportRow.ordinal, int), SortKey(ExportRow.id, UUID))}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_PARTS = {"receipts": "receipt", "applications": "application", "unapplications": "unapplication"}
_SAMPLES: dict[str, dict[str, str]] = {
    "application/xml": {"example": "<eConnect><RMCashReceiptsType>…</RMCashReceiptsType></eConnect>"},
    "application/json": {"example": '{"lines": [{"ordinal": 1, "account": "1200", "debit": "1250.00"}]}'},
}


def _content(kind: Kind) -> dict[int | str, dict[str, Any]]:
    media_types = (media.partition(";")[0] for media in FORMATS[kind].values())
    return {200: {"content": {media: {**_BINARY, **_SAMPLES.get(media, {})} for media in media_types}}}


async def _make(write: Write, new: NewBatch, path: str) -> Response:
    async def work(session: WriteSession) -> Answer:
        batch_id = await service.make_batch(session, new)
        made = ExportBatchRead.of(await queries.get_batch(session, new.kind, batch_id))
        return Answer(made, 201, made.version, f"/v1/{path}/{batch_id}")

    return await write.run(work)


async def _list(
    read: ReadSession, page: PageRequest, kind: Kind, state: str | None, legal_entity_id: UUID | None
) -> Response:
    sort, keys = choose_sort(page, _SORTS, "-number")
    statement = queries.batches_statement(read.organization_id, kind, state, legal_entity_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ExportBatchRead.of(row[0]) for row in rows]
    return resource_response(Page[ExportBatchRead](data=data, has_more=cursor is not None, next_cursor=cursor))


async def _read(read: ReadSession, kind: Kind, batch_id: UUID) -> Response:
    found = await queries.get_batch(read, kind, batch_id)
    return resource_response(ExportBatchRead.of(found), found.version)


async def _rows(read: ReadSession, page: PageRequest, kind: Kind, batch_id: UUID, state: str | None) -> Response:
    await queries.get_batch(read, kind, batch_id)
    sort, keys = choose_sort(page, _ROW_SORTS, "ordinal")
    statement = queries.rows_statement(read.organization_id, batch_id, state)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ExportRowRead.of(row[0]) for row in rows]
    return resource_response(Page[ExportRowRead](data=data, has_more=cursor is not None, next_cursor=cursor))


async def _file(
    request: Request, caller: Principal, kind: Kind, batch_id: UUID, form: str, part: str = "receipts"
) -> Response:
    state = request.app.state
    async with state.read_database.read(caller.organization_id) as read:
        batch = await queries.get_batch(read, kind, batch_id)
        content = await service.file_of(read, batch, form, _PARTS[part])
    filters = {"number": str(batch.number), "part": part}
    await log_export(state.database, caller, Export(f"{kind}_batch", form, filters, batch.rows_count))
    name = f"{kind.replace('_', '-')}-{batch.number:06d}" + (f"-{part}" if form == "csv" and kind != "journal" else "")
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    return Response(content, media_type=FORMATS[kind][form], headers=headers)


async def _acknowledge(write: Write, kind: Kind, batch_id: UUID, body: ExportAcknowledge) -> Response:
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        answers = [result.answer() for result in body.results]
        await service.acknowledge(session, kind, batch_id, answers, rest=body.rest, expected_version=version)
        made = ExportBatchRead.of(await queries.get_batch(session, kind, batch_id))
        return answer(made, version=made.version)

    return await write.run(work)


async def _cancel(write: Write, kind: Kind, batch_id: UUID) -> Response:
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        await service.cancel_batch(session, kind, batch_id, expected_version=version)
        made = ExportBatchRead.of(await queries.get_batch(session, kind, batch_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/journal-exports",
    operation_id="createJournalExport",
    summary="Make a batch of journal entries for the general ledger",
    status_code=201,
    response_model=ExportBatchRead,
    responses=problems(409),
    tags=_JOURNAL,
)
async def create_journal_export(body: JournalExportCreate, write: Writing) -> Response:
    """Takes every transfer that is in no batch yet, in whole postings, with the accounts of the legal entity's
    mapping. 409 when there is none. The batch keeps what it holds: its files have the same bytes every time.
    """
    return await _make(write, body.command(), "journal-exports")


@router.get(
    "/journal-exports",
    operation_id="listJournalExports",
    summary="List batches of journal entries",
    response_model=Page[ExportBatchRead],
    responses=problems(),
    tags=_JOURNAL,
)
async def list_journal_exports(
    read: Reading, page: Paging, state: BatchState | None = None, legal_entity_id: UUID | None = None
) -> Response:
    """Latest first."""
    return await _list(read, page, "journal", state, legal_entity_id)


@router.get(
    "/journal-exports/{journal_export_id}",
    operation_id="getJournalExport",
    summary="Read a batch of journal entries",
    response_model=ExportBatchRead,
    responses=problems(404),
    tags=_JOURNAL,
)
async def get_journal_export(journal_export_id: UUID, read: Reading) -> Response:
    """Counts, sums and what may be done next."""
    return await _read(read, "journal", journal_export_id)


@router.get(
    "/journal-exports/{journal_export_id}/rows",
    operation_id="listJournalExportRows",
    summary="List the rows of a batch of journal entries",
    response_model=Page[ExportRowRead],
    responses=problems(404),
    tags=_JOURNAL,
)
async def list_journal_export_rows(
    journal_export_id: UUID, read: Reading, page: Paging, state: RowState | None = None
) -> Response:
    """What left, and what the ERP said of each."""
    return await _rows(read, page, "journal", journal_export_id, state)


@router.get(
    "/journal-exports/{journal_export_id}/file",
    operation_id="downloadJournalExport",
    summary="Download a batch of journal entries",
    response_class=Response,
    responses={**problems(404), **_content("journal")},
    tags=_JOURNAL,
)
async def download_journal_export(
    journal_export_id: UUID, request: Request, caller: Caller, format: JournalFormat = "csv"
) -> Response:
    """Two lines of each transfer, debit and credit. The same bytes as often as it is asked for."""
    return await _file(request, caller, "journal", journal_export_id, format)


@router.post(
    "/journal-exports/{journal_export_id}/acknowledge",
    operation_id="acknowledgeJournalExport",
    summary="Say what the general ledger took",
    response_model=ExportBatchRead,
    responses=problems(404, 409, 412),
    tags=_JOURNAL,
)
async def acknowledge_journal_export(journal_export_id: UUID, body: ExportAcknowledge, write: Writing) -> Response:
    """Row by row, or `rest` for all at once; rejected rows go into the next batch. The same answer may come again."""
    return await _acknowledge(write, "journal", journal_export_id, body)


@router.post(
    "/journal-exports/{journal_export_id}/cancel",
    operation_id="cancelJournalExport",
    summary="Take a batch of journal entries back",
    response_model=ExportBatchRead,
    responses=problems(404, 409, 412),
    tags=_JOURNAL,
)
async def cancel_journal_export(journal_export_id: UUID, write: Writing) -> Response:
    """For a file that never reached the ledger: rows without an answer go into the next batch."""
    return await _cancel(write, "journal", journal_export_id)


@router.post(
    "/cash-receipt-exports",
    operation_id="createCashReceiptExport",
    summary="Make a batch of cash receipts and applications for the ERP",
    status_code=201,
    response_model=ExportBatchRead,
    responses=problems(409),
    tags=_CASH,
)
async def create_cash_receipt_export(body: CashReceiptExportCreate, write: Writing) -> Response:
    """Takes payments of customers whom the ERP knows, what they settle of its documents, and what was undone since.

    Payments without a customer wait; `left_out` counts them. 409 when there is nothing to send.
    """
    return await _make(write, body.command(), "cash-receipt-exports")


@router.get(
    "/cash-receipt-exports",
    operation_id="listCashReceiptExports",
    summary="List batches of cash receipts",
    response_model=Page[ExportBatchRead],
    responses=problems(),
    tags=_CASH,
)
async def list_cash_receipt_exports(
    read: Reading, page: Paging, state: BatchState | None = None, legal_entity_id: UUID | None = None
) -> Response:
    """Latest first."""
    return await _list(read, page, "cash_receipts", state, legal_entity_id)


@router.get(
    "/cash-receipt-exports/{cash_receipt_export_id}",
    operation_id="getCashReceiptExport",
    summary="Read a batch of cash receipts",
    response_model=ExportBatchRead,
    responses=problems(404),
    tags=_CASH,
)
async def get_cash_receipt_export(cash_receipt_export_id: UUID, read: Reading) -> Response:
    """Counts, sums and what may be done next."""
    return await _read(read, "cash_receipts", cash_receipt_export_id)


@router.get(
    "/cash-receipt-exports/{cash_receipt_export_id}/rows",
    operation_id="listCashReceiptExportRows",
    summary="List the rows of a batch of cash receipts",
    response_model=Page[ExportRowRead],
    responses=problems(404),
    tags=_CASH,
)
async def list_cash_receipt_export_rows(
    cash_receipt_export_id: UUID, read: Reading, page: Paging, state: RowState | None = None
) -> Response:
    """What left, and what the ERP said of each."""
    return await _rows(read, page, "cash_receipts", cash_receipt_export_id, state)


@router.get(
    "/cash-receipt-exports/{cash_receipt_export_id}/file",
    operation_id="downloadCashReceiptExport",
    summary="Download a batch of cash receipts",
    response_class=Response,
    responses={**problems(404), **_content("cash_receipts")},
    tags=_CASH,
)
async def download_cash_receipt_export(
    cash_receipt_export_id: UUID,
    request: Request,
    caller: Caller,
    format: CashFormat = "xml",
    part: CashPart = "receipts",
) -> Response:
    """XML with eConnect's nodes taRMCashReceiptInsert, taRMApply and taRMUnapplyTransaction, or CSV of one `part`.

    The same bytes as often as it is asked for.
    """
    return await _file(request, caller, "cash_receipts", cash_receipt_export_id, format, part)


@router.post(
    "/cash-receipt-exports/{cash_receipt_export_id}/acknowledge",
    operation_id="acknowledgeCashReceiptExport",
    summary="Say which cash receipts the ERP took",
    response_model=ExportBatchRead,
    responses=problems(404, 409, 412),
    tags=_CASH,
)
async def acknowledge_cash_receipt_export(
    cash_receipt_export_id: UUID, body: ExportAcknowledge, write: Writing
) -> Response:
    """Row by row, or `rest` for all at once. What a rejected receipt was to settle is rejected with it; rejected rows
    go into the next batch.
    """
    return await _acknowledge(write, "cash_receipts", cash_receipt_export_id, body)


@router.post(
    "/cash-receipt-exports/{cash_receipt_export_id}/cancel",
    operation_id="cancelCashReceiptExport",
    summary="Take a batch of cash receipts back",
    response_model=ExportBatchRead,
    responses=problems(404, 409, 412),
    tags=_CASH,
)
async def cancel_cash_receipt_export(cash_receipt_export_id: UUID, write: Writing) -> Response:
    """For a file that never reached the ERP: rows without an answer go into the next batch."""
    return await _cancel(write, "cash_receipts", cash_receipt_export_id)
