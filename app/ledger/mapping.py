"""Which general-ledger account each role of the chart is in a legal entity."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.ledger import queries


async def replace_account_mapping(
    session: WriteSession, legal_entity_id: UUID, mapping: Mapping[str, str], *, expected_version: int | None = None
) -> None:
    """Replace the whole mapping, role → code. Transfers keep the roles, so that it holds for the past as well.

    Raises LegalEntityUnknown, StaleVersion.
    """
    entity = await queries.lock_legal_entity(session, legal_entity_id)
    check_version(expected_version, entity["version"])
    present = entity["account_mapping"]
    if present == dict(mapping):
        return
    await queries.set_account_mapping(session, legal_entity_id, mapping)
    changed = sorted(role for role in {*present, *mapping} if present.get(role) != mapping.get(role))
    record_change(
        session,
        ChangeRow(
            "legal_entity",
            legal_entity_id,
            "legal_entity.account_mapping_changed",
            before={role: present.get(role) for role in changed},
            after={role: mapping.get(role) for role in changed},
        ),
    )
