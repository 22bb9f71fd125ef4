"""A minimal valid row for any table, made from the catalog: required columns, references and simple CHECKs.

A table whose CHECKs need more than a listed value names the columns in `OVERRIDES`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.core.ids import new_id
from tests.architecture.catalog import CatalogTable, Column, Constraint

Values = dict[str, Any]
Key = tuple[str, ...]

OVERRIDES: dict[str, Values] = {
    "applications": {"payment_id": "payments", "amount_minor": 1, "source_amount_minor": 1},
    "organizations": {"time_zone": "Europe/Berlin"},
    "collector_targets": {"month": date(2026, 1, 1)},
    "correspondence_attachments": {"refusal": "too large"},
    "credit_bureau_scores": {"best_score": 100, "worst_score": 0},
    "dunning_steps": {"ordinal": 1, "offset_days": 5},
    "dispute_credits": {"state": "approved", "credit_memo_id": "credit_memos"},
    "forecast_weeks": {"mean_minor": [1] * 13},
    "interest_agreements": {"scope": "account", "account_id": "accounts", "percent": 8},
    "report_schedules": {"active": False},
    "statement_schedules": {"scope": "account", "account_id": "accounts"},
    "meetings": {"ends_at": datetime(2026, 1, 15, 13, tzinfo=UTC)},
}
"""Column values that CHECKs of a table need. A table's name as value of a reference means: make such a row."""

ALTERNATIVES: dict[tuple[str, str], Values] = {
    ("applications", "credit_memo_id"): {"payment_id": None},
    ("correspondence_attachments", "document_id"): {"refusal": None},
    ("dunning_assignments", "account_id"): {"scope": "account"},
    ("legal_case_entries", "reverses_id"): {"amount_minor": -1},
    ("applications", "reverses_id"): {"amount_minor": -1, "source_amount_minor": -1},
}
"""What else changes in a row when this column is given."""

_DIFFER = re.compile(r"^CHECK \(\((\w+) <> (\w+)\)\)$")
_ONE_OF = re.compile(r"\(+(\w+) = ANY \(+(?:ARRAY\[)?'((?:[^']|'')*)'")


class RowFactory:
    """Inserts rows of one organization through one connection; parents are made once and used again."""

    def __init__(self, connection: asyncpg.Connection, catalog: dict[str, CatalogTable], organization_id: UUID) -> None:
        self.connection = connection
        self.catalog = catalog
        self.organization_id = organization_id
        self.made: dict[str, Values] = {}

    async def parent(self, table: str, *, second: bool = False) -> Values:
        """The row of that table that others refer to; `second`: another one, for who needs two that differ."""
        key = f"{table} (second)" if second else table
        if key not in self.made:
            self.made[key] = await self.insert(table)
        return self.made[key]

    async def insert(self, table: str, **given: Any) -> Values:
        """A new row; `given` columns take these values. Returns what was inserted."""
        values = await self.values(table, **given)
        names = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(f"${index}" for index in range(1, len(values) + 1))
        await self.connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', *values.values())
        return values

    async def values(self, table: str, **given: Any) -> Values:
        """The columns of a minimal valid row."""
        found = self.catalog[table]
        values: Values = {}
        if found.belongs_to_tenant:
            values["organization_id"] = self.organization_id
        elif table == "organizations":
            values["id"] = self.organization_id
        wanted = OVERRIDES.get(table, {}) | given
        for name in given:
            wanted |= ALTERNATIVES.get((table, name), {})
        for key in found.of_kind("f"):
            values |= await self._reference(found, key, wanted)
        for column in found.columns.values():
            if column.name in wanted and column.name not in values:
                values[column.name] = wanted[column.name]
            elif column.name not in values and column.required and not column.has_default:
                values[column.name] = _value(found, column)
        return values

    async def _reference(self, table: CatalogTable, key: Constraint, wanted: Values) -> Values:
        """The columns of one foreign key: required ones and wanted ones point at a row of this organization."""
        (column,) = [name for name in key.columns if name != "organization_id"] or [None]
        if column is None or key.target is None:
            return {}
        value = wanted.get(column)
        if isinstance(value, UUID):
            return {column: value}
        if value is None and not table.columns[column].required:
            return {}
        pairs = dict(zip(key.columns, key.target_columns, strict=True))
        second = any((match := _DIFFER.match(check.definition)) and match[2] == column for check in table.of_kind("c"))
        row = await self.parent(key.target, second=second)  # the two must differ
        return {column: row[pairs[column]]}


def _value(table: CatalogTable, column: Column) -> Any:
    """A value of the column's type, the first listed one where a CHECK lists them."""
    for check in table.of_kind("c"):
        match = _ONE_OF.search(check.definition)
        if match is not None and match[1] == column.name:
            return match[2].replace("''", "'")
    kind = column.type
    if kind == "uuid":
        return new_id()
    if kind == "text":
        return f"{column.name} {new_id()}" if "currency" not in column.name else "EUR"
    if kind in ("integer", "bigint", "smallint") or kind.startswith("numeric"):
        return 1
    by_type = {
        "date": date(2026, 1, 15),
        "boolean": True,
        "bytea": new_id().bytes,
        "jsonb": json.dumps({}),
        "timestamp with time zone": datetime(2026, 1, 15, 12, tzinfo=UTC),
    }
    if kind.endswith("[]"):
        return []
    return by_type[kind]
