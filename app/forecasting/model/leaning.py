"""How much an account's own history counts: chosen by what would have foretold the ledger's payments best.

Where customers differ much and keep their habits, a few payments say more than the segment; where they do not, the
segment says more. In large ledgers the trees learn it. Candidates are compared by the likelihood of each item's
payment day, given the account's payments before its issue only; open items count as not paid so far.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.forecasting.model.features import Index, Rows, shrunk, smoothed
from app.forecasting.model.history import LATE_BINS, History, late_bin
from app.forecasting.model.interface import Ledger
from app.forecasting.model.priors import OWN_REACH, OWN_WEIGHT, Priors, terms_class

WEIGHTS = (1.5, 3.0, 6.0, 12.0)
REACHES = (0, 1, 3)
ITEMS_MAX = 3_000
ITEMS_MIN = 30
EVENTS_MAX = 1_500
"""Payments from which on the trees learn the same, and better."""
GAIN_MIN = 0.01
"""Gain of the mean log likelihood under which the usual choice stays."""


def with_leaning(priors: Priors, ledger: Ledger, history: History, cutoff: int, rng: np.random.Generator) -> Priors:
    """The priors with the best weight and reach of an account's own payments."""
    if priors.events > EVENTS_MAX:
        return priors
    items = np.flatnonzero(ledger.issued <= cutoff)
    if len(items) > ITEMS_MAX:
        items = np.sort(rng.choice(items, ITEMS_MAX, replace=False))
    account, seen = ledger.account[items], (ledger.issued[items] - 1).astype(np.int32)
    states = history.states(account, seen)
    told = np.flatnonzero(states.paid_count > 0)
    if len(told) < ITEMS_MIN:
        return priors
    items = items[told]
    due = ledger.due[items].astype(np.int64)
    prior = priors.late[priors.segment_line(ledger.segment[items]), terms_class(due - ledger.issued[items])]
    ended = np.minimum(np.minimum(ledger.paid[items], ledger.closed[items]), cutoff).astype(np.int64)
    ended = np.maximum(ended, ledger.issued[items])
    paid = (ledger.paid[items] <= cutoff) & (ledger.paid[items] <= ledger.closed[items])
    first, last = late_bin(ledger.issued[items].astype(np.int64) - due), late_bin(ended - due)
    found = {}
    for reach in REACHES:
        counts = smoothed(states.late[told], reach)
        for weight in WEIGHTS:
            found[weight, reach] = likelihood(shrunk(counts, prior, weight)[0], first, last, paid)
    best = max(found, key=lambda choice: found[choice])
    if found[best] < found[OWN_WEIGHT, OWN_REACH] + GAIN_MIN:
        return priors
    return replace(priors, own_weight=best[0], own_reach=best[1])


def likelihood(hazard: Rows, first: Index, last: Index, paid: Index | np.ndarray) -> float:
    """Mean log likelihood of staying open from the bin `first` to before `last`, and of being paid there (or not)."""
    bounded = np.clip(hazard.astype(np.float64), 1e-4, 0.98)
    open_until = np.concatenate([np.zeros((len(hazard), 1)), np.cumsum(np.log1p(-bounded), axis=1)], axis=1)
    line = np.arange(len(hazard))
    stayed = open_until[line, last] - open_until[line, np.minimum(first, last)]
    # Beyond the outermost bin each day would count; the day of payment there tells the candidates apart no more.
    inside = paid & (last < LATE_BINS - 1)
    return float((stayed + np.where(inside, np.log(bounded[line, last]), 0.0)).mean())
