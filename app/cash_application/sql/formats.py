"""SQL of the forms of document numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession

SHAPES_LIMIT = 500
_SQUEEZED = "upper(regexp_replace(normalize({0}, NFKD), '[^0-9A-Za-z|]', '', 'g'))"
_NUMBERS = " UNION ALL ".join(
    f"SELECT {_SQUEEZED.format(column)} AS number FROM {table} WHERE organization_id = $1 AND {column} IS NOT NULL"
    for table, column in (("invoices", "number"), ("credit_memos", "number"), ("invoices", "purchase_order"))
)
# Bytes decide the order (COLLATE "C"), so that the first and the last of a shape share what all of them share.
_DERIVE = f"""
SELECT regexp_replace(number, '[0-9]', '9', 'g') AS shape, min(number COLLATE "C") AS first,
    max(number COLLATE "C") AS last, count(*)::int AS numbers
FROM ({_NUMBERS}) n WHERE number <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT $2
"""
_LAST_INVOICE = "SELECT id FROM invoices WHERE organization_id = $1 ORDER BY id DESC LIMIT 1"
_SEEN = "SELECT seen_through, sum(numbers)::bigint AS numbers FROM number_formats WHERE organization_id = $1 GROUP BY 1"
_NEW_INVOICES = """
SELECT count(*) FROM (SELECT FROM invoices WHERE organization_id = $1 AND id > $2 LIMIT $3) i
"""
_TAUGHT = """
SELECT normalized_value AS shape, count(*)::int AS numbers FROM lessons
WHERE organization_id = $1 AND kind = 'number_format' AND state = 'active' GROUP BY 1 ORDER BY 1 LIMIT $2
"""
_INSERT = """
INSERT INTO number_formats (organization_id, id, shape, prefix, numbers, seen_through)
SELECT $1, r.id, r.shape, r.prefix, r.numbers, $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[]) AS r(id, shape, prefix, numbers)
"""


async def derive_shapes(session: ReadSession) -> list[Any]:
    """Shapes of all document numbers and purchase orders, the commonest first: with first and last number, count."""
    return list(await session.driver.fetch(_DERIVE, session.organization_id, SHAPES_LIMIT))


async def last_invoice(session: ReadSession) -> UUID | None:
    """The youngest invoice, or None without any."""
    found: UUID | None = await session.driver.fetchval(_LAST_INVOICE, session.organization_id)
    return found


async def seen_so_far(session: ReadSession) -> Any:
    """Through which invoice the formats were derived, and from how many numbers; None when never."""
    return await session.driver.fetchrow(_SEEN, session.organization_id)


async def count_new_invoices(session: ReadSession, after: UUID, limit: int) -> int:
    """How many invoices came after that one, counted up to a limit."""
    return int(await session.driver.fetchval(_NEW_INVOICES, session.organization_id, after, limit))


async def stored_formats(session: ReadSession) -> list[Any]:
    """The derived formats, the commonest first."""
    return list(
        await session.driver.fetch(
            "SELECT shape, prefix, numbers, recorded_at FROM number_formats WHERE organization_id = $1"
            " ORDER BY numbers DESC, shape",
            session.organization_id,
        )
    )


async def taught_formats(session: ReadSession) -> list[Any]:
    """Shapes in which payers quote numbers, as decisions taught."""
    return list(await session.driver.fetch(_TAUGHT, session.organization_id, SHAPES_LIMIT))


async def replace_formats(session: WriteSession, seen_through: UUID, rows: Sequence[tuple[str, str, int]]) -> None:
    """Put these derived formats (shape, shared beginning, count) in the place of those before."""
    await session.driver.execute("DELETE FROM number_formats WHERE organization_id = $1", session.organization_id)
    shapes, prefixes, numbers = ([row[i] for row in rows] for i in range(3))
    ids = [new_id() for _ in rows]
    await session.driver.execute(_INSERT, session.organization_id, seen_through, ids, shapes, prefixes, numbers)
