"""New business: items that will be issued after the cut-off, as copies of what each account was issued lately.

The last weeks' items move forward by whole rounds of weeks (weekdays stay), equal ones merged. Their amounts vary in
the simulation by account and week, as the account's weekly billing did; the level of all varies together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.features import Index, Landmarks
from app.forecasting.model.interface import NEVER, Ledger

ROUND_WEEKS = 13
LEVEL_HALF_WEEKS = 8
LEVEL_WEEKS_MAX = 104
LEVEL_PRIOR = 0.06
LEVEL_WEIGHT = 6.0


@dataclass(frozen=True, slots=True)
class Coming:
    """Items that are not issued yet."""

    ledger: Ledger
    """One row a future item; codes as in the ledger it was made from."""
    amount: NDArray[np.float64]
    """Expected minor units of each."""
    spread: NDArray[np.float64]
    """Coefficient of variation of its block (account and week)."""
    block: Index
    """Items of the same account and week share a number."""
    source: Index
    """Row of the original ledger that it copies."""

    def landmarks(self, cutoff: int) -> Landmarks:
        """Each as seen when it is issued, with the history of the cut-off."""
        rows = np.arange(len(self.ledger))
        return Landmarks(rows, (self.ledger.issued - 1).astype(np.int32), np.full(len(rows), cutoff, np.int32))


def coming_items(ledger: Ledger, cutoff: int, horizon_days: int, items_max: int, rng: np.random.Generator) -> Coming:
    """What will be issued within the horizon if billing goes on as in the last `ROUND_WEEKS` weeks."""
    weeks = int(np.clip((cutoff - billing_start(ledger, cutoff) + 1) // 7, 1, ROUND_WEEKS))
    span = weeks * 7
    rows = np.flatnonzero((ledger.issued > cutoff - span) & (ledger.issued <= cutoff) & (ledger.amount_minor > 0))
    # Equal in all that matters but the amount: one item with the sum.
    key = np.stack([ledger.account[rows], ledger.currency[rows], ledger.issued[rows], ledger.due[rows]], axis=1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    sums = np.bincount(group.ravel(), ledger.amount_minor[rows].astype(np.float64), minlength=len(first))
    rows = rows[first]
    amount: NDArray[np.float64] = sums.astype(np.float64) * level_of(ledger, cutoff, weeks)
    spread = weekly_spread(ledger.account[rows], (cutoff - ledger.issued[rows]) // 7, amount, weeks)
    rounds = -(-horizon_days // span)
    if len(rows) * rounds > items_max:
        keep = rng.choice(len(rows), items_max // rounds, replace=False)
        amount = amount[keep] * (amount.sum() / max(amount[keep].sum(), 1))
        rows, spread = rows[keep], spread[keep]
    shift = np.repeat(np.arange(1, rounds + 1) * span, len(rows)).astype(np.int32)
    source = np.tile(rows, rounds)
    issued = ledger.issued[source] + shift
    inside = issued <= cutoff + horizon_days
    source, shift, issued = source[inside], shift[inside], issued[inside]
    copies = ledger.take(source)
    never = np.full(len(source), NEVER, np.int32)
    moved = replace(
        copies,
        issued=issued,
        due=(copies.due + shift).astype(np.int32),
        notices=np.full((len(source), copies.notices.shape[1]), NEVER, np.int32),
        paid=never,
        closed=never,
        disputed_on=never,
        dispute_ended_on=never,
        promise_made_on=never,
        promised_on=never,
        promise_ended_on=never,
        legal_on=never,
        legal_ended_on=never,
    )
    block = copies.account.astype(np.int64) * 64 + (issued - cutoff - 1) // 7
    return Coming(moved, np.tile(amount, rounds)[inside], np.tile(spread, rounds)[inside], block, source)


def weekly_spread(
    account: NDArray[np.int32], week: NDArray[np.int32], amount: NDArray[np.float64], weeks: int
) -> NDArray[np.float64]:
    """Coefficient of variation for an account's blocks, so that their sums vary as its weekly billing did.

    With blocks copied from the past, variance per week is `E[x²]·cv²`; it should be `E[x²] − E[x]²`.
    """
    if not len(account):
        return np.zeros(0)
    cell, place = np.unique(account.astype(np.int64) * 64 + week, return_inverse=True)
    total = np.bincount(place.ravel(), amount)
    owner = cell // 64
    size = int(owner.max()) + 1
    mean = np.bincount(owner, total, minlength=size) / weeks
    square = np.bincount(owner, total**2, minlength=size) / weeks
    share = 1 - mean**2 / np.maximum(square, 1e-9)
    return np.sqrt(np.clip(share * weeks / max(weeks - 1, 1), 0.01, 1.0))[account]


def billing_start(ledger: Ledger, cutoff: int) -> int:
    """First day of the first week that billed half of a usual week: extracts often begin with a few stray items."""
    known = ledger.issued <= cutoff
    week = (cutoff - ledger.issued[known]) // 7
    if not len(week):
        return cutoff
    billed = np.bincount(week, ledger.amount_minor[known].astype(np.float64))
    usual = float(np.median(billed[billed > 0])) if (billed > 0).any() else 0.0
    last = int(np.flatnonzero(billed >= usual / 2)[-1]) if usual > 0 else 0
    return cutoff - 7 * last - 6


def level_of(ledger: Ledger, cutoff: int, weeks: int) -> float:
    """Weekly billing as it is now against the mean of the last `weeks`: older weeks weigh ever less, but count."""
    billed = weekly_billing(ledger, cutoff)[-LEVEL_WEEKS_MAX:]
    mean = float(billed[-weeks:].mean()) if len(billed) else 0.0
    if mean <= 0:
        return 1.0
    weight = 0.5 ** (np.arange(len(billed))[::-1] / LEVEL_HALF_WEEKS)
    return float(np.clip(np.average(billed, weights=weight) / mean, 0.5, 2.0))


def weekly_billing(ledger: Ledger, cutoff: int) -> NDArray[np.float64]:
    """Minor units issued in each whole week up to the cut-off, oldest first, from where billing starts."""
    begin = billing_start(ledger, cutoff)
    issued = (ledger.issued <= cutoff) & (ledger.issued >= begin)
    week = (cutoff - ledger.issued[issued]) // 7
    weeks = (cutoff - begin + 1) // 7
    billed = np.bincount(week, ledger.amount_minor[issued].astype(np.float64), minlength=weeks)[:weeks][::-1]
    return billed.astype(np.float64)


def level_spread(ledger: Ledger, cutoff: int) -> float:
    """Relative error of the run rate: next four weeks' billing against the mean of the thirteen before, shrunk."""
    billed = weekly_billing(ledger, cutoff)[-LEVEL_WEEKS_MAX:]
    errors = [
        np.log(max(billed[at : at + 4].mean(), 1.0) / max(billed[at - ROUND_WEEKS : at].mean(), 1.0))
        for at in range(ROUND_WEEKS, len(billed) - 3, 4)
    ]
    total = float(np.sum(np.square(errors))) + LEVEL_WEIGHT * LEVEL_PRIOR**2
    return float(np.clip(np.sqrt(total / (len(errors) + LEVEL_WEIGHT)), 0.02, 0.6))
