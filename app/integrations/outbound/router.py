"""HTTP of batches that leave for an ERP: journal entries, and cash receipts with their applications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

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


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two kinds of batches are called."""

    path: str
    parameter: str
    operation: str
    tags: list[str | Enum]
    batch: str
    took: str
    acknowledging: str
    cancelling: str


_WORDS: Mapping[Kind, _Words] = {
    "journal": _Words(
        "journal-exports", "journal_export_id", "JournalExport", _JOURNAL, "journal entries",
        "Say what the general ledger took",
        "Row by row, or `rest` for all at once; rejected rows go into the next batch. The same answer may come again.",
        "For a file that never reached the ledger: rows without an answer go into the next batch.",
    ),
    "cash_receipts": _Words(
        "cash-receipt-exports", "cash_receipt_export_id", "CashReceiptExport", _CASH, "cash receipts",
        "Say which cash receipts the ERP took",
        "Row by row, or `rest` for all at once. What a rejected receipt was to settle is rejected with it;"
        " rejected rows\ngo into the next batch.",
        "For a file that never reached the ERP: rows without an answer go into the next batch.",
    ),
}  # fmt: skip


def _offer_reads(kind: Kind, words: _Words) -> None:
    """List and read the batches of a kind, and their rows."""
    one, batch = f"/{words.path}/{{{words.parameter}}}", words.batch

    async def batches(
        read: Reading, page: Paging, state: BatchState | None = None, legal_entity_id: UUID | None = None
    ) -> Response:
        return await _list(read, page, kind, state, legal_entity_id)

    async def batch_of(read: Reading, batch_id: UUID = Path(alias=words.parameter)) -> Response:
        return await _read(read, kind, batch_id)

    async def rows(
        read: Reading, page: Paging, batch_id: UUID = Path(alias=words.parameter), state: RowState | None = None
    ) -> Response:
        return await _rows(read, page, kind, batch_id, state)

    router.get(
        f"/{words.path}", operation_id=f"list{words.operation}s", summary=f"List batches of {batch}",
        description="Latest first.", response_model=Page[ExportBatchRead], responses=problems(), tags=words.tags,
    )(batches)  # fmt: skip
    router.get(
        one, operation_id=f"get{words.operation}", summary=f"Read a batch of {batch}",
        description="Counts, sums and what may be done next.", response_model=ExportBatchRead,
        responses=problems(404), tags=words.tags,
    )(batch_of)  # fmt: skip
    router.get(
        f"{one}/rows", operation_id=f"list{words.operation}Rows", summary=f"List the rows of a batch of {batch}",
        description="What left, and what the ERP said of each.", response_model=Page[ExportRowRead],
        responses=problems(404), tags=words.tags,
    )(rows)  # fmt: skip


def _offer_answers(kind: Kind, words: _Words) -> None:
    """Say what the ERP took of a batch, or take it back."""
    one = f"/{words.path}/{{{words.parameter}}}"

    async def acknowledge(
        body: ExportAcknowledge, write: Writing, batch_id: UUID = Path(alias=words.parameter)
    ) -> Response:
        return await _acknowledge(write, kind, batch_id, body)

    async def cancel(write: Writing, batch_id: UUID = Path(alias=words.parameter)) -> Response:
        return await _cancel(write, kind, batch_id)

    router.post(
        f"{one}/acknowledge", operation_id=f"acknowledge{words.operation}", summary=words.took,
        description=words.acknowledging, response_model=ExportBatchRead, responses=problems(404, 409, 412),
        tags=words.tags,
    )(acknowledge)  # fmt: skip
    router.post(
        f"{one}/cancel", operation_id=f"cancel{words.operation}", summary=f"Take a batch of {words.batch} back",
        description=words.cancelling, response_model=ExportBatchRead, responses=problems(404, 409, 412),
        tags=words.tags,
    )(cancel)  # fmt: skip


for _kind, _words in _WORDS.items():
    _offer_reads(_kind, _words)
    _offer_answers(_kind, _words)
