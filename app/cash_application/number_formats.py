"""The forms of an organization's document numbers: derived from its own documents now and then, and what was taught."""

from __future__ import annotations

from app.cash_application.matching.formats import NumberFormat, NumberFormats, shared_beginning
from app.cash_application.sql import formats as sql
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe

JOB = "number_formats"
NEW_INVOICES_MINIMUM = 200
"""The formats are derived anew after so many new invoices, or after a tenth of those seen if that is more."""


async def load_formats(session: ReadSession) -> NumberFormats | None:
    """The derived and the taught formats; None while nothing was derived: then the candidates themselves teach."""
    derived = await sql.stored_formats(session)
    if not derived:
        return None
    formats = {row["shape"]: NumberFormat(row["shape"], row["prefix"], row["numbers"]) for row in derived}
    for row in await sql.taught_formats(session):
        formats.setdefault(row["shape"], NumberFormat(row["shape"], "", row["numbers"]))
    return NumberFormats(formats, frozenset(len(shape) for shape in formats))


async def owe_when_due(session: WriteSession) -> bool:
    """Owe the derivation when enough new invoices came since the last one; answers whether it is owed."""
    seen = await sql.seen_so_far(session)
    if seen is None:
        due = await sql.last_invoice(session) is not None
    else:
        enough = max(NEW_INVOICES_MINIMUM, seen["numbers"] // 10)
        due = await sql.count_new_invoices(session, seen["seen_through"], enough) >= enough
    if due:
        owe(session, JOB, "derive")
    return due


async def derive_formats(session: WriteSession) -> int:
    """Derive the formats from all document numbers of the organization; returns how many there are. Repeatable."""
    last = await sql.last_invoice(session)
    if last is None:
        return 0
    found = [
        (row["shape"], shared_beginning(row["first"], row["last"]), row["numbers"])
        for row in await sql.derive_shapes(session)
    ]
    await sql.replace_formats(session, last, found)
    return len(found)
