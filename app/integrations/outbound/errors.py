"""Refusals of batches for an ERP."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class ExportBatchNotFound(NotFound):
    """No such batch in this organization."""

    code = "export_batch.not_found"


class NothingToExport(Conflict):
    """Everything that fits is in a batch already, or cannot leave yet."""

    code = "export_batch.nothing_new"


class ExportBatchClosed(Conflict):
    """Every row of the batch has its answer, or the batch was cancelled."""

    code = "export_batch.closed"


class AnswerDiffers(Conflict):
    """The row was answered before, in another way. A row that the ERP took is taken."""

    code = "export_batch.answer_differs"


class ExportRowUnknown(RuleViolation):
    """The batch has no row of that ordinal."""

    code = "export_batch.row_unknown"


class AccountUnmapped(RuleViolation):
    """A journal account has no general-ledger account in the mapping of its legal entity."""

    code = "export_batch.account_unmapped"


class ExportFormatUnknown(RuleViolation):
    """Batches of this kind have no such file."""

    code = "export_batch.format_unknown"
