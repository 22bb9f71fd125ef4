"""Boosted trees as plain arrays: learnt by scikit-learn, kept without pickle, evaluated by its compiled code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from app.forecasting.model.features import FEATURES
from app.forecasting.model.interface import Shares

_NO_CATEGORIES: NDArray[np.uint32] = np.zeros((0, 8), np.uint32)

OFFSET = FEATURES.index("hazard_late_recent")
FAR = -50.0


def kept_chance(slack: float, offset: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of min(1, exp(slack) · odds), for log odds `offset`."""
    chance: NDArray[np.float64] = np.minimum(slack + offset.astype(np.float64), 0.0)
    return chance


@dataclass(frozen=True, slots=True)
class Trees:
    """Log odds = `intercept` + what the sampling left out + the sum of the trees.

    Rows without an event were kept with a chance in proportion to the odds that the account's own history gives the
    day (`OFFSET`), at most 1. So the trees learn the correction of that history and not the whole hazard: where
    there was nothing to learn from, the history stands.
    """

    nodes: NDArray[Any]
    """All nodes, tree after tree, in scikit-learn's record layout."""
    ends: NDArray[np.int64]
    """End of each tree in `nodes`."""
    intercept: float
    slack: float
    """Logarithm of the chance of keeping a row of even odds."""
    features: int

    @classmethod
    def of(cls, fitted: HistGradientBoostingClassifier, slack: float) -> Trees:
        """The arrays of a fitted binary classifier without categories."""
        nodes = [stage[0].nodes for stage in fitted._predictors]
        return cls(
            np.concatenate(nodes),
            np.cumsum([len(tree) for tree in nodes]).astype(np.int64),
            float(fitted._baseline_prediction.ravel()[0]),
            slack,
            int(fitted.n_features_in_),
        )

    @classmethod
    def none(cls, features: int) -> Trees:
        """A model that repeats the account's history."""
        return cls(np.zeros(0, PREDICTOR_RECORD_DTYPE), np.zeros(0, np.int64), -FAR, FAR, features)

    def chance(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logarithm of the chance that a row without an event was kept."""
        return kept_chance(self.slack, rows[:, OFFSET])

    def probability(self, rows: NDArray[np.float32]) -> Shares:
        """The hazard of each row. Runs without the interpreter's lock: callers use threads over blocks of rows."""
        matrix = np.ascontiguousarray(rows, np.float64)
        total = self.intercept + self.chance(rows)
        index_map = np.zeros(self.features, np.uint32)
        start = 0
        for end in self.ends:
            tree = TreePredictor(self.nodes[start:end], _NO_CATEGORIES, _NO_CATEGORIES)
            total += tree.predict(matrix, _NO_CATEGORIES, index_map, 1)
            start = int(end)
        hazard: Shares = (1 / (1 + np.exp(-total))).astype(np.float32)
        return hazard

    def checked(self) -> Trees:
        """Itself; ValueError when the arrays could not be a forest of this program (they may come from outside)."""
        if self.nodes.dtype != PREDICTOR_RECORD_DTYPE:
            raise ValueError("the trees were written by another release of scikit-learn")
        start = 0
        for end in self.ends:
            tree = self.nodes[start : int(end)]
            inner = tree[tree["is_leaf"] == 0]
            children = np.concatenate([inner["left"], inner["right"]])
            if (
                not len(tree)
                or (children >= len(tree)).any()
                or (children == 0).any()
                or (inner["feature_idx"] < 0).any()
                or (inner["feature_idx"] >= self.features).any()
                or inner["is_categorical"].any()
                # Children stand after their parent, so that no walk can go round.
                or (np.minimum(inner["left"], inner["right"]) <= np.flatnonzero(tree["is_leaf"] == 0)).any()
            ):
                raise ValueError("the trees are damaged")
            start = int(end)
        if start != len(self.nodes):
            raise ValueError("the trees are damaged")
        return self
