"""XGBoost's own evaluator as a host: its trees from its own format, one thread per call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from foretable.errors import WarehouseError
from foretable.forms.evaluate import apply_finish, columns_of
from foretable.forms.form import Tree, Trees
from foretable.forms.store import from_bytes
from foretable.registry.signature import Signature, encode
from foretable.udf.host import Answer, Columns
from foretable.udf.ubjson import read_ubjson


def booster_answer(signature: Signature, form: bytes, booster: bytes) -> Answer:
    """A booster with the columns and the finish of the version's form.

    Parameters
    ----------
    signature
        What the matrix is filled from.
    form
        The stored form: how encoded rows become the booster's columns, and its margins the answer.
    booster
        XGBoost's bytes, UBJSON.

    Raises
    ------
    WarehouseError
        It is no booster of trees, or not the one of this form.
    """
    plain = from_bytes(form, signature.features)
    if not isinstance(plain, Trees):
        raise _refused("the version is a linear model")
    model = open_booster(booster, plain)
    as_it_is = all(column.table is None and column.feature == at for at, column in enumerate(plain.columns))
    direct = as_it_is and len(plain.columns) == len(signature.features)

    def answer(columns: Columns) -> np.ndarray:
        matrix = encode(columns, signature.features, np.float32)
        if not direct:
            matrix = columns_of(plain, matrix)
        margins = model.inplace_predict(matrix, predict_type="margin", validate_features=False)
        return apply_finish(plain.finish, margins.astype(np.float64))

    return answer


def open_booster(content: bytes, form: Trees) -> Any:
    """XGBoost with one thread.

    XGBoost trusts what it reads, and a broken file ends the process: so every tree is held against the form first.

    Raises
    ------
    WarehouseError
        The bytes are no booster of trees, or its columns, trees or outputs are not those of the form.
    """
    try:
        learner = read_ubjson(content)["learner"]
        _check(learner, form)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise _refused(f"its bytes are not as XGBoost writes them ({error})") from error
    import xgboost

    model = xgboost.Booster()
    try:
        model.load_model(bytearray(content))
        model.set_param({"nthread": 1})
    except xgboost.core.XGBoostError as error:
        raise _refused("XGBoost cannot read it") from error
    return model


def _check(learner: Mapping[str, Any], form: Trees) -> None:
    booster, parameters = learner["gradient_booster"], learner["learner_model_param"]
    if booster["name"] != "gbtree":
        raise _refused(f"it is {booster['name']}, not plain trees")
    model = booster["model"]
    outputs = max(1, int(parameters["num_class"])) * max(1, int(parameters["num_target"]))
    found = int(parameters["num_feature"]), len(model["trees"]), outputs
    expected = len(form.columns), len(form.trees), form.outputs
    if found != expected:
        words = "{} columns, {} trees and {} outputs"
        raise _refused(f"it has {words.format(*found)}, the version {words.format(*expected)}")
    if [int(target) for target in model["tree_info"]] != [tree.targets[0] for tree in form.trees]:
        raise _refused("its trees add to other classes than those of the version")
    counts = int(model["gbtree_model_param"]["num_trees"]), int(np.asarray(model["iteration_indptr"])[-1])
    if counts != (len(form.trees),) * 2 or not all(_is_same(given, tree) for given, tree in zip(model["trees"], form.trees, strict=True)):
        raise _refused("its trees are not those of the version")


def _is_same(given: Mapping[str, Any], tree: Tree) -> bool:
    """Whether a tree of the booster is one of the form, node by node."""
    leaf = tree.column < 0
    if any(len(given[name]) != len(leaf) for name in _BY_NODE) or int(given["tree_param"]["num_nodes"]) != len(leaf):
        return False
    if any(len(given[name]) for name in _OF_CATEGORIES) or np.any(given["split_type"]):
        return False
    values = np.where(leaf, tree.value[:, 0], tree.threshold)
    everywhere = ((given["left_children"], tree.left), (given["split_conditions"], values))
    at_branches = (
        (given["right_children"], tree.right),
        (given["split_indices"], tree.column),
        (np.asarray(given["default_left"], dtype=bool), tree.missing_left),
    )
    return all(np.array_equal(theirs, ours) for theirs, ours in everywhere) and all(
        np.array_equal(np.asarray(theirs)[~leaf], ours[~leaf]) for theirs, ours in at_branches
    )


_BY_NODE = (
    *("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children"),
    *("split_conditions", "split_indices", "split_type", "sum_hessian"),
)
_OF_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def _refused(what: str) -> WarehouseError:
    return WarehouseError(
        f"the booster is refused: {what}",
        where="foretable.model_artifacts",
        hint="bring back a copy with: foretable restore BACKUP, or train again",
    )
