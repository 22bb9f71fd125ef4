"""The refusal of an EDI file of remittance advices: nothing of it is taken."""

from __future__ import annotations

from app.core.errors import FieldError, RuleViolation

FAULTS_MAX = 100


class RemittanceFileRefused(RuleViolation):
    """The file cannot be taken. `reason` says why, for programs; `errors` name segment and element.

    Codes: `remittance_file.unknown_format`, `.malformed`, `.truncated`, `.control_total`, `.too_large`, `.encoding`,
    `.no_advice`, `.segment_invalid`.
    """

    code = "remittance_file.refused"
    title = "The remittance file was refused"

    def __init__(self, reason: str, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail, reason=f"remittance_file.{reason}", errors=errors)
        self.reason = f"remittance_file.{reason}"


class SegmentFault(Exception):
    """One element cannot be used: which one (`RMR04`), and why."""

    def __init__(self, element: str, detail: str) -> None:
        super().__init__(detail)
        self.element = element
        self.detail = detail
