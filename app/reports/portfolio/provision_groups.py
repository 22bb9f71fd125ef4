"""What a provision matrix is asked for and gives; exposures by any group, beside the pool whose loss rates they take.

A pool is what shares a credit risk (a segment, a country): its history gives the rates. A group is by what the loss is
shown (an account, a collector): one account has no history to speak of, and takes the rates of its pool.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.grouping import accounts_of, key_sql
from app.reports.portfolio.measures import Wanted, positions
from app.reports.portfolio.provision_rules import (
    HORIZON_MONTHS,
    OBSERVATION_MONTHS,
    Amounts,
    MatrixLine,
    Setting,
)
from app.reports.portfolio.queries import Scope

POOLS = ("segment", "country", "risk_class", "legal_entity", "currency", "organization")
_OF_ROWS = ("legal_entity", "currency", "organization", "account")
Cells = dict[tuple[str, str, str], list[int]]
"""Open by bucket, of a group, its pool and a currency. Without a segment (or whatever it is) the key is empty."""


def pool_of(group_by: str, pool: str | None) -> str:
    """The pool that is asked for; else the group itself where it is one, else the segment."""
    return pool or (group_by if group_by in POOLS else "segment")


@dataclass(frozen=True, slots=True)
class MatrixRequest:
    """What a matrix is asked for; `currency` None is the organization's base currency, `bounds` None its own bounds.

    `group_by` is by what it is shown, `pool` by what the loss rates are observed (None: see `pool_of`).
    """

    as_of: date
    known_at: datetime | None = None
    currency: str | None = None
    legal_entity_id: UUID | None = None
    bounds: AgingBounds | None = None
    observation_months: int = OBSERVATION_MONTHS
    horizon_months: int = HORIZON_MONTHS
    factors: Sequence[Setting] = ()
    rates: Sequence[Setting] = ()
    group_by: str = "segment"
    pool: str | None = None
    account_id: UUID | None = None
    only_currency: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether only a part of the exposures is asked for; the rates are those of the whole pool."""
        return self.account_id is not None or self.only_currency is not None


@dataclass(frozen=True, slots=True)
class Matrix:
    """The lines, the currency, the bounds, and the days on which exposures were observed.

    `groups` are the keys of the lines' groups, one for each line, `history` what the pools' rates come from.
    """

    request: MatrixRequest
    currency: str
    bounds: AgingBounds
    observed_on: Sequence[date]
    lines: Sequence[MatrixLine]
    groups: Sequence[str]
    history: Mapping[str, Amounts]

    @property
    def exposure_minor(self) -> int:
        """All that is open."""
        return sum(line.exposure_minor for line in self.lines)

    @property
    def expected_loss_minor(self) -> int:
        """The provision."""
        return sum(line.expected_loss_minor for line in self.lines)


async def exposures(
    session: ReadSession, scope: Scope, pool: str, as_of: date, bounds: AgingBounds
) -> Cells:  # fmt: skip
    """What is open on the day by group (of the scope), pool and currency: from the accounts, entity by entity."""
    entities: Sequence[UUID] = [scope.legal_entity_id] if scope.legal_entity_id is not None else [
        row["id"] for row in await session.driver.fetch(
            "SELECT id FROM legal_entities WHERE organization_id = $1 ORDER BY id", session.organization_id)
    ]  # fmt: skip
    cells: Cells = defaultdict(lambda: [0] * bounds.bucket_count)
    groups = await _attribute(session, scope.group_by)
    pools = await _attribute(session, pool)
    for entity in entities:
        within = replace(scope, group_by="account", legal_entity_id=entity)
        found, _ = await positions(session, within, [as_of], 0, bounds, Wanted())
        for one in found:
            place = {"legal_entity": str(entity), "currency": one.currency, "account": one.key or ""}
            group = place.get(scope.group_by) or groups.get(one.key) or ""
            cell = cells[group, place.get(pool) or pools.get(one.key) or "", one.currency]
            for bucket, minor in enumerate(one.buckets):
                cell[bucket] += minor
    return cells


async def _attribute(session: ReadSession, group_by: str) -> dict[str | None, str | None]:
    """The key of each account's group, where the account says it."""
    if group_by in _OF_ROWS:
        return {}
    rows = await session.driver.fetch(
        f"SELECT a.id::text AS id, {key_sql(group_by, 'a')} AS key FROM {accounts_of(group_by)} a"
        " WHERE a.organization_id = $1",
        session.organization_id,
    )
    return {row["id"]: row["key"] for row in rows}
