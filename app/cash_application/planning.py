"""Which payments are decided together: pure. Claims that may meet go into one batch, so that none is first come.

Payments meet over a named document, an equal amount of the same payer, a payer's bank identifier or name, or an
account. They are joined from the strongest tie to the weakest while a group has at most PAYMENTS_PER_BATCH members.
Groups that had to stay apart share a *lane*: their batches follow one another, the earlier value dates first. Lanes
have nothing in common and may run side by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from uuid import UUID

from app.cash_application.facts import Claim

PAYMENTS_PER_BATCH = 500
_LEVELS = ("document", "like", "amount", "bank_identifier", "payer_name", "account")
Batch = list[Claim]
Lane = list[Batch]


class _Sets:
    """Disjoint sets of numbers, with their sizes."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))
        self.size = [1] * count

    def root(self, one: int) -> int:
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, one: int, other: int, limit: int | None = None) -> bool:
        """Make the two sets one, unless that has more than `limit` members; whether they are one now."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return True
        if limit is not None and self.size[one] + self.size[other] > limit:
            return False
        if self.size[one] < self.size[other]:
            one, other = other, one
        self.parent[other] = one
        self.size[one] += self.size[other]
        return True


def plan_lanes(claims: Sequence[Claim], per_batch: int = PAYMENTS_PER_BATCH) -> list[Lane]:
    """Lanes of batches with every claim once, the biggest lanes first; the order of the claims has no effect."""
    ordered = sorted(claims, key=_order)
    groups, lanes = _Sets(len(ordered)), _Sets(len(ordered))
    for level in _LEVELS:
        _join_level(ordered, level, groups, lanes, per_batch)
    members: defaultdict[int, list[Claim]] = defaultdict(list)
    for at, claim in enumerate(ordered):
        members[groups.root(at)].append(claim)
    of_lane: defaultdict[int, list[list[Claim]]] = defaultdict(list)
    for root, group in members.items():
        of_lane[lanes.root(root)].append(group)
    apart = [group for found in of_lane.values() if len(found) == 1 for group in found]
    tied = [_packed(found, per_batch) for found in of_lane.values() if len(found) > 1]
    planned = [*tied, *([batch] for batch in _packed(apart, per_batch))]
    return sorted(planned, key=lambda lane: (-sum(len(batch) for batch in lane), _order(lane[0][0])))


def _order(claim: Claim) -> tuple[int, UUID]:
    return (claim.value_date.toordinal(), claim.payment_id)


def _join_level(claims: Sequence[Claim], level: str, groups: _Sets, lanes: _Sets, limit: int) -> None:
    """Join all claims with an equal value of this level; the first of each value stands for the others."""
    first: dict[Hashable, int] = {}
    for at, claim in enumerate(claims):
        for value in claim.meets:
            if not value.startswith(level):
                continue
            other = first.setdefault(value, at)
            if other != at:
                lanes.join(at, other)
                if not groups.join(at, other, limit):
                    first[value] = at  # the group is full: those that follow gather anew


def _packed(groups: Sequence[list[Claim]], per_batch: int) -> list[Batch]:
    """Whole groups into batches of about `per_batch` payments, in the order of their first payment."""
    batches: list[Batch] = []
    current: Batch = []
    for group in sorted(groups, key=lambda group: _order(group[0])):
        if current and len(current) + len(group) > per_batch:
            batches.append(current)
            current = []
        current = [*current, *group]
    return [*batches, current] if current else batches
