"""Whether a payment can be told from its amount alone: only one set of the open items has this sum."""

from __future__ import annotations

from collections.abc import Sequence

STATES_LIMIT = 60_000


def is_unique_by_nature(amounts: Sequence[int], target: int) -> bool:
    """Whether exactly one subset of the amounts adds up to the target, by counting over all reachable sums.

    Where more sums than STATES_LIMIT are reachable the amount says nothing any more: not unique.
    """
    counts = {0: 1}
    for amount in sorted(amounts, reverse=True):
        for total, count in list(counts.items()):
            reached = total + amount
            if reached <= target or amount < 0:
                counts[reached] = min(2, counts.get(reached, 0) + count)
        if len(counts) > STATES_LIMIT:
            return False
    return counts.get(target, 0) == 1
