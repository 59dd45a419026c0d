"""What an ONNX file must be before anything runs it.

A graph is a program, and ONNX Runtime trusts it: it reads external data from any path, and weights and tree
nodes from wherever an index points. So a graph may only hold operators whose output is bounded by its input,
with every constant inside the file, and trees and weights that fit the width of what they read. What this
module cannot follow is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foretable.registry.onnxweights import check_weights, refused

MOST_BYTES = 512 * 2**20
OPSETS = {"": (7, 26), "ai.onnx.ml": (1, 5)}
"""The operator sets that the pinned ONNX Runtime guarantees, by domain: lowest and highest."""
IR_VERSIONS = (3, 13)
OPERATORS = {
    "": frozenset(
        [
            "Abs",
            "Add",
            "And",
            "ArgMax",
            "ArgMin",
            "BatchNormalization",
            "Cast",
            "Ceil",
            "Clip",
            "Concat",
            "Constant",
            "Cos",
            "Div",
            "Elu",
            "Equal",
            "Erf",
            "Exp",
            "Flatten",
            "Floor",
            "Gather",
            "GatherElements",
            "GatherND",
            "Gelu",
            "Gemm",
            "Greater",
            "GreaterOrEqual",
            "HardSigmoid",
            "HardSwish",
            "Identity",
            "IsInf",
            "IsNaN",
            "LayerNormalization",
            "LeakyRelu",
            "Less",
            "LessOrEqual",
            "Log",
            "LogSoftmax",
            "MatMul",
            "Max",
            "Mean",
            "Min",
            "Mish",
            "Mod",
            "Mul",
            "Neg",
            "Not",
            "Or",
            "PRelu",
            "Pow",
            "Reciprocal",
            "ReduceL1",
            "ReduceL2",
            "ReduceLogSumExp",
            "ReduceMax",
            "ReduceMean",
            "ReduceMin",
            "ReduceProd",
            "ReduceSum",
            "ReduceSumSquare",
            "Relu",
            "Reshape",
            "Round",
            "Selu",
            "Shape",
            "Sigmoid",
            "Sign",
            "Sin",
            "Slice",
            "Softmax",
            "Softplus",
            "Softsign",
            "Split",
            "Sqrt",
            "Squeeze",
            "Sub",
            "Sum",
            "Tan",
            "Tanh",
            "ThresholdedRelu",
            "TopK",
            "Transpose",
            "Unsqueeze",
            "Where",
            "Xor",
        ]
    ),
    "ai.onnx.ml": frozenset(
        [
            "ArrayFeatureExtractor",
            "Binarizer",
            "FeatureVectorizer",
            "Imputer",
            "LabelEncoder",
            "LinearClassifier",
            "LinearRegressor",
            "Normalizer",
            "Scaler",
            "TreeEnsembleClassifier",
            "TreeEnsembleRegressor",
        ]
    ),
}
"""Operators that models are made of. None has a subgraph, draws random numbers, or makes more than its input allows."""


def inspect(onnx: bytes, features: int) -> None:
    """Refuse an ONNX file that is not a plain model over a matrix; nothing of it is run.

    Parameters
    ----------
    onnx
        The file.
    features
        Number of columns that it has to read.

    Raises
    ------
    WarehouseError
        It is too large or no ONNX file; it needs data beside it, functions, subgraphs, operators or operator
        sets that are not known here; its constants do not fit; or it has not one numeric input of
        ``features`` columns and one numeric output.
    """
    model = parse(onnx)
    _opsets(model)
    _one_graph(model)
    _matrix_to_numbers(model.graph, features)
    _well_formed(model)
    check_weights(model)


def parse(onnx: bytes) -> Any:
    """The model of a file.

    Raises
    ------
    WarehouseError
        The bytes are too many, or no ONNX model.
    """
    import onnx as library
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if len(onnx) > MOST_BYTES:
        raise refused(f"it has {len(onnx):,} bytes, more than {MOST_BYTES:,}", "export a smaller model")
    try:
        model = library.ModelProto.FromString(onnx)
    except DecodeError:
        raise refused("it cannot be read as ONNX: it is cut off, or something else", "export the model again") from None
    if not model.graph.node or not model.opset_import:
        raise refused("it holds no graph", "export the model again")
    return model


def _opsets(model: Any) -> None:
    if not IR_VERSIONS[0] <= model.ir_version <= IR_VERSIONS[1]:
        raise refused(f"its format is version {model.ir_version}; {IR_VERSIONS[0]} to {IR_VERSIONS[1]} can be read")
    seen: set[str] = set()
    for opset in model.opset_import:
        domain = "" if opset.domain == "ai.onnx" else opset.domain
        if domain in seen:
            raise refused(f"it names the operator set {domain or 'ai.onnx'} twice")
        seen.add(domain)
        if domain not in OPSETS:
            raise refused(f"it needs the operators of {domain!r}", "only those of ONNX itself (ai.onnx, ai.onnx.ml) are run")
        low, high = OPSETS[domain]
        if not low <= opset.version <= high:
            raise refused(
                f"it needs operator set {opset.version} of {domain or 'ai.onnx'}; {low} to {high} are known here",
                f"export it with target_opset={high} or lower",
            )


def _one_graph(model: Any) -> None:
    """One graph of known operators, whose constants are all inside."""
    import onnx as library

    if model.functions or model.training_info:
        raise refused("it defines functions or a training of its own")
    if model.graph.sparse_initializer:
        raise refused("it has sparse constants")
    for node in model.graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        if node.op_type not in OPERATORS.get(domain, frozenset()):
            raise refused(f"operator {domain + '.' if domain else ''}{node.op_type} is none that a model of rows may have")
        for attribute in node.attribute:
            kind = library.AttributeProto
            if attribute.type in (kind.GRAPH, kind.GRAPHS) or attribute.HasField("g") or attribute.graphs:
                raise refused(f"operator {node.op_type} has a graph of its own")
            if attribute.type in (kind.SPARSE_TENSOR, kind.SPARSE_TENSORS) or attribute.ref_attr_name:
                raise refused(f"attribute {attribute.name} of {node.op_type} is no plain value")
    for tensor in _tensors(model.graph):
        _inside(tensor)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _inside(tensor: Any) -> None:
    import onnx as library
    from onnx import numpy_helper

    if tensor.external_data or tensor.data_location != library.TensorProto.DEFAULT:
        told = next((entry.value for entry in tensor.external_data if entry.key == "location"), "another file")
        raise refused(f"constant {tensor.name!r} is to be read from {told!r}")
    if tensor.HasField("segment"):
        raise refused(f"constant {tensor.name!r} comes in segments")
    try:
        numpy_helper.to_array(tensor)  # fails where the shape is not that of the data
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError):
        raise refused(f"constant {tensor.name!r} has not the data that its shape {list(tensor.dims)} needs") from None


def _matrix_to_numbers(graph: Any, features: int) -> None:
    from onnx import TensorProto

    constants = {tensor.name for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise refused(
            f"it has {len(inputs)} inputs and {len(graph.output)} outputs; one of each is expected",
            "export it with one matrix as input and, for a classifier, the probabilities as the only output (no ZipMap)",
        )
    given = inputs[0].type.tensor_type
    shape = given.shape.dim
    if given.elem_type not in (TensorProto.FLOAT, TensorProto.DOUBLE) or len(shape) != 2:
        raise refused("its input is no matrix of floats or doubles")
    if shape[0].HasField("dim_value"):
        raise refused(f"it takes {shape[0].dim_value} rows at a time, not any number", "export it with a dynamic first dimension")
    if shape[1].dim_value != features:
        width = shape[1].dim_value or "an unknown number of"
        raise refused(f"it reads {width} columns, its signature has {features}", "declare every feature, in the order of the columns")
    _numbers(graph.output[0])


def _numbers(output: Any) -> None:
    from onnx import TensorProto

    if output.type.WhichOneof("value") != "tensor_type" or output.type.tensor_type.elem_type not in (
        *(TensorProto.FLOAT, TensorProto.DOUBLE),
        *(TensorProto.INT32, TensorProto.INT64),
    ):
        raise refused("its output is no number", "for a classifier, export the probabilities alone (no ZipMap)")


def _well_formed(model: Any) -> None:
    """What the ONNX library itself asks of a model: operators of that set, their attributes, no name twice, no cycle."""
    import onnx as library

    try:
        library.checker.check_model(model)
    except (library.checker.ValidationError, ValueError) as error:
        raise refused(f"it is no valid model: {str(error).strip().splitlines()[0]}") from None
