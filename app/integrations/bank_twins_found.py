"""Look for lines of a statement that came before in another format, and remember what was found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.infra.database import WriteSession
from app.integrations import bank_queries
from app.integrations.bank_formats.identity import EntryIdentity
from app.integrations.bank_formats.records import EntryStatus
from app.integrations.bank_twins import Line, Stored, pair
from app.integrations.entry_records import clean, counterparty
from app.organizations.rules import normalize_identifier

AROUND_DAYS = 7
"""A statement of another format may begin or end so many days beside the lines that it shares."""


async def find_twins(
    session: WriteSession, bank_account_id: UUID, identities: Sequence[EntryIdentity], known: Sequence[Any],
    file_format: str,
) -> dict[str, Stored]:  # fmt: skip
    """By entry key of the file, the line on record that it repeats; only of lines that no key recognises."""
    recognised = {key for row in known for key in (row["identity"], row["entry_identity"])}
    lines = [
        _line(identity)
        for identity in identities
        if identity.entry.status is not EntryStatus.INFO and not recognised.intersection(identity.keys)
    ]
    told = [(row["id"], row["entry_identity"]) for row in known if _is_news(row, file_format)]
    if told:  # a line that was recognised serves no other line of this format
        await bank_queries.remember_readings(session, file_format, told)
    days = [day for line in lines for day in (line.booking_date, line.value_date) if day is not None]
    if not days:
        return {}
    around = timedelta(days=AROUND_DAYS)
    rows = await bank_queries.lines_of_other_formats(
        session, bank_account_id, file_format, min(days) - around, max(days) + around
    )
    stored = [_stored(row) for row in rows if row["entry_identity"] not in recognised]
    found = pair(lines, stored, file_format)
    fresh = [(id_, key) for key, one in found.items() if file_format not in one.also_read for id_ in one.ids]
    if fresh:
        await bank_queries.remember_readings(session, file_format, fresh)
    return found


def _line(identity: EntryIdentity) -> Line:
    entry = identity.entry
    only = entry.transactions[0] if len(entry.transactions) == 1 else None
    account = counterparty(only).account if only is not None else None
    reference = entry.bank_reference or (only.references.bank_reference if only is not None else None)
    return Line(
        identity=identity,
        signed_minor=entry.signed_minor,
        booking_date=entry.booking_date,
        value_date=entry.value_date,
        bank_reference=clean(reference, 140),
        end_to_end_id=clean(only.end_to_end_id, 140) if only is not None else None,
        counterparty_identifier=clean(normalize_identifier(account), 64) if account else None,
    )


def _is_news(row: Any, file_format: str) -> bool:
    return row["format"] != file_format and file_format not in _also_read(row)


def _also_read(row: Any) -> dict[str, str]:
    found = row["also_read"]
    return dict(json.loads(found)) if isinstance(found, str) else dict(found or {})


def _stored(row: Any) -> Stored:
    return Stored(
        entry_key=row["entry_identity"],
        ids=tuple(row["ids"]),
        is_booked=row["is_booked"],
        currency=row["currency"],
        signed_minor=row["signed_minor"],
        booking_date=row["booking_date"],
        value_date=row["value_date"],
        bank_reference=row["bank_reference"],
        end_to_end_id=row["end_to_end_id"],
        counterparty_identifier=row["counterparty_identifier"],
        also_read=_also_read(row),
    )
