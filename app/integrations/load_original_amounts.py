"""Rows of amounts in the currency of the documents, for sources that keep them in a table beside their books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.integrations.import_fields import ORIGINAL_AMOUNTS, KindFields
from app.integrations.loader import ParsedRow, Reading
from app.integrations.row_values import Fault, currency_of
from app.integrations.source_books.queries import Original, state_originals


@dataclass(slots=True)
class OriginalAmountLoader:
    """Keeps what the source says. The documents take it over when they are loaded afterwards."""

    reading: Reading
    import_id: UUID
    known: KindFields = field(default=ORIGINAL_AMOUNTS)
    overlaps: bool = False
    healed_later: frozenset[str] = frozenset()

    async def prepare(self, session: ReadSession) -> None:
        """Nothing is read beforehand."""

    def key(self, row: ParsedRow) -> str | None:
        """The document's key in the source."""
        return "|".join(row.draft[0])

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to ((source, external id), Original)."""
        source, external_id, currency, amount, open_amount, tax_amount = texts
        faults: list[Fault] = []
        self.reading.check(texts, suspicious, faults)
        currency = currency_of(currency or self.reading.options.currency or "", faults)
        if not external_id:
            faults.append(Fault("external_id", "import.value_missing", "external_id is missing"))
        if not amount:
            faults.append(Fault("amount", "import.value_missing", "amount is missing"))
        row = ParsedRow(line, None, faults)
        if faults:
            return row
        cells = self.reading.cells
        minor = cells.amount(amount, currency, "amount", faults)
        left = cells.amount(open_amount, currency, "open_amount", faults)
        tax = cells.amount(tax_amount, currency, "tax_amount", faults)
        row.currency, row.minor = currency, minor
        if minor is None or any(fault.severity == "refused" for fault in faults):
            return row
        row.draft = ((source or self.reading.source, external_id), Original(currency, minor, left, tax))
        return row

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Keep the amounts of a chunk."""
        wanted: dict[tuple[str, str], Original] = dict(row.draft for row in rows)
        before = await state_originals(session, self.import_id, wanted)
        results: list[str | DomainError] = []
        for row in rows:
            key, found = row.draft
            results.append("created" if key not in before else "unchanged" if before[key] == found else "updated")
        return results
