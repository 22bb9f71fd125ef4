"""Rows of applications where the source clears items: what is not here to be applied is settled by the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import WriteSession, attempt
from app.integrations import application_queries, queries
from app.integrations.application_queries import Party
from app.integrations.load_applications import ApplicationLoader, Reopened, Settlement, unknown_pair
from app.integrations.loader import ParsedRow, RowRefused
from app.integrations.source_books.clearing import (
    Cleared,
    cleared_before,
    documents_to_clear,
    left_of,
    reason_of,
    settle_cleared,
    undo_clearings,
)


@dataclass(slots=True)
class ClearingLoader(ApplicationLoader):
    """An item has one clearing document. Of its amount goes first what that payment or credit memo has left here; the
    rest is settled by the source. Another clearing before it was taken back there, and is here."""

    today: date = field(kw_only=True)

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """In the order of the rows."""
        first_open = await queries.first_open_days(session)
        reopened = {row.draft.to: row.draft for row in rows if isinstance(row.draft, Reopened)}
        wanted = [row.draft for row in rows if isinstance(row.draft, Settlement)]
        known: dict[tuple[str, str], Cleared] = {}
        for source in {draft.source for draft in reopened.values()} | {draft.pair[0] for draft in wanted}:
            keys = [d.to for d in reopened.values() if d.source == source]
            keys += [draft.pair[2] for draft in wanted if draft.pair[0] == source]
            found = await documents_to_clear(session, source, list(dict.fromkeys(keys)))
            known |= {(source, key): document for key, document in found.items()}
        results: list[str | DomainError] = []
        for row in rows:
            draft = row.draft
            key = (draft.source, draft.to) if isinstance(draft, Reopened) else (draft.pair[0], draft.pair[2])
            document = known.get(key)
            try:
                async with attempt(session):
                    if isinstance(draft, Reopened):
                        results.append(await self._reopen(session, draft, document, first_open))
                    else:
                        results.append(await self._clear(session, draft, document, first_open))
            except DomainError as refusal:
                results.append(refusal)
        return results

    async def _reopen(
        self, session: WriteSession, draft: Reopened, document: Cleared | None, first_open: Mapping[UUID, date]
    ) -> str:
        count = await undo_clearings(
            session, draft.source, draft.to, document, None, self.reading.mapping.tables, today=self.today,
            first_open=_first(first_open, document), own_tables=False,
        )  # fmt: skip
        return "updated" if count else "unchanged"

    async def _clear(
        self, session: WriteSession, row: Settlement, document: Cleared | None, first_open: dict[UUID, date]
    ) -> str | DomainError:
        source, clearing, to = row.pair
        if document is None:
            return unknown_pair(row.pair)
        if document.currency != row.currency:
            return RowRefused(f"the document is in {document.currency}", pointer="/currency")
        first = _first(first_open, document)
        undone = await undo_clearings(
            session, source, to, document, clearing, self.reading.mapping.tables, today=self.today,
            first_open=first, own_tables=True,
        )  # fmt: skip
        found = {} if document.is_memo else await application_queries.parties(session, [row.pair])
        facts = found.get(row.pair)
        done = (await cleared_before(session, [document])).get((document.id, reason_of(clearing)), 0)
        if facts is not None:
            done += (await application_queries.settled(session, found)).get(row.pair, 0)
        left = row.before_minor + row.settles_minor - max(done, row.before_minor)
        left = min(left, row.settles_minor)
        if left <= 0:
            return "updated" if undone else "unchanged"
        applied: int | DomainError = 0
        if facts is not None:
            applied = await self._apply_what_is_there(session, row, facts, left, first_open)
            if isinstance(applied, DomainError):
                return applied
            left -= applied
        on = max(row.on, self.today) if undone else row.on
        settled = await settle_cleared(session, document, left, on, clearing, first) if left else 0
        return "created" if settled or applied else ("updated" if undone else "unchanged")

    async def _apply_what_is_there(
        self, session: WriteSession, row: Settlement, facts: Party, left: int, first_open: dict[UUID, date]
    ) -> int | DomainError:
        """Apply as much as payment and document have; in another currency all of it or nothing."""
        there = await left_of(session, facts.source_id)
        is_open = sum(minor for _, minor in await application_queries.open_parts(session, facts.invoice_id))
        amount = min(left, row.amount_minor)
        discount = min(left - amount, row.discount_minor)
        write_off = left - amount - discount
        if facts.source_currency == row.currency:
            amount = min(amount, there, is_open)
        if amount <= 0:
            return 0
        discount = min(discount, is_open - amount)
        write_off = min(write_off, is_open - amount - discount)
        share = Settlement(row.pair, amount, discount, write_off, row.currency, row.on, 0, row.from_minor)
        result = await self._apply(session, share, facts, share.settles_minor, first_open)
        return result if isinstance(result, DomainError) else share.settles_minor


def _first(first_open: Mapping[UUID, date], document: Cleared | None) -> date | None:
    return None if document is None else first_open.get(document.legal_entity_id)
