"""Refusals of imports and bank statements."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class ImportNotFound(NotFound):
    """No such import in this organization."""

    code = "import.not_found"


class ImportFinished(Conflict):
    """The import has ended; it cannot be cancelled."""

    code = "import.finished"


class UploadInvalid(RuleViolation):
    """The request does not carry one file in a form that is understood."""

    code = "import.upload_invalid"


class MappingInvalid(RuleViolation):
    """The mapping names unknown fields, lacks needed ones, or has a format that cannot be."""

    code = "import.mapping_invalid"


class OptionsInvalid(RuleViolation):
    """The options of the import are not understood."""

    code = "import.options_invalid"


class ImportFileRefused(RuleViolation):
    """The file as a whole cannot be read further. `reason_code` says why, for programs.

    Codes: `import.empty`, `.encoding`, `.not_text`, `.row_too_long`, `.too_many_columns`, `.too_many_blank_lines`,
    `.csv_malformed`, `.header_missing`, `.header_unknown`, `.header_repeated`, and those of `bank_formats.errors`.
    """

    code = "import.file_refused"
    title = "The file was refused"

    def __init__(self, reason_code: str, detail: str, *, line: int | None = None, byte: int | None = None) -> None:
        super().__init__(detail, reason=reason_code, line=line, byte=byte)
        self.reason_code = reason_code


class RowsRefused(RuleViolation):
    """Rows of a file that is taken whole or not at all are refused; `errors` names them."""

    code = "import.rows_refused"


class BankStatementNotFound(NotFound):
    """No such bank statement in this organization."""

    code = "bank_statement.not_found"


class BankEntryNotFound(NotFound):
    """No such bank entry in this organization."""

    code = "bank_entry.not_found"


class StatementRefused(RuleViolation):
    """The statement cannot be taken: its account is not one of the organization's own."""

    code = "bank_statement.account_unknown"
