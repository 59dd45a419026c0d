"""XGBoost's own description of a booster as plain trees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from foretable.forms.form import Link, Tree

LINKS: Mapping[str, Link] = {
    "binary:logistic": "sigmoid",
    "multi:softprob": "softmax",
    "reg:squarederror": "identity",
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
}
"""What makes an answer of the sum of the leaves; other objectives are not converted."""


def learner_of(booster: Any) -> Mapping[str, Any]:
    """The part ``learner`` of XGBoost's JSON."""
    learner: Mapping[str, Any] = json.loads(bytes(booster.save_raw("json")))["learner"]
    return learner


def base_of(learner: Mapping[str, Any]) -> np.ndarray:
    """What the trees add to, per output.

    XGBoost keeps it on the scale of the answer (a probability, a count), in brackets since 3.1; of several classes as it is.
    """
    parameters = learner["learner_model_param"]
    score = np.array(parameters["base_score"].strip("[]").split(","), dtype=np.float32)
    link = LINKS[learner["objective"]["name"]]
    if link == "sigmoid":
        score = np.log(score / (1 - score))
    elif link == "exp":
        score = np.log(score)
    outputs = max(1, int(parameters["num_class"]))
    return np.broadcast_to(score.astype(np.float64), (outputs,)).copy()


def trees_of(learner: Mapping[str, Any]) -> tuple[Tree, ...]:
    """The trees in order; with several classes each adds to that of its own."""
    model = learner["gradient_booster"]["model"]
    return tuple(_tree(tree, target) for tree, target in zip(model["trees"], model["tree_info"], strict=True))


def _tree(tree: Mapping[str, Any], target: int) -> Tree:
    left = np.array(tree["left_children"], dtype=np.int64)
    leaf = left == -1
    value = np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        column=np.where(leaf, -1, np.array(tree["split_indices"], dtype=np.int64)),
        threshold=np.where(leaf, np.float32(0), value),
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        missing_left=np.array(tree["default_left"], dtype=bool) & ~leaf,
        value=np.where(leaf, value, np.float32(0))[:, None],
        cover=np.array(tree["sum_hessian"], dtype=np.float64),
        targets=(target,),
    )
