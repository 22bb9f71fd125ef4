"""The refusal of an electronic invoice: nothing of it is taken, and the field at fault is named by its path."""

from __future__ import annotations

from app.core.errors import FieldError, RuleViolation


class InvoiceFileRefused(RuleViolation):
    """The file cannot be taken as an invoice. `reason` says why, for programs; `errors` name the element by its path.

    Codes: `invoice_file.unknown_format`, `.malformed`, `.dtd_forbidden`, `.encoding`, `.too_large`, `.no_attachment`,
    `.several_attachments`, `.pdf_unreadable`, `.field_invalid`, `.not_receivable`, `.totals_differ`.
    """

    code = "invoice_file.refused"
    title = "The electronic invoice was refused"

    def __init__(self, reason: str, detail: str, *, path: str | None = None) -> None:
        full = f"invoice_file.{reason}"
        errors = () if path is None else (FieldError(path, full, detail),)
        super().__init__(detail, reason=full, errors=errors)
        self.reason = full


class FieldsRefused(InvoiceFileRefused):
    """Several elements are at fault: all of them are named."""

    def __init__(self, faults: tuple[FieldError, ...]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        RuleViolation.__init__(
            self, f"{first.pointer}: {first.detail}{more}", reason="invoice_file.field_invalid", errors=faults
        )
        self.reason = "invoice_file.field_invalid"
