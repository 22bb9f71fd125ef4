"""Rows of applications: what settled what in the system that keeps the books, followed here. Repeatable.

The rows of a pair (source, document) add up: what is applied here already counts first, so that the same extract read
again applies nothing, and a longer one only what is new. What was undone there is not undone here: `balances` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.integrations import application_queries, queries
from app.integrations.import_fields import APPLICATIONS, KindFields
from app.integrations.loader import ParsedRow, Reading, RowRefused
from app.integrations.row_values import Fault, currency_of, flag
from app.payments.apply import apply_many
from app.payments.types import Apply, ApplyLine, Source

Pair = tuple[str, str, str]  # source, from, to


@dataclass(frozen=True, slots=True)
class Settlement:
    """A row in order. `before`: what earlier rows of the file say of the pair, in minor units."""

    pair: Pair
    amount_minor: int
    discount_minor: int
    write_off_minor: int
    currency: str
    on: date
    before_minor: int
    from_minor: int | None = None  # what the source loses, in its own currency

    @property
    def settles_minor(self) -> int:
        """What the document loses."""
        return self.amount_minor + self.discount_minor + self.write_off_minor


@dataclass(frozen=True, slots=True)
class Reopened:
    """An item that is open at its source: whatever cleared it was taken back there."""

    source: str
    to: str
    on: date


@dataclass(slots=True)
class ApplicationLoader:
    """Applies payments and credit memos on record to documents on record, both by their keys in the source."""

    reading: Reading
    known: KindFields = field(default=APPLICATIONS)
    overlaps: bool = False
    healed_later: frozenset[str] = frozenset()
    _said: dict[Pair, int] = field(default_factory=dict)

    async def prepare(self, session: ReadSession) -> None:
        """Nothing is read beforehand."""

    def key(self, row: ParsedRow) -> str | None:
        """Rows of one pair may stand several times."""
        return None

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to a Settlement."""
        cell = dict(zip(self.known.names, texts, strict=True))
        faults: list[Fault] = []
        reading = self.reading
        reading.check(texts, suspicious, faults)
        currency = currency_of(cell["currency"] or reading.options.currency or "", faults)
        minors = [0, 0, 0]
        names = ("amount", "discount_amount", "write_off_amount")
        if not faults:
            self._take_functional(cell, names, currency, faults)
            for index, name in enumerate(names):
                minors[index] = reading.cells.amount(cell[name], currency, name, faults) or 0
                if minors[index] < 0:
                    faults.append(Fault(name, "import.value_invalid", "an amount is not negative"))
        row = ParsedRow(line, None, faults, currency if not faults else None, sum(minors))
        on = reading.cells.day(cell["applied_on"], "applied_on", faults)
        if cell["reopened"] and flag(cell["reopened"], "reopened", faults) and on is not None and not faults:
            row.minor = 0
            row.draft = Reopened(cell["source"] or reading.source, cell["to_external_id"], on)
            return row
        missing = [name for name in ("from_external_id", "to_external_id", "applied_on") if not cell[name]]
        faults += [Fault(name, "import.value_missing", f"{name} is missing") for name in missing]
        if not faults and not sum(minors):
            faults.append(Fault("amount", "import.value_missing", "the row settles nothing"))
        if on is None or any(fault.severity == "refused" for fault in faults):
            return row
        pair = (cell["source"] or reading.source, cell["from_external_id"], cell["to_external_id"])
        before = self._said.get(pair, 0)
        self._said[pair] = before + sum(minors)
        from_minor = None
        if cell["from_amount"] and cell["from_currency"] not in ("", currency):
            from_currency = currency_of(cell["from_currency"], faults)
            from_minor = None if faults else reading.cells.amount(cell["from_amount"], from_currency, "amount", faults)
            if faults:
                return row
        row.draft = Settlement(pair, minors[0], minors[1], minors[2], currency, on, before, from_minor)
        return row

    def _take_functional(
        self, cell: dict[str, str], names: tuple[str, ...], currency: str, faults: list[Fault]
    ) -> None:
        """Where no amounts in the document's currency stand in the row, those of the books, if they are the same."""
        if not cell["functional_amount"]:
            return
        given = [self.reading.cells.amount(cell[name], currency, name, faults) for name in names]
        if any(given):
            return
        books = [cell[f"functional_{name}"] for name in names]
        if currency == self.reading.options.currency:
            cell.update(zip(names, books, strict=True))
        elif any(self.reading.cells.amount(text, "KWD", "amount", []) for text in books):
            faults.append(Fault("amount", "import.value_missing", f"the amounts in {currency} are missing"))

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Apply what is not applied yet, in the order of the rows."""
        wanted: list[Settlement] = [row.draft for row in rows]
        pairs = list(dict.fromkeys(settlement.pair for settlement in wanted))
        found = await application_queries.parties(session, pairs)
        present = await application_queries.settled(session, found)
        first_open = await queries.first_open_days(session)
        results: list[str | DomainError] = []
        for settlement in wanted:
            facts = found.get(settlement.pair)
            if facts is None:
                results.append(unknown_pair(settlement.pair))
                continue
            done = present.get(settlement.pair, 0)
            left = settlement.before_minor + settlement.settles_minor - max(done, settlement.before_minor)
            if left <= 0:
                results.append("unchanged")
                continue
            result = await self._apply(session, settlement, facts, min(left, settlement.settles_minor), first_open)
            if not isinstance(result, DomainError):
                present[settlement.pair] = done + left
            results.append(result)
        return results

    async def _apply(
        self, session: WriteSession, row: Settlement, facts: Any, left: int, first_open: dict[Any, date]
    ) -> str | DomainError:
        """Apply `left` minor units, to the instalments by their due date; cash first, then discount and write-off."""
        if facts.currency != row.currency:
            return RowRefused(f"the document is in {facts.currency}", pointer="/currency")
        amount = min(left, row.amount_minor)
        discount = min(left - amount, row.discount_minor)
        write_off = left - amount - discount
        lines: list[ApplyLine] = []
        for instalment_id, open_minor in await application_queries.open_parts(session, facts.invoice_id):
            parts = []
            for rest in (amount, discount, write_off):
                take = min(rest, open_minor)
                open_minor -= take
                parts.append(take)
            amount, discount, write_off = amount - parts[0], discount - parts[1], write_off - parts[2]
            if any(parts):
                lines.append(ApplyLine(instalment_id, parts[0], parts[1], parts[2]))
        if facts.source_currency != row.currency and row.from_minor and len(lines) == 1 and left == row.settles_minor:
            lines = [replace(lines[0], source_amount_minor=row.from_minor)]
        if amount or discount or write_off or not lines:
            return RowRefused("the document has less open than the row settles", pointer="/amount")
        on = max(row.on, facts.not_before, first_open.get(facts.legal_entity_id, row.on))
        command = Apply(
            Source(facts.kind, facts.source_id), tuple(lines), on, origin="import", allow_other_account=True
        )
        (result,) = await apply_many(session, [command])
        if isinstance(result, DomainError) and facts.reopened_on is not None and facts.reopened_on > on:
            # What was undone meanwhile is free only since that day.
            (result,) = await apply_many(session, [replace(command, effective_date=facts.reopened_on)])
        return result if isinstance(result, DomainError) else "created"


def unknown_pair(pair: Pair) -> RowRefused:
    """The refusal of a pair of which a side is missing."""
    detail = f"no payment or credit memo {pair[1][:60]!r}, or no document {pair[2][:60]!r}, is on record of {pair[0]}"
    return RowRefused(detail, pointer="/from_external_id")
