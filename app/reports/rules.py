"""Pure rules of reports: which groups, which buckets, and how credits are netted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.core.aging import AgingBounds

GROUPS = (
    "organization",
    "legal_entity",
    "account",
    "parent_group",
    "collector",
    "segment",
    "country",
    "risk_class",
    "currency",
)

DEFAULT_BOUNDS = AgingBounds()


@dataclass(frozen=True, slots=True)
class AgingRequest:
    """What an aging report is asked for.

    `as_of` is the business date, `known_at` the recorded instant up to which rows count (None: all there are).
    `by_invoice_date` ages from the invoice date. `net_credits` takes open credits off the oldest buckets.
    """

    as_of: date
    known_at: datetime | None = None
    group_by: str = "organization"
    bounds: AgingBounds = DEFAULT_BOUNDS
    by_invoice_date: bool = False
    net_credits: bool = False
    legal_entity_id: UUID | None = None
    account_id: UUID | None = None
    currency: str | None = None


def net_oldest_first(buckets: Sequence[int], credits_minor: int) -> tuple[list[int], int]:
    """Take credits off the oldest bucket first; answers the buckets and the credit that is left over."""
    netted = list(buckets)
    for index in reversed(range(len(netted))):
        taken = min(max(netted[index], 0), credits_minor)
        netted[index] -= taken
        credits_minor -= taken
    return netted, credits_minor
