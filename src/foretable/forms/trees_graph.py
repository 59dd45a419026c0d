"""The raw outputs of trees, in ONNX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foretable.forms.form import FIRST_SLOT, NULL_SLOT, Tree, Trees
from foretable.forms.paths import top_down


def trees_raw(form: Trees, width: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` [N, width] float32 to ``raw`` [N, outputs] float64.

    The base is added in float64, so that leaves far smaller than it keep their digits.
    """
    from onnx import helper

    weights = [{target: tree.value[:, i] for i, target in enumerate(tree.targets)} for tree in form.trees]
    nodes, constants = ensemble(form, width, weights, form.outputs)
    constants["base"] = form.base.astype(np.float64)[None, :]
    nodes.append(helper.make_node("Add", ["leaves", "base"], ["raw"]))
    return nodes, constants


def ensemble(form: Trees, width: int, weights: Sequence[Mapping[int, np.ndarray]], targets: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` to ``leaves`` [N, targets] float64: the sums of what the leaves give.

    They are added in float64, as thresholds and values of that type make ONNX Runtime do for 4% of its speed:
    in float32 the sum of a forest is several units of its last digit off. They leave the node rounded to float32.

    Parameters
    ----------
    form
        The trees.
    width
        Number of features of the signature.
    weights
        For each tree, what each of its nodes adds to a target where it is the leaf.
    targets
        Number of sums.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, source, position = _columns(form, width)
    branches: dict[str, list[Any]] = {name: [] for name in _BRANCH}
    leaves: dict[str, list[Any]] = {name: [] for name in _LEAF}
    mode = "BRANCH_LT" if form.strict else "BRANCH_LEQ"
    pairs = list(zip(form.trees, weights, strict=True)) or [(_NOTHING, {})]
    for number, (tree, weight) in enumerate(pairs):
        _add_tree(number, tree, position, mode, branches)
        _add_leaves(number, tree, weight, leaves)
    attributes: dict[str, Any] = {f"nodes_{name}": values for name, values in branches.items()}
    attributes |= {f"target_{name}": values for name, values in leaves.items()}
    for name in _FLOATS:
        attributes[f"{name}_as_tensor"] = numpy_helper.from_array(np.array(attributes.pop(name), dtype=np.float64), name)
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
_BRANCH = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
_FLOATS = ("nodes_values", "target_weights")
_LEAF = ("treeids", "nodeids", "ids", "weights")


def _add_tree(number: int, tree: Tree, position: Mapping[int, int], mode: str, branches: dict[str, list[Any]]) -> None:
    nodes = top_down(tree)
    branch = tree.column[nodes] >= 0
    branches["treeids"] += [number] * len(nodes)
    branches["nodeids"] += nodes.tolist()
    branches["featureids"] += [position.get(column, 0) for column in tree.column[nodes].tolist()]
    branches["modes"] += [mode if is_branch else "LEAF" for is_branch in branch.tolist()]
    for name, values in (
        ("values", tree.threshold.astype(np.float64)),
        ("truenodeids", tree.left),
        ("falsenodeids", tree.right),
        ("missing_value_tracks_true", tree.missing_left.astype(np.int64)),
    ):
        branches[name] += np.where(branch, values[nodes], 0).tolist()


def _add_leaves(number: int, tree: Tree, weights: Mapping[int, np.ndarray], leaves: dict[str, list[Any]]) -> None:
    """A leaf that adds nothing to a target is not listed for it; one must be for each leaf."""
    for node in top_down(tree).tolist():
        if tree.column[node] >= 0:
            continue
        given = {target: float(values[node]) for target, values in weights.items() if values[node]} or {0: 0.0}
        for target, value in given.items():
            leaves["treeids"].append(number)
            leaves["nodeids"].append(node)
            leaves["ids"].append(target)
            leaves["weights"].append(value)


def _columns(form: Trees, width: int) -> tuple[list[Any], dict[str, np.ndarray], str, dict[int, int]]:
    """The columns that some tree reads: nodes, constants, their name, and where each stands.

    Categories are spread ahead of the trees; equality nodes inside them are wrong for NaN in ONNX Runtime.
    All columns of one category are one row of its table.
    """
    from onnx import helper

    used = sorted({int(column) for tree in form.trees for column in tree.column if column >= 0})
    plain = [c for c in used if form.columns[c].table is None]
    spread: dict[int, list[int]] = defaultdict(list)
    for c in used:
        if form.columns[c].table is not None:
            spread[form.columns[c].feature].append(c)
    if not spread:
        return [], {}, "x", {c: form.columns[c].feature for c in plain}
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
    return nodes, constants, "columns", {c: at for at, c in enumerate(order)}


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
