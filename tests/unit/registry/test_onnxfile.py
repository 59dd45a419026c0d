"""ONNX files that are not what they say are refused before anything runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from foretable.errors import WarehouseError
from foretable.registry import onnxfile
from foretable.registry.onnxfile import IR_VERSIONS, OPERATORS, OPSETS, inspect


def model(nodes: list[Any] | None = None, *, width: Any = 3, opsets: Any = (("", 17), ("ai.onnx.ml", 3)), **constants: np.ndarray) -> Any:
    """``y = x · w``, or other nodes between ``x`` and ``y``."""
    nodes = nodes or [helper.make_node("MatMul", ["x", "w"], ["y"])]
    constants = constants or {"w": np.ones((3, 1), dtype=np.float32)}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=8)


def trees(**changes: Any) -> Any:
    """Two trees of one branch each over three columns, with changed attributes."""
    attributes: dict[str, Any] = {
        "nodes_treeids": [0, 0, 0, 1, 1, 1],
        "nodes_nodeids": [0, 1, 2, 0, 1, 2],
        "nodes_featureids": [0, 0, 0, 2, 0, 0],
        "nodes_modes": ["BRANCH_LT", "LEAF", "LEAF"] * 2,
        "nodes_values": [0.5, 0.0, 0.0] * 2,
        "nodes_truenodeids": [1, 0, 0] * 2,
        "nodes_falsenodeids": [2, 0, 0] * 2,
        "target_treeids": [0, 0, 1, 1],
        "target_nodeids": [1, 2, 1, 2],
        "target_ids": [0, 0, 0, 0],
        "target_weights": [1.0, 2.0, 3.0, 4.0],
        "n_targets": 1,
    }
    return model([helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **{**attributes, **changes})])


def linear(coefficients: int, intercepts: int = 1, targets: int = 1) -> Any:
    weights = {"coefficients": [1.0] * coefficients, "intercepts": [0.0] * intercepts, "targets": targets}
    return model([helper.make_node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", **weights)])


def external(location: str) -> Any:
    found = model()
    tensor = found.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return found


def in_attribute() -> Any:
    """External data in the value of a Constant, where a check of the initialisers alone would not look."""
    tensor = external("../../etc/passwd").graph.initializer[0]
    return model([helper.make_node("Constant", [], ["w"], value=tensor), helper.make_node("MatMul", ["x", "w"], ["y"])])


def with_subgraph(operator: str) -> Any:
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "b", [], [helper.make_tensor_value_info("z", 1, None)])
    branches = {"then_branch": body, "else_branch": body} if operator == "If" else {"body": body}
    return model([helper.make_node(operator, ["c"], ["y"], **branches)], c=np.array(True))


def hidden_subgraph() -> Any:
    """A graph in an attribute of an operator that should have none."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    node.attribute.append(helper.make_attribute("extra", helper.make_graph([], "g", [], [])))
    return model([node])


def with_function() -> Any:
    found = model([helper.make_node("Twice", ["x"], ["y"], domain="local")], opsets=(("", 17), ("local", 1)))
    found.functions.append(
        helper.make_function("local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)])
    )
    return found


def changed(change: Callable[[Any], object]) -> Any:
    found = model()
    change(found)
    return found


def two_inputs(found: Any) -> None:
    found.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 3]))


def strings_in(found: Any) -> None:
    found.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def fixed_rows(found: Any) -> None:
    found.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def maps_out(found: Any) -> None:
    kind = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(1, None)))
    found.graph.output[0].type.CopyFrom(kind)


def short_constant(found: Any) -> None:
    found.graph.initializer[0].dims[0] = 2**40


def test_what_training_writes_is_taken(graphs):
    for content in graphs.values():
        inspect(content, 7)
    inspect(model().SerializeToString(), 3)
    inspect(trees().SerializeToString(), 3)
    inspect(linear(3).SerializeToString(), 3)


HOSTILE = {
    "custom operator": (
        model([helper.make_node("Shell", ["x"], ["y"], domain="com.evil")], opsets=(("", 17), ("com.evil", 1))),
        "com.evil",
    ),
    "operator of Microsoft's": (
        model([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")], opsets=(("", 17), ("com.microsoft", 1))),
        "com.microsoft",
    ),
    "custom domain without a set": (model([helper.make_node("Shell", ["x"], ["y"], domain="com.evil")]), "com.evil.Shell"),
    "external data": (external("../../etc/passwd"), "'../../etc/passwd'"),
    "external data beside": (external("weights.bin"), "'weights.bin'"),
    "external data in an attribute": (in_attribute(), "'../../etc/passwd'"),
    "If": (with_subgraph("If"), "operator If"),
    "Loop": (with_subgraph("Loop"), "operator Loop"),
    "Scan": (with_subgraph("Scan"), "operator Scan"),
    "hidden subgraph": (hidden_subgraph(), "a graph of its own"),
    "local function": (with_function(), "operators of 'local'|defines functions"),
    "random numbers": (model([helper.make_node("RandomNormalLike", ["x"], ["y"])]), "RandomNormalLike"),
    "memory by shape": (model([helper.make_node("Expand", ["x", "s"], ["y"])], s=np.array([2**40, 3])), "Expand"),
    "memory by product": (
        model(
            [helper.make_node("MatMul", ["a", "b"], ["c"]), helper.make_node("MatMul", ["x", "c"], ["y"])],
            a=np.ones((3, 1), dtype=np.float32),
            b=np.ones((1, 2_000_000), dtype=np.float32),
        ),
        "more than .* numbers per row",
    ),
    "newer operators": (model(opsets=(("", OPSETS[""][1] + 1),)), "operator set 27"),
    "older operators": (model(opsets=(("", 6),)), "operator set 6"),
    "newer ml operators": (model(opsets=(("", 17), ("ai.onnx.ml", 99))), "operator set 99"),
    "a set twice": (model(opsets=(("", 17), ("", 18))), "twice"),
    "newer format": (changed(lambda m: setattr(m, "ir_version", IR_VERSIONS[1] + 1)), "its format is version"),
    "two inputs": (changed(two_inputs), "2 inputs"),
    "text in": (changed(strings_in), "no matrix"),
    "one row at a time": (changed(fixed_rows), "takes 1 rows at a time"),
    "maps out": (changed(maps_out), "output is no number"),
    "short constant": (changed(short_constant), "'w'"),
    "narrower": (model(width=2), "reads 2 columns, its signature has 3"),
    "wider": (model(width=400), "reads 400 columns"),
    "any width": (model(width=None), "an unknown number"),
    "unknown value": (model([helper.make_node("MatMul", ["x", "nowhere"], ["y"])]), "no valid model"),
    "trees beyond the columns": (trees(nodes_featureids=[0, 0, 0, 3, 0, 0]), "reads column 3 of 3"),
    "trees before the columns": (trees(nodes_featureids=[0, 0, 0, -1, 0, 0]), "reads column"),
    "circle": (trees(nodes_modes=["BRANCH_LT"] * 6, nodes_truenodeids=[1, 2, 0, 1, 2, 0], nodes_falsenodeids=[2, 0, 1] * 2), "two parents"),
    "circle beside the root": (
        trees(
            nodes_treeids=[0] * 6,
            nodes_nodeids=[0, 1, 2, 3, 4, 5],
            nodes_modes=["BRANCH_LT", "LEAF", "LEAF", "BRANCH_LT", "BRANCH_LT", "LEAF"],
            nodes_truenodeids=[1, 0, 0, 4, 3, 0],
            nodes_falsenodeids=[2, 0, 0, 5, 5, 0],
            target_treeids=[0, 0, 0, 0],
        ),
        "two parents|circle",
    ),
    "pure circle": (
        trees(
            nodes_treeids=[0] * 6,
            nodes_nodeids=[0, 1, 2, 3, 4, 5],
            nodes_modes=["LEAF", "LEAF", "BRANCH_LT", "BRANCH_LT", "LEAF", "LEAF"],
            nodes_truenodeids=[0, 0, 3, 2, 0, 0],
            nodes_falsenodeids=[0, 0, 4, 5, 0, 0],
            target_treeids=[0, 0, 0, 0],
        ),
        "circle",
    ),
    "branch to nowhere": (trees(nodes_truenodeids=[7, 0, 0] * 2), "a node that it has not"),
    "two roots": (trees(nodes_modes=["LEAF"] * 6), "more than one root"),
    "a node twice": (trees(nodes_nodeids=[0, 1, 1, 0, 1, 2]), "a node twice"),
    "leaf of no node": (trees(target_nodeids=[1, 2, 1, 9]), "a node that it has not"),
    "leaf of no output": (trees(target_ids=[0, 0, 0, 5]), "for output 5 of 1"),
    "leaves cut off": (trees(target_weights=[1.0]), "leaves of TreeEnsembleRegressor are incomplete"),
    "nodes cut off": (trees(nodes_values=[0.5]), "nodes of TreeEnsembleRegressor are incomplete"),
    "too few weights": (linear(2), "2 weights"),
    "too many targets": (linear(3, targets=1000), "3 weights"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(name):
    found, message = HOSTILE[name]
    with pytest.raises(WarehouseError, match=message) as caught:
        inspect(found.SerializeToString(), 3)
    assert caught.value.hint
    assert caught.value.where


@pytest.mark.parametrize(
    "content", [b"", b"x", b"PK\x03\x04", b"\x80\x04\x95pickle.", bytes(1000)], ids=["empty", "x", "zip", "pickle", "zeros"]
)
def test_what_is_no_onnx_is_refused(content):
    with pytest.raises(WarehouseError, match=r"cannot be read as ONNX|holds no graph|its format"):
        inspect(content, 3)


def test_every_cut_of_a_file_is_refused_or_whole(graphs):
    whole = graphs["linear"]
    for end in range(0, len(whole), 7):
        with pytest.raises(WarehouseError):
            inspect(whole[:end], 7)


def test_a_huge_file_is_refused_unread(monkeypatch):
    monkeypatch.setattr(onnxfile, "MOST_BYTES", 100)
    with pytest.raises(WarehouseError, match="more than 100"):
        inspect(model().SerializeToString(), 3)


def test_random_damage_never_gets_to_the_runtime_as_something_else(graphs):
    """A flipped byte is refused, or leaves a plain model of the same width."""
    generator = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(graphs["linear"])
        content[generator.integers(len(content))] ^= 1 << generator.integers(8)
        try:
            inspect(bytes(content), 7)
        except WarehouseError:
            continue
        again = onnx.ModelProto.FromString(bytes(content))
        assert {node.domain for node in again.graph.node} <= {"", "ai.onnx", "ai.onnx.ml"}


@pytest.mark.parametrize("opset", OPSETS[""])
def test_the_bounds_are_those_of_the_runtime(opset):
    import onnxruntime

    content = model(opsets=(("", opset),)).SerializeToString()
    inspect(content, 3)
    onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    beyond = model(opsets=(("", OPSETS[""][1] + 1),)).SerializeToString()
    with pytest.raises(Exception, match="opset"):
        onnxruntime.InferenceSession(beyond, providers=["CPUExecutionProvider"])


def test_no_operator_has_a_subgraph_or_draws():
    """Of the operators that are let through, the ONNX library knows none that takes a graph."""
    schemas = {(schema.domain, schema.name): schema for schema in onnx.defs.get_all_schemas()}
    for domain, names in OPERATORS.items():
        for name in names:
            attributes = schemas[domain, name].attributes.values()
            assert all(str(attribute.type).rpartition(".")[2] not in ("GRAPH", "GRAPHS") for attribute in attributes), name
            assert "Random" not in name
