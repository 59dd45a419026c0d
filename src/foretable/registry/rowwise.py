"""Whether a graph from elsewhere answers every row by itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from foretable.errors import WarehouseError
from foretable.registry.signature import Signature

BATCHES = (1, 5, 16, 17)


def check_rowwise(signature: Signature, onnx: bytes, rows: pa.Table, where: str) -> np.ndarray:
    """Refuse a graph whose answer to a row depends on the rows beside it, or is not what the task asks for.

    Parameters
    ----------
    signature
        What it takes and gives.
    onnx
        The graph; it is inspected before it runs.
    rows
        Made-up rows of the signature.
    where
        For messages.

    Returns
    -------
    numpy.ndarray
        The answers, shape (rows,) or (rows, classes).

    Raises
    ------
    WarehouseError
        It is no plain model, fails on these rows, answers a row otherwise beside other rows, or gives no probabilities.
    """
    from foretable.udf.host import graph_answer

    columns = [rows[feature.name] for feature in signature.features]
    ask = graph_answer(signature, onnx)
    try:
        answers = ask(columns)
        for size in BATCHES:
            for start in range(0, len(rows), size):
                part = ask([column.slice(start, size) for column in columns])
                if not np.array_equal(part, answers[start : start + size], equal_nan=True):
                    raise _refused("it answers a row otherwise beside other rows", where, "a score must not depend on the batch")
    except WarehouseError:
        raise
    except Exception as error:  # ONNX Runtime has no root of its errors
        raise _refused(f"ONNX Runtime cannot run it: {str(error).splitlines()[0]}", where, "export the model again") from None
    known = answers[~np.isnan(answers)]
    if signature.task != "regression" and len(known) and not 0 <= known.min() <= known.max() <= 1:
        raise _refused(
            f"its answers reach from {known.min():.3g} to {known.max():.3g}, which are no probabilities", where, "export the probabilities"
        )
    return np.asarray(answers)


def _refused(what: str, where: str, hint: str) -> WarehouseError:
    return WarehouseError(f"the ONNX file is refused: {what}", where=where, hint=hint)
