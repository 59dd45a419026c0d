"""XGBoost's trees as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from foretable.train.linear_onnx import finished
from foretable.train.spread import Spread, indicators


def tree_graph(learner: Mapping[str, Any], spread: Spread, width: int, slope: float, offset: float) -> bytes:
    """``x`` [N, width] float32 → ``y`` [N, 1] float32.

    A regressor node that sums the leaves, then Sigmoid: faster than the classifier node. Categories are
    spread to indicators ahead of it; equality nodes inside the trees are wrong for NaN in ONNX Runtime.

    Parameters
    ----------
    learner
        The part ``learner`` of XGBoost's JSON.
    spread
        The columns that the trees were fitted to.
    width
        Number of features of the signature.
    slope, offset
        The probability is taken at the logit ``slope · margin + offset``.
    """
    from onnx import TensorProto, helper

    constants: dict[str, np.ndarray] = {}
    nodes: list[Any] = []
    columns = "x"
    if spread.levels:
        nodes, constants = indicators(spread)
        columns = "columns"
    nodes.append(_ensemble(learner, columns))
    logit = "margin"
    if (slope, offset) != (1.0, 0.0):
        constants |= {"slope": np.array([[slope]], dtype=np.float32), "offset": np.array([[offset]], dtype=np.float32)}
        nodes += [
            helper.make_node("Mul", ["margin", "slope"], ["sloped"]),
            helper.make_node("Add", ["sloped", "offset"], ["logit"]),
        ]
        logit = "logit"
    nodes.append(helper.make_node("Sigmoid", [logit], ["y"]))
    return finished(nodes, constants, TensorProto.FLOAT, width)


_BRANCH = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
_LEAF = ("treeids", "nodeids", "ids", "weights")


def _ensemble(learner: Mapping[str, Any], columns: str) -> Any:
    from onnx import helper

    branches: dict[str, list[Any]] = {name: [] for name in _BRANCH}
    leaves: dict[str, list[Any]] = {name: [] for name in _LEAF}
    for number, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        _add_tree(number, tree, branches, leaves)
    attributes: dict[str, Any] = {f"nodes_{name}": values for name, values in branches.items()}
    attributes |= {f"target_{name}": values for name, values in leaves.items()}
    return helper.make_node(
        "TreeEnsembleRegressor",
        [columns],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=[base_margin(learner)],
        **attributes,
    )


def _add_tree(number: int, tree: Mapping[str, Any], branches: dict[str, list[Any]], leaves: dict[str, list[Any]]) -> None:
    rows = zip(
        tree["left_children"], tree["right_children"], tree["split_indices"], tree["split_conditions"], tree["default_left"], strict=True
    )
    for node, (left, right, column, value, default_left) in enumerate(rows):
        is_leaf = left == -1
        branches["treeids"].append(number)
        branches["nodeids"].append(node)
        branches["modes"].append("LEAF" if is_leaf else "BRANCH_LT")
        branches["featureids"].append(0 if is_leaf else column)
        branches["values"].append(0.0 if is_leaf else value)
        branches["truenodeids"].append(0 if is_leaf else left)
        branches["falsenodeids"].append(0 if is_leaf else right)
        branches["missing_value_tracks_true"].append(0 if is_leaf else int(default_left))
        if is_leaf:
            leaves["treeids"].append(number)
            leaves["nodeids"].append(node)
            leaves["ids"].append(0)
            leaves["weights"].append(value)


def base_margin(learner: Mapping[str, Any]) -> float:
    """The logit that the trees add to; XGBoost keeps it as a probability, in brackets since 3.1."""
    probability = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))
    return float(np.log(probability / (1 - probability)))
