"""The hazard: probability that an item open in the morning is paid on that day, learnt from day rows.

Rows come from landmarks (the day before issue, and days while open); the last row of a paid item is an event, all
others are not; an item still open at the cut-off contributes its days without an event (censoring). Rows without an
event are sampled and weighted.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from app.forecasting.model.days import DayCalendar
from app.forecasting.model.features import FEATURES, Index, LandmarkFacts, Landmarks, Rows, rows_of
from app.forecasting.model.history import late_bin
from app.forecasting.model.interface import TREES_MAX, Ledger
from app.forecasting.model.trees import Trees, kept_chance

TREES_MIN, LEAVES_MIN = 20, 15
LEAVES_MAX = 31
TREES_RATE = 9.0
"""Product of trees and learning rate: fewer trees learn in larger steps."""
RATE_MAX = 0.25
EVENTS_PER_TREE = 40
ROWS_PER_EVENT = 12
"""Day rows for each payment, beyond which more rows teach next to nothing."""
ROWS_MIN = 6_000
SPLIT_FEATURES = 0.4
"""Share of the features that each split may choose from."""
EVENTS_MIN = 60
"""Payments below which boosting would only learn noise."""
CHUNK_ROWS = 60_000
"""Rows whose features are held in memory at once."""
WORKERS = min(os.cpu_count() or 1, 4)
"""Threads over blocks of rows."""
ROW_DAYS_MAX = 120
"""Days after a landmark that give rows."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Day rows: `weight` is how many rows each stands for."""

    landmark: Index
    day: Index
    event: NDArray[np.int8]
    weight: NDArray[np.float64]
    slack: float


def training_landmarks(ledger: Ledger, cutoff: int, rng: np.random.Generator, items_max: int) -> Landmarks:
    """The day before issue of each item, and one later day while it was open (sampled)."""
    usable = np.flatnonzero(ledger.issued <= cutoff)
    if len(usable) > items_max:
        usable = rng.choice(usable, items_max, replace=False)
    ended = np.minimum(np.minimum(ledger.paid[usable], ledger.closed[usable]), cutoff)
    life = np.maximum(ended - ledger.issued[usable], 0)
    later = ledger.issued[usable] + (rng.random(len(usable)) * life).astype(np.int32)
    keep = (life > 0) & (later < cutoff)
    seen = np.concatenate([ledger.issued[usable] - 1, later[keep]]).astype(np.int32)
    return Landmarks(np.concatenate([usable, usable[keep]]).astype(np.int64), seen, seen)


def training_rows(
    ledger: Ledger,
    landmarks: Landmarks,
    facts: LandmarkFacts,
    cutoff: int,
    rng: np.random.Generator,
    rows_max: int,
) -> TrainingRows:
    """The rows to learn from: all events, and other days by the odds that the account's history gives them."""
    item = landmarks.item
    paid = np.maximum(ledger.paid[item], ledger.issued[item])
    ended = np.minimum(np.minimum(paid, ledger.closed[item]), cutoff).astype(np.int64)
    seen = landmarks.seen.astype(np.int64)
    last = np.minimum(ended, seen + ROW_DAYS_MAX)
    is_event = (paid <= cutoff) & (paid <= ledger.closed[item]) & (paid <= last) & (paid > seen)
    days = np.maximum(last - seen, 0) - is_event
    total, events = int(days.sum()), int(is_event.sum())
    lines = np.repeat(np.arange(len(item)), days)
    offset = np.arange(total) - np.repeat(np.cumsum(days) - days, days)
    day = seen[lines] + 1 + offset
    odds = facts.hazard_recent[facts.state[lines], late_bin(day - facts.due[lines])]
    wanted = min(rows_max, max(ROWS_PER_EVENT * events, ROWS_MIN))
    slack = slack_for(odds, max(wanted - events, events))
    chance = np.exp(kept_chance(slack, odds))
    keep = rng.random(total) < chance
    event_lines = np.flatnonzero(is_event)
    return TrainingRows(
        np.concatenate([lines[keep], event_lines]),
        np.concatenate([day[keep], paid[event_lines]]),
        np.concatenate([np.zeros(int(keep.sum()), np.int8), np.ones(len(event_lines), np.int8)]),
        np.concatenate([1 / chance[keep], np.ones(len(event_lines))]),
        slack,
    )


def slack_for(odds: Rows, wanted: int) -> float:
    """The slack with which about `wanted` rows are kept."""
    low, high = -12.0, 12.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if np.exp(kept_chance(middle, odds)).sum() > wanted else (middle, high)
    return low


def learn_hazard(
    facts: LandmarkFacts, calendar: DayCalendar, rows: TrainingRows, seed: int, trees_max: int = TREES_MAX
) -> Trees:
    """Boosted trees on day rows; the account's history alone where there is too little to learn from."""
    event = rows.event
    events = int(event.sum())
    if events < EVENTS_MIN or events == len(event):
        return Trees.none(len(FEATURES))
    matrix = rows_of(facts, calendar, rows.landmark, rows.day)
    matrix[:, np.isnan(matrix).all(axis=0)] = 0  # a column without any value cannot be binned
    trees = int(np.clip(events // EVENTS_PER_TREE, min(TREES_MIN, trees_max), trees_max))
    booster = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=min(TREES_RATE / trees, RATE_MAX),
        max_leaf_nodes=LEAVES_MAX if trees == TREES_MAX else LEAVES_MIN,
        max_features=SPLIT_FEATURES,
        min_samples_leaf=int(np.clip(len(event) // 500, 20, 200)),
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )
    # One thread: on a busy machine the threads wait for each other at every node of every tree.
    with threadpool_limits(1, "openmp"):
        booster.fit(matrix, event)
    return Trees.of(booster, rows.slack)


def hazards(
    trees: Trees, facts: LandmarkFacts, calendar: DayCalendar, start: Index, width: Index, days: int
) -> NDArray[np.float32]:
    """(landmarks, days): hazard on the days `start … start + width - 1` of each; zero after them."""
    result = np.zeros((len(start), days), np.float32)
    ends = np.cumsum(width)

    def block(bounds: tuple[int, int]) -> None:
        place, stop = bounds
        lines = np.repeat(np.arange(place, stop), width[place:stop])
        before = ends[place:stop] - width[place:stop]
        offset = np.arange(len(lines)) - np.repeat(before - before[0], width[place:stop])
        result[lines, offset] = trees.probability(rows_of(facts, calendar, lines, start[lines] + offset))

    blocks = []
    place = 0
    while place < len(start):
        done = int(ends[place - 1]) if place else 0
        stop = max(int(np.searchsorted(ends, done + CHUNK_ROWS, "right")), place + 1)
        blocks.append((place, stop))
        place = stop
    if len(blocks) == 1:  # starting threads costs more than a small block
        block(blocks[0])
        return result
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(block, blocks))
    return result
