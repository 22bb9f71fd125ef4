"""SQL of what an organization, its rules and its accounts allow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession

_SETTINGS = "SELECT * FROM matching_settings WHERE organization_id = $1"
_RULES = "SELECT * FROM matching_rules WHERE organization_id = $1 ORDER BY strategy"
_ACCOUNTS = """
SELECT account_id, automatic_allowed, tolerances, residual FROM account_matching_settings WHERE organization_id = $1
"""
_PUT_RULE = """
INSERT INTO matching_rules AS m (organization_id, id, strategy, automatic_enabled, reason, figures, switched_by,
    switched_at, judged_since)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, current_setting('app.recorded_at')::timestamptz,
    CASE WHEN $4 THEN current_setting('app.recorded_at')::timestamptz END)
ON CONFLICT (organization_id, strategy) DO UPDATE SET automatic_enabled = excluded.automatic_enabled,
    reason = excluded.reason, figures = excluded.figures, switched_by = excluded.switched_by,
    switched_at = excluded.switched_at, judged_since = coalesce(excluded.judged_since, m.judged_since),
    version = m.version + 1, updated_at = excluded.switched_at
RETURNING id
"""
_PUT_FIGURES = """
INSERT INTO matching_rules AS m (organization_id, id, strategy, figures)
SELECT $1, r.id, r.strategy, r.figures FROM unnest($2::uuid[], $3::text[], $4::jsonb[]) AS r(id, strategy, figures)
ON CONFLICT (organization_id, strategy) DO UPDATE SET figures = excluded.figures
"""


async def base_currency(session: ReadSession) -> str:
    """The currency in which the organization reports. Without its calendar, which takes a second to load."""
    statement = "SELECT base_currency FROM organizations WHERE id = $1"
    return str(await session.driver.fetchval(statement, session.organization_id))


async def settings_row(session: ReadSession) -> Any:
    """The stored settings of the organization, or None where it uses the shipped ones."""
    return await session.driver.fetchrow(_SETTINGS, session.organization_id)


async def rule_rows(session: ReadSession) -> list[Any]:
    """The rules that were switched or judged, by strategy."""
    return list(await session.driver.fetch(_RULES, session.organization_id))


async def account_rows(session: ReadSession) -> list[Any]:
    """What holds for single accounts."""
    return list(await session.driver.fetch(_ACCOUNTS, session.organization_id))


async def put_rule(
    session: WriteSession, strategy: str, *, enabled: bool, reason: str | None, figures: Mapping[str, Any], by: str
) -> UUID:
    """Switch a rule; one that is switched on is judged anew from now. Returns the row's id."""
    made: UUID = await session.driver.fetchval(
        _PUT_RULE, session.organization_id, new_id(), strategy, enabled, reason, json.dumps(figures), by
    )
    return made


async def put_figures(session: WriteSession, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep what the outcomes say of each strategy, without touching its switch."""
    await session.driver.execute(
        _PUT_FIGURES,
        session.organization_id,
        [new_id() for _ in figures],
        list(figures),
        [json.dumps(found) for found in figures.values()],
    )
