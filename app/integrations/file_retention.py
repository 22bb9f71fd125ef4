"""Files of imports go once nobody needs them: what they said stands in the tables, and who asks has the original."""

from __future__ import annotations

import asyncio
from datetime import datetime

from app.infra.database import WriteSession
from app.infra.files import FileStore

FILES_AT_ONCE = 100
# The same content may have come again, or as a document or remittance advice: then it stays.
_OLD_FILES = """
SELECT f.id, f.sha256 FROM stored_files f
WHERE f.organization_id = $1 AND f.recorded_at < $2
  AND EXISTS (SELECT FROM imports i WHERE i.organization_id = $1 AND i.file_sha256 = f.sha256)
  AND NOT EXISTS (SELECT FROM imports i WHERE i.organization_id = $1 AND i.file_sha256 = f.sha256
                  AND (i.finished_at IS NULL OR i.finished_at >= $2))
  AND NOT EXISTS (SELECT FROM documents d WHERE d.organization_id = $1 AND d.sha256 = f.sha256)
  AND NOT EXISTS (SELECT FROM remittance_advices r WHERE r.organization_id = $1 AND r.content_sha256 = f.sha256)
ORDER BY f.id LIMIT $3 FOR UPDATE OF f SKIP LOCKED
"""


async def forget_files(session: WriteSession, store: FileStore, *, ended_before: datetime) -> int:
    """Delete up to FILES_AT_ONCE files of imports that ended before that instant; how many were found.

    The row goes with the file, the import stays as it is. A file that was just uploaded again is kept.
    """
    found = await session.driver.fetch(_OLD_FILES, session.organization_id, ended_before, FILES_AT_ONCE)
    for row in found:
        await asyncio.to_thread(store.remove, session.organization_id, row["sha256"], ended_before)
    await session.driver.execute(
        "DELETE FROM stored_files WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        [row["id"] for row in found],
    )
    return len(found)
