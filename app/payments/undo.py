"""Undo applications as one group: reversal rows with negative amounts, once, dated on or after the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.invoices.rules import status_of_instalment
from app.ledger.posting import check_open, post
from app.payments import queries, writes
from app.payments.apply import ApplicationGroup, lines_of
from app.payments.errors import ApplicationReversed
from app.payments.identify import HELD, WAITING
from app.payments.postings import ApplicationRow, application_transfers
from app.payments.refusals import DateTooEarly
from app.payments.rules import status_of_credit_memo
from app.payments.types import Source, SourceFacts
from app.payments.writes import StoredApplication, Taken

EVENT = "application.reversed"


async def undo_applications(
    session: WriteSession, group_id: UUID, effective_date: date, reason: str | None
) -> ApplicationGroup:
    """Undo a whole group: instalments are open again with their due dates, the source has its money back.

    After an undo by a person or a program the payment is held from automatic matching. Raises ApplicationNotFound,
    ApplicationReversed, DateTooEarly, PeriodClosed.
    """
    originals = await queries.group_rows(session, group_id)
    if any(stored.row.reverses_id is not None for stored in originals):
        raise ApplicationReversed("this group is itself an undo")
    sources, entities = await writes.lock_sources(session, {stored.row.source for stored in originals})
    (source,) = sources.values()  # a group has one source
    check_open(entities[source.legal_entity_id], effective_date)
    (group,) = await undo_locked(session, source, originals, effective_date, reason)
    return group


async def undo_locked(
    session: WriteSession,
    source: SourceFacts,
    originals: Sequence[StoredApplication],
    effective_date: date,
    reason: str | None,
) -> list[ApplicationGroup]:
    """Undo applications of one locked source; one new group for each group. `source` is brought up to date.

    Raises ApplicationReversed when one is undone already, DateTooEarly.
    """
    # The instalments are locked before asking, so that a rival's undo of the same rows is seen or waits.
    instalments = await writes.lock_instalments(session, {stored.row.instalment_id for stored in originals})
    if await queries.reversed_among(session, [stored.row.id for stored in originals]):
        raise ApplicationReversed("these applications are undone already")
    latest = max(stored.effective_date for stored in originals)
    if effective_date < latest:
        detail = f"an undo is dated on or after the application ({latest})"
        raise DateTooEarly(detail, pointer="/effective_date", not_before=latest.isoformat())
    groups: dict[UUID, list[StoredApplication]] = {}
    new_groups: dict[UUID, UUID] = {}
    for stored in originals:
        group_id = new_groups.setdefault(stored.group_id, new_id())
        undone = replace(
            stored, row=_negated(stored.row), group_id=group_id, effective_date=effective_date, reason=reason
        )
        groups.setdefault(stored.group_id, []).append(undone)
        source.balance.take(undone.row.source_amount_minor)
        instalments[stored.row.instalment_id].balance.take(undone.row.settles_minor)
    paid, credited = _taken(session, source, effective_date)
    settled = [
        Taken(i.id, i.balance.taken_minor, status_of_instalment(i.balance.left_minor, i.amount_minor), effective_date)
        for i in instalments.values()
    ]
    rows = [stored for group in groups.values() for stored in group]
    await writes.write_applications(session, paid, credited, settled, rows)
    made = []
    for original_id, undos in groups.items():
        group = ApplicationGroup(
            group_id=new_groups[original_id],
            source=source.source,
            effective_date=effective_date,
            origin=undos[0].origin,
            rows=tuple(stored.row for stored in undos),
            source_left_minor=source.balance.left_minor,
            source_version=source.version + 1,
            open_minor={stored.row.instalment_id: instalments[stored.row.instalment_id].balance.left_minor
                        for stored in undos},
        )  # fmt: skip
        _book(session, group, original_id, source, reason)
        made.append(group)
    return made


def _taken(session: WriteSession, source: SourceFacts, on: date) -> tuple[list[Taken], list[Taken]]:
    balance = source.balance
    if source.source.kind == "payment":
        state = WAITING if session.actor.kind == "system" else HELD
        return [Taken(source.source.id, balance.taken_minor, state, on)], []
    status = status_of_credit_memo(balance.left_minor, source.amount_minor, source.withdrawn_minor)
    return [], [Taken(source.source.id, balance.taken_minor, status, on)]


def _negated(row: ApplicationRow) -> ApplicationRow:
    return replace(
        row,
        id=new_id(),
        amount_minor=-row.amount_minor,
        discount_minor=-row.discount_minor,
        write_off_minor=-row.write_off_minor,
        source_amount_minor=-row.source_amount_minor,
        exchange_difference_minor=-row.exchange_difference_minor,
        reverses_id=row.id,
    )


def _book(
    session: WriteSession, group: ApplicationGroup, original_id: UUID, source: SourceFacts, reason: str | None
) -> None:
    base, on = source.base_currency, group.effective_date
    post(session, [move for row in group.rows for move in application_transfers(row, base, EVENT, on)])
    record_change(
        session,
        ChangeRow(
            entity_type="application",
            entity_id=original_id,
            event=EVENT,
            after={f"{_id_name(group.source)}": group.source.id, "undone_by": group.group_id,
                   "lines": lines_of(group.rows)},
            effective_date=on,
            reason=reason,
        ),
    )  # fmt: skip


def _id_name(source: Source) -> str:
    return f"{source.kind}_id"
