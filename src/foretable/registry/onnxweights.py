"""Whether the trees and weights of an ONNX graph fit what they read.

ONNX Runtime takes the numbers of features, nodes and weights of its machine-learning operators on trust: an index
beyond them reads other memory, a circle of nodes never ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from foretable.errors import WarehouseError

MOST_VALUES = 2**22
"""Numbers that a graph may hold per row between two operators."""
_TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
_LINEAR = ("LinearClassifier", "LinearRegressor")
_HINT = "export the model again, with every constant in the file; take none from a place that you do not trust"


def refused(what: str, hint: str = _HINT) -> WarehouseError:
    """The error of an ONNX file that is not run."""
    return WarehouseError(f"the ONNX file is refused: {what}", where="ONNX file", hint=hint)


def check_weights(model: Any) -> None:
    """Refuse trees and linear models that point beyond their input or their own nodes, and graphs that swell.

    Raises
    ------
    WarehouseError
        Some index is out of bounds, or the width of an input cannot be told.
    """
    shapes = _shapes(model)
    for name, shape in shapes.items():
        if math.prod(size for size in shape if size is not None) > MOST_VALUES and not _is_constant(model, name):
            raise refused(f"{name!r} holds more than {MOST_VALUES:,} numbers per row")
    for node in model.graph.node:
        if node.op_type not in (*_TREES, *_LINEAR):
            continue
        given = shapes.get(node.input[0], (None,))
        width = given[-1] if len(given) == 2 else None
        if width is None:
            raise refused(f"it cannot be told how many columns {node.op_type} reads")
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type in _TREES:
            _check_trees(node.op_type, attributes, width)
        else:
            _check_linear(node.op_type, attributes, width)


def _shapes(model: Any) -> dict[str, tuple[int | None, ...]]:
    """The shape of every value of known rank; a size that is not fixed is None."""
    from onnx import shape_inference

    try:
        graph = shape_inference.infer_shapes(model).graph
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise refused(f"its shapes do not fit: {str(error).strip().splitlines()[0]}") from None
    found: dict[str, tuple[int | None, ...]] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            sizes = value.type.tensor_type.shape.dim
            found[value.name] = tuple(size.dim_value if size.HasField("dim_value") else None for size in sizes)
    return found


def _is_constant(model: Any, name: str) -> bool:
    return any(tensor.name == name for tensor in model.graph.initializer) or any(
        node.op_type == "Constant" and name in node.output for node in model.graph.node
    )


def _check_linear(operator: str, attributes: Mapping[str, Any], width: int) -> None:
    coefficients, intercepts = (len(attributes[name].floats) if name in attributes else 0 for name in ("coefficients", "intercepts"))
    if operator == "LinearRegressor":
        outputs = attributes["targets"].i if "targets" in attributes else 1
    else:
        outputs = intercepts or max(1, coefficients // width)
    if coefficients != outputs * width or intercepts not in (0, outputs):
        raise refused(f"{operator} has {coefficients:,} weights and {intercepts:,} intercepts for {width} columns and {outputs} outputs")


def _check_trees(operator: str, attributes: Mapping[str, Any], width: int) -> None:
    leaves, outputs = ("class", "class_ids") if operator == "TreeEnsembleClassifier" else ("target", "target_ids")
    trees, ids, columns = (_integers(attributes, f"nodes_{name}") for name in ("treeids", "nodeids", "featureids"))
    true, false = (_integers(attributes, f"nodes_{name}") for name in ("truenodeids", "falsenodeids"))
    modes = np.array([mode != b"LEAF" for mode in attributes["nodes_modes"].strings] if "nodes_modes" in attributes else [])
    values = _floats(attributes, "nodes_values")
    if not len(ids) or {len(each) for each in (trees, columns, true, false, modes)} != {len(ids)} or values != len(ids):
        raise refused(f"the nodes of {operator} are incomplete")
    if "nodes_missing_value_tracks_true" in attributes and len(_integers(attributes, "nodes_missing_value_tracks_true")) not in (
        0,
        len(ids),
    ):
        raise refused(f"the nodes of {operator} are incomplete")
    branches = np.flatnonzero(modes)
    if len(branches) and not 0 <= columns[branches].min() <= columns[branches].max() < width:
        raise refused(f"{operator} reads column {int(columns[branches].max())} of {width}")
    nodes = _Nodes(operator, trees, ids)
    _check_descent(operator, nodes, np.concatenate([true[branches], false[branches]]), np.concatenate([branches, branches]))
    reached = _integers(attributes, outputs)
    leaf_trees, leaf_ids = (_integers(attributes, f"{leaves}_{name}") for name in ("treeids", "nodeids"))
    weights = _floats(attributes, f"{leaves}_weights")
    if {len(leaf_trees), len(leaf_ids), weights} != {len(reached)} or not len(reached):
        raise refused(f"the leaves of {operator} are incomplete")
    nodes.rows(leaf_trees, leaf_ids)
    most = _outputs(attributes)
    if reached.min() < 0 or reached.max() >= most:
        raise refused(f"a leaf of {operator} is for output {int(reached.max())} of {most}")


def _outputs(attributes: Mapping[str, Any]) -> int:
    if "n_targets" in attributes:
        return int(attributes["n_targets"].i)
    labels = [len(attributes[name].ints) + len(attributes[name].strings) for name in _CLASSES if name in attributes]
    return max(labels, default=1)


_CLASSES = ("classlabels_int64s", "classlabels_strings")


class _Nodes:
    """Where the node of a tree stands among all nodes."""

    def __init__(self, operator: str, trees: np.ndarray, ids: np.ndarray) -> None:
        self.operator, self.trees = operator, trees
        self._trees, self._ids = np.unique(trees), np.unique(ids)
        keys = self._keys(trees, ids)
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        if (np.diff(self._sorted) == 0).any():
            raise refused(f"{operator} has a node twice")

    def _keys(self, trees: np.ndarray, ids: np.ndarray) -> np.ndarray:
        keys: np.ndarray = self._found(self._trees, trees) * len(self._ids) + self._found(self._ids, ids)
        return keys

    def _found(self, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        if (known[places] != wanted).any():
            raise refused(f"{self.operator} points to a node that it has not")
        return places

    def rows(self, trees: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The positions of some nodes."""
        rows: np.ndarray = self._order[self._found(self._sorted, self._keys(trees, ids))]
        return rows


def _check_descent(operator: str, nodes: _Nodes, children: np.ndarray, parents: np.ndarray) -> None:
    """From its root every node of a tree is reached once: no child is missing, shared, or above its parent."""
    trees = nodes.trees
    rows = nodes.rows(trees[parents], children)
    if len(np.unique(rows)) != len(rows):
        raise refused(f"a node of {operator} has two parents")
    above = np.full(len(trees), -1)
    above[rows] = parents
    # Every step doubles the distance, so that a chain of any length ends after its logarithm, and a circle does not.
    for _ in range(len(trees).bit_length() + 1):
        above = np.where(above >= 0, above[above], -1)
    if (above >= 0).any():
        raise refused(f"the nodes of {operator} go in a circle")
    if len(trees) - len(rows) != len(np.unique(trees)):
        raise refused(f"a tree of {operator} has more than one root")


def _integers(attributes: Mapping[str, Any], name: str) -> np.ndarray:
    return np.array(attributes[name].ints if name in attributes else [], dtype=np.int64)


def _floats(attributes: Mapping[str, Any], name: str) -> int:
    """How many numbers an attribute has, as floats or as a tensor of doubles."""
    if name in attributes:
        return len(attributes[name].floats)
    tensor = attributes.get(f"{name}_as_tensor")
    return math.prod(tensor.t.dims) if tensor is not None else 0
