"""SQL of what was taught."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select

from app.accounts.models import PayerIdentity
from app.cash_application.errors import LessonNotFound
from app.cash_application.models import Lesson
from app.infra.database import ReadSession, WriteSession

# What a person took out of use or said to forget is not taught again by money.
_INSERT = """
INSERT INTO lessons (organization_id, id, kind, account_id, value, normalized_value, payment_id, proposal_id,
    application_group_id, origin, taught_by)
SELECT $1, r.id, r.kind, r.account_id, r.value, r.normalized_value, r.payment_id, r.proposal_id, r.group_id, r.origin,
    r.taught_by
FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::uuid[],
    $10::text[], $11::text[])
    AS r(id, kind, account_id, value, normalized_value, payment_id, proposal_id, group_id, origin, taught_by)
WHERE CASE WHEN r.kind = 'number_format' THEN NOT EXISTS (
        SELECT FROM lessons l WHERE l.organization_id = $1 AND l.kind = r.kind
        AND l.normalized_value = r.normalized_value AND l.state = 'forgotten')
    ELSE NOT EXISTS (
        SELECT FROM payer_identities p WHERE p.organization_id = $1 AND p.account_id = r.account_id AND p.kind = r.kind
        AND p.normalized_value = r.normalized_value AND NOT p.active)
    END
ON CONFLICT DO NOTHING RETURNING id, kind, account_id, value, origin
"""
_END = """
UPDATE lessons SET state = $3, ended_by = $4, reason = $5, version = version + 1,
    ended_at = current_setting('app.recorded_at')::timestamptz,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND state = 'active' AND id = ANY($2::uuid[])
RETURNING id, kind, account_id, value, normalized_value
"""
_TAUGHT_BY = """
SELECT id FROM lessons WHERE organization_id = $1 AND state = 'active' AND application_group_id = ANY($2::uuid[])
UNION
SELECT id FROM lessons WHERE organization_id = $1 AND state = 'active' AND proposal_id = ANY($3::uuid[])
ORDER BY id
"""
_SAME_FACT = """
SELECT id FROM lessons WHERE organization_id = $1 AND state = 'active' AND kind = $2 AND normalized_value = $3
    AND (kind = 'number_format' OR account_id = $4) ORDER BY id
"""
_MANUAL = """
SELECT a.group_id, a.source_account_id AS account_id, a.actor_name, p.id AS payment_id, p.payer_name,
    p.payer_bank_identifier, p.remittance_text, i.number
FROM applications a
JOIN payments p ON p.organization_id = a.organization_id AND p.id = a.payment_id
JOIN instalments s ON s.organization_id = a.organization_id AND s.id = a.instalment_id
JOIN invoices i ON i.organization_id = s.organization_id AND i.id = s.invoice_id
WHERE a.organization_id = $1 AND a.group_id = ANY($2::uuid[]) AND a.reverses_id IS NULL AND a.origin = 'manual'
    AND a.proposal_id IS NULL AND a.source_account_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM applications u WHERE u.organization_id = $1 AND u.reverses_id = a.id)
ORDER BY a.id
"""
_NUMBERS = """
SELECT i.number FROM instalments s JOIN invoices i ON i.organization_id = s.organization_id AND i.id = s.invoice_id
WHERE s.organization_id = $1 AND s.id = ANY($2::uuid[]) ORDER BY i.number
"""


async def insert_lessons(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Insert lessons, columns in the order of the statement; returns those that are new."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return list(await session.driver.fetch(_INSERT, session.organization_id, *columns))


async def end_lessons(session: WriteSession, ids: Sequence[UUID], state: str, by: str, reason: str | None) -> list[Any]:
    """Let these lessons count no more; returns those that did."""
    return list(await session.driver.fetch(_END, session.organization_id, list(ids), state, by, reason))


async def lessons_of(session: ReadSession, groups: Iterable[UUID], proposals: Iterable[UUID]) -> list[UUID]:
    """Lessons that count and were taught by these application groups or proposals."""
    rows = await session.driver.fetch(_TAUGHT_BY, session.organization_id, list(groups), list(proposals))
    return [row["id"] for row in rows]


async def lessons_of_fact(session: ReadSession, lesson: Lesson) -> list[UUID]:
    """Every lesson that counts and says the same as this one."""
    rows = await session.driver.fetch(
        _SAME_FACT, session.organization_id, lesson.kind, lesson.normalized_value, lesson.account_id
    )
    return [row["id"] for row in rows]


async def manual_lines(session: ReadSession, groups: Iterable[UUID]) -> list[Any]:
    """Lines of these groups that a person applied without a proposal and that stand, with what the bank told."""
    return list(await session.driver.fetch(_MANUAL, session.organization_id, list(groups)))


async def get_lesson(session: ReadSession, lesson_id: UUID, *, lock: bool = False) -> Lesson:
    """The lesson as it is now. Raises LessonNotFound."""
    found = await session.get(
        Lesson, (session.organization_id, lesson_id), populate_existing=True, with_for_update=lock or None
    )
    if found is None:
        raise LessonNotFound("no such lesson")
    return found


def lessons_statement(organization_id: UUID, **wanted: Any) -> Select[Lesson, bool, int]:
    """The statement of a list of lessons by columns, each with whether what it taught is in use."""
    statement = (
        select(Lesson, PayerIdentity.active, PayerIdentity.confirmations)
        .outerjoin(PayerIdentity, _identity())
        .where(Lesson.organization_id == organization_id)
    )
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(getattr(Lesson, name) == value)
    return statement


def _identity() -> ColumnElement[bool]:
    """The payer identity that a lesson speaks of."""
    return and_(
        PayerIdentity.organization_id == Lesson.organization_id,
        PayerIdentity.account_id == Lesson.account_id,
        PayerIdentity.kind == Lesson.kind,
        PayerIdentity.normalized_value == Lesson.normalized_value,
    )
