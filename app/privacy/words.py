"""What people wrote about an account, table by table: reasons and notes that an erasure takes out, and why codes stay.

`$1` is the organization, `$2` the accounts. Columns that must hold something get `(erased)`, the others become empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.privacy.sql import ERASED, TOUCH

_OWN = "account_id = ANY($2::uuid[])"


def _of(table: str, column: str) -> str:
    return f"{column} IN (SELECT id FROM {table} WHERE organization_id = $1 AND {_OWN})"


@dataclass(frozen=True, slots=True)
class Written:
    """A table with free words in `columns` (nullable) and `required` ones; `touch` raises the version of the row."""

    table: str
    columns: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    where: str = _OWN
    touch: bool = False

    @property
    def statement(self) -> str:
        """The UPDATE; it finds nothing when it is repeated."""
        gone = [f"{name} = NULL" for name in self.columns] + [f"{name} = '{ERASED}'" for name in self.required]
        left = [f"{name} IS NOT NULL" for name in self.columns]
        left += [f"{name} <> '{ERASED}'" for name in self.required]
        return (
            f"UPDATE {self.table} SET {', '.join([*gone, TOUCH] if self.touch else gone)}"
            f" WHERE organization_id = $1 AND {self.where} AND ({' OR '.join(left)})"
        )


WRITTEN = (
    Written("account_duplicates", ("note",), where="(account_id = ANY($2::uuid[]) OR other_id = ANY($2::uuid[]))",
            touch=True),
    Written("account_merges", ("undo_reason",), ("reason",),
            "(survivor_id = ANY($2::uuid[]) OR merged_id = ANY($2::uuid[]))", touch=True),
    Written("adjustments", ("reason", "decision_note"), touch=True),
    Written("applications", ("reason",)),
    Written("charges", ("reverse_reason",), touch=True),
    Written("collection_actions", ("cancel_reason",), touch=True),
    Written("collector_assignments", ("reason",)),
    Written("credit_bureau_scores", ("note",)),
    Written("credit_decisions", ("note",)),
    Written("credit_holds", ("reason", "release_reason"), touch=True),
    Written("credit_memos", ("reason", "void_reason"), touch=True),
    Written("credit_memo_movements", ("reason",), where=_of("credit_memos", "credit_memo_id")),
    Written("credit_reviews", ("note", "decision_note"), touch=True),
    Written("credit_securities", ("cancel_reason", "note"), touch=True),
    Written("credit_statements", ("note",)),
    Written("data_findings", ("note",), touch=True),
    Written("dispute_credits", ("note", "decision_note"), where=_of("disputes", "dispute_id"), touch=True),
    Written("dispute_transitions", ("note",), where=_of("disputes", "dispute_id")),
    Written("document_links", ("note",), where="subject_kind = 'account' AND subject_id = ANY($2::uuid[])"),
    Written("dunning_assignments", ("reason",)),
    Written("instalment_changes", (), ("reason",), _of("instalments", "instalment_id")),
    Written("interest_agreements", ("reason",), touch=True),
    Written("invoices", ("void_reason",), touch=True),
    Written("legal_case_entries", (), ("description",), _of("legal_cases", "case_id")),
    Written("legal_cases", ("close_reason",), touch=True),
    Written("payment_movements", ("reason",), where=_of("payments", "payment_id")),
    Written("proposals", ("note",), touch=True),
    Written("remittance_advices", ("cancel_reason",), touch=True),
    Written("worklist_snoozes", (), ("reason",), "id = ANY($2::uuid[])", touch=True),
)  # fmt: skip
"""Tables with reasons and notes about an account."""

ANSWERS_OF_CREDIT = f"""
UPDATE credit_decisions SET reasons = '[]' WHERE organization_id = $1 AND {_OWN} AND answers_id IS NOT NULL
AND reasons <> '[]'
"""
"""What a person answered to a referred order stands among its reasons."""

KEPT_WORDS: dict[str, str] = {
    "invoice_lines.description": "part of the document, which the law of accounting keeps",
    "import_row_errors.detail": "names the field of a row, and goes with the import",
    "dunning_withheld_items.detail": "a code of the withholding record",
    "dunning_withheld_items.reason": "a code",
    "dunning_notices.reason": "a code",
    "dunning_messages.reason": "a code",
    "bank_entries.outcome_detail": "what the service made of the entry, in its own words",
    "remittance_lines.deduction_reason": "the code of the customer's deduction",
    "promises.reason": "a code",
    "payment_plans.reason": "a code",
    "contact_attempts.reason": "the code of the rule that spoke",
    "personal_data_erasures.reason": "why the erasure was asked for: the proof that it was done",
    "remittance_joins.end_reason": "a code",
}
"""Columns that look like words about people, and why they stay."""


def statements() -> Iterator[tuple[str, str]]:
    """Kind of rows → statement over accounts, in order."""
    for written in WRITTEN:
        yield written.table, written.statement
    yield "credit_decisions", ANSWERS_OF_CREDIT
