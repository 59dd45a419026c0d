"""Models of plain numbers as fitted scikit-learn estimators, in the environments of rivals too: NumPy and scikit-learn are all it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def logistic(coefficients: Sequence[float], intercept: float, mean: Sequence[float] = (), scale: Sequence[float] = ()) -> Pipeline:
    """A logistic regression, with a scaler in front where a mean and a scale are given."""
    model = LogisticRegression()
    model.coef_, model.intercept_ = np.array([coefficients]), np.array([intercept])
    model.classes_, model.n_features_in_ = np.array([0, 1]), len(coefficients)
    if not len(mean):
        return Pipeline([("model", model)])
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.n_features_in_ = np.array(mean), np.array(scale), len(mean)
    scaler.var_, scaler.n_samples_seen_ = scaler.scale_**2, 1
    return Pipeline([("scaler", scaler), ("model", model)])


def forest(trees: Sequence[Mapping[str, list[Any]]], base: float, width: int) -> Pipeline:
    """XGBoost's trees as scikit-learn's gradient boosting: ``x <= t`` is asked there, so ``t`` is the float32 below."""
    model = GradientBoostingClassifier(n_estimators=len(trees), init="zero", learning_rate=1.0, max_depth=1)
    few = np.random.default_rng(0).normal(size=(10, width))
    model.fit(few, np.arange(10) % 2)
    for at, tree in enumerate(trees):
        nodes = len(tree["left"])
        inner = model.estimators_[at, 0].tree_
        made = type(inner)(width, np.array([1], dtype=np.intp), 1)
        state = inner.__getstate__()
        table = np.zeros(nodes, dtype=state["nodes"].dtype)
        leaf = np.array(tree["left"]) < 0
        table["left_child"], table["right_child"] = tree["left"], np.where(leaf, -1, tree["right"])
        table["feature"] = np.where(leaf, -2, tree["column"])
        below = np.nextafter(np.array(tree["threshold"], dtype=np.float32), np.float32(-np.inf))
        table["threshold"] = np.where(leaf, -2.0, below.astype(np.float64))
        table["n_node_samples"] = table["weighted_n_node_samples"] = 1
        values = np.array(tree["value"], dtype=np.float64).reshape(nodes, 1, 1)
        if at == 0:
            values[leaf] += base
        made.__setstate__({"max_depth": 64, "node_count": nodes, "nodes": table, "values": values})
        model.estimators_[at, 0].tree_ = made
    return Pipeline([("model", model)])
