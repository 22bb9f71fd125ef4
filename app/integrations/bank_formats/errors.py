"""The one refusal of a bank file as a whole. What concerns one entry is a `Problem` in the records."""

from __future__ import annotations

from app.core.errors import RuleViolation


class BankFileRefused(RuleViolation):
    """The file cannot be read as a bank file; nothing of it is used. `reason_code` says why, for programs.

    Codes: `bank_file.empty`, `.unknown_format`, `.malformed`, `.truncated`, `.dtd_forbidden`, `.encoding`,
    `.too_large`, `.too_deep`, `.text_too_long`, `.too_many_elements`, `.no_statement`, `.account_missing`,
    `.currency_missing`, `.control_total`.
    """

    code = "bank_file.refused"
    title = "The bank file was refused"

    def __init__(self, reason_code: str, detail: str) -> None:
        super().__init__(detail, reason=reason_code)
        self.reason_code = reason_code
