"""Amounts of sources that keep books in one currency and state documents in another.

The source's currency (its functional one) is the option `currency`. A row carries functional amounts; amounts in the
document's own currency stand beside them, or came before in a table of their own, or are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import DomainError
from app.infra.database import ReadSession
from app.integrations.loader import ParsedRow, Reading, RowRefused
from app.integrations.row_values import Fault
from app.integrations.source_books.queries import Original, Stated, originals_of


@dataclass(frozen=True, slots=True)
class InBooks:
    """Amounts of a document as its source keeps them, in minor units of `currency` (the books').

    `minor`, `tax_minor` and `open_minor` are in the document's currency, unless `original_needed` says that they are
    still to be looked up. `open_minor` is None where the open amount is not to be followed.
    """

    currency: str
    functional_minor: int
    functional_open_minor: int | None
    minor: int
    tax_minor: int | None
    open_minor: int | None
    original_needed: bool = False


def read_books(
    reading: Reading,
    functional: tuple[str, str, str],
    original: tuple[str, str, str],
    currency: str,
    faults: list[Fault],
) -> InBooks | None:
    """Both triples are amount, tax and open amount as texts; None (with faults) when they cannot be read."""
    cells, books = reading.cells, reading.options.currency
    if books is None:
        faults.append(Fault("currency", "import.value_missing", "give the currency of the source's books as an option"))
        return None
    amount = cells.amount(functional[0], books, "functional_amount", faults)
    tax = cells.amount(functional[1], books, "functional_tax_amount", faults)
    left = cells.amount(functional[2], books, "functional_open_amount", faults)
    follow = reading.options.open_amounts == "follow"
    own = cells.amount(original[0], currency, "amount", faults) if original[0] else None
    if amount is None or any(fault.severity == "refused" for fault in faults):
        return None
    if own:
        own_tax = cells.amount(original[1], currency, "tax_amount", faults)
        own_left = cells.amount(original[2], currency, "open_amount", faults)
        return InBooks(books, amount, left, own, own_tax, own_left if follow else None)
    if currency == books:
        return InBooks(books, amount, left, amount, tax, left if follow else None)
    return InBooks(books, amount, left, amount, None, None, original_needed=True)


def stated(books: InBooks, source: str, external_id: str, account_key: str, sign: int, *, voided: bool) -> Stated:
    """What is kept of the row for reconciliation."""
    return Stated(
        source, external_id, account_key, sign, books.currency, books.functional_minor, books.functional_open_minor,
        voided,
    )  # fmt: skip


async def originals_needed(
    session: ReadSession, rows: Sequence[tuple[str, str | None, bool]]
) -> dict[tuple[str, str], Original]:
    """Amounts in the documents' currency of the rows (source, external id, needed) that need them."""
    keys = {(source, external_id) for source, external_id, needed in rows if needed and external_id}
    return await originals_of(session, keys) if keys else {}


def original_of(
    found: dict[tuple[str, str], Original], source: str, external_id: str | None, currency: str
) -> Original | DomainError:
    """The amounts of one document, or the refusal of its row."""
    original = found.get((source, external_id or ""))
    if original is None:
        return OriginalAmountMissing(
            f"the document is in {currency}, and its amounts in {currency} are not on record; load them first",
            pointer="/amount",
        )
    if original.currency != currency:
        detail = f"the document is in {currency}, its original amounts are in {original.currency}"
        return OriginalAmountMissing(detail, pointer="/currency")
    return original


class OriginalAmountMissing(RowRefused):
    """The amount in the currency of the document is not known."""

    code = "import.original_amount_missing"


def total_of(row: ParsedRow, books: InBooks | None, sign: int = 1) -> None:
    """What the row adds to the control totals: its functional amount until the original one is known."""
    if books is not None and books.original_needed:
        row.currency, row.minor = books.currency, sign * books.functional_minor
