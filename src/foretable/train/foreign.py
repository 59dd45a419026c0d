"""ONNX files that others wrote, brought into the shape that the registry keeps; and the words that fitted encoders know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foretable.errors import UsageError, WarehouseError
from foretable.registry.contract import read_document, signature_of
from foretable.registry.golden import golden_rows
from foretable.registry.onnxfile import MOST_BYTES, inspect, parse
from foretable.registry.rowwise import check_rowwise
from foretable.registry.signature import Signature, Task


def foreign_graph(model: str, task: Task, path: Path, signature: Mapping[str, Any] | str | Path | None) -> tuple[Signature, bytes]:
    """The contract of an ONNX file and its graph with input ``x`` and output ``y``, inspected and tried on made-up rows.

    Raises
    ------
    UsageError
        A file is missing, or the signature is none.
    WarehouseError
        The file is no plain model of that signature.
    """
    content = _content(path)
    if signature is None:
        said = '{"features": [{"name": "spend", "kind": "number"}, …]} in the order of its columns'
        hint = f"give --signature FILE, which holds {said}; in Python, signature="
        raise UsageError("an ONNX file does not say what its columns are", where=str(path), hint=hint)
    given = signature if isinstance(signature, Mapping) else read_document(Path(signature))
    contract = signature_of(given, model, where="signature" if isinstance(signature, Mapping) else str(signature), task=task)
    if contract.task != task:
        raise UsageError(f"the signature is of a {contract.task}, model {model} is a {task}", where=str(path), hint="give another file")
    try:
        onnx = as_kept(content, contract)
        inspect(onnx, len(contract.features))
        check_rowwise(contract, onnx, golden_rows(contract), str(path))
    except WarehouseError as error:
        error.where = str(path)
        raise
    return contract, onnx


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", where=str(path), hint="name an ONNX file") from None
    if size > MOST_BYTES:
        raise WarehouseError(f"the ONNX file is refused: it has {size:,} bytes", where=str(path), hint="export a smaller model")
    return content


def as_kept(onnx: bytes, signature: Signature) -> bytes:
    """The graph with its input called ``x`` and its one output ``y``.

    Of a classifier that gives a label and probabilities, the probabilities are kept; of two classes, that of class 1.
    """
    from onnx import TensorProto, helper

    model = parse(onnx)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    floats = [each for each in graph.output if each.type.tensor_type.elem_type in (TensorProto.FLOAT, TensorProto.DOUBLE)]
    if len(inputs) != 1 or not (len(graph.output) == 1 or len(floats) == 1):
        return onnx  # which the inspection refuses, and says why
    output = floats[0] if len(graph.output) > 1 else graph.output[0]
    classes = [size.dim_value for size in output.type.tensor_type.shape.dim][1:]
    if (inputs[0].name, output.name, len(graph.output)) == ("x", "y", 1) and classes != [2]:
        return onnx
    _rename(graph, {inputs[0].name: "x", output.name: "y" if classes != [2] or signature.task != "classification" else "of_classes"})
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("y", output.type.tensor_type.elem_type, ["N", None]))
    if classes == [2] and signature.task == "classification":
        graph.initializer.append(helper.make_tensor("foretable_class", TensorProto.INT64, [1], [1]))
        graph.node.append(helper.make_node("Gather", ["of_classes", "foretable_class"], ["y"], axis=1))
    kept: bytes = model.SerializeToString(deterministic=True)
    return kept


def graph_answers(signature: Signature, onnx: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """A graph's own answers to encoded rows, all at once: what its function in SQL is compared with."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    dtype = np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32

    def answer(matrix: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # as in encode
            found = np.asarray(session.run(["y"], {"x": matrix.astype(dtype)})[0], dtype=np.float64)
        return found.reshape(len(matrix), -1) if signature.task == "multiclass" else found.reshape(-1)

    return answer


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Give values other names; what had such a name already makes room."""
    new = set(names.values())
    room = {name: f"{name}_of_file" for name in new - set(names)}
    moved = {**room, **names}
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = moved.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [moved.get(name, name) for name in node.input]
        node.output[:] = [moved.get(name, name) for name in node.output]


def known_words(estimator: Any) -> dict[str, list[str]]:
    """The categories that fitted encoders within an estimator know, by column."""
    found: dict[str, list[str]] = {}
    for step in _within(estimator):
        names, categories = getattr(step, "feature_names_in_", None), getattr(step, "categories_", None)
        if names is not None and categories is not None:
            for name, words in zip(names, categories, strict=False):
                found.setdefault(str(name), []).extend(word for word in words if isinstance(word, str))
    return found


def _within(estimator: Any) -> Iterator[Any]:
    """An estimator and those that it is made of."""
    yield estimator
    inner = [step for _, step, *_ in [*getattr(estimator, "steps", ()), *getattr(estimator, "transformers_", ())]]
    inner += [member for member in (getattr(estimator, "estimator", None),) if member is not None]
    for step in inner:
        if not isinstance(step, str):
            yield from _within(step)
