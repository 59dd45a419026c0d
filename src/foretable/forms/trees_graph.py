"""The raw outputs of trees, in ONNX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from foretable.forms.form import FIRST_SLOT, NULL_SLOT, Tree, Trees
from foretable.forms.paths import top_down

Weights = tuple[np.ndarray, np.ndarray]
"""What a node adds where it is the leaf: the targets, and for each of them a value per node, shape (nodes, targets)."""


def trees_raw(form: Trees, width: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` [N, width] float32 to ``raw`` [N, outputs] float64.

    The base is added in float64, so that leaves far smaller than it keep their digits.
    """
    from onnx import helper

    weights = [(np.array(tree.targets), tree.value) for tree in form.trees]
    nodes, constants = ensemble(form, width, weights, form.outputs)
    constants["base"] = form.base.astype(np.float64)[None, :]
    nodes.append(helper.make_node("Add", ["leaves", "base"], ["raw"]))
    return nodes, constants


def ensemble(form: Trees, width: int, weights: Sequence[Weights], targets: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` to ``leaves`` [N, targets] float64: the sums of what the leaves give.

    They are added in float64, as thresholds and values of that type make ONNX Runtime do for about 5% of its speed:
    in float32 the sum of a forest is several units of its last digit off. They leave the node rounded to float32.

    Parameters
    ----------
    form
        The trees.
    width
        Number of features of the signature.
    weights
        For each tree, what its leaves add.
    targets
        Number of sums.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, source, position = _columns(form, width)
    pairs = list(zip(form.trees, weights, strict=True)) or [(_NOTHING, (np.zeros(1, dtype=np.int64), np.zeros((1, 1))))]
    mode = "BRANCH_LT" if form.strict else "BRANCH_LEQ"
    parts = [_tree(number, tree, given, position) for number, (tree, given) in enumerate(pairs)]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    attributes: dict[str, Any] = {"nodes_modes": [mode if branch else "LEAF" for branch in arrays.pop("is_branch").tolist()]}
    for name, values in arrays.items():
        if name in _FLOATS:
            attributes[f"{name}_as_tensor"] = numpy_helper.from_array(values.astype(np.float64), name)
        else:
            attributes[name] = values.tolist()
    kinds: dict[str, Any] = {"domain": "ai.onnx.ml", "n_targets": targets, "aggregate_function": "SUM", "post_transform": "NONE"}
    nodes += [
        helper.make_node("Cast", [source], ["columns_64"], to=TensorProto.DOUBLE),
        helper.make_node("TreeEnsembleRegressor", ["columns_64"], ["leaves_32"], **kinds, **attributes),
        helper.make_node("Cast", ["leaves_32"], ["leaves"], to=TensorProto.DOUBLE),
    ]
    return nodes, constants


_NOTHING = Tree(
    column=np.array([-1]),
    threshold=np.zeros(1),
    left=np.zeros(1, dtype=np.int64),
    right=np.zeros(1, dtype=np.int64),
    missing_left=np.zeros(1, dtype=bool),
    value=np.zeros((1, 1)),
    cover=np.ones(1),
)
"""An ensemble has a tree at least."""
_FLOATS = ("nodes_values", "target_weights")


def _tree(number: int, tree: Tree, given: Weights, position: np.ndarray) -> dict[str, np.ndarray]:
    """One tree's part of the attributes. A leaf is not listed for a target that it adds nothing to, but for one at least."""
    nodes = top_down(tree)
    branch = tree.column[nodes] >= 0
    leaves = nodes[~branch]
    targets, values = given
    listed = values[leaves] != 0
    listed[~listed.any(axis=1), 0] = True
    leaf, target = np.nonzero(listed)
    filled = {
        "nodes_nodeids": nodes,
        "nodes_featureids": np.where(branch, position[tree.column[nodes]], 0),
        "nodes_values": np.where(branch, tree.threshold[nodes], 0),
        "nodes_truenodeids": np.where(branch, tree.left[nodes], 0),
        "nodes_falsenodeids": np.where(branch, tree.right[nodes], 0),
        "nodes_missing_value_tracks_true": np.where(branch, tree.missing_left[nodes], False).astype(np.int64),
        "target_nodeids": leaves[leaf],
        "target_ids": targets[target],
        "target_weights": values[leaves[leaf], target],
    }
    return filled | {"is_branch": branch, "nodes_treeids": np.full(len(nodes), number), "target_treeids": np.full(len(leaf), number)}


def _columns(form: Trees, width: int) -> tuple[list[Any], dict[str, np.ndarray], str, np.ndarray]:
    """The columns that some tree reads: nodes, constants, their name, and where each stands.

    Categories are spread ahead of the trees; equality nodes inside them are wrong for NaN in ONNX Runtime.
    All columns of one category are one row of its table.
    """
    from onnx import helper

    used = sorted(set().union(*(tree.column[tree.column >= 0].tolist() for tree in form.trees)))
    plain = [c for c in used if form.columns[c].table is None]
    spread: dict[int, list[int]] = defaultdict(list)
    for c in used:
        if form.columns[c].table is not None:
            spread[form.columns[c].feature].append(c)
    if not spread:
        return [], {}, "x", np.array([column.feature for column in form.columns], dtype=np.int64)
    nodes: list[Any] = []
    constants: dict[str, np.ndarray] = {}
    parts = []
    if plain:
        constants["numeric"] = np.array([form.columns[c].feature for c in plain], dtype=np.int64)
        nodes.append(helper.make_node("Gather", ["x", "numeric"], ["numbers"], axis=1))
        parts.append("numbers")
    for feature, columns in spread.items():
        constants[f"table_{feature}"] = np.stack([np.asarray(form.columns[c].table, dtype=np.float32) for c in columns], axis=1)
        nodes += _look_up(feature)
        parts.append(f"columns_{feature}")
        constants[f"feature_{feature}"] = np.array(feature, dtype=np.int64)
    constants |= {"null_code": np.array(NULL_SLOT - FIRST_SLOT, dtype=np.float32), "first_slot": np.array(FIRST_SLOT, dtype=np.int64)}
    nodes.append(helper.make_node("Concat", parts, ["columns"], axis=1))
    order = [*plain, *(c for columns in spread.values() for c in columns)]
    position = np.zeros(len(form.columns), dtype=np.int64)
    position[order] = np.arange(len(order))
    return nodes, constants, "columns", position


def _look_up(feature: int) -> list[Any]:
    from onnx import TensorProto, helper

    return [
        helper.make_node("Gather", ["x", f"feature_{feature}"], [f"code_{feature}"], axis=1),
        helper.make_node("IsNaN", [f"code_{feature}"], [f"no_code_{feature}"]),
        helper.make_node("Where", [f"no_code_{feature}", "null_code", f"code_{feature}"], [f"known_{feature}"]),
        helper.make_node("Cast", [f"known_{feature}"], [f"integer_{feature}"], to=TensorProto.INT64),
        helper.make_node("Add", [f"integer_{feature}", "first_slot"], [f"slot_{feature}"]),
        helper.make_node("Gather", [f"table_{feature}", f"slot_{feature}"], [f"columns_{feature}"], axis=0),
    ]
