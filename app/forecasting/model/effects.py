"""What disputes, legal cases and promises do to a payment date, learnt with a prior since they are rare.

A dispute or a legal case multiplies the odds of every day by a ratio: payments observed over payments that the
hazard expected on such days, with prior pseudo-payments (indirect standardization). A promise is a mixture: kept
with the account's shrunk kept-rate, then paid around the promised day; otherwise as without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.interface import NEVER, Ledger, Scenario

DISPUTE_PRIOR = 0.35
LEGAL_PRIOR = 0.2
RATIO_WEIGHT = 20.0
"""Expected payments that weigh as much as the prior ratio."""
KEPT_PRIOR = 0.6
KEPT_WEIGHT = 8.0
ACCOUNT_WEIGHT = 4.0
GRACE_DAYS = 3
PROMISE_DAYS = np.arange(-2, GRACE_DAYS + 1)
PROMISE_SHARES = np.array([0.08, 0.12, 0.4, 0.2, 0.12, 0.08])
"""Where kept promises are paid, relative to the promised day."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Ratios of odds, and kept rates."""

    dispute: float
    legal: float
    kept: float
    kept_by_account: NDArray[np.float64]
    """By account code; accounts that came later read `kept`."""

    def kept_rate(self, account: NDArray[np.int32]) -> NDArray[np.float64]:
        """Probability that a promise of these accounts is kept."""
        known = account < len(self.kept_by_account)
        rate = np.full(len(account), self.kept)
        rate[known] = self.kept_by_account[account[known]]
        return rate


def in_dispute(ledger: Ledger, item: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a dispute stood at the end of that day."""
    return (ledger.disputed_on[item] <= day) & (ledger.dispute_ended_on[item] > day)


def in_legal(ledger: Ledger, item: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether it was with a lawyer or an agency at the end of that day."""
    return (ledger.legal_on[item] <= day) & (ledger.legal_ended_on[item] > day)


def ratio(observed: float, expected: float, prior: float) -> float:
    """Payments observed over expected ones, shrunk to the prior, bounded to a twentieth … twice."""
    return float(np.clip((observed + RATIO_WEIGHT * prior) / (expected + RATIO_WEIGHT), 0.05, 2.0))


def learn_kept(ledger: Ledger, cutoff: int) -> tuple[float, NDArray[np.float64]]:
    """Kept rate of the organization and of each account, from promises whose grace had passed at `cutoff`."""
    due = (ledger.promise_made_on <= cutoff) & (ledger.promised_on.astype(np.int64) + GRACE_DAYS <= cutoff)
    kept = due & (ledger.paid <= ledger.promised_on.astype(np.int64) + GRACE_DAYS)
    rate = (kept.sum() + KEPT_WEIGHT * KEPT_PRIOR) / (due.sum() + KEPT_WEIGHT)
    size = len(ledger.accounts)
    made = np.bincount(ledger.account[due], minlength=size)[:size]
    good = np.bincount(ledger.account[kept], minlength=size)[:size]
    return float(rate), (good + ACCOUNT_WEIGHT * rate) / (made + ACCOUNT_WEIGHT)


def with_ratio(hazard: NDArray[np.float32], rows: NDArray[np.bool_], odds_ratio: float) -> None:
    """Multiplies the odds of these rows, in place."""
    if rows.any() and odds_ratio != 1:
        part = hazard[rows]
        hazard[rows] = part * odds_ratio / (1 - part + part * odds_ratio)


def with_promises(
    cdf: NDArray[np.float32],
    ledger: Ledger,
    item: NDArray[np.int64],
    seen: NDArray[np.int64],
    start: NDArray[np.int64],
    effects: Effects,
) -> None:
    """Mixes the promised day into the distribution of items that have an open promise, in place."""
    promised = ledger.promised_on[item].astype(np.int64)
    standing = (
        (ledger.promise_made_on[item] <= seen)
        & (ledger.promise_ended_on[item] > seen)
        & (promised < NEVER)
        & (promised + GRACE_DAYS > seen)
    )
    rows = np.flatnonzero(standing)
    if not len(rows):
        return
    rate = effects.kept_rate(ledger.account[item[rows]])[:, None]
    offset = start[rows, None] + np.arange(cdf.shape[1])[None, :] - promised[rows, None]
    shares = np.concatenate([[0.0], np.cumsum(PROMISE_SHARES)])
    kernel = shares[np.clip(offset - PROMISE_DAYS[0] + 1, 0, len(PROMISE_SHARES))]
    # What the kernel would place on days that are over is left out: it was not paid then.
    over = shares[np.clip(seen[rows] - promised[rows] - PROMISE_DAYS[0] + 1, 0, len(PROMISE_SHARES) - 1)][:, None]
    kernel = np.clip((kernel - over) / (1 - over), 0, 1)
    cdf[rows] = (rate * kernel + (1 - rate) * cdf[rows]).astype(np.float32)


def late_shift(cdf: NDArray[np.float32], scenario: Scenario) -> NDArray[np.float32]:
    """Every payment `late_days` later."""
    if scenario.late_days <= 0:
        return cdf
    shifted = np.zeros_like(cdf)
    if scenario.late_days < cdf.shape[1]:
        shifted[:, scenario.late_days :] = cdf[:, : -scenario.late_days]
    return shifted
