"""SQL that writes messages, set-wise: planned ones, tries, outcomes, events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.infra.database import WriteSession

# The notice is locked, so that whoever withdraws it at this moment waits, or we see it.
_MESSAGES = """
WITH r AS (
    SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::int[], $13::text[], $14::text[], $15::date[], $16::timestamptz[], $17::uuid[])
    AS r(id, notice_id, account_id, contact_id, channel, language, recipient, cc, state, template_code,
         template_revision, reason, attachments, dated, not_before, document_id)
), standing AS (
    SELECT n.id FROM dunning_notices n WHERE n.organization_id = $1 AND n.id IN (SELECT notice_id FROM r)
      AND n.state = 'approved' ORDER BY n.id FOR NO KEY UPDATE
)
INSERT INTO dunning_messages (organization_id, id, notice_id, account_id, contact_id, channel, language, recipient, cc,
    state, template_code, template_revision, reason, attachments, dated, not_before, document_id, ended_at)
SELECT $1, r.id, r.notice_id, r.account_id, r.contact_id, r.channel, r.language, r.recipient,
    string_to_array(r.cc, ','), r.state, r.template_code, r.template_revision, r.reason,
    string_to_array(r.attachments, ',')::uuid[], r.dated, r.not_before, r.document_id,
    CASE WHEN r.state = 'suppressed' THEN current_setting('app.recorded_at')::timestamptz END
FROM r JOIN standing s ON s.id = r.notice_id
ON CONFLICT (organization_id, notice_id, channel) DO NOTHING RETURNING id
"""
_CONTENTS = """
INSERT INTO dunning_message_contents (organization_id, id, subject, text, html, letter, unsubscribe_url,
    unsubscribe_secret)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::bytea[])
"""
_BEGIN = """
UPDATE dunning_messages m SET state = 'sending', claim = $3, claimed_at = $4, facts_at = $4, attempts = m.attempts + 1,
    counted = true, message_id = r.message_id, reference_ids = string_to_array(r.reference_ids, ' '),
    version = m.version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $5::text[], $6::text[]) AS r(id, message_id, reference_ids)
WHERE m.organization_id = $1 AND m.id = r.id AND m.state = 'approved'
  AND (m.not_before IS NULL OR m.not_before <= $4)
RETURNING m.id, m.notice_id, m.attempts
"""
_WITHDRAW = """
UPDATE dunning_messages m SET state = r.state, reason = r.reason, not_before = r.not_before, claim = NULL,
    attempts = m.attempts - 1, counted = r.counted,
    ended_at = CASE WHEN r.state = 'suppressed' THEN $3::timestamptz END,
    version = m.version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::bool[])
    AS r(id, state, reason, not_before, counted)
WHERE m.organization_id = $1 AND m.id = r.id AND m.claim = $2 AND m.state = 'sending'
"""
# Also one that was called unknown meanwhile, as long as nobody has decided: the claim is still that of this try.
_RECORD = """
UPDATE dunning_messages m SET state = r.state, error = r.error, not_before = r.not_before,
    claim = CASE WHEN r.state = 'unknown' THEN m.claim END,
    sent_at = CASE WHEN r.state = 'sent' THEN $3::timestamptz ELSE m.sent_at END,
    ended_at = CASE WHEN r.state <> 'approved' THEN $3::timestamptz END, version = m.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::timestamptz[]) AS r(id, state, error, not_before)
WHERE m.organization_id = $1 AND m.id = r.id AND m.claim = $2 AND m.state IN ('sending', 'unknown')
RETURNING m.id, m.notice_id, m.account_id, m.state
"""
_RELEASE = """
UPDATE dunning_messages SET state = 'approved', claim = NULL, attempts = attempts - 1, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND claim = $2 AND state = 'sending' AND id = ANY($3::uuid[])
RETURNING notice_id
"""
_LOST = """
UPDATE dunning_messages SET state = 'unknown', error = 'the worker ended before the outcome was recorded',
    ended_at = $3, version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND state = 'sending' AND claimed_at <= $2
RETURNING id, notice_id, account_id, state
"""
_EVENTS = """
INSERT INTO dunning_message_events (organization_id, id, message_id, kind, source, at, detail, event_key, actor_name)
SELECT $1, r.id, r.message_id, r.kind, r.source, r.at, r.detail, r.event_key, $2
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
    AS r(id, message_id, kind, source, at, detail, event_key)
ON CONFLICT (organization_id, source, event_key) WHERE event_key IS NOT NULL DO NOTHING RETURNING message_id
"""
Row = tuple[Any, ...]


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def insert_messages(session: WriteSession, rows: Sequence[Row]) -> set[UUID]:
    """Insert messages of notices that stand and have none; columns as in `_MESSAGES`. Answers the ids inserted."""
    found = await session.driver.fetch(_MESSAGES, session.organization_id, *_columns(rows))
    return {row["id"] for row in found}


async def insert_contents(session: WriteSession, rows: Sequence[Row]) -> None:
    """Insert what messages say: id, subject, text, HTML, letter (JSON text), link and hash for unsubscribing."""
    if rows:
        await session.driver.execute(_CONTENTS, session.organization_id, *_columns(rows))


async def claim_messages(session: WriteSession, claim: UUID, now: Any, rows: Sequence[Row]) -> list[Any]:
    """Claim due messages (id, message id, references): `sending` from the commit on. Answers those that are ours."""
    ids, message_ids, references = _columns(rows)
    return list(await session.driver.fetch(_BEGIN, session.organization_id, ids, claim, now, message_ids, references))


async def withdraw(session: WriteSession, claim: UUID, now: Any, rows: Sequence[Row]) -> None:
    """Take claimed messages back before they left: id, state, reason, not before, whether it counted before."""
    if rows:
        await session.driver.execute(_WITHDRAW, session.organization_id, claim, now, *_columns(rows))


async def record(session: WriteSession, claim: UUID, now: Any, rows: Sequence[Row]) -> list[Any]:
    """Write outcomes (id, state, error, not before) of tries that are still ours; answers those written."""
    if not rows:
        return []
    return list(await session.driver.fetch(_RECORD, session.organization_id, claim, now, *_columns(rows)))


async def release(session: WriteSession, claim: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Give claimed messages back of which it is certain that none has left; answers their notices."""
    rows = await session.driver.fetch(_RELEASE, session.organization_id, claim, list(ids))
    return [row["notice_id"] for row in rows]


async def end_lost(session: WriteSession, claimed_before: Any, now: Any) -> list[Any]:
    """Call tries unknown that nobody has recorded; answers them."""
    return list(await session.driver.fetch(_LOST, session.organization_id, claimed_before, now))


async def insert_events(session: WriteSession, rows: Sequence[Row]) -> list[UUID]:
    """Insert events (message, kind, source, at, detail, key); of a key that is there already none. Answers messages."""
    if not rows:
        return []
    columns = _columns([(new_id(), *row) for row in rows])
    found = await session.driver.fetch(_EVENTS, session.organization_id, session.actor.name, *columns)
    return [row["message_id"] for row in found]
