"""Remittance advices out of a CSV or XLSX file: rows by a mapping, grouped by payment reference. All or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from app.core.errors import DomainError, FieldError
from app.infra.database import ReadSession
from app.integrations.errors import ImportFileRefused, RowsRefused
from app.integrations.import_fields import FIELDS, REMITTANCES
from app.integrations.import_mapping import ImportMapping, ImportOptions
from app.integrations.queries import account_ids
from app.integrations.row_source import CsvRows, Row, RowShape, RowSource
from app.integrations.row_values import CellReader, Fault, check_lengths, check_texts, currency_of
from app.integrations.xlsx_rows import read_xlsx
from app.remittances.rules import LINES_LIMIT, AdvisedLine, Channel, RecordAdvice, line_of

FILE_BYTES_MAX = 10_000_000
FAULTS_MAX = 100
ADVICES_MAX = 500
_HEAD = ("payment_reference", "currency", "expected_date", "payer_name", "payer_bank_identifier", "account_number")
_NAMES = REMITTANCES.names
_LENGTHS = tuple(REMITTANCES.lengths.get(name, 200) for name in _NAMES)
assert FIELDS["remittance_advices"] is REMITTANCES


class _Rows:
    """Rows gathered into advices: those with the same head are one."""

    def __init__(self, mapping: ImportMapping, options: ImportOptions) -> None:
        self._cells = CellReader(mapping.format, options)
        self._currency = options.currency
        self.faults: list[FieldError] = []
        self.lines: dict[tuple[Any, ...], list[AdvisedLine]] = {}
        self.totals: dict[tuple[Any, ...], int] = {}

    def take(self, row: Row, shape: RowShape) -> None:
        """One row; faults name its line in the file."""
        faults: list[Fault] = []
        if row.fault is not None:
            faults.append(row.fault)
        else:
            texts = shape.texts(row.cells)
            if row.suspicious:
                check_texts(_NAMES, texts, frozenset(), faults)
            check_lengths(_NAMES, texts, _LENGTHS, faults)
            if not faults:
                self._line(dict(zip(_NAMES, texts, strict=True)), faults)
        for fault in faults[: FAULTS_MAX - len(self.faults)]:
            pointer = f"/rows/{row.line}" + (f"/{fault.field}" if fault.field else "")
            self.faults.append(FieldError(pointer, fault.code, fault.detail))

    def _line(self, cells: Mapping[str, str], faults: list[Fault]) -> None:
        currency = currency_of(cells["currency"] or self._currency or "", faults)
        expected = self._cells.day(cells["expected_date"], "expected_date", faults)
        if faults:
            return

        def minor(name: str) -> int | None:
            return self._cells.amount(cells[name], currency, name, faults)

        amounts = {name: minor(name) for name in ("amount", "gross_amount", "discount_amount", "deduction_amount")}
        total = minor("payment_amount")
        if not cells["document_number"]:
            faults.append(Fault("document_number", "import.value_missing", "the document number is missing"))
        if faults:
            return
        try:
            line = line_of(
                cells["document_number"],
                amount_minor=amounts["amount"],
                gross_minor=amounts["gross_amount"],
                discount_minor=abs(amounts["discount_amount"] or 0),
                deduction_minor=abs(amounts["deduction_amount"] or 0),
                deduction_reason=(cells["deduction_reason"] or None) if amounts["deduction_amount"] else None,
            )
        except DomainError as refusal:
            faults.append(Fault(None, refusal.code, refusal.detail))
            return
        head = (cells["payment_reference"], currency, expected, *(cells[name] for name in _HEAD[3:]))
        if total is not None and self.totals.setdefault(head, total) != total:
            faults.append(Fault("payment_amount", "import.value_invalid", "another row of this payment differs"))
        self.lines.setdefault(head, []).append(line)


def read_file(
    path: Path, channel: Channel, mapping: ImportMapping, options: ImportOptions, today: date
) -> list[tuple[RecordAdvice, str]]:
    """The advices of a file, each with the account number that it names ("" without one).

    Raises ImportFileRefused (the file as a whole), RowsRefused (naming the rows and fields at fault, up to
    FAULTS_MAX): nothing of such a file is taken.
    """
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ImportFileRefused("import.file_too_large", f"a file of advices is at most {FILE_BYTES_MAX} bytes")
    rows = _Rows(mapping, options)
    with path.open("rb") as stream:
        source: RowSource
        if channel == "xlsx":
            source = read_xlsx(path, mapping.format.decimal_separator)
        else:
            source = CsvRows(stream, mapping.format)
        shape = RowShape(source.header, mapping, REMITTANCES)
        for row in source:
            rows.take(row, shape)
            if len(rows.faults) >= FAULTS_MAX:
                break
    if rows.faults:
        raise RowsRefused(f"{len(rows.faults)} faults in rows; nothing was taken", errors=tuple(rows.faults))
    if not rows.lines:
        raise ImportFileRefused("import.empty", "the file has no rows")
    if len(rows.lines) > ADVICES_MAX or any(len(lines) > LINES_LIMIT for lines in rows.lines.values()):
        detail = f"a file has at most {ADVICES_MAX} advices of at most {LINES_LIMIT} lines"
        raise ImportFileRefused("import.too_many_rows", detail)
    return [
        (_command(head, lines, rows.totals.get(head), channel, today), head[-1]) for head, lines in rows.lines.items()
    ]


def _command(
    head: tuple[Any, ...], lines: list[AdvisedLine], total: int | None, channel: Channel, today: date
) -> RecordAdvice:
    reference, currency, expected, name, bank, _ = head
    return RecordAdvice(
        currency=currency,
        lines=tuple(lines),
        received_on=today,
        amount_minor=total,
        channel=channel,
        payer_name=name or None,
        payer_bank_identifier=bank or None,
        payment_reference=reference or None,
        expected_date=expected,
    )


async def accounts_of(session: ReadSession, numbers: set[str]) -> dict[str, UUID]:
    """The accounts of these numbers. Raises RowsRefused for one that does not exist."""
    found = await account_ids(session, numbers)
    unknown = sorted(numbers - set(found))
    if unknown:
        detail = f"no account has the number {unknown[0][:60]!r}"
        raise RowsRefused(detail, errors=(FieldError("/rows", RowsRefused.code, detail),))
    return found
