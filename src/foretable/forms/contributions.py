"""What each feature adds to a raw output of a row, quickly: exact for linear forms, by the path taken for trees.

Each branch on a row's way moves the expected value, and the feature that it asks for is given the difference
(Saabas 2014, "Interpreting random forests"; XGBoost's ``approx_contribs``). The contributions sum to the raw output,
but a feature asked for near the root is given less than its Shapley value; ``foretable.forms.shapley`` has that one.

Of a linear form, a number adds its weight times its deviation from the training mean, a NULL what it is filled with and
the weight of the gap, a category the weight of its slot: the base is a row of means without any of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from foretable.forms.evaluate import columns_of, filled, leaves_of, raw, slots
from foretable.forms.form import Form, Linear, Tree, Trees
from foretable.forms.graph import finished
from foretable.forms.linear_graph import level_table, linear_raw
from foretable.forms.paths import by_depth, expected
from foretable.forms.trees_graph import ensemble


def contributions(form: Form, matrix: np.ndarray) -> np.ndarray:
    """Contributions of every feature to the raw output, by the reference.

    Parameters
    ----------
    form
        A fitted model.
    matrix
        Encoded rows, shape (rows, features).

    Returns
    -------
    numpy.ndarray
        float64, shape (rows, features + 1): what each feature adds, and last the base, what a row is expected to
        give before anything is known of it. They sum to the raw output; of several, to that of the most probable class.
    """
    with np.errstate(invalid="ignore"):
        return _linear(form, matrix) if isinstance(form, Linear) else _trees(form, matrix)


def chosen(form: Form, matrix: np.ndarray) -> np.ndarray:
    """The output that is explained: the most probable class of each row, the first of equals."""
    outputs: np.ndarray = np.argmax(raw(form, matrix).reshape(len(matrix), form.outputs), axis=1)
    return outputs


def _linear(form: Linear, matrix: np.ndarray) -> np.ndarray:
    output = chosen(form, matrix)
    given = np.empty((len(matrix), matrix.shape[1] + 1))
    given[:, :-1] = filled(form, matrix) * form.per_unit[output] + np.isnan(matrix) * form.per_gap[output]
    given[:, -1] = form.offset[output]
    for feature, weights in form.per_level.items():
        given[:, feature] += weights[output, slots(matrix[:, feature])]
    return given


def _trees(form: Trees, matrix: np.ndarray) -> np.ndarray:
    columns, output = columns_of(form, matrix), chosen(form, matrix)
    given = np.zeros((len(matrix), matrix.shape[1] + 1))
    given[:, -1] = expected_base(form)[output]
    for tree in form.trees:
        leaves = leaves_of(tree, columns, strict=form.strict)
        features, added = path_values(form, tree)
        for position, target in enumerate(tree.targets):
            rows = np.flatnonzero(output == target)
            given[rows[:, None], features] += added[leaves[rows], :, position]
    return given


def expected_base(form: Trees) -> np.ndarray:
    """What the trees give on average over their training rows, shape (outputs,)."""
    base = form.base.astype(np.float64)
    for tree in form.trees:
        base[list(tree.targets)] += expected(tree)[0]
    return base


def path_values(form: Trees, tree: Tree) -> tuple[list[int], np.ndarray]:
    """The features that a tree asks for, and what the way to each node gave them, shape (nodes, features, targets)."""
    means = expected(tree)
    asked = np.array([column.feature for column in form.columns])[tree.column]
    features = sorted(set(asked[tree.column >= 0].tolist()))
    given = np.zeros((len(means), len(features), means.shape[1]))
    for nodes in by_depth(tree):
        branches = nodes[tree.column[nodes] >= 0]
        place = np.searchsorted(features, asked[branches])
        for children in (tree.left[branches], tree.right[branches]):
            given[children] = given[branches]
            given[children, place] += means[children] - means[branches]
    return features, given


def contribution_graph(form: Form, width: int) -> bytes:
    """``contributions`` as an ONNX graph.

    Parameters
    ----------
    form
        A fitted model.
    width
        Number of features of the signature.

    Returns
    -------
    bytes
        A model with the input ``x`` as that of ``onnx_of`` and the output ``y`` [N, width + 1] float64.
    """
    from onnx import TensorProto

    if isinstance(form, Linear):
        return finished(*_linear_nodes(form, width), TensorProto.DOUBLE, width, width + 1)
    return finished(*_trees_nodes(form, width), TensorProto.FLOAT, width, width + 1)


def _linear_nodes(form: Linear, width: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    from onnx import TensorProto, helper

    nodes, constants = linear_raw(form)
    constants |= {"unit_of": form.per_unit, "gap_of": form.per_gap, "base_of": form.offset[:, None]}
    nodes += [
        helper.make_node("ArgMax", ["raw"], ["output"], axis=1, keepdims=0),
        helper.make_node("Gather", ["unit_of", "output"], ["row_units"], axis=0),
        helper.make_node("Mul", ["filled", "row_units"], ["unit_shares"]),
        helper.make_node("Cast", ["is_null"], ["is_gap"], to=TensorProto.DOUBLE),
        helper.make_node("Gather", ["gap_of", "output"], ["row_gaps"], axis=0),
        helper.make_node("Mul", ["is_gap", "row_gaps"], ["gap_shares"]),
        helper.make_node("Gather", ["base_of", "output"], ["base"], axis=0),
    ]
    shares = ["unit_shares", "gap_shares"]
    if form.per_level:
        more, found = _level_shares(form, width)
        nodes += more
        constants |= found
        shares.append("level_shares")
    nodes += [helper.make_node("Sum", shares, ["shares"]), helper.make_node("Concat", ["shares", "base"], ["y"], axis=1)]
    return nodes, constants


def _level_shares(form: Linear, width: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``slots`` and ``output`` to ``level_shares`` [N, width]: each category's weight, where its feature stands."""
    from onnx import helper

    constants = {
        "weight_of": level_table(form).ravel(),
        "outputs": np.array(form.outputs, dtype=np.int64),
        "second": np.array([1], dtype=np.int64),
        "place": np.eye(width)[sorted(form.per_level)],
    }
    nodes = [
        helper.make_node("Mul", ["slots", "outputs"], ["slot_starts"]),
        helper.make_node("Unsqueeze", ["output", "second"], ["output_column"]),
        helper.make_node("Add", ["slot_starts", "output_column"], ["weight_slots"]),
        helper.make_node("Gather", ["weight_of", "weight_slots"], ["row_weights"], axis=0),
        helper.make_node("MatMul", ["row_weights", "place"], ["level_shares"]),
    ]
    return nodes, constants


def _trees_nodes(form: Trees, width: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """One ensemble with a target for each output and feature; of several outputs also the leaves, to find the most probable class.

    Those are the sums of ``onnx_of`` to the last bit, so that the class explained is the class predicted.
    """
    from onnx import helper

    outputs, block = form.outputs, width + 1
    weights = []
    for tree in form.trees:
        features, added = path_values(form, tree)
        own = np.array(tree.targets)
        targets = np.add.outer(np.array(features, dtype=np.int64), own * block).ravel()
        # A tree of one leaf asks for no feature; the base's place takes its nothing.
        extra, also = (outputs * block + own, tree.value) if outputs > 1 else (np.array([width]), np.zeros((len(added), 1)))
        targets, values = np.concatenate([targets, extra]), np.concatenate([added.reshape(len(added), -1), also], axis=1)
        weights.append((targets, values))
    nodes, constants = ensemble(form, width, weights, outputs * block + (outputs if outputs > 1 else 0))
    bases = np.zeros((outputs, block))
    bases[:, -1] = expected_base(form)
    constants["bases"] = bases
    if outputs == 1:
        return [*nodes, helper.make_node("Add", ["leaves", "bases"], ["y"])], constants
    more, found = _chosen_shares(form, block)
    return [*nodes, *more], constants | found


def _chosen_shares(form: Trees, block: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    from onnx import helper

    outputs = form.outputs
    constants = {
        "base": form.base.astype(np.float64)[None, :],
        "parts": np.array([outputs * block, outputs], dtype=np.int64),
        "by_output": np.array([-1, outputs, block], dtype=np.int64),
        "second": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Split", ["leaves", "parts"], ["all_shares", "sums"], axis=1),
        helper.make_node("Add", ["sums", "base"], ["raw"]),
        helper.make_node("ArgMax", ["raw"], ["output"], axis=1, keepdims=0),
        helper.make_node("Reshape", ["all_shares", "by_output"], ["shares_by_output"]),
        helper.make_node("Unsqueeze", ["output", "second"], ["output_column"]),
        helper.make_node("GatherND", ["shares_by_output", "output_column"], ["shares"], batch_dims=1),
        helper.make_node("Gather", ["bases", "output"], ["row_bases"], axis=0),
        helper.make_node("Add", ["shares", "row_bases"], ["y"]),
    ]
    return nodes, constants
