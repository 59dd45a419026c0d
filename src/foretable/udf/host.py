"""The vectorised host of an ONNX graph: Arrow columns in, one score per row out.

Scores are bit-identical for any split of the rows into batches and any number of threads: ONNX
Runtime runs one thread per call, on batches padded to a multiple of 16 rows (a matrix product
sums its last rows in another order), and DuckDB supplies the parallelism.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from foretable.registry.signature import Signature, encode

BLOCK = 16
"""Batches are padded to a multiple of this many rows."""

Score = Callable[..., pa.Array]

_DTYPES = {"tensor(double)": np.float64, "tensor(float)": np.float32}


def make_scorer(signature: Signature, onnx: bytes | Callable[[], bytes]) -> Score:
    """The scoring function of a model version.

    Parameters
    ----------
    signature
        What the graph's input ``x`` is filled from, in order.
    onnx
        The graph, or what reads it; it is read and loaded at the first row, once, whatever the
        number of threads that ask.

    Returns
    -------
    collections.abc.Callable
        Takes one Arrow array (chunked or not) per feature and gives a DOUBLE array with a score per
        row; a row whose features are all NULL, or whose infinities cancel, scores NULL.
    """
    lock = Lock()
    loaded: list[tuple[Any, Any]] = []

    def session() -> tuple[Any, Any]:
        if not loaded:
            with lock:
                if not loaded:
                    loaded.append(_open_session(onnx if isinstance(onnx, bytes) else onnx()))
        return loaded[0]

    def score(*columns: pa.Array | pa.ChunkedArray) -> pa.Array:
        if not len(columns[0]):
            return pa.array([], pa.float64())
        graph, dtype = session()
        scores = run_graph(graph, encode(columns, signature.features, dtype))
        return pa.array(scores, mask=_unknown(columns, scores))

    # DuckDB reads the number of parameters from here; *columns alone would be any number.
    score.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"column_{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(len(signature.features))]
    )
    return score


def run_graph(graph: Any, matrix: np.ndarray) -> np.ndarray:
    """Scores of an encoded matrix by an open session, as float64, one per row."""
    rows = len(matrix)
    missing = -rows % BLOCK
    if missing:
        padding = np.zeros((missing, matrix.shape[1]), dtype=matrix.dtype)
        matrix = np.concatenate([matrix, padding])
    result: np.ndarray = graph.run(["y"], {"x": matrix})[0]
    return result.reshape(-1)[:rows].astype(np.float64)


def _open_session(onnx: bytes) -> tuple[Any, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    return graph, _DTYPES[graph.get_inputs()[0].type]


def _unknown(columns: tuple[pa.Array | pa.ChunkedArray, ...], scores: np.ndarray) -> np.ndarray | None:
    """Rows without a score: all their features are NULL, or infinities cancel to NaN, which DuckDB would sort above every score."""
    rows = np.isnan(scores)
    if all(column.null_count for column in columns):
        rows |= np.logical_and.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in columns])
    return rows if rows.any() else None
