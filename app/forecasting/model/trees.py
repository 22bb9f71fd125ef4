"""Boosted trees as plain arrays: learnt by scikit-learn, kept without pickle, evaluated by its compiled code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from app.forecasting.model.interface import Shares

_NO_CATEGORIES: NDArray[np.uint32] = np.zeros((0, 8), np.uint32)


@dataclass(frozen=True, slots=True)
class Trees:
    """Log odds = `intercept` + the sum of the trees. Without a tree it is the constant."""

    nodes: NDArray[Any]
    """All nodes, tree after tree, in scikit-learn's record layout."""
    ends: NDArray[np.int64]
    """End of each tree in `nodes`."""
    intercept: float
    features: int

    @classmethod
    def of(cls, fitted: HistGradientBoostingClassifier) -> Trees:
        """The arrays of a fitted binary classifier without categories."""
        nodes = [stage[0].nodes for stage in fitted._predictors]
        return cls(
            np.concatenate(nodes),
            np.cumsum([len(tree) for tree in nodes]).astype(np.int64),
            float(fitted._baseline_prediction.ravel()[0]),
            int(fitted.n_features_in_),
        )

    @classmethod
    def constant(cls, log_odds: float, features: int) -> Trees:
        """A model that says the same of every row."""
        return cls(np.zeros(0, PREDICTOR_RECORD_DTYPE), np.zeros(0, np.int64), log_odds, features)

    def probability(self, rows: NDArray[np.float32]) -> Shares:
        """The hazard of each row. Runs without the interpreter's lock: callers use threads over blocks of rows."""
        matrix = np.ascontiguousarray(rows, np.float64)
        total = np.full(len(rows), self.intercept)
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
