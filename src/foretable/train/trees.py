"""XGBoost's trees, in float32 as XGBoost itself compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretable.registry.signature import Feature
from foretable.train.spread import Spread, spread_of
from foretable.train.trees_onnx import tree_graph

DEFAULTS: Mapping[str, Any] = {
    "n_estimators": 200,
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "gamma": 0.0,
    "reg_alpha": 0.0,
    "reg_lambda": 1.0,
    "max_delta_step": 0.0,
    "max_bin": 256,
}
THREADS = 1
"""Sums of gradients depend on how rows are shared out among threads; and threads that wait for a busy
processor burned 14 times the CPU of one (100 trees on 30,000 rows: 9.5 s against 0.7 s)."""


@dataclass(frozen=True, eq=False)
class TreeFit:
    """A fitted booster."""

    features: tuple[Feature, ...]
    spread: Spread
    booster: Any

    def margin(self, matrix: np.ndarray) -> np.ndarray:
        """The logit of each encoded row, by XGBoost."""
        margins: np.ndarray = self.booster.inplace_predict(self.spread.columns(matrix), predict_type="margin")
        return margins.astype(np.float64)

    def export(self, slope: float, offset: float) -> bytes:
        """ONNX that gives the probability at the logit ``slope · margin + offset``."""
        learner = json.loads(bytes(self.booster.save_raw("json")))["learner"]
        return tree_graph(learner, self.spread, len(self.features), slope, offset)


def fit_trees(
    matrix: np.ndarray,
    outcome: np.ndarray,
    weights: np.ndarray,
    features: Sequence[Feature],
    parameters: Mapping[str, Any],
    seed: int,
) -> TreeFit:
    """Fit gradient-boosted trees to encoded rows."""
    import xgboost

    settings = {**DEFAULTS, **parameters}
    rounds = settings.pop("n_estimators")
    spread = spread_of(features)
    data = xgboost.QuantileDMatrix(spread.columns(matrix), outcome, weight=weights, nthread=THREADS, max_bin=settings["max_bin"])
    fixed = {"objective": "binary:logistic", "tree_method": "hist", "nthread": THREADS, "seed": seed, "verbosity": 0}
    return TreeFit(tuple(features), spread, xgboost.train({**settings, **fixed}, data, rounds))
