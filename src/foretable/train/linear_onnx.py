"""A folded linear model as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

OPSETS = (("", 17), ("ai.onnx.ml", 3))
IR_VERSION = 8


@dataclass(frozen=True, eq=False)
class Folded:
    """A linear model over encoded rows: logit = Σ per_unit·(x − mean) + Σ per_gap·is_null + Σ per_level + offset.

    A NULL has the deviation ``fill`` from the mean. ``per_level`` has for each category feature, by
    position, the weight of each category of its vocabulary.
    """

    mean: np.ndarray
    fill: np.ndarray
    per_unit: np.ndarray
    per_gap: np.ndarray
    per_level: Mapping[int, np.ndarray]
    offset: float


def linear_graph(model: Folded) -> bytes:
    """``x`` [N, F] float64 → ``y`` [N, 1] float64.

    A one-hot times its weights is a look-up: category code −1 (unseen) and NULL find a weight of 0.
    """
    from onnx import TensorProto, helper

    constants: dict[str, np.ndarray] = {
        "mean": model.mean,
        "fill": model.fill,
        "per_unit": model.per_unit[:, None],
        "offset": np.array([[model.offset]]),
    }
    nodes = [
        helper.make_node("IsNaN", ["x"], ["is_null"]),
        helper.make_node("Sub", ["x", "mean"], ["deviation"]),
        helper.make_node("Where", ["is_null", "fill", "deviation"], ["filled"]),
        helper.make_node("MatMul", ["filled", "per_unit"], ["units"]),
        helper.make_node("Add", ["units", "offset"], ["logit_units"]),
    ]
    logit = "logit_units"
    if model.per_gap.any():
        constants["per_gap"] = model.per_gap[:, None]
        nodes += [
            helper.make_node("Cast", ["is_null"], ["null_flags"], to=TensorProto.DOUBLE),
            helper.make_node("MatMul", ["null_flags", "per_gap"], ["gaps"]),
            helper.make_node("Add", [logit, "gaps"], ["logit_gaps"]),
        ]
        logit = "logit_gaps"
    if model.per_level:
        more, found = _levels(model)
        constants |= found
        nodes += [*more, helper.make_node("Add", [logit, "levels"], ["logit_levels"])]
        logit = "logit_levels"
    nodes.append(helper.make_node("Sigmoid", [logit], ["y"]))
    return finished(nodes, constants, TensorProto.DOUBLE, len(model.fill))


def _levels(model: Folded) -> tuple[list[Any], dict[str, np.ndarray]]:
    from onnx import TensorProto, helper

    positions = sorted(model.per_level)
    tables = [np.concatenate([[0.0, 0.0], model.per_level[j]]) for j in positions]
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])])
    constants = {
        "categories": np.array(positions, dtype=np.int64),
        "null_code": np.array(-2.0),
        "starts": starts.astype(np.int64) + 2,
        "weights": np.concatenate(tables),
        # Not ReduceSum: its order of addition depends on where a row stands in the batch.
        "across": np.ones((len(positions), 1)),
    }
    nodes = [
        helper.make_node("Gather", ["x", "categories"], ["codes"], axis=1),
        helper.make_node("IsNaN", ["codes"], ["no_code"]),
        helper.make_node("Where", ["no_code", "null_code", "codes"], ["known_codes"]),
        helper.make_node("Cast", ["known_codes"], ["integers"], to=TensorProto.INT64),
        helper.make_node("Add", ["integers", "starts"], ["slots"]),
        helper.make_node("Gather", ["weights", "slots"], ["level_weights"]),
        helper.make_node("MatMul", ["level_weights", "across"], ["levels"]),
    ]
    return nodes, constants


def finished(nodes: list[Any], constants: dict[str, np.ndarray], element: int, width: int) -> bytes:
    """A checked model with input ``x`` [N, width] and output ``y`` [N, 1]; equal input gives equal bytes."""
    import onnx
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "foretable",
        [helper.make_tensor_value_info("x", element, ["N", width])],
        [helper.make_tensor_value_info("y", element, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="foretable")
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
