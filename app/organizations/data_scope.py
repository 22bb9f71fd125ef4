"""Which part of an organization a user or an API client works on, and how the database is told.

Portfolios count by the collector that an account has *now*: reassigned, it is out of sight with the next request. Who
stands in for a collector sees those accounts, too, while the cover lasts. Teams are those of the collectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from app.core.errors import RuleViolation
from app.infra.data_scope import DataScope
from app.infra.database import ReadSession
from app.organizations.rules import BEYOND_DATA_SCOPE, BEYOND_SOME_ACCOUNTS

_NAMED_BY_ID = {"collectors": "users", "legal_entities": "legal_entities"}
_COLLECTORS = """
WITH RECURSIVE org AS (
  SELECT id, time_zone FROM organizations WHERE id = current_setting('app.organization_id')::uuid
), seen(id) AS (
  SELECT u.id FROM users u JOIN org ON u.organization_id = org.id WHERE u.id = ANY ('{ids}'::uuid[])
     OR u.team = ANY ({teams}::text[])
  UNION
  SELECT c.collector_id FROM seen JOIN org ON true JOIN collector_covers c
    ON c.organization_id = org.id AND c.cover_id = seen.id AND NOT c.cancelled
   AND (now() AT TIME ZONE org.time_zone)::date BETWEEN c.start_date AND c.end_date)
SELECT coalesce(array_agg(id), '{{}}')::text FROM seen
"""
"""The collectors named or of these teams, and those for whom they stand in today, through covers of covers."""


class DataScopeUnknown(RuleViolation):
    """A data scope names a user or a legal entity that the organization does not have."""

    code = "data_scope.unknown_id"


def stored(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition as the column keeps it: only what narrows, without repeats; `{}` is everything."""
    made: dict[str, Any] = {}
    for name in ("collectors", "teams", "segments", "legal_entities"):
        values = sorted({str(value) for value in definition.get(name) or ()})
        if values:
            made[name] = values
    if definition.get("own_portfolio"):
        made["own_portfolio"] = True
    return made


async def check_data_scope(session: ReadSession, definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition as it is to be kept. Raises DataScopeUnknown."""
    made = stored(definition)
    for name, table in _NAMED_BY_ID.items():
        wanted = [UUID(value) for value in made.get(name, ())]
        sql = f"SELECT id FROM {table} WHERE organization_id = $1 AND id = ANY ($2::uuid[])"
        found = {row["id"] for row in await session.driver.fetch(sql, session.organization_id, wanted)}
        for value in wanted:
            if value not in found:
                raise DataScopeUnknown(f"{value} is none of the {name.replace('_', ' ')}", pointer="/data_scope")
    return made


def scope_of(definition: Mapping[str, Any], caller_id: UUID) -> DataScope | None:
    """The scope of a caller as requests need it; None for one who sees everything."""
    if not stored(definition):
        return None
    collectors = [UUID(str(value)) for value in definition.get("collectors") or ()]
    if definition.get("own_portfolio"):
        collectors.append(caller_id)
    teams, segments = definition.get("teams") or (), definition.get("segments") or ()
    by_collector = bool(collectors or teams)
    some = by_collector or bool(segments)
    ids = "{" + ",".join(str(value) for value in collectors) + "}"
    settings = {
        "accounts": "'some'" if some else "'*'",
        "collectors": f"({_COLLECTORS.format(ids=ids, teams=_array(teams))})" if by_collector else "'*'",
        "segments": _array(segments) if segments else "'*'",
        "entities": _array(definition["legal_entities"]) if definition.get("legal_entities") else "'*'",
    }
    named = ", ".join(f"set_config('app.scope_{name}', {value}, true)" for name, value in settings.items())
    withheld = BEYOND_DATA_SCOPE | BEYOND_SOME_ACCOUNTS if some else BEYOND_DATA_SCOPE
    return DataScope(opening=f"SELECT {named}", definition=stored(definition), withheld=withheld)


def _array(values: Iterable[Any]) -> str:
    """An array's text as SQL in which nothing of the text stands: only the hexadecimal digits of its bytes."""
    literal = "{" + ",".join(json.dumps(str(value), ensure_ascii=False) for value in values) + "}"
    return f"convert_from(decode('{literal.encode().hex()}', 'hex'), 'UTF8')"
