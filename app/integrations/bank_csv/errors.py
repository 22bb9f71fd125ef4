"""The refusal of a CSV statement: where in the file, by line and column."""

from __future__ import annotations

from app.core.errors import FieldError
from app.integrations.bank_formats.errors import BankFileRefused

FAULTS_TOLD_MAX = 50


class CsvRefused(BankFileRefused):
    """Nothing of the file is used. `line` counts from 1; `column` is the header, or a number where there is none.

    Codes: `bank_file.csv_text`, `.csv_header`, `.csv_row`, `.csv_amount`, `.csv_amount_ambiguous`, `.csv_date`,
    `.csv_date_ambiguous`, `.csv_sign`, `.csv_sign_contradicted`, `.csv_balance`, `.csv_formula`, `.csv_currency`,
    `.csv_account`, `.csv_status`, and those of every bank file.
    """

    def __init__(self, reason_code: str, detail: str, *, line: int | None = None, column: str | None = None) -> None:
        place = ", ".join(
            part for part in (f"line {line}" if line else "", f"column {column[:60]!r}" if column else "") if part
        )
        super().__init__(reason_code, f"{place}: {detail}" if place else detail)
        self.line = line
        self.column = column
        self.facts = {**self.facts, "line": line, "column": column}
        self.errors = (FieldError(pointer_of(line, column), reason_code, detail),) if line else ()


def pointer_of(line: int | None, column: str | None) -> str:
    """Where it is, as a JSON pointer: `/lines/7/Betrag`."""
    name = (column or "").replace("~", "~0").replace("/", "~1")
    return f"/lines/{line}" + (f"/{name[:60]}" if name else "")


def together(faults: list[CsvRefused]) -> CsvRefused:
    """One refusal that tells all of them: the first in its sentence, the others among its errors."""
    first = faults[0]
    first.errors = tuple(error for fault in faults[:FAULTS_TOLD_MAX] for error in fault.errors)
    return first
