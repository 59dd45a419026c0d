"""The vectorised hosts of a model: Arrow columns in, one answer per row out.

Scores are bit-identical for any split of the rows into batches and any number of threads: one thread
answers a call, for ONNX Runtime on batches padded to a multiple of 16 rows (a matrix product sums its
last rows in another order), and DuckDB supplies the parallelism.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from foretable.errors import WarehouseError
from foretable.registry.onnxfile import inspect as inspect_file
from foretable.registry.signature import Signature, encode

BLOCK = 16
"""Batches are padded to a multiple of this many rows."""

Columns = Sequence[pa.Array | pa.ChunkedArray]
"""One Arrow array per feature, in the order of the signature."""
Answer = Callable[[Columns], np.ndarray]
"""From the features to float64 numbers, shape (rows,) or (rows, classes)."""
Score = Callable[..., pa.Array]

_DTYPES = {"tensor(double)": np.float64, "tensor(float)": np.float32}


def make_scorer(signature: Signature, onnx: bytes | Callable[[], bytes]) -> Score:
    """The scoring function of a version's graph.

    Parameters
    ----------
    signature
        What the graph's input ``x`` is filled from, in order.
    onnx
        The graph, or what reads it; it is read, inspected and loaded at the first row, once, whatever the
        number of threads that ask.

    Returns
    -------
    collections.abc.Callable
        As :func:`scoring` makes it.
    """
    return scoring(signature, lambda: graph_answer(signature, onnx if isinstance(onnx, bytes) else onnx()))


def scoring(signature: Signature, load: Callable[[], Answer]) -> Score:
    """A function of Arrow columns whose model is loaded at the first row.

    Parameters
    ----------
    signature
        The features, and how many numbers a row gets.
    load
        Makes the model ready.

    Returns
    -------
    collections.abc.Callable
        Takes one Arrow array (chunked or not) per feature and gives a DOUBLE per row, for a multiclass
        model a DOUBLE[] with the probability of each class; a row whose features are all NULL, or whose
        infinities cancel, gets NULL.
    """
    loaded = once(load)

    def score(*columns: pa.Array | pa.ChunkedArray) -> pa.Array:
        if not len(columns[0]):
            return pa.array([], pa.list_(pa.float64()) if signature.task == "multiclass" else pa.float64())
        answers = loaded()(columns)
        return _arrow(answers, unknown(columns, answers))

    # DuckDB reads the number of parameters from here; *columns alone would be any number.
    score.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"column_{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(len(signature.features))]
    )
    return score


def once(load: Callable[[], Answer]) -> Callable[[], Answer]:
    """What ``load`` gives, asked for once, whatever the number of threads; a failure is not kept."""
    lock = Lock()
    loaded: list[Answer] = []

    def get() -> Answer:
        if not loaded:
            with lock:
                if not loaded:
                    loaded.append(load())
        return loaded[0]

    return get


def graph_answer(signature: Signature, onnx: bytes) -> Answer:
    """A graph in ONNX Runtime.

    Raises
    ------
    WarehouseError
        The bytes are no plain model of as many features; nothing of them was run.
    """
    answers = matrix_answer(signature, onnx, max(1, len(signature.classes)))
    return answers if signature.task == "multiclass" else lambda columns: answers(columns)[:, 0]


def matrix_answer(signature: Signature, onnx: bytes, outputs: int) -> Answer:
    """A graph whose output keeps its shape (rows, outputs).

    Raises
    ------
    WarehouseError
        The bytes are no plain model of as many features and outputs; nothing of them was run.
    """
    inspect_file(onnx, len(signature.features))
    graph, dtype = _open_session(onnx)

    def answer(columns: Columns) -> np.ndarray:
        found = run_graph(graph, encode(columns, signature.features, dtype))
        if found.shape[1] != outputs:
            raise WarehouseError(
                f"the graph of {signature.model} gives {found.shape[1]} numbers per row, not {outputs}",
                where="foretable.model_artifacts",
                hint="bring back a copy with: foretable restore BACKUP, or train again",
            )
        return found

    return answer


def run_graph(graph: Any, matrix: np.ndarray) -> np.ndarray:
    """The output ``y`` of an open session for an encoded matrix, as float64, shape (rows, outputs)."""
    rows = len(matrix)
    missing = -rows % BLOCK
    if missing:
        padding = np.zeros((missing, matrix.shape[1]), dtype=matrix.dtype)
        matrix = np.concatenate([matrix, padding])
    result: np.ndarray = graph.run(["y"], {"x": matrix})[0]
    return result.reshape(len(matrix), -1)[:rows].astype(np.float64, copy=False)


def _open_session(onnx: bytes) -> tuple[Any, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    return graph, _DTYPES[graph.get_inputs()[0].type]


def unknown(columns: Columns, answers: np.ndarray) -> np.ndarray | None:
    """Rows without an answer: all their features are NULL, or infinities cancel to NaN, which DuckDB would sort above every score."""
    rows = np.isnan(answers)
    if rows.ndim > 1:
        rows = rows.any(axis=1)
    if all(column.null_count for column in columns):
        rows |= np.logical_and.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in columns])
    return rows if rows.any() else None


def _arrow(answers: np.ndarray, mask: np.ndarray | None) -> pa.Array:
    if answers.ndim == 1:
        return pa.array(answers, mask=mask)
    rows, classes = answers.shape
    starts = pa.array(np.arange(0, rows * classes + 1, classes, dtype=np.int32))
    return pa.ListArray.from_arrays(starts, pa.array(answers.reshape(-1)), mask=None if mask is None else pa.array(mask))
