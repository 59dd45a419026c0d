"""A form as an ONNX graph: the artefact that every version has, and the reference of its other executors."""

from __future__ import annotations

from typing import Any

import numpy as np

from foretable.forms.evaluate import segments
from foretable.forms.form import Finish, Form, Linear
from foretable.forms.linear_graph import linear_raw
from foretable.forms.trees_graph import trees_raw

OPSETS = (("", 17), ("ai.onnx.ml", 3))
IR_VERSION = 8

Part = tuple[list[Any], dict[str, np.ndarray]]
"""Nodes and the constants that they read."""


def onnx_of(form: Form, width: int) -> bytes:
    """The graph of a form; equal forms give equal bytes.

    Parameters
    ----------
    form
        A fitted model.
    width
        Number of features of the signature.

    Returns
    -------
    bytes
        A model with the input ``x`` [N, width], float64 for a linear form and float32 for trees, and the
        output ``y`` [N, outputs], float64.
    """
    from onnx import TensorProto

    linear = isinstance(form, Linear)
    nodes, constants = linear_raw(form) if isinstance(form, Linear) else trees_raw(form, width)
    more, found = _finish(form.finish, form.outputs)
    return finished([*nodes, *more], constants | found, TensorProto.DOUBLE if linear else TensorProto.FLOAT, width, form.outputs)


def _finish(finish: Finish, outputs: int) -> Part:
    """From ``raw`` [N, outputs] float64 to ``y``."""
    from onnx import helper

    if finish.knots:
        return _between_knots(finish)
    constants: dict[str, np.ndarray] = {}
    nodes = []
    value = "raw"
    if (finish.slope, finish.offset) != (1.0, 0.0):
        constants = {"finish_slope": np.array(finish.slope), "finish_offset": np.array(finish.offset)}
        nodes = [
            helper.make_node("Mul", ["raw", "finish_slope"], ["sloped"]),
            helper.make_node("Add", ["sloped", "finish_offset"], ["moved"]),
        ]
        value = "moved"
    more, found = _LINKS[finish.link](value, outputs)
    return [*nodes, *more], constants | found


def _identity(value: str, outputs: int) -> Part:
    from onnx import helper

    return [helper.make_node("Identity", [value], ["y"])], {}


def _exp(value: str, outputs: int) -> Part:
    from onnx import helper

    return [helper.make_node("Exp", [value], ["y"])], {}


def _sigmoid(value: str, outputs: int) -> Part:
    """Not the operator: it takes small probabilities from 1, and loses their digits."""
    from onnx import helper

    nodes = [
        helper.make_node("Neg", [value], ["negative"]),
        helper.make_node("Exp", ["negative"], ["odds_against"]),
        helper.make_node("Add", ["odds_against", "one"], ["chances"]),
        helper.make_node("Reciprocal", ["chances"], ["y"]),
    ]
    return nodes, {"one": np.array(1.0)}


def _softmax(value: str, outputs: int) -> Part:
    """The sum over classes is a matrix product: the order of addition in ReduceSum depends on where a row stands in the batch."""
    from onnx import helper

    nodes = [
        helper.make_node("ReduceMax", [value], ["largest"], axes=[1], keepdims=1),
        helper.make_node("Sub", [value, "largest"], ["below"]),
        helper.make_node("Exp", ["below"], ["weight"]),
        helper.make_node("MatMul", ["weight", "classes"], ["total"]),
        helper.make_node("Div", ["weight", "total"], ["y"]),
    ]
    return nodes, {"classes": np.ones((outputs, 1))}


_LINKS = {"identity": _identity, "exp": _exp, "sigmoid": _sigmoid, "softmax": _softmax}


def _between_knots(finish: Finish) -> Part:
    """Counts the knots at or below the raw output: a sum of ones is exact in any order."""
    from onnx import TensorProto, helper

    starts, levels, slopes = segments(finish)
    constants = {
        "knot_starts": starts,
        "knot_levels": levels,
        "knot_slopes": slopes,
        "knot_first": starts[0],
        "knot_last": starts[-1],
        "knot_one": np.array(1, dtype=np.int64),
        "knot_zero": np.array(0, dtype=np.int64),
        "knots": np.ones((len(starts), 1)),
    }
    nodes = [
        helper.make_node("Less", ["raw", "knot_first"], ["is_below"]),
        helper.make_node("Where", ["is_below", "knot_first", "raw"], ["from_first"]),
        helper.make_node("Greater", ["from_first", "knot_last"], ["is_above"]),
        helper.make_node("Where", ["is_above", "knot_last", "from_first"], ["inside"]),
        helper.make_node("GreaterOrEqual", ["inside", "knot_starts"], ["passed"]),
        helper.make_node("Cast", ["passed"], ["knot_flags"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["knot_flags", "knots"], ["knot_count"]),
        helper.make_node("Cast", ["knot_count"], ["reached"], to=TensorProto.INT64),
        helper.make_node("Sub", ["reached", "knot_one"], ["before"]),
        helper.make_node("Max", ["before", "knot_zero"], ["segment"]),
        helper.make_node("Gather", ["knot_starts", "segment"], ["knot_start"]),
        helper.make_node("Gather", ["knot_levels", "segment"], ["knot_level"]),
        helper.make_node("Gather", ["knot_slopes", "segment"], ["knot_slope"]),
        helper.make_node("Sub", ["inside", "knot_start"], ["distance"]),
        helper.make_node("Mul", ["distance", "knot_slope"], ["rise"]),
        helper.make_node("Add", ["knot_level", "rise"], ["y"]),
    ]
    return nodes, constants


def finished(nodes: list[Any], constants: dict[str, np.ndarray], element: int, width: int, outputs: int) -> bytes:
    """A checked model with input ``x`` [N, width] and output ``y`` [N, outputs] float64; equal input gives equal bytes."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "foretable",
        [helper.make_tensor_value_info("x", element, ["N", width])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", outputs])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="foretable")
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
